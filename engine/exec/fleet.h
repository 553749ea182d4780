#ifndef ENGINE_EXEC_FLEET_H
#define ENGINE_EXEC_FLEET_H

#include <stdbool.h>
#include <stddef.h>

struct builder;
struct error;
struct layout;
struct loop;
struct manifest;
struct manifest_builder;
struct platform;
struct state;

/*
 * The builders of a run: one, or those that the manifest names, which share the builds. Each build goes to a builder whose
 * own platform it is for; to one that emulates it only where that is allowed and no other is there. Of several, the one that
 * has least to do for its weight. Thread-safe.
 */
struct fleet;

/* A build's requirements of its builder. */
struct fleet_want {
	const struct platform *platform;
	unsigned abilities; /* enum builder_ability */
};

/* With one builder, which is the run's then, everything goes to it. */
struct fleet *fleet_of_one(struct builder *builder);
/*
 * Those of the manifest. One that cannot be used is left out: `left_out` is called with its name and why. ERROR_TOOL when
 * none is left. On the loop's thread, before loop_run.
 */
int fleet_open(const struct manifest *manifest, struct loop *loop, struct state *state, struct layout *layout,
	       void (*left_out)(void *data, const char *name, const struct error *why), void *data, struct fleet **ret,
	       struct error **err);
/* One of the manifest's, by itself. */
int fleet_open_one(const struct manifest_builder *spec, struct loop *loop, struct state *state, struct layout *layout,
		   struct builder **ret, struct error **err);
void fleet_free(struct fleet *fleet); /* NULL-safe; with its builders */
/* True when the manifest's builders share the builds. */
bool fleet_shares(const struct fleet *fleet);
/* The builder of a fleet of one, or NULL. */
const struct builder *fleet_only(const struct fleet *fleet);

/* ERROR_TOOL, with what there is, when no builder may build for the platform, or none can do what is wanted. */
int fleet_check(struct fleet *fleet, const struct fleet_want *want, struct error **err);
/* Some builder may build for it and has room, or none may: then taking one says why. */
bool fleet_has_room(struct fleet *fleet, const struct fleet_want *want);
/*
 * A seat: a place with a builder, for one more build. Whoever has it gives it back, once. ERROR_TOOL as fleet_check.
 */
struct fleet_seat;
int fleet_take(struct fleet *fleet, const struct fleet_want *want, struct fleet_seat **ret, struct error **err);
void fleet_give_back(struct fleet_seat *place); /* NULL-safe */
struct builder *fleet_builder(const struct fleet_seat *place);
/* Marks a builder that no longer answers: it gets no more work. True the first time. */
bool fleet_lose(struct fleet *fleet, const struct builder *builder);

#endif
