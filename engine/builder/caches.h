#ifndef ENGINE_BUILDER_CACHES_H
#define ENGINE_BUILDER_CACHES_H

#include <stddef.h>

struct build_job;
struct content_store;
struct control_solve;
struct error;

/* Where a build's steps are looked for, and kept: cache_from and cache_to, as buildx writes them ("type=local,src=DIR", or a reference). A
 * folder's blobs travel through the session. */
struct caches;

/* ERROR_USAGE for one that has no type. */
int caches_new(const struct build_job *job, struct caches **ret, struct error **err);
void caches_free(struct caches *caches); /* NULL-safe */
/* The stores of those that are folders; their number. `ret` NULL: only that. Borrowed. */
size_t caches_stores(const struct caches *caches, struct content_store *ret);
void caches_fill(const struct caches *caches, struct control_solve *ret);
/* What the frontend is told of cache_from; NULL: nothing. Borrowed. */
const char *caches_imports_json(const struct caches *caches);
/* An answer of the daemon's. */
void caches_answer(struct caches *caches, const char *key, const char *value);
/* The folders get an index. After a build that went well. */
int caches_finish(struct caches *caches, struct error **err);

#endif
