#include "config.h"

#include <unistd.h>

#include "base/error.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/up_services.h"
#include "cli/options.h"

/* `w` goes on as `watch --run`, which keeps what runs. */
int cmd_up(const struct options *options, struct error **err)
{
	bool keys = !options->detach && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	struct options again = *options;
	char key = 0;
	int r;

	if (options->watch && options->detach)
		return error_make(err, ERROR_USAGE, "--watch keeps running, and --detach does not");
	r = options->watch ? 0 : up_services(options, options->detach, keys ? &key : NULL, err);
	if (r != 0 || (key != 'w' && !options->watch))
		return r;
	again.run = true;
	return cmd_watch(&again, err);
}
