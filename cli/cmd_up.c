#include "config.h"

#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/up.h"

int cmd_up(const struct options *options, struct error **err)
{
	return up_services(options, options->detach, err);
}
