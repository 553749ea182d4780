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

/* Told of progress by any thread: bytes sent since the last time (negative: to be sent again), and bytes that turned out to
 * be missing there. */
typedef void push_progress(void *data, int64_t sent, uint64_t missing);

struct push {
	struct registry *registry;
	struct layout *layout;
	const struct ref *where; /* domain and repository */
	const char *digest;      /* of an index or manifest in the store */
	bool again; /* what it is made of was put there before: looked for only when the registry misses it */
	push_progress *progress; /* or NULL */
	void *data;
};
struct push_result {
	uint64_t bytes; /* that were sent */
	size_t sent, mounted, there;
};

/* Everything that `digest` is made of is in the repository afterwards: blobs, then manifests, then itself, by digest. */
int push_content(const struct push *push, struct push_result *ret, struct error **err);
/* Puts it under a tag, in one request. What it is made of must be there. */
int push_tag(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
	     struct error **err);

#endif
