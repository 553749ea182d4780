#include "config.h"

#include "engine/source/dockerfile.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/source/dockerfile_asks.h"
#include "engine/source/dockerfile_collect.h"
#include "engine/source/dockerfile_scope.h"
#include "engine/source/dockerfile_stage.h"

struct resolve_state {
	bool wanted; /* leads to the target */
	bool done;
	size_t base;                   /* the stage it is FROM, or NO_STAGE */
	size_t image;                  /* otherwise: the collected image it is FROM, or NO_STAGE (scratch) */
	struct dockerfile_scope scope; /* at its end */
};

struct resolver {
	const struct dockerfile *dockerfile;
	const struct dockerfile_options *options;
	struct globals *globals;
	struct resolve_state *states; /* of each stage */
	size_t *queue;                /* wanted stages that are still to be looked at */
	size_t queue_len;
	const char *triggers; /* of the target */
	struct collect collect;
	struct asks asks;
	size_t stage;               /* that is looked at */
	bool foreign;               /* for another frontend than Docker's */
	struct dockerfile_arg *env; /* of the target, as in dockerfile_use */
	size_t env_len;
	bool env_untold;
};

/* An image that a stage begins with. */
struct outside {
	struct resolver *r;
	size_t image; /* the number in `collect` */
};

static void dockerfile_resolve_want(struct resolver *r, size_t stage)
{
	if (r->states[stage].wanted)
		return;
	r->states[stage].wanted = true;
	r->queue[r->queue_len++] = stage;
}

static size_t find_number(const struct dockerfile *dockerfile, const char *name)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);

	if (!*name || strspn(name, "0123456789") != strlen(name) || number >= dockerfile->stages_len)
		return NO_STAGE;
	return number;
}

/* Expands with the stage's variables: the text, or NULL when it cannot be determined. */
static const char *dockerfile_resolve_expand(struct resolver *r, struct dockerfile_scope *scope, const char *source)
{
	struct word_env env = { dockerfile_scope_get, scope };
	cleanup_buf struct buf out = { 0 };
	bool unknown = false;

	if (word_expand(source, r->dockerfile->text.escape, &env, &out, &unknown) < 0 || unknown)
		return NULL;
	return arena_strndup(r->collect.arena, out.data, out.len);
}

static void run_arg(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in)
{
	struct arena *arena = r->collect.arena;

	for (size_t i = 0; i < in->args_len; i++) {
		const char *word = in->args[i].text, *equals = strchr(word, '=');
		const char *name = equals ? arena_strndup(arena, word, (size_t)(equals - word)) : word;
		const char *given = options_arg(r->options, name), *global;

		names_add(&r->collect.args, arena, name);
		if (given || equals) {
			given = given ? given : dockerfile_resolve_expand(r, scope, equals + 1);
			dockerfile_scope_arg(scope, name, given);
		} else {
			global = globals_value(r->globals, name, &r->collect.args);
			if (global)
				dockerfile_scope_arg(scope, name, global);
			if (!r->options->asks || global || globals_declared(r->dockerfile, name))
				continue; /* it is the global one */
		}
		if (r->options->asks)
			asks_add(&r->asks, ASK_ARG, r->stage, &(struct dockerfile_ask){ name, given, false, in->line });
	}
}

/* All values see the variables as they were before the instruction. */
static void run_env(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in)
{
	const char **texts = arena_array(r->collect.arena, in->args_len + 1, sizeof(*texts));

	for (size_t i = 0; i < in->args_len; i++)
		texts[i] = dockerfile_resolve_expand(r, scope, in->args[i].text);
	for (size_t i = 0; i + 1 < in->args_len; i += 2) {
		if (texts[i])
			dockerfile_scope_env(scope, texts[i], texts[i + 1]);
		else
			dockerfile_scope_lose(scope);
	}
}

/* Resolves the name in `--from` or a mount's `from`. True when paths below it count in a context (*ret_context),
 * false when they do not matter here. */
