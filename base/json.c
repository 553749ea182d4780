#include "config.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* jansson has macros and a function with the same names as ours; keep those we need under other names. */
#include <jansson.h>
enum {
	DUMP_COMPACT = JSON_COMPACT,
	DUMP_INDENT = JSON_INDENT(2),
	DUMP_SORT = JSON_SORT_KEYS,
	DUMP_ANY = JSON_ENCODE_ANY,
};
static inline bool jansson_is_object(const json_t *value)
{
	return json_is_object(value);
}
static inline bool jansson_is_array(const json_t *value)
{
	return json_is_array(value);
}
static inline bool jansson_is_null(const json_t *value)
{
	return json_is_null(value);
}
#undef json_is_object
#undef json_is_array
#undef json_is_null
#undef JSON_COMPACT
#undef JSON_INDENT

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"

#define DEPTH_MAX 64

static const json_t *json_peek(const struct json *json)
{
	return (const json_t *)json;
}

static json_t *open_json(struct json *json)
{
	return (json_t *)json;
}

/* When memory runs out, jansson reports a faulty text. */
__attribute__((constructor)) static void set_allocator(void)
{
	json_set_alloc_funcs(mem_malloc, free);
}

/* The text was checked before, so NULL means that memory ran out. */
static struct json *json_made(json_t *value)
{
	if (!value)
		mem_exhausted();
	return (struct json *)value;
}

/* jansson's own limit is 2048, and it recurses: count the depth before it sees the text. Returns the offset of the
 * bracket that is too deep, or `len`. */
