#ifndef ENGINE_REGISTRY_HEADS_H
#define ENGINE_REGISTRY_HEADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/ref.h"

struct error;
struct registry;

/* The digests of tags: one HEAD for each tag, several at once. */
struct head {
	struct ref ref; /* the caller's */
	bool found;
	char digest[DIGEST_LEN + 1];
};

/* `push`: as in registry_head. On the loop's thread; ERROR_REGISTRY for the first that failed. */
int heads_ask(struct registry *registry, struct head *heads, size_t len, bool push, struct error **err);

#endif
