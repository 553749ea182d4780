#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

#define START_MS (120u * 1000)

static int write_private(const char *dir, const char *name, const struct buf *text, struct error **err)
{
	cleanup_free char *path = path_join(dir, name);
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot write %s", path);
	/* The container's users read its hosts. */
	if (strcmp(name, "hosts") == 0 && fchmod(fd, 0644) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return fs_write_all(fd, text->data ? text->data : "", text->len, path, err);
}

static char *published_ports(const struct container_spec *spec)
{
	struct buf text = { 0 };

	for (size_t i = 0; i < spec->publish_len; i++)
		buf_printf(&text, "%s%u/%s", i ? " " : "", spec->publish[i].inner, spec->publish[i].udp ? "udp" : "tcp");
	return buf_steal(&text);
}

static const char *label_of(const struct container_spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->labels_len; i++)
		if (strcmp(spec->labels[i].key, key) == 0)
			return spec->labels[i].value;
	return NULL;
}

/* Notes it before anything is made, so that the next run finds what a killed one left, and again with its address. */
static int join_network(struct container *container, const struct container_spec *spec, char **ret_ip, struct error **err)
{
	struct runtime *runtime = container->runtime;
	const char *name = container->name;
	cleanup_free char *own = spec->network ? NULL : mem_printf("%s.net", name);
	cleanup_free char *ports = published_ports(spec), *gateway = NULL;
	struct ctr_note note = { .owner = runtime->owner,
				 .address = runtime->socket,
				 .space = runtime->space,
				 .service = (char *)label_of(spec, RUNTIME_SERVICE),
				 .config = (char *)label_of(spec, RUNTIME_CONFIG),
				 .network = spec->network ? (char *)spec->network : own,
				 .ports = ports,
				 .stop_signal = (char *)spec->stop_signal,
				 .grace_s = spec->grace_s,
				 .status = CTR_UNKNOWN };

	if (ctr_note_write(name, &note, err) < 0)
		return -1;
	if (own && ctr_network_add(runtime, own, NULL, err) < 0)
		return -1;
	if (ctr_network_join(runtime, note.network, name, spec->ip, ret_ip, &gateway, err) < 0)
		return -1;
	note.ip = *ret_ip;
	note.gateway = gateway;
	return ctr_note_write(name, &note, err);
}

static int write_files(const struct container_spec *spec, const char *dir, const char *ip, bool *ret_environment,
		       struct error **err)
{
	cleanup_buf struct buf hosts = { 0 }, environment = { 0 };

	ctr_hosts(spec, ip, &hosts);
	if (ctr_environment(spec, &environment, err) < 0 || write_private(dir, "hosts", &hosts, err) < 0)
		return -1;
	*ret_environment = environment.len > 0;
	return *ret_environment ? write_private(dir, "env", &environment, err) : 0;
}

static int ctr_start(struct runtime *runtime, const struct container_spec *spec, const struct ctr_start *start,
		     struct proc_result *ret, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec proc = { .capture = true, .cleanup = true, .timeout_ms = START_MS };

	if (ctr_run_args(runtime, spec, start, &argv, err) < 0)
		return -1;
	proc.argv = (const char *const *)argv.items;
	if (proc_run(runtime->loop, &proc, ret, err) < 0)
		return -1;
	if (ret->status == 0 || !strstr(ret->tail, "not defined: -user"))
		return 0;
	error_make(err, ERROR_TOOL, "this ctr cannot start a container as the user %s", spec->user);
	error_remedy(err, "containerd 1.7 has a ctr that can; or use another runtime: --runtime=podman");
	return -1;
}

static int run_image(struct container *container, const struct container_spec *spec, const char *ip,
		     struct proc_result *ret, struct error **err)
{
	struct runtime *runtime = container->runtime;
	const char *id = runtime_image_id(runtime, &container->image);
	cleanup_free char *dir = ctr_note_dir(container->name), *image = NULL, *env = path_join(dir, "env");
	cleanup_json struct json *config = NULL;
	cleanup_free const char **words = NULL;
	struct ctr_start start = { .name = container->name, .dir = dir };
	int r;

