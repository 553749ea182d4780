#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
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

static size_t commands_count(const struct command *commands)
{
	size_t len = 0;

	while (commands[len].name)
		len++;
	return len;
}

const char **command_names(const struct command *commands)
{
	size_t len = commands_count(commands);
	const char **names = mem_array(len + 1, sizeof(*names));

	for (size_t i = 0; i < len; i++)
		names[i] = commands[i].name;
	return names;
}

const char *command_near(const struct command *commands, const char *word)
{
	cleanup_free const char **names = command_names(commands);

	return text_nearest(word, names, commands_count(commands));
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
