#ifndef ENGINE_BUILDER_REWRITE_H
#define ENGINE_BUILDER_REWRITE_H

#include <stddef.h>

struct buf;
struct build_image;
struct build_job;
struct error;

/*
 * The Dockerfile that a builder gets. Builders resolve a name once for stages of all platforms, so each mention of an
 * image is replaced by a unique name for that very image. Lines keep their numbers.
 */

/* Appends the job's text to `out` with the i-th image's mention replaced by names[i], and `flag` added to each RUN
 * step that mounts files. ERROR_INTERNAL when mentions overlap or are outside the text. */
int rewrite_text(const struct build_job *job, const char *const *names, const char *flag, struct buf *out,
		 struct error **err);

/* The files written for a job, in its staging folder. */
struct rewrite_files {
	char *dockerfile; /* with the user's file name, for the builders' messages */
	char *ignore;     /* "<dockerfile>.dockerignore", a copy of the ignore file in use; maybe empty */
};
/* `flag` as above, or NULL: none. */
int rewrite_files(const struct build_job *job, const char *const *names, const char *flag, struct rewrite_files *ret,
		  struct error **err);
void rewrite_files_free(struct rewrite_files *files); /* the contents */
#define cleanup_rewrite_files __attribute__((cleanup(rewrite_files_free)))

#endif
