#include "config.h"

#include "engine/oci/rafs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/rafs_layout.h"

#define DEVICES_LIMIT 254
#define MAPPED_ALIGN ((uint64_t)512 << 10) /* bytes; alignment of a device mapped after the bootstrap */

/* A folder's names in byte order, including "." and "..". */
struct rafs_listing {
	struct rafs_inode *folder;
	const struct rafs_node **nodes;
	size_t len;
};

/* A bootstrap while it is laid out and written. */
struct rafs_writer {
	struct rafs *rafs;
	bool layer;
	struct rafs_inode **inodes; /* each once, parents first */
	size_t inodes_len, inodes_cap;
	struct rafs_listing *listings; /* of the folders among them, in the same order */
	size_t listings_len, listings_cap;
	const struct rafs_blob **devices;
	size_t devices_len, chunks_len;
	uint64_t blobs_at, prefetch_at, meta_at, chunks_at;
	bool has_xattrs;
	uint64_t end;
	char *out;
};

static uint64_t align(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

/* ---- collecting ---- */

static int compare_nodes(const void *a, const void *b)
{
	return strcmp((*(const struct rafs_node *const *)a)->name, (*(const struct rafs_node *const *)b)->name);
}

static void add_inode(struct rafs_writer *w, struct rafs_inode *inode)
{
	if (inode->links++ > 0)
		return;
	mem_reserve(&w->inodes, &w->inodes_cap, w->inodes_len + 1, sizeof(struct rafs_inode *));
	w->inodes[w->inodes_len++] = inode;
	if (inode->blob)
		((struct rafs_blob *)inode->blob)->device = 1;
	w->has_xattrs = w->has_xattrs || inode->xattrs_len;
}

static void list(struct rafs_writer *w, struct rafs_inode *folder, struct rafs_inode *parent)
{
	struct arena *arena = w->rafs->arena;
	const struct map *children = folder->children;
	struct rafs_node *dots = arena_array(arena, 2, sizeof(*dots));
	const struct rafs_node **nodes = arena_array(arena, map_len(children) + 2, sizeof(*nodes));
	size_t len = 2;

	dots[0] = (struct rafs_node){ ".", folder };
	dots[1] = (struct rafs_node){ "..", parent };
	nodes[0] = &dots[0];
	nodes[1] = &dots[1];
	for (size_t i = 0; i < map_len(children); i++)
		if (map_value(children, i))
			nodes[len++] = map_value(children, i);
	qsort(nodes, len, sizeof(*nodes), compare_nodes);
	mem_reserve(&w->listings, &w->listings_cap, w->listings_len + 1, sizeof(*w->listings));
	w->listings[w->listings_len++] = (struct rafs_listing){ folder, nodes, len };
}

static void rafs_write_collect(struct rafs_writer *w)
{
	add_inode(w, w->rafs->root);
	list(w, w->rafs->root, w->rafs->root);
	for (size_t i = 0; i < w->listings_len; i++) {
		struct rafs_listing at = w->listings[i];

		at.folder->links = 2; /* its name and its own "." */
		for (size_t j = 0; j < at.len; j++) {
			struct rafs_inode *inode = at.nodes[j]->inode;

			if (inode == at.folder || strcmp(at.nodes[j]->name, "..") == 0)
				continue;
			add_inode(w, inode);
			if (inode->children) {
				list(w, inode, at.folder);
				at.folder->links++; /* the child's ".." */
			}
		}
	}
}

/* A blob whose files are all hidden by other layers needs no device. */
static int number_devices(struct rafs_writer *w, struct error **err)
{
	w->devices = arena_array(w->rafs->arena, w->rafs->blobs_len + 1, sizeof(struct rafs_blob *));
	for (size_t i = 0; i < w->rafs->blobs_len; i++) {
		struct rafs_blob *blob = w->rafs->blobs[i];

		if (!blob->device)
			continue;
		w->devices[w->devices_len++] = blob;
		blob->device = (unsigned)w->devices_len;
		w->chunks_len += blob->chunks_len;
	}
	return w->devices_len <= DEVICES_LIMIT
		       ? 0
		       : error_make(err, ERROR_STATE, "nydus cannot store the files of more than %d layers",
				    DEVICES_LIMIT);
}

/* ---- extended attributes ---- */

static const struct rafs_prefix *find_prefix(const char *name)
{
	for (size_t i = 0; i < RAFS_PREFIXES; i++)
		if (strncmp(name, rafs_prefixes[i].prefix, strlen(rafs_prefixes[i].prefix)) == 0)
			return &rafs_prefixes[i];
	return NULL;
}

static uint64_t xattrs_size(const struct rafs_inode *inode)
{
	uint64_t size = inode->xattrs_len ? RAFS_XATTR_HEAD : 0;

	for (size_t i = 0; i < inode->xattrs_len; i++) {
		const struct tar_xattr *xattr = &inode->xattrs[i];

		size += align(RAFS_XATTR_ENTRY + strlen(xattr->name) - strlen(find_prefix(xattr->name)->prefix) +
				      xattr->len,
			      4);
	}
	return size;
}

static int check_xattrs(const struct rafs_inode *inode, struct error **err)
{
	for (size_t i = 0; i < inode->xattrs_len; i++) {
		const struct tar_xattr *xattr = &inode->xattrs[i];
		cleanup_buf struct buf safe = { 0 };

		if (find_prefix(xattr->name) && strlen(xattr->name) <= UINT8_MAX && xattr->len <= UINT16_MAX)
			continue;
		text_safe(&safe, xattr->name, strlen(xattr->name));
		return error_make(err, ERROR_STATE, "nydus cannot store the extended attribute %s", safe.data);
	}
	return inode->xattrs_len == 0 || (xattrs_size(inode) - RAFS_XATTR_HEAD) / 4 + 1 <= UINT16_MAX
		       ? 0
		       : error_make(err, ERROR_STATE,
				    "nydus cannot store more than 256 KiB of extended attributes of a file");
}

static void write_xattrs(char *at, const struct rafs_inode *inode)
{
	at += RAFS_XATTR_HEAD;
	for (size_t i = 0; i < inode->xattrs_len; i++) {
		const struct tar_xattr *xattr = &inode->xattrs[i];
		const struct rafs_prefix *prefix = find_prefix(xattr->name);
		const char *rest = xattr->name + strlen(prefix->prefix);
		size_t len = strlen(rest);

		at[0] = (char)len;
		at[1] = (char)prefix->index;
		le_put16(at + 2, (uint16_t)xattr->len);
		memcpy(at + RAFS_XATTR_ENTRY, rest, len);
		memcpy(at + RAFS_XATTR_ENTRY + len, xattr->value, xattr->len);
		at += align(RAFS_XATTR_ENTRY + len + xattr->len, 4);
	}
}

/* ---- the layout ---- */

static uint64_t listing_size(const struct rafs_listing *listing)
{
	uint64_t size = 0;

	for (size_t i = 0; i < listing->len; i++) {
		uint64_t len = RAFS_DIRENT_SIZE + strlen(listing->nodes[i]->name);

		if (size % RAFS_BLOCK + len > RAFS_BLOCK)
			size = align(size, RAFS_BLOCK);
		size += len;
	}
	return size;
}

/* Whether the tail of a folder or link is stored right after its inode. */
static bool is_inline(const struct rafs_inode *inode, uint64_t size)
{
	uint64_t tail = size % RAFS_BLOCK;

	return tail != 0 && RAFS_INODE_SIZE + xattrs_size(inode) + tail <= RAFS_BLOCK;
}

static uint64_t inode_room(const struct rafs_inode *inode)
{
	uint64_t room = RAFS_INODE_SIZE + xattrs_size(inode);

	if (S_ISREG(inode->mode))
		return align(room, RAFS_INDEX_SIZE) + inode->chunks_len * RAFS_INDEX_SIZE;
	if ((inode->children || inode->link) && is_inline(inode, inode->size))
		room += inode->size % RAFS_BLOCK;
	return room;
}

/* Inodes follow one another, each with its tail in the same block; then come the remaining blocks of folders and
 * links. */
static int lay_out(struct rafs_writer *w, struct error **err)
{
	uint64_t at;

	w->blobs_at = align(RAFS_DEVICES + w->devices_len * RAFS_DEVICE_SIZE, RAFS_BLOCK);
	w->prefetch_at = w->blobs_at + w->devices_len * RAFS_BLOB_SIZE;
	w->meta_at = align(w->prefetch_at + (w->devices_len ? 4 : 0), RAFS_BLOCK);
	at = w->meta_at + RAFS_ROOT_NID * RAFS_SLOT;
	for (size_t i = 0; i < w->listings_len; i++)
		w->listings[i].folder->size = listing_size(&w->listings[i]);
	for (size_t i = 0; i < w->inodes_len; i++) {
		struct rafs_inode *inode = w->inodes[i];
		uint64_t room;

		if (check_xattrs(inode, err) < 0)
			return -1;
		if (inode->link)
			inode->size = strlen(inode->link);
		room = inode_room(inode);
		if ((inode->children || inode->link) && is_inline(inode, inode->size) &&
		    at % RAFS_BLOCK + room > RAFS_BLOCK)
			at = align(at, RAFS_BLOCK);
		inode->at = at;
		at = align(at + room, RAFS_SLOT);
	}
	at = align(at, RAFS_BLOCK);
	for (size_t i = 0; i < w->inodes_len; i++) {
		struct rafs_inode *inode = w->inodes[i];

		if (!inode->children && !inode->link)
			continue;
		inode->tail_at = at;
		at += is_inline(inode, inode->size) ? inode->size / RAFS_BLOCK * RAFS_BLOCK
						    : align(inode->size, RAFS_BLOCK);
	}
	w->chunks_at = at;
	w->end = align(at + w->chunks_len * RAFS_CHUNK_SIZE, RAFS_BLOCK);
	return w->end / RAFS_BLOCK <= UINT32_MAX
		       ? 0
		       : error_make(err, ERROR_STATE, "the image has too many files for nydus");
}

/* ---- the bytes ---- */

static uint64_t nid(const struct rafs_writer *w, const struct rafs_inode *inode)
{
	return (inode->at - w->meta_at) / RAFS_SLOT;
}

/* Bytes [from, from + len) of the content of a folder or link; its tail may be right after the inode. */
static char *held(struct rafs_writer *w, const struct rafs_inode *inode, uint64_t from)
{
	uint64_t whole = inode->size / RAFS_BLOCK * RAFS_BLOCK;

	if (from >= whole && is_inline(inode, inode->size))
		return w->out + inode->at + RAFS_INODE_SIZE + xattrs_size(inode) + (from - whole);
	return w->out + inode->tail_at + from;
}

static unsigned rafs_write_type_of(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFIFO:
		return 5;
	default:
		return 7; /* a symbolic link: rafs_add makes nothing else */
	}
}

