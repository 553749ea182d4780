#ifndef CLI_CONVERT_BAKE_VALUE_H
#define CLI_CONVERT_BAKE_VALUE_H

#include <stdbool.h>

struct buf;
struct json;

/* Single values of bake files. */

/* Appends a text as a manifest writes it: "${NAME}" of a variable stays, "$${" and "%%{" are what bake means by them, and
 * other dollar signs mean themselves. False for an expression. `variables` may be NULL. */
bool bake_value_text(const char *text, const struct json *variables, struct buf *out);
/* Appends attributes as one text, "type=registry,ref=x": a text as it is, of an object its members. */
void bake_value_attributes(const struct json *value, struct buf *out);
/* One attribute of either form; malloc'd, NULL when it is not there. */
char *bake_value_attribute(const struct json *value, const char *name);
bool bake_value_same(const struct json *a, const struct json *b);

#endif
