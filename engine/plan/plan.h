#ifndef ENGINE_PLAN_PLAN_H
#define ENGINE_PLAN_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "engine/plan/plan_node.h"
#include "engine/source/dockerfile.h"

struct diags;
struct error;
struct inputs;
struct layout;
struct lockfile;
struct manifest;
struct record;
struct source;
struct state;

/*
 * The plan: what the targets of a run need, as a graph, with a key, a state and reasons for each node.
 * It is data: it knows no builder and no runtime.
 *
 * While a run goes on, it belongs to the loop's thread: that decides nodes and sets results. Tasks get it const, and read
 * what was made before the run, their own node, and the results of what that needs.
 */
struct plan;

/* Whether the result that `record` names is still where it was: 1; 0 when it is not, and in `*ret_what` what is missing
 * (borrowed until the next call). Negative: that cannot be told. */
typedef int plan_present(void *data, const struct node *node, const struct record *record, const char **ret_what,
			 struct error **err);

struct plan_pair {
	const char *key, *value;
};

struct plan_options {
	const char *const *targets; /* services and groups; NULL-terminated; none: "all" */
	bool nothing;               /* the targets came out as none: not "all" */
	struct platform host;       /* the builders' and runtimes' own platform */
	bool verify_again;          /* checks run also when they have passed */
	bool force;                 /* -B: every node of a target is stale */
	bool load;                  /* have load nodes */
	bool verify;                /* have verify nodes */
	bool push;                  /* have push and tag nodes */
	bool unpublished;           /* what runs on this machine alone: no indexes, no tags, no formats */
	bool keep_going; /* a service is pushed and tagged when it is complete, whatever becomes of the others */
	const struct plan_pair *annotations; /* of the index that is pushed */
	size_t annotations_len;
	const struct lockfile *lock; /* of the base images, or NULL */
	/* The ONBUILD instructions of a base that this run has asked for (plan_ask_onbuild), as dockerfile_options.triggers gives them,
	 * or NULL. May be NULL itself. */
	const char *(*onbuild)(void *data, const char *reference, const struct platform *platform);
	void *onbuild_data;
	const char *state_dir; /* absolute path of .cbuild: never part of a context */
	plan_present *present;
	void (*present_ahead)(void *data, const struct record *const *records, size_t len); /* will be asked, or NULL */
	void *present_data;
};

/* An image that a build uses. */
struct plan_image {
	const struct dockerfile_image *mention;
	size_t node;           /* the build that makes it, or NO_NODE */
	const char *reference; /* otherwise: what to pull */
	const char *digest; /* of it, for the platform, as the lock or --pull has it; NULL: the tag's, once it is built */
	const char *onbuild; /* its ONBUILD instructions, as far as the plan knows; NULL: not known, taken for none */
	bool settled;        /* by the lock, or because this run has asked; otherwise as the last build found them */
};

/* A folder that a build reads, or a URL. */
struct plan_context {
	const char *name;  /* NULL: the main one */
	const char *given; /* what the builder knows it by: the name without its platform, but for two of one name */
	const char *root;  /* absolute folder, or NULL */
	const char *url;   /* when it is not a folder */
	size_t shown; /* the selection of what BuildKit is shown: of a named one, not what its own ignore file leaves out */
	size_t selection; /* of its files in the source */
};

struct plan_arg {
	const char *key, *value;
};

/* A file that a prepare step makes and a build, or another step, reads. */
struct plan_output {
	size_t node;      /* the prepare node */
	const char *path; /* relative to the manifest's folder */
};

struct plan_build {
	const char *dockerfile; /* absolute path */
	const char *text;       /* its bytes */
	size_t text_len;
	const char *ignore; /* the ignore file's bytes, or NULL */
	size_t ignore_len;
	struct dockerfile_use use;
	struct plan_image *images;
	size_t images_len;
	struct plan_context *contexts; /* the main one first */
	size_t contexts_len;
	struct plan_arg *args; /* all that the manifest gives, variables filled in, sorted; but for SOURCE_DATE_EPOCH: */
	size_t args_len;
	bool has_epoch;
	int64_t epoch; /* the manifest's, else that of the argument */
	struct plan_arg *labels;
	size_t labels_len;
	struct plan_output *outputs;
	size_t outputs_len;
};

struct plan_prepare {
	const char **argv;    /* NULL-terminated */
	const char **env;     /* "NAME=value" of the named variables that are set, NULL-terminated */
	const char **outputs; /* relative paths */
	size_t outputs_len;
	const char **inputs; /* patterns, relative to the manifest's folder: those that have to match something first */
	size_t inputs_len, inputs_must;
	struct plan_output *made; /* what it reads of other steps' outputs */
	size_t made_len;
	size_t selection; /* of its inputs */
};