static bool use_from(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in,
		     const struct token *token, size_t start, size_t end, enum image_use use, const char **ret_context)
{
	struct arena *arena = r->collect.arena;
	const char *written = arena_strndup(arena, token->text + start, end - start);
	const char *name = dockerfile_resolve_expand(r, scope, written), *context;
	struct dockerfile_image image = { .use = use, .line = in->line, .platform = r->options->platform };
	size_t stage;

	if (!name || !*name) {
		collect_everything(&r->collect, r->options, "%s from %s is not known before the build (line %u)",
				   in->name, written, in->line);
		return false;
	}
	stage = find_number(r->dockerfile, name);
	/* a stage number stands for its name, which a named context may replace */
	if (stage == NO_STAGE)
		context = collect_context(&r->collect, r->options, name, &image.platform);
	else if (r->dockerfile->stages[stage].name)
		context = collect_context(&r->collect, r->options, r->dockerfile->stages[stage].name, &image.platform);
	else
		context = NULL;
	if (!context && stage == NO_STAGE)
		stage = dockerfile_stage_named(r->dockerfile, name, r->dockerfile->stages_len);
	if (!context && stage != NO_STAGE) {
		dockerfile_resolve_want(r, stage);
		return false;
	}
	if (!context && strcasecmp(name, "scratch") == 0)
		return false;
	image.name = context ? context : name;
	image.context = context != NULL;
	collect_image(&r->collect, &image, token, start, end);
	*ret_context = context;
	return context != NULL;
}

static bool flag_true(const struct instruction *in, const char *name)
{
	size_t value;
	const struct token *flag = instruction_flag(in, name, &value);

	return flag && strcasecmp(flag->text + value, "false") != 0;
}

/* An unknown flag may read anything. */
static void check_flags(struct resolver *r, const struct instruction *in)
{
	static const char *const known[] = { "chmod",   "chown",        "checksum", "device", "exclude",
					     "from",    "keep-git-dir", "link",     "mount",  "network",
					     "parents", "security",     "unpack" };

	for (size_t i = 0; i < in->flags_len; i++) {
		const char *name = in->flags[i].text + 2;
		size_t len = strcspn(name, "="), at = 0;

		while (at < sizeof(known) / sizeof(*known) &&
		       !(strlen(known[at]) == len && strncmp(known[at], name, len) == 0))
			at++;
		if (at == sizeof(known) / sizeof(*known))
			collect_everything(&r->collect, r->options, "%s %s is unknown (line %u)", in->name,
					   in->flags[i].text, in->line);
	}
}

/* The sources of a COPY or ADD, one by one; NULL for one that cannot be determined. */
static const char *const *copied(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in,
				 size_t *ret_len)
{
	const char **paths = arena_array(r->collect.arena, in->args_len + 1, sizeof(*paths));

	*ret_len = in->args_len ? in->args_len - 1 : 0;
	for (size_t i = 0; i < *ret_len; i++)
		paths[i] = dockerfile_resolve_expand(r, scope, in->args[i].text);
	return paths;
}

/* Patterns that every reader understands in the same way. */
static bool plain_exclude(const char *text)
{
	return isalnum((unsigned char)*text) || *text == '*' || *text == '?' || *text == '_'
		       ? text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789*?_-./")] ==
					 '\0' &&
				 !strstr(text, "..")
		       : false;
}

/* The --exclude patterns of an instruction; NULL when they are not reliable. */
static const char *excluded(struct resolver *r, const struct instruction *in)
{
	cleanup_buf struct buf out = { 0 };

	for (size_t i = 0; i < in->flags_len; i++) {
		const char *text = in->flags[i].text;

		if (strncmp(text, "--exclude=", 10) != 0)
			continue;
		if (!plain_exclude(text + 10))
			return NULL;
		buf_printf(&out, "%s\n", text + 10);
	}
	return out.len && !flag_true(in, "parents") ? arena_strndup(r->collect.arena, out.data, out.len) : NULL;
}

