#ifndef ENGINE_BUILDER_BUILDAH_H
#define ENGINE_BUILDER_BUILDAH_H

#include <stdbool.h>

struct argv;
struct build_job;
struct error;
struct layout;
struct loop;
struct platform;
struct rewrite_files;
struct state;

/* `program` is the path of buildah, or of podman, which contains the same engine. */
bool buildah_is_podman(const char *program);

/* What was found out about buildah on this machine. */
struct buildah_facts {
	char *version; /* the program's, "1.28.2" */
	char *engine;  /* buildah's version: differs from the program's if that is podman */
	char *root;    /* graph root of its storage */
	char *flags;   /* flags that RUN steps need here, separated by blanks: "--isolation=oci --runtime=runc" */
	bool assumed;  /* `flags` are the best that this machine may take: nothing has been tried */
};

/* The graph root as remembered in `state` for the current programs and configuration (malloc'd), or NULL. */
char *buildah_facts_root(const char *program, struct state *state);
/* Reads the facts from `state` if the programs and their configuration are unchanged; otherwise asks buildah, and assumes the flags.
 * `state` NULL: asks and tries. `layout` may be NULL; it provides a folder for the trial. ERROR_TOOL when buildah cannot be used. */
int buildah_facts_find(const char *program, struct loop *loop, struct state *state, struct layout *layout,
		       struct buildah_facts *ret, struct error **err);
/* Tries out which flags RUN steps need: sets `facts->flags`. Any thread. */
int buildah_facts_try(const char *program, struct loop *loop, struct layout *layout, struct buildah_facts *facts,
		      struct error **err);
/* Remembers them from now on. On the loop's thread. */
int buildah_facts_remember(const char *program, struct state *state, const struct buildah_facts *facts,
			   struct error **err);
void buildah_facts_free(struct buildah_facts *facts); /* the contents */

/* Appends the beginning of a build's command line, and the words of `flags` that come after it. */
void buildah_begin(const char *program, const char *flags, struct argv *argv);
void buildah_add_flags(const char *program, const char *flags, struct argv *argv);

/* The command line of a build. Reads only the job's own data. */
struct buildah_command {
	const char *program;
	const char *flags;           /* buildah_facts.flags */
	const struct platform *host; /* $BUILDPLATFORM */
	const struct rewrite_files *files;
	const char *iidfile;
	const char *mark;       /* of the working containers, see leftover.h */
	const char *const *ids; /* of the job's images, 64 hex digits each */
	bool no_cache;
};
void buildah_argv(const struct buildah_command *command, const struct build_job *job, struct argv *argv,
		  struct argv *env);

#endif
