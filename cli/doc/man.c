#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "cli/command.h"
#include "cli/doc/man.h"
#include "cli/doc/topic.h"
#include "cli/doc/usage.h"
#include "cli/options.h"
#include "cli/reference.h"
#include "dsl/schema.h"

/* Part of a line: roff's special characters escaped, `...` in bold. */
static void man_add_part(struct buf *out, const char *text, size_t len)
{
	bool bold = false;

	for (size_t i = 0; i < len; i++) {
		switch (text[i]) {
		case '\\':
			buf_str(out, "\\e");
			break;
		case '-':
			buf_str(out, "\\-");
			break;
		case '`':
			bold = !bold;
			buf_str(out, bold ? "\\fB" : "\\fR");
			break;
		case '\n':
			buf_str(out, i + 1 < len && text[i + 1] == '\n' ? "\n.PP" : "\n");
			break;
		default:
			buf_char(out, text[i]);
		}
	}
}

/* Running text. "\&" keeps a dot or an apostrophe at the start of a line from being a request. */
static void man_add_text(struct buf *out, const char *text)
{
	buf_str(out, *text == '.' || *text == '\'' ? "\\&" : "");
	man_add_part(out, text, strlen(text));
	buf_char(out, '\n');
}

static void add_sentence(struct buf *out, const char *text)
{
	cleanup_buf struct buf sentence = { 0 };

	buf_str(&sentence, text);
	if (sentence.len && *text >= 'a' && *text <= 'z')
		sentence.data[0] = (char)(*text - 'a' + 'A');
	if (sentence.len && !strchr(".!?", text[sentence.len - 1]))
		buf_char(&sentence, '.');
	man_add_text(out, sentence.data);
}

static void add_term(struct buf *out, const char *term)
{
	buf_str(out, ".TP\n\\fB");
	man_add_part(out, term, strlen(term));
	buf_str(out, "\\fR\n");
}

/* `first` follows a heading, which begins a paragraph by itself. */
static void man_add_examples(struct buf *out, const char *examples, const char *first)
{
	for (const char *line = examples; line && *line; line = strchr(line, '\n') + 1) {
		size_t len = strcspn(line, "\t");

		buf_str(out, line == first ? "" : ".PP\n");
		man_add_part(out, line + len + 1, strcspn(line + len + 1, "\n"));
		buf_str(out, ":\n.PP\n.RS\n.EX\n");
		man_add_part(out, line, len);
		buf_str(out, "\n.EE\n.RE\n");
	}
}

static void add_command(struct buf *out, const struct command *command)
{
	buf_str(out, ".TP\n\\fB");
	man_add_part(out, command->name, strlen(command->name));
	buf_str(out, "\\fR");
	if (command->arguments) {
		buf_str(out, " \\fI");
		man_add_part(out, command->arguments, strlen(command->arguments));
		buf_str(out, "\\fR");
	}
	buf_char(out, '\n');
	add_sentence(out, command->summary);
	if (command->formats) {
		buf_str(out, ".br\nFormats: ");
		man_add_text(out, command->formats);
	}
	if (command->detail) {
		buf_str(out, ".IP\n");
		for (const char *at = command->detail; *at; at += strspn(at, "\n")) {
			size_t len = strcspn(at, "\n");

			buf_str(out, at > command->detail ? ".IP\n" : "");
			man_add_part(out, at, len);
			buf_char(out, '\n');
			at += len;
		}
	}
}

static void man_add_option(struct buf *out, const struct option *option)
{
	cleanup_buf struct buf name = { 0 };

	usage_option_name(&name, option);
	add_term(out, name.data);
	add_sentence(out, option->help);
	if (option->commands) {
		buf_str(out, ".br\nRead by: ");
		man_add_text(out, option->commands);
	}
}

static void add_topic(struct buf *out, const struct topic *topic)
{
	buf_printf(out, ".SH \"%s\"\n", topic->title);
	if (topic->text)
		man_add_text(out, topic->text);
	for (const struct term *term = topic->terms; term && term->term; term++) {
		add_term(out, term->term);
		add_sentence(out, term->meaning);
	}
}