static void run_copy(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in)
{
	const char *context = NULL;
	size_t value, len, sum = 0;
	const struct token *from = instruction_flag(in, "from", &value),
			   *checksum = instruction_flag(in, "checksum", &sum);
	const char *const *paths = copied(r, scope, in, &len);

	collect_covers(&r->collect, paths, len);
	if (from && value < from->len && !use_from(r, scope, in, from, value, from->len, IMAGE_COPY, &context))
		return;
	if (in->args_len < 2) {
		collect_whole(&r->collect, "%s has no destination (line %u)", in->name, in->line);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		struct collect_source source = { .context = context,
						 .path = paths[i],
						 .written = in->args[i].text,
						 .instruction = in->name,
						 .line = in->line,
						 .parents = flag_true(in, "parents"),
						 .exclude = excluded(r, in),
						 .json = !in->args[i].at,
						 .pinned = checksum && sum < checksum->len,
						 .add = len == 1 ? in->at : SIZE_MAX,
						 .token = &in->args[i] };
		collect_source(&r->collect, &source);
	}
}

/* One "key=value" of a mount; false when it is another key. */
static bool mount_field(const struct token *token, size_t start, size_t end, const char *key, size_t *ret_value)
{
	size_t len = strlen(key);

	if (end - start <= len || strncasecmp(token->text + start, key, len) != 0 || token->text[start + len] != '=')
		return false;
	*ret_value = start + len + 1;
	return true;
}

/* A secret without an id has its file's name. */
static void ask_for(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in, const char *type,
		    const char *id, bool required)
{
	bool secret = type && strcasecmp(type, "secret") == 0, ssh = type && strcasecmp(type, "ssh") == 0;
	const char *name = id ? dockerfile_resolve_expand(r, scope, id) : ssh ? "default" : NULL;

	if ((secret || ssh) && name)
		asks_add(&r->asks, secret ? ASK_SECRET : ASK_SSH, r->stage,
			 &(struct dockerfile_ask){ name, NULL, required, in->line });
}

/* Returns the path that is mounted, and what it is mounted from; "" when it is the whole context or no files at
 * all, NULL when it cannot be determined. */
static const char *run_mount(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in,
			     const struct token *token, size_t at)
{
	const struct token *last = &in->flags[in->flags_len - 1];
	const char *type = "bind", *context = NULL, *path = NULL;
	size_t from = 0, from_end = 0, value;
	const char *id = NULL, *target = NULL;
	bool required = false;
	struct collect_source source = { .written = "",
					 .path = "",
					 .instruction = "RUN --mount",
					 .line = in->line,
					 .literal = true };

	while (at < token->len) {
		const char *comma = memchr(token->text + at, ',', token->len - at);
		size_t end = comma ? (size_t)(comma - token->text) : token->len;
		size_t trimmed = end > at && token->text[end - 1] == '"' ? end - 1 : end;

		at += token->text[at] == '"';
		if (mount_field(token, at, trimmed, "type", &value)) {
			type = dockerfile_resolve_expand(
				r, scope, arena_strndup(r->collect.arena, token->text + value, trimmed - value));
		} else if (mount_field(token, at, trimmed, "from", &value)) {
			from = value;
			from_end = trimmed;
		} else if (mount_field(token, at, trimmed, "source", &value) ||
			   mount_field(token, at, trimmed, "src", &value)) {
			source.written = arena_strndup(r->collect.arena, token->text + value, trimmed - value);
			source.path = dockerfile_resolve_expand(r, scope, source.written);
		} else if (mount_field(token, at, trimmed, "id", &value)) {
			id = arena_strndup(r->collect.arena, token->text + value, trimmed - value);
		} else if (mount_field(token, at, trimmed, "target", &value) ||
			   mount_field(token, at, trimmed, "dst", &value) ||
			   mount_field(token, at, trimmed, "destination", &value)) {
			target = arena_strndup(r->collect.arena, token->text + value, trimmed - value);
		} else if (mount_field(token, at, trimmed, "required", &value)) {
			required = strncasecmp(token->text + value, "true", trimmed - value) == 0;
		} else if (trimmed - at == strlen("required") &&
			   strncasecmp(token->text + at, "required", trimmed - at) == 0) {
			required = true;
		}
		at = end + 1;
	}
	if (r->options->asks)
		ask_for(r, scope, in, type, id ? id : target ? path_base(target) : NULL, required);
	if (from < from_end || !type || strcasecmp(type, "bind") == 0)
		collect_mount(&r->collect, last->at[last->len - 1] + 1);
	if (from < from_end) {
		if (source.path)
			path = arena_printf(r->collect.arena, "%.*s/%s", (int)(from_end - from), token->text + from,
					    source.path);
		if (!use_from(r, scope, in, token, from, from_end, IMAGE_MOUNT, &context))
			return path;
	} else if (type && strcasecmp(type, "bind") != 0) {
		return ""; /* a cache, a tmpfs, a secret, an ssh agent: nothing from a context */
	}
	source.context = context;
	collect_source(&r->collect, &source);
	return path ? path : source.path;
}

