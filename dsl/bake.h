#ifndef DSL_BAKE_H
#define DSL_BAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "dsl/manifest.h"

struct arena;
struct diags;
struct load_options;
struct map;
struct yaml_node;

/*
 * The bake files of a manifest (docker buildx bake), in HCL or JSON: all of them are evaluated together, as bake does,
 * and become the tree that a services.yaml with the same builds would be.
 */
struct bake;

/* Whether a file of that name is one: "docker-bake.hcl"; of JSON files, those without "services". "-" is one when it reads like HCL. */
bool bake_is_file(const char *path, const char *text);

/* `options` must live as long as it. Of `sets`, NAME=VALUE are variables, TARGET.KEY=VALUE override values. */
struct bake *bake_new(struct arena *arena, struct diags *diags, const struct load_options *options);
void bake_free(struct bake *bake); /* NULL-safe */
/* Reads the source `file` of `diags`; complaints go there. */
void bake_add(struct bake *bake, uint32_t file, const char *path);
/* The tree; NULL after complaints. Its values are not interpolated any more, but for those that targets inherit from `services`: those of
 * the compose files beside the bake files, or NULL. */
struct yaml_node *bake_tree(struct bake *bake, const struct yaml_node *services);

/* Why cbuild does not build a target, and where that is written; s NULL: it does. *ret_alone: it does as a base of others.
 * NULL-safe. */
struct text bake_refused(const struct bake *bake, const char *target, bool *ret_alone);
/* Whether the target, when it is asked for, is not built but its Dockerfile asked something. NULL-safe. */
bool bake_only_asked(const struct bake *bake, const char *name, enum service_call *ret);

#endif
