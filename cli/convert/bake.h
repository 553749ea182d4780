#ifndef CLI_CONVERT_BAKE_H
#define CLI_CONVERT_BAKE_H

#include <stddef.h>

struct error;
struct json;

/*
 * A bake file in JSON, as `docker buildx bake --print` gives it or as people write it, as the tree of a manifest
 * (cli/convert/emit.h): "vars", "secrets", "groups", "services". What has no place in a manifest is said in comments. The caller
 * owns it. ERROR_USAGE, with a reason, for what cannot be told from the file: a matrix, functions, expressions, contexts
 * that are neither folders, images, URLs nor targets. A target called "all" gets another name.
 */
int bake_read(const char *text, size_t len, const char *name, struct json **ret, struct error **err);

#endif
