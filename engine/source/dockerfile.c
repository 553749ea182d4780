#include "config.h"

#include "engine/source/dockerfile.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/source/dockerfile_stage.h"

#define WORD_MAX 16 /* letters of an instruction that is complained about */

size_t dockerfile_stage_named(const struct dockerfile *dockerfile, const char *name, size_t end)
{
	for (size_t i = end; i > 0; i--)
		if (dockerfile->stages[i - 1].name && strcasecmp(dockerfile->stages[i - 1].name, name) == 0)
			return i - 1;
	return NO_STAGE;
}

const struct token *instruction_flag(const struct instruction *in, const char *name, size_t *ret_value)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < in->flags_len; i++) {
		const char *text = in->flags[i].text;

		if (strncmp(text, "--", 2) != 0 || strncmp(text + 2, name, len) != 0)
			continue;
		if (text[len + 2] != '=' && text[len + 2])
			continue;
		*ret_value = len + 2 + (text[len + 2] == '=');
		return &in->flags[i];
	}
	return NULL;
}

bool dockerfile_syntax_known(const char *syntax)
{
	static const char *const names[] = { "docker/dockerfile", "docker/dockerfile-upstream" };

	if (strncmp(syntax, "docker.io/", 10) == 0)
		syntax += 10;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		size_t len = strlen(names[i]);

		if (strncmp(syntax, names[i], len) == 0 && (!syntax[len] || syntax[len] == ':' || syntax[len] == '@'))
			return true;
	}
	return false;
}

/* [a-z][a-z0-9-_.]* after lowering */
static bool stage_name(struct dockerfile *dockerfile, const char *s, const char **ret)
{
	char *name = arena_strdup(dockerfile->arena, s);

	for (char *c = name; *c; c++) {
		*c = (char)tolower((unsigned char)*c);
		if (!islower((unsigned char)*c) && (c == name || (!isdigit((unsigned char)*c) && !strchr("-_.", *c))))
			return false;
	}
	*ret = name;
	return *name != '\0';
}

static int dockerfile_add_stage(struct dockerfile *dockerfile, const struct instruction *in, struct error **err)
{
	struct stage *stage = &dockerfile->stages[dockerfile->stages_len];
	const struct token *platform;
	size_t value;

	if (in->args_len != 1 && !(in->args_len == 3 && strcasecmp(in->args[1].text, "as") == 0))
		return error_make(err, ERROR_USAGE, "%s:%u: FROM takes an image, or an image, AS and a name",
				  dockerfile->name, in->line);
	*stage = (struct stage){ .from = in, .base = &in->args[0], .body = in + 1 };
	if (in->args_len == 3 && !stage_name(dockerfile, in->args[2].text, &stage->name))
		return error_make(
			err, ERROR_USAGE,
			"%s:%u: \"%s\" is not a valid stage name: a letter, then letters, digits, '-', '_' and '.'",
			dockerfile->name, in->line, in->args[2].text);
	platform = instruction_flag(in, "platform", &value);
	stage->platform = platform ? platform->text + value : NULL;
	dockerfile->stages_len++;
	return 0;
}

static const char *const instruction_names[] = {
	"ADD",   "ARG",        "CMD",     "COPY", "ENTRYPOINT", "ENV",        "EXPOSE", "FROM",   "HEALTHCHECK",
	"LABEL", "MAINTAINER", "ONBUILD", "RUN",  "SHELL",      "STOPSIGNAL", "USER",   "VOLUME", "WORKDIR",
};

#define INSTRUCTIONS (sizeof(instruction_names) / sizeof(*instruction_names))

bool dockerfile_instruction_known(const char *name)
{
	for (size_t i = 0; i < INSTRUCTIONS; i++)
		if (strcmp(name, instruction_names[i]) == 0)
			return true;
	return false;
}

/* Quotes the word only if it could be an instruction: nothing is shown of a file that is not a Dockerfile. */
static bool is_word(const char *name)
{
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return !name[len] && len <= WORD_MAX;
}

static int refuse_unknown(const struct dockerfile *dockerfile, const char *name, unsigned line, struct error **err)
{
	const char *near = is_word(name) ? text_nearest(name, instruction_names, INSTRUCTIONS) : NULL;

	error_make(err, ERROR_USAGE, "%s:%u: unknown instruction %s", dockerfile->name, line,
		   is_word(name) ? name : "(not a word)");
	if (near)
		error_remedy(err, "did you mean %s?", near);
	return -1;
}

