#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/diag.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_check.h"
#include "engine/source/dockerfile_stage.h"

struct checker {
	const struct dockerfile *dockerfile;
	const struct dockerfile_check *check;
	struct diags *diags;
	uint32_t file;
};

static struct pos dockerfile_check_pos_of(const struct checker *c, const struct token *token)
{
	return diags_pos_at(c->diags, c->file, token->at && token->len > 0 ? token->at[0] : 0);
}

/* The position of a name in an instruction's text; the start of the instruction if it is spelt differently there. */
static struct pos pos_of_name(const struct checker *c, const struct instruction *in, const char *name, size_t len)
{
	const char *text, *line, *found;
	size_t text_len;

	text = line = diags_source_text(c->diags, c->file, &text_len);
	for (unsigned i = 1; i < in->line && line; i++) {
		line = memchr(line, '\n', text_len - (size_t)(line - text));
		line = line ? line + 1 : NULL;
	}
	if (!line)
		return diags_pos_at(c->diags, c->file, 0);
	found = memmem(line, text_len - (size_t)(line - text), name, len);
	return diags_pos_at(c->diags, c->file, (size_t)((found ? found : line) - text));
}

static bool is_end(char c)
{
	return !c || c == '_';
}

/* "NPM_TOKEN", "DB_PASSWORD", but not "KEYBOARD" or "PASSTHROUGH_MODE": whole words of the name. */
static bool sounds_secret(const char *name, size_t len)
{
	static const char *const signs[] = { "TOKEN",   "SECRET", "PASSWORD",   "PASSWD",      "PASSPHRASE", "APIKEY",
					     "SECRETS", "PWD",    "CREDENTIAL", "CREDENTIALS", "KEY" };
	cleanup_free char *text = mem_strndup(name, len);

	for (char *c = text; *c; c++)
		*c = (char)toupper((unsigned char)*c);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
		size_t sign = strlen(signs[i]);

		for (const char *at = strstr(text, signs[i]); at; at = strstr(at + 1, signs[i]))
			if ((at == text || at[-1] == '_') && is_end(at[sign]))
				return strcmp(signs[i], "KEY") != 0 || !strstr(text, "PUBLIC");
	}
	return false;
}

static void check_secret(const struct checker *c, const struct instruction *in, const struct token *token, size_t len)
{
	if (!sounds_secret(token->text, len))
		return;
	diags_warn(c->diags, pos_of_name(c, in, token->text, len),
		   "give it as a secret: RUN --mount=type=secret,id=NAME, and `secrets` in the manifest",
		   "%s %.*s: a secret given this way stays in the image's history for everyone to read", in->name,
		   (int)len, token->text);
	diags_rule(c->diags, "secret-in-image");
}

static void dockerfile_check_names(const struct checker *c, const struct instruction *in)
{
	bool arg = strcmp(in->name, "ARG") == 0;

	if (in->bad || (!arg && strcmp(in->name, "ENV") != 0))
		return;
	for (size_t i = 0; i < in->args_len; i += arg ? 1 : 2)
		check_secret(c, in, &in->args[i], arg ? strcspn(in->args[i].text, "=") : in->args[i].len);
}

static const struct stage *named_stage(const struct dockerfile *dockerfile, const char *name, size_t end)
{
	size_t stage = dockerfile_stage_named(dockerfile, name, end);

	return stage == NO_STAGE ? NULL : &dockerfile->stages[stage];
}

/* The stage that this one is FROM; NULL when it is FROM an image. */
static const struct stage *base_stage(const struct checker *c, const struct stage *stage)
{
	return named_stage(c->dockerfile, stage->base->text, (size_t)(stage - c->dockerfile->stages));
}

static bool dockerfile_check_is_ours(const struct checker *c, const char *name)
{
	return c->check->is_ours && c->check->is_ours(c->check->data, name);
}