static void run_mounts(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in)
{
	const char **paths = arena_array(r->collect.arena, in->flags_len + 1, sizeof(*paths));
	size_t len = 0;

	for (size_t i = 0; i < in->flags_len; i++) {
		if (strncmp(in->flags[i].text, "--mount=", 8) != 0)
			continue;
		paths[len] = run_mount(r, scope, in, &in->flags[i], 8);
		if (!paths[len] || *paths[len])
			len++;
	}
	collect_covers(&r->collect, paths, len);
}

static void run_instruction(struct resolver *r, struct dockerfile_scope *scope, const struct instruction *in)
{
	if (in->heredoc)
		collect_line(&r->collect.heredoc_line, in->line);
	if (strcmp(in->name, "ARG") == 0) {
		run_arg(r, scope, in);
	} else if (strcmp(in->name, "ENV") == 0) {
		run_env(r, scope, in);
	} else if (strcmp(in->name, "COPY") == 0 || strcmp(in->name, "ADD") == 0) {
		check_flags(r, in);
		run_copy(r, scope, in);
	} else if (strcmp(in->name, "RUN") == 0) {
		check_flags(r, in);
		run_mounts(r, scope, in);
	}
}

static int stage_platform(struct resolver *r, const struct stage *stage, struct platform *ret, struct error **err)
{
	const char *name = r->dockerfile->name, *text;

	*ret = r->options->platform;
	if (!stage->platform)
		return 0;
	if (globals_expand(r->globals, stage->platform, &r->collect.args, &text) < 0 || !platform_parse(text, ret))
		return error_make(err, ERROR_USAGE, "%s:%u: \"%s\" is not a platform", name, stage->from->line,
				  stage->platform);
	return 0;
}

/* Builders give every image a PATH. */
static bool scratch_variable(void *data, const char *name, const char **ret)
{
	(void)data;
	*ret = NULL;
	return strcmp(name, "PATH") != 0;
}

static bool outside_variable(void *data, const char *name, const char **ret)
{
	const struct outside *outside = data;
	const struct dockerfile_options *options = outside->r->options;
	struct dockerfile_image *image = &outside->r->collect.images[outside->image];

	*ret = NULL;
	image->env_read = true;
	return options->variable && options->variable(options->data, image, name, ret) &&
	       (*ret || scratch_variable(NULL, name, ret));
}

/* Adds the image that a stage begins with. */
static void begin_with(struct resolver *r, size_t index, const struct dockerfile_image *image, const struct token *token)
{
	struct outside *outside = arena_alloc(r->collect.arena, sizeof(*outside));

	collect_image(&r->collect, image, token, 0, token->len);
	*outside = (struct outside){ r, r->collect.images_len - 1 };
	r->states[index].image = outside->image;
	r->states[index].scope.outside = outside_variable;
	r->states[index].scope.outside_data = outside;
}

