#ifndef ENGINE_PLAN_PLAN_NODE_H
#define ENGINE_PLAN_PLAN_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/platform.h"
#include "base/xxh3.h"

/* The graph: nodes, what each depends on, its state and the reasons for it. */

enum node_kind {
	NODE_PREPARE,
	NODE_BUILD,
	NODE_OUTPUT, /* writes the files of a service's builds where they belong */
	NODE_CONVERT,
	NODE_INDEX,
	NODE_LOAD,
	NODE_VERIFY,
	NODE_PUSH,
	NODE_TAG,
	NODE_KINDS /* number of kinds */
};

enum node_state {
	NODE_FRESH,   /* nothing to do */
	NODE_STALE,   /* has to run; `reasons` say why */
	NODE_UNKNOWN, /* decided once its dependencies have run */
	NODE_STATES
};

enum reason_kind {
	REASON_NEW,
	REASON_FILE,
	REASON_DOCKERFILE,
	REASON_ARG,
	REASON_BASE,
	REASON_URL,
	REASON_DEPENDENCY,
	REASON_OPTION,
	REASON_MISSING,
	REASON_FORCED,
	REASON_KINDS
};

struct reason {
	enum reason_kind kind;
	const char *what;   /* the file, argument, image or option */
	const char *change; /* "content", "added", "1.21 -> 1.22"; may be "" */
};

/* The result of a node. Set on the loop's thread before its dependents start; texts live in the plan's arena. */
struct result {
	const char *identity;    /* part of the keys of dependents; NULL: there is no result (yet) */
	const char *digest;      /* manifest or index in the store, or NULL */
	const char *place;       /* "store" or the storage that has it, or NULL */
	const char *detail;      /* JSON, or NULL */
	const char *attestation; /* of a build: its attestation manifest, or NULL; from the detail */
	uint64_t size;           /* bytes */
};

struct image_format;
struct plan_build;
struct plan_prepare;

struct node {
	const char *id; /* "build:control-plane:linux/amd64", "index:control-plane:zstd" */
	enum node_kind kind;
	size_t service;                    /* index into manifest.services */
	const struct image_format *format; /* the format it is about; NULL: the plain image */
	bool has_platform;
	struct platform platform;
	const char *const *references; /* NULL-terminated: those of its image, with the format's suffix after each tag */
	const char *const *repositories; /* of push nodes, NULL-terminated: of the references ("ghcr.io/acme/web"), without duplicates */
	size_t *needs; /* node numbers, each smaller than this node's own: nodes are in topological order */
	size_t needs_len, needs_cap;
	enum node_state state;
	struct reason *reasons;
	size_t reasons_len, reasons_cap;
	char key[HASH_HEX + 1]; /* "" while a dependency has no result */
	int64_t recorded_ms;    /* of the record with this key when the node was decided; 0: none */
	const char *pushed;     /* of push nodes: the digest in that record, or NULL */
	bool gone;              /* a base that is fresh although its image is missing: nothing that runs needs it */
	bool returned;          /* fresh, but not by its newest record: its inputs are what they were before */
	const char *cache_key;  /* that the registry cache was asked for; or NULL */
	struct result result;
	int64_t took_ms;              /* of its last run; 0: never */
	struct plan_build *build;     /* of build nodes */
	struct plan_prepare *prepare; /* of prepare nodes */
};

#define NO_NODE ((size_t)-1)

const char *node_kind_name(enum node_kind kind);
const char *node_state_name(enum node_state state);
const char *reason_kind_name(enum reason_kind kind);

/* Adds an edge once. `node->needs` is malloc'd; free() it. */
void node_need(struct node *node, size_t need);
/* `what` and `change` are borrowed; `node->reasons` is malloc'd. */
void node_reason(struct node *node, enum reason_kind kind, const char *what, const char *change);
void node_clear(struct node *node); /* frees what node_need and node_reason allocated */

#endif
