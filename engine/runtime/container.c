#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/loop.h"
#include "engine/io/netns.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime_ops.h"

#define ATTEMPTS 6           /* to start it, each with another quirk */
#define INSPECT_EVERY_MS 250 /* if the process is not visible from here */
#define LOGS_MS (10u * 1000)

static int container_inspect(struct container *container, struct error **err)
{
	struct runtime *runtime = container->runtime;
	struct inspected seen;

	if (runtime->containers->inspect(runtime, container->name, &seen, err) < 0)
		return -1;
	if (container->inspected_ms == 0) {
		container->seen = seen;
	} else {
		/* Addresses may be borrowed, so they are never changed. */
		container->renewed = seen.running && seen.pid != container->seen.pid;
		container->seen.running = seen.running;
		container->seen.again = seen.again;
		container->seen.status = seen.status;
		inspected_free(&seen);
	}
	container->inspected_ms = loop_now_ms();
	return 0;
}

/* The image cannot be started; the runtime itself works. */
static bool image_at_fault(const char *text)
{
	static const char *const signs[] = {
		"exec: \"",
		"xecutable",
		"exec format error",
		"unable to find user",
		"unable to find group",
		"no command",
		"no entrypoint",
		"no matching entries in passwd",
		"no matching entries in group",
	};

	if (strstr(text, "rlimit"))
		return false;
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		if (strstr(text, signs[i]))
			return true;
	}
	return false;
}

static int remove_one(struct runtime *runtime, const char *name, struct error **err)
{
	const char *const names[] = { name, NULL };

	return runtime->containers->remove(runtime, names, err);
}

/* What a failed start left: with a name that was given, it may be somebody else's. */
static void remove_failed(struct container *container, const struct container_spec *spec)
{
	struct runtime *runtime = container->runtime;
	struct inspected seen = { 0 };
	bool given = spec->container && runtime->containers->named;
	bool ours = !given || (runtime->containers->inspect(runtime, container->name, &seen, NULL) == 0 &&
			       text_same(seen.owner, runtime->owner));

	inspected_free(&seen);
	if (ours)
		remove_one(runtime, container->name, NULL);
}

/*
 * Starts it with one set of quirks. 1: another set, now in *quirks, may work. A cancel does not end the command: if
 * podman is killed while it sets up a network, it leaves a namespace and an interface that removing the container does
 * not remove. So it may finish, and then the container is removed.
 */
