#include "config.h"

#include "engine/oci/rafs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/endian.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/oci/rafs_layout.h"

struct rafs_reader {
	const char *data;
	uint64_t len;
	const char *name;
	struct rafs *rafs;
	uint64_t meta_at;
	struct rafs_inode **inodes; /* by number; NULL: not read yet */
	uint64_t inodes_len;
};

static int rafs_read_damaged(const struct rafs_reader *r, const char *what, struct error **err)
{
	return error_make(err, ERROR_STATE, "%s: damaged nydus metadata: %s", r->name, what);
}

/* `len` bytes at `at`, or NULL beyond the end. */
static const char *rafs_read_bytes(const struct rafs_reader *r, uint64_t at, uint64_t len)
{
	return at <= r->len && len <= r->len - at ? r->data + at : NULL;
}

/* ---- tables ---- */

static int read_chunk(struct rafs_reader *r, const char *entry, struct error **err)
{
	uint32_t device = le_get32(entry + 32), number = le_get32(entry + 72);
	struct rafs_blob *blob = device < r->rafs->blobs_len ? r->rafs->blobs[device] : NULL;
	struct rafs_chunk *chunk = blob && number < blob->chunks_len ? &blob->chunks[number] : NULL;

	if (!chunk || chunk->size)
		return rafs_read_damaged(r, "a chunk that no blob has", err);
	memcpy(chunk->digest, entry, sizeof(chunk->digest));
	chunk->stored_size = le_get32(entry + 40);
	chunk->size = le_get32(entry + 44);
	chunk->stored_offset = le_get64(entry + 48);
	chunk->offset = le_get64(entry + 56);
	return chunk->size && chunk->size <= RAFS_CHUNK && chunk->offset % RAFS_BLOCK == 0 && chunk->offset < blob->size
		       ? 0
		       : rafs_read_damaged(r, "a chunk with invalid sizes", err);
}

static int read_blob(struct rafs_reader *r, const char *entry, uint64_t chunks_limit, struct error **err)
{
	struct rafs_blob *blob = rafs_add_blob(r->rafs);
	uint32_t chunks = le_get32(entry + 72);

	memcpy(blob->id, entry, DIGEST_HEX);
	if (chunks > chunks_limit)
		return rafs_read_damaged(r, "a blob with too many chunks", err);
	mem_reserve(&blob->chunks, &blob->chunks_cap, chunks + 1, sizeof(*blob->chunks));
	blob->chunks_len = chunks;
	blob->stored_size = le_get64(entry + 88);
	blob->size = le_get64(entry + 96);
	blob->infos_packed = le_get32(entry + 108) == RAFS_COMPRESSOR_ZSTD;
	blob->infos_offset = le_get64(entry + 112);
	blob->infos_stored_size = le_get64(entry + 120);
	blob->infos_size = le_get64(entry + 128);
	return 0;
}

static int read_tables(struct rafs_reader *r, struct error **err)
{
	const char *extended = rafs_read_bytes(r, RAFS_EXTENDED, RAFS_DEVICES - RAFS_EXTENDED);
	uint64_t blobs_size = extended ? le_get32(extended + 16) : 0,
		 chunks_size = extended ? le_get64(extended + 32) : 0;
	const char *blobs = extended ? rafs_read_bytes(r, le_get64(extended + 8), blobs_size) : NULL;
	const char *chunks = extended ? rafs_read_bytes(r, le_get64(extended + 24), chunks_size) : NULL;

	if (!blobs || !chunks || le_get32(extended + 20) != RAFS_CHUNK)
		return rafs_read_damaged(r, "its tables are not there", err);
	for (uint64_t i = 0; i + RAFS_BLOB_SIZE <= blobs_size; i += RAFS_BLOB_SIZE)
		if (read_blob(r, blobs + i, chunks_size / RAFS_CHUNK_SIZE, err) < 0)
			return -1;
	for (uint64_t i = 0; i + RAFS_CHUNK_SIZE <= chunks_size; i += RAFS_CHUNK_SIZE)
		if (read_chunk(r, chunks + i, err) < 0)
			return -1;
	for (size_t i = 0; i < r->rafs->blobs_len; i++)
		for (size_t j = 0; j < r->rafs->blobs[i]->chunks_len; j++)
			if (!r->rafs->blobs[i]->chunks[j].size)
				return rafs_read_damaged(r, "a chunk is missing", err);
	return 0;
}

static int read_super(struct rafs_reader *r, struct error **err)
{
	const char *super = rafs_read_bytes(r, RAFS_SUPER, 128);

	if (!super || le_get32(super) != RAFS_MAGIC || le_get32(super + 8) != RAFS_COMPAT || super[12] != 12 ||
	    le_get16(super + 14) != RAFS_ROOT_NID || le_get32(super + 80) != RAFS_INCOMPAT)
		return rafs_read_damaged(r, "it is not a RAFS v6 bootstrap", err);
	r->meta_at = le_get32(super + 40) * RAFS_BLOCK;
	if (r->meta_at > r->len)
		return rafs_read_damaged(r, "its inodes are not there", err);
	r->inodes_len = (r->len - r->meta_at) / RAFS_SLOT;
	r->inodes = mem_array(r->inodes_len + 1, sizeof(struct rafs_inode *));
	return 0;
}

