#ifndef ENGINE_BUILDER_DOCKER_H
#define ENGINE_BUILDER_DOCKER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"
#include "engine/builder/builder.h"

struct argv;
struct build_job;
struct error;
struct loop;
struct rewrite_files;
struct state;

#define DOCKER_PLATFORMS_MAX 16

/* What was found out about docker's buildx and the daemon (or builder) behind it. */
struct docker_facts {
	struct argv *command; /* how buildx is called: "docker-buildx", or "docker" "buildx" */
	char *version;        /* of buildx: "0.29.1" */
	char *detail;         /* "driver docker-container, 2 nodes" */
	struct platform platforms[DOCKER_PLATFORMS_MAX]; /* the daemon's own first */
	size_t platforms_len;                            /* at least 1 */
	size_t native_len;
	bool lasting;       /* this daemon's own builder: what was found out holds until the daemon is started anew */
	unsigned abilities; /* of the BuildKit behind it, of each of its nodes */
	bool checks;        /* it has --check */
	bool bakes;         /* bake builds a batch as it is needed here */
};

/* Which docker: a builder of buildx's by its name, or the daemon at a host ("unix:///run/d.sock", "ssh://arm1"); both NULL: the
 * one in use. */
struct docker_where {
	const char *instance, *host;
};
/* Makes an environment one in which buildx finds it. */
void docker_where_env(const struct docker_where *where, struct argv *env);
/* Of that builder. What is known of the daemon behind a socket of this machine is remembered in `state` (NULL: it is not, and
 * asked anew). ERROR_TOOL with a remedy when there is no buildx, no
 * daemon, or one that cannot hand out OCI layouts; ERROR_USAGE when buildx knows no such builder. */
int docker_facts_find(struct loop *loop, struct state *state, const struct docker_where *where,
		      struct docker_facts *ret, struct error **err);
/* Of a version ("0.29.1"): what follows from it. ERROR_TOOL when it is too old. */
int docker_facts_version(struct docker_facts *facts, const char *version, struct error **err);
/* Asks once more whether it is there. */
int docker_facts_ask(struct loop *loop, const struct docker_where *where, const struct docker_facts *facts,
		     struct error **err);
void docker_facts_free(struct docker_facts *facts); /* the contents */

/* docker_check.c: what BuildKit's own checks say of a Dockerfile, as builder_check. */
int docker_check(struct loop *loop, const struct docker_facts *facts, const struct docker_where *where,
		 const struct build_job *job, builder_found *found, void *data, struct error **err);
void docker_check_argv(const struct argv *buildx, const char *instance, const struct build_job *job, struct argv *argv,
		       struct argv *env);
int docker_check_read(const char *text, size_t len, builder_found *found, void *data, struct error **err);

/* docker_memory.c: the facts in the state, under a stamp of all that they depend on. */
/* malloc'd; NULL when this one cannot be told from others. Cheap: a few files are looked at, and whether somebody listens. */
char *docker_memory_stamp(const struct docker_where *where, const struct argv *command);
/* Fills in all but the command when the facts are known under this stamp. */
int docker_memory_recall(struct state *state, const char *stamp, struct docker_facts *ret, bool *ret_known,
			 struct error **err);
int docker_memory_keep(struct state *state, const char *stamp, const struct docker_facts *facts, struct error **err);

/* The answer of `buildx inspect`. Only reads the text. */
struct docker_inspect {
	char *driver;       /* "docker", "docker-container" ... */
	char *endpoint;     /* of its last node: "default" is the daemon that is in use */
	char *error;        /* what is wrong with its first node, or NULL */
	unsigned abilities; /* that all nodes have */
	bool classic;       /* docker's own builder without containerd's image store */
	size_t nodes;
	struct platform platforms[DOCKER_PLATFORMS_MAX]; /* the native ones first */
	size_t platforms_len, native_len;
};
void docker_inspect_parse(const char *text, struct docker_inspect *ret);
void docker_inspect_free(struct docker_inspect *inspect); /* the contents */

/* The command line of a build. Only the job's own data is read. */
struct docker_command {
	const struct argv *buildx;
	const char *instance; /* of buildx's builders, or NULL */
	const char *store;    /* the folder of cbuild's layout, absolute */
	const char *context;  /* docker_context */
	const struct rewrite_files *files;
	const char *const *aliases; /* one an image */
	const char *tar;            /* where the image goes */
};
int docker_argv(const struct docker_command *command, const struct build_job *job, struct argv *argv, struct argv *env,
		struct error **err);

#define DOCKER_BATCH 64 /* jobs; each has a thread and a pipe while its batch runs */

#endif
