#ifndef DSL_LOADED_H
#define DSL_LOADED_H

#include "dsl/manifest.h"

struct arena;
struct map;

/* A manifest with the memory that holds it; for dsl/ alone. */
struct loaded {
	struct manifest manifest;
	struct arena *arena;
	struct map *services; /* name -> struct service */
	struct map *groups;   /* name -> struct group */
};

#endif
