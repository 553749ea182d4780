#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/keys.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/stack/findings.h"
#include "engine/up/up_internal.h"

#define POLL_MS 100         /* between two checks of what runs */
#define LAST_LINES_MS 1000u /* to read the rest of the output after the end */

static int open_network(struct up *up, struct error **err)
{
	char **names = NULL;

	if (up->stack.network) /* left_take */
		return 0;
	if (runtime_standing_networks(up->job->runtime, &names, err) < 0)
		return -1;
	if (names[0])
		up->stack.network = mem_strdup(names[0]);
	names_free(names);
	if (up->stack.network)
		return 0;
	return runtime_network(up->job->runtime, &up->stack.network, NULL, err);
}

static void end_when_free(struct up *up);

/* Follows the container that was started again, or has taken the old one's place. False: none runs, and the last has ended with
 * *ret_status; -1: it was removed. */
static bool take_over(struct up *up, size_t number, int *ret_status)
{
	struct actor *actor = &up->stack.actors[number];
	struct container *container = NULL;
	char **names = NULL;
	bool running = false;

	*ret_status = -1;
	if (runtime_standing(up->job->runtime, actor->name, &names, NULL) < 0)
		return false;
	if (names[0] && container_attach(up->job->runtime, names[0], &container, NULL) == 0 &&
	    container_state(container, &running, ret_status, NULL) < 0)
		*ret_status = -1;
	names_free(names);
	if (!running) {
		container_leave(container);
		return false;
	}
	up->again[number] = container_same(container, actor->container);
	/* Who reads the old one's output may still use it. */
	mem_reserve(&up->past, &up->past_cap, up->past_len + 1, sizeof(*up->past));
	up->past[up->past_len++] = actor->container;
	actor->container = container;
	up->kept[number] = false;
	up_tell(up, &(struct up_event){ .kind = UP_STARTED, .service = actor->name });
	if (!up->again[number])
		tell_output(up, actor, false, end_when_free);
	return true;
}

/* podman's `logs` may go on over a new start, docker's ends. */
static void follow_again(struct up *up, size_t number)
{
	if (!up->again[number] || atomic_load(&up->readers[number]) > 0)
		return;
	up->again[number] = false;
	tell_output(up, &up->stack.actors[number], true, end_when_free);
}

/* Reports its end, once. True while it runs, or another cbuild replaces it or starts it again. */
static bool up_run_look_at(struct up *up, size_t number)
{
	struct actor *actor = &up->stack.actors[number];
	bool running = false;
	int status;

	if (up->ended[number])
		return false;
	if (container_state(actor->container, &running, &status, NULL) == 0 && running &&
	    !container_renewed(actor->container)) {
		follow_again(up, number);
		return true;
	}
	if (loop_cancelled(up->job->loop) || up_locked(up->job->state_dir) || take_over(up, number, &status))
		return true;
	up->ended[number] = true;
	up_tell(up, &(struct up_event){ .kind = UP_ENDED, .service = actor->name, .status = status });
	if (status > 0 && !up->bad) {
		up->bad = actor->name;
		up->bad_status = status;
	}
	return false;
}

static void stay(struct up *up)
{
	bool any;

	do {
		any = up->job->left != NULL;
		for (size_t i = 0; i < up->stack.len; i++)
			any = (up->stack.actors[i].container && up_run_look_at(up, i)) || any;
		sync_answer(up);
		if (up_keys_answer(up) || (any && loop_pause_unless(up->job->loop, POLL_MS, &up->asked, NULL) < 0 &&
					   loop_cancelled(up->job->loop)))
			return;
	} while (any);
	if (up->bad)
		findings_fail(up->findings, ERROR_HEALTH, "%s ended with status %d", up->bad, up->bad_status);
	for (uint64_t start = loop_now_ms(); atomic_load(&up->followers) > 0;) {
		if (loop_now_ms() - start > LAST_LINES_MS || loop_pause(up->job->loop, POLL_MS, NULL) < 0)
			return;
	}
}

/* The network is removed when it is no longer used. */
static void remove_network(struct up *up)
{
	char **names = NULL;

	if (runtime_standing(up->job->runtime, NULL, &names, &up->error) < 0)
		return;
	if (!names[0] && up->stack.network)
		runtime_network_remove(up->job->runtime, up->stack.network, &up->error);
	names_free(names);
}

/* Ends what is on the stack; with `detach`, only what this run has started. In a task. */
static void end_all(void *arg)
{
	struct up *up = arg;
	cleanup_free struct container **list = mem_array(up->stack.len + 1, sizeof(*list));
	size_t len = 0;

	/* Who else follows them then waits until they are gone. Where another one has the lock, that is so already. */
	if (*up->job->lock < 0)
		up_lock(up->job->state_dir, false, up->job->lock, NULL);
	if (up->job->left)
		left_clear(up->job->left);
	for (size_t i = 0; i < up->stack.len; i++) {
		if (!up->stack.actors[i].container)
			continue;
		if (up->job->left && up->kept[i])
			left_add(up, i);
		else if (up->job->detach && up->kept[i])
			container_leave(up->stack.actors[i].container);
		else
			list[len++] = up->stack.actors[i].container;
		up->stack.actors[i].container = NULL;
	}
	containers_end(list, len, &up->hurry, &up->error);
	remove_network(up);
}

