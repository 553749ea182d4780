#ifndef CLI_DOC_COMPLETE_H
#define CLI_DOC_COMPLETE_H

#include <stddef.h>

struct buf;
struct command;

/*
 * Completes the last of `words` (NULL-terminated, the command line after "cbuild"): one completion per line, with its
 * meaning after a tab. A first line of ":files" or ":dirs" asks the shell to complete file or folder names. Invalid
 * words or manifests are not errors: they only give fewer completions.
 */
void complete_words(const struct command *commands, const char *const *words, size_t len, struct buf *out);

#endif
