#ifndef ENGINE_EXEC_SEEN_H
#define ENGINE_EXEC_SEEN_H

#include <stddef.h>

struct runtime_presence;

/* What the last look at an engine's images found, in a file with a mark of when that was: it is worth nothing if it is lost. */

/* Sets `seen` of those that were there then, in this place; the text is borrowed from *ret (malloc'd, or NULL). */
void seen_read(const char *path, const char *place, struct runtime_presence *items, size_t len, char **ret);
/* Writes which of them are held. */
void seen_write(const char *path, const char *place, const char *mark, const struct runtime_presence *items, size_t len);

#endif
