#ifndef ENGINE_EXEC_TIDY_H
#define ENGINE_EXEC_TIDY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct layout;
struct state;

/* Looking after `.cbuild`: nothing else may run there meanwhile (run_gate). Errors are ERROR_STATE. */

/*
 * Rehashes every blob of the store, removes the damaged ones and what is no blob, and looks whether everything that is
 * tagged, and each node's newest record, is there and complete. `trouble` is called for each thing that was wrong.
 * *ret_blobs and *ret_bytes: what was read.
 */
typedef void tidy_trouble(void *data, const char *what, const char *why);
int tidy_check(struct layout *layout, struct state *state, tidy_trouble *trouble, void *data, size_t *ret_blobs,
	       uint64_t *ret_bytes, struct error **err);

/*
 * Makes the store's index.json anew when it is not as it was written: with the tags of each index's newest record, and those
 * that a record vouches for. Others may run meanwhile. 1: it was damaged.
 */
int tidy_mend(struct layout *layout, struct state *state, struct error **err);

struct tidy_options {
	const char *state_dir; /* absolute path of .cbuild */
	bool bounded;          /* keep at most `keep` bytes of blobs */
	uint64_t keep;
	const char *const *services; /* NULL-terminated: not given up for the bound; or NULL */
	bool dry;                    /* remove nothing; then others may run */
};
struct tidy_part {
	size_t count;
	uint64_t bytes;
};
struct tidy_freed {
	struct tidy_part blobs, logs, leftovers, locks;
	size_t services;       /* results of which were given up for the bound */
	struct tidy_part kept; /* blobs that are left */
};
/*
 * Removes the blobs that neither a node's newest record nor a tag needs, logs of runs that are no longer in the history,
 * lock files, what killed runs left. With a bound, the results of the services that were made the longest time ago go as
 * well, records and tags included, until what is left is not larger. `layout` may be NULL: there is no store.
 */
int tidy_prune(struct layout *layout, struct state *state, const struct tidy_options *options, struct tidy_freed *ret,
	       struct error **err);
/* The size of the store's blobs in bytes. Other cbuilds may be running. */
int tidy_size(struct layout *layout, uint64_t *ret_bytes, struct error **err);

#endif