/*
 * Makes the graph for the targets and decides every node that can be decided. Complaints about the manifest and
 * its Dockerfiles (a cycle, a missing Dockerfile, an unknown target) go to `diags` and give -1 with *err
 * untouched. All that is passed in must outlive the plan.
 */
int plan_new(const struct manifest *manifest, const struct plan_options *options, struct source *source,
	     struct state *state, struct diags *diags, struct plan **ret, struct error **err);
void plan_free(struct plan *plan); /* NULL-safe */

size_t plan_len(const struct plan *plan);
const struct node *plan_node(const struct plan *plan, size_t node);
const struct manifest *plan_manifest(const struct plan *plan);
/* The number of the node with that id, or NO_NODE. */
size_t plan_find(const struct plan *plan, const char *id);

/* Decides a node again now that what it needs has results: FRESH or STALE, with key and reasons. */
int plan_decide(struct plan *plan, size_t node, struct error **err);
/* The result of a node that is fresh cannot be used: `what` (borrowed) of it is gone. A base that is no target itself stays
 * fresh as long as nothing that is not fresh needs it. After the last such node: plan_settle. */
void plan_miss(struct plan *plan, size_t node, const char *what);
/* A node that is fresh has to run after all (`what` and `change` are borrowed, as in node_reason). */
void plan_doubt(struct plan *plan, size_t node, const char *what, const char *change);
/* The node's result is its newest record again: it has not `returned` any more. */
void plan_followed(struct plan *plan, size_t node);
/* Decides anew what stands on nodes that are made again. */
int plan_settle(struct plan *plan, struct error **err);
/* Sets the result of a node that has run (texts are copied). */
void plan_set_result(struct plan *plan, size_t node, const struct result *result);
/* The digest that a base's reference (with registry and tag) has now for the platform; borrowed until the next call. */
typedef int plan_newest(void *data, const char *reference, const struct platform *platform, const char **ret,
			struct error **err);
/* --pull: asks for every base of the plan. Nodes that were built from another digest, or whose lock says another, become
 * stale; what stands on them is decided again. */
int plan_renew_bases(struct plan *plan, plan_newest *newest, void *data, struct error **err);
/* Asks what a base does on build (`digest` of it, or NULL: the tag's); what it is told stands behind plan_options.onbuild. Negative
 * when the run is to end; a base that cannot be asked about is none. */
typedef int plan_ask(void *data, const char *reference, const struct platform *platform, const char *digest,
		     struct error **err);
/* Asks about the bases of the builds that are stale, where neither the lock nor this run knows. *ret_changed: something else is true
 * than was planned with, and everything has to be planned anew. */
int plan_ask_onbuild(struct plan *plan, plan_ask *ask, void *data, bool *ret_changed, struct error **err);
/* The inputs of the node's key as they are now. */
int plan_inputs(const struct plan *plan, size_t node, struct inputs **ret, struct error **err);
/* The path of the folder `root` for people: "services/indexer/". malloc'd. */
char *plan_prefix(const struct plan *plan, const char *root);

/* An output of a prepare step as keys and records write it: content and permission bits. *ret_found false: it is not there. */
#define PLAN_OUTPUT (HASH_HEX + 6)
int plan_output_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
		       struct error **err);

/* The key of a build for those who share results over a registry (sha256; the files are read for it). 1; or 0 when there is none,
 * with a sentence in *ret_why (malloc'd), or NULL while it is not known yet. */
int plan_cache_key(const struct plan *plan, size_t node, char ret_key[DIGEST_LEN + 1], char **ret_why,
		   struct error **err);
/* Remembers it: node->cache_key. */
void plan_set_cache_key(struct plan *plan, size_t node, const char *key);
/* Takes a result that others have made: the node is fresh. (Texts are copied.) */
void plan_take_result(struct plan *plan, size_t node, const struct result *result);

/* A base image as reasons and records name it: "debian:12 (linux/amd64)". malloc'd. */
char *plan_base_name(const char *name, const struct platform *platform);

/* The references under which a service's image is known: repository and each tag. NULL-terminated, in the plan's arena. */
const char *const *plan_references(const struct plan *plan, size_t service);
/* The annotations of the index that is pushed. */
const struct plan_pair *plan_annotations(const struct plan *plan, size_t *ret_len);
/* Whether the targets name this service, or one that has the image which it makes (not only what they need). */
bool plan_is_target(const struct plan *plan, size_t service);

#endif
