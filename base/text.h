#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

struct buf;

/* Text for people: safe to print, suggestions, sizes and durations. */

/* Appends one line of `len` bytes, made safe for a terminal: control characters (including newlines, U+0080 to
 * U+009F and those that reorder text), escape sequences and invalid UTF-8 become \xNN for each byte; "\r" at the
 * end of a line is dropped, tabs are kept. */
void text_safe(struct buf *out, const char *data, size_t len);
/* The same for text of several lines: newlines are kept. */
void text_safe_lines(struct buf *out, const char *data, size_t len);
/* The length (1 to 4) and code point of the UTF-8 sequence that `data` starts with; 0 when it is invalid or `len`
 * is 0. */
size_t text_rune(const char *data, size_t len, uint32_t *ret_rune);
/* True for characters that text_safe escapes although they are valid UTF-8. */
bool text_control(uint32_t rune);
/* True when `data` is valid UTF-8 without NUL. */
bool text_utf8(const char *data, size_t len);
/* The candidate most similar to `word` (Damerau-Levenshtein distance of at most a third of its length), or NULL. */
const char *text_nearest(const char *word, const char *const *candidates, size_t count);

/* Parses "100MB", "1.5GiB", "64k", "1234": decimal and binary suffixes like docker's (MB = 1e6, MiB = 2^20). */
bool text_parse_size(const char *s, uint64_t *ret_bytes);
/* The same with compose's rules: "64m", "64mb" and "64MiB" are all powers of 1024. */
bool text_parse_memory(const char *s, uint64_t *ret_bytes);
/* Parses "30s", "1m30s", "500ms" (compose's durations) into milliseconds; a number without a unit is refused. */
bool text_parse_duration(const char *s, uint64_t *ret_ms);
void text_size(struct buf *out, uint64_t bytes);  /* "12.3 MB" */
void text_duration(struct buf *out, uint64_t ms); /* "0.4s", "12.3s", "2m05s" */
/* Appends a word quoted for a shell if necessary, to show commands. */
void text_shell(struct buf *out, const char *word);
/* Whether `list` (words separated by blanks, or NULL) contains `word`. */
bool text_listed(const char *list, const char *word);

/* True for a URL with credentials: "https://user:secret@host", "https://token@host". A user name alone does not
 * count where the login is by key or prompt ("ssh://git@host"). */
bool text_has_login(const char *s);
/* A URL without the login in it (malloc'd): what may be shown and kept. */
char *text_without_login(const char *url);
/* A path or URL up to its query, whose values may be signatures and tokens (malloc'd). */
char *text_without_query(const char *url);

/* Appends a part of a URL with its "%40" as what they stand for; what is no escape stays. */
void text_unescape(struct buf *out, const char *data, size_t len);
/* Equality; NULL equals "". */
bool text_same(const char *one, const char *other);

#endif
