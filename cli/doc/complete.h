#ifndef CLI_DOC_COMPLETE_H
#define CLI_DOC_COMPLETE_H

#include <stddef.h>

struct buf;
struct command;

/*
 * What the last of `words` (NULL-terminated, the command line behind "cbuild") may become, a line each, with what it
 * means behind a tab. The first line is ":files" or ":dirs" when the shell knows better: names of files, of folders.
 * Nothing that is wrong with the words or the manifest is an error: then there is less to offer.
 */
void complete_words(const struct command *commands, const char *const *words, size_t len, struct buf *out);

#endif
