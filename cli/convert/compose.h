#ifndef CLI_CONVERT_COMPOSE_H
#define CLI_CONVERT_COMPOSE_H

struct command;
struct error;
struct json;

/*
 * What cbuild uses of a compose file, as it is written there (variables unfilled, anchors resolved), as a tree for
 * cli/convert/emit.h: "services", and "secrets" when there are any. The caller owns it. ERROR_USAGE with the first complaint when
 * cbuild itself could not load the file. No service may be called like one of the commands.
 */
int compose_read(const struct command *commands, const char *path, struct json **ret, struct error **err);

#endif
