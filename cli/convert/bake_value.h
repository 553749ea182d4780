#ifndef CLI_CONVERT_BAKE_VALUE_H
#define CLI_CONVERT_BAKE_VALUE_H

#include <stdbool.h>

struct buf;
struct json;

/* Single values of bake files. */

/* Appends a text in the manifest's notation: "${NAME}" of a variable stays, "$${" and "%%{" have bake's meaning,
 * and other dollar signs are literal. False for an expression. `variables` may be NULL. */
bool bake_value_text(const char *text, const struct json *variables, struct buf *out);
/* Appends attributes as one text, "type=registry,ref=x": a text unchanged, an object's members joined. */
void bake_value_attributes(const struct json *value, struct buf *out);
/* One attribute of either form; malloc'd, NULL when it is missing. */
char *bake_value_attribute(const struct json *value, const char *name);
bool bake_value_same(const struct json *a, const struct json *b);

#endif
