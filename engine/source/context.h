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
 * Build contexts -> digests. All folders of a plan are registered first, then each is walked once (even if it is
 * shared by services or platforms, or nested in another), with one lstat for each entry; content is hashed only if the
 * stat index does not know it.
 */
struct source; /* all folders of a plan, and the stat index */

/* `index_path` is the stat index (flat, checksummed; rebuilt if lost or damaged), NULL: none. `base` is the folder
 * that the paths in the index are relative to. */
int source_open(const char *base, const char *index_path, struct source **ret, struct error **err);
void source_free(struct source *source); /* NULL-safe */
/* Sets the current time (seconds since 1970), to test that young files are not trusted. */
void source_clock(struct source *source, int64_t now);

/* Which entries of a folder count. Everything is borrowed and must outlive the source. */
struct filter {
	const struct ignore *ignore; /* or NULL */
	bool whole;                  /* everything that is not ignored */
	const char *const *patterns; /* otherwise: entries that match one of these, with everything below them */
	size_t patterns_len;
	const struct ignore *const *excludes; /* or NULL; for each pattern, or NULL: what it leaves out below the folders it names */
	bool deep;                 /* patterns may contain "**" (glob_match_deep); then there is no ignore file */
	bool parents;              /* the parent folders of a match count too, themselves (COPY --parents) */
	const char *const *except; /* paths (relative to the folder) that never count: outputs of `prepare` */
	size_t except_len;
};

/* Registers `filter` for the folder `root` (absolute, cleaned); returns the selection's number. Equal filters of
 * the same folder share a selection. If a pattern leads to or through a symbolic link, its target counts as well,
 * within the folder: builders follow the links that a COPY names, buildah also to what is ignored. */
size_t source_add(struct source *source, const char *root, const struct filter *filter);

/* One entry of a selection. */
struct source_entry {
	const char *path;      /* relative to the folder, bytes */
	char type;             /* 'f' file, 'd' folder, 'l' symbolic link */
	uint32_t mode;         /* permission bits, 07777 */
	uint64_t size;         /* bytes, of files */
	const char *link;      /* text of a link, else NULL */
	struct hash128 digest; /* content of a file, text of a link, attributes of a folder (zero without any) */
	bool behind; /* it is ignored, but a link leads to it: buildah takes it, and BuildKit does not get it */
};

/* Walks and stats every registered folder, on several threads where that is faster. ERROR_USAGE when a folder does
 * not exist, something that counts cannot be read, or it is a FIFO, socket or device. Files of unknown content are
 * hashed, on several threads. May be called again for selections added later. */
int source_scan(struct source *source, struct error **err);

/* After source_scan: the digest over a selection's entries: path, type, mode, link text and content of each. */
struct hash128 source_digest(const struct source *source, size_t selection);
/* After source_scan: these entries, sorted by the bytes of their paths. Borrowed from `source`. Thread-safe. */
const struct source_entry *source_entries(struct source *source, size_t selection, size_t *ret_len);
/* The stat data (walk.h) that the i-th of these entries had; after source_entries. Borrowed from `source`. */
const struct stamp *source_stamp(const struct source *source, size_t selection, size_t entry);
/* After source_scan: whether a file at `path` (relative to the selection's folder) would be an entry if it existed. */
bool source_takes(const struct source *source, size_t selection, const char *path);
/* Computes the sha256 of its files where it is unknown, and keeps it in the index. Thread-safe after source_scan;
 * one thread reads at a time. ERROR_CANCELLED; ERROR_STATE for what cannot be read. */
int source_read_sha256(struct source *source, size_t selection, struct error **err);
/* Then: the sha256 of the i-th of these entries, a file (DIGEST_HEX / 2 bytes); NULL when it has changed since
 * source_scan. */
const unsigned char *source_sha256(const struct source *source, size_t selection, size_t entry);
/* Sets how long reads are interrupted: several threads call `cancelled(data)`. Call it before they start. */
void source_cancels(struct source *source, bool (*cancelled)(void *data), void *data);
/* The modification time of the i-th of these entries, in nanoseconds since 1970. */
int64_t source_mtime(const struct source *source, size_t selection, size_t entry);
/* For selections with patterns: the index of the first pattern that matched nothing, or -1. */
long source_unmatched(const struct source *source, size_t selection);

/* Digest of a file outside any selection (an output of `prepare`, a Dockerfile), using the index. 0 and *ret_found
 * = false when it does not exist. A folder's digest covers everything below it. `path` is absolute; a link is
 * followed, a dangling one counts as its text. A file's permission bits do not count. Thread-safe after
 * source_scan. */
int source_file(struct source *source, const char *path, struct hash128 *ret, bool *ret_found, struct error **err);

/* Compares the selection's entries with the disk (stat data only: size, mtime, ctime, inode, mode; new and missing
 * entries): returns the relative path (malloc'd) of the first that changed since source_scan, or NULL. Thread-safe
 * after source_scan. */
char *source_changed(const struct source *source, size_t selection);

/* Writes the stat index if it changed (atomically), without entries whose mtime or ctime is in the future or less
 * than 2 s ago. */
int source_save(struct source *source, struct error **err);

#endif
