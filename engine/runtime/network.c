#include "config.h"


#include "base/error.h"
#include "base/mem.h"
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
