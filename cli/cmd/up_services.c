#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/cmd/build.h"
#include "cli/cmd/hurry.h"
#include "cli/cmd/up_services.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/report/up_jsonl.h"
#include "cli/report/up_report.h"
#include "cli/plan_bases.h"
#include "cli/session.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/plan/plan.h"
#include "engine/runtime/runtime.h"
#include "engine/state/state.h"
#include "engine/up/sync_tree.h"
#include "engine/up/up_run.h"

/* How to run them. */
struct up_mode {
	bool detach;
	char *key;         /* ends it (up_job.key), or NULL */
	struct argv *argv; /* of up_alone: the last one is only created, and this starts it */
	const char *const *words;
	const struct up_keep *keep; /* or NULL */
};

struct troupe {
	const struct manifest *manifest;
	struct stack_part *parts;
	size_t len;
	bool *there;        /* of each service */
	const char **built; /* names of those that have a build */
};

static bool may_start(const struct service *service)
{
	return !service->provided && (!service->has_build || service->publish);
}

/* If several services wait for the same one, the stronger condition wins. */
static void up_add_service(struct troupe *troupe, size_t number, int condition)
{
	const struct service *service = &troupe->manifest->services[number];

	if (troupe->there[number]) {
		for (size_t i = 0; i < troupe->len; i++) {
			struct stack_part *part = &troupe->parts[i];

			if (part->service == service && condition > part->condition)
				part->condition = condition;
		}
		return;
	}
	troupe->there[number] = true;
	for (size_t i = 0; i < service->depends_len; i++)
		up_add_service(troupe, service->depends[i].service, (int)service->depends[i].condition);
	troupe->parts[troupe->len++] = (struct stack_part){ .service = service, .condition = condition };
}

static bool up_is_wanted(const struct session *session, size_t number)
{
	const struct service *service = &session->manifest->services[number];

	if (session->targets_len == 0 || (session->targets_len == 1 && strcmp(session->targets[0], "all") == 0))
		return service->active && may_start(service);
	return targets_want(session, number) && !service->provided;
}

int troupe_gather(struct session *session, struct troupe **ret, struct error **err)
{
	const struct manifest *manifest = session->manifest;
	struct troupe *troupe;
	size_t len = 0;

	if (since_targets(session, err) < 0 || targets_check(session, err) < 0)
		return -1;
	*ret = troupe = mem_alloc(sizeof(*troupe));
	troupe->manifest = manifest;
	troupe->parts = mem_array(manifest->services_len + 1, sizeof(*troupe->parts));
	troupe->there = mem_array(manifest->services_len + 1, sizeof(*troupe->there));
	for (size_t i = 0; i < manifest->services_len; i++) {
		if (up_is_wanted(session, i))
			up_add_service(troupe, i, DEPENDS_STARTED);
	}
	if (troupe->len == 0)
		return error_make(err, ERROR_USAGE, "there is no service to start");
	troupe->built = mem_array(troupe->len + 1, sizeof(*troupe->built));
	for (size_t i = 0; i < troupe->len; i++) {
		if (troupe->parts[i].service->has_build)
			troupe->built[len++] = troupe->parts[i].service->name.s;
	}
	return 0;
}

const char *const *troupe_built(const struct troupe *troupe)
{
	return troupe->built;
}

int troupe_look(const struct troupe *troupe, const struct plan *plan, struct sync_tree **ret, struct error **err)
{
	return sync_tree_take(plan, troupe->parts, troupe->len, ret, err);
}

bool troupe_has(const struct troupe *troupe, size_t service)
{
	return troupe->there[service];
}

void troupe_free(struct troupe *troupe)
{
	if (!troupe)
		return;
	free(troupe->built);
	free(troupe->parts);
	free(troupe->there);
	free(troupe);
}

/* Copies the builds' results for this machine. */
static void up_take_results(struct session *session, struct troupe *troupe, const struct platform *host)
{
	char platform[PLATFORM_TEXT];

	platform_text(host, platform);
	for (size_t i = 0; i < troupe->len; i++) {
		struct stack_part *part = &troupe->parts[i];
		const char *maker = manifest_maker(session->manifest, part->service);
		cleanup_free char *build = mem_printf("build:%s:%s", maker, platform);
		size_t built = plan_find(session->plan, build);

		if (built == NO_NODE)
			continue;
		part->identity = plan_node(session->plan, built)->result.identity;
		part->digest = plan_node(session->plan, built)->result.digest;
	}
}