	if (ctr_image_named(runtime, id, &image, err) < 0)
		return -1;
	if (!image)
		return error_make(err, ERROR_TOOL, "%s does not have the image %s", runtime->name, id);
	if (spec->entrypoint || spec->command) {
		if (ctr_image_config(runtime, id, &config, err) < 0)
			return -1;
		start.words = words = ctr_words(spec, json_get(config, "config"));
	}
	start.image = image;
	if (write_files(spec, dir, ip, &start.environment, err) < 0)
		return -1;
	r = ctr_start(runtime, spec, &start, ret, err);
	if (start.environment)
		unlink(env);
	return r;
}

static int ctr_run(struct container *container, const struct container_spec *spec, unsigned quirks,
		   struct proc_result *ret, struct error **err)
{
	cleanup_free char *ip = NULL;

	(void)quirks;
	if (join_network(container, spec, &ip, err) < 0)
		return -1;
	return run_image(container, spec, ip, ret, err);
}

static void note_ports(const struct ctr_note *note, struct inspected *ret)
{
	size_t cap = 0;

	for (const char *at = note->ports ? note->ports : ""; *at; at += strcspn(at, " "), at += *at == ' ') {
		struct inspected_port *port;

		mem_reserve(&ret->ports, &cap, ret->ports_len + 1, sizeof(*ret->ports));
		port = &ret->ports[ret->ports_len++];
		port->inner = port->outer = (uint16_t)strtoul(at, NULL, 10);
		port->udp = strncmp(at + strspn(at, "0123456789"), "/udp", 4) == 0;
		port->host = mem_strdup(note->ip);
	}
}

/* Removing an ended task is how ctr tells its status; it is noted, because it is told only once. */
static int note_status(struct runtime *runtime, const char *name, struct ctr_note *note, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .cleanup = true, .timeout_ms = START_MS };

	ctr_begin(runtime, note->space, &argv);
	argv_add(&argv, "tasks");
	argv_add(&argv, "delete");
	argv_add(&argv, name);
	spec.argv = (const char *const *)argv.items;
	if (proc_run(runtime->loop, &spec, &result, err) < 0)
		return -1;
	/* If it complains about something else, somebody else was first. */
	note->status = ctr_ended_status(result.status, result.tail);
	if (note->status == CTR_UNKNOWN)
		return 0;
	return ctr_note_write(name, note, err);
}

static int ctr_inspect(struct runtime *runtime, const char *name, struct inspected *ret, struct error **err)
{
	cleanup_note struct ctr_note note = { 0 };
	cleanup_buf struct buf tasks = { 0 };
	bool found, running = false;
	int pid = 0;

	*ret = (struct inspected){ 0 };
	if (ctr_note_read(name, &found, &note, err) < 0)
		return -1;
	if (!found)
		return error_make(err, ERROR_TOOL, "the container %s is gone", name);
	if (ctr_do(runtime, note.space, (const char *const[]){ "tasks", "list", NULL }, CTR_CLEANS, NULL, &tasks, err) < 0)
		return -1;
	if (ctr_task_find(tasks.data, name, &pid, &running) && !running && note_status(runtime, name, &note, err) < 0)
		return -1;
	ret->running = running;
	ret->pid = running ? pid : 0;
	ret->status = note.status;
	ret->service = steal_ptr(note.service);
	ret->config = steal_ptr(note.config);
	ret->stop_signal = steal_ptr(note.stop_signal);
	ret->grace_s = note.grace_s;
	if (note.ip)
		note_ports(&note, ret);
	ret->ip = steal_ptr(note.ip);
	ret->gateway = steal_ptr(note.gateway);
	return 0;
}

/* Each command inside has a name of its own. */
static void ctr_exec(struct runtime *runtime, const char *name, enum exec_kind kind, struct argv *argv)
{
	cleanup_note struct ctr_note note = { 0 };
	bool found;

	ctr_note_read(name, &found, &note, NULL);
	ctr_begin(runtime, note.space ? note.space : runtime->space, argv);
	argv_add(argv, "tasks");
	argv_add(argv, "exec");
	if (kind == EXEC_TTY)
		argv_add(argv, "--tty");
	argv_addf(argv, "--exec-id=%s-%u", runtime->process, atomic_fetch_add(&runtime->names, 1));
	argv_add(argv, name);
}

/* The shim writes its output to a file. */
static void ctr_logs(struct container *container, const struct container_output *what, struct argv *argv)
{
	cleanup_free char *dir = ctr_note_dir(container->name);

	argv_add(argv, "tail");
	if (what->lines == ALL_LINES)
		argv_add(argv, "--lines=+1");
	else
		argv_addf(argv, "--lines=%u", what->lines);
	if (what->follow) {
		argv_add(argv, "--follow");
		argv_add(argv, "--sleep-interval=0.1");
		argv_addf(argv, "--pid=%d", container->seen.pid);
	}
	argv_addf(argv, "%s/log", dir);
}

