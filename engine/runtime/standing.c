#include "config.h"

#include <signal.h>
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
#define KILL_MS 2000 /* for what was killed to end */

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

const char *container_name(const struct container *container)
{
	return container->name;
}

int container_process(const struct container *container)
{
	return container->seen.pid;
}

const char *container_image(const struct container *container)
{
	return container->seen.image;
}

bool container_stamps(const struct container *container)
{
	return container->runtime->containers->stamps;
}

int container_print(struct container *container, const struct container_output *what, const struct output *output,
		    struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .output = output };

	if (runtime->containers->follow)
		return runtime->containers->follow(container, what, output, err);
	runtime->containers->logs(container, what, &argv);
	spec.argv = (const char *const *)argv.items;
	return proc_run(runtime->loop, &spec, &result, err);
}

/* Sends the signal `of` each container of the list that runs; those with the same one in one command. */
static void signal_all(struct container *const *containers, size_t len,
		       const char *(*of)(const struct container *container))
{
	struct runtime *runtime = containers[0]->runtime;
	cleanup_free bool *told = mem_array(len + 1, sizeof(*told));

	for (size_t i = 0; i < len; i++) {
		const char *signal = of(containers[i]);
		cleanup_argv struct argv names = { 0 };

		for (size_t j = i; signal && j < len; j++) {
			const char *other = told[j] ? NULL : of(containers[j]);

			if (!other || strcmp(signal, other) != 0)
				continue;
			told[j] = true;
			argv_add(&names, containers[j]->name);
		}
		/* It fails if one has ended meanwhile: they are removed next in any case. */
		if (names.len > 0)
			runtime->containers->signal(runtime, *signal ? signal : NULL, (const char *const *)names.items,
						    NULL);
	}
}

/* Looks at the process alone where it is visible: asking the runtime takes too long. */
static bool has_ended(struct container *container)
{
	bool running = container->seen.running;
	int status;

	if (running && container->pid_start > 0)
		return reap_start_time(container->seen.pid) != container->pid_start;
	return !running || container_state(container, &running, &status, NULL) < 0 || !running;
}

/* "SIGTERM", "TERM" or "15"; 0: another one. */
static int signal_number(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} known[] = { { "TERM", SIGTERM }, { "INT", SIGINT },   { "QUIT", SIGQUIT },  { "HUP", SIGHUP },
		      { "USR1", SIGUSR1 }, { "USR2", SIGUSR2 }, { "WINCH", SIGWINCH } };
	const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcmp(name, known[i].name) == 0 || atoi(text) == known[i].number)
			return known[i].number;
	return 0;
}

/* What it runs, as a program in a shell's command line, often has no handler: compose waits for its grace period in vain. */
static bool is_deaf(const struct container *container)
{
	const struct inspected *seen = &container->seen;
	int number = seen->stop_signal ? signal_number(seen->stop_signal) : SIGTERM;

	return seen->running && container->pid_start > 0 && number > 0 &&
	       reap_start_time(seen->pid) == container->pid_start && !reap_hears(seen->pid, number);
}

/* "": what the image says. */
static const char *gentle(const struct container *container)
{
	const char *signal = container->seen.stop_signal;

	return container->seen.running && container->seen.grace_s > 0 && !container->deaf ? signal ? signal : "" : NULL;
}

static const char *deadly(const struct container *container)
{
	return container->late ? "SIGKILL" : NULL;
}

static bool hurried(const struct container *container, const atomic_bool *hurry)
{
	return hurry ? atomic_load(hurry) : loop_cancelled(container->runtime->loop);
}

/* Kills those that take longer than they may; those that get no time only where they are not killed by being removed. True when
 * none is left. */
static bool kill_late(struct container *const *containers, size_t len, bool removed, uint64_t took_ms)
{
	bool any = false, late = false;

	for (size_t i = 0; i < len; i++) {
		unsigned grace_s = containers[i]->seen.grace_s;
		bool ended = (removed && grace_s == 0) || has_ended(containers[i]);

		containers[i]->late = !ended && !containers[i]->killed &&
				      (containers[i]->deaf || took_ms >= grace_s * UINT64_C(1000));
		containers[i]->killed = containers[i]->killed || containers[i]->late;
		late = late || containers[i]->late;
		any = any || !ended;
	}
	if (late)
		signal_all(containers, len, deadly);
	return !any;
}

static void stop_all(struct container *const *containers, size_t len, bool removed, const atomic_bool *hurry)
{
	const struct timespec pause = { .tv_nsec = END_POLL_MS * 1000 * 1000 };
	uint64_t start = loop_now_ms(), took = 0, most = 0;

	for (size_t i = 0; i < len; i++) {
		most = containers[i]->seen.grace_s > most ? containers[i]->seen.grace_s : most;
		containers[i]->deaf = is_deaf(containers[i]);
	}
	signal_all(containers, len, gentle);
	while (!kill_late(containers, len, removed, took) && took < most * 1000 + KILL_MS) {
		nanosleep(&pause, NULL); /* loop_pause does not wait when the loop is cancelled */
		took = hurried(containers[0], hurry) ? UINT64_MAX : loop_now_ms() - start;
	}
}

int containers_stop(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err)
{
	if (len == 0)
		return 0;
	stop_all(containers, len, false, hurry);
	for (size_t i = 0; i < len; i++)
		if (!has_ended(containers[i]))
			return error_make(err, ERROR_TOOL, "%s does not end the container %s",
					  containers[i]->runtime->name, containers[i]->name);
	for (size_t i = 0; i < len && containers[i]->runtime->containers->keep_address; i++)
		if (containers[i]->runtime->containers->keep_address(containers[i], err) < 0)
			return -1;
	return 0;
}

int containers_restart(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err)
{
	cleanup_argv struct argv names = { 0 };

	if (containers_stop(containers, len, hurry, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		argv_add(&names, containers[i]->name);
	return len == 0 ? 0
			: containers[0]->runtime->containers->start(containers[0]->runtime,
								    (const char *const *)names.items, err);
}

int containers_end(struct container *const *containers, size_t len, const atomic_bool *hurry, struct error **err)
{
	cleanup_argv struct argv names = { 0 };
	int r = 0;

	if (len == 0)
		return 0;
	stop_all(containers, len, true, hurry);
	for (size_t i = 0; i < len; i++)
		argv_add(&names, containers[i]->name);
	r = containers[0]->runtime->containers->remove(containers[0]->runtime, (const char *const *)names.items, err);
	for (size_t i = 0; i < len; i++) {
		containers[i]->started = false; /* it is gone */
		container_remove(containers[i], NULL);
	}
	return r;
}