/* The runtime that the images were loaded into: if another one was only preferred, that of the last run. */
static int up_open_runtime(struct session *session, struct loop *loop, struct runtime **ret, struct error **err)
{
	cleanup_free char *owner = up_owner(session->state_dir);
	cleanup_free char *used = NULL;
	struct error *error = NULL;

	if (session->runtime && runtime_open(session->runtime, owner, loop, session->state, session->layout,
					     session->logins, ret, &error) == 0)
		return 0;
	if (error && (!session->runtime_preferred || error->cls != ERROR_TOOL))
		return error_move(err, &error);
	error_free(error);
	if (state_fact(session->state, "runtime", &used, err) < 0)
		return -1;
	return runtime_open(used, owner, loop, session->state, session->layout, session->logins, ret, err);
}

struct lacking {
	const struct runtime *runtime;
	struct buf names;
	char last[32]; /* the key that was added last */
};

static void take_lacking(void *data, const char *key, const char *value)
{
	struct lacking *lacking = data;

	(void)value;
	if (runtime_has_setting(lacking->runtime, key) || strcmp(lacking->last, key) == 0)
		return;
	snprintf(lacking->last, sizeof(lacking->last), "%s", key);
	buf_printf(&lacking->names, "%s%s", lacking->names.len > 0 ? ", " : "", key);
}

/* Notes what this runtime cannot do, once for each service. */
static void name_lacking(const struct troupe *troupe, const struct runtime *runtime)
{
	for (size_t i = 0; i < troupe->len; i++) {
		struct lacking lacking = { .runtime = runtime };

		service_settings(troupe->parts[i].service, take_lacking, &lacking);
		if (lacking.names.len > 0)
			output_note("%s: not used by %s: %s", troupe->parts[i].service->name.s, runtime_name(runtime),
				    lacking.names.data);
		buf_free(&lacking.names);
	}
}

/* What happens is reported, and told to who keeps the services running. */
struct up_audience {
	int (*event)(void *data, const struct up_event *event, struct error **err);
	struct standing *standing;
	const struct up_keep *keep;
};

static int tell_audience(void *data, const struct up_event *event, struct error **err)
{
	const struct up_audience *audience = data;

	if (audience->event(audience->standing, event, err) < 0)
		return -1;
	if (audience->keep && event->kind == UP_READY)
		audience->keep->ready(audience->keep->data, event->up);
	return 0;
}

static int run_in(struct session *session, const struct troupe *troupe, const struct up_mode *mode, int *lock,
		  struct loop *loop, struct error **err)
{
	const struct up_keep *keep = mode->keep;
	bool again = keep && (keep->told || keep->only_follow);
	struct up_audience audience = { .event = standing_event, .keep = keep };
	struct runtime *runtime = NULL;
	struct up_job job = {
		.loop = loop,
		.lock = lock,
		.state_dir = session->state_dir,
		.layout = session->layout,
		.manifest = session->manifest,
		.parts = troupe->parts,
		.len = mode->argv ? troupe->len - 1 : troupe->len,
		.left = keep ? keep->left : NULL,
		.only_follow = keep && keep->only_follow,
		.alone = mode->argv ? &troupe->parts[troupe->len - 1] : NULL,
		.words = mode->words && mode->words[0] ? mode->words : NULL,
		.tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.argv = mode->argv,
		.key = mode->key,
		.detach = mode->detach,
		.event = tell_audience,
		.data = &audience,
	};
	int signum = 0, r;

	if (up_open_runtime(session, loop, &runtime, err) < 0)
		return -1;
	if (!again)
		name_lacking(troupe, runtime);
	audience.standing = standing_new(troupe->parts, troupe->len, session->options->quiet, !mode->argv && !again,
					 mode->key != NULL);
	job.runtime = runtime;
	if (strcmp(session->options->progress, "json") == 0)
		audience.event = up_jsonl_event;
	r = up_run(&job, &signum, err);
	standing_free(audience.standing);
	runtime_free(runtime);
	return r < 0 ? -1 : signum ? 128 + signum : 0;
}

int up_wait(struct session *session, int *ret_lock, struct error **err)
{
	if (up_lock(session->state_dir, false, ret_lock, err) < 0)
		return -1;
	if (*ret_lock >= 0)
		return 0;
	output_note("another cbuild is starting or stopping services here: waiting for it");
	return up_lock(session->state_dir, true, ret_lock, err);
}

static int start_troupe(struct session *session, struct troupe *troupe, const struct up_mode *mode, struct error **err)
{
	cleanup_fd int lock = -1;
	struct platform host;
	struct loop *loop = NULL;
	int r;

	platform_host(&host);
	up_take_results(session, troupe, &host);
	if (session_write(session, err) < 0 ||
	    (!(mode->keep && mode->keep->only_follow) && up_wait(session, &lock, err) < 0))
		return -1;
	r = loop_new(&loop, err);
	if (r == 0 && mode->keep)
		r = mode->keep->begin(mode->keep->data, loop, err);
	if (r == 0)
		r = run_in(session, troupe, mode, &lock, loop, err);
	loop_free(loop);
	return r;
}

