#ifndef BASE_TOML_H
#define BASE_TOML_H

#include <stddef.h>

struct error;
struct json;

/*
 * Reads TOML 1.0 (https://toml.io/en/v1.0.0) into the values of base/json.h, tables in the order of the text. Floats, dates and times
 * become strings, as they are written. Tables and arrays are at most 64 deep, and U+0000 is refused. `name` (a file) is used in
 * the error, with line and column; ERROR_STATE.
 */
int toml_parse(const char *data, size_t len, const char *name, struct json **ret, struct error **err);

#endif
