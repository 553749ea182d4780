#ifndef ENGINE_REGISTRY_PUSH_H
#define ENGINE_REGISTRY_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct layout;
struct ref;
struct registry;

/* Publishing from the store: first everything by digest, then, separately, under tags. */

/* Progress, reported from any thread: bytes sent since the last call (negative: they will be sent again), and bytes
 * that turned out to be missing there. */
typedef void push_progress(void *data, int64_t sent, uint64_t missing);

struct push {
	struct registry *registry;
	struct layout *layout;
	const struct ref *where; /* domain and repository */
	const char *digest;      /* of an index or manifest in the store */
	bool again; /* its parts were pushed there before: look for them only if the registry says they are missing */
	push_progress *progress; /* or NULL */
	void *data;
};
struct push_result {
	uint64_t bytes; /* bytes sent */
	size_t sent, mounted, there;
};

/* Pushes everything that `digest` consists of to the repository: blobs, then manifests, then itself, by digest. */
int push_content(const struct push *push, struct push_result *ret, struct error **err);
/* Tags it with one request. All its parts must already be there. */
int push_tag(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
	     struct error **err);

#endif
