#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/storage_index.h"

struct scanner {
	const char *at, *end;
	struct storage_name *names;
	size_t names_len, names_cap;
};

static void skip_space(struct scanner *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

static bool take(struct scanner *s, char c)
{
	skip_space(s);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

/* A string; *ret_plain: it holds no escapes, so its bytes are its value. */
static bool take_string(struct scanner *s, struct storage_name *ret, bool *ret_plain)
{
	const char *start;

	if (!take(s, '"'))
		return false;
	start = s->at;
	*ret_plain = true;
	for (;;) {
		const char *quote = memchr(s->at, '"', (size_t)(s->end - s->at));
		size_t slashes = 0;

		if (!quote)
			return false;
		while (quote - slashes > start && quote[-(long)slashes - 1] == '\\')
			slashes++;
		s->at = quote + 1;
		if (slashes % 2 == 0) {
			*ret = (struct storage_name){ start, (size_t)(quote - start) };
			*ret_plain = memchr(start, '\\', ret->len) == NULL;
			return true;
		}
	}
}

/* Any value. Depth is counted, not followed: brackets need only balance here. */
static bool skip_value(struct scanner *s)
{
	struct storage_name string;
	size_t depth = 0;
	bool plain;

	do {
		skip_space(s);
		if (s->at == s->end)
			return false;
		if (*s->at == '"') {
			if (!take_string(s, &string, &plain))
				return false;
		} else if (*s->at == '[' || *s->at == '{') {
			depth++;
			s->at++;
		} else if (*s->at == ']' || *s->at == '}') {
			if (depth-- == 0)
				return false;
			s->at++;
		} else if (*s->at == ',' || *s->at == ':') {
			if (depth == 0)
				return false;
			s->at++;
		} else {
			size_t span = strcspn(s->at, " \n\r\t,:]}\"[{");

			if (span == 0)
				return false; /* a NUL */
			s->at += span;
		}
	} while (depth > 0);
	return true;
}

static bool take_names(struct scanner *s)
{
	s->names_len = 0;
	skip_space(s);
	if (s->at < s->end && *s->at == 'n')
		return skip_value(s); /* null */
	if (!take(s, '['))
		return false;
	if (take(s, ']'))
		return true;
	do {
		bool plain;

		mem_reserve(&s->names, &s->names_cap, s->names_len + 1, sizeof(*s->names));
		if (!take_string(s, &s->names[s->names_len], &plain) || !plain)
			return false;
		s->names_len++;
	} while (take(s, ','));
	return take(s, ']');
}

static bool key_is(const struct storage_name *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->text, name, key->len) == 0;
}

static bool take_image(struct scanner *s, struct storage_image *ret)
{
	struct storage_name id = { "", 0 };
	bool plain;

	s->names_len = 0;
	if (!take(s, '{'))
		return false;
	do {
		struct storage_name key;

		if (!take_string(s, &key, &plain) || !take(s, ':'))
			return false;
		if (key_is(&key, "id")) {
			if (!take_string(s, &id, &plain) || !plain)
				return false;
		} else if (key_is(&key, "names")) {
			if (!take_names(s))
				return false;
		} else if (!skip_value(s)) {
			return false;
		}
	} while (take(s, ','));
	*ret = (struct storage_image){ .id = id.text, .id_len = id.len, .names = s->names, .names_len = s->names_len };
	return take(s, '}');
}

/* With `found` NULL only the form is checked. */
static bool scan(struct scanner *s, storage_image_found *found, void *data)
{
	struct storage_image image;

	if (!take(s, '['))
		return false;
	if (!take(s, ']')) {
		do {
			if (!take_image(s, &image))
				return false;
			if (found)
				found(data, &image);
		} while (take(s, ','));
		if (!take(s, ']'))
			return false;
	}
	skip_space(s);
	return s->at == s->end;
}

/* What the scanner does not take (escapes in a name, say) is parsed in full. */
static int parse(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		 struct error **err)
{
	cleanup_json struct json *index = NULL;

	if (json_parse(text, len, name, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(index); i++) {
		const struct json *names = json_get(json_at(index, i), "names");
		const char *id = json_str(json_at(index, i), "id");
		cleanup_free struct storage_name *list = mem_array(json_len(names) + 1, sizeof(*list));
		struct storage_image image = { .id = id, .id_len = id ? strlen(id) : 0, .names = list };

		for (size_t j = 0; j < json_len(names); j++) {
			const char *item = json_text(json_at(names, j));

			if (item)
				list[image.names_len++] = (struct storage_name){ item, strlen(item) };
		}
		if (id)
			found(data, &image);
	}
	return 0;
}

int storage_index_read(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		       struct error **err)
{
	struct scanner s = { .at = text, .end = text + len };
	bool scanned = scan(&s, NULL, NULL);

	if (scanned) {
		s.at = text;
		scan(&s, found, data);
	}
	free(s.names);
	return scanned ? 0 : parse(text, len, name, found, data, err);
}