static int run_once(struct container *container, const struct container_spec *spec, unsigned *quirks, struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_proc struct proc_result result = { 0 };
	cleanup_buf struct buf complaint = { 0 };
	struct error *error = NULL;
	unsigned next;
	bool fault;

	if (loop_cancelled(runtime->loop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	if ((container->created ? runtime->containers->create : runtime->containers->run)(container, spec, *quirks,
											  &result, &error) < 0) {
		remove_failed(container, spec);
		return runtime_failed(&error, err);
	}
	if (result.status == 0)
		return 0;
	remove_failed(container, spec);
	if (taken_port(spec, result.tail, err) < 0)
		return -1;
	fault = image_at_fault(result.tail);
	next = fault ? *quirks : runtime->ops->adapt(*quirks, result.tail);
	runtime_complaint(&complaint, result.tail);
	error_make(err, fault ? ERROR_HEALTH : ERROR_TOOL, "%s cannot start the container (status %d): %s",
		   runtime->name, result.status, complaint.data ? complaint.data : "it gave no reason");
	if (next == *quirks)
		return -1;
	*quirks = next;
	return 1;
}

/* Attempts are silent; the error says what went wrong. The first failure is reported: later ones are often caused
 * by the attempts themselves. */
static int container_run(struct container *container, const struct container_spec *spec, struct error **err)
{
	unsigned known = atomic_load(&container->runtime->quirks), quirks = known;
	cleanup_error struct error *first = NULL;
	int r = 1;

	for (int i = 0; r > 0 && i < ATTEMPTS; i++) {
		struct error *error = NULL;

		r = run_once(container, spec, &quirks, &error);
		if (r < 0 && error->cls != ERROR_TOOL) {
			error_free(first);
			first = steal_ptr(error);
		} else if (r != 0 && !first) {
			first = steal_ptr(error);
		}
		error_free(error);
	}
	if (r != 0)
		return error_move(err, &first);
	if (quirks != known)
		container->runtime->ops->learn(container->runtime, quirks);
	return 0;
}

static int container_own_start(struct container *container, const struct container_spec *spec,
			       const struct output *output, struct error **err)
{
	struct runtime *runtime = container->runtime;

	if (spec->container && runtime->containers->named && taken_name(runtime, spec->container, err) < 0)
		return -1;
	if (runtime_image_acquire(runtime, &container->image, output, err) < 0)
		return -1;
	container->acquired = true;
	if (container_run(container, spec, err) < 0)
		return -1;
	container->started = true;
	if (loop_cancelled(runtime->loop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	return container_look(container, err);
}

int container_look(struct container *container, struct error **err)
{
	const struct runtime *runtime = container->runtime;

	if (container_inspect(container, err) < 0)
		return -1;
	container->direct = container->seen.host_network ||
			    (runtime->bridged && container->seen.gateway && inspect_ours(container->seen.gateway));
	if (container->seen.pid > 0 && (container->direct || runtime->local))
		container->pid_start = reap_start_time(container->seen.pid);
	return 0;
}

static struct container *container_new(struct runtime *runtime, const struct container_spec *spec)
{
	struct container *container = mem_alloc(sizeof(*container));

	container->runtime = runtime;
	container->image.identity = mem_strdup(spec->image.identity);
	container->image.digest = spec->image.digest ? mem_strdup(spec->image.digest) : NULL;
	container->name = spec->container && runtime->containers->named ? mem_strdup(spec->container)
									: command_name(runtime, spec->name);
	return container;
}

int container_create(struct runtime *runtime, const struct container_spec *spec, const struct output *output,
		     struct argv *ret, struct error **err)
{
	struct container *container;
	int r;

	if (!runtime->containers->create || !runtime->program) {
		error_make(err, ERROR_TOOL, "%s cannot run a service in the foreground", runtime->name);
		error_remedy(err, "use podman's or docker's command: --runtime=podman");
		return -1;
	}
	container = container_new(runtime, spec);
	container->created = true;
	r = runtime_image_acquire(runtime, &container->image, output, err);
	if (r == 0)
		r = container_run(container, spec, err);
	if (r == 0)
		runtime->containers->attach(container, ret);
	container_leave(container);
	return r;
}

int container_start(struct runtime *runtime, const struct container_spec *spec, const struct output *output,
		    struct container **ret, struct error **err)
{
	struct container *container = container_new(runtime, spec);

	if (container_own_start(container, spec, output, err) < 0) {
		container_remove(container, NULL);
		return -1;
	}
	*ret = container;
	return 0;
}

int container_address(struct container *container, uint16_t port, const char **ret_host, uint16_t *ret_port,
		      struct error **err)
{
	const struct inspected *seen = &container->seen;

	if (seen->host_network || (container->direct && seen->ip)) {
		*ret_host = seen->host_network ? "127.0.0.1" : seen->ip;
		*ret_port = port;
		return 0;
	}
	for (size_t i = 0; i < seen->ports_len; i++) {
		if (seen->ports[i].inner == port && !seen->ports[i].udp) {
			*ret_host = seen->ports[i].host;
			*ret_port = seen->ports[i].outer;
			return 0;
		}
	}
	if (!seen->running)
		return error_make(err, ERROR_HEALTH, "the container ended at once, with status %d", seen->status);
	return error_make(err, ERROR_TOOL, "%s gives the container no address for port %u", container->runtime->name,
			  port);
}

bool container_direct(const struct container *container)
{
	return container->direct;
}

int container_netns(const struct container *container)
{
	return container->pid_start > 0 && reap_start_time(container->seen.pid) == container->pid_start
		       ? netns_open(container->seen.pid)
		       : -1;
}

enum listener container_listens(struct container *container, uint16_t port)
{
	enum listener listener = container->pid_start > 0 ? listen_look(container->seen.pid, port) : LISTENER_UNKNOWN;
	bool loopback = listener == LISTENER_LOOPBACK || listener == LISTENER_LOOPBACK6;

	return loopback && container->seen.host_network ? LISTENER_ANY : listener;
}

const char *container_ip(const struct container *container)
{
	return container->seen.ip;
}

int container_state(struct container *container, bool *ret_running, int *ret_status, struct error **err)
{
	struct inspected *seen = &container->seen;
	bool look = seen->running || seen->again;

	if (seen->running && container->pid_start > 0)
		look = reap_start_time(seen->pid) != container->pid_start;
	else if (look)
		look = loop_now_ms() - container->inspected_ms >= INSPECT_EVERY_MS;
	if (look && container_inspect(container, err) < 0)
		return -1;
	*ret_running = seen->running || seen->again;
	*ret_status = seen->status;
	return 0;
}

bool container_same(const struct container *a, const struct container *b)
{
	return text_same(a->seen.id, b->seen.id) && strcmp(a->name, b->name) == 0;
}

void container_move(struct container *container, struct runtime *runtime)
{
	container->runtime = runtime;
	container->acquired = false; /* the former one held its image */
}

bool container_renewed(const struct container *container)
{
	return container->renewed;
}

int container_healthcheck(struct container *container, const char *const *words, uint64_t timeout_ms, bool *ret_healthy,
			  struct buf *ret_said, struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .timeout_ms = timeout_ms };
	struct error *error = NULL;

	*ret_healthy = false;
	if (runtime->containers->healthy)
		return runtime->containers->healthy(container, words, timeout_ms, ret_healthy, ret_said, err);
	runtime->containers->exec(runtime, container->name, EXEC_ALONE, &argv);
	for (size_t i = 0; words[i]; i++)
		argv_add(&argv, words[i]);
	spec.argv = (const char *const *)argv.items;
	if (proc_run(runtime->loop, &spec, &result, &error) < 0) {
		if (error->cls != ERROR_BUILD) /* that is: it timed out */
			return error_move(err, &error);
		error_free(error);
		container_say_slow(ret_said, timeout_ms);
		return 0;
	}
	*ret_healthy = result.status == 0;
	buf_str(ret_said, result.tail);
	return 0;
}

void container_say_slow(struct buf *ret_said, uint64_t timeout_ms)
{
	buf_printf(ret_said, "it did not end within %llu ms\n", (unsigned long long)timeout_ms);
}

int container_put(struct container *container, int tar, uint64_t len, struct error **err)
{
	const struct runtime *runtime = container->runtime;

	if (!runtime->containers->put)
		return error_make(err, ERROR_TOOL, "%s cannot copy files into a running container", runtime->name);
	return runtime->containers->put(container, tar, len, err);
}

int container_enter(struct container *container, const char *const *words, bool tty, struct argv *ret, struct error **err)
{
	struct runtime *runtime = container->runtime;

	if (!runtime->program) {
		error_make(err, ERROR_TOOL, "the command %s is not installed: commands in containers need it",
			   runtime->name);
		error_remedy(err, "install it");
		return -1;
	}
	runtime->containers->exec(runtime, container->name, tty ? EXEC_TTY : EXEC_INPUT, ret);
	for (; *words; words++)
		argv_add(ret, *words);
	return 0;
}

int container_logs(struct container *container, unsigned lines, struct buf *ret, struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .timeout_ms = LOGS_MS };

	if (runtime->containers->print)
		return runtime->containers->print(container, lines, ret, err);
	runtime->containers->logs(container, &(struct container_output){ .lines = lines }, &argv);
	spec.argv = (const char *const *)argv.items;
	/* Both streams: the tail holds their last lines. */
	if (proc_run(runtime->loop, &spec, &result, err) < 0)
		return -1;
	if (result.status != 0)
		return error_make(err, ERROR_TOOL, "%s exited with status %d: %s", argv.items[0], result.status,
				  result.tail);
	buf_str(ret, result.tail);
	return 0;
}

int container_remove(struct container *container, struct error **err)
{
	int r = 0;

	if (!container)
		return 0;
	if (container->started) { /* if it was not started, there is nothing to remove */
		const char *const names[] = { container->name, NULL };

		if (container->seen.grace_s > 0) /* podman's rm would wait */
			container->runtime->containers->signal(container->runtime, "SIGKILL", names, NULL);
		r = remove_one(container->runtime, container->name, err);
	}
	if (container->acquired)
		runtime_image_release(container->runtime, &container->image);
	container_leave(container);
	return r;
}

void container_leave(struct container *container)
{
	if (!container)
		return;
	inspected_free(&container->seen);
	free((char *)container->image.identity);
	free((char *)container->image.digest);
	free(container->name);
	free(container);
}
