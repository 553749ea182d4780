#ifndef CLI_CONVERT_SKAFFOLD_H
#define CLI_CONVERT_SKAFFOLD_H

struct error;
struct json;

/*
 * Converts a skaffold.yaml, with those it requires, to the tree of a manifest (cli/convert/emit.h): "secrets" and
 * "services", the artifacts that have a Dockerfile. An artifact that others require becomes their named context, under
 * the name that the build argument has. Comments mention what skaffold builds without a Dockerfile or computes itself.
 * Paths are relative to the working directory. The caller owns it. ERROR_USAGE with the first complaint about a file.
 */
int skaffold_read(const char *path, struct json **ret, struct error **err);

#endif
