#ifndef ENGINE_SOURCE_CONTEXT_H
#define ENGINE_SOURCE_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"

struct error;
struct ignore;
struct stamp;

/*
 * Build contexts -> digests. All the folders of a plan are registered first, then walked once each
 * (folders shared by services, platforms or nested in each other are not walked twice), with one
 * lstat an entry; contents are hashed only when the stat index does not know them.
 */
struct source; /* all folders of a plan, and the stat index */

/* `index_path` is the stat index (flat, checksummed; worth nothing if lost or damaged: then it is
 * rebuilt). `base` is the folder that the index's own paths are relative to. NULL index_path: none. */
int source_open(const char *base, const char *index_path, struct source **ret, struct error **err);
void source_free(struct source *source); /* NULL-safe */
/* Sets what counts as now (seconds since 1970), for tests of the rule that young files are not trusted. */
void source_clock(struct source *source, int64_t now);

/* Which entries of a folder count. Everything is borrowed and must live until source_free. */
struct filter {
	const struct ignore *ignore; /* or NULL */
	bool whole;                  /* everything that is not ignored */
	const char *const *patterns; /* otherwise: entries that match one, and all below them */
	size_t patterns_len;
	const struct ignore *const *excludes; /* or NULL; of each pattern, or NULL: what it leaves out below the folders it names */
	bool deep;                 /* patterns may hold "**" (glob_match_deep); no ignore file then */
	bool parents;              /* the folders on the way to a match count too, themselves (COPY --parents) */
	const char *const *except; /* paths (relative to the folder) that never count: outputs of `prepare` */
	size_t except_len;
};

/* Registers `filter` on the folder `root` (absolute, cleaned); returns the selection's number. The same filter
 * on the same folder is the same selection. Patterns that lead to or through a symbolic link count what it points to as
 * well, within the folder: the builders follow the links that a COPY names. */
size_t source_add(struct source *source, const char *root, const struct filter *filter);

/* One entry of a selection. */
struct source_entry {
	const char *path;      /* relative to the folder, bytes */
	char type;             /* 'f' file, 'd' folder, 'l' symbolic link */
	uint32_t mode;         /* permission bits, 07777 */
	uint64_t size;         /* bytes, of files */
	const char *link;      /* text of a link, else NULL */
	struct hash128 digest; /* content of a file, text of a link, attributes of a folder (zero without any) */
};

/* Walks and stats every registered folder, on several threads where that is faster. ERROR_USAGE when a
 * folder does not exist or something that counts cannot be read. A FIFO, socket or device that counts is
 * an ERROR_USAGE naming it. Files whose content is not known are hashed, on several threads. May be called
 * once; what was added counts. */
int source_scan(struct source *source, struct error **err);

/* After source_scan: the digest over the entries of a selection: path, type, mode, link text and content of each. */
struct hash128 source_digest(const struct source *source, size_t selection);
/* After source_scan: these entries, in byte order of their paths. Borrowed from `source`. Thread-safe. */
const struct source_entry *source_entries(struct source *source, size_t selection, size_t *ret_len);
/* The stat data (walk.h) that the i-th of these entries had; after source_entries. Borrowed from `source`. */
const struct stamp *source_stamp(const struct source *source, size_t selection, size_t entry);
/* After source_scan: whether something at `path` (relative to the selection's folder), were it there, would be an entry. */
bool source_takes(const struct source *source, size_t selection, const char *path);
/* Reads the sha256 of those of its files whose is not known, and keeps it in the index. Thread-safe after source_scan; one thread
 * at a time reads. ERROR_CANCELLED; ERROR_STATE for what cannot be read. */
int source_read_sha256(struct source *source, size_t selection, struct error **err);
/* After that: of the i-th of these entries, a file, its bytes (DIGEST_HEX / 2); NULL when it has changed since source_scan. */
const unsigned char *source_sha256(const struct source *source, size_t selection, size_t entry);
/* What ends long reads: `cancelled(data)` is asked by several threads. Before they start. */
void source_cancels(struct source *source, bool (*cancelled)(void *data), void *data);
/* The modification time of the i-th of these entries, in nanoseconds since 1970. */
int64_t source_mtime(const struct source *source, size_t selection, size_t entry);
/* For selections with patterns: the first pattern (index) that matched nothing, or -1. */
long source_unmatched(const struct source *source, size_t selection);

/* Digest of one file outside any selection (an output of `prepare`, a Dockerfile), through the index.
 * 0 and *ret_found = false when it does not exist. A folder's digest covers what is below it. `path` is absolute; a
 * link is followed, a dangling one is its text. Permission bits do not count for a file itself. Thread-safe after source_scan. */
int source_file(struct source *source, const char *path, struct hash128 *ret, bool *ret_found, struct error **err);

/* Compares the selection's entries with the disk as it is now (stat data only: size, mtime, ctime, inode,
 * mode; new and vanished entries): returns the relative path (malloc'd) of the first that changed
 * since source_scan, or NULL when none did. Thread-safe after source_scan. */
char *source_changed(const struct source *source, size_t selection);

/* Writes the stat index when it would differ (atomically); entries whose mtime or ctime is less than 2 s
 * older than now, or in the future, are left out. */
int source_save(struct source *source, struct error **err);

#endif
