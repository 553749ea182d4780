#include "config.h"

#include "engine/oci/image_files.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/oci/image.h"
#include "engine/oci/layer_read.h"
#include "engine/oci/layout.h"
#include "engine/oci/tar_stream.h"

/* The layers are read twice: first for the tree, without content; then the content of those files that are in the merged tree. */

/* The regular files of a layer, in the order of its tar. */
struct layer_files {
	struct rafs_inode **items;
	size_t len, cap;
};

/* A further name of a file. */
struct further {
	const char *path;
	const struct rafs_inode *inode;
};

struct files_work {
	const struct image_files *files;
	const struct files_out *out;
	struct image *image;
	struct arena *arena;
	struct rafs *rafs, *upper; /* all layers so far, and the one that is read */
	struct layer_files *layers;
	const char **paths; /* of regular files: the inode's `at` is its number here plus 1; 0: it is not in the tree */
	size_t paths_len, paths_cap;
	struct further *further;
	size_t further_len, further_cap;
	/* while content is read */
	size_t layer, next;            /* which file comes next */
	const struct rafs_inode *file; /* the one whose content comes; NULL: it is not wanted */
};

static void files_work_free(struct files_work *work)
{
	for (size_t i = 0; work->layers && i < work->image->layers_len; i++)
		free(work->layers[i].items);
	free(work->layers);
	free(work->paths);
	free(work->further);
	rafs_free(work->upper);
	rafs_free(work->rafs);
	arena_free(work->arena);
	image_free(work->image);
}

static bool files_are_cancelled(void *data)
{
	const struct image_files *files = ((const struct files_work *)data)->files;

	return files->cancelled && files->cancelled(files->data);
}

/* ---- a layer ---- */

struct layer_pass {
	struct files_work *work;
	struct tar_stream *stream;
};

static int feed(void *data, const void *bytes, size_t len, struct error **err)
{
	return tar_stream_add(((struct layer_pass *)data)->stream, bytes, len, err);
}

static bool pass_is_cancelled(void *data)
{
	return files_are_cancelled(((struct layer_pass *)data)->work);
}

static int files_read_layer(struct files_work *work, const struct tar_receiver *receiver, struct error **err)
{
	struct layer_pass pass = { work, tar_stream_new(receiver) };
	const struct layer_read read = {
		.layout = work->files->layout,
		.blob = &work->image->layers[work->layer],
		.diff_id = work->image->diff_ids[work->layer],
		.take = feed,
		.cancelled = pass_is_cancelled,
		.data = &pass,
	};
	int r = layer_read(&read, err) < 0 ? -1 : tar_stream_end(pass.stream, err);

	tar_stream_free(pass.stream);
	return r;
}

/* ---- the tree ---- */

static int tree_entry(void *data, const struct tar_head *head, const char *raw, size_t len, struct error **err)
{
	struct files_work *work = data;
	struct layer_files *layer = &work->layers[work->layer];
	struct rafs_inode *inode;

	(void)raw;
	(void)len;
	if (rafs_add(work->upper, head, &inode, err) < 0)
		return -1;
	if (head->type != '0')
		return 0;
	inode->size = head->size;
	mem_reserve(&layer->items, &layer->cap, layer->len + 1, sizeof(struct rafs_inode *));
	layer->items[layer->len++] = inode;
	return 0;
}

static int tree_content(void *data, const char *bytes, size_t len, struct error **err)
{
	(void)data;
	(void)bytes;
	(void)len;
	(void)err;
	return 0;
}

static int tree_content_end(void *data, struct error **err)
{
	(void)data;
	(void)err;
	return 0;
}

static int read_tree_of_layers(struct files_work *work, struct error **err)
{
	const struct tar_receiver receiver = { tree_entry, tree_content, tree_content_end, NULL, work };

	work->layers = mem_array(work->image->layers_len + 1, sizeof(*work->layers));
	for (work->layer = 0; work->layer < work->image->layers_len; work->layer++) {
		work->upper = rafs_new(work->arena);
		if (files_read_layer(work, &receiver, err) < 0)
			return -1;
		rafs_merge(work->rafs, work->upper);
		rafs_free(steal_ptr(work->upper));
	}
	return 0;
}

static const char *files_path(const struct files_work *work, const char *folder, const char *name)
{
	return arena_join(work->arena, folder, *folder ? "/" : "", name, NULL);
}

