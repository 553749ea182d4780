#ifndef ENGINE_OCI_RAFS_H
#define ENGINE_OCI_RAFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "engine/oci/tar_head.h"

struct arena;
struct buf;
struct error;
struct map;

/*
 * The file tree of a nydus image (RAFS v6), of one layer or of all layers merged. Its on-disk form, the bootstrap, is
 * an EROFS image whose file contents are in separate files, the blobs. Not thread-safe.
 */

#define RAFS_CHUNK ((uint64_t)1 << 20) /* bytes of a file in one chunk; the last one of a file may be shorter */
#define RAFS_BLOCK ((uint64_t)4096)    /* a chunk begins at a multiple of it in the blob's uncompressed space */
#define RAFS_DEPTH 512                 /* folders within each other */

struct rafs_chunk {
	unsigned char digest[DIGEST_HEX / 2]; /* sha256 of the content */
	uint32_t size, stored_size;           /* bytes; equal when the chunk is stored uncompressed */
	uint64_t offset, stored_offset;
};

/* The content of a layer's files. */
struct rafs_blob {
	char id[DIGEST_HEX + 1]; /* sha256 of the whole blob; "xx…" inside the blob itself */
	struct rafs_chunk *chunks;
	size_t chunks_len, chunks_cap;
	uint64_t size;        /* uncompressed, with the gaps between chunks */
	uint64_t stored_size; /* up to the layer's own bootstrap */
	/* where the blob's chunk infos are */
	bool infos_packed; /* zstd */
	uint64_t infos_offset, infos_stored_size, infos_size;
	unsigned device; /* used while a bootstrap is written: number in its table, from 1; 0: not used */
};

/* A file; several names may share it. Everything but the arrays is in the tree's arena. */
struct rafs_inode {
	uint32_t mode; /* with the file type, as in st_mode */
	uint32_t uid, gid;
	uint32_t rdev;    /* major << 8 | minor, as Linux encodes it in 32 bits */
	int64_t mtime;    /* seconds */
	uint64_t size;    /* of a regular file */
	bool implied;     /* a folder without an entry in this layer: another layer's attributes win */
	const char *link; /* of a symbolic link */
	const struct tar_xattr *xattrs;
	size_t xattrs_len;
	struct rafs_blob *blob; /* of the chunks; NULL without */
	const uint32_t *chunks; /* numbers in blob->chunks, in order */
	size_t chunks_len;
	struct map *children; /* of a folder: name -> struct rafs_node; NULL values were removed */
	/* used while a bootstrap is written */
	uint32_t links;
	uint64_t at, tail_at;
};

struct rafs_node {
	const char *name;
	struct rafs_inode *inode;
};

struct rafs {
	struct arena *arena;
	struct rafs_inode *root;
	struct rafs_blob **blobs; /* of all merged layers, lowest first; owned */
	size_t blobs_len, blobs_cap;
	struct rafs_inode **folders; /* for freeing their maps */
	size_t folders_len, folders_cap;
};

/* An empty root folder (0755, implied). The tree is allocated from `arena`, which must outlive it. */
struct rafs *rafs_new(struct arena *arena);
void rafs_free(struct rafs *rafs); /* NULL-safe */

/* Adds an entry of a layer's tar. *ret is its inode (for a hard link, the shared one). ERROR_STATE for a name
 * outside the root, a hard link to a file that the layer does not have, or a type or extended attribute that RAFS
 * cannot hold. */
int rafs_add(struct rafs *rafs, const struct tar_head *head, struct rafs_inode **ret, struct error **err);
/* Creates an inode called `name` in the folder, replacing an entry of that name. */
struct rafs_inode *rafs_put(struct rafs *rafs, struct rafs_inode *folder, const char *name, uint32_t mode);
/* Adds a name for an existing inode. */
void rafs_link(struct rafs *rafs, struct rafs_inode *folder, const char *name, struct rafs_inode *inode);
/* A new blob at the end of the tree's list, owned by it. */
struct rafs_blob *rafs_add_blob(struct rafs *rafs);

/* Merges a layer over the tree and applies its whiteouts (OCI image-spec, layer.md "Whiteouts"). Both trees must
 * have the same arena; the content of `upper` moves over, and only rafs_free may be called on it. */
void rafs_merge(struct rafs *rafs, struct rafs *upper);

/* Writes the bootstrap. `layer`: the one inside a layer's blob. Equal trees give equal bytes. ERROR_STATE when the
 * format cannot hold the tree (254 blobs with content, an extended attribute over 64 KiB). */
int rafs_write(struct rafs *rafs, bool layer, struct buf *ret, struct error **err);
/* Reads a bootstrap written by rafs_write. `name` is used in errors; a damaged one is ERROR_STATE. rafs_free it. */
int rafs_read(const void *data, size_t len, const char *name, struct arena *arena, struct rafs **ret, struct error **err);

void rafs_cleanup(struct rafs **rafs);
#define cleanup_rafs __attribute__((cleanup(rafs_cleanup)))

#endif
