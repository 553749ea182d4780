#include "config.h"

#include <unistd.h>

#include "base/error.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/running.h"
#include "engine/io/become.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime.h"

/* The runtime's command takes over this process: it has the terminal, gets the signals, and its status is the command's. */
int cmd_exec(const struct options *options, struct error **err)
{
	bool tty = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	cleanup_argv struct argv argv = { 0 };
	struct container *container;
	struct running_all running;
	int r;

	if (options->targets_len < 2)
		return error_make(err, ERROR_USAGE, "`cbuild exec` takes a service and a command: cbuild exec web sh");
	r = running_open(&running, options, 1, err);
	if (r == 0)
		r = running_one(&running, &container, err);
	if (r == 0)
		r = container_enter(container, options->targets + 1, tty, &argv, err);
	running_close(&running);
	return r < 0 ? -1 : become_program((const char *const *)argv.items, err);
}