/* ---- inodes ---- */

static int read_xattrs(struct rafs_reader *r, const char *at, uint64_t size, struct rafs_inode *inode, struct error **err)
{
	const char *end = at + size;
	struct tar_xattr *xattrs = arena_array(r->rafs->arena, size / RAFS_XATTR_ENTRY, sizeof(*xattrs));

	for (at += RAFS_XATTR_HEAD; end - at >= RAFS_XATTR_ENTRY;) {
		size_t name_len = (uint8_t)at[0], len = le_get16(at + 2), used = RAFS_XATTR_ENTRY + name_len + len;
		const char *prefix = NULL;

		for (size_t i = 0; i < RAFS_PREFIXES; i++)
			if (rafs_prefixes[i].index == (uint8_t)at[1])
				prefix = rafs_prefixes[i].prefix;
		if (!prefix || used > (size_t)(end - at))
			return rafs_read_damaged(r, "an invalid extended attribute", err);
		xattrs[inode->xattrs_len++] = (struct tar_xattr){
			.name = arena_printf(r->rafs->arena, "%s%.*s", prefix, (int)name_len, at + RAFS_XATTR_ENTRY),
			.value = arena_strndup(r->rafs->arena, at + RAFS_XATTR_ENTRY + name_len, len),
			.len = len,
		};
		if (len)
			xattrs[inode->xattrs_len - 1].value =
				memcpy(arena_alloc(r->rafs->arena, len), at + RAFS_XATTR_ENTRY + name_len, len);
		at += (used + 3) / 4 * 4 < (size_t)(end - at) ? (used + 3) / 4 * 4 : (size_t)(end - at);
	}
	inode->xattrs = xattrs;
	return 0;
}

static int read_chunk_indexes(struct rafs_reader *r, uint64_t at, struct rafs_inode *inode, struct error **err)
{
	uint64_t len = inode->size / RAFS_CHUNK + (inode->size % RAFS_CHUNK != 0);
	const char *index = len <= r->len ? rafs_read_bytes(r, (at + 7) / 8 * 8, len * RAFS_INDEX_SIZE) : NULL;
	uint32_t *chunks;

	if (!index)
		return rafs_read_damaged(r, "a file's chunks are not there", err);
	chunks = arena_array(r->rafs->arena, len, sizeof(*chunks));
	for (uint64_t i = 0; i < len; i++, index += RAFS_INDEX_SIZE) {
		unsigned device = (uint8_t)index[2];
		struct rafs_blob *blob = device && device <= r->rafs->blobs_len ? r->rafs->blobs[device - 1] : NULL;

		chunks[i] = le_get16(index) | (uint32_t)(uint8_t)index[3] << 16;
		if (!blob || (inode->blob && inode->blob != blob) || chunks[i] >= blob->chunks_len)
			return rafs_read_damaged(r, "a file with a chunk that no blob has", err);
		inode->blob = blob;
	}
	inode->chunks = chunks;
	inode->chunks_len = len;
	return 0;
}

/* Copies the content of a folder or link. */
static int read_held(struct rafs_reader *r, const char *head, uint64_t tail_at, uint64_t size, char **ret,
		     struct error **err)
{
	bool tail = le_get16(head + RAFS_I_FORMAT) >> 1 == RAFS_FLAT_INLINE;
	uint64_t whole = tail ? size / RAFS_BLOCK * RAFS_BLOCK : size;
	const char *blocks = rafs_read_bytes(r, whole ? le_get32(head + RAFS_I_U) * RAFS_BLOCK : 0, whole);
	const char *rest = rafs_read_bytes(r, tail_at, size - whole);

	if (!blocks || !rest)
		return rafs_read_damaged(r, "a folder or link is not there", err);
	*ret = mem_alloc(size + 1);
	memcpy(*ret, blocks, whole);
	memcpy(*ret + whole, rest, size - whole);
	return 0;
}

static int read_folder(struct rafs_reader *r, struct rafs_inode *folder, const char *listing, uint64_t size,
		       unsigned depth, struct error **err);

static int rafs_read_content(struct rafs_reader *r, const char *head, uint64_t at, struct rafs_inode *inode,
			     unsigned depth, struct error **err)
{
	cleanup_free char *held = NULL;
	uint64_t size = le_get64(head + RAFS_I_SIZE);

	if (S_ISREG(inode->mode)) {
		inode->size = size;
		return read_chunk_indexes(r, at, inode, err);
	}
	if (!S_ISDIR(inode->mode) && !S_ISLNK(inode->mode)) {
		inode->rdev = le_get32(head + RAFS_I_U);
		return 0;
	}
	if (read_held(r, head, at, size, &held, err) < 0)
		return -1;
	if (S_ISDIR(inode->mode))
		return read_folder(r, inode, held, size, depth, err);
	inode->link = arena_strdup(r->rafs->arena, held);
	return 0;
}