static size_t too_deep_at(const char *data, size_t len)
{
	bool in_string = false;
	int depth = 0;

	for (size_t i = 0; i < len; i++) {
		char c = data[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > DEPTH_MAX)
				return i;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	return len;
}

static int refuse_at(const char *data, size_t offset, const char *name, const char *why, struct error **err)
{
	size_t line = 1;
	size_t start = 0;

	for (size_t i = 0; i < offset; i++) {
		if (data[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	return error_make(err, ERROR_STATE, "%s:%zu:%zu: %s", name, line, offset - start + 1, why);
}

static int refuse_depth(const char *data, size_t offset, const char *name, struct error **err)
{
	cleanup_free char *why = mem_printf("nested deeper than %d", DEPTH_MAX);

	return refuse_at(data, offset, name, why, err);
}

int json_parse(const char *data, size_t len, const char *name, struct json **ret, struct error **err)
{
	size_t deep = too_deep_at(data, len);
	const char *nul = len ? memchr(data, '\0', len) : NULL;
	json_error_t failure;
	json_t *value;

	/* jansson accepts a NUL after a number. */
	if (nul)
		return refuse_at(data, (size_t)(nul - data), name, "a NUL byte", err);
	if (deep < len)
		return refuse_depth(data, deep, name, err);
	value = json_loadb(len ? data : "", len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &failure);
	if (!value) {
		cleanup_buf struct buf text = { 0 };

		/* The message quotes the text, which may come from anywhere. */
		text_safe(&text, failure.text, strlen(failure.text));
		return error_make(err, ERROR_STATE, "%s:%d:%d: %s", name, failure.line, failure.column, text.data);
	}
	*ret = (struct json *)value;
	return 0;
}

void json_free(struct json *json)
{
	json_decref(open_json(json));
}

void json_cleanup(struct json **json)
{
	json_free(*json);
}

bool json_is_object(const struct json *value)
{
	return jansson_is_object(json_peek(value));
}

bool json_is_array(const struct json *value)
{
	return jansson_is_array(json_peek(value));
}

bool json_is_int(const struct json *value)
{
	return json_is_integer(json_peek(value));
}

bool json_is_null(const struct json *value)
{
	return jansson_is_null(json_peek(value));
}

const struct json *json_get(const struct json *object, const char *key)
{
	return (const struct json *)json_object_get(json_peek(object), key);
}

const char *json_text(const struct json *value)
{
	return json_string_value(json_peek(value));
}

int64_t json_number(const struct json *value)
{
	double real;

	if (json_is_integer(json_peek(value)))
		return json_integer_value(json_peek(value));
	if (!json_is_real(json_peek(value)))
		return 0;
	real = json_real_value(json_peek(value));
	/* Outside of this range the conversion is undefined. */
	return fabs(real) < 9e18 ? (int64_t)real : 0;
}

const char *json_str(const struct json *object, const char *key)
{
	return json_text(json_get(object, key));
}

int64_t json_int(const struct json *object, const char *key)
{
	return json_number(json_get(object, key));
}

bool json_bool(const struct json *object, const char *key)
{
	return json_is_true(json_peek(json_get(object, key)));
}

size_t json_len(const struct json *value)
{
	return json_is_object(value) ? json_object_size(json_peek(value)) : json_array_size(json_peek(value));
}

const struct json *json_at(const struct json *array, size_t i)
{
	return (const struct json *)json_array_get(json_peek(array), i);
}

/* jansson's iterators take no const, but do not change the object. */
const void *json_first(const struct json *object)
{
	return json_object_iter((json_t *)(uintptr_t)object);
}

const void *json_next(const struct json *object, const void *it)
{
	return json_object_iter_next((json_t *)(uintptr_t)object, (void *)(uintptr_t)it);
}

const char *json_key(const void *it)
{
	return json_object_iter_key((void *)(uintptr_t)it);
}

const struct json *json_member(const void *it)
{
	return (const struct json *)json_object_iter_value((void *)(uintptr_t)it);
}

struct json *json_new_object(void)
{
	return json_made(json_object());
}

struct json *json_new_array(void)
{
	return json_made(json_array());
}

/* Appends `s` with invalid bytes as \xNN. Control characters stay: JSON escapes them itself. */
static void add_valid(struct buf *out, const char *s)
{
	size_t len = strlen(s);

	while (len > 0) {
		uint32_t rune;
		size_t n = text_rune(s, len, &rune);

		if (n > 0) {
			buf_add(out, s, n);
		} else {
			buf_printf(out, "\\x%02x", (unsigned char)*s);
			n = 1;
		}
		s += n;
		len -= n;
	}
}

struct json *json_new_string(const char *s)
{
	cleanup_buf struct buf valid = { 0 };

	if (text_utf8(s, strlen(s)))
		return json_made(json_string_nocheck(s));
	add_valid(&valid, s);
	return json_made(json_string_nocheck(valid.data));
}

struct json *json_new_int(int64_t n)
{
	return json_made(json_integer(n));
}

struct json *json_new_bool(bool b)
{
	return json_made(json_boolean(b));
}

struct json *json_new_null(void)
{
	return json_made(json_null());
}

struct json *json_clone(const struct json *value)
{
	return json_made(json_deep_copy(json_peek(value)));
}

void json_set(struct json *object, const char *key, struct json *value)
{
	cleanup_buf struct buf valid = { 0 };

	if (!value)
		return;
	bug_if(!json_is_object(object), "\"%s\" is set in what is not an object", key);
	if (!text_utf8(key, strlen(key))) {
		add_valid(&valid, key);
		key = valid.data;
	}
	if (json_object_set_new_nocheck(open_json(object), key, open_json(value)) < 0)
		mem_exhausted();
}

void json_set_str(struct json *object, const char *key, const char *s)
{
	if (s)
		json_set(object, key, json_new_string(s));
}

void json_set_int(struct json *object, const char *key, int64_t n)
{
	json_set(object, key, json_new_int(n));
}

void json_set_bool(struct json *object, const char *key, bool b)
{
	json_set(object, key, json_new_bool(b));
}

void json_append(struct json *array, struct json *value)
{
	bug_if(!json_is_array(array), "appending to a value that is not a list");
	if (value && json_array_append_new(open_json(array), open_json(value)) < 0)
		mem_exhausted();
}

static int add_piece(const char *piece, size_t len, void *out)
{
	buf_add(out, piece, len);
	return 0;
}

void json_dump(const struct json *json, enum json_style style, struct buf *out)
{
	static const size_t flags[] = {
		DUMP_COMPACT,             /* JSON_COMPACT */
		DUMP_INDENT,              /* JSON_INDENT */
		DUMP_COMPACT | DUMP_SORT, /* JSON_CANONICAL */
	};
	TABLE_COMPLETE(flags, JSON_STYLES);

	if (!json)
		buf_str(out, "null");
	else if (json_dump_callback(json_peek(json), add_piece, out, flags[style] | DUMP_ANY) < 0)
		mem_exhausted();
}
