#include "config.h"

#include "engine/source/dockerfile_collect.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/source/dockerfile_text.h"
#include "base/remote.h"

#define WHY_MAX 400 /* bytes of a reason: it may quote a long text */

__attribute__((format(printf, 2, 0))) static void set_why(struct collect *collect, const char *fmt, va_list args)
{
	char why[WHY_MAX];

	if (collect->whole_why)
		return;
	vsnprintf(why, sizeof(why), fmt, args);
	collect->whole_why = arena_strdup(collect->arena, why);
}

void collect_whole(struct collect *collect, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_why(collect, fmt, args);
	va_end(args);
}

void collect_everything(struct collect *collect, const struct dockerfile_options *options, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	set_why(collect, fmt, args);
	va_end(args);
	collect->all_args = true;
	for (size_t i = 0; i < options->contexts_len; i++)
		collect_whole_context(collect, options->contexts[i]);
}

void collect_whole_context(struct collect *collect, const char *context)
{
	names_add(&collect->whole_contexts, collect->arena, context);
}

const char *collect_context(struct collect *collect, const struct dockerfile_options *options, const char *name,
			    const struct platform *platform)
{
	const char *for_all = NULL;
	char text[PLATFORM_TEXT];

	if (strcasecmp(name, "scratch") == 0 || strcasecmp(name, "context") == 0)
		return NULL;
	platform_text(platform, text);
	for (size_t i = 0; i < options->contexts_len; i++) {
		const char *context = options->contexts[i];
		const char *own =
			strstr(context, "::"); /* "name::linux/arm64": for that platform, preferred to the plain name */
		const char *plain = own ? arena_strndup(collect->arena, context, (size_t)(own - context)) : context;

		if (strcasecmp(plain, name) != 0 && !ref_same(plain, name))
			continue;
		if (own && strcmp(own + 2, text) == 0)
			return context;
		if (!own && !for_all)
			for_all = context;
	}
	return for_all;
}

void collect_image(struct collect *collect, const struct dockerfile_image *image, const struct token *token,
		   size_t start, size_t end)
{
	struct dockerfile_image *added;

	mem_reserve(&collect->images, &collect->images_cap, collect->images_len + 1, sizeof(*collect->images));
	added = &collect->images[collect->images_len++];
	*added = *image;
	added->name = arena_strdup(collect->arena, image->name);
	added->offset = collect->placeless ? collect->base_offset : token->at[start];
	added->length = collect->placeless ? 0 : token->at[end - 1] + 1 - token->at[start];
}

void collect_mount(struct collect *collect, size_t offset)
{
	if (collect->placeless) {
		collect->base_mounts = true;
		return;
	}
	mem_reserve(&collect->mounts, &collect->mounts_cap, collect->mounts_len + 1, sizeof(*collect->mounts));
	collect->mounts[collect->mounts_len++] = offset;
}

/* Judged as written: the value of a variable further on does not change it. */
static bool fetched(const char *written)
{
	return strncmp(written, "http://", 7) == 0 || strncmp(written, "https://", 8) == 0;
}

void collect_line(unsigned *line, unsigned found)
{
	if (!*line || found < *line)
		*line = found;
}

/* A class that could match '/', which matching by component would miss. */
static bool class_over_slash(const char *pattern)
{
	for (const char *p = pattern; *p; p++) {
		if (*p == '\\' && p[1]) {
			if (*++p == '/')
				return true;
		} else if (*p == '[') {
			bool negated = p[1] == '^', first = p == pattern || p[-1] == '/';

			if (negated && !first)
				return true;
			for (p++; *p && *p != ']'; p++) {
				if (*p == '/' || (p[0] == '-' && p[-1] < '/' && p[1] > '/'))
					return true;
				if (*p == '\\' && p[1])
					p++;
			}
			if (!*p)
				return true;
		}
	}
	return false;
}