void man_cbuild(struct buf *out, const struct command *commands)
{
	buf_printf(out, ".TH CBUILD 1 \"\" \"cbuild %.*s\" \"User Commands\"\n", (int)strcspn(cbuild_version, "-"),
		   cbuild_version);
	buf_str(out, ".SH NAME\ncbuild \\- make for container images\n"
		     ".SH SYNOPSIS\n.B cbuild\n.RI [ OPTION ...]\n.RI [ COMMAND ]\n.RI [ TARGET ...]\n"
		     ".SH DESCRIPTION\n.B cbuild\nreads the services of a repository from one manifest\n"
		     ".RB ( services.yaml ),\nbuilds those whose sources have changed for every platform asked for, joins\n"
		     "the platforms into one image, puts it into the local engine and checks the container.\n"
		     "What is up to date is left alone, and finding that out starts no process.\n"
		     ".SH COMMANDS\n");
	for (const struct command *command = commands; command->name; command++)
		add_command(out, command);
	buf_str(out, ".SH OPTIONS\nOptions and targets may be mixed;\n.B \\-\\-\nends the options.\nLetters may be joined\n"
		     ".RB ( \\-kn ),\nand mean what they mean in GNU make.\n");
	for (const struct option *option = option_table(); option->name; option++)
		man_add_option(out, option);
	for (const struct topic *topic = topic_table(); topic->name; topic++)
		add_topic(out, topic);
	buf_str(out, ".SH EXAMPLES\n");
	for (const struct command *command = commands; command->name; command++)
		man_add_examples(out, command->examples, commands->examples);
	buf_str(out, ".SH \"SEE ALSO\"\n.BR services.yaml (5),\n.BR buildah (1),\n.BR podman (1),\n.BR docker (1),\n"
		     ".BR make (1)\n");
}

static void add_map(const struct reference_map *map, void *data)
{
	struct buf *out = data;
	cleanup_buf struct buf unused = { 0 };

	buf_printf(out, ".SS %s\n", map->title);
	for (size_t i = 0; i < map->schema->len; i++) {
		const struct schema_key *key = &map->schema->keys[i];

		if (!reference_used(key)) {
			buf_printf(&unused, "%s%s", unused.len ? ", " : "", key->name);
			continue;
		}
		buf_printf(out, ".TP\n\\fB%s\\fR: %s\n", key->name, schema_type_name(key));
		man_add_text(out, key->doc);
	}
	if (unused.len) {
		buf_str(out, ".PP\nAccepted, but ignored: ");
		man_add_part(out, unused.data, unused.len);
		buf_str(out, ".\n");
	}
}

void man_services(struct buf *out)
{
	buf_printf(out, ".TH SERVICES.YAML 5 \"\" \"cbuild %.*s\" \"File Formats\"\n",
		   (int)strcspn(cbuild_version, "-"), cbuild_version);
	buf_str(out, ".SH NAME\nservices.yaml \\- what cbuild builds\n"
		     ".SH DESCRIPTION\nOne YAML document that names the services of a repository. It speaks compose where\n"
		     "compose has a word, so a compose file works as it is.\n"
		     "Keys that begin with\n.B x\\-\nare ignored everywhere; other unknown keys are errors.\n"
		     "Relative paths start in the folder of the manifest.\n"
		     "In every value,\n.BR ${NAME} ,\n.B ${NAME:\\-default}\nand\n.B ${NAME:?message}\n"
		     "are filled in;\n.B $$\nis a dollar sign.\n.SH KEYS\n");
	reference_each(add_map, out);
	buf_str(out, ".SH EXAMPLE\n.EX\n"
		     "registry: ghcr.io/acme\nplatforms: [linux/amd64, linux/arm64]\nservices:\n"
		     "  base:\n    publish: false\n    build: base\n"
		     "  web:\n    build:\n      context: web\n      additional_contexts: {base: \"service:base\"}\n"
		     "    ports: [\"8000\"]\n    verify:\n      http: /health\n      user: nonroot\n      max_size: 100MB\n"
		     ".EE\n.SH \"SEE ALSO\"\n.BR cbuild (1)\n");
}
