#ifndef ENGINE_OCI_RAFS_LAYOUT_H
#define ENGINE_OCI_RAFS_LAYOUT_H

#include <stdint.h>

/*
 * Where things stand in a bootstrap (little endian throughout): EROFS (Linux, fs/erofs/erofs_fs.h) with RAFS v6's tables. For the
 * files that write and read it.
 *
 *	super block | extended super block | devices | blob table | prefetch table | inodes, folders | chunk table
 */
enum {
	RAFS_SUPER = 1024,
	RAFS_EXTENDED = 1152, /* RAFS' own super block */
	RAFS_DEVICES = 1408,
	RAFS_DEVICE_SIZE = 128,
	RAFS_BLOB_SIZE = 256,
	RAFS_CHUNK_SIZE = 80, /* an entry of the chunk table */
	RAFS_INODE_SIZE = 64, /* an extended inode */
	RAFS_SLOT = 32,       /* inode numbers count in this unit, from the block before the root */
	RAFS_DIRENT_SIZE = 12,
	RAFS_XATTR_HEAD = 12,
	RAFS_XATTR_ENTRY = 4,
	RAFS_INDEX_SIZE = 8, /* of a chunk in an inode */
	RAFS_ROOT_NID = 128
};

enum { RAFS_FLAT_PLAIN = 0, RAFS_FLAT_INLINE = 2, RAFS_CHUNK_BASED = 4 };
enum { RAFS_COMPRESSOR_NONE = 0, RAFS_COMPRESSOR_ZSTD = 3, RAFS_DIGESTER_SHA256 = 1 };

#define RAFS_MAGIC 0xE0F5E1E2u
#define RAFS_COMPAT 0x40000000u
#define RAFS_INCOMPAT 0xCu /* chunk-based files, a table of devices */
/* No encryption, digests in the blob, zstd, ids as in the tar, sha256. */
#define RAFS_FLAGS 0x1000198ull
#define RAFS_FLAG_XATTRS 0x20ull
/* What is in a blob: aligned chunks, digests, tar headers, a table of contents; 2: the layer's own bootstrap. */
#define RAFS_BLOB_FEATURES 0x70000021u
#define RAFS_BLOB_BOOTSTRAP 0x2u

/* Of an extended inode. */
enum {
	RAFS_I_FORMAT = 0,
	RAFS_I_XATTRS = 2,
	RAFS_I_MODE = 4,
	RAFS_I_SIZE = 8,
	RAFS_I_U = 16,
	RAFS_I_INO = 20,
	RAFS_I_UID = 24,
	RAFS_I_GID = 28,
	RAFS_I_MTIME = 32,
	RAFS_I_LINKS = 44,
	RAFS_I_IMPLIED = 48 /* reserved by RAFS; in a layer's own bootstrap, cbuild marks implied folders here */
};

/* Extended attributes' names without their prefix, which is a number. */
static const struct rafs_prefix {
	const char *prefix;
	uint8_t index;
} rafs_prefixes[] = {
	{ "user.", 1 },     { "system.posix_acl_access", 2 }, { "system.posix_acl_default", 3 }, { "trusted.", 4 },
	{ "security.", 6 },
};
#define RAFS_PREFIXES (sizeof(rafs_prefixes) / sizeof(*rafs_prefixes))

#endif