static bool is_missing(const struct error *error)
{
	return strstr(error->message, "not found") != NULL;
}

/* Not finding it is fine. */
static int remove_with(struct runtime *runtime, const char *space, const char *const *args, struct error **err)
{
	struct error *error = NULL;

	if (ctr_do(runtime, space, args, CTR_CLEANS, NULL, NULL, &error) == 0)
		return 0;
	if (!is_missing(error))
		return error_move(err, &error);
	error_free(error);
	return 0;
}

static int remove_container(struct runtime *runtime, const char *name, struct error **err)
{
	cleanup_note struct ctr_note note = { 0 };
	cleanup_free char *own = mem_printf("%s.net", name);
	const char *const task[] = { "tasks", "delete", "--force", name, NULL };
	const char *const itself[] = { "containers", "delete", name, NULL };
	bool found;

	if (ctr_note_read(name, &found, &note, err) < 0)
		return -1;
	if (!found)
		return 0;
	/* Its status is that of the container, so only removing the container tells. */
	ctr_do(runtime, note.space, task, CTR_CLEANS, NULL, NULL, NULL);
	if (remove_with(runtime, note.space, itself, err) < 0 || ctr_network_leave(runtime, name, err) < 0)
		return -1;
	if (note.network && strcmp(note.network, own) == 0 && ctr_network_remove(runtime, own, err) < 0)
		return -1;
	return ctr_note_remove(name, err);
}

static int ctr_remove(struct runtime *runtime, const char *const *names, struct error **err)
{
	int r = 0;

	for (; *names; names++)
		r = remove_container(runtime, *names, r == 0 ? err : NULL) < 0 ? -1 : r;
	return r;
}

/* Without a signal, ctr sends the one that the image names. */
static int ctr_signal(struct runtime *runtime, const char *signal, const char *const *names, struct error **err)
{
	cleanup_free char *option = signal ? mem_printf("--signal=%s", signal) : NULL;
	int r = 0;

	for (; *names; names++) {
		cleanup_note struct ctr_note note = { 0 };
		const char *const args[] = { "tasks", "kill", option ? option : *names, option ? *names : NULL, NULL };
		bool found = false;

		if (ctr_note_read(*names, &found, &note, err) < 0 ||
		    (found && ctr_do(runtime, note.space, args, CTR_CLEANS, NULL, NULL, err) < 0))
			r = -1;
	}
	return r;
}

/* Its ended task is removed first; how that ended does not matter any more. */
static int ctr_start_again(struct runtime *runtime, const char *const *names, struct error **err)
{
	int r = 0;

	for (; *names; names++) {
		cleanup_note struct ctr_note note = { 0 };
		cleanup_free char *dir = ctr_note_dir(*names), *log = mem_printf("--log-uri=file://%s/log", dir);
		const char *const task[] = { "tasks", "delete", *names, NULL };
		const char *const start[] = { "tasks", "start", "--detach", log, *names, NULL };
		bool found = false;

		if (ctr_note_read(*names, &found, &note, r == 0 ? err : NULL) < 0) {
			r = -1;
			continue;
		}
		note.status = CTR_UNKNOWN;
		ctr_do(runtime, note.space, task, CTR_CLEANS, NULL, NULL, NULL);
		if (found && (ctr_note_write(*names, &note, r == 0 ? err : NULL) < 0 ||
			      ctr_do(runtime, note.space, start, CTR_CLEANS, NULL, NULL, r == 0 ? err : NULL) < 0))
			r = -1;
	}
	return r;
}

static int ctr_list(struct runtime *runtime, const char *service, struct buf *ret, struct error **err)
{
	return ctr_note_list(runtime, false, service, ret, err);
}

const struct container_ops container_ctr = {
	.few_settings = true,
	.run = ctr_run,
	.inspect = ctr_inspect,
	.exec = ctr_exec,
	.logs = ctr_logs,
	.remove = ctr_remove,
	.start = ctr_start_again,
	.signal = ctr_signal,
	.list = ctr_list,
	.network_list = ctr_network_list,
	.network_add = ctr_network_add,
	.network_remove = ctr_network_remove,
	.describe = ctr_describe,
	.pull = ctr_pull,
	.forget = ctr_forget,
};
