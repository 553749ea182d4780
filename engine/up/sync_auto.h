#ifndef ENGINE_UP_SYNC_AUTO_H
#define ENGINE_UP_SYNC_AUTO_H

#include <stddef.h>

struct arena;
struct plan;
struct service;
struct watch_rule;

/* The rules of a service of the plan's manifest: those that are written, or with `sync: auto` what its Dockerfile says: files that a
 * plain COPY puts in place, and that no step uses, are copied; others that it copies are built anew. None where that cannot be
 * told. Everything lives in the arena or the manifest. Returns their number. */
size_t sync_rules_of(const struct plan *plan, const struct service *service, struct arena *arena,
		     const struct watch_rule **ret);

#endif
