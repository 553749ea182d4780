#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

/* What podman and docker have in common: their commands and what these print. */

#define START_MS (120u * 1000) /* for `run --detach` */
#define PUT_MS (120u * 1000)   /* for `cp` into a container */

/* Adds the names to a command and runs it, even when the loop is cancelled. */
static int with_names(struct runtime *runtime, struct argv *args, const char *const *names, struct error **err)
{
	for (; *names; names++)
		argv_add(args, *names);
	return runtime_command(runtime, (const char *const *)args->items, NULL, true, NULL, err);
}

static int start_command(struct container *container, const struct container_spec *spec, unsigned quirks,
			 const char *env_file, struct proc_result *ret, struct error **err)
{
	struct runtime *runtime = container->runtime;
	cleanup_argv struct argv argv = { 0 };
	char **env = environment_child(spec);
	struct proc_spec proc = { .env = (const char *const *)env,
				  .capture = true,
				  .cleanup = true,
				  .timeout_ms = START_MS };
	int r;

	command_run(runtime, quirks, spec, container->created,
		    spec->image_name ? spec->image_name : runtime_image_id(runtime, &container->image), container->name,
		    env_file, &argv);
	proc.argv = (const char *const *)argv.items;
	r = proc_run(runtime->loop, &proc, ret, err);
	environment_free(env);
	return r;
}

static int commands_run(struct container *container, const struct container_spec *spec, unsigned quirks,
			struct proc_result *ret, struct error **err)
{
	cleanup_free char *dir = NULL, *env_file = NULL;
	int r = environment_file(container->runtime, spec, &dir, &env_file, err);

	if (r == 0)
		r = start_command(container, spec, quirks, env_file, ret, err);
	if (dir)
		fs_remove_tree(dir, NULL);
	return r;
}

/* podman sets it up at once, too, so that what this machine's podman lacks is found now. */
int commands_create(struct container *container, const struct container_spec *spec, unsigned quirks,
		    struct proc_result *ret, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec proc = { .capture = true, .cleanup = true, .timeout_ms = START_MS };

	if (commands_run(container, spec, quirks, ret, err) < 0)
		return -1;
	if (ret->status != 0 || !container->runtime->ops->inits)
		return 0;
	proc_result_free(ret);
	command_begin(container->runtime, quirks, &argv);
	argv_add(&argv, "init");
	argv_add(&argv, container->name);
	proc.argv = (const char *const *)argv.items;
	return proc_run(container->runtime->loop, &proc, ret, err);
}

void commands_attach(struct container *container, struct argv *argv)
{
	command_begin(container->runtime, atomic_load(&container->runtime->quirks), argv);
	argv_add(argv, "start");
	argv_add(argv, "--attach");
	argv_add(argv, "--interactive");
	argv_add(argv, container->name);
}

static int commands_inspect(struct runtime *runtime, const char *name, struct inspected *ret, struct error **err)
{
	const char *const args[] = { "container", "inspect", name, NULL };
	cleanup_buf struct buf out = { 0 };

	if (runtime_command(runtime, args, NULL, true, &out, err) < 0)
		return -1;
	return inspect_parse(out.data ? out.data : "", out.len, ret, err);
}

void commands_exec(struct runtime *runtime, const char *name, enum exec_kind kind, struct argv *argv)
{
	command_begin(runtime, atomic_load(&runtime->quirks), argv);
	argv_add(argv, "exec");
	if (kind != EXEC_ALONE)
		argv_add(argv, "--interactive");
	if (kind == EXEC_TTY)
		argv_add(argv, "--tty");
	argv_add(argv, name);
}

static int commands_put(struct container *container, int tar, uint64_t len, struct error **err)
{
	void *bytes = mmap(NULL, len, PROT_READ, MAP_PRIVATE, tar, 0);
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec proc = { .input = bytes, .input_len = len, .timeout_ms = PUT_MS };
	struct error *error = NULL;
	int r;

	if (bytes == MAP_FAILED)
		return error_errno(err, ERROR_STATE, errno, "the files for %s", container->name);
	command_begin(container->runtime, atomic_load(&container->runtime->quirks), &argv);
	argv_add(&argv, "cp");
	argv_add(&argv, "-");
	argv_addf(&argv, "%s:/", container->name);
	proc.argv = (const char *const *)argv.items;
	r = proc_check(container->runtime->loop, &proc, ERROR_TOOL, &result, &error);
	munmap(bytes, len);
	return r < 0 ? runtime_failed(&error, err) : 0;
}

static void commands_logs(struct container *container, const struct container_output *what, struct argv *argv)
{
	command_begin(container->runtime, atomic_load(&container->runtime->quirks), argv);
	argv_add(argv, "logs");
	if (what->follow)
		argv_add(argv, "--follow");
	if (what->stamped)
		argv_add(argv, "--timestamps");
	if (what->since)
		argv_addf(argv, "--since=%s", what->since);
	if (what->lines != ALL_LINES)
		argv_addf(argv, "--tail=%u", what->lines);
	argv_add(argv, container->name);
}

static int commands_remove(struct runtime *runtime, const char *const *names, struct error **err)
{
	cleanup_argv struct argv args = { 0 };

	argv_add(&args, "rm");
	argv_add(&args, "-f");
	argv_add(&args, "-v");
	return with_names(runtime, &args, names, err);
}