static void write_block(struct rafs_writer *w, const struct rafs_listing *listing, size_t from, size_t to, char *out)
{
	size_t name_at = (to - from) * RAFS_DIRENT_SIZE;

	for (size_t i = from; i < to; i++) {
		const struct rafs_node *node = listing->nodes[i];
		char *entry = out + (i - from) * RAFS_DIRENT_SIZE;
		size_t len = strlen(node->name);

		le_put64(entry, nid(w, node->inode));
		le_put16(entry + 8, (uint16_t)name_at);
		entry[10] = (char)rafs_write_type_of(node->inode->mode);
		memcpy(out + name_at, node->name, len);
		name_at += len;
	}
}

static void write_listing(struct rafs_writer *w, const struct rafs_listing *listing)
{
	uint64_t used = 0, block = 0;
	size_t from = 0;

	for (size_t i = 0; i < listing->len; i++) {
		uint64_t len = RAFS_DIRENT_SIZE + strlen(listing->nodes[i]->name);

		if (used + len > RAFS_BLOCK) {
			write_block(w, listing, from, i, held(w, listing->folder, block));
			block += RAFS_BLOCK;
			from = i;
			used = 0;
		}
		used += len;
	}
	write_block(w, listing, from, listing->len, held(w, listing->folder, block));
}

