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

/* `program` is the path of buildah, or of podman, which has the same engine in it. */
bool buildah_is_podman(const char *program);

/* What was found out about the buildah of this machine. */
struct buildah_facts {
	char *version; /* the program's, "1.28.2" */
	char *engine;  /* buildah's: another one where the program is podman */
	char *root;    /* graph root of its storage */
	char *flags;   /* what a RUN step needs here, separated by blanks: "--isolation=oci --runtime=runc" */
};

/* The graph root when it is remembered in `state` for the programs and the configuration of now (malloc'd), or NULL. */
char *buildah_facts_root(const char *program, struct state *state);
/* From `state` when the programs and what they are configured with are the same as then; by trying otherwise.
 * `state` may be NULL, and `layout`, which lends a folder for the trial. ERROR_TOOL when buildah cannot be used. */
int buildah_facts_find(const char *program, struct loop *loop, struct state *state, struct layout *layout,
		       struct buildah_facts *ret, struct error **err);
void buildah_facts_free(struct buildah_facts *facts); /* the contents */

/* Appends the beginning of a build's command line, and the words of `flags` that stand behind it. */
void buildah_begin(const char *program, const char *flags, struct argv *argv);
void buildah_add_flags(const char *program, const char *flags, struct argv *argv);

/* The command line of a build. Only the job's own data is read. */
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
