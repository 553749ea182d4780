#ifndef ENGINE_SOURCE_REPLICA_H
#define ENGINE_SOURCE_REPLICA_H

#include <stddef.h>

struct error;
struct source;

/* Copies the entries of a selection, no others, from the folder `root` to the folder `to` (made when missing). After
 * source_scan; thread-safe. A file that has changed meanwhile is copied as it is: source_changed tells. ERROR_STATE. */
int replica_make(struct source *source, size_t selection, const char *root, const char *to, struct error **err);

/* Gives each file below `dir` a fraction of a second to its modification time that tells its content: builders that take a
 * file of the same size and time for the one they have then see another one. Images do not show it: their times are whole
 * seconds. ERROR_STATE. */
int replica_date(const char *dir, struct error **err);

#endif