/* The image or context that a stage begins with. */
static int use_base(struct resolver *r, size_t index, const char *name, struct error **err)
{
	const struct stage *stage = &r->dockerfile->stages[index];
	struct dockerfile_image image = { .use = IMAGE_FROM, .line = stage->from->line, .name = name };
	const char *context;

	if (stage_platform(r, stage, &image.platform, err) < 0)
		return -1;
	r->states[index].scope.outside = scratch_variable;
	if (strcmp(name, "scratch") == 0)
		return 0;
	context = collect_context(&r->collect, r->options, name, &image.platform);
	if (context) {
		image.name = context;
		image.context = true;
		collect_whole_context(&r->collect, context);
	}
	begin_with(r, index, &image, stage->base);
	return 0;
}

static void run_trigger(struct resolver *r, size_t index, const char *base, const struct instruction *in)
{
	if (in->bad || in->trigger || !dockerfile_instruction_known(in->name))
		collect_everything(&r->collect, r->options, "%s has ONBUILD instructions that are not known", base);
	else
		run_instruction(r, &r->states[index].scope, in);
}

/* Handles the ONBUILD instructions of an image from outside. */
static void run_triggers(struct resolver *r, size_t index)
{
	const struct dockerfile_image *image = &r->collect.images[r->states[index].image];
	const char *base = image->name, *whole_why = r->collect.whole_why;
	const char *text = r->options->triggers ? r->options->triggers(r->options->data, image) : NULL;
	cleanup_error struct error *error = NULL;
	struct instructions list = { 0 };

	if (!text || !*text)
		return;
	if (dockerfile_text_parse(text, strlen(text), base, r->collect.arena, &list, &error) < 0)
		run_trigger(r, index, base, &(struct instruction){ .bad = true });
	r->collect.placeless = true;
	r->collect.base_offset = image->offset;
	for (size_t i = 0; i < list.len; i++) {
		list.items[i].line = r->dockerfile->stages[index].from->line;
		run_trigger(r, index, base, &list.items[i]);
	}
	r->collect.placeless = false;
	if (!whole_why && r->collect.whole_why)
		r->collect.whole_why = arena_printf(r->collect.arena, "ONBUILD of %s: %s", base, r->collect.whole_why);
}

static void run_stage(struct resolver *r, size_t index, size_t base)
{
	const struct stage *stage = &r->dockerfile->stages[index];
	struct dockerfile_scope *scope = &r->states[index].scope;

	r->stage = index;
	if (base != NO_STAGE) {
		const struct stage *parent = &r->dockerfile->stages[base];

		dockerfile_scope_copy(scope, &r->states[base].scope);
		for (size_t i = 0; i < parent->body_len; i++)
			if (parent->body[i].trigger)
				run_instruction(r, scope, parent->body[i].trigger);
	} else if (r->states[index].image != NO_STAGE) {
		run_triggers(r, index);
	}
	for (size_t i = 0; i < stage->body_len; i++)
		run_instruction(r, scope, &stage->body[i]);
}

/* A named context replaces a whole stage of its name. */
static int replaced(struct resolver *r, size_t index, struct error **err)
{
	const struct stage *stage = &r->dockerfile->stages[index];
	struct dockerfile_image image = { .use = IMAGE_FROM, .line = stage->from->line, .context = true };
	const char *context;

	if (!stage->name)
		return 0;
	if (stage_platform(r, stage, &image.platform, err) < 0)
		return -1;
	context = collect_context(&r->collect, r->options, stage->name, &image.platform);
	if (!context)
		return 0;
	image.name = context;
	begin_with(r, index, &image, &stage->from->args[2]);
	collect_whole_context(&r->collect, context);
	run_triggers(r, index);
	return 1;
}

/* Resolves one stage. Its base stage must be done first: if it is not, its number is returned in *ret_base, else
 * NO_STAGE. */
