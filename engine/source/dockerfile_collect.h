#ifndef ENGINE_SOURCE_DOCKERFILE_COLLECT_H
#define ENGINE_SOURCE_DOCKERFILE_COLLECT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_scope.h"

struct token;

/* What dockerfile_resolve collects: images, sources, and what counts as a whole. */
struct collect {
	struct arena *arena;
	struct dockerfile_image *images;
	size_t images_len, images_cap;
	struct dockerfile_source *sources;
	size_t sources_len, sources_cap;
	struct dockerfile_url *urls;
	size_t urls_len, urls_cap;
	const char *whole_why;
	struct names whole_contexts;
	struct names args;
	size_t *mounts;
	size_t mounts_len, mounts_cap;
	bool all_args, covers;
	bool placeless; /* the following is in an ONBUILD of the base at `base_offset`, not in this text */
	size_t base_offset;
	bool base_mounts;
	unsigned heredoc_line, git_line;
};

/* The whole main context counts; the first reason is kept. */
__attribute__((format(printf, 2, 3))) void collect_whole(struct collect *collect, const char *fmt, ...);
void collect_whole_context(struct collect *collect, const char *context);
/* All contexts and arguments count: the meaning of the text cannot be determined. The first reason is kept. */
__attribute__((format(printf, 3, 4))) void
collect_everything(struct collect *collect, const struct dockerfile_options *options, const char *fmt, ...);
/* The named context that replaces the image or stage of that name on a platform, or NULL. */
const char *collect_context(struct collect *collect, const struct dockerfile_options *options, const char *name,
			    const struct platform *platform);
/* Adds an image whose name is token->text[start..end), unless it is placeless. */
void collect_image(struct collect *collect, const struct dockerfile_image *image, const struct token *token,
		   size_t start, size_t end);

/* Records the first line of something. */
void collect_line(unsigned *line, unsigned found);
/* Adds a RUN step that mounts files, by the offset of the end of its flags (if it has a place in the text). */
void collect_mount(struct collect *collect, size_t offset);

struct collect_source {
	const char *context; /* NULL: the main one */
	const char *written; /* as in the file, for the reason */
	const char *path;    /* with variables resolved; NULL when that is impossible */
	const char *instruction;
	unsigned line;
	bool parents;        /* COPY --parents */
	const char *exclude; /* as dockerfile_source */
	bool literal;        /* no wildcards: the source of a mount */
	bool json;
	bool pinned; /* ADD --checksum */
	size_t add; /* where the instruction stands, when this is its only source and it is in the text; else SIZE_MAX */
	const struct token *token; /* it is written in */
};
void collect_source(struct collect *collect, const struct collect_source *source);
/* Records whether one of an instruction's sources (paths, or NULL) is below another one. */
void collect_covers(struct collect *collect, const char *const *paths, size_t len);

/* Moves the result to `ret`, in the arena, images in the order of the text. */
void collect_done(struct collect *collect, struct dockerfile_use *ret);
void collect_free(struct collect *collect);

#endif
