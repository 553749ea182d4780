#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/ops.h"

int runtime_network(struct runtime *runtime, char **ret_name, const struct output *output, struct error **err)
{
	cleanup_free char *name = command_name(runtime, NULL);
	cleanup_free char *label = mem_printf("--label=" RUNTIME_LABEL "=%s", runtime->owner);
	const char *const args[] = { "network", "create", label, name, NULL };

	if (runtime_command(runtime, args, output, false, NULL, err) < 0) {
		runtime_network_remove(runtime, name, NULL); /* it may have come to be before we were told to stop */
		return -1;
	}
	*ret_name = steal_ptr(name);
	return 0;
}

int runtime_network_remove(struct runtime *runtime, const char *name, struct error **err)
{
	const char *const args[] = { "network", "rm", name, NULL };

	return runtime_command(runtime, args, NULL, true, NULL, err);
}

/* Adds the names in `list`, one a line, whose cbuild is gone, to `args`. Returns whether there are any. */
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