static int resolve_stage(struct resolver *r, size_t index, size_t *ret_base, struct error **err)
{
	const struct stage *stage = &r->dockerfile->stages[index];
	struct platform platform;
	const char *name;
	size_t base;
	int stand_in = replaced(r, index, err);

	*ret_base = NO_STAGE;
	if (stand_in != 0) {
		r->states[index].done = true;
		return stand_in < 0 ? -1 : 0;
	}
	if (globals_expand(r->globals, stage->base->text, &r->collect.args, &name) < 0)
		return error_make(err, ERROR_USAGE, "%s:%u: the base \"%s\" cannot be read", r->dockerfile->name,
				  stage->from->line, stage->base->text);
	if (!*name)
		return error_make(err, ERROR_USAGE, "%s:%u: the base \"%s\" is empty: no argument gives it a value",
				  r->dockerfile->name, stage->from->line, stage->base->text);
	base = dockerfile_stage_named(r->dockerfile, name, index);
	if (base != NO_STAGE && !r->states[base].done) {
		*ret_base = base;
		return 0;
	}
	if (base == NO_STAGE ? use_base(r, index, name, err) < 0 : stage_platform(r, stage, &platform, err) < 0)
		return -1;
	r->states[index].base = base;
	run_stage(r, index, base);
	r->states[index].done = true;
	return 0;
}

/* Resolves the stages that lead to the target, bases first, so that each sees its base's variables. */
static int resolve_all(struct resolver *r, struct error **err)
{
	size_t *chain = mem_array(r->dockerfile->stages_len, sizeof(*chain));
	int status = 0;

	while (status == 0 && r->queue_len > 0) {
		size_t len = 0;

		chain[len++] = r->queue[--r->queue_len];
		while (status == 0 && len > 0) {
			size_t base = NO_STAGE;

			if (r->states[chain[len - 1]].done) {
				len--;
				continue;
			}
			status = resolve_stage(r, chain[len - 1], &base, err);
			if (base != NO_STAGE) {
				r->states[base].wanted = true;
				chain[len++] = base;
			}
		}
	}
	free(chain);
	return status;
}

static int dockerfile_resolve_find_target(const struct resolver *r, size_t *ret, struct error **err)
{
	const struct dockerfile *dockerfile = r->dockerfile;
	const char *target = r->options->target, *near;
	const char **names;
	size_t names_len = 0;

	*ret = dockerfile->stages_len - 1;
	if (!target || !*target)
		return 0;
	*ret = dockerfile_stage_named(dockerfile, target, dockerfile->stages_len);
	if (*ret == NO_STAGE)
		*ret = find_number(dockerfile, target);
	if (*ret != NO_STAGE)
		return 0;
	names = arena_array(r->collect.arena, dockerfile->stages_len, sizeof(*names));
	for (size_t i = 0; i < dockerfile->stages_len; i++)
		if (dockerfile->stages[i].name)
			names[names_len++] = dockerfile->stages[i].name;
	near = text_nearest(target, names, names_len);
	error_make(err, ERROR_USAGE, "%s: there is no stage \"%s\"", dockerfile->name, target);
	if (near)
		error_remedy(err, "did you mean \"%s\"?", near);
	return -1;
}

/* The base image of the target's own layers. */
static void mark_base(struct resolver *r, size_t target)
{
	while (r->states[target].base != NO_STAGE)
		target = r->states[target].base;
	if (r->states[target].image < r->collect.images_len)
		r->collect.images[r->states[target].image].base = true;
}

static const char *own_triggers(struct resolver *r, size_t target)
{
	const struct stage *stage = &r->dockerfile->stages[target];
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; i < stage->body_len; i++) {
		const struct instruction *in = &stage->body[i];

		if (in->trigger)
			buf_printf(&text, "%s\n", in->heredoc ? DOCKERFILE_UNTOLD : in->rest);
	}
	return arena_strndup(r->collect.arena, text.data ? text.data : "", text.len);
}

