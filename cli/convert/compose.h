#ifndef CLI_CONVERT_COMPOSE_H
#define CLI_CONVERT_COMPOSE_H

struct error;
struct json;

/*
 * What cbuild uses of a compose file, as it is written there (variables unfilled, anchors resolved), as a tree for
 * cli/convert/emit.h: "services", and "secrets" when there are any. The caller owns it. ERROR_USAGE with the first complaint when
 * cbuild itself could not load the file.
 */
int compose_read(const char *path, struct json **ret, struct error **err);

#endif
