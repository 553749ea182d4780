#ifndef ENGINE_BUILDKIT_ASK_H
#define ENGINE_BUILDKIT_ASK_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct control_pair;
struct daemon;
struct error;

/* Asks a frontend about its input without building (moby.buildkit.v1.frontend.LLBBridge). */
struct ask {
	const char *session;
	const char *frontend; /* "dockerfile.v0" */
	const char *request;  /* "frontend.lint" */
	const struct control_pair *attrs;
	size_t attrs_len;
};
/* Appends its answer, JSON. ERROR_TOOL when it has none, or after `limit_ms`. */
int ask_frontend(struct daemon *daemon, const struct ask *ask, uint64_t limit_ms, struct buf *ret, struct error **err);

#endif
