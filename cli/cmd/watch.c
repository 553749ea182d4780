#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/build.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/look.h"
#include "cli/cmd/up_services.h"
#include "cli/cmd/watch_plan.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/io/file_watch.h"
#include "engine/io/loop.h"
#include "engine/up/sync_tree.h"
#include "engine/up/up_run.h"

/*
 * One round: plan, build what is stale while watching its inputs, run what is to run, then wait for a change. A change ends a build
 * or a start only if a key comes out differently: files that the build itself writes, and files that do not count, do not disturb it.
 * While what was built runs, changes that the rules of `develop.watch` deal with are brought into the containers, and nothing is built.
 */
struct watch_round {
	const struct options *options;
	struct watch_plan *plan; /* NULL: the manifest cannot be read or planned */
	struct watch_plan *next; /* what a change has made of it, where the next round can build that; or NULL */
	struct look *look;       /* what the build is, or was, made of; NULL as `plan` */
	const struct look *last; /* of the last round with a plan, or NULL */
	struct up_left *left;    /* what runs, with --run */
	bool *told;              /* its addresses, in an earlier round */
	struct up *up;           /* once what was built runs, until it is left or ends; or NULL */
	struct sync_tree *tree;  /* the files as the containers have them; NULL without --run */
	struct sync_tree *coming; /* as they will have them; NULL: nothing is being copied but, with `copying`, into new containers */
	bool copying;
	bool starting; /* what was built; not only following what goes on running */
	struct loop *loop;
	struct watch *watch;
	bool building;
	bool built; /* everything stale was built */
	bool outdated;
	char *cause; /* what the next round builds, and why; NULL: not known */
	int signum;
	struct error *error; /* the system's limit of watches was reached */
};

/* Returns how many were not watched before. */
static int watch_all(struct watch_round *round, const char *const *folders, struct error **err)
{
	int added = 0;

	for (const char *const *folder = folders; *folder; folder++) {
		int r = watch_folder(round->watch, *folder, err);

		if (r < 0)
			return -1;
		added += r;
	}
	return added;
}

/* Returns how many folders were not watched before. */
static int look_once(struct watch_round *round)
{
	struct watch_plan *plan = watch_plan_peek(round->options);
	struct look *now = plan ? look_take(&plan->session) : NULL;
	int added = 0;

	/* Broken now or before: the next round shows the complaints. */
	round->outdated = !now || !round->look || look_differs(round->look, now);
	if (round->outdated && now && round->up && watch_plan_covered(plan, round->tree))
		round->outdated = false;
	if (round->outdated && now && look_cause(now))
		round->cause = mem_strdup(look_cause(now));
	if (now && !round->error)
		added = watch_all(round, look_folders(now), &round->error);
	/* The set of folders to watch may have changed all the same. */
	if (!round->outdated && !round->building) {
		look_free(round->look);
		round->look = steal_ptr(now);
	}
	/* While something is built, the plan does not know yet what was. */
	if (round->outdated && !round->building)
		round->next = steal_ptr(plan);
	look_free(now);
	watch_plan_free(plan);
	return added;
}

/* A second look notices changes made before the folder was watched. */
static void look_until_watched(struct watch_round *round)
{
	while (!round->outdated && look_once(round) > 0)
		;
}

static void on_change(void *arg);

static void take_tree(struct watch_round *round)
{
	if (!round->coming)
		return;
	sync_tree_free(round->tree);
	round->tree = steal_ptr(round->coming);
}

/* A new image has what could not be copied. What new containers get beside it could only fail again. */
static void on_copied(void *data, struct error *error)
{
	struct watch_round *round = data;

	round->copying = false;
	if (error && error->cls != ERROR_CANCELLED) {
		output_error(error);
		round->outdated = round->coming != NULL;
		round->cause = round->outdated ? mem_strdup("building what could not be copied") : NULL;
	}
	error_free(error);
	take_tree(round);
	if (!round->outdated) {
		on_change(round); /* meanwhile */
		return;
	}
	loop_stop(round->loop);
	loop_cancel(round->loop);
}

