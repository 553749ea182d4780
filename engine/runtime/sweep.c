#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

/* Those of a list, one per line, whose cbuild is gone. */
static void add_abandoned(char *list, struct argv *names)
{
	char *rest = NULL;

	for (char *name = list ? strtok_r(list, "\n", &rest) : NULL; name; name = strtok_r(NULL, "\n", &rest))
		if (!command_owner_alive(name))
			argv_add(names, name);
}

int runtime_sweep(struct runtime *runtime, struct error **err)
{
	const struct container_ops *ops = runtime->containers;
	cleanup_argv struct argv containers = { 0 }, networks = { 0 };
	cleanup_buf struct buf out = { 0 };

	if (ops->list(runtime, NULL, &out, err) < 0)
		return -1;
	add_abandoned(out.data, &containers);
	if (containers.len > 0) {
		/* Those that have ended cannot get it, and podman would wait for the others. */
		ops->signal(runtime, "SIGKILL", (const char *const *)containers.items, NULL);
		if (ops->remove(runtime, (const char *const *)containers.items, err) < 0)
			return -1;
	}
	buf_reset(&out);
	if (ops->network_list(runtime, &out, err) < 0)
		return -1;
	add_abandoned(out.len > 0 ? out.data : NULL, &networks);
	for (size_t i = 0; i < networks.len; i++)
		if (ops->network_remove(runtime, networks.items[i], err) < 0)
			return -1;
	return 0;
}

int runtime_sweep_all(const char *owner, struct loop *loop, struct state *state, struct layout *layout, struct error **err)
{
	int r = 0;

	for (const char *const *name = runtime_names(); *name; name++) {
		struct runtime *runtime = NULL;
		struct error *error = NULL;

		/* If it cannot be used now, it cannot be asked. */
		if (runtime_open(*name, owner, loop, state, layout, NULL, &runtime, &error) < 0) {
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
