#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct buf;

/* Texts that people read and write. */

/* Appends one line of `len` bytes made safe for a terminal: control characters (also newlines,
 * U+0080 to U+009F and those that reorder text), escape sequences and invalid UTF-8 as \xNN of
 * each byte, "\r" dropped at the end of a line, tabs kept. */
void text_safe(struct buf *out, const char *data, size_t len);
/* The same for a text of several lines: newlines are kept. */
void text_safe_lines(struct buf *out, const char *data, size_t len);
/* The bytes of the valid UTF-8 sequence that `data` starts with, 1 to 4, and its code point;
 * 0 when there is none (invalid, or `len` is 0). */
size_t text_rune(const char *data, size_t len, uint32_t *ret_rune);
/* True for the characters that text_safe escapes although they are valid UTF-8. */
bool text_control(uint32_t rune);
/* True when `data` is valid UTF-8 without NUL. */
bool text_utf8(const char *data, size_t len);
/* The candidate nearest to `word` (Damerau-Levenshtein, at most a third of its length), or NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* "100MB", "1.5GiB", "64k", "1234": decimal and binary suffixes as docker's units (MB = 1e6, MiB = 2^20). */
bool text_parse_size(const char *s, uint64_t *ret_bytes);
/* The same as compose's byte values: "64m", "64mb" and "64MiB" are all powers of 1024. */
bool text_parse_memory(const char *s, uint64_t *ret_bytes);
/* "30s", "1m30s", "500ms" (compose's durations); a bare number is refused. Milliseconds. */
bool text_parse_duration(const char *s, uint64_t *ret_ms);
void text_size(struct buf *out, uint64_t bytes);  /* "12.3 MB" */
void text_duration(struct buf *out, uint64_t ms); /* "0.4s", "12.3s", "2m05s" */
/* A word as a shell would need it, for showing commands: quoted when it must be. */
void text_shell(struct buf *out, const char *word);
/* Whether `list` (words separated by blanks, or NULL) has the word. */
bool text_listed(const char *list, const char *word);

/* A URL with a login in it: "https://user:secret@host", "https://token@host". A user's name alone is none where a key or a
 * question proves it ("ssh://git@host"). */
bool text_has_login(const char *s);

/* Equal; NULL is the same as "". */
bool text_same(const char *one, const char *other);

#endif