/* Reads the attributes and content of an inode that was just created (as `inode`). */
static int read_inode(struct rafs_reader *r, uint64_t nid, struct rafs_inode *inode, unsigned depth, struct error **err)
{
	uint64_t at = r->meta_at + nid * RAFS_SLOT, xattrs;
	const char *head = rafs_read_bytes(r, at, RAFS_INODE_SIZE);

	if (!head || !(le_get16(head + RAFS_I_FORMAT) & 1))
		return rafs_read_damaged(r, "an invalid inode", err);
	xattrs = le_get16(head + RAFS_I_XATTRS);
	if (xattrs)
		xattrs = RAFS_XATTR_HEAD + (xattrs - 1) * 4;
	if (!rafs_read_bytes(r, at + RAFS_INODE_SIZE, xattrs))
		return rafs_read_damaged(r, "an invalid inode", err);
	inode->uid = le_get32(head + RAFS_I_UID);
	inode->gid = le_get32(head + RAFS_I_GID);
	inode->mtime = (int64_t)le_get64(head + RAFS_I_MTIME);
	inode->implied = head[RAFS_I_IMPLIED] == 1;
	if (xattrs && read_xattrs(r, head + RAFS_INODE_SIZE, xattrs, inode, err) < 0)
		return -1;
	return rafs_read_content(r, head, at + RAFS_INODE_SIZE + xattrs, inode, depth, err);
}

static int rafs_read_entry(struct rafs_reader *r, struct rafs_inode *folder, const char *name, uint64_t nid,
			   unsigned depth, struct error **err)
{
	const char *head = nid < r->inodes_len ? rafs_read_bytes(r, r->meta_at + nid * RAFS_SLOT, RAFS_INODE_SIZE) : NULL;
	uint32_t mode = head ? le_get16(head + RAFS_I_MODE) : 0;
	struct rafs_inode *known = head ? r->inodes[nid] : NULL;

	if (!head || !*name || strchr(name, '/'))
		return rafs_read_damaged(r, "an invalid entry of a folder", err);
	if (known && known->children)
		return rafs_read_damaged(r, "a folder within itself", err);
	if (known) {
		rafs_link(r->rafs, folder, name, known);
		return 0;
	}
	r->inodes[nid] = rafs_put(r->rafs, folder, name, mode);
	return read_inode(r, nid, r->inodes[nid], depth, err);
}

static int rafs_read_block(struct rafs_reader *r, struct rafs_inode *folder, const char *block, uint64_t size,
			   unsigned depth, struct error **err)
{
	uint64_t len = size >= RAFS_DIRENT_SIZE ? le_get16(block + 8) / RAFS_DIRENT_SIZE : 0;

	for (uint64_t i = 0; i < len; i++) {
		const char *entry = block + i * RAFS_DIRENT_SIZE;
		uint64_t from = (i + 1) * RAFS_DIRENT_SIZE <= size ? le_get16(entry + 8) : size;
		uint64_t to = (i + 1 < len && (i + 2) * RAFS_DIRENT_SIZE <= size)
				      ? le_get16(entry + RAFS_DIRENT_SIZE + 8)
				      : size;
		cleanup_free char *name = NULL;

		if (from >= to || to > size)
			return rafs_read_damaged(r, "an invalid entry of a folder", err);
		name = mem_strndup(block + from, strnlen(block + from, to - from));
		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		if (rafs_read_entry(r, folder, name, le_get64(entry), depth, err) < 0)
			return -1;
	}
	return 0;
}

static int read_folder(struct rafs_reader *r, struct rafs_inode *folder, const char *listing, uint64_t size,
		       unsigned depth, struct error **err)
{
	if (depth == RAFS_DEPTH)
		return rafs_read_damaged(r, "its folders are too deep", err);
	for (uint64_t at = 0; at < size; at += RAFS_BLOCK)
		if (rafs_read_block(r, folder, listing + at, size - at < RAFS_BLOCK ? size - at : RAFS_BLOCK, depth + 1,
				    err) < 0)
			return -1;
	return 0;
}

static int rafs_read_root(struct rafs_reader *r, struct error **err)
{
	const char *head = rafs_read_bytes(r, r->meta_at + RAFS_ROOT_NID * RAFS_SLOT, RAFS_INODE_SIZE);

	if (!head || !S_ISDIR(le_get16(head + RAFS_I_MODE)))
		return rafs_read_damaged(r, "its root is not a folder", err);
	r->rafs->root->mode = le_get16(head + RAFS_I_MODE);
	r->inodes[RAFS_ROOT_NID] = r->rafs->root;
	return read_inode(r, RAFS_ROOT_NID, r->rafs->root, 0, err);
}

int rafs_read(const void *data, size_t len, const char *name, struct arena *arena, struct rafs **ret, struct error **err)
{
	cleanup_rafs struct rafs *rafs = rafs_new(arena);
	struct rafs_reader r = { .data = data, .len = len, .name = name, .rafs = rafs };
	int status = read_super(&r, err) < 0 || read_tables(&r, err) < 0 || rafs_read_root(&r, err) < 0 ? -1 : 0;

	free(r.inodes);
	if (status == 0)
		*ret = steal_ptr(rafs);
	return status;
}
