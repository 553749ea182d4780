#ifndef TESTS_UNIT_PLAN_WORLD_H
#define TESTS_UNIT_PLAN_WORLD_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/registry/base_config.h"

struct buf;

/*
 * A project in a folder of its own, planned without builders: every node "runs" by getting an identity made from its
 * key (or one that the test gives), and is recorded.
 */
struct world {
	char fetched[4096]; /* of the last URL */
	char *dir;
	const char *environ[8];
	/* Identities that the test gives to nodes instead: id, identity, ..., NULL. */
	const char *identities[9];
	bool force, verify_again;
	const char *missing;     /* ids of nodes whose results are gone */
	const char *redelivered; /* id of a build that gives the same image in other bytes (compressed differently) */
	const char *attested, *attestation; /* id of a build of which this is said, or NULL */
	const char *host;                   /* NULL: linux/amd64 */
	const char *asked;     /* the ONBUILD instructions that all bases are known to have; NULL: nobody has asked */
	const char *asked_env; /* and their variables */
	struct base_config config;
	const char *written[5]; /* what output nodes write: paths, NULL-terminated */
	const char *created;    /* of these, what was not there before, or NULL */
	const char *signer;     /* by what key that is signed, or NULL */
	const char *revision;   /* pushed, with this as an annotation; NULL: nothing is pushed */
};

void world_new(struct world *world);
void world_free(struct world *world);
void world_write(const struct world *world, const char *path, const char *text);
void world_remove(const struct world *world, const char *path);
/* Replaces the first `from` in the file by `to`; fails the test when it is not there. */
void world_edit(const struct world *world, const char *path, const char *from, const char *to);

/* Plans the targets (NULL: all), runs every stale node and records it. */
void world_run(struct world *world, const char *const *targets);
/*
 * The plan as text, one node that is not fresh a line: "state id: kind what (change); ...". With `decided`,
 * unknown nodes are decided as a run would do it, and what comes out fresh is left out. Complaints instead of a
 * plan are returned as they are shown. malloc'd.
 */
char *world_plan(struct world *world, const char *const *targets, bool decided);

/* The key of the node called `id` after a run. malloc'd. */
char *world_key(struct world *world, const char *id);
/* Reads the plan on several threads as tasks do, while this one sets results and decides as the loop's does. Everything must
 * come out the same each time. */
void world_read_at_once(struct world *world);
/* What the key of the node called `id` is made of, as text. malloc'd. */
char *world_inputs(struct world *world, const char *id);
/* The key by which the build called `id` is shared; when it is not, why. malloc'd. */
char *world_shared_key(struct world *world, const char *id);

#endif