static void check_base(const struct checker *c, const struct stage *stage)
{
	const char *name = stage->base->text;
	struct ref ref = { 0 };

	if (strchr(name, '$') || strcmp(name, "scratch") == 0 || base_stage(c, stage) ||
	    dockerfile_check_is_ours(c, name) || !ref_parse(name, &ref, NULL))
		return;
	if (!ref.digest && (!ref.tag || strcmp(ref.tag, "latest") == 0)) {
		diags_warn(c->diags, dockerfile_check_pos_of(c, stage->base),
			   "name a version, or better a digest: NAME:1.2@sha256:...",
			   "the base %s is not pinned and can change at any time", name);
		diags_rule(c->diags, "unpinned-base");
	}
	ref_free(&ref);
}

static const struct stage *target_stage(const struct checker *c)
{
	const struct dockerfile *dockerfile = c->dockerfile;
	const struct stage *found = c->check->target ? named_stage(dockerfile, c->check->target, dockerfile->stages_len)
						     : NULL;

	return found ? found : dockerfile->stages_len > 0 ? &dockerfile->stages[dockerfile->stages_len - 1] : NULL;
}

static bool sets_user(const struct stage *stage)
{
	for (size_t i = 0; i < stage->body_len; i++)
		if (strcmp(stage->body[i].name, "USER") == 0)
			return true;
	return false;
}

static bool is_root(const char *user)
{
	size_t len = strcspn(user, ":");

	return len == 0 || (len == 1 && *user == '0') || (len == 4 && strncmp(user, "root", 4) == 0);
}

static void warn_root(const struct checker *c, const struct stage *target, const char *base)
{
	diags_warn(c->diags, dockerfile_check_pos_of(c, target->base),
		   "add USER with a name or number that is not root's",
		   base ? "no USER is set and the base %s runs as root, so it does, too"
			: "no USER is set, so it runs as root",
		   base);
	diags_rule(c->diags, "root-user");
}

/* What is FROM scratch sets no user; of an image from elsewhere it is known where that is here. */
static void dockerfile_check_user(const struct checker *c)
{
	const struct stage *stage = target_stage(c), *target = stage, *base;
	cleanup_free char *user = NULL;
	const char *name;

	while (stage && !sets_user(stage) && (base = base_stage(c, stage)))
		stage = base;
	if (!stage || sets_user(stage))
		return;
	name = stage->base->text;
	if (strcmp(name, "scratch") == 0) {
		warn_root(c, target, NULL);
		return;
	}
	user = c->check->user_of ? c->check->user_of(c->check->data, name) : NULL;
	if (user && is_root(user))
		warn_root(c, target, name);
}

void dockerfile_check(const struct dockerfile *dockerfile, const struct dockerfile_check *check, struct diags *diags,
		      uint32_t file)
{
	const struct checker c = { dockerfile, check, diags, file };

	/* Another frontend has its own rules. */
	if (dockerfile->whole_why)
		return;
	for (size_t i = 0; i < dockerfile->globals_len; i++)
		dockerfile_check_names(&c, &dockerfile->globals[i]);
	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];

		check_base(&c, stage);
		for (size_t j = 0; j < stage->body_len; j++)
			dockerfile_check_names(&c, &stage->body[j]);
	}
	dockerfile_check_user(&c);
}

static bool declares(const struct instruction *list, size_t len, const char *name)
{
	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < list[i].args_len && strcmp(list[i].name, "ARG") == 0; j++) {
			const char *text = list[i].args[j].text;

			if (strlen(name) == strcspn(text, "=") && strncmp(text, name, strlen(name)) == 0)
				return true;
		}
	}
	return false;
}

static bool is_predefined(const char *name)
{
	static const char *const names[] = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY",
					     "NO_PROXY",   "ALL_PROXY",   "SOURCE_DATE_EPOCH" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return strncmp(name, "BUILDKIT_", 9) == 0;
}

bool dockerfile_declares(const struct dockerfile *dockerfile, const char *name)
{
	bool found = dockerfile->whole_why || is_predefined(name) ||
		     declares(dockerfile->globals, dockerfile->globals_len, name);

	for (size_t i = 0; i < dockerfile->stages_len && !found; i++)
		found = declares(dockerfile->stages[i].body, dockerfile->stages[i].body_len, name);
	return found;
}
