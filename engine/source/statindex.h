#ifndef ENGINE_SOURCE_STATINDEX_H
#define ENGINE_SOURCE_STATINDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"

struct error;
struct stamp;
struct top;

/*
 * The stat index: path -> stamp, digest. A flat file, read at once: a header, the folders (a range of entries each),
 * the entries (sorted by name within a folder, so that looking up a sorted folder is a merge), the known sha256
 * digests, the names. A folder that was read completely has all its names in it, including those that no context uses,
 * and its own stamp: while that stamp is unchanged, it need not be read again. Folder 0 is the one that paths are
 * relative to, folder 1 is "/" for everything outside of it. Numbers are in the machine's byte order: the file is not
 * portable.
 */
struct statindex;

#define STATINDEX_NONE UINT32_MAX

/* One entry, as in the file. */
struct stat_record {
	uint64_t size;
	int64_t mtime, ctime; /* nanoseconds */
	uint64_t inode;
	uint64_t digest_lo, digest_hi;
	uint32_t name; /* offsets in the names */
	uint32_t link; /* of a file: the number of its sha256, from 1; 0: unknown */
	uint32_t mode; /* without inode: of a name of which only the type is known (S_IFMT; 0: not even that) */
	uint32_t dir;  /* the folder's number, or 0 */
};

/* Never fails: a missing, damaged or newer file gives an empty index. */
struct statindex *statindex_open(const char *path);
void statindex_free(struct statindex *index); /* NULL-safe */
size_t statindex_entries(const struct statindex *index);
size_t statindex_dirs(const struct statindex *index);

/* The folder at the absolute `path`, or STATINDEX_NONE. */
uint32_t statindex_find(const struct statindex *index, const char *base, const char *path);

/* A position in a folder, to look up names in ascending order. Thread-safe for different cursors. */
struct cursor {
	const struct statindex *index;
	uint32_t at, end;
	bool dropped; /* a name of the index was skipped */
};
struct cursor statindex_cursor(const struct statindex *index, uint32_t dir);
/* The next entry, or NULL; marks it as existing. For folders that statindex_lists. */
const struct stat_record *statindex_next(struct cursor *cursor);
/* The entry of that name, or NULL; marks it as existing. */
const struct stat_record *statindex_seek(struct cursor *cursor, const char *name);
void statindex_end(struct cursor *cursor); /* what remains no longer exists */
/* The sha256 of a file's content, or NULL: unknown. */
const unsigned char *statindex_sha256(const struct statindex *index, const struct stat_record *record);
const char *statindex_text(const struct statindex *index, uint32_t offset);

/* The parts of a loaded index, to write the next one. */
struct range {
	uint32_t first, count;
	int64_t mtime, ctime; /* the folder's own, nanoseconds */
	uint64_t inode;       /* 0: names may be missing */
};
struct range statindex_range(const struct statindex *index, uint32_t dir);
/* True when the folder's entries are all the names it had at that stamp. */
bool statindex_lists(const struct statindex *index, uint32_t dir, const struct stamp *stamp, int64_t now);
const struct stat_record *statindex_record(const struct statindex *index, uint32_t entry);
bool statindex_seen(const struct statindex *index, uint32_t entry);

/* Writes the content of `old` and what the walks of `tops` found, which takes precedence, without entries whose
 * time is later than `limit` (nanoseconds). Atomic. */
int statindex_write(const char *path, const char *base, const struct statindex *old, struct top *const *tops,
		    size_t tops_len, int64_t limit, struct error **err);

/* The file's layout. */
struct statindex_header {
	char magic[8];
	struct hash128 checksum; /* of everything after it */
	uint32_t version;
	uint32_t dirs, entries, names; /* count, count, bytes */
	uint32_t shas, unused;         /* count */
};
#define STATINDEX_MAGIC "cbldsidx"
#define STATINDEX_MAGIC_BYTES                          \
	{                                              \
		'c', 'b', 'l', 'd', 's', 'i', 'd', 'x' \
	}
#define STATINDEX_VERSION 5

#endif