/* The chunks of a file are contiguous, so EROFS needs only the first one. */
static bool is_contiguous(const struct rafs_inode *inode)
{
	const struct rafs_blob *blob = inode->blob;

	for (size_t i = 1; blob && i < inode->chunks_len; i++)
		if (blob->chunks[inode->chunks[i]].offset != blob->chunks[inode->chunks[i - 1]].offset + RAFS_CHUNK)
			return false;
	return true;
}

static uint32_t chunk_format(const struct rafs_inode *inode)
{
	uint64_t size = RAFS_CHUNK;
	uint32_t bits = 0;

	while (is_contiguous(inode) && size < inode->size)
		size *= 2;
	while (RAFS_BLOCK << bits < size)
		bits++;
	return 0x20 | bits;
}

static void write_indexes(const struct rafs_writer *w, const struct rafs_inode *inode)
{
	char *at = w->out + inode->at + align(RAFS_INODE_SIZE + xattrs_size(inode), RAFS_INDEX_SIZE);

	for (size_t i = 0; i < inode->chunks_len; i++, at += RAFS_INDEX_SIZE) {
		uint32_t number = inode->chunks[i];

		le_put16(at, (uint16_t)number);
		le_put16(at + 2, (uint16_t)(number >> 16 << 8 | inode->blob->device));
		le_put32(at + 4, (uint32_t)(inode->blob->chunks[number].offset / RAFS_BLOCK));
	}
}

