#ifndef ENGINE_SOURCE_REPLICA_H
#define ENGINE_SOURCE_REPLICA_H

#include <stddef.h>

struct error;
struct source;

/* Copies the entries of a selection, no others, from the folder `root` to the folder `to` (made when missing). After
 * source_scan; thread-safe. A file that has changed meanwhile is copied as it is: source_changed tells. ERROR_STATE. */
int replica_make(struct source *source, size_t selection, const char *root, const char *to, struct error **err);

#endif
