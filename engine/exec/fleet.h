#ifndef ENGINE_EXEC_FLEET_H
#define ENGINE_EXEC_FLEET_H

#include <stdbool.h>
#include <stddef.h>

struct builder;
struct builder_means;
struct error;
struct layout;
struct loop;
struct manifest;
struct manifest_builder;
struct platform;
struct state;

/*
 * The builders of a run: a single one, or those of the manifest, which share the builds. A build goes to a builder
 * with the same native platform; to one that emulates it only if that is allowed and there is no other. Among several,
 * to the least loaded for its weight. Thread-safe.
 */
struct fleet;

/* A build's requirements of its builder. */
struct fleet_want {
	const struct platform *platform;
	unsigned abilities; /* enum builder_ability */
};

/* A fleet of one, which takes over the builder. */
struct fleet *fleet_of_one(struct builder *builder);
/*
 * The builders of the manifest. One that cannot be used is left out: `left_out` is called with its name and the
 * reason. ERROR_TOOL when none remains. On the loop's thread, before loop_run.
 */
int fleet_open(const struct manifest *manifest, const struct builder_means *means,
	       void (*left_out)(void *data, const char *name, const struct error *why), void *data, struct fleet **ret,
	       struct error **err);
/* Opens one of the manifest's builders alone. */
int fleet_open_one(const struct manifest_builder *spec, const struct builder_means *means, struct builder **ret,
		   struct error **err);
void fleet_free(struct fleet *fleet); /* NULL-safe; with its builders */
/* True when the manifest's builders share the builds. */
bool fleet_shares(const struct fleet *fleet);
/* The builder of a fleet of one, or NULL. */
const struct builder *fleet_only(const struct fleet *fleet);

/* ERROR_TOOL, listing the builders, when none may build for the platform or none has the required abilities. */
int fleet_check(struct fleet *fleet, const struct fleet_want *want, struct error **err);
/* True when some builder may build for it and has room, or when none may (then fleet_take reports why). */
bool fleet_has_room(struct fleet *fleet, const struct fleet_want *want);
/*
 * A seat: room for one build with a builder. Its owner gives it back, once. ERROR_TOOL as in fleet_check.
 */
struct fleet_seat;
int fleet_take(struct fleet *fleet, const struct fleet_want *want, struct fleet_seat **ret, struct error **err);
void fleet_give_back(struct fleet_seat *place); /* NULL-safe */
struct builder *fleet_builder(const struct fleet_seat *place);
/* Marks a builder that no longer answers, so that it gets no more work. True the first time. */
bool fleet_lose(struct fleet *fleet, const struct builder *builder);

#endif
