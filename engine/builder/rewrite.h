#ifndef ENGINE_BUILDER_REWRITE_H
#define ENGINE_BUILDER_REWRITE_H

#include <stddef.h>

struct buf;
struct build_image;
struct build_job;
struct error;

/*
 * The Dockerfile that a builder is given. Builders resolve a name once, whatever the platforms of the
 * stages that mention it; so each mention of an image is replaced by a name of its own for that very
 * image. The lines stay where they were.
 */

/* Appends the job's text to `out` with the i-th image's mention replaced by names[i], and `flag` put behind the flags of
 * each RUN step that mounts files. ERROR_INTERNAL when mentions overlap or lie outside the text. */
int rewrite_text(const struct build_job *job, const char *const *names, const char *flag, struct buf *out,
		 struct error **err);

/* The files written for a job, in its staging folder. */
struct rewrite_files {
	char *dockerfile; /* named as the user's own, for the builders' messages */
	char *ignore;     /* "<dockerfile>.dockerignore", a copy of the ignore file that counts; maybe empty */
};
/* `flag` as above, or NULL: nothing is put there. */
int rewrite_files(const struct build_job *job, const char *const *names, const char *flag, struct rewrite_files *ret,
		  struct error **err);
void rewrite_files_free(struct rewrite_files *files); /* the contents */
#define cleanup_rewrite_files __attribute__((cleanup(rewrite_files_free)))

#endif
