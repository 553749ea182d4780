#include "config.h"

#include "engine/oci/nydus_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/oci/rafs.h"
#include "engine/oci/rafs_layout.h"
#include "engine/oci/tar_stream.h"

#define TREE_LIMIT ((uint64_t)1 << 30) /* bytes of a layer's file tree */
#define CHUNKS_LIMIT (1u << 24)        /* in a blob: what an index has room for */
#define INFO_SIZE 16
#define INFOS_HEAD 4096
#define INFOS_MAGIC 0xb10bb10bu
#define TOC_ENTRY 128
#define TOC_MAX 5
#define TOC_NAME "rafs.blob.toc"
#define TREE_NAME "image.boot"
#define TOC_PLAIN 1
#define TOC_ZSTD 2

struct nydus_blob {
	pack_sink *sink;
	void *data;
	uint64_t written;
	struct tar_receiver receiver;
	struct tar_stream *stream;
	struct sha256 *content; /* of all chunks as they are stored */
	struct arena *arena;
	struct rafs *rafs;
	struct rafs_blob *chunks;
	struct map *known;     /* digest of a chunk -> its number plus 1 */
	struct arena *digests; /* the keys of `known` */
	struct buf toc;
	/* of the file whose content follows */
	struct rafs_inode *file;
	struct buf chunk, packed;
	uint32_t *numbers;
	size_t numbers_len, numbers_cap;
};

static int nydus_blob_put(struct nydus_blob *b, const void *bytes, size_t len, struct error **err)
{
	b->written += len;
	return b->sink(b->data, bytes, len, err);
}

/* ---- sections ---- */

/* The header after a section; only name, size and time are set. */
static int nydus_blob_put_header(struct nydus_blob *b, const char *name, uint64_t size, struct error **err)
{
	char block[TAR_BLOCK];

	tar_head_make(name, '0', size, block);
	return nydus_blob_put(b, block, sizeof(block), err);
}

/* An entry of the table: `digest` is that of the section's uncompressed bytes. */
static void nydus_blob_note(struct nydus_blob *b, const char *name, unsigned flags, const char *digest, uint64_t offset,
			    uint64_t stored, uint64_t size)
{
	unsigned char entry[TOC_ENTRY] = { 0 };

	le_put32(entry, flags);
	memcpy(entry + 8, name, strnlen(name, 16));
	digest_decode(digest_hex(digest), entry + 24);
	le_put64(entry + 56, offset);
	le_put64(entry + 64, stored);
	le_put64(entry + 72, size);
	buf_add(&b->toc, entry, sizeof(entry));
}

static int nydus_blob_take_packed(void *data, const void *bytes, size_t len, struct error **err)
{
	(void)err;
	buf_add(data, bytes, len);
	return 0;
}

/* One zstd frame. */
static int nydus_blob_pack(const void *bytes, size_t len, struct buf *ret, struct error **err)
{
	cleanup_packer struct packer *packer = NULL;

	buf_reset(ret);
	return packer_new(PACKING_ZSTD, nydus_blob_take_packed, ret, &packer, err) < 0 ||
			       packer_add(packer, bytes, len, err) < 0
		       ? -1
		       : packer_end(packer, err);
}

/* ---- the content of a file ---- */

static int store_chunk(struct nydus_blob *b, const char *digest, struct error **err)
{
	struct rafs_blob *chunks = b->chunks;
	bool plain;
	struct rafs_chunk *chunk;

	if (chunks->chunks_len == CHUNKS_LIMIT)
		return error_make(err, ERROR_STATE, "the layer is too large for nydus");
	if (nydus_blob_pack(b->chunk.data, b->chunk.len, &b->packed, err) < 0)
		return -1;
	plain = b->packed.len >= b->chunk.len;
	mem_reserve(&chunks->chunks, &chunks->chunks_cap, chunks->chunks_len + 1, sizeof(*chunks->chunks));
	chunk = &chunks->chunks[chunks->chunks_len++];
	digest_decode(digest_hex(digest), chunk->digest);
	chunk->size = (uint32_t)b->chunk.len;
	chunk->stored_size = (uint32_t)(plain ? b->chunk.len : b->packed.len);
	chunk->offset = chunks->size;
	chunk->stored_offset = b->written;
	chunks->size += (chunk->size + RAFS_BLOCK - 1) / RAFS_BLOCK * RAFS_BLOCK;
	sha256_add(b->content, plain ? b->chunk.data : b->packed.data, chunk->stored_size);
	return nydus_blob_put(b, plain ? b->chunk.data : b->packed.data, chunk->stored_size, err);
}

