#ifndef ENGINE_BUILDER_CACHES_H
#define ENGINE_BUILDER_CACHES_H

#include <stddef.h>

struct build_job;
struct content_store;
struct control_solve;
struct error;

/* The caches of a build's steps, cache_from and cache_to, in buildx's notation ("type=local,src=DIR", or a
 * reference). The blobs of folders are transferred through the session. */
struct caches;

/* ERROR_USAGE for an entry without a type. */
int caches_new(const struct build_job *job, struct caches **ret, struct error **err);
void caches_free(struct caches *caches); /* NULL-safe */
/* The stores of caches that are folders; returns their number. `ret` NULL: only that. Borrowed. */
size_t caches_stores(const struct caches *caches, struct content_store *ret);
void caches_fill(const struct caches *caches, struct control_solve *ret);
/* The frontend's attribute for cache_from; NULL: none. Borrowed. */
const char *caches_imports_json(const struct caches *caches);
/* Takes a value of the daemon's response. */
void caches_answer(struct caches *caches, const char *key, const char *value);
/* Writes the folders' indexes, after a successful build. */
int caches_finish(struct caches *caches, struct error **err);

#endif
