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
	int r = up_services(options, options->detach, keys ? &key : NULL, err);

	if (r != 0 || key != 'w')
		return r;
	again.run = true;
	return cmd_watch(&again, err);
}
