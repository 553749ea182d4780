#ifndef DSL_WORDS_H
#define DSL_WORDS_H

#include <stddef.h>

struct arena;

/* Splits a command line into words as a POSIX shell does (2.2 Quoting: backslash, single and double quotes),
 * without any expansion. The words live in `arena`. Returns NULL on success, else a static text that says what is
 * wrong. */
const char *words_split(struct arena *arena, const char *line, const char ***ret_words, size_t *ret_len);

#endif