/* Notes what compose would do and cbuild does not, once for each service. */
static void name_unused(const struct troupe *troupe)
{
	for (size_t i = 0; i < troupe->len; i++) {
		const struct service *service = troupe->parts[i].service;
		cleanup_buf struct buf names = { 0 };

		for (size_t j = 0; j < service->unused.len; j++)
			buf_printf(&names, "%s%s", j ? ", " : "", service->unused.items[j].s);
		if (names.len)
			output_note("%s: %s %s not used by `up`", service->name.s, names.data,
				    service->unused.len == 1 ? "is" : "are");
	}
}

static int build_and_start(struct session *session, const struct up_mode *mode, struct error **err)
{
	struct troupe *troupe = NULL;
	struct session_plan want = { .load = true };
	int r = troupe_gather(session, &troupe, err);

	if (r == 0) {
		name_unused(troupe);
		want.targets = troupe->built;
		r = plan_bases(session, &want, err);
	}
	if (r == 0 && build_needed(session))
		r = build_execute(session, err);
	if (r == 0)
		r = start_troupe(session, troupe, mode, err);
	troupe_free(troupe);
	return r;
}

int up_keep(struct session *session, struct troupe *troupe, const struct up_keep *keep, struct error **err)
{
	if (!keep->told && !keep->only_follow)
		name_unused(troupe);
	return start_troupe(session, troupe, &(struct up_mode){ .keep = keep }, err);
}

void up_here(const struct options *options, struct up_here *ret)
{
	struct platform host;

	ret->options = *options;
	ret->options.starts = true;
	ret->options.no_load = false;
	platform_host(&host);
	platform_text(&host, ret->platform);
	ret->platforms[0] = ret->platform;
	ret->platforms[1] = NULL;
	if (!options->platforms)
		ret->options.platforms = ret->platforms;
}

static int up_in_mode(const struct options *options, const struct up_mode *mode, struct error **err)
{
	struct session session;
	struct up_here here;
	int r;

	up_here(options, &here);
	r = session_open(&session, &here.options, err);
	if (r == 0)
		r = build_sweep(&session, err);
	if (r == 0)
		r = build_and_start(&session, mode, err);
	session_close(&session);
	return r;
}

int up_services(const struct options *options, bool detach, char *key, struct error **err)
{
	return up_in_mode(options, &(struct up_mode){ .detach = detach, .key = key }, err);
}

int up_alone(const struct options *options, struct argv *ret, struct error **err)
{
	const char *targets[] = { options->targets[0], NULL };
	struct options one = *options;

	one.targets = targets;
	one.targets_len = 1;
	return up_in_mode(&one, &(struct up_mode){ .detach = true, .argv = ret, .words = options->targets + 1 }, err);
}

/* The runtimes in which services are ended. */
struct up_ending {
	struct runtime **runtimes;
	size_t len;
	const char *const *services;
	size_t ended;
};

static int end_in_runtimes(void *arg, const atomic_bool *hurry, struct error **err)
{
	struct up_ending *ending = arg;

	for (size_t i = 0; i < ending->len; i++) {
		size_t ended = 0;
		int r = up_down(ending->runtimes[i], ending->services, hurry, &ended, err);

		ending->ended += ended;
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Those that can be used now; in others there is nothing to end. */
static int open_runtimes(struct session *session, struct up_ending *ending, struct error **err)
{
	const char *const only[] = { session->options->runtime, NULL };
	const char *const *names = only[0] ? only : runtime_names();
	cleanup_free char *owner = up_owner(session->state_dir);
	size_t count = 0;

	while (names[count])
		count++;
	ending->runtimes = mem_array(count + 1, sizeof(struct runtime *));
	for (; *names; names++) {
		struct error *error = NULL;

		if (runtime_open(*names, owner, session->loop, session->state, session->layout, NULL,
				 &ending->runtimes[ending->len], &error) == 0)
			ending->len++;
		else if (only[0])
			return error_move(err, &error);
		error_free(error);
	}
	return 0;
}

int up_end(struct session *session, const char *const *services, size_t *ret_ended, struct error **err)
{
	struct up_ending ending = { .services = services };
	int r;

	*ret_ended = 0;
	if (up_sweep(session->state_dir, err) < 0 || session_loop(session, err) < 0)
		return -1;
	r = open_runtimes(session, &ending, err);
	if (r == 0)
		r = hurry_run(session->loop, end_in_runtimes, &ending, err);
	*ret_ended = ending.ended;
	while (ending.len > 0)
		runtime_free(ending.runtimes[--ending.len]);
	free(ending.runtimes);
	return r;
}
