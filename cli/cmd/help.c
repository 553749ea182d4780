#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "base/error.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/command.h"
#include "cli/doc/man.h"
#include "cli/doc/topic.h"
#include "cli/doc/usage.h"
#include "cli/options.h"
#include "cli/output.h"

#define NAMES_MAX 128 /* more than there are commands and topics */

static int unknown(const struct command *commands, const char *word, struct error **err)
{
	const char *names[NAMES_MAX] = { "manifest", "options" };
	size_t len = 2;
	const char *nearest;

	for (const struct command *command = commands; command->name && len < NAMES_MAX; command++)
		names[len++] = command->name;
	for (const struct topic *topic = topic_table(); topic->name && len < NAMES_MAX; topic++)
		names[len++] = topic->name;
	nearest = text_nearest(word, names, len);
	error_make(err, ERROR_USAGE, "there is no command or topic \"%s\"", word);
	if (nearest)
		error_remedy(err, "did you mean %s?", nearest);
	return -1;
}

static int help_add_word(struct buf *out, const struct command *commands, const char *word, struct error **err)
{
	const struct command *command = command_find(commands, word);
	const struct topic *topic = topic_find(word);

	if (command)
		usage_command(out, command);
	else if (topic)
		usage_topic(out, topic);
	else if (strcmp(word, "manifest") == 0)
		usage_manifest(out);
	else if (strcmp(word, "options") == 0)
		usage_options(out);
	else
		return unknown(commands, word, err);
	return 0;
}

static int add_man(struct buf *out, const struct command *commands, const char *word, struct error **err)
{
	if (!word)
		man_cbuild(out, commands);
	else if (strcmp(word, "manifest") == 0)
		man_services(out);
	else
		return error_make(
			err, ERROR_USAGE,
			"there are two manual pages: `cbuild help --format=man` and `cbuild help manifest --format=man`");
	return 0;
}

int cmd_help(const struct options *options, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	const char *word = strcmp(options->command, "help") != 0 ? options->command
			   : options->help                       ? NULL
			   : options->targets_len                ? options->targets[0]
								 : NULL;
	int r = 0;

	if (!options->help && options->targets_len > 1)
		return error_make(err, ERROR_USAGE, "`cbuild help` takes one command or topic");
	if (strcmp(options->format, "man") == 0)
		r = add_man(&text, options->commands, word, err);
	else if (word)
		r = help_add_word(&text, options->commands, word, err);
	else
		usage_summary(&text, options->commands);
	return r < 0 ? -1 : output_data(text.data, text.len, err);
}

int cmd_version(const struct options *options, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	(void)options;
	buf_printf(&text, "cbuild %s\n", cbuild_version);
	return output_data(text.data, text.len, err);
}
