#ifndef DSL_BAKE_BUILD_H
#define DSL_BAKE_BUILD_H

#include <stdbool.h>

#include "dsl/manifest.h"

struct bake;
struct bake_target;
struct map;
struct yaml_node;

/* The secrets that targets share: name -> struct yaml_node, as a manifest has them. */
struct bake_secrets {
	struct bake *bake;
	struct map *sources;
};

/* Why a target is not built. */
struct bake_refusal {
	struct text why;
	bool alone; /* it is as a base of others */
};

/* The service for a target; `base`: only other targets use it. */
struct yaml_node *bake_service_node(struct bake_secrets *secrets, const struct bake_target *target, bool base);

#endif
