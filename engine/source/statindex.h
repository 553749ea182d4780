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
 * The stat index: path -> stamp, digest. A flat file of folders, entries and names that is read at once:
 * a header, the folders (a range of entries each), the entries (sorted by name within a folder, so that
 * looking up a sorted folder is a merge), those sha256 that were asked for, the names. A folder that was read as a whole has all its names there, those
 * that no context counts too, and its own stamp: as long as it has that, it need not be read again. Folder 0 is the one that paths are relative to, folder 1 is "/" for what is
 * outside of it. Numbers are the machine's own: the file does not travel.
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
	uint32_t link; /* of a file: the number of its sha256, from 1 on; 0: not known */
	uint32_t mode; /* without inode: of a name of which nothing is known but its type (S_IFMT; 0: not even that) */
	uint32_t dir;  /* the folder's number, or 0 */
};

/* Never fails: a missing, damaged or newer file is an empty index. */
struct statindex *statindex_open(const char *path);
void statindex_free(struct statindex *index); /* NULL-safe */
size_t statindex_entries(const struct statindex *index);
size_t statindex_dirs(const struct statindex *index);

/* The folder at the absolute `path`, or STATINDEX_NONE. */
uint32_t statindex_find(const struct statindex *index, const char *base, const char *path);

/* A place in a folder, for names that are asked for in ascending order. Thread-safe for different cursors. */
struct cursor {
	const struct statindex *index;
	uint32_t at, end;
	bool dropped; /* a name that the index has was passed over */
};
struct cursor statindex_cursor(const struct statindex *index, uint32_t dir);
/* The next entry, or NULL; noted as still there. For folders that statindex_lists. */
const struct stat_record *statindex_next(struct cursor *cursor);
/* The entry of that name, or NULL; noted as still there. */
const struct stat_record *statindex_seek(struct cursor *cursor, const char *name);
void statindex_end(struct cursor *cursor); /* what is left is no longer there */
/* The bytes of the sha256 of a file's content, or NULL: not known. */
const unsigned char *statindex_sha256(const struct statindex *index, const struct stat_record *record);
const char *statindex_text(const struct statindex *index, uint32_t offset);

/* The parts of a loaded index, for writing the next one. */
struct range {
	uint32_t first, count;
	int64_t mtime, ctime; /* the folder's own, nanoseconds */
	uint64_t inode;       /* 0: names may be missing */
};
struct range statindex_range(const struct statindex *index, uint32_t dir);
/* True when the folder's entries are all the names that it had with that stamp. */
bool statindex_lists(const struct statindex *index, uint32_t dir, const struct stamp *stamp, int64_t now);
const struct stat_record *statindex_record(const struct statindex *index, uint32_t entry);
bool statindex_seen(const struct statindex *index, uint32_t entry);

/* Writes what `old` holds and the walks of `tops` found, the latter winning; entries whose time is later than
 * `limit` (nanoseconds) are left out. Atomic. */
int statindex_write(const char *path, const char *base, const struct statindex *old, struct top *const *tops,
		    size_t tops_len, int64_t limit, struct error **err);

/* The file's layout. */
struct statindex_header {
	char magic[8];
	struct hash128 checksum; /* of everything behind it */
	uint32_t version;
	uint32_t dirs, entries, names; /* how many, how many, bytes */
	uint32_t shas, unused;         /* how many */
};
#define STATINDEX_MAGIC "cbldsidx"
#define STATINDEX_MAGIC_BYTES                          \
	{                                              \
		'c', 'b', 'l', 'd', 's', 'i', 'd', 'x' \
	}
#define STATINDEX_VERSION 5

#endif