static void keep_env(struct resolver *r, const struct dockerfile_scope *scope)
{
	r->env_untold = dockerfile_scope_is_lost(scope);
	r->env = arena_array(r->collect.arena, scope->len + 1, sizeof(*r->env));
	for (size_t i = 0; i < scope->len; i++)
		if (scope->items[i].env_set)
			r->env[r->env_len++] =
				(struct dockerfile_arg){ .name = arena_strdup(r->collect.arena, scope->items[i].name),
							 .value = arena_strdup(r->collect.arena, scope->items[i].env) };
}

/* Of two stages that declare one name the one that is nearer to the target counts, then the later one. */
static void keep_asks(struct resolver *r, size_t target)
{
	size_t *ranks = arena_array(r->collect.arena, r->dockerfile->stages_len, sizeof(*ranks)), rank = 0;

	for (size_t i = 0; i < r->dockerfile->stages_len; i++)
		ranks[i] = 2 * r->dockerfile->stages_len - i;
	for (; target != NO_STAGE; target = r->states[target].base)
		ranks[target] = rank++;
	asks_add_globals(&r->asks, r->dockerfile, r->globals, &r->collect.args);
	asks_done(&r->asks, ranks);
}

static int dockerfile_resolve_part(struct resolver *r, struct error **err)
{
	const char *syntax = options_arg(r->options, "BUILDKIT_SYNTAX");
	size_t target;
	int status = 0;

	if (r->dockerfile->whole_why)
		collect_everything(&r->collect, r->options, "%s", r->dockerfile->whole_why);
	if (syntax && *syntax && !dockerfile_syntax_known(syntax)) {
		collect_everything(&r->collect, r->options, "the frontend %s is not known (BUILDKIT_SYNTAX)", syntax);
		r->foreign = true;
	}
	if (r->dockerfile->stages_len == 0)
		return 0;
	r->globals = globals_new(r->dockerfile, r->options, r->collect.arena);
	r->states = mem_array(r->dockerfile->stages_len, sizeof(*r->states));
	r->queue = mem_array(r->dockerfile->stages_len, sizeof(*r->queue));
	for (size_t i = 0; i < r->dockerfile->stages_len; i++)
		r->states[i].base = r->states[i].image = NO_STAGE;
	status = dockerfile_resolve_find_target(r, &target, err);
	if (status == 0) {
		dockerfile_resolve_want(r, target);
		status = resolve_all(r, err);
	}
	if (status == 0) {
		mark_base(r, target);
		r->triggers = own_triggers(r, target);
		keep_env(r, &r->states[target].scope);
		if (r->options->asks)
			keep_asks(r, target);
	}
	for (size_t i = 0; i < r->dockerfile->stages_len; i++)
		dockerfile_scope_free(&r->states[i].scope);
	globals_free(r->globals);
	free(r->states);
	free(r->queue);
	return status;
}

int dockerfile_resolve(const struct dockerfile *dockerfile, const struct dockerfile_options *options,
		       struct arena *arena, struct dockerfile_use *ret, struct error **err)
{
	struct resolver r = { .dockerfile = dockerfile,
			      .options = options,
			      .collect = { .arena = arena },
			      .asks = { .arena = arena } };
	struct error *why = NULL;

	r.foreign = dockerfile->text.syntax && !dockerfile_syntax_known(dockerfile->text.syntax);
	if (dockerfile_resolve_part(&r, &why) < 0) {
		if (!r.foreign) {
			collect_free(&r.collect);
			return error_move(err, &why);
		}
		error_free(why); /* only the other frontend knows what this text means */
	}
	collect_done(&r.collect, ret);
	ret->syntax = arena_strdup(arena, dockerfile->text.syntax);
	ret->triggers = r.foreign ? DOCKERFILE_UNTOLD : r.triggers;
	for (size_t i = 0; i < ASK_KINDS; i++) {
		ret->asks[i] = r.asks.lists[i].items;
		ret->asks_len[i] = r.asks.lists[i].len;
	}
	ret->env = r.env;
	ret->env_len = r.env_len;
	ret->env_untold = r.env_untold || r.foreign || ret->all_args;
	return 0;
}