/* A chunk that the layer already has is not stored twice. */
static int nydus_blob_end_chunk(struct nydus_blob *b, struct error **err)
{
	char digest[DIGEST_LEN + 1];
	uintptr_t number;

	if (digest_bytes(b->chunk.data, b->chunk.len, digest, err) < 0)
		return -1;
	number = (uintptr_t)map_get(b->known, digest);
	if (!number) {
		if (store_chunk(b, digest, err) < 0)
			return -1;
		number = b->chunks->chunks_len;
		map_set(b->known, arena_strdup(b->digests, digest), (void *)number);
	}
	mem_reserve(&b->numbers, &b->numbers_cap, b->numbers_len + 1, sizeof(*b->numbers));
	b->numbers[b->numbers_len++] = (uint32_t)(number - 1);
	buf_reset(&b->chunk);
	return 0;
}

static int nydus_blob_begin_entry(void *data, const struct tar_head *head, const char *raw, size_t len, struct error **err)
{
	struct nydus_blob *b = data;

	(void)raw;
	(void)len;
	if (rafs_add(b->rafs, head, &b->file, err) < 0)
		return -1;
	if (head->type == '0')
		b->file->size = head->size;
	b->numbers_len = 0;
	return 0;
}

static int nydus_blob_take_content(void *data, const char *bytes, size_t len, struct error **err)
{
	struct nydus_blob *b = data;

	while (len > 0) {
		size_t room = RAFS_CHUNK - b->chunk.len, some = len < room ? len : room;

		buf_add(&b->chunk, bytes, some);
		if (b->chunk.len == RAFS_CHUNK && nydus_blob_end_chunk(b, err) < 0)
			return -1;
		bytes += some;
		len -= some;
	}
	return 0;
}

static int nydus_blob_end_content(void *data, struct error **err)
{
	struct nydus_blob *b = data;
	uint32_t *numbers;

	if (b->chunk.len && nydus_blob_end_chunk(b, err) < 0)
		return -1;
	numbers = arena_array(b->arena, b->numbers_len, sizeof(*numbers));
	memcpy(numbers, b->numbers, b->numbers_len * sizeof(*numbers));
	b->file->chunks = numbers;
	b->file->chunks_len = b->numbers_len;
	b->file->blob = b->chunks;
	return 0;
}

/* Nothing more is stored. */
static void forget_chunks(struct nydus_blob *b)
{
	map_free(b->known);
	b->known = NULL;
	arena_free(b->digests);
	b->digests = NULL;
}

/* ---- the blob ---- */

int nydus_blob_new(pack_sink *sink, void *data, struct nydus_blob **ret, struct error **err)
{
	cleanup_nydus_blob struct nydus_blob *b = mem_alloc(sizeof(*b));

	b->sink = sink;
	b->data = data;
	b->arena = arena_new();
	b->rafs = rafs_new(b->arena);
	b->chunks = rafs_add_blob(b->rafs);
	memset(b->chunks->id, 'x', DIGEST_HEX);
	b->known = map_new();
	b->digests = arena_new();
	b->receiver = (struct tar_receiver){ nydus_blob_begin_entry, nydus_blob_take_content, nydus_blob_end_content,
					     NULL, b };
	b->stream = tar_stream_new(&b->receiver);
	if (pack_possible(PACKING_ZSTD, err) < 0 || sha256_new(&b->content, err) < 0)
		return -1;
	*ret = steal_ptr(b);
	return 0;
}

void nydus_blob_free(struct nydus_blob *b)
{
	if (!b)
		return;
	tar_stream_free(b->stream);
	rafs_free(b->rafs);
	arena_free(b->arena);
	forget_chunks(b);
	sha256_free(b->content);
	buf_free(&b->toc);
	buf_free(&b->chunk);
	buf_free(&b->packed);
	free(b->numbers);
	free(b);
}

void nydus_blob_cleanup(struct nydus_blob **blob)
{
	nydus_blob_free(*blob);
}

int nydus_blob_add(struct nydus_blob *b, const void *data, size_t len, struct error **err)
{
	return tar_stream_add(b->stream, data, len, err);
}

/* Two 64-bit numbers for each chunk: its offsets in the uncompressed space and in the blob, with its sizes minus
 * one. */
static void add_info(struct buf *infos, const struct rafs_chunk *chunk)
{
	uint64_t size = chunk->size - 1, stored = chunk->stored_size - 1;
	char info[INFO_SIZE];

	le_put64(info, (size & 0xfffff) << 44 | chunk->offset / RAFS_BLOCK << 12 | (size >> 20) << 8);
	le_put64(info + 8, (stored & 0xfffff) << 44 | (stored >> 20) << 40 | chunk->stored_offset);
	buf_add(infos, info, sizeof(info));
}

