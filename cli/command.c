#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"

const struct command *command_find(const struct command *commands, const char *name)
{
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

bool command_reads(const struct command *command, const struct option *option)
{
	if (strcmp(option->name, "format") == 0)
		return command->formats;
	if (strcmp(option->name, "help") == 0 || strcmp(option->name, "directory") == 0)
		return true;
	return option->commands ? text_listed(option->commands, command->name)
				: !command->alone && strcmp(option->name, "version") != 0;
}
