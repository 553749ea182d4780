#include "config.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

static const char examples[] = "Examples:\n"
			       "  cbuild all --platforms linux/amd64,linux/arm64   everything, for both platforms\n"
			       "  cbuild control-plane                             one service and what it needs\n"
			       "  cbuild -n control-plane                          what would be done, and why\n"
			       "  cbuild images --format=env                       what was made, for the next tool\n";

static const char statuses[] = "Exit status: 0 done; 1 a build or check failed; 2 manifest or usage; 3 a tool is "
			       "missing;\n"
			       "4 registry or login; 5 health; 6 state or disk; 70 a fault of cbuild; 130, 143 "
			       "interrupted.\n";

int cmd_help(const struct options *options, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	(void)options;
	buf_str(&text, "cbuild: make for container images\n\n"
		       "Usage: cbuild [OPTIONS] [COMMAND] [TARGET...]\n\n"
		       "A target is a service, a group, or \"all\" (the default).\n\nCommands:\n");
	for (const struct command *command = command_table(); command->name; command++)
		buf_printf(&text, "  %-10s%-14s %s\n", command->name, command->arguments ? command->arguments : "",
			   command->summary);
	buf_str(&text, "\nOptions:\n");
	options_help(&text);
	buf_printf(&text, "\n%s\n%s", examples, statuses);
	return output_data(text.data, text.len, err);
}

int cmd_version(const struct options *options, struct error **err)
{
	static const char text[] = "cbuild " PACKAGE_VERSION "\n";

	(void)options;
	return output_data(text, sizeof(text) - 1, err);
}
