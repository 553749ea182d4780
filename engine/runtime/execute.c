#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

#define COMMAND_MS (120u * 1000) /* for a command other than `pull` and `load`, which transfer images */
#define CLEANUP_MS (20u * 1000)  /* to remove one thing, even when we are told to stop */

void runtime_complaint(struct buf *out, const char *tail)
{
	cleanup_free char *copy = mem_strdup(tail);
	char *rest = NULL;

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "time=\"", 6) == 0 || strncmp(line, "See 'docker", 11) == 0 ||
		    strncmp(line, "Run 'docker", 11) == 0)
			continue;
		if (strncmp(line, "Error: ", 7) == 0)
			line += 7;
		buf_printf(out, "%s%s", out->len > 0 ? "\n" : "", line);
	}
}

int runtime_failed(struct error **error, struct error **err)
{
	if ((*error)->cls == ERROR_BUILD)
		(*error)->cls = ERROR_TOOL;
	return error_move(err, error);
}

int runtime_command(struct runtime *runtime, const char *const *args, const struct output *output, bool cleanup,
		    struct buf *ret_out, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_buf struct buf complaint = { 0 };
	bool moves = strcmp(args[0], "pull") == 0 || strcmp(args[0], "load") == 0;
	struct proc_spec spec = { .capture = true, .output = output, .cleanup = cleanup };
	struct error *error = NULL;

	if (!runtime->program) {
		error_make(err, ERROR_TOOL, "the command %s is not installed, and no daemon listens on this machine",
			   runtime->name);
		error_remedy(err, "install it, or start the daemon");
		return -1;
	}
	command_begin(runtime, atomic_load(&runtime->quirks), &argv);
	for (size_t i = 0; args[i]; i++)
		argv_add(&argv, args[i]);
	spec.argv = (const char *const *)argv.items;
	spec.timeout_ms = cleanup ? CLEANUP_MS : moves ? 0 : COMMAND_MS;
	if (proc_run(runtime->loop, &spec, &result, &error) < 0)
		return runtime_failed(&error, err);
	if (result.status != 0) {
		runtime_complaint(&complaint, result.tail);
		return error_make(err, ERROR_TOOL, "%s %s failed with status %d%s%s", runtime->name, args[0],
				  result.status, complaint.len > 0 ? ": " : "", complaint.len > 0 ? complaint.data : "");
	}
	if (ret_out)
		buf_add(ret_out, result.out->data, result.out->len);
	return 0;
}
