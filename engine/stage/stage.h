#ifndef ENGINE_STAGE_STAGE_H
#define ENGINE_STAGE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct container;
struct container_spec;
struct error;
struct findings;
struct layout;
struct loop;
struct manifest;
struct output;
struct runtime;
struct service;

/* Containers of services that see each other on a network of their own: of a verification, or of `cbuild up`. */

/* A service that is to run. */
struct stage_part {
	const struct service *service;
	int condition;        /* enum depends_condition: what the others wait for */
	const char *identity; /* config digest of the image that was built for this machine. NULL: the service has no
			       * `build:`, and its image is pulled; or there is no image of it for this machine */
	const char *digest;   /* its manifest in the store */
};

struct actor {
	const struct stage_part *part;
	struct container *container;
	const char *name, *ip;
	uint16_t exposed;        /* the only port that its image exposes, or 0 */
	const char *const *test; /* the command of its healthcheck, else of its image's; NULL: it has none */
};

struct stage {
	struct loop *loop;
	struct layout *layout;
	struct runtime *runtime;
	const struct manifest *manifest;
	const struct output *output;
	struct findings *findings;
	struct arena *arena; /* of the texts that containers are started with */
	char *network;       /* NULL: none, the runtime's default one */
	struct actor *actors;
	size_t len;
};
/* Makes room for that many parts. What the caller sets before: everything up to `findings`. */
void stage_open(struct stage *stage, size_t parts);
/* Starts it, pulling its image if need be. ERROR_HEALTH, ERROR_TOOL, ERROR_REGISTRY. */
int stage_start(struct stage *stage, const struct stage_part *part, struct actor **ret, struct error **err);
/* The same in two steps. What `ret_spec` holds lives in the arena; until stage_run the actor is not on the stage. */
int stage_spec(struct stage *stage, const struct stage_part *part, struct actor **ret, struct container_spec *ret_spec,
	       struct error **err);
int stage_run(struct stage *stage, struct actor *actor, const struct container_spec *spec, struct error **err);
/* Puts one on the stage that runs already. */
void stage_join(struct stage *stage, struct actor *actor, struct container *container);
/* Waits for the part's condition. `what` goes before what is wrong ("depends_on db"). False: it failed, and that is
 * among the findings. */
bool stage_wait(struct stage *stage, const struct actor *actor, int condition, const char *what);
/* The last lines of its output, as a paragraph for a failure. */
void stage_add_logs(struct container *container, struct buf *out);
/* Removes containers and network, also when the loop is cancelled; frees what the stage holds. */
void stage_clear(struct stage *stage);

/* part.c: the image of a part as the runtime knows it: brought in by container_start, or pulled here. */
struct runtime_image;
int part_image(struct stage *stage, struct actor *actor, struct runtime_image *ret, struct error **err);

/* stack_health.c: waits for one container. `what` as above; "" for the service that is verified, whose good outcome is reported
 * too. */
bool health_check(struct stage *stage, const struct actor *actor, const char *what); /* its http and tcp checks */
bool health_own(struct stage *stage, const struct actor *actor, const char *what);   /* its `test` */
bool health_completed(struct stage *stage, const struct actor *actor, const char *what);
/* The container's port that a check means: its own, else the service's first, else the only one that the image
 * exposes, else 0. */
uint16_t health_port(const struct actor *actor, uint16_t port);

#endif
