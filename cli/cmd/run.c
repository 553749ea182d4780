#include "config.h"

#include "base/error.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/up_services.h"
#include "cli/options.h"
#include "engine/io/become.h"
#include "engine/io/proc.h"

/* As for `exec`, the runtime's command takes over this process. */
int cmd_run(const struct options *options, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	int r;

	if (options->targets_len < 1)
		return error_make(err, ERROR_USAGE, "`cbuild run` takes a service and a command: cbuild run web sh");
	r = up_alone(options, &argv, err);
	return r != 0 ? r : become_program((const char *const *)argv.items, err);
}
