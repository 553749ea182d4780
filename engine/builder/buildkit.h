#ifndef ENGINE_BUILDER_BUILDKIT_H
#define ENGINE_BUILDER_BUILDKIT_H

#include "engine/builder/builder.h"

struct argv;
struct rewrite_files;

/* What the clients of BuildKit have in common (docker buildx, buildctl, nerdctl): they print progress for programs, and send
 * an image as the tar of an OCI layout. */

/* What a job is given to a client with besides the job itself. */
struct buildkit_target {
	const struct build_job *job;
	const struct rewrite_files *files;
	const char *context;        /* the main folder */
	const char *const *aliases; /* one an image: its name in the generated Dockerfile */
	const char *output;         /* the pipe (or file) that takes the image */
};

/* A client, as the functions below need it. */
struct buildkit {
	const char *tool; /* for messages: "docker buildx" */
	struct loop *loop;
	struct layout *layout;
	const struct platform *native;
	/* The command line that builds the targets, and its environment. `data` is `self`. */
	int (*command)(void *data, const struct buildkit_target *targets, size_t len, struct argv *argv,
		       struct argv *env, struct error **err);
	void *self;
};

/*
 * Builds a batch with one run of the client: as builder_build. Each image comes through a pipe and is in the store, and
 * reported, when the client has sent it, though others are still being built; on threads of its own. A client with several
 * targets calls them n0, n1, ... in its messages (bake.h).
 */
void buildkit_batch(const struct buildkit *kit, const struct build_job *jobs, size_t len, build_done *done, void *data);

/* The same, for builder_ops.build: `client` points to something that begins with a struct buildkit. */
void buildkit_build(void *client, const struct build_job *jobs, size_t len, build_done *done, void *data);

/* What a BuildKit of this version ("v0.12.5") can do beyond the common. One that does not say which it is (NULL, "v0.0.0+unknown")
 * counts as a new one. */
unsigned buildkit_abilities(const char *version);

/* buildkit_args.c: the words that the clients share. */
/* --output: the job's image as a tar of an OCI layout to `path`. */
void buildkit_add_output(const struct build_job *job, const char *path, struct argv *argv);
/* Where the client finds an image that the job is built from (malloc'd). `store`: what it knows the store as. ERROR_INTERNAL for
 * an image in another builder's storage. */
int buildkit_place(const char *store, const struct build_job *job, const struct build_image *image, char **ret,
		   struct error **err);
/* --build-context for each of them, under its alias. */
int buildkit_add_images(const char *store, const struct build_job *job, const char *const *aliases, struct argv *argv,
			struct error **err);

/* The name that the i-th image of a job has in the generated Dockerfile. malloc'd. */
char *buildkit_alias(const char *name, size_t number);
/* The path by which the job's main folder is given to the client: a link in the staging folder, called after the job's
 * context_name. malloc'd; NULL with ERROR_STATE when it cannot be made. */
char *buildkit_context(const struct build_job *job, struct error **err);
/* Whether the builder is asked to say anything beside the image. */
bool buildkit_attests(const struct build_job *job);
/* Takes the image out of a tar, open as `fd`, into the store, with what is said about it, when it is what was asked for. */
int buildkit_import(const struct buildkit *kit, const struct build_job *job, int fd, const char *name,
		    struct build_result *result, struct error **err);

#endif
