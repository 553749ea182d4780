#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/doc/topic.h"
#include "cli/doc/usage.h"
#include "cli/options.h"
#include "cli/reference.h"
#include "dsl/schema.h"

#define WIDTH 100 /* of a line of running text */

/* Words of one paragraph (up to "\n" or the end), each line behind `indent` blanks. */
static const char *add_paragraph(struct buf *out, const char *text, int indent)
{
	size_t column = 0;

	while (*text && *text != '\n') {
		size_t len = strcspn(text, " \n");

		if (column && column + 1 + len > WIDTH) {
			buf_char(out, '\n');
			column = 0;
		}
		buf_printf(out, "%*s%.*s", column ? 1 : indent, "", (int)len, text);
		column += (column ? 1 : (size_t)indent) + len;
		text += len;
		text += strspn(text, " ");
	}
	buf_char(out, '\n');
	return text;
}

static void usage_add_text(struct buf *out, const char *text, int indent)
{
	while (*text) {
		text = add_paragraph(out, text, indent);
		if (*text == '\n')
			buf_char(out, '\n');
		text += strspn(text, "\n");
	}
}

void usage_option_name(struct buf *out, const struct option *option)
{
	if (option->letter)
		buf_printf(out, "-%c, ", option->letter);
	buf_printf(out, "--%s%s%s", option->name, option->placeholder ? "=" : "",
		   option->placeholder ? option->placeholder : "");
}

static void usage_add_option(struct buf *out, const struct option *option)
{
	cleanup_buf struct buf name = { 0 };

	usage_option_name(&name, option);
	buf_printf(out, "  %s%-*s %s\n", option->letter ? "" : "    ", option->letter ? 26 : 22, name.data, option->help);
}

void usage_options(struct buf *out)
{
	for (const struct option *option = option_table(); option->name; option++)
		usage_add_option(out, option);
}

static void usage_add_examples(struct buf *out, const char *examples)
{
	size_t width = 0;

	for (const char *line = examples; line && *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\t");

		width = len > width ? len : width;
	}
	for (const char *line = examples; line && *line; line = strchr(line, '\n') + 1) {
		int len = (int)strcspn(line, "\t");

		buf_printf(out, "  %.*s%*s%.*s\n", len, line, (int)width - len + 3, "",
			   (int)strcspn(line + len + 1, "\n"), line + len + 1);
	}
}

void usage_summary(struct buf *out, const struct command *commands)
{
	buf_str(out, "cbuild: make for container images\n\n"
		     "Usage: cbuild [OPTIONS] [COMMAND] [TARGET...]\n\n"
		     "A target is a service, a group, or \"all\" (the default).\n");
	for (const struct command *command = commands; command->name; command++) {
		if (command->heading)
			buf_printf(out, "\n%s:\n", command->heading);
		buf_printf(out, "  %-17s%-18s %s\n", command->name, command->arguments ? command->arguments : "",
			   command->summary);
	}
	buf_str(out, "\nOptions:\n");
	usage_options(out);
	buf_str(out, "\nExamples:\n");
	usage_add_examples(out, command_find(commands, "build")->examples);
	buf_str(out, "\nMore: cbuild help COMMAND, and cbuild help TOPIC:\n");
	for (const struct topic *topic = topic_table(); topic->name; topic++)
		buf_printf(out, "  %-11s %s\n", topic->name, topic->summary);
	buf_str(out, "  manifest    every key of services.yaml\n");
}

static void add_options_of(struct buf *out, const struct command *command)
{
	cleanup_buf struct buf common = { 0 };

	buf_str(out, "\nOptions:\n");
	for (const struct option *option = option_table(); option->name; option++) {
		bool format = strcmp(option->name, "format") == 0;

		if (!command_reads(command, option))
			continue;
		if (format)
			buf_printf(out, "      %-22s one of: %s\n", "--format=FORMAT", command->formats);
		else if (option->commands)
			usage_add_option(out, option);
		else
			buf_printf(&common, "%s--%s", common.len ? ", " : "", option->name);
	}
	if (!command->alone) {
		cleanup_free char *text = mem_printf("Also accepts %s (cbuild help options).", common.data);

		usage_add_text(out, text, 2);
	} else {
		usage_add_option(out, option_find("help", 4));
	}
}

void usage_command(struct buf *out, const struct command *command)
{
	buf_printf(out, "cbuild %s: %s\n\nUsage: cbuild [OPTIONS] %s%s%s\n", command->name, command->summary,
		   command->name, command->arguments ? " " : "", command->arguments ? command->arguments : "");
	if (command->detail) {
		buf_char(out, '\n');
		usage_add_text(out, command->detail, 0);
	}
	add_options_of(out, command);
	buf_str(out, "\nExamples:\n");
	usage_add_examples(out, command->examples);
}

void usage_topic(struct buf *out, const struct topic *topic)
{
	if (topic->text) {
		usage_add_text(out, topic->text, 0);
		buf_char(out, '\n');
	}
	for (const struct term *term = topic->terms; term && term->term; term++) {
		buf_printf(out, "  %s\n", term->term);
		usage_add_text(out, term->meaning, 6);
	}
}

/* One map of the manifest. */
static void add_schema(const struct reference_map *map, void *data)
{
	struct buf *out = data;
	cleanup_buf struct buf unused = { 0 };

	buf_printf(out, "%s%s\n", out->len ? "\n" : "", map->title);
	for (size_t i = 0; i < map->schema->len; i++) {
		const struct schema_key *key = &map->schema->keys[i];

		if (reference_used(key)) {
			buf_printf(out, "  %s: %s\n", key->name, schema_type_name(key));
			usage_add_text(out, key->doc, 6);
		} else {
			buf_printf(&unused, "%s%s", unused.len ? ", " : "", key->name);
		}
	}
	if (unused.len) {
		buf_str(out, "  Accepted, and not used:\n");
		usage_add_text(out, unused.data, 6);
	}
}

void usage_manifest(struct buf *out)
{
	reference_each(add_schema, out);
}
