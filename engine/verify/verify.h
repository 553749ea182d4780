#ifndef ENGINE_VERIFY_VERIFY_H
#define ENGINE_VERIFY_VERIFY_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/platform.h"

struct arena;
struct buf;
struct error;
struct layout;
struct loop;
struct manifest;
struct output;
struct runtime;
struct service;
struct stack_part;

/* The checks of a service's `verify:` on its image. */

struct verify_member {
	struct platform platform;
	const char *digest;   /* manifest in the store */
	const char *identity; /* config digest */
};

struct verify_job {
	struct loop *loop;
	struct layout *layout;
	struct runtime *runtime; /* NULL when nothing has to run (verify_needs_runtime) */
	const struct service *service;
	const char *reference;               /* its first reference, for messages and ${image.reference} */
	const char *index;                   /* digest of the index in the store */
	const struct verify_member *members; /* the images in the index */
	size_t members_len;
	bool only_images; /* nothing is run */
	size_t host;      /* index of the member that can run here; members_len: none */
	const struct manifest *manifest;
	const struct stack_part *dependencies; /* in start order, including indirect dependencies */
	size_t dependencies_len;
	const char *dir;     /* of the manifest: cwd of `run:` checks */
	const char *staging; /* an empty folder of its own; the caller removes it */
	const struct output *output;
};

bool verify_needs_runtime(const struct service *service); /* has an http or tcp check */

/* Runs all checks in a task. `ret_report` gets one line for each ("http /health 200 in 41 ms"). 0: all passed.
 * Otherwise ERROR_HEALTH (health) or ERROR_BUILD (a policy or `run:` check), whose message lists every failure,
 * with the last answer and the container's last lines. No container or network is left in any case. */
int verify_run(const struct verify_job *job, struct buf *ret_report, struct error **err);

#endif