/* A second look, as look_until_watched. */
static int look_at_tree(struct watch_round *round, struct error **err)
{
	int added = 1;

	while (added > 0) {
		sync_tree_free(steal_ptr(round->coming));
		if (troupe_look(round->plan->troupe, round->plan->session.plan, &round->coming, err) < 0)
			return -1;
		added = watch_all(round, sync_tree_folders(round->coming), err);
	}
	return added;
}

static void copy_changes(struct watch_round *round)
{
	if (look_at_tree(round, &round->error) < 0)
		return;
	round->copying = up_sync(round->up, round->tree, round->coming, on_copied, round);
	if (!round->copying)
		take_tree(round);
}

static void on_change(void *arg)
{
	struct watch_round *round = arg;

	if (round->outdated || round->copying)
		return;
	look_until_watched(round);
	if (!round->outdated && !round->error && round->up)
		copy_changes(round);
	if (!round->outdated && !round->error)
		return;
	if (!round->building)
		loop_stop(round->loop);
	loop_cancel(round->loop); /* the build, or those who show what services print */
}

static void watch_on_signal(void *arg, int signum)
{
	struct watch_round *round = arg;

	round->signum = signum;
	loop_stop(round->loop);
	loop_cancel(round->loop);
}

static int begin_watching(struct watch_round *round, struct loop *loop, struct error **err)
{
	round->loop = loop;
	round->watch = watch_new(loop, on_change, round);
	if (watch_folder(round->watch, ".", err) < 0 ||
	    (round->look && watch_all(round, look_folders(round->look), err) < 0) ||
	    (round->tree && watch_all(round, sync_tree_folders(round->tree), err) < 0))
		return -1;
	return !round->look && round->last && watch_all(round, look_folders(round->last), err) < 0 ? -1 : 0;
}

/* Its loop is gone. */
static void end_watching(struct watch_round *round)
{
	watch_free(round->watch);
	round->watch = NULL;
	round->loop = NULL;
	round->up = NULL;
	round->copying = false;
}

static int watch_build(struct watch_round *round, struct error **err)
{
	struct session *session = &round->plan->session;
	struct error *error = NULL;
	int status;

	round->look = look_take(session);
	if (round->left && troupe_look(round->plan->troupe, session->plan, &round->tree, err) < 0)
		return -1;
	if (session_loop(session, err) < 0 || begin_watching(round, session->loop, err) < 0)
		return -1;
	round->building = true;
	status = build_execute(session, &error);
	round->building = false;
	if (status < 0 && !round->outdated)
		return error_move(err, &error);
	error_free(error);
	look_free(round->look);
	round->look = look_take(session); /* including keys that were decided during the build */
	round->built = status == 0 && !round->outdated;
	return status < 0 ? 0 : status;
}

/* A plan that a change has made is as good as another, unless it has something to show. */
static int make_plan(struct watch_round *round, struct error **err)
{
	int r = round->plan ? watch_plan_use(round->plan, round->options, err) : 0;

	if (r != 0)
		return r < 0 ? -1 : 0;
	watch_plan_free(round->plan);
	return watch_plan_open(round->options, &round->plan, err);
}

/* A manifest that cannot be read or planned: show the complaints and wait. */
static int plan_or_complain(struct watch_round *round, struct error **err)
{
	struct error *error = NULL;

	if (make_plan(round, &error) == 0)
		return 0;
	watch_plan_free(steal_ptr(round->plan));
	if (error && error->cls != ERROR_USAGE)
		return error_move(err, &error);
	if (error)
		output_error(error);
	error_free(error);
	return 0;
}

/* Changes between planning and watching were missed. */
static void begin_waiting(struct watch_round *round)
{
	if (round->look)
		on_change(round);
	if (!round->outdated && !round->error)
		output_note("waiting for a change; Ctrl-C ends");
}

static void watch_on_ready(void *arg, struct up *up)
{
	struct watch_round *round = arg;

	round->up = round->starting ? up : NULL;
	round->copying = round->up && up_sync(round->up, NULL, round->tree, on_copied, round);
	begin_waiting(round);
}

static int watch_on_begin(void *arg, struct loop *loop, struct error **err)
{
	return begin_watching(arg, loop, err);
}

