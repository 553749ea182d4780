#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/scan.h"
#include "engine/oci/storage_index.h"

struct name_list {
	struct scan_text *items;
	size_t len, cap;
};

/* An image; its names are a slice of the list of all names. */
struct scanned {
	struct scan_text id;
	size_t names, names_len;
	bool whole;
};

struct lists {
	struct name_list names, data; /* data: of the current image */
	struct scanned *images;
	size_t len, cap;
};

static bool take_plain(struct scan *s, struct scan_text *ret)
{
	return scan_string(s, ret) && !ret->escaped;
}

/* Adds the strings of an array; null counts as empty. */
static bool storage_index_take_names(struct scan *s, struct name_list *list)
{
	if (scan_null(s))
		return true;
	scan_array(s);
	while (scan_item(s)) {
		mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
		if (!take_plain(s, &list->items[list->len]))
			return false;
		list->len++;
	}
	return !s->bad;
}

/* An image is stored in this order: layers, record, config and manifests, each noted in the record. A writer that
 * was interrupted in between leaves a record that no tool can use. */
static bool storage_index_is_whole(const struct scan_text *id, const struct name_list *data)
{
	bool config = false, manifest = false;

	for (size_t i = 0; i < data->len; i++) {
		const struct scan_text *name = &data->items[i];

		manifest = manifest || scan_is(name, "manifest");
		config = config || (name->len == id->len + 7 && memcmp(name->text, "sha256:", 7) == 0 &&
				    memcmp(name->text + 7, id->text, id->len) == 0);
	}
	return config && manifest;
}

static bool storage_index_take_member(struct scan *s, const struct scan_text *key, struct lists *lists,
				      struct scanned *image)
{
	if (scan_is(key, "id"))
		return take_plain(s, &image->id);
	if (scan_is(key, "names"))
		return storage_index_take_names(s, &lists->names);
	if (scan_is(key, "big-data-names"))
		return storage_index_take_names(s, &lists->data);
	return scan_skip(s);
}

static bool storage_index_take_image(struct scan *s, struct lists *lists)
{
	struct scanned image = { .id = { .text = "" }, .names = lists->names.len };
	struct scan_text key;

	lists->data.len = 0;
	scan_object(s);
	while (scan_member(s, &key))
		if (!storage_index_take_member(s, &key, lists, &image))
			return false;
	image.names_len = lists->names.len - image.names;
	image.whole = storage_index_is_whole(&image.id, &lists->data);
	mem_reserve(&lists->images, &lists->cap, lists->len + 1, sizeof(*lists->images));
	lists->images[lists->len++] = image;
	return !s->bad;
}

static bool take_all(const char *text, size_t len, struct lists *lists)
{
	struct scan s = scan_begin(text, len);

	scan_array(&s);
	while (scan_item(&s))
		if (!storage_index_take_image(&s, lists))
			return false;
	return scan_done(&s);
}

static void storage_index_add_all(const struct json *names, struct name_list *list)
{
	list->len = 0;
	for (size_t i = 0; i < json_len(names); i++) {
		const char *item = json_text(json_at(names, i));

		mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
		if (item)
			list->items[list->len++] = (struct scan_text){ .text = item, .len = strlen(item) };
	}
}

/* Use the full parser for what the scanner refuses (an escaped name, say). */
static int storage_index_parse(struct lists *lists, const char *text, size_t len, const char *name,
			       storage_image_found *found, void *data, struct error **err)
{
	cleanup_json struct json *index = NULL;

	if (json_parse(text, len, name, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(index); i++) {
		const struct json *image = json_at(index, i);
		const char *text_id = json_str(image, "id");
		struct scan_text id = { .text = text_id, .len = text_id ? strlen(text_id) : 0 };

		storage_index_add_all(json_get(image, "names"), &lists->names);
		storage_index_add_all(json_get(image, "big-data-names"), &lists->data);
		if (text_id)
			found(data, &(struct storage_image){ id.text, id.len, lists->names.items, lists->names.len,
							     storage_index_is_whole(&id, &lists->data) });
	}
	return 0;
}

int storage_index_read(const char *text, size_t len, const char *name, storage_image_found *found, void *data,
		       struct error **err)
{
	struct lists lists = { 0 };
	int r = 0;

	if (take_all(text, len, &lists)) {
		for (size_t i = 0; i < lists.len; i++) {
			const struct scanned *image = &lists.images[i];

			const struct scan_text *names = image->names_len ? lists.names.items + image->names : NULL;

			found(data, &(struct storage_image){ image->id.text, image->id.len, names, image->names_len,
							     image->whole });
		}
	} else {
		r = storage_index_parse(&lists, text, len, name, found, data, err);
	}
	free(lists.names.items);
	free(lists.data.items);
	free(lists.images);
	return r;
}
