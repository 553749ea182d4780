#include "config.h"

#include <string.h>

#include "cli/command.h"

static const struct command commands[] = {
	{ "build", "[TARGET...]", "build, load and verify what is stale (the default)", cmd_build },
	{ "verify", "[TARGET...]", "run the checks again, on up-to-date images", cmd_verify },
	{ "images", "[TARGET...]", "the images that were made (--format=text|json|env)", cmd_images },
	{ "why", "SERVICE|NODE", "what changed since it was built, old and new (--format=json)", cmd_why },
	{ "hash", "[TARGET...]", "the keys of builds; with -v what they are made of, to diff", cmd_hash },
	{ "affected", NULL, "services with inputs that differ (--since=REF; also a target: @since:REF)", cmd_affected },
	{ "context", "SERVICE", "the files of a service's build that count (-0, -l)", cmd_context },
	{ "list", NULL, "services, groups and their images (--format=text|json)", cmd_list },
	{ "log", "SERVICE|NODE", "the log of the newest time it ran", cmd_log },
	{ "clean", "[TARGET...]", "forget results; without a target remove all of .cbuild", cmd_clean },
	{ "prune", NULL, "remove what nothing needs (-n; --keep-storage=SIZE: more, oldest first)", cmd_prune },
	{ "fsck", NULL, "read the whole store, remove what is damaged; status 6 when something was", cmd_fsck },
	{ "version", NULL, "cbuild's version", cmd_version },
	{ "help", NULL, "this", cmd_help },
	{ 0 },
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

const struct command *command_table(void)
{
	return commands;
}