/* COPY --parents supports "**": cut the pattern before it, which makes more count. */
static void cut_deep(char *pattern)
{
	char *deep = strstr(pattern, "**");

	if (!deep)
		return;
	while (deep > pattern && *deep != '/')
		deep--;
	*deep = '\0';
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void add_source(struct collect *collect, const struct dockerfile_source *added)
{
	for (size_t i = 0; i < collect->sources_len; i++) {
		const struct dockerfile_source *source = &collect->sources[i];

		if (strcmp(source->pattern, added->pattern) == 0 && source->parents == added->parents &&
		    same_text(source->context, added->context) && same_text(source->exclude, added->exclude))
			return;
	}
	mem_reserve(&collect->sources, &collect->sources_cap, collect->sources_len + 1, sizeof(*collect->sources));
	collect->sources[collect->sources_len++] = *added;
}

static void widen(struct collect *collect, const struct collect_source *source, const char *why)
{
	if (source->context)
		collect_whole_context(collect, source->context);
	else
		collect_whole(collect, "%s source %s %s (line %u)", source->instruction, source->written, why,
			      source->line);
}

static void collect_url(struct collect *collect, const struct collect_source *source)
{
	const struct token *token = source->token;
	bool placed = source->add != SIZE_MAX && token->at && !collect->placeless,
	     git = source->path && remote_is_git(source->path);
	struct dockerfile_url *added;

	mem_reserve(&collect->urls, &collect->urls_cap, collect->urls_len + 1, sizeof(*collect->urls));
	added = &collect->urls[collect->urls_len++];
	*added = (struct dockerfile_url){
		.url = source->path,
		.written = source->written,
		.git = git,
		.pinned = source->pinned || (git && remote_is_commit(source->path)),
		.line = source->line,
		.add = source->add,
		.offset = placed ? token->at[0] : 0,
		.length = placed ? token->at[token->len - 1] + 1 - token->at[0] : 0,
	};
	if (git)
		collect_line(&collect->git_line, source->line);
}

void collect_source(struct collect *collect, const struct collect_source *source)
{
	cleanup_free char *rooted = NULL, *cleaned = NULL, *literal = NULL, *heredoc = NULL;
	char *pattern;
	bool chomp;

	if (!source->literal && !source->json)
		heredoc = word_heredoc(source->written, &chomp);
	if (heredoc)
		return;
	if (strcmp(source->instruction, "ADD") == 0 && remote_is(source->path ? source->path : source->written)) {
		collect_url(collect, source);
		if (source->path || fetched(source->written))
			return;
	}
	if (!source->path) {
		widen(collect, source, "is not known before the build");
		return;
	}
	rooted = mem_printf("/%s", source->path);
	cleaned = path_clean(rooted); /* ".." stops at the context's root, as with the builders */
	literal = source->literal ? glob_escape(cleaned + 1) : NULL;
	pattern = arena_strdup(collect->arena, literal ? literal : cleaned + 1);
	if (source->parents)
		cut_deep(pattern);
	if (!*pattern) {
		widen(collect, source, "is all of it");
		return;
	}
	if (glob_match(pattern, "x") < 0 || class_over_slash(pattern)) {
		widen(collect, source, "is not a known pattern");
		return;
	}
	add_source(collect, &(struct dockerfile_source){
				    .context = source->context,
				    .pattern = pattern,
				    .parents = source->parents,
				    .exclude = source->exclude,
				    .line = collect->placeless ? 0 : source->line,
				    .offset = source->token && source->token->at ? source->token->at[0] : SIZE_MAX,
			    });
}

/* The whole context includes what links lead to, and patterns are checked one by one. */
static bool covers(const char *outer, const char *inner)
{
	return strcmp(outer, "/") != 0 && strcmp(outer, inner) != 0 && path_inside(outer, inner) &&
	       !glob_has_magic(inner);
}

void collect_covers(struct collect *collect, const char *const *paths, size_t len)
{
	char **cleaned = mem_array(len + 1, sizeof(*cleaned));

	for (size_t i = 0; i < len; i++) {
		cleanup_free char *rooted = mem_printf("/%s", paths[i] ? paths[i] : "");

		collect->covers |= !paths[i] && len > 1;
		cleaned[i] = path_clean(rooted);
	}
	for (size_t i = 0; i < len; i++)
		for (size_t j = 0; j < len; j++)
			collect->covers |= covers(cleaned[i], cleaned[j]);
	for (size_t i = 0; i < len; i++)
		free(cleaned[i]);
	free(cleaned);
}

static int by_offset(const void *a, const void *b)
{
	const struct dockerfile_image *x = a, *y = b;

	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

static int ascending(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return x < y ? -1 : x > y;
}

/* A step with several mounts, or an ONBUILD that two stages run, counts once. */
static void mounts_done(struct collect *collect, struct dockerfile_use *ret)
{
	ret->mounts = arena_array(collect->arena, collect->mounts_len + 1, sizeof(*ret->mounts));
	if (collect->mounts_len > 0)
		qsort(collect->mounts, collect->mounts_len, sizeof(*collect->mounts), ascending);
	for (size_t i = 0; i < collect->mounts_len; i++)
		if (ret->mounts_len == 0 || ret->mounts[ret->mounts_len - 1] != collect->mounts[i])
			ret->mounts[ret->mounts_len++] = collect->mounts[i];
}

void collect_done(struct collect *collect, struct dockerfile_use *ret)
{
	struct arena *arena = collect->arena;
	size_t kept = 0;

	*ret = (struct dockerfile_use){
		.images = arena_array(arena, collect->images_len + 1, sizeof(*ret->images)),
		.sources = arena_array(arena, collect->sources_len + 1, sizeof(*ret->sources)),
		.sources_len = collect->sources_len,
		.urls = arena_array(arena, collect->urls_len + 1, sizeof(*ret->urls)),
		.urls_len = collect->urls_len,
		.whole = collect->whole_why != NULL,
		.whole_why = collect->whole_why,
		.whole_contexts = collect->whole_contexts.items,
		.whole_contexts_len = collect->whole_contexts.len,
		.base_mounts = collect->base_mounts,
		.all_args = collect->all_args,
		.covers = collect->covers,
		.heredoc_line = collect->heredoc_line,
		.git_line = collect->git_line,
		.args_used = collect->args.items,
		.args_used_len = collect->args.len,
	};
	if (collect->images_len > 0)
		qsort(collect->images, collect->images_len, sizeof(*collect->images), by_offset);
	/* an ONBUILD that two stages run is one mention */
	for (size_t i = 0; i < collect->images_len; i++)
		if (kept == 0 || ret->images[kept - 1].offset != collect->images[i].offset ||
		    ret->images[kept - 1].length != collect->images[i].length ||
		    strcmp(ret->images[kept - 1].name, collect->images[i].name) != 0)
			ret->images[kept++] = collect->images[i];
	ret->images_len = kept;
	if (collect->sources_len > 0)
		memcpy(ret->sources, collect->sources, collect->sources_len * sizeof(*ret->sources));
	if (collect->urls_len > 0)
		memcpy(ret->urls, collect->urls, collect->urls_len * sizeof(*ret->urls));
	mounts_done(collect, ret);
	collect_free(collect);
}

void collect_free(struct collect *collect)
{
	free(collect->images);
	free(collect->sources);
	free(collect->urls);
	free(collect->mounts);
	collect->mounts = NULL;
	collect->images = NULL;
	collect->sources = NULL;
	collect->urls = NULL;
}
