#ifndef DSL_WORDS_H
#define DSL_WORDS_H

#include <stddef.h>

struct arena;

/* Splits a command line into words as a POSIX shell does (2.2 Quoting: backslash, single and double
 * quotes), with no expansion of any kind. The words live in `arena`. Returns NULL on success, else what
 * is wrong with it (static). */
const char *words_split(struct arena *arena, const char *line, const char ***ret_words, size_t *ret_len);

#endif
