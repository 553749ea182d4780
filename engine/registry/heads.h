#ifndef ENGINE_REGISTRY_HEADS_H
#define ENGINE_REGISTRY_HEADS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/ref.h"

struct error;
struct registry;

/* The digests that tags point to: one HEAD a tag, several at once. */
struct head {
	struct ref ref; /* the asker's */
	bool found;
	char digest[DIGEST_LEN + 1];
};

/* `push`: as with registry_head. On the loop's thread; ERROR_REGISTRY for the first that could not be asked. */
int heads_ask(struct registry *registry, struct head *heads, size_t len, bool push, struct error **err);

#endif