static void write_inode(struct rafs_writer *w, const struct rafs_inode *inode)
{
	char *out = w->out + inode->at;
	unsigned layout = RAFS_FLAT_PLAIN;
	uint32_t u = inode->rdev;

	if (S_ISREG(inode->mode)) {
		layout = RAFS_CHUNK_BASED;
		u = chunk_format(inode);
		write_indexes(w, inode);
	} else if (inode->children || inode->link) {
		layout = is_inline(inode, inode->size) ? RAFS_FLAT_INLINE : RAFS_FLAT_PLAIN;
		u = (uint32_t)(inode->tail_at / RAFS_BLOCK);
	}
	le_put16(out + RAFS_I_FORMAT, (uint16_t)(1 | layout << 1));
	if (inode->xattrs_len) {
		le_put16(out + RAFS_I_XATTRS, (uint16_t)((xattrs_size(inode) - RAFS_XATTR_HEAD) / 4 + 1));
		write_xattrs(out + RAFS_INODE_SIZE, inode);
	}
	le_put16(out + RAFS_I_MODE, (uint16_t)inode->mode);
	le_put64(out + RAFS_I_SIZE, inode->size);
	le_put32(out + RAFS_I_U, u);
	le_put32(out + RAFS_I_INO, (uint32_t)nid(w, inode));
	le_put32(out + RAFS_I_UID, inode->uid);
	le_put32(out + RAFS_I_GID, inode->gid);
	le_put64(out + RAFS_I_MTIME, (uint64_t)inode->mtime);
	le_put32(out + RAFS_I_LINKS, inode->links);
	out[RAFS_I_IMPLIED] = (char)(w->layer && inode->implied);
	if (inode->link)
		memcpy(held(w, inode, 0), inode->link, inode->size);
}

static void write_super(struct rafs_writer *w, uint32_t blocks)
{
	char *super = w->out + RAFS_SUPER, *extended = w->out + RAFS_EXTENDED;

	le_put32(super, RAFS_MAGIC);
	le_put32(super + 8, RAFS_COMPAT);
	super[12] = 12; /* log2 of a block */
	le_put16(super + 14, RAFS_ROOT_NID);
	le_put64(super + 16, w->inodes_len);
	le_put32(super + 36, blocks);
	le_put32(super + 40, (uint32_t)(w->meta_at / RAFS_BLOCK));
	le_put32(super + 80, RAFS_INCOMPAT);
	le_put16(super + 86, (uint16_t)w->devices_len);
	le_put16(super + 88, RAFS_DEVICES / RAFS_DEVICE_SIZE);
	le_put64(extended, RAFS_FLAGS | (w->has_xattrs ? RAFS_FLAG_XATTRS : 0));
	le_put64(extended + 8, w->blobs_at);
	le_put32(extended + 16, (uint32_t)(w->devices_len * RAFS_BLOB_SIZE));
	le_put32(extended + 20, RAFS_CHUNK);
	le_put64(extended + 24, w->chunks_at);
	le_put64(extended + 32, w->chunks_len * RAFS_CHUNK_SIZE);
	if (w->devices_len) {
		le_put64(extended + 40, w->prefetch_at);
		le_put32(extended + 48, 4);
		le_put32(w->out + w->prefetch_at, RAFS_ROOT_NID);
	}
}

