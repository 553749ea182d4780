#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd/running.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "dsl/manifest.h"
#include "engine/runtime/runtime.h"
#include "engine/up/up_run.h"

/* Without targets also those that the manifest no longer has. */
static bool running_wants(const struct running_all *running, const struct container *container)
{
	const char *service = container_service(container);
	long number = service ? manifest_service(running->session.manifest, service) : -1;

	return running->session.targets_len == 0 || (number >= 0 && targets_want(&running->session, (size_t)number));
}

static int open_containers(struct running_all *running, struct running_engine *engine, struct error **err)
{
	char **names = NULL;
	size_t count = 0;
	int r = 0;

	if (runtime_standing(engine->runtime, NULL, &names, err) < 0)
		return -1;
	while (names[count])
		count++;
	engine->containers = mem_array(count + 1, sizeof(*engine->containers));
	for (size_t i = 0; i < count && r == 0; i++) {
		struct container *container = NULL;

		r = container_attach(engine->runtime, names[i], &container, err);
		if (r == 0 && running_wants(running, container))
			engine->containers[engine->len++] = container;
		else
			container_leave(container);
	}
	names_free(names);
	return r;
}

static int open_engines(struct running_all *running, struct error **err)
{
	struct session *session = &running->session;
	const char *const only[] = { running->options.runtime, NULL };
	const char *const *names = only[0] ? only : runtime_names();
	cleanup_free char *owner = up_owner(session->state_dir);
	size_t count = 0;

	while (names[count])
		count++;
	running->engines = mem_array(count + 1, sizeof(*running->engines));
	for (; *names; names++) {
		struct running_engine *engine = &running->engines[running->len];
		struct error *error = NULL;

		if (runtime_open(*names, owner, session->loop, session->state, session->layout, NULL, &engine->runtime,
				 &error) < 0) {
			/* If it cannot be used now, there is nothing in it. */
			if (only[0] || error->cls == ERROR_CANCELLED)
				return error_move(err, &error);
			error_free(error);
			continue;
		}
		running->len++;
		if (open_containers(running, engine, err) < 0)
			return -1;
	}
	return 0;
}

int running_open(struct running_all *running, const struct options *options, size_t targets, struct error **err)
{
	*running = (struct running_all){ .options = *options };
	running->options.targets_len = targets < options->targets_len ? targets : options->targets_len;
	if (session_open(&running->session, &running->options, err) < 0 || since_targets(&running->session, err) < 0 ||
	    targets_check(&running->session, err) < 0 || session_loop(&running->session, err) < 0)
		return -1;
	return open_engines(running, err);
}

void running_close(struct running_all *running)
{
	for (size_t i = 0; i < running->len; i++) {
		struct running_engine *engine = &running->engines[i];

		for (size_t j = 0; j < engine->len; j++)
			container_leave(engine->containers[j]);
		free(engine->containers);
		runtime_free(engine->runtime);
	}
	free(running->engines);
	session_close(&running->session);
}

int running_any(const struct running_all *running, struct error **err)
{
	for (size_t i = 0; i < running->len; i++)
		if (running->engines[i].len > 0)
			return 0;
	error_make(err, ERROR_HEALTH, "%s is not up",
		   running->session.targets_len > 0 ? running->session.targets[0] : "nothing");
	error_remedy(err, "start it: cbuild up");
	return -1;
}

int running_one(struct running_all *running, struct container **ret, struct error **err)
{
	bool runs = false;
	int status = 0;

	*ret = NULL;
	if (running_any(running, err) < 0)
		return -1;
	for (size_t i = 0; i < running->len; i++)
		if (running->engines[i].len > 0)
			*ret = running->engines[i].containers[0];
	if (container_state(*ret, &runs, &status, err) < 0)
		return -1;
	if (!runs)
		return error_make(err, ERROR_HEALTH, "%s has ended, with status %d", running->session.targets[0], status);
	return 0;
}
