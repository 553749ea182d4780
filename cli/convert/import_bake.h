#ifndef CLI_CONVERT_IMPORT_BAKE_H
#define CLI_CONVERT_IMPORT_BAKE_H

struct error;
struct json;

/*
 * Converts bake files to the tree of a manifest (cli/convert/emit.h): "secrets", "groups", "services". Everything that
 * they work out is worked out with this environment. What is not taken over is said in comments. `paths` ends with NULL;
 * "-" is standard input, in HCL or JSON. The caller owns the tree. ERROR_USAGE with the first complaint. A target
 * called "all" is renamed.
 */
int import_bake(const char *const *paths, struct json **ret, struct error **err);

#endif
