#include "config.h"

#include "engine/exec/published.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"

#define WELL_KNOWN "org.opencontainers.image."

struct annotation_list {
	struct layout_annotation *items;
	size_t len, cap;
	struct arena *arena;
};

static void annotation_list_cleanup(struct annotation_list *list)
{
	free(list->items);
	arena_free(list->arena);
}
#define cleanup_annotation_list __attribute__((cleanup(annotation_list_cleanup)))

static void annotation_list_put(struct annotation_list *list, const char *key, const char *value)
{
	size_t i = 0;

	while (i < list->len && strcmp(list->items[i].key, key) != 0)
		i++;
	mem_reserve(&list->items, &list->cap, list->len + 1, sizeof(*list->items));
	list->items[i] = (struct layout_annotation){ key, arena_strdup(list->arena, value) };
	list->len += i == list->len;
}

/* GitHub's registry, for one, shows those of the index. All platforms' images have the same labels, but for what they are built with. */
static void put_labels(const struct published *published, struct annotation_list *list)
{
	cleanup_image struct image *image = NULL;

	/* Those that others have made may have their configs only in the registry. */
	for (size_t i = 0; i < published->len && !image; i++)
		image_read(published->layout, published->members[i].digest, &image, NULL);
	for (char **label = image ? image->labels : NULL; label && *label; label += 2)
		if (strncmp(label[0], WELL_KNOWN, strlen(WELL_KNOWN)) == 0)
			annotation_list_put(list, arena_strdup(list->arena, label[0]), label[1]);
}

/* `was`: the annotations of an index that is published; what its commit has said about itself stays. Or NULL. */
static void published_annotations(const struct published *published, const struct json *was, struct annotation_list *list)
{
	const struct build_spec *build = &published->service->build;

	if (!service_annotates(published->service))
		return;
	list->arena = arena_new();
	for (size_t i = 0; i < published->annotations_len; i++) {
		const char *key = published->annotations[i].key, *value = published->annotations[i].value;

		if (was && plan_annotation_stays(published->manifest, key))
			value = json_str(was, key);
		if (value)
			annotation_list_put(list, key, value);
	}
	put_labels(published, list);
	for (size_t i = 0; i < build->annotations_len; i++)
		if (build->annotations[i].index)
			annotation_list_put(list, build->annotations[i].key.s, build->annotations[i].value.s);
}

int published_stays(const struct published *published, const struct buf *text, struct error **err)
{
	cleanup_annotation_list struct annotation_list list = { 0 };
	cleanup_json struct json *json = NULL, *none = json_new_object();
	cleanup_buf struct buf own = { 0 };
	const struct json *was;

	if (published->manifest->revision_every || json_parse(text->data, text->len, "an index", &json, NULL) < 0)
		return 0;
	/* The same index, with what that commit has said about itself, has the same bytes. */
	was = json_get(json, "annotations");
	published_annotations(published, was ? was : none, &list);
	if (layout_index_text(published->layout, published->members, published->len, list.items, list.len, &own, err) < 0)
		return -1;
	return own.len == text->len && memcmp(own.data, text->data, own.len) == 0;
}

int published_write(const struct published *published, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_annotation_list struct annotation_list list = { 0 };

	published_annotations(published, NULL, &list);
	return layout_write_index(published->layout, published->members, published->len, list.items, list.len,
				  ret_digest, NULL, err);
}