/* Starts what was built, or shows what goes on running. 0: it ended because of a change; else as up_keep. */
static int keep_running(struct watch_round *round, bool only_follow, struct error **err)
{
	const struct up_keep keep = {
		.left = round->left,
		.only_follow = only_follow,
		.told = *round->told,
		.begin = watch_on_begin,
		.ready = watch_on_ready,
		.data = round,
	};
	int r;

	round->starting = !only_follow;
	r = up_keep(&round->plan->session, round->plan->troupe, &keep, err);

	end_watching(round);
	*round->told = *round->told || (r == 0 && !only_follow);
	return r;
}

/* A failure is shown, and ended by a change. */
static int run_and_wait(struct watch_round *round, struct error **err)
{
	struct error *error = NULL;
	int status = round->built ? keep_running(round, false, &error) : 0;

	if (error && error->cls != ERROR_CANCELLED)
		output_error(error);
	error_free(error);
	if (status > 0 || round->outdated || round->error)
		return status > 0 ? status : 0;
	return keep_running(round, true, err);
}

static int wait_in(struct watch_round *round, struct loop *loop, struct error **err)
{
	if (begin_watching(round, loop, err) < 0 || loop_signals(loop, watch_on_signal, round, err) < 0)
		return -1;
	begin_waiting(round);
	return round->outdated || round->error ? 0 : loop_run(loop, err);
}

static int wait_alone(struct watch_round *round, struct error **err)
{
	struct loop *loop = NULL;
	int r = loop_new(&loop, err);

	if (r == 0)
		r = wait_in(round, loop, err);
	loop_free(loop);
	end_watching(round);
	return r < 0 ? -1 : round->signum ? 128 + round->signum : 0;
}

/* 0: continue with another round; else the exit status. */
static int run_round(struct watch_round *round, struct error **err)
{
	struct watch *built = NULL;
	int status = plan_or_complain(round, err);

	if (status == 0 && round->plan)
		status = watch_build(round, err);
	if (status < 0 || (status >= 128 && !round->outdated))
		return status;
	built = steal_ptr(round->watch); /* until the session's loop is gone */
	if (round->outdated)
		status = 0;
	else
		status = round->plan && round->left ? run_and_wait(round, err) : wait_alone(round, err);
	watch_plan_free(steal_ptr(round->plan));
	watch_free(built);
	if (status == 0 && round->error)
		return error_move(err, &round->error);
	if (status == 0)
		output_note("%s", round->cause ? round->cause : "something changed");
	return status;
}

static void round_close(struct watch_round *round)
{
	watch_plan_free(round->plan);
	watch_free(round->watch);
	sync_tree_free(round->tree);
	sync_tree_free(round->coming);
	error_free(round->error);
	free(round->cause);
}

static int watch(struct options *options, struct error **err)
{
	struct up_left *left = options->run ? up_left_new() : NULL;
	struct watch_plan *next = NULL;
	struct look *last = NULL;
	bool told = false;
	int status;

	do {
		struct watch_round round = { .options = options, .plan = next, .last = last, .left = left, .told = &told };

		status = run_round(&round, err);
		next = round.next;
		round_close(&round);
		if (round.look) {
			look_free(last);
			last = round.look;
		}
		options->force = false; /* once */
	} while (status == 0);
	watch_plan_free(next);
	look_free(last);
	up_left_free(left);
	return status;
}

/* Ends the services it has started. */
static int end_services(const struct options *options, struct error **err)
{
	const char *const all[] = { NULL };
	struct session session;
	size_t ended = 0;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = up_end(&session, all, &ended, err);
	session_close(&session);
	return r;
}

int cmd_watch(const struct options *options, struct error **err)
{
	struct options again = *options;
	struct up_here here;
	int status;

	if (options->dry_run)
		return error_make(err, ERROR_USAGE, "`cbuild watch` has no -n");
	if (!options->run)
		return watch(&again, err);
	up_here(options, &here);
	loop_hold_signals(true); /* whenever it is interrupted, end the services too */
	status = watch(&here.options, err);
	if (end_services(&here.options, status < 0 ? NULL : err) < 0)
		status = -1;
	loop_hold_signals(false);
	return status;
}
