#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime_ops.h"

int runtime_network(struct runtime *runtime, char **ret_name, const struct output *output, struct error **err)
{
	cleanup_free char *name = command_name(runtime, NULL);

	if (loop_cancelled(runtime->loop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	/* As with containers: let it finish what it has begun, and remove it then. */
	if (runtime->containers->network_add(runtime, name, output, err) < 0) {
		runtime_network_remove(runtime, name, NULL);
		return -1;
	}
	*ret_name = steal_ptr(name);
	return 0;
}

int runtime_network_remove(struct runtime *runtime, const char *name, struct error **err)
{
	return runtime->containers->network_remove(runtime, name, err);
}