static void make_infos_head(const struct rafs_blob *chunks, char ret[INFOS_HEAD])
{
	memset(ret, 0, INFOS_HEAD);
	le_put32(ret, INFOS_MAGIC);
	le_put32(ret + 4, RAFS_BLOB_FEATURES | RAFS_BLOB_BOOTSTRAP);
	le_put32(ret + 8, chunks->infos_packed ? RAFS_COMPRESSOR_ZSTD : RAFS_COMPRESSOR_NONE);
	le_put32(ret + 12, (uint32_t)chunks->chunks_len);
	le_put64(ret + 16, chunks->infos_offset);
	le_put64(ret + 24, chunks->infos_stored_size);
	le_put64(ret + 32, chunks->infos_size);
	le_put32(ret + INFOS_HEAD - 4, INFOS_MAGIC);
}

static int put_infos(struct nydus_blob *b, struct error **err)
{
	cleanup_buf struct buf infos = { 0 };
	struct rafs_blob *chunks = b->chunks;
	char head[INFOS_HEAD], digest[DIGEST_LEN + 1], head_digest[DIGEST_LEN + 1];

	for (size_t i = 0; i < chunks->chunks_len; i++)
		add_info(&infos, &chunks->chunks[i]);
	if (nydus_blob_pack(infos.data, infos.len, &b->packed, err) < 0)
		return -1;
	chunks->infos_packed = b->packed.len < infos.len;
	chunks->infos_offset = b->written;
	chunks->infos_size = infos.len;
	chunks->infos_stored_size = chunks->infos_packed ? b->packed.len : infos.len;
	make_infos_head(chunks, head);
	if (digest_bytes(infos.data, infos.len, digest, err) < 0 ||
	    digest_bytes(head, sizeof(head), head_digest, err) < 0 ||
	    nydus_blob_put(b, chunks->infos_packed ? b->packed.data : infos.data, chunks->infos_stored_size, err) < 0 ||
	    nydus_blob_put(b, head, sizeof(head), err) < 0)
		return -1;
	nydus_blob_note(b, "blob.meta", chunks->infos_packed ? TOC_ZSTD : TOC_PLAIN, digest, chunks->infos_offset,
			chunks->infos_stored_size, infos.len);
	nydus_blob_note(b, "blob.meta.header", TOC_PLAIN, head_digest, chunks->infos_offset + chunks->infos_stored_size,
			sizeof(head), sizeof(head));
	return nydus_blob_put_header(b, "blob.meta", chunks->infos_stored_size + sizeof(head), err);
}

static int put_digests(struct nydus_blob *b, struct error **err)
{
	cleanup_buf struct buf digests = { 0 };
	char digest[DIGEST_LEN + 1];

	for (size_t i = 0; i < b->chunks->chunks_len; i++)
		buf_add(&digests, b->chunks->chunks[i].digest, sizeof(b->chunks->chunks[i].digest));
	if (digest_bytes(digests.data, digests.len, digest, err) < 0)
		return -1;
	nydus_blob_note(b, "blob.digest", TOC_PLAIN, digest, b->written, digests.len, digests.len);
	return nydus_blob_put(b, digests.data, digests.len, err) < 0
		       ? -1
		       : nydus_blob_put_header(b, "blob.digest", digests.len, err);
}

/* The sections in front of the tree of a layer that has content. */
static int put_content_sections(struct nydus_blob *b, struct error **err)
{
	char digest[DIGEST_LEN + 1];
	uint64_t size = b->written;

	sha256_done(b->content, digest);
	if (!digest_valid(digest))
		return error_make(err, ERROR_INTERNAL, "cannot compute a sha256");
	nydus_blob_note(b, "image.blob", TOC_PLAIN, digest, 0, size, b->chunks->size);
	return nydus_blob_put_header(b, "image.blob", size, err) < 0 || put_infos(b, err) < 0 || put_digests(b, err) < 0
		       ? -1
		       : 0;
}

static int put_packed(void *data, const void *bytes, size_t len, struct error **err)
{
	return nydus_blob_put(data, bytes, len, err);
}

static int put_tree(struct nydus_blob *b, struct error **err)
{
	cleanup_buf struct buf tree = { 0 };
	cleanup_packer struct packer *packer = NULL;
	uint64_t offset = b->written;
	char digest[DIGEST_LEN + 1];

	b->chunks->stored_size = offset;
	if (rafs_write(b->rafs, true, &tree, err) < 0 || digest_bytes(tree.data, tree.len, digest, err) < 0 ||
	    packer_new(PACKING_ZSTD, put_packed, b, &packer, err) < 0 ||
	    packer_add(packer, tree.data, tree.len, err) < 0 || packer_end(packer, err) < 0)
		return -1;
	nydus_blob_note(b, TREE_NAME, TOC_ZSTD, digest, offset, b->written - offset, tree.len);
	return nydus_blob_put_header(b, TREE_NAME, b->written - offset, err);
}

