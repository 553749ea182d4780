#ifndef ENGINE_BUILDER_TAIL_H
#define ENGINE_BUILDER_TAIL_H

#include <stddef.h>

/* The last lines of an output. `{0}` is a valid empty one. */
#define TAIL_LINES 40
#define TAIL_LINE_MAX 4096 /* bytes kept of one */

struct tail {
	char *lines[TAIL_LINES];
	size_t next;
};

void tail_add(struct tail *tail, const char *line, size_t len); /* without its newline */
/* The lines, oldest first, each with a newline. malloc'd. */
char *tail_text(const struct tail *tail);
void tail_free(struct tail *tail); /* the contents */

#endif
