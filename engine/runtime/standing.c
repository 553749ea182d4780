#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"
#include "engine/runtime/runtime_ops.h"

/* Containers that run on their own: found again by their labels, followed, stopped together. */

#define END_POLL_MS 20

/* The lines of a list, as names. */
static char **split_names(char *text)
{
	size_t len = 0, cap = 0;
	char **names = NULL, *rest = NULL;

	for (char *name = text ? strtok_r(text, "\n", &rest) : NULL; name; name = strtok_r(NULL, "\n", &rest)) {
		mem_reserve(&names, &cap, len + 2, sizeof(*names));
		names[len++] = mem_strdup(name);
		names[len] = NULL;
	}
	return names ? names : mem_array(1, sizeof(*names));
}

void names_free(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

int runtime_standing(struct runtime *runtime, const char *service, char ***ret, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (runtime->containers->list(runtime, service, &out, err) < 0)
		return -1;
	*ret = split_names(out.data);
	return 0;
}

int runtime_standing_networks(struct runtime *runtime, char ***ret, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (runtime->containers->network_list(runtime, &out, err) < 0)
		return -1;
	*ret = split_names(out.data);
	return 0;
}

int container_attach(struct runtime *runtime, const char *name, struct container **ret, struct error **err)
{
	struct container *container = mem_alloc(sizeof(*container));

	container->runtime = runtime;
	container->name = mem_strdup(name);
	container->started = true;
	if (container_look(container, err) < 0) {
		container_leave(container);
		return -1;
	}
	*ret = container;
	return 0;
}

const char *container_service(const struct container *container)
{
	return container->seen.service;
}

const char *container_config(const struct container *container)
{
	return container->seen.config;
}

size_t container_ports(const struct container *container, struct container_port *ret, size_t max)
{
	size_t len = container->seen.ports_len < max ? container->seen.ports_len : max;

	for (size_t i = 0; i < len; i++) {
		const struct inspected_port *port = &container->seen.ports[i];

		ret[i] = (struct container_port){ port->inner, port->outer, port->host, port->udp };
	}
	return len;
}

int container_follow(struct container *container, bool from_first, const struct output *output, struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .output = output };
	unsigned lines = from_first ? ALL_LINES : 0;

	if (runtime->containers->follow)
		return runtime->containers->follow(container, lines, output, err);
	runtime->containers->logs(container, true, lines, &argv);
	spec.argv = (const char *const *)argv.items;
	return proc_run(runtime->loop, &spec, &result, err);
}

/* Stops those with the same signal in one command. */
static void signal_all(struct container *const *containers, size_t len)
{
	struct runtime *runtime = containers[0]->runtime;
	cleanup_free bool *told = mem_array(len + 1, sizeof(*told));

	for (size_t i = 0; i < len; i++) {
		const char *signal = containers[i]->seen.stop_signal ? containers[i]->seen.stop_signal : "SIGTERM";
		cleanup_argv struct argv names = { 0 };

		if (told[i] || !containers[i]->seen.running)
			continue;
		for (size_t j = i; j < len; j++) {
			const char *other = containers[j]->seen.stop_signal ? containers[j]->seen.stop_signal : "SIGTERM";

			if (strcmp(signal, other) != 0 || !containers[j]->seen.running)
				continue;
			told[j] = true;
			argv_add(&names, containers[j]->name);
		}
		/* It fails if one has ended meanwhile: they are removed next in any case. */
		runtime->containers->signal(runtime, signal, (const char *const *)names.items, NULL);
	}
}

static bool all_ended(struct container *const *containers, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct container *container = containers[i];

		/* Only looks at the process: asking the runtime takes too long. */
		if (container->seen.running &&
		    (container->pid_start == 0 || reap_start_time(container->seen.pid) == container->pid_start))
			return false;
	}
	return true;
}

static void wait_for_end(struct container *const *containers, size_t len, const atomic_bool *hurry)
{
	const struct timespec pause = { .tv_nsec = END_POLL_MS * 1000 * 1000 };
	uint64_t deadline = loop_now_ms() + END_GRACE_MS;

	while (!all_ended(containers, len) && loop_now_ms() < deadline && !atomic_load(hurry))
		nanosleep(&pause, NULL); /* loop_pause does not wait when the loop is cancelled */
}

int containers_end(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err)
{
	cleanup_argv struct argv names = { 0 };
	int r = 0;

	if (len == 0)
		return 0;
	signal_all(containers, len);
	wait_for_end(containers, len, hurry);
	for (size_t i = 0; i < len; i++)
		argv_add(&names, containers[i]->name);
	r = containers[0]->runtime->containers->remove(containers[0]->runtime, (const char *const *)names.items, err);
	for (size_t i = 0; i < len; i++) {
		containers[i]->started = false; /* it is gone */
		container_remove(containers[i], NULL);
	}
	return r;
}
