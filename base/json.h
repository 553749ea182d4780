#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct buf;
struct error;

/*
 * JSON (jansson). Whoever makes a `struct json` (json_parse, json_new_*) owns it until it is put into another one,
 * which then owns it. Getters return borrowed values. When parsing, the depth is at most 64, and NUL bytes, \u0000 and
 * duplicate keys are refused.
 */
struct json;

/* `name` (a file or URL) is used in the error, with line and column; ERROR_STATE. */
int json_parse(const char *data, size_t len, const char *name, struct json **ret, struct error **err);
void json_free(struct json *json); /* NULL-safe */
void json_cleanup(struct json **json);
#define cleanup_json __attribute__((cleanup(json_cleanup)))

/* All getters accept NULL or a value of another type and then return NULL, 0 or false. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_str(const struct json *object, const char *key); /* a string member */
int64_t json_int(const struct json *object, const char *key);
bool json_bool(const struct json *object, const char *key);
const char *json_text(const struct json *value); /* the value itself, when it is a string */
int64_t json_number(const struct json *value);
bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_int(const struct json *value);  /* an integer that fits int64_t */
bool json_is_null(const struct json *value); /* the value null, not a missing value */
size_t json_len(const struct json *value);   /* of an array or object */
const struct json *json_at(const struct json *array, size_t i);
/* Iterates over an object's members in order: for (it = json_first(o); it; it = json_next(o, it)). */
const void *json_first(const struct json *object);
const void *json_next(const struct json *object, const void *it);
const char *json_key(const void *it);
const struct json *json_member(const void *it);

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *s); /* invalid UTF-8 is escaped as text_safe does */
struct json *json_new_int(int64_t n);
struct json *json_new_bool(bool b);
struct json *json_new_null(void);
/* A deep copy. */
struct json *json_clone(const struct json *value);
/* Take ownership of `value`. NULL is skipped. */
void json_set(struct json *object, const char *key, struct json *value);
void json_set_str(struct json *object, const char *key, const char *s); /* NULL is skipped */
void json_set_int(struct json *object, const char *key, int64_t n);
void json_set_bool(struct json *object, const char *key, bool b);
void json_append(struct json *array, struct json *value);

enum json_style { JSON_COMPACT, JSON_INDENT, JSON_CANONICAL /* compact, keys sorted */, JSON_STYLES };
void json_dump(const struct json *json, enum json_style style, struct buf *out); /* no newline at the end */

#endif
