#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/digest.h"
#include "engine/plan/plan_node.h"
#include "engine/source/dockerfile.h"

struct base_config;
struct build_output;
struct arena;
struct diags;
struct error;
struct inputs;
struct layout;
struct lockfile;
struct manifest;
struct record;
struct remote_use;
struct source;
struct state;
struct text;

/*
 * The plan: what the targets of a run need, as a graph, with a key, a state and reasons for each node. It is pure data
 * and knows no builder or runtime.
 *
 * During a run each node belongs to one thread at a time: the one that decides it, then its task, which gets the plan const and sets the
 * result at its end. They read what was made before the run, their own node, and the results of its dependencies. What they share is
 * guarded by the plan's lock.
 */
struct plan;

/* What of a result is not there. */
struct plan_lost {
	const char *what;   /* NULL: the result itself */
	const char *change; /* what became of it; NULL: it is gone */
};
/* Whether the result of `record` still exists: 1; 0 when not, with what is missing in `ret` (borrowed until
 * the next call). Negative: unknown. */
typedef int plan_present(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
			 struct error **err);

struct plan_pair {
	const char *key, *value;
};

struct plan_options {
	const char *const *targets; /* services and groups; NULL-terminated; none: "all" */
	const char *const *words;   /* others that may have been meant by what is no target; NULL-terminated, or NULL */
	bool nothing;               /* the targets turned out to be none: does not mean "all" */
	struct platform host;       /* the builders' and runtimes' own platform */
	bool verify_again;          /* run checks again even if they have passed */
	bool force;                 /* -B: every node of a target is stale */
	bool load;                  /* have load nodes */
	bool verify;                /* have verify nodes */
	bool only_images; /* which look at images alone: their containers are checked where they run from then on */
	bool push;        /* have push and tag nodes */
	bool untagged;    /* no tag nodes */
	bool unpublished; /* only what runs on this machine: no indexes, tags or formats */
	bool runs;        /* the run follows: folders that files are made in are there before contexts are read */
	bool keep_going;  /* push and tag each service once it is complete, even if others fail */
	const struct plan_pair *annotations; /* of the pushed index */
	size_t annotations_len;
	const char *signer;          /* tells by which key pushes are signed; NULL: they are not */
	const struct lockfile *lock; /* of the base images, or NULL */
	/* What the config of a base that this run asked for (plan_ask_bases) gives to builds on it, or NULL. May be NULL itself. */
	const struct base_config *(*base_config)(void *data, const char *reference, const struct platform *platform);
	void *base_config_data;
	const char *state_dir; /* absolute path of .cbuild: never part of a context */
	bool unfetched; /* what a service needs from elsewhere and is not here makes its builds stale, and nothing more is known of them */
	/* Otherwise called for it; then the plan cannot be made. May be NULL. */
	void (*lacks)(void *data, const struct remote_use *use);
	void *lacks_data;
	plan_present *present;
	void (*present_ahead)(void *data, const struct record *const *records,
			      size_t len); /* announces records to be asked for, or NULL */
	void *present_data;
};

/* An image that a build uses. */
struct plan_image {
	const struct dockerfile_image *mention;
	size_t node;           /* the build that makes it, or NO_NODE */
	const char *reference; /* otherwise: what to pull */
	const char *layout;    /* the folder of the image layout that has it, instead; its digest is known */
	const char *digest; /* for the platform, from the lock or --pull; NULL: the tag's digest at the time of the build */
	const char *onbuild; /* its ONBUILD instructions; NULL: unknown, assumed to be none */
	bool settled;        /* known from the lock, or because this run asked; otherwise as found by the last build */
	const char *env; /* its variables, as base_env_find has them; NULL: at most those that the last build found */
	bool env_settled;
};

/* A folder that a build reads. */
struct plan_context {
	const char *name;   /* NULL: the main one */
	const char *given;  /* the builder's name for it: without the platform, unless there are two of one name */
	const char *root;   /* absolute folder */
	const char *origin; /* the URL that it was fetched from, without a login; or NULL */
	size_t shown; /* the selection that BuildKit is shown: for a named one, without what its own ignore file excludes */
	size_t selection; /* of its files in the source */
	bool made;        /* it is, or is in, a folder that an output node makes: its files are in no selection */
};

/* What a build fetches by ADD; or what was fetched for it, to be a context or its Dockerfile. */
struct plan_url {
	const char *url; /* as the builder asks for it; NULL: it is not known before the build, or nobody else can ask */
	const char *shown; /* the same without a login; otherwise as it is written */
	const char *place; /* where: "Dockerfile:3", "context", "additional_contexts nc" */
	bool git;          /* the commit of a repository's ref, not a file */
	bool pinned;       /* it cannot become another one */
	const char *pin; /* what it is, as the lock or --pull has it: "sha256:...", "commit:..."; NULL: whatever is there */
	const struct dockerfile_url *mention; /* the ADD, or NULL: */
	struct pos pos;                       /* in the manifest */
};

