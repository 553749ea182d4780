#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime_ops.h"

int runtime_network(struct runtime *runtime, char **ret_name, const struct output *output, struct error **err)
{
	cleanup_free char *name = command_name(runtime, NULL);
	cleanup_free char *label = mem_printf("--label=" RUNTIME_LABEL "=%s", runtime->owner);
	const char *const args[] = { "network", "create", label, name, NULL };

	if (loop_cancelled(runtime->loop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	/* As with containers: let it finish what it has begun, and remove it then. */
	if (runtime_command(runtime, args, output, true, NULL, err) < 0) {
		runtime_network_remove(runtime, name, NULL);
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
