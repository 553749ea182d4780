#ifndef ENGINE_SOURCE_WALK_H
#define ENGINE_SOURCE_WALK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/xxh3.h"

struct arena;
struct error;
struct selector;
struct stat;
struct statindex;

/* The result of a walk: folders and their entries, each examined once for all selections. */

/* Stat data that shows whether a file is still the one that was hashed. Times in nanoseconds since 1970. */
struct stamp {
	uint64_t size;
	int64_t mtime, ctime;
	uint64_t inode;
};

struct walk_node {
	const char *path; /* relative to the walk's top */
	uint32_t mode;    /* st_mode; 0 when only the name mattered */
	bool known;       /* `digest` is valid */
	bool fresh;       /* found out in this run: not in the index */
	bool elsewhere;   /* a folder on a different device than the walk's top */
	struct stamp stamp;
	struct hash128 digest; /* of a folder: of its attributes, zero without any */
	const char *link;
	const unsigned char *sha256; /* of a file's content; NULL: not requested (sha.h) */
	struct dir *dir;             /* of a folder that was entered */
};

/* How one selection sees a folder. */
struct view {
	const struct selector *selector;
	uint32_t prefix;  /* length of the part of a node's path before the path within the selection's own folder */
	bool all;         /* everything here and below counts */
	bool matched;     /* inside something that a pattern named */
	bool except;      /* something below never counts */
	bool hidden;      /* it is ignored, but links lead to it or through it */
	bool taken;       /* everything here counts, because a link leads to it */
	uint32_t *states; /* the current states of the patterns (select.h) */
	uint32_t states_len;
	unsigned char *counts; /* a bit for each node, NULL with `all` */
	unsigned char *ways;   /* the same: counts only if something below it does */
	unsigned char *behind; /* the same: counts as in source_entry.behind */
};

/* A name that no view counts. */
struct other {
	const char *name;
	uint32_t type; /* S_IFMT bits, or 0 */
};

struct dir {
	uint32_t prefix; /* length of its path with the slash: names begin there */
	uint32_t index;  /* its number in the stat index, or STATINDEX_NONE */
	bool partial;    /* not all of its names were examined */
	bool listed;     /* its names come from the stat index */
	bool complete;   /* `stamp` and all names may go into the index */
	struct stamp stamp;
	struct other *others; /* without those that the index lists already */
	size_t others_len;
	struct walk_node *nodes;
	size_t len;
	struct view *views;
	size_t views_len;
};

/* A folder that is walked, and the selections that need it. */
struct top {
	const char *path; /* absolute */
	const struct selector **selectors;
	size_t selectors_len;
	struct top **inner; /* tops inside this one, entered when the walk gets there */
	size_t inner_len;
	struct top *outer;
	bool walked; /* by itself or as part of an outer one */
	bool dated;  /* its folders' times change with their content (fs_dates_folders) */
	uint64_t device;
	/* where its folder was found: in the walk of `host` */
	struct top *host;
	struct dir *dir;
	size_t depth; /* bytes of its path within the host's, with the slash */
};

/* A file whose content is needed. */
struct wanted {
	struct walk_node *node;
	const char *top; /* the path that node->path is relative to */
};

/* A link that a pattern leads to or through: its target counts as well. */
struct detour {
	const struct selector *selector;
	const char *path; /* of the link, within the selection's folder */
	const char *link;
	const char *rest; /* the rest of the pattern, or "" */
	bool taken;       /* verdict.taken of the link */
};

struct walk {
	const struct statindex *index; /* or NULL */
	const char *base;              /* what the index's paths are relative to */
	int64_t now;                   /* nanoseconds */
	struct top **tops;
	size_t tops_len;
	unsigned threads; /* at most */
	/* results */
	struct wanted *wanted;
	size_t wanted_len;
	struct detour *detours;
	size_t detours_len;
	size_t entries;
	bool dropped;          /* the index contains names that no longer exist */
	bool learned;          /* the index can learn about a link or a folder that was read */
	char *failed;          /* the path where walk_run failed */
	atomic_bool ended;     /* no further folder is entered: one was found that cannot be part of a context */
	struct arena **arenas; /* hold all of the above */
	size_t arenas_len;
};

/* Walks the tops. ERROR_USAGE naming the first path (in byte order) that cannot be walked. */
int walk_run(struct walk *walk, struct error **err);
/* True when the times are so recent (2 s) that the file may change once more without changing them. */
#define RACY_TIME ((int64_t)2 * 1000000000)
bool walk_settled(const struct stamp *stamp, int64_t now);
struct stamp walk_stamp(const struct stat *st);

void walk_free(struct walk *walk); /* the results, not the struct */

#endif
