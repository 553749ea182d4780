#ifndef CLI_CONVERT_BAKE_H
#define CLI_CONVERT_BAKE_H

#include <stddef.h>

struct error;
struct json;

/*
 * Converts a bake file in JSON, written by `docker buildx bake --print` or by people, to the tree of a manifest
 * (cli/convert/emit.h): "vars", "secrets", "groups", "services". What a manifest cannot express is said in comments.
 * The caller owns it. ERROR_USAGE, with a reason, for what the file alone does not determine: a matrix, functions,
 * expressions, contexts that are not folders, images, URLs or targets. A target called "all" is renamed.
 */
int bake_read(const char *text, size_t len, const char *name, struct json **ret, struct error **err);

#endif
