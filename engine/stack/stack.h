#ifndef ENGINE_STACK_STACK_H
#define ENGINE_STACK_STACK_H

#include <stdatomic.h>
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

/* Containers of services on a network of their own: for a verification, or for `cbuild up`. */

/* A service to run. */
struct stack_part {
	const struct service *service;
	int condition;        /* enum depends_condition: what other services wait for */
	const char *identity; /* config digest of the image that was built for this machine. NULL: the service has no `build:`, so its image is pulled; or there is no image for this machine */
	const char *digest;   /* its manifest in the store */
};

/* A service's healthcheck, completed by its image's HEALTHCHECK. */
struct own_test {
	const char *const *test;    /* the command; NULL: there is none */
	uint64_t interval_ms;       /* 0: not given */
	uint64_t start_interval_ms; /* 0: not given */
	uint64_t timeout_ms, start_period_ms;
	unsigned retries;
};

struct actor {
	const struct stack_part *part;
	struct arena *arena;         /* for the texts that its container is started with */
	struct container *container; /* NULL: not started */
	const char *name, *ip;
	uint16_t exposed; /* the only port its image exposes, or 0 */
	struct own_test check;
};

struct stack {
	struct loop *loop;
	struct layout *layout;
	struct runtime *runtime;
	const struct manifest *manifest;
	const struct output *output;
	struct findings *findings;
	bool lasting;         /* its containers may be started again, as their restart policies say */
	char *network;        /* NULL: the runtime's default one */
	struct actor *actors; /* one a part */
	size_t len;
	atomic_bool stopped; /* one has failed: the others need not be waited for */
};
/* The caller first sets everything up to `lasting`. */
void stack_open(struct stack *stack, const struct stack_part *parts, size_t len);
/* Starts it, pulling its image if needed. Different actors may be started by different threads at once where the runtime's networks resolve
 * names (runtime_resolves); elsewhere one after another, since each is told the addresses of those before it. ERROR_HEALTH, ERROR_TOOL,
 * ERROR_REGISTRY. */
int stack_start(struct stack *stack, struct actor *actor, struct error **err);
/* The same in two steps. The content of `ret_spec` lives as long as the actor. */
int stack_spec(struct stack *stack, struct actor *actor, struct container_spec *ret_spec, struct error **err);
int stack_run(struct stack *stack, struct actor *actor, const struct container_spec *spec, struct error **err);
/* A container that is already running is the actor's. */
void stack_join(struct actor *actor, struct container *container);
/* stack_begin.c: starts all parts, each in a thread of its own as soon as those that it depends on are as it wants them, and waits for
 * them. The parts' dependencies that are no parts count as met. In a task. False: `begin` or `wait` returned false for one; then those that
 * have not begun do not begin, and the others are no longer waited for. */
struct stack_begin {
	bool (*begin)(void *data, struct actor *actor);
	bool (*wait)(void *data, struct actor *actor); /* until it is as others want it */
	void *data;
};
bool stack_begin(struct stack *stack, const struct stack_begin *how);
/* Waits for the part's condition. `what` precedes a failure's text ("depends_on db"). False: it failed, which is
 * among the findings, or the stack was stopped. */
bool stack_wait(struct stack *stack, const struct actor *actor, int condition, const char *what);
/* Whether it was stopped or the loop cancelled, which is reported like an error. */
bool stack_stopped(struct stack *stack, const char *what);
/* Adds the error to the findings, except for one that comes of the stack having been stopped. */
void stack_report(struct stack *stack, const char *what, struct error **error);
/* The last lines of its output, as a paragraph for a failure. */
void stack_add_logs(struct container *container, struct buf *out);
/* Frees the content of the stack, whose containers somebody else has taken or ended. */
void stack_close(struct stack *stack);
/* Removes containers and network, even when the loop is cancelled, and closes it. */
void stack_clear(struct stack *stack);

/* part.c: the part's image as the runtime knows it: loaded by container_start, or pulled here. */
struct runtime_image;
int part_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err);

/* stack_health.c: waits for one container. `what` as above; "" for the service being verified, whose success is
 * reported too. */
bool health_check(struct stack *stack, const struct actor *actor, const char *what); /* what `verify` asks of it */
bool health_completed(struct stack *stack, const struct actor *actor, const char *what);
/* own_test.c: the container's own check, as docker runs it (docs.docker.com/reference/dockerfile, HEALTHCHECK): every
 * interval until `retries` tries in a row have failed, except those in the start period. Before docker would try for
 * the first time, and where no interval is given, it is tried more often, and failures in between do not count. */
/* Fills actor->check. `healthcheck` is the image's as JSON, or NULL. */
int own_test_take(struct actor *actor, const char *healthcheck, struct error **err);
/* Tries until it passes or is unhealthy. `what` as above. */
bool own_test_wait(struct stack *stack, const struct actor *actor, const char *what);
/* Whether a failure counts that was found by a try that began at `at`, after one that counted ended at `last` (0:
 * none did); how long to pause after a try that ended at `now`. Milliseconds since the start. */
bool own_test_counts(const struct own_test *check, uint64_t at, uint64_t last);
uint64_t own_test_pause(const struct own_test *check, uint64_t now, uint64_t last);

/* The container port that a check means: its own, else the service's first, else the only one that the image
 * exposes, else 0. */
uint16_t health_port(const struct actor *actor, uint16_t port);

#endif