int nydus_blob_end(struct nydus_blob *b, struct error **err)
{
	if (tar_stream_end(b->stream, err) < 0)
		return -1;
	forget_chunks(b);
	return (b->chunks->chunks_len && put_content_sections(b, err) < 0) || put_tree(b, err) < 0 ||
			       nydus_blob_put(b, b->toc.data, b->toc.len, err) < 0 ||
			       nydus_blob_put_header(b, TOC_NAME, b->toc.len, err) < 0
		       ? -1
		       : 0;
}

/* ---- reading ---- */

static int nydus_blob_damaged(const char *path, const char *what, struct error **err)
{
	return error_make(err, ERROR_STATE, "%s: damaged nydus blob: %s", path, what);
}

/* The table of contents: the last section. */
static int read_toc(int fd, const char *path, char ret[TOC_MAX * TOC_ENTRY], size_t *ret_len, struct error **err)
{
	cleanup_tar_head struct tar_head head = { 0 };
	char block[TAR_BLOCK];
	struct stat st;

	if (fstat(fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	if (st.st_size < TAR_BLOCK)
		return nydus_blob_damaged(path, "it is too short", err);
	if (fs_read_at(fd, block, sizeof(block), (uint64_t)st.st_size - sizeof(block), path, err) < 0 ||
	    tar_head_read(&head, block, err) <= 0)
		return -1;
	if (strcmp(head.name.data, TOC_NAME) != 0 || head.size > TOC_MAX * TOC_ENTRY || head.size % TOC_ENTRY != 0 ||
	    head.size > (uint64_t)st.st_size - sizeof(block))
		return nydus_blob_damaged(path, "it has no table of contents", err);
	*ret_len = (size_t)head.size;
	return fs_read_at(fd, ret, *ret_len, (uint64_t)st.st_size - sizeof(block) - *ret_len, path, err);
}

static int nydus_blob_unpack(const struct buf *packed, const char *path, uint64_t size, struct buf *ret,
			     struct error **err)
{
	cleanup_unpacker struct unpacker *unpacker = NULL;
	const void *data;
	size_t len;
	int r;

	if (unpacker_new_memory(packed->data, packed->len, path, PACKING_ZSTD, &unpacker, err) < 0)
		return -1;
	while ((r = unpacker_read(unpacker, &data, &len, err)) > 0) {
		if (len > size - ret->len)
			return nydus_blob_damaged(path, "its file tree is larger than it says", err);
		buf_add(ret, data, len);
	}
	return r;
}

static int read_tree(int fd, const char *path, const char *entry, struct buf *ret, struct error **err)
{
	cleanup_buf struct buf packed = { 0 };
	uint64_t offset = le_get64(entry + 56), stored = le_get64(entry + 64), size = le_get64(entry + 72);
	unsigned char raw[DIGEST_HEX / 2];
	char digest[DIGEST_LEN + 1];

	if (stored > TREE_LIMIT || size > TREE_LIMIT || le_get32(entry) != TOC_ZSTD)
		return nydus_blob_damaged(path, "its file tree is too large", err);
	if (fs_read_at(fd, buf_room(&packed, stored), stored, offset, path, err) < 0)
		return -1;
	buf_filled(&packed, stored);
	if (nydus_blob_unpack(&packed, path, size, ret, err) < 0 || digest_bytes(ret->data, ret->len, digest, err) < 0)
		return -1;
	digest_decode(digest_hex(digest), raw);
	return memcmp(raw, entry + 24, sizeof(raw)) == 0
		       ? 0
		       : nydus_blob_damaged(path, "its file tree has another digest", err);
}

int nydus_blob_read(const char *path, const char *digest, struct arena *arena, struct rafs **ret, struct error **err)
{
	cleanup_buf struct buf tree = { 0 };
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char toc[TOC_MAX * TOC_ENTRY];
	size_t len = 0, at = 0;

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot open", path);
	if (read_toc(fd, path, toc, &len, err) < 0)
		return -1;
	while (at < len && strncmp(toc + at + 8, TREE_NAME, 16) != 0)
		at += TOC_ENTRY;
	if (at == len)
		return nydus_blob_damaged(path, "it has no file tree", err);
	if (read_tree(fd, path, toc + at, &tree, err) < 0 || rafs_read(tree.data, tree.len, path, arena, ret, err) < 0)
		return -1;
	for (size_t i = 0; i < (*ret)->blobs_len; i++)
		memcpy((*ret)->blobs[i]->id, digest_hex(digest), DIGEST_HEX);
	return 0;
}
