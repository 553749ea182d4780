#ifndef DSL_RESOLVE_H
#define DSL_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "dsl/manifest.h"

struct arena;
struct diags;
struct build_spec;
struct draft;
struct draft_build;
struct draft_deploy;
struct draft_develop;
struct draft_rest;
struct error;
struct load_options;
struct loaded;
struct map;
struct scope;
struct unit;
struct units;

/* Turns the draft into the manifest: applies defaults, options and environment, checks values, and turns names into
 * indices. Complains about everything that is wrong. */
struct resolve {
	const struct bake *bake; /* NULL: there is no bake file */
	struct arena *arena;
	struct diags *diags;
	const struct load_options *options;
	struct scope *scope;
	struct units *units;
	struct draft *draft;
	struct loaded *loaded;
	struct texts asked_platforms; /* by --platforms or BUILD_PLATFORMS; len 0: none */
	struct texts asked_tags;      /* by --tag or DOCKER_TAGS; len 0: none */
	struct texts asked_profiles;  /* by --profile or COMPOSE_PROFILES; len 0: none */
	const char **names;           /* of all services */
	const char **normal;          /* full names of the images that are built ("docker.io/library/debian") */
	struct error **unread;        /* a file that exists but cannot be read */
	size_t hints;                 /* suggestions that may still be made: each compares every name */
};

/* The index of a name that was not found; the load fails because of the complaint. */
#define RESOLVE_NONE SIZE_MAX
/* The most members that all groups may have together. */
#define RESOLVE_MEMBERS_MAX 1000000
/* The most tags or platforms in one list. */
#define RESOLVE_TAGS_MAX 128
#define RESOLVE_PLATFORMS_MAX 64

void resolve_manifest(struct resolve *r);

/* The parts (resolve_build.c, resolve_image.c, resolve_check.c, resolve_graph.c, resolve_group.c). */
/* Defaults of a file for its services. */
void resolve_platforms(struct resolve *r, struct unit *unit);
void resolve_build(struct resolve *r, const struct draft_rest *draft, struct service *service);
/* Whether a context is fetched from elsewhere; complains about what nothing can fetch. */
bool resolve_is_remote(struct resolve *r, const struct text *text);
/* Adds it to the build. `place`: remote_use.place. */
struct remote_use *resolve_remote(struct resolve *r, struct build_spec *build, const struct text *url, const char *place);
/* Secrets, networks and other options of a build besides its files. */
void resolve_given(struct resolve *r, const struct draft_build *draft, struct build_spec *build);
/* Attestations of the image. */
void resolve_attestations(struct resolve *r, const struct draft_build *draft, struct build_spec *build);
/* Annotations of what is pushed. */
void resolve_annotations(struct resolve *r, const struct draft_build *draft, struct service *service);
void resolve_project(struct resolve *r);
/* The default name of an image, from the project's and the service's, as in compose. */
const char *resolve_default_image(struct resolve *r, const struct service *service);
void resolve_image(struct resolve *r, const struct draft_rest *draft, struct service *service);
void resolve_registries(struct resolve *r);
void resolve_tags(struct resolve *r, struct unit *unit);
/* The image's additional formats. */
void resolve_formats(struct resolve *r, const struct draft_rest *draft, struct service *service);
/* Formats set for a whole file, checked once. */
void resolve_unit_formats(struct resolve *r, struct unit *unit);

void resolve_prepare(struct resolve *r, struct service *service);
void resolve_verify(struct resolve *r, struct service *service);
void resolve_names(struct resolve *r, struct service *service);
void resolve_profiles(struct resolve *r, struct service *service);
/* Complains about profiles on the command line that no service has. */
void resolve_profiles_known(struct resolve *r);
void resolve_cycles(struct resolve *r);
/* Nobody may wait for the health of a service that has no check. */
void resolve_conditions(struct resolve *r);
void resolve_env_files(struct resolve *r);
/* Limits and restart policy of its containers. */
void resolve_deploy(struct resolve *r, const struct draft_deploy *draft, struct service *service);
/* What changes of files do to its containers. */
void resolve_develop(struct resolve *r, const struct draft_develop *draft, struct service *service);
/* Secrets and configs of its containers. */
void resolve_files(struct resolve *r, const struct draft_rest *draft, struct service *service);
void resolve_mounts(struct resolve *r); /* paths of volumes */
void resolve_groups(struct resolve *r);
void resolve_builders(struct resolve *r);
/* No two images of one service may have the same name. */
void resolve_forms_once(struct resolve *r);
/* Services with the same image and the same build share the build of the first of them. */
void resolve_makers(struct resolve *r);
/* No two steps may make the same file. */
/* Before anything that depends on whether the service has an image of its own. */
void resolve_outputs(struct resolve *r, struct service *service);
void resolve_tars_once(struct resolve *r);
void resolve_outputs_once(struct resolve *r);

/* Helpers for the parts (resolve_text.c, resolve_build.c). */
/* The index of the service called `name`, or RESOLVE_NONE after a complaint. */
size_t resolve_service(struct resolve *r, const struct text *name, const char *key);
/* Complains about an invalid name of a service or group (`what`). */
void resolve_check_name(struct resolve *r, const struct text *name, const char *what);
/* Truncates a list to `max` items with a complaint. `what`: "tags". */
void resolve_limit(struct resolve *r, struct texts *list, size_t max, const char *what);
/* `where` is appended to the complaint: "" or " (--platforms)". False after a complaint. */
bool resolve_platform(struct resolve *r, const struct text *text, const char *where, struct platform *ret);
/* The absolute, cleaned form of a path that starts in `dir`, in the arena. */
const char *resolve_path(struct resolve *r, const char *dir, const char *path);
/* The folder in which relative paths written at `pos` start. */
const char *resolve_dir(struct resolve *r, struct pos pos);
/* The same for a path in the manifest; complains about one that leads out of what a manifest from elsewhere came with. */
const char *resolve_text(struct resolve *r, const struct text *path);
/* Adds to service->unused. */
void resolve_unused(struct resolve *r, struct service *service, const char *key, struct pos pos);
/* Complains about what (`what`: "prepare") only a manifest of one's own may have. */
void resolve_own_only(struct resolve *r, struct pos pos, const char *what);

#endif
