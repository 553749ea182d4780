#include "config.h"

#include <signal.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "cli/cmd/build.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/follow.h"
#include "cli/cmd/look.h"
#include "cli/cmd/up_services.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/plan_bases.h"
#include "cli/session.h"
#include "engine/exec/run.h"
#include "engine/io/file_watch.h"
#include "engine/io/loop.h"

/*
 * One round: plan, build what is stale while watching its inputs, then wait for a change. A change ends a build only
 * if a key comes out differently: files that the build itself writes, and files that do not count, do not disturb it.
 */
struct watch_round {
	const struct options *options;
	struct look *look;       /* what the build is, or was, made of; NULL: the manifest cannot be read or planned */
	const struct look *last; /* of the last round with a plan, or NULL */
	struct follow *follow;   /* of what runs, or NULL */
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
static int watch_all(struct watch_round *round, const struct look *look, struct error **err)
{
	int added = 0;

	for (const char *const *folder = look_folders(look); *folder; folder++) {
		int r = watch_folder(round->watch, *folder, err);

		if (r < 0)
			return -1;
		added += r;
	}
	return added;
}

/* A second look notices changes made before the folder was watched. */
static void look_until_watched(struct watch_round *round)
{
	int added = 1;

	while (added > 0 && !round->outdated) {
		struct look *now = look_again(round->options);

		if (!now || !round->look) /* broken now or before: the next round shows the complaints */
			round->outdated = true;
		else
			round->outdated = look_differs(round->look, now);
		if (round->outdated && now && look_cause(now))
			round->cause = mem_strdup(look_cause(now));
		added = now && !round->error ? watch_all(round, now, &round->error) : 0;
		/* The set of folders to watch may have changed all the same. */
		if (!round->outdated && !round->building) {
			look_free(round->look);
			round->look = steal_ptr(now);
		}
		look_free(now);
	}
}

static void on_change(void *arg)
{
	struct watch_round *round = arg;

	if (round->outdated)
		return;
	look_until_watched(round);
	if (!round->outdated && !round->error)
		return;
	if (!round->building)
		loop_stop(round->loop);
	loop_cancel(round->loop); /* the build, or those who read what services print */
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
	if (watch_folder(round->watch, ".", err) < 0 || (round->look && watch_all(round, round->look, err) < 0))
		return -1;
	return !round->look && round->last && watch_all(round, round->last, err) < 0 ? -1 : 0;
}

static void end_watching(struct watch_round *round)
{
	watch_free(round->watch); /* its loop is gone */
	round->watch = NULL;
	round->loop = NULL;
}

static int watch_build(struct watch_round *round, struct session *session, struct error **err)
{
	struct error *error = NULL;
	int status;

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
	return status < 0 ? 0 : status;
}

/* A manifest that cannot be read or planned: show the complaints and wait. */
static int plan_and_build(struct watch_round *round, struct error **err)
{
	const struct session_plan want = { .load = !round->options->no_load, .verify = !round->options->no_verify };
	struct error *error = NULL;
	struct session session;
	int r = session_open(&session, round->options, &error);

	if (r == 0)
		r = build_sweep(&session, &error);
	if (r == 0)
		r = plan_bases(&session, &want, &error);
	if (r == 0) {
		round->look = look_take(&session);
		r = watch_build(round, &session, err);
		round->built = r == 0 && !round->outdated;
	} else if (error && error->cls != ERROR_USAGE) {
		error_move(err, &error);
	} else {
		if (error)
			output_error(error);
		r = 0;
	}
	error_free(error);
	session_close(&session);
	end_watching(round);
	return r;
}

static int wait_in(struct watch_round *round, struct loop *loop, struct error **err)
{
	if (begin_watching(round, loop, err) < 0 || loop_signals(loop, watch_on_signal, round, err) < 0)
		return -1;
	/* Changes between planning and watching were missed. */
	if (round->look)
		on_change(round);
	if (round->outdated || round->error)
		return 0;
	if (round->follow && round->look && follow_show(round->follow, err) < 0)
		return -1;
	output_note("waiting for a change; Ctrl-C ends");
	return loop_run(loop, err);
}

static int wait_and_follow(struct watch_round *round, struct error **err)
{
	struct loop *loop = NULL;
	int r = follow_open(round->follow, round->options, &loop, err);

	if (r == 0)
		r = wait_in(round, loop, err);
	return follow_close(round->follow, r < 0 ? NULL : err) < 0 ? -1 : r;
}

static int wait_alone(struct watch_round *round, struct error **err)
{
	struct loop *loop = NULL;
	int r = loop_new(&loop, err);

	if (r == 0)
		r = wait_in(round, loop, err);
	loop_free(loop);
	return r;
}

static int wait_for_change(struct watch_round *round, struct error **err)
{
	int r = round->follow && round->look ? wait_and_follow(round, err) : wait_alone(round, err);

	end_watching(round);
	return r < 0 ? -1 : round->error ? error_move(err, &round->error) : 0;
}

/* Restarts services that were rebuilt. If that fails, reports it and waits for a change. */
static int run_services(const struct watch_round *round)
{
	struct error *error = NULL;
	int status = up_services(round->options, true, NULL, &error);

	if (error)
		output_error(error);
	error_free(error);
	return status < 0 ? 0 : status;
}

/* 0: continue with another round; else the exit status. */
static int run_round(struct watch_round *round, struct error **err)
{
	int status = plan_and_build(round, err);

	if (round->built && round->options->run)
		status = run_services(round);
	if (status >= 128 && !round->outdated)
		return status;
	if (status >= 0 && !round->outdated)
		status = wait_for_change(round, err);
	if (status < 0)
		return -1;
	if (round->signum)
		return 128 + round->signum;
	output_note("%s", round->cause ? round->cause : "something changed");
	return 0;
}

static int watch(struct options *options, struct error **err)
{
	struct follow *follow = options->run ? follow_new() : NULL;
	struct look *last = NULL;
	int status;

	do {
		struct watch_round round = { .options = options, .last = last, .follow = follow };

		status = run_round(&round, err);
		error_free(round.error);
		free(round.cause);
		if (round.look) {
			look_free(last);
			last = round.look;
		}
		options->force = false; /* once */
	} while (status == 0);
	look_free(last);
	follow_free(follow);
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
