#ifndef ENGINE_BUILDER_OPS_H
#define ENGINE_BUILDER_OPS_H

#include "dsl/drivers.h"
#include "engine/builder/builder.h"

/* The arguments of opening a builder. */
struct builder_given {
	const char *instance;        /* the requested instance, or NULL: the default */
	const char *ca, *cert, *key; /* PEM files for TLS, or NULL */
	struct builder_means means;
};

/* What a builder's file implements; for engine/builder/ alone. */
struct builder_ops {
	/* Its storage as found out earlier (malloc'd), or NULL; optional. Starts no process. */
	char *(*known_place)(struct state *state);
	/* As builder_known_engine, of this instance (or NULL); optional. */
	char *(*known_engine)(const char *instance, struct state *state);
	bool own_first; /* builder_info.own_first, if it has an engine */
	/* Sets *ret to the builder's own data if it can be used here; else ERROR_TOOL with a remedy. */
	int (*open)(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err);
	void (*free)(void *self);
	/* As builder_answers; optional. */
	int (*answers)(void *self, struct error **err);
	/* As builder_check; only with ABILITY_CHECK. */
	int (*check)(void *self, const struct build_job *job, builder_found *found, void *data, struct error **err);
	void (*build)(void *self, const struct build_job *jobs, size_t len, build_done *done, void *data);
};

#define DECLARE(driver, ...) extern const struct builder_ops builder_##driver;
BUILDER_DRIVERS(DECLARE, DECLARE)
#undef DECLARE

#endif
