#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/storage_index.h"

struct name_list {
	struct storage_name *items;
	size_t len, cap;
};

struct scanner {
	const char *at, *end;
	struct name_list names, data; /* of the image at hand */
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

static bool take_names(struct scanner *s, struct name_list *list)
{
	list->len = 0;
	skip_space(s);
	if (s->at < s->end && *s->at == 'n')
		return skip_value(s); /* null */
	if (!take(s, '['))
		return false;
	if (take(s, ']'))
		return true;
	do {
		bool plain;

		mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
		if (!take_string(s, &list->items[list->len], &plain) || !plain)
			return false;
		list->len++;
	} while (take(s, ','));
	return take(s, ']');
}

static bool key_is(const struct storage_name *key, const char *name)
{
	return key->len == strlen(name) && memcmp(key->text, name, key->len) == 0;
}

/* Of what an image is made, its layers come first, then its record, then its config and its manifests, each noted in
 * the record when it is written. A writer that was ended in between leaves a record that no tool can use. */
static bool is_whole(const struct storage_name *id, const struct name_list *data)
{
	bool config = false, manifest = false;

	for (size_t i = 0; i < data->len; i++) {
		const struct storage_name *name = &data->items[i];

		manifest = manifest || key_is(name, "manifest");
		config = config || (name->len == id->len + 7 && memcmp(name->text, "sha256:", 7) == 0 &&
				    memcmp(name->text + 7, id->text, id->len) == 0);
	}
	return config && manifest;
}

static bool take_image(struct scanner *s, struct storage_image *ret)
{
	struct storage_name id = { "", 0 };
	bool plain;

	s->names.len = 0;
	s->data.len = 0;
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
			if (!take_names(s, &s->names))
				return false;
		} else if (key_is(&key, "big-data-names")) {
			if (!take_names(s, &s->data))
				return false;
		} else if (!skip_value(s)) {
			return false;
		}
	} while (take(s, ','));
	*ret = (struct storage_image){
		.id = id.text,
		.id_len = id.len,
		.names = s->names.items,
		.names_len = s->names.len,
		.whole = is_whole(&id, &s->data),
	};
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

static void add_all(const struct json *names, struct name_list *list)
{
	list->len = 0;
	for (size_t i = 0; i < json_len(names); i++) {
		const char *item = json_text(json_at(names, i));

		mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
		if (item)
			list->items[list->len++] = (struct storage_name){ item, strlen(item) };
	}
}

/* What the scanner does not take (escapes in a name, say) is parsed in full. */
static int parse(struct scanner *s, const char *text, size_t len, const char *name, storage_image_found *found,
		 void *data, struct error **err)
{
	cleanup_json struct json *index = NULL;

	if (json_parse(text, len, name, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(index); i++) {
		const struct json *image = json_at(index, i);
		const char *text_id = json_str(image, "id");
		struct storage_name id = { text_id, text_id ? strlen(text_id) : 0 };

		add_all(json_get(image, "names"), &s->names);
		add_all(json_get(image, "big-data-names"), &s->data);
		if (text_id)
			found(data, &(struct storage_image){ id.text, id.len, s->names.items, s->names.len,
							     is_whole(&id, &s->data) });
	}
	return 0;
}

int storage_index_read(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		       struct error **err)
{
	struct scanner s = { .at = text, .end = text + len };
	int r = 0;

	if (scan(&s, NULL, NULL)) {
		s.at = text;
		scan(&s, found, data);
	} else {
		r = parse(&s, text, len, name, found, data, err);
	}
	free(s.names.items);
	free(s.data.items);
	return r;
}