struct plan_arg {
	const char *key, *value;
};

/* A file or folder that a prepare step or an output node makes and a build or another step reads. */
struct plan_output {
	size_t node;        /* the prepare or output node */
	const char *path;   /* relative to the manifest's folder */
	bool known;         /* when the reader was decided, the node had a result, */
	const char *digest; /* and this was there; NULL: nothing */
};

struct plan_build {
	const char *dockerfile;        /* absolute path */
	const char *dockerfile_origin; /* where it was fetched from, without a login; or NULL */
	const char *text;              /* its bytes */
	size_t text_len;
	const char *ignore; /* the ignore file's bytes, or NULL */
	size_t ignore_len;
	struct dockerfile_use use;
	struct plan_image *images;
	size_t images_len;
	struct plan_context *contexts; /* the main one first */
	size_t contexts_len;
	struct plan_url *urls; /* one a mention */
	size_t urls_len;
	struct plan_url *fetched; /* their files count, not they */
	size_t fetched_len;
	struct plan_arg *args; /* all of the manifest's, with variables filled in, sorted; except SOURCE_DATE_EPOCH: */
	size_t args_len;
	bool has_epoch;
	int64_t epoch; /* the manifest's, else the argument's */
	struct plan_arg *labels;
	size_t labels_len;
	struct plan_output *outputs;
	size_t outputs_len;
	const char *const *own; /* what the service's own output node made in the main context: no part of it. Relative to it */
	size_t own_len;
};

struct plan_prepare {
	const char **argv;    /* NULL-terminated */
	const char **env;     /* "NAME=value" of the named variables that are set, NULL-terminated */
	const char **outputs; /* relative paths */
	size_t outputs_len;
	const char **inputs; /* patterns, relative to the manifest's folder: first those that must match something */
	size_t inputs_len, inputs_must;
	struct plan_output *made; /* outputs of other steps that it reads */
	size_t made_len;
	size_t selection; /* of its inputs */
};

/*
 * Makes the graph for the targets and decides every node that can be decided. Complaints about the manifest and its
 * Dockerfiles (a cycle, a missing Dockerfile, an unknown target) go to `diags`; the result is then -1 with *err
 * untouched. All arguments must outlive the plan.
 */
int plan_new(const struct manifest *manifest, const struct plan_options *options, struct source *source,
	     struct state *state, struct diags *diags, struct plan **ret, struct error **err);
void plan_free(struct plan *plan); /* NULL-safe */

size_t plan_len(const struct plan *plan);
const struct node *plan_node(const struct plan *plan, size_t node);
/* Whether the target is not built: its Dockerfile is asked something (enum service_call). */
bool plan_only_asks(const struct plan *plan, size_t service);
bool plan_only_images(const struct plan *plan); /* plan_options.only_images */
/* What its user should know of the targets: NULL-terminated, or NULL. */
const char *const *plan_notes(const struct plan *plan);
const struct manifest *plan_manifest(const struct plan *plan);
/* The number of the node with that id, or NO_NODE. */
size_t plan_find(const struct plan *plan, const char *id);

/* Decides a node again once its dependencies have results: FRESH or STALE, with key and reasons. Any thread; it may wait for the disk and
 * for an engine. */
int plan_decide(struct plan *plan, size_t node, struct error **err);
/* Makes a fresh node run again because `what` (borrowed) of its result is missing. A base that is not a target
 * stays fresh as long as nothing that runs needs it. Call plan_settle after the last such node. */
void plan_miss(struct plan *plan, size_t node, const char *what);
/* Makes a fresh node run after all (`what` and `change` are borrowed, as in node_reason). */
void plan_doubt(struct plan *plan, size_t node, const char *what, const char *change);
/* The node's result is its newest record again: clears `returned`. */
void plan_followed(struct plan *plan, size_t node);
/* Decides the dependents of nodes that run again. */
int plan_settle(struct plan *plan, struct error **err);
/* Sets the result of a node that has run (texts are copied). Any thread. */
void plan_set_result(struct plan *plan, size_t node, const struct result *result);
/* The digest that a base's reference (with registry and tag) has now for the platform; borrowed until the next call. */
typedef int plan_newest(void *data, const char *reference, const struct platform *platform, const char **ret,
			struct error **err);
/* Looks up what is at a URL: a text that tells whether it is another one, as it is in records (urls.h); with `content` what it is
 * (plan_url.pin). Borrowed until the next call. */
typedef int plan_newest_url(void *data, const struct plan_url *url, bool content, const char **ret, struct error **err);
/* --pull: looks up every base of the plan and every URL. Nodes built from something else, or whose lock has something else, become
 * stale; their dependents are decided again. */
