#include "config.h"

#include "engine/source/dockerfile_copies.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/dockerfile_stage.h"

struct copies {
	const struct dockerfile *dockerfile;
	struct arena *arena;
	struct dockerfile_copy *items;
	size_t len;
	const char *workdir; /* of the stage that is read; NULL: not known */
};

/* The number of the stage that it is FROM, or NO_STAGE. */
static size_t stage_below(const struct dockerfile *dockerfile, size_t stage)
{
	return dockerfile_stage_named(dockerfile, dockerfile->stages[stage].base->text, stage);
}

/* Whether its layers are below those of `top`, or its own. */
static bool is_below(const struct dockerfile *dockerfile, size_t stage, size_t top)
{
	while (top != NO_STAGE && top != stage)
		top = stage_below(dockerfile, top);
	return top == stage;
}

static bool copies_plainly(const struct instruction *in)
{
	for (size_t i = 0; i < in->flags_len; i++)
		if (strcmp(in->flags[i].text, "--link") != 0 && strcmp(in->flags[i].text, "--link=true") != 0)
			return false;
	return strcmp(in->name, "COPY") == 0;
}

/* "" at the end of `dest` is kept: "/app/" and "." are folders. */
static const char *copies_place(const struct copies *copies, const char *dest)
{
	size_t len = strlen(dest);
	bool folder = len > 0 &&
		      (dest[len - 1] == '/' || strcmp(dest, ".") == 0 || (len > 1 && !strcmp(dest + len - 2, "/.")));
	cleanup_free char *joined = NULL, *cleaned = NULL;

	if (strchr(dest, '$') || (dest[0] != '/' && !copies->workdir))
		return NULL;
	joined = path_join(copies->workdir ? copies->workdir : "/", dest);
	cleaned = path_clean(joined);
	return arena_join(copies->arena, cleaned, folder && strcmp(cleaned, "/") != 0 ? "/" : "", NULL);
}

static bool read_sources(struct copies *copies, const struct instruction *in)
{
	size_t ignored;
	const char *target;
	bool folder;

	if (instruction_flag(in, "from", &ignored))
		return true;
	if (in->heredoc || in->bad || in->args_len < 2)
		return false;
	target = copies_plainly(in) ? copies_place(copies, in->args[in->args_len - 1].text) : NULL;
	folder = target && target[strlen(target) - 1] == '/';
	for (size_t i = 0; i + 1 < in->args_len; i++) {
		const char *source = in->args[i].text;
		cleanup_free char *rooted = NULL, *cleaned = NULL;

		if (strchr(source, '$'))
			return false;
		if (strstr(source, "://") || strncmp(source, "git@", 4) == 0)
			continue;
		rooted = path_join("/", source);
		cleaned = path_clean(rooted);
		copies->items[copies->len++] = (struct dockerfile_copy){
			.source = cleaned[1] ? arena_strdup(copies->arena, cleaned + 1) : ".",
			/* A pattern may name a folder, whose name is not copied, or files, whose names are. */
			.target = strpbrk(cleaned, "*?[\\") || (in->args_len > 2 && !folder) ? NULL : target,
		};
	}
	return true;
}

/* A step that mounts files of the main context. */
static bool mounts_context(const struct instruction *in)
{
	for (size_t i = 0; i < in->flags_len; i++) {
		const char *flag = in->flags[i].text;

		if (strncmp(flag, "--mount", 7) == 0 && !strstr(flag, "from=") &&
		    (strstr(flag, "type=bind") || !strstr(flag, "type=")))
			return true;
	}
	return false;
}

static void copies_forget(struct copies *copies, size_t from)
{
	for (size_t i = from; i < copies->len; i++)
		copies->items[i].target = NULL;
}

static bool copies_read(struct copies *copies, const struct instruction *in)
{
	if (strcmp(in->name, "WORKDIR") == 0)
		copies->workdir = strpbrk(in->rest, "\"'\\") ? NULL : copies_place(copies, in->rest);
	if (strcmp(in->name, "RUN") == 0) {
		copies_forget(copies, 0);
		return !mounts_context(in);
	}
	return (strcmp(in->name, "COPY") != 0 && strcmp(in->name, "ADD") != 0) || read_sources(copies, in);
}

/* The stages of other results come first, so that none of their copies keeps its target; a stage stands behind those that it is FROM. */
static bool copies_read_stages(struct copies *copies, size_t top, bool below)
{
	const struct dockerfile *dockerfile = copies->dockerfile;

	for (size_t i = 0; i < dockerfile->stages_len; i++) {
		const struct stage *stage = &dockerfile->stages[i];

		if (is_below(dockerfile, i, top) != below)
			continue;
		if (!below)
			copies->workdir = NULL;
		for (size_t j = 0; j < stage->body_len; j++)
			if (!copies_read(copies, &stage->body[j]))
				return false;
	}
	return true;
}

bool dockerfile_copies(const struct dockerfile *dockerfile, const char *target, struct arena *arena,
		       struct dockerfile_copy **ret, size_t *ret_len)
{
	struct copies copies = { .dockerfile = dockerfile, .arena = arena };
	size_t top = target ? dockerfile_stage_named(dockerfile, target, dockerfile->stages_len)
			    : dockerfile->stages_len - 1;
	size_t most = 0;

	if (dockerfile->foreign || dockerfile->whole_why || dockerfile->stages_len == 0 || top == NO_STAGE)
		return false;
	for (size_t i = 0; i < dockerfile->stages_len; i++)
		for (size_t j = 0; j < dockerfile->stages[i].body_len; j++)
			most += dockerfile->stages[i].body[j].args_len;
	copies.items = arena_array(arena, most + 1, sizeof(*copies.items));
	if (!copies_read_stages(&copies, top, false))
		return false;
	copies_forget(&copies, 0);
	copies.workdir = NULL;
	if (!copies_read_stages(&copies, top, true))
		return false;
	*ret = copies.items;
	*ret_len = copies.len;
	return true;
}
