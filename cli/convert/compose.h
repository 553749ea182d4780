#ifndef CLI_CONVERT_COMPOSE_H
#define CLI_CONVERT_COMPOSE_H

struct error;
struct json;
struct sources;

/*
 * Converts the compose files that a plain run would read to a manifest (cli/convert/emit.h): a single file to its
 * services, with what cbuild uses of them, variables included; several files, or one that includes others, to an
 * `include` of them. `*ret_builds`: "project", and "services", each with its resulting `build`, relative to this
 * folder. The caller owns both. ERROR_USAGE, with the first complaint, when cbuild itself could not load them.
 */
int compose_read(const struct sources *sources, struct json **ret, struct json **ret_builds, struct error **err);

#endif