/* A frontend named by a syntax line may know more instructions, but none that looks like a misspelling. */
static int check_known(struct dockerfile *dockerfile, const struct instruction *in, struct error **err)
{
	const char *what = in->trigger && !dockerfile_instruction_known(in->trigger->name) ? in->trigger->name : in->name;

	if (!dockerfile_instruction_known(what) && !dockerfile->foreign &&
	    (!dockerfile->text.syntax || (is_word(what) && text_nearest(what, instruction_names, INSTRUCTIONS))))
		return refuse_unknown(dockerfile, what, in->line, err);
	if (dockerfile->whole_why)
		return 0;
	if (in->bad)
		dockerfile->whole_why =
			arena_printf(dockerfile->arena, "%s cannot be parsed (line %u)", in->name, in->line);
	else if (!dockerfile_instruction_known(what))
		dockerfile->whole_why =
			arena_printf(dockerfile->arena, "instruction %s is not known (line %u)", what, in->line);
	return 0;
}

static int add_stages(struct dockerfile *dockerfile, struct error **err)
{
	struct instruction *items = dockerfile->text.items;
	size_t len = dockerfile->text.len;

	dockerfile->stages = arena_array(dockerfile->arena, len + 1, sizeof(*dockerfile->stages));
	dockerfile->globals = items;
	for (size_t i = 0; i < len; i++) {
		if (check_known(dockerfile, &items[i], err) < 0)
			return -1;
		if (strcmp(items[i].name, "FROM") == 0) {
			if (dockerfile_add_stage(dockerfile, &items[i], err) < 0)
				return -1;
		} else if (dockerfile->stages_len > 0) {
			dockerfile->stages[dockerfile->stages_len - 1].body_len++;
		} else if (strcmp(items[i].name, "ARG") == 0) {
			dockerfile->globals_len++;
		} else {
			return error_make(err, ERROR_USAGE, "%s:%u: %s stands before the first FROM", dockerfile->name,
					  items[i].line, is_word(items[i].name) ? items[i].name : "something");
		}
	}
	if (dockerfile->stages_len == 0)
		return error_make(err, ERROR_USAGE, "%s:%u: no FROM instruction", dockerfile->name,
				  len ? items[len - 1].line : 1);
	return 0;
}

/* A text for another frontend may have any form: nothing in it is an error. */
static int parse_foreign(struct dockerfile *dockerfile, struct error **err)
{
	dockerfile->foreign = true;
	dockerfile->whole_why =
		arena_printf(dockerfile->arena, "the frontend %s is not known (syntax line)", dockerfile->text.syntax);
	if (add_stages(dockerfile, err) < 0)
		dockerfile->stages_len = 0;
	return 0;
}

int dockerfile_parse(const char *text, size_t len, const char *name, struct dockerfile **ret, struct error **err)
{
	struct arena *arena = arena_new();
	struct dockerfile *dockerfile = arena_alloc(arena, sizeof(*dockerfile));
	struct error *why = NULL;
	int status;

	dockerfile->arena = arena;
	dockerfile->name = arena_strdup(arena, name);
	status = dockerfile_text_parse(text, len, dockerfile->name, arena, &dockerfile->text, &why);
	if (dockerfile->text.syntax && !dockerfile_syntax_known(dockerfile->text.syntax)) {
		struct error *ignored = NULL;

		status = parse_foreign(dockerfile, &ignored);
		error_free(ignored);
		error_free(why);
		why = NULL;
	} else if (status == 0) {
		if (len > 0 && memchr(text, '\0', len))
			dockerfile->whole_why = "the Dockerfile holds NUL bytes";
		status = add_stages(dockerfile, &why);
	}
	if (status < 0) {
		dockerfile_free(dockerfile);
		return error_move(err, &why);
	}
	*ret = dockerfile;
	return 0;
}

unsigned dockerfile_error_line(const char *message, const char *name, const char **ret_text)
{
	size_t len = strlen(name);
	unsigned line;
	int end = 0;

	if (strncmp(message, name, len) != 0 || sscanf(message + len, ":%u: %n", &line, &end) != 1 || end == 0)
		return 0;
	*ret_text = message + len + end;
	return line;
}

const char *dockerfile_stage_like(const struct dockerfile *dockerfile, const char *name)
{
	cleanup_free const char **names = mem_array(dockerfile->stages_len + 1, sizeof(*names));
	const char *near;
	size_t len = 0;

	for (size_t i = 0; i < dockerfile->stages_len; i++)
		if (dockerfile->stages[i].name)
			names[len++] = dockerfile->stages[i].name;
	near = text_nearest(name, names, len);
	return near && strcasecmp(near, name) != 0 ? near : NULL;
}

void dockerfile_free(struct dockerfile *dockerfile)
{
	if (dockerfile)
		arena_free(dockerfile->arena);
}
