#ifndef CLI_CONVERT_COMPOSE_H
#define CLI_CONVERT_COMPOSE_H

struct error;
struct json;
struct sources;

/*
 * The compose files that a plain run would read, as a manifest (cli/convert/emit.h): of one file its services, with what cbuild
 * uses of them, variables and all; of several, or of one that includes others, an `include` of them. `*ret_builds`: "project",
 * and "services", each with its `build` as it comes out, from this folder. The caller owns both. ERROR_USAGE, with the first complaint, when cbuild
 * itself could not load them.
 */
int compose_read(const struct sources *sources, struct json **ret, struct json **ret_builds, struct error **err);

#endif
