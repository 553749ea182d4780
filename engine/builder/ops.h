#ifndef ENGINE_BUILDER_OPS_H
#define ENGINE_BUILDER_OPS_H

#include "engine/builder/builder.h"

/* What a builder's file provides; for engine/builder/ alone. */
struct builder_ops {
	const char *name;
	/* The place of its storage as it was found out before (malloc'd), or NULL; may be missing. Starts nothing. */
	char *(*known_place)(struct state *state);
	/* Sets *ret to the builder's own data when it can be used here; ERROR_TOOL with a remedy when not. */
	int (*open)(struct loop *loop, struct state *state, struct layout *layout, void **ret,
		    struct builder_info *info, struct error **err);
	void (*free)(void *self);
	void (*build)(void *self, const struct build_job *jobs, size_t len, build_done *done, void *data);
};

extern const struct builder_ops builder_buildah;
extern const struct builder_ops builder_docker;

#endif