static void name_entry(struct files_work *work, const char *path, struct rafs_inode *inode)
{
	if (inode->at) {
		mem_reserve(&work->further, &work->further_cap, work->further_len + 1, sizeof(*work->further));
		work->further[work->further_len++] = (struct further){ path, inode };
		return;
	}
	mem_reserve(&work->paths, &work->paths_cap, work->paths_len + 1, sizeof(*work->paths));
	work->paths[work->paths_len++] = path;
	inode->at = work->paths_len;
}

/* Makes the folders, and names everything else. */
static int go_down(struct files_work *work, const char *path, const struct rafs_inode *folder, struct error **err)
{
	if (work->out->folder(work->out->data, path, folder, err) < 0)
		return -1;
	for (size_t i = 0; i < map_len(folder->children); i++) {
		const struct rafs_node *node = map_value(folder->children, i);
		const char *inner = node ? files_path(work, path, node->name) : NULL;

		if (!node)
			continue;
		if (S_ISREG(node->inode->mode))
			name_entry(work, inner, node->inode);
		else if (!node->inode->children)
			continue;
		else if (go_down(work, inner, node->inode, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the content ---- */

static int end_file(struct files_work *work, struct error **err)
{
	const struct rafs_inode *file = work->file;

	work->file = NULL;
	return file ? work->out->file_end(work->out->data, work->paths[file->at - 1], file, err) : 0;
}

static int content_entry(void *data, const struct tar_head *head, const char *raw, size_t len, struct error **err)
{
	struct files_work *work = data;
	const struct rafs_inode *inode;

	(void)raw;
	(void)len;
	if (head->type != '0')
		return 0;
	if (work->next == work->layers[work->layer].len)
		return error_make(err, ERROR_STATE, "%s changed while it was read",
				  work->image->layers[work->layer].digest);
	inode = work->layers[work->layer].items[work->next++];
	work->file = inode->at ? inode : NULL;
	if (work->file && work->out->file(work->out->data, work->paths[inode->at - 1], inode, err) < 0)
		return -1;
	return head->size ? 0 : end_file(work, err);
}

static int content_bytes(void *data, const char *bytes, size_t len, struct error **err)
{
	const struct files_work *work = data;

	return work->file ? work->out->content(work->out->data, bytes, len, err) : 0;
}

static int content_done(void *data, struct error **err)
{
	return end_file(data, err);
}

static int files_read_content(struct files_work *work, struct error **err)
{
	const struct tar_receiver receiver = { content_entry, content_bytes, content_done, NULL, work };

	for (work->layer = 0; work->layer < work->image->layers_len; work->layer++) {
		work->next = 0;
		if (files_read_layer(work, &receiver, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the rest ---- */

/* Links and devices, and at the end of each folder, the folder. */
static int go_up(struct files_work *work, const char *path, const struct rafs_inode *folder, struct error **err)
{
	const struct files_out *out = work->out;

	for (size_t i = 0; i < map_len(folder->children); i++) {
		const struct rafs_node *node = map_value(folder->children, i);
		const struct rafs_inode *inode = node ? node->inode : NULL;
		const char *inner = node ? files_path(work, path, node->name) : NULL;

		if (!inode || S_ISREG(inode->mode))
			continue;
		if ((inode->children ? go_up(work, inner, inode, err) : out->other(out->data, inner, inode, err)) < 0)
			return -1;
	}
	return out->folder_end(out->data, path, folder, err);
}

static int name_again(struct files_work *work, struct error **err)
{
	for (size_t i = 0; i < work->further_len; i++) {
		const struct further *name = &work->further[i];

		if (work->out->again(work->out->data, name->path, work->paths[name->inode->at - 1], err) < 0)
			return -1;
	}
	return 0;
}

static int files_write_tree(struct files_work *work, struct error **err)
{
	return read_tree_of_layers(work, err) < 0 || go_down(work, "", work->rafs->root, err) < 0 ||
			       files_read_content(work, err) < 0 || name_again(work, err) < 0 ||
			       go_up(work, "", work->rafs->root, err) < 0
		       ? -1
		       : 0;
}

char *files_temporary(const char *maker)
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(maker, strlen(maker)), hex);
	return mem_printf(".cbuild-tmp-%s", hex);
}

int image_files_write(const struct image_files *files, const struct files_out *out, struct error **err)
{
	struct files_work work = { .files = files, .out = out, .arena = arena_new() };
	int r;

	work.rafs = rafs_new(work.arena);
	r = image_read(files->layout, files->digest, &work.image, err) < 0 ? -1 : files_write_tree(&work, err);
	files_work_free(&work);
	return r;
}
