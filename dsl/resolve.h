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
struct draft_rest;
struct error;
struct load_options;
struct loaded;
struct map;
struct scope;
struct unit;
struct units;

/* From the draft to the manifest: defaults, options and environment, checked values, names turned into
 * indices. Everything that is wrong is complained about. */
struct resolve {
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
	const char **normal;   /* their images' names in full ("docker.io/library/debian"), for those that are built */
	struct error **unread; /* a file that is there and cannot be read */
	size_t hints;          /* suggestions still to be made: each looks at every name */
};

/* A name that could not be found: as an index, until the complaint ends the load. */
#define RESOLVE_NONE SIZE_MAX
/* The most members that all groups may have together. */
#define RESOLVE_MEMBERS_MAX 1000000
/* The most tags, and platforms, in one list. */
#define RESOLVE_TAGS_MAX 128
#define RESOLVE_PLATFORMS_MAX 64

void resolve_manifest(struct resolve *r);

/* The parts (resolve_build.c, resolve_image.c, resolve_check.c, resolve_graph.c, resolve_group.c). */
/* The top-level defaults of a file for its services. */
void resolve_platforms(struct resolve *r, struct unit *unit);
void resolve_build(struct resolve *r, const struct draft_rest *draft, struct service *service);
/* Secrets, networks and the like: what the builder is told besides the files. */
void resolve_given(struct resolve *r, const struct draft_build *draft, struct build_spec *build);
/* What the builder is to say about the image. */
void resolve_attestations(struct resolve *r, const struct draft_build *draft, struct build_spec *build);
void resolve_project(struct resolve *r);
/* The name of an image that was given none: the project's and the service's, as compose calls it. */
const char *resolve_default_image(struct resolve *r, const struct service *service);
void resolve_image(struct resolve *r, const struct draft_rest *draft, struct service *service);
void resolve_registries(struct resolve *r);
void resolve_tags(struct resolve *r, struct unit *unit);
/* The image's further formats. */
void resolve_formats(struct resolve *r, const struct draft_rest *draft, struct service *service);
/* The formats that a file asks for, once, whatever service has them. */
void resolve_unit_formats(struct resolve *r, struct unit *unit);

void resolve_prepare(struct resolve *r, struct service *service);
void resolve_verify(struct resolve *r, struct service *service);
void resolve_names(struct resolve *r, struct service *service);
void resolve_profiles(struct resolve *r, struct service *service);
/* The command line names profiles that some service has. */
void resolve_profiles_known(struct resolve *r);
void resolve_cycles(struct resolve *r);
void resolve_env_files(struct resolve *r);
void resolve_mounts(struct resolve *r); /* paths of volumes */
void resolve_groups(struct resolve *r);
void resolve_builders(struct resolve *r);
/* No two forms of one service have the same name. */
void resolve_forms_once(struct resolve *r);
/* Services with the same image and the same build: the first one's build is all of theirs. */
void resolve_makers(struct resolve *r);
/* No two steps make the same file. */
void resolve_outputs_once(struct resolve *r);

/* For the parts (resolve_text.c, resolve_build.c). */
/* The service that `name` means, or RESOLVE_NONE after a complaint. */
size_t resolve_service(struct resolve *r, const struct text *name, const char *key);
/* Complains about a name that cannot be one of a service or group (`what`). */
void resolve_check_name(struct resolve *r, const struct text *name, const char *what);
/* Cuts a list off at `max` with a complaint. `what`: "tags". */
void resolve_limit(struct resolve *r, struct texts *list, size_t max, const char *what);
/* `where` goes behind the complaint: "" or " (--platforms)". False after a complaint. */
bool resolve_platform(struct resolve *r, const struct text *text, const char *where, struct platform *ret);
/* The absolute, cleaned form of a path that starts in `dir`, in the arena. */
const char *resolve_path(struct resolve *r, const char *dir, const char *path);
/* The folder in which paths start that are written at `pos`. */
const char *resolve_dir(struct resolve *r, struct pos pos);
/* The same for a path that was written. */
const char *resolve_text(struct resolve *r, const struct text *path);

#endif
