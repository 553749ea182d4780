#ifndef ENGINE_EXEC_TIDY_H
#define ENGINE_EXEC_TIDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct layout;
struct state;

/* Maintenance of `.cbuild`; nothing else may run there meanwhile (run_gate). Errors are ERROR_STATE. */

/*
 * Hashes every blob of the store, removes damaged ones and other files, and checks that everything that is tagged or
 * in a node's newest record exists and is complete. `trouble` is called for each problem. *ret_blobs and *ret_bytes:
 * what was read.
 */
typedef void tidy_trouble(void *data, const char *what, const char *why);
int tidy_check(struct layout *layout, struct state *state, tidy_trouble *trouble, void *data, size_t *ret_blobs,
	       uint64_t *ret_bytes, struct error **err);

/*
 * Rebuilds a damaged index.json of the store: with the tags of each index's newest record, and those that any record
 * confirms. Other cbuilds may run meanwhile. 1: it was damaged.
 */
int tidy_mend(struct layout *layout, struct state *state, struct error **err);

struct tidy_options {
	const char *state_dir; /* absolute path of .cbuild */
	bool bounded;          /* keep at most `keep` bytes of blobs */
	uint64_t keep;
	const char *const *services; /* NULL-terminated: never removed to meet the limit; or NULL */
	const char *const *sources;  /* NULL-terminated: what is used of .cbuild/sources */
	bool dry;                    /* remove nothing; then others may run */
};
struct tidy_part {
	size_t count;
	uint64_t bytes;
};
struct tidy_freed {
	struct tidy_part blobs, logs, leftovers, locks, sources;
	size_t services;       /* whose results were removed to meet the limit */
	struct tidy_part kept; /* remaining blobs */
};
/*
 * Removes blobs that neither a node's newest record nor a tag needs, logs of runs that are no longer in the history,
 * lock files, what was fetched from elsewhere and is not used any more, and what killed runs left. With a limit, results of the services built longest ago are removed as well,
 * with records and tags, until the rest fits. `layout` may be NULL: there is no store.
 */
int tidy_prune(struct layout *layout, struct state *state, const struct tidy_options *options, struct tidy_freed *ret,
	       struct error **err);
/* The total size of the store's blobs. Other cbuilds may be running. */
int tidy_size(struct layout *layout, uint64_t *ret_bytes, struct error **err);

#endif
