#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/oci/storage_unused.h"

#define STORAGE_FILE_MAX (64u << 20) /* bytes of an index */

struct unused_layer {
	struct unused_layer *parent;
	uint64_t size;
	unsigned depth;
	bool needed_here; /* the top layer of an image that stays */
	bool needed;      /* or below one */
};

struct unused_image {
	const char *id, *created;
	struct unused_layer *top; /* NULL: it has no layers */
	bool needed, chosen;
};

/* What one driver stores. The texts belong to the documents. */
struct forest {
	struct json *images, *layers, *containers;
	struct map *by_id; /* layers */
	struct unused_layer *items;
	struct unused_image *list;
	size_t len;
};

static int read_list(const char *root, const char *driver, const char *what, struct json **ret, struct error **err)
{
	cleanup_free char *path = mem_printf("%s/%s-%s/%s.json", root, driver, what, what);
	cleanup_buf struct buf text = { 0 };
	bool found = false;

	if (fs_read_if(path, STORAGE_FILE_MAX, &text, &found, err) < 0)
		return -1;
	if (!found)
		*ret = json_new_array();
	else if (json_parse(text.data ? text.data : "", text.len, path, ret, err) < 0)
		return -1;
	return 0;
}

static void plant_layers(struct forest *forest)
{
	size_t len = json_len(forest->layers);

	forest->by_id = map_new();
	forest->items = mem_array(len + 1, sizeof(*forest->items));
	for (size_t i = 0; i < len; i++) {
		const struct json *layer = json_at(forest->layers, i);

		forest->items[i].size = (uint64_t)json_int(layer, "diff-size");
		if (json_str(layer, "id"))
			map_set(forest->by_id, json_str(layer, "id"), &forest->items[i]);
	}
	/* A parent stands before its children: the depth of each is known when it is needed. */
	for (size_t i = 0; i < len; i++) {
		const char *parent = json_str(json_at(forest->layers, i), "parent");
		struct unused_layer *found = parent ? map_get(forest->by_id, parent) : NULL;

		forest->items[i].parent = found < &forest->items[i] ? found : NULL;
		forest->items[i].depth = forest->items[i].parent ? forest->items[i].parent->depth + 1 : 0;
	}
}

static bool in_container(const struct forest *forest, const char *id)
{
	for (size_t i = 0; i < json_len(forest->containers); i++) {
		const char *image = json_str(json_at(forest->containers, i), "image");

		if (image && strcmp(image, id) == 0)
			return true;
	}
	return false;
}

static void plant_images(struct forest *forest, const struct map *kept)
{
	forest->list = mem_array(json_len(forest->images) + 1, sizeof(*forest->list));
	for (size_t i = 0; i < json_len(forest->images); i++) {
		const struct json *object = json_at(forest->images, i);
		struct unused_image *image = &forest->list[forest->len];
		const char *top = json_str(object, "layer"), *id = json_str(object, "id");
		cleanup_free char *identity = mem_printf("sha256:%s", id ? id : "");

		if (!digest_valid(identity))
			continue;
		*image = (struct unused_image){ .id = id, .created = json_str(object, "created") };
		image->top = top ? map_get(forest->by_id, top) : NULL;
		image->needed = json_len(json_get(object, "names")) > 0 || map_get(kept, identity) ||
				in_container(forest, id);
		if (image->needed && image->top)
			image->top->needed_here = true;
		forest->len++;
	}
}

static void choose(struct forest *forest, const char *identity)
{
	for (size_t i = 0; i < forest->len; i++) {
		struct unused_image *image = &forest->list[i];

		if (strcmp(image->id, digest_hex(identity)) != 0 || image->needed)
			continue;
		image->chosen = true;
		for (struct unused_layer *at = image->top; at && !at->needed_here; at = at->parent)
			for (size_t j = 0; j < forest->len; j++)
				if (forest->list[j].top == at)
					forest->list[j].chosen = true;
	}
}

/* What others are built on stays. */
static void keep_shared(struct forest *forest)
{
	for (size_t i = 0; i < forest->len; i++)
		for (struct unused_layer *at = forest->list[i].chosen ? NULL : forest->list[i].top; at; at = at->parent)
			at->needed = true;
	for (size_t i = 0; i < forest->len; i++) {
		struct unused_image *image = &forest->list[i];

		image->chosen = image->chosen && !(image->top && image->top->needed && !image->top->needed_here);
	}
}

static int by_depth(const void *a, const void *b)
{
	const struct unused_image *one = a, *two = b;
	unsigned depth_one = one->top ? one->top->depth : 0, depth_two = two->top ? two->top->depth : 0;

	if (depth_one != depth_two)
		return depth_one < depth_two ? 1 : -1;
	return one->created && two->created ? strcmp(two->created, one->created) : 0;
}

static void take_chosen(struct forest *forest, struct storage_unused *ret)
{
	qsort(forest->list, forest->len, sizeof(*forest->list), by_depth);
	for (size_t i = 0; i < forest->len; i++) {
		if (!forest->list[i].chosen)
			continue;
		mem_reserve(&ret->ids, &ret->cap, ret->len + 2, sizeof(*ret->ids));
		ret->ids[ret->len++] = mem_strdup(forest->list[i].id);
		ret->ids[ret->len] = NULL;
		for (struct unused_layer *at = forest->list[i].top; at && !at->needed; at = at->parent) {
			ret->bytes += at->size;
			at->needed = true; /* counted once */
		}
	}
}

static int look_at_driver(const char *root, const char *driver, const char *const *former, const struct map *kept,
			  struct storage_unused *ret, struct error **err)
{
	struct forest forest = { 0 };
	int r = -1;

	if (read_list(root, driver, "images", &forest.images, err) == 0 &&
	    read_list(root, driver, "layers", &forest.layers, err) == 0 &&
	    read_list(root, driver, "containers", &forest.containers, err) == 0) {
		plant_layers(&forest);
		plant_images(&forest, kept);
		for (; *former; former++)
			choose(&forest, *former);
		keep_shared(&forest);
		take_chosen(&forest, ret);
		r = 0;
	}
	map_free(forest.by_id);
	free(forest.items);
	free(forest.list);
	json_free(forest.images);
	json_free(forest.layers);
	json_free(forest.containers);
	return r;
}

int storage_unused_find(const char *root, const char *const *former, const struct map *kept, struct storage_unused *ret,
			struct error **err)
{
	static const char suffix[] = "-images";
	struct dirent *entry;
	int r = 0;
	DIR *dir = opendir(root);

	*ret = (struct storage_unused){ 0 };
	if (!dir)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_STATE, errno, "%s", root);
	while (r == 0 && (entry = readdir(dir))) {
		size_t len = strlen(entry->d_name), end = strlen(suffix);
		cleanup_free char *driver = len > end ? mem_strndup(entry->d_name, len - end) : NULL;

		if (driver && strcmp(entry->d_name + len - end, suffix) == 0)
			r = look_at_driver(root, driver, former, kept, ret, err);
	}
	closedir(dir);
	if (r < 0)
		storage_unused_free(ret);
	return r;
}

void storage_unused_free(struct storage_unused *unused)
{
	for (size_t i = 0; i < unused->len; i++)
		free(unused->ids[i]);
	free(unused->ids);
	*unused = (struct storage_unused){ 0 };
}