/* The devices, as EROFS and as RAFS knows them; returns the blocks of all. */
static uint64_t write_devices(struct rafs_writer *w)
{
	uint64_t mapped = w->end, blocks = 0;

	for (size_t i = 0; i < w->devices_len; i++) {
		const struct rafs_blob *blob = w->devices[i];
		char *device = w->out + RAFS_DEVICES + i * RAFS_DEVICE_SIZE,
		     *entry = w->out + w->blobs_at + i * RAFS_BLOB_SIZE;

		mapped = align(mapped, MAPPED_ALIGN);
		memcpy(device, blob->id, DIGEST_HEX);
		le_put32(device + 64, (uint32_t)(blob->size / RAFS_BLOCK));
		le_put32(device + 68, (uint32_t)(mapped / RAFS_BLOCK));
		mapped += blob->size;
		blocks += blob->size / RAFS_BLOCK;
		memcpy(entry, blob->id, DIGEST_HEX);
		le_put32(entry + 64, (uint32_t)i);
		le_put32(entry + 68, RAFS_CHUNK);
		le_put32(entry + 72, (uint32_t)blob->chunks_len);
		le_put32(entry + 76, RAFS_COMPRESSOR_ZSTD);
		le_put32(entry + 80, RAFS_DIGESTER_SHA256);
		le_put32(entry + 84, RAFS_BLOB_FEATURES | (w->layer ? RAFS_BLOB_BOOTSTRAP : 0));
		le_put64(entry + 88, blob->stored_size);
		le_put64(entry + 96, blob->size);
		le_put32(entry + 108, blob->infos_packed ? RAFS_COMPRESSOR_ZSTD : RAFS_COMPRESSOR_NONE);
		le_put64(entry + 112, blob->infos_offset);
		le_put64(entry + 120, blob->infos_stored_size);
		le_put64(entry + 128, blob->infos_size);
	}
	return blocks;
}

struct numbered {
	const struct rafs_blob *blob;
	uint32_t number;
};

static int compare_chunks(const void *a, const void *b)
{
	const struct numbered *x = a, *y = b;
	int r = memcmp(x->blob->chunks[x->number].digest, y->blob->chunks[y->number].digest, DIGEST_HEX / 2);

	return r ? r : (int)x->blob->device - (int)y->blob->device;
}

static void write_chunks(struct rafs_writer *w)
{
	struct numbered *all = mem_array(w->chunks_len + 1, sizeof(*all));
	char *out = w->out + w->chunks_at;
	size_t len = 0;

	for (size_t i = 0; i < w->devices_len; i++)
		for (size_t j = 0; j < w->devices[i]->chunks_len; j++)
			all[len++] = (struct numbered){ w->devices[i], (uint32_t)j };
	qsort(all, len, sizeof(*all), compare_chunks);
	for (size_t i = 0; i < len; i++, out += RAFS_CHUNK_SIZE) {
		const struct rafs_chunk *chunk = &all[i].blob->chunks[all[i].number];

		memcpy(out, chunk->digest, sizeof(chunk->digest));
		le_put32(out + 32, all[i].blob->device - 1);
		le_put32(out + 36, chunk->size != chunk->stored_size); /* 1: compressed */
		le_put32(out + 40, chunk->stored_size);
		le_put32(out + 44, chunk->size);
		le_put64(out + 48, chunk->stored_offset);
		le_put64(out + 56, chunk->offset);
		le_put32(out + 72, all[i].number);
	}
	free(all);
}

static int write_all(struct rafs_writer *w, struct buf *ret, struct error **err)
{
	uint64_t blocks;

	w->out = buf_room(ret, w->end);
	memset(w->out, 0, w->end);
	buf_filled(ret, w->end);
	for (size_t i = 0; i < w->listings_len; i++)
		write_listing(w, &w->listings[i]);
	for (size_t i = 0; i < w->inodes_len; i++)
		write_inode(w, w->inodes[i]);
	write_chunks(w);
	blocks = write_devices(w);
	if (blocks > UINT32_MAX)
		return error_make(err, ERROR_STATE, "the image has too much content for nydus");
	write_super(w, (uint32_t)blocks);
	return 0;
}

int rafs_write(struct rafs *rafs, bool layer, struct buf *ret, struct error **err)
{
	struct rafs_writer w = { .rafs = rafs, .layer = layer };
	int r;

	for (size_t i = 0; i < rafs->blobs_len; i++)
		rafs->blobs[i]->device = 0;
	rafs_write_collect(&w);
	r = number_devices(&w, err) < 0 || lay_out(&w, err) < 0 || write_all(&w, ret, err) < 0 ? -1 : 0;
	for (size_t i = 0; i < w.inodes_len; i++)
		w.inodes[i]->links = 0;
	free(w.inodes);
	free(w.listings);
	return r;
}
