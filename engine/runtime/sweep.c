#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

/* Adds the names in `list`, one per line, whose cbuild is gone, to `args`. Returns whether there are any. */
static bool add_abandoned(char *list, struct argv *args)
{
	char *rest = NULL;
	bool any = false;

	for (char *name = strtok_r(list, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
		if (command_owner_alive(name))
			continue;
		argv_add(args, name);
		any = true;
	}
	return any;
}

int runtime_sweep(struct runtime *runtime, struct error **err)
{
	cleanup_free char *filter = mem_printf("--filter=label=" RUNTIME_LABEL "=%s", runtime->owner);
	const char *const containers[] = { "ps", "-a", filter, "--format={{.Names}}", NULL };
	const char *const networks[] = { "network", "ls", filter, "--format={{.Name}}", NULL };
	cleanup_argv struct argv remove = { 0 }, disconnect = { 0 };
	cleanup_buf struct buf out = { 0 };

	argv_add(&remove, "rm");
	argv_add(&remove, "-f");
	argv_add(&remove, "-v");
	argv_add(&disconnect, "network");
	argv_add(&disconnect, "rm");
	if (runtime_command(runtime, containers, NULL, false, &out, err) < 0)
		return -1;
	if (out.data && add_abandoned(out.data, &remove) &&
	    runtime_command(runtime, (const char *const *)remove.items, NULL, true, NULL, err) < 0)
		return -1;
	buf_reset(&out);
	if (runtime_command(runtime, networks, NULL, false, &out, err) < 0)
		return -1;
	if (out.data && add_abandoned(out.data, &disconnect))
		return runtime_command(runtime, (const char *const *)disconnect.items, NULL, true, NULL, err);
	return 0;
}

int runtime_sweep_all(const char *owner, struct loop *loop, struct state *state, struct layout *layout, struct error **err)
{
	int r = 0;

	for (const char *const *name = runtime_names(); *name; name++) {
		struct runtime *runtime = NULL;
		struct error *error = NULL;

		/* If it cannot be used now, it cannot be asked. */
		if (runtime_open(*name, owner, loop, state, layout, &runtime, &error) < 0) {
			bool cancelled = error->cls == ERROR_CANCELLED;

			if (cancelled)
				return error_move(err, &error);
			error_free(error);
			continue;
		}
		if (runtime_sweep(runtime, err) < 0)
			r = -1;
		runtime_free(runtime);
	}
	return r;
}