/* Others may have the address in their hosts file, and a new start gives a new one. */
static int commands_keep_address(struct container *container, struct error **err)
{
	struct runtime *runtime = container->runtime;
	const struct inspected *seen = &container->seen;
	cleanup_free char *ip = mem_printf("--ip=%s", seen->ip ? seen->ip : "");
	cleanup_free char *alias = mem_printf("--alias=%s", seen->service ? seen->service : container->name);
	const char *const wait[] = { "wait", "--interval=20ms", container->name, NULL };
	const char *const clean[] = { "container", "cleanup", container->name, NULL };
	const char *const leave[] = { "network", "disconnect", seen->network, container->name, NULL };
	const char *const join[] = { "network", "connect", ip, alias, seen->network, container->name, NULL };

	if (runtime->ops->resolves || !seen->network)
		return 0;
	/* podman notices the end of the process a while later, then cleans up, and gives the address to nobody before. */
	if (runtime_command(runtime, wait, NULL, true, NULL, err) < 0 ||
	    runtime_command(runtime, clean, NULL, true, NULL, err) < 0 ||
	    runtime_command(runtime, leave, NULL, true, NULL, err) < 0)
		return -1;
	return runtime_command(runtime, join, NULL, true, NULL, err);
}

static int commands_start(struct runtime *runtime, const char *const *names, struct error **err)
{
	cleanup_argv struct argv args = { 0 };

	argv_add(&args, "start");
	return with_names(runtime, &args, names, err);
}

static int commands_signal(struct runtime *runtime, const char *signal, const char *const *names, struct error **err)
{
	cleanup_argv struct argv args = { 0 };

	argv_add(&args, "kill");
	argv_addf(&args, "--signal=%s", signal ? signal : "SIGTERM");
	return with_names(runtime, &args, names, err);
}

static int commands_list(struct runtime *runtime, const char *service, struct buf *ret, struct error **err)
{
	cleanup_free char *owner = mem_printf("--filter=label=" RUNTIME_LABEL "=%s", runtime->owner);
	cleanup_free char *of = service ? mem_printf("--filter=label=" RUNTIME_SERVICE "=%s", service) : NULL;
	const char *const args[] = { "ps", "-a", "--format={{.Names}}", owner, of, NULL };

	return runtime_command(runtime, args, NULL, true, ret, err);
}

static int commands_network_list(struct runtime *runtime, struct buf *ret, struct error **err)
{
	cleanup_free char *owner = mem_printf("--filter=label=" RUNTIME_LABEL "=%s", runtime->owner);
	const char *const args[] = { "network", "ls", "--format={{.Name}}", owner, NULL };

	return runtime_command(runtime, args, NULL, true, ret, err);
}

static int commands_network_add(struct runtime *runtime, const char *name, const struct output *output, struct error **err)
{
	cleanup_free char *label = mem_printf("--label=" RUNTIME_LABEL "=%s", runtime->owner);
	const char *const args[] = { "network", "create", label, name, NULL };

	return runtime_command(runtime, args, output, true, NULL, err);
}

static int commands_network_remove(struct runtime *runtime, const char *name, struct error **err)
{
	const char *const args[] = { "network", "rm", name, NULL };
	cleanup_free char *gone = mem_printf("network %s not found", name); /* as docker says it */
	struct error *error = NULL;

	if (runtime_command(runtime, args, NULL, true, NULL, &error) == 0)
		return 0;
	if (!strstr(error->message, ": network not found") &&
	    !strstr(error->message, gone)) /* another cbuild has removed it */
		return error_move(err, &error);
	error_free(error);
	return 0;
}

static int commands_describe(struct runtime *runtime, const char *name, struct runtime_pulled *ret, struct error **err)
{
	const char *const args[] = { "image", "inspect", name, NULL };
	cleanup_buf struct buf out = { 0 };

	if (runtime_command(runtime, args, NULL, false, &out, err) < 0)
		return -1;
	return pull_parse(out.data ? out.data : "", out.len, name, ret, err);
}

static int commands_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output,
			 struct error **err)
{
	cleanup_argv struct argv args = { 0 };

	argv_add(&args, "pull");
	if (insecure && runtime->ops->insecure)
		argv_add(&args, runtime->ops->insecure);
	argv_add(&args, name);
	return runtime_command(runtime, (const char *const *)args.items, output, false, NULL, err);
}

/* If somebody has given it a name meanwhile, it is theirs. */
static void commands_forget(struct runtime *runtime, const char *id)
{
	const char *const names[] = { "image", "inspect", "--format={{len .RepoTags}}", id, NULL };
	const char *const remove[] = { "rmi", id, NULL };
	cleanup_buf struct buf out = { 0 };

	if (runtime_command(runtime, names, NULL, true, &out, NULL) == 0 && strcmp(out.data ? out.data : "", "0\n") == 0)
		runtime_command(runtime, remove, NULL, true, NULL, NULL);
}

const struct container_ops container_commands = {
	.named = true,
	.run = commands_run,
	.create = commands_create,
	.attach = commands_attach,
	.inspect = commands_inspect,
	.exec = commands_exec,
	.put = commands_put,
	.logs = commands_logs,
	.stamps = true,
	.remove = commands_remove,
	.keep_address = commands_keep_address,
	.start = commands_start,
	.signal = commands_signal,
	.list = commands_list,
	.network_list = commands_network_list,
	.network_add = commands_network_add,
	.network_remove = commands_network_remove,
	.describe = commands_describe,
	.pull = commands_pull,
	.forget = commands_forget,
};