int plan_renew(struct plan *plan, plan_newest *newest, plan_newest_url *newest_url, void *data, struct error **err);
/* What the engine has now under a base's reference, or *ret NULL: nothing that would be built on. `was_own`: one of the images that the
 * record's build was made on was the engine's own. Borrowed until the next call. */
typedef int plan_own(void *data, const char *reference, const struct platform *platform, bool was_own, const char **ret,
		     struct error **err);
/* Fresh builds on another image than a build from nothing would take from the engine become stale, unless the lock names the base; their
 * dependents are decided again. */
int plan_check_own(struct plan *plan, plan_own *own, void *data, struct error **err);
/* Looks up the config of a base (`digest`, or NULL: the tag's); plan_options.base_config returns the answer from then on. Negative only
 * when the run must end: a base that cannot be asked counts as having no ONBUILD. */
typedef int plan_ask(void *data, const char *reference, const struct platform *platform, const char *digest,
		     struct error **err);
/* Looks up the bases of stale builds whose ONBUILD, or whose variables if they matter, neither the lock nor this run knows.
 * *ret_changed: the plan was made with wrong assumptions and must be made again. */
int plan_ask_bases(struct plan *plan, plan_ask *ask, void *data, bool *ret_changed, struct error **err);
/* A service's Dockerfile as it was read, or NULL. Borrowed. */
const struct dockerfile *plan_dockerfile(const struct plan *plan, size_t service);
/* A service's Dockerfile, to complain about what is in it (base/diag.h). */
uint32_t plan_dockerfile_source(struct plan *plan, size_t service);
/* Complains about sources of COPY, ADD and mounts that are in no context, where a build is stale and nothing that runs before may make
 * them, and warns of images that are probably misspelt stages; `all`: of every build. */
void plan_check_copies(struct plan *plan, bool all);
/* The current inputs of the node's key. */
int plan_inputs(const struct plan *plan, size_t node, struct inputs **ret, struct error **err);
/* What the manifest names by a URL, as it is in the lock (NULL: there is none). */
struct plan_url plan_remote_url(struct arena *arena, const struct text *url, const char *place,
				const struct lockfile *lock);
/* The path of a context as shown to people: "services/indexer/", or where it is from. malloc'd. */
char *plan_prefix(const struct plan *plan, const struct plan_context *context);

/* An output of a prepare step as written in keys and records: content and permission bits. *ret_found false: it
 * does not exist. */
#define PLAN_OUTPUT (HASH_HEX + 6)
int plan_output_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
		       struct error **err);

/* The same for what an output node wrote, where a link counts as its text, whatever it leads to. */
int plan_written_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
			struct error **err);
/* Where an output node puts its files: relative to the manifest's folder, or absolute. With several platforms each has a folder. */
const char *plan_output_shown(const struct plan *plan, const struct build_output *output);
/* The folder's name: "linux_arm64". */
void plan_output_folder(const struct platform *platform, char ret[PLATFORM_TEXT]);
/* What the node's newest record says besides its result, or NULL. */
const char *plan_last_detail(const struct plan *plan, size_t node);

/* The key of a build for sharing results through a registry (sha256; the files are read for it). 1; 0 when there is
 * none, with a sentence in *ret_why (malloc'd), or NULL if it is not known yet. */
int plan_cache_key(const struct plan *plan, size_t node, char ret_key[DIGEST_LEN + 1], char **ret_why,
		   struct error **err);
/* Stores it in node->cache_key. */
void plan_set_cache_key(struct plan *plan, size_t node, const char *key);
/* Takes over a result that others have made: the node becomes fresh. (Texts are copied.) */
void plan_take_result(struct plan *plan, size_t node, const struct result *result);

/* The name of a base image in reasons and records: "debian:12 (linux/amd64)". malloc'd. */
char *plan_base_name(const char *name, const struct platform *platform);

/* The references of a service's image: repository and each tag. NULL-terminated, in the plan's arena. */
const char *const *plan_references(const struct plan *plan, size_t service);
/* The annotations of the index that is pushed. */
const struct plan_pair *plan_annotations(const struct plan *plan, size_t *ret_len);
/* The lock of the base images, or NULL. */
const struct lockfile *plan_lock(const struct plan *plan);
/* Whether an index that was pushed keeps the annotation of the commit that made it. */
bool plan_annotation_stays(const struct manifest *manifest, const char *key);
/* The index that a push node pushed when its key was the same, else the last one; NULL: nothing that is recorded. */
const char *plan_last_pushed(const struct plan *plan, size_t push);
/* Whether the targets include this service, or one that uses its image (not only because another needs it). */
bool plan_is_target(const struct plan *plan, size_t service);

#endif
