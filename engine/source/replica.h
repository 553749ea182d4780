#ifndef ENGINE_SOURCE_REPLICA_H
#define ENGINE_SOURCE_REPLICA_H

#include <stddef.h>

struct error;
struct source;

/* Copies only the entries of a selection from the folder `root` to the folder `to` (created when missing). After
 * source_scan; thread-safe. A file that has changed meanwhile is copied as it is; source_changed reports it.
 * ERROR_STATE. */
int replica_make(struct source *source, size_t selection, const char *root, const char *to, struct error **err);

#endif
