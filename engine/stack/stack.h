#ifndef ENGINE_STACK_STACK_H
#define ENGINE_STACK_STACK_H

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
struct stack_part {
	const struct service *service;
	int condition;        /* enum depends_condition: what the others wait for */
	const char *identity; /* config digest of the image that was built for this machine. NULL: the service has no
			       * `build:`, and its image is pulled; or there is no image of it for this machine */
	const char *digest;   /* its manifest in the store */
};

struct actor {
	const struct stack_part *part;
	struct container *container;
	const char *name, *ip;
	uint16_t exposed;        /* the only port that its image exposes, or 0 */
	const char *const *test; /* the command of its healthcheck, else of its image's; NULL: it has none */
};

struct stack {
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
void stack_open(struct stack *stack, size_t parts);
/* Starts it, pulling its image if need be. ERROR_HEALTH, ERROR_TOOL, ERROR_REGISTRY. */
int stack_start(struct stack *stack, const struct stack_part *part, struct actor **ret, struct error **err);
/* The same in two steps. What `ret_spec` holds lives in the arena; until stack_run the actor is not on the stack. */
int stack_spec(struct stack *stack, const struct stack_part *part, struct actor **ret, struct container_spec *ret_spec,
	       struct error **err);
int stack_run(struct stack *stack, struct actor *actor, const struct container_spec *spec, struct error **err);
/* Puts one on the stack that runs already. */
void stack_join(struct stack *stack, struct actor *actor, struct container *container);
/* Waits for the part's condition. `what` goes before what is wrong ("depends_on db"). False: it failed, and that is
 * among the findings. */
bool stack_wait(struct stack *stack, const struct actor *actor, int condition, const char *what);
/* The last lines of its output, as a paragraph for a failure. */
void stack_add_logs(struct container *container, struct buf *out);
/* Removes containers and network, also when the loop is cancelled; frees what the stack holds. */
void stack_clear(struct stack *stack);

/* part.c: the image of a part as the runtime knows it: brought in by container_start, or pulled here. */
struct runtime_image;
int part_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err);

/* stack_health.c: waits for one container. `what` as above; "" for the service that is verified, whose good outcome is reported
 * too. */
bool health_check(struct stack *stack, const struct actor *actor, const char *what); /* its http and tcp checks */
bool health_own(struct stack *stack, const struct actor *actor, const char *what);   /* its `test` */
bool health_completed(struct stack *stack, const struct actor *actor, const char *what);
/* The container's port that a check means: its own, else the service's first, else the only one that the image
 * exposes, else 0. */
uint16_t health_port(const struct actor *actor, uint16_t port);

#endif