static void leave_all(struct up *up)
{
	if (up->job->left)
		left_clear(up->job->left);
	for (size_t i = 0; i < up->stack.len; i++) {
		if (!up->stack.actors[i].container)
			continue;
		if (up->job->left)
			left_add(up, i);
		else
			container_leave(up->stack.actors[i].container);
	}
}

/* From now on another cbuild may change what runs. */
static void unlock(struct up *up)
{
	if (*up->job->lock >= 0)
		close(*up->job->lock);
	*up->job->lock = -1;
}

/* In a task. */
static void direct(void *arg)
{
	struct up *up = arg;
	struct error *error = NULL;
	bool good = false;

	if (standing_find(up, &error) < 0 || (!up->job->only_follow && open_network(up, &error) < 0))
		findings_error(up->findings, NULL, &error);
	else
		good = (up->job->only_follow ? join_standing : start_all)(up, end_when_free);
	if (good && up->job->alone && create_alone(up, &error) < 0) {
		findings_error(up->findings, up->job->alone->service->name.s, &error);
		good = false;
	}
	up->left = good && up->job->detach;
	if (up->left)
		return;
	if (good) {
		unlock(up);
		stay(up);
	}
	up->left = up->left || (up->job->left && (good || loop_cancelled(up->job->loop)));
	loop_cancel(up->job->loop); /* the threads that read output stop */
}

static void end_done(void *arg)
{
	struct up *up = arg;

	loop_stop(up->job->loop);
}

/* When nobody uses the containers any more. */
static void end_when_free(struct up *up)
{
	if (!up->directed || atomic_load(&up->followers) > 0)
		return;
	if (up->left)
		leave_all(up);
	if (up->left || loop_task(up->job->loop, end_all, end_done, up, &up->error) < 0)
		loop_stop(up->job->loop);
}

static void direct_done(void *arg)
{
	struct up *up = arg;

	up->directed = true;
	end_when_free(up);
}

static void up_run_on_signal(void *arg, int signum)
{
	struct up *up = arg;

	if (up->signum)
		atomic_store(&up->hurry, true);
	else
		tell_now(up, &(struct up_event){ .kind = UP_ENDING });
	if (!up->signum)
		up->signum = signum;
	loop_cancel(up->job->loop);
}

static void up_open(struct up *up)
{
	const struct up_job *job = up->job;

	up->stack = (struct stack){
		.loop = job->loop,
		.layout = job->layout,
		.runtime = job->runtime,
		.manifest = job->manifest,
		.findings = up->findings,
		.lasting = true,
	};
	stack_open(&up->stack, job->parts, job->len);
	up->old = mem_array(job->len + 1, sizeof(*up->old));
	up->kept = mem_array(job->len + 1, sizeof(bool));
	up->again = mem_array(job->len + 1, sizeof(bool));
	up->resumed = mem_array(job->len + 1, sizeof(bool));
	up->well = mem_array(job->len + 1, sizeof(bool));
	up->shown = mem_array(job->len + 1, sizeof(*up->shown));
	up->turns = mem_array(job->len + 1, sizeof(*up->turns));
	up->readers = mem_array(job->len + 1, sizeof(*up->readers));
	up->ended = mem_array(job->len + 1, sizeof(bool));
}

static void up_close(struct up *up)
{
	standing_leave(up);
	while (up->past_len > 0)
		container_leave(up->past[--up->past_len]);
	free(up->past);
	sync_close(up);
	free(up->kept);
	free(up->again);
	free(up->resumed);
	free(up->well);
	free(up->shown);
	free(up->turns);
	free(up->readers);
	free(up->ended);
	stack_close(&up->stack);
}

int up_run(const struct up_job *job, int *ret_signum, struct error **err)
{
	cleanup_buf struct buf report = { 0 };
	struct findings findings = FINDINGS(&report);
	struct up up = { .job = job, .findings = &findings, .start_ms = loop_now_ms() };
	cleanup_free char *children = up_journal(job->state_dir);
	int r;

	up_open(&up);
	r = proc_journal(job->loop, children, err);
	if (r == 0)
		r = loop_signals(job->loop, up_run_on_signal, &up, err);
	if (r == 0)
		up_keys_open(&up);
	if (r == 0)
		r = loop_task(job->loop, direct, direct_done, &up, err);
	if (r == 0)
		r = loop_run(job->loop, err);
	keys_free(up.keys);
	up_close(&up);
	*ret_signum = up.signum == SIGHUP ? SIGTERM : up.signum;
	if ((up.signum || up.untold || up.left) && findings.cancelled)
		error_free(steal_ptr(findings.cancelled));
	if (r == 0)
		r = findings_result(&findings, err);
	if (r == 0 && up.error)
		r = error_move(err, &up.error);
	if (r == 0 && up.untold)
		r = error_move(err, &up.untold);
	error_free(up.untold);
	error_free(up.error);
	return r;
}
