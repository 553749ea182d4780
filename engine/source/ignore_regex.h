#ifndef ENGINE_SOURCE_IGNORE_REGEX_H
#define ENGINE_SOURCE_IGNORE_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The part of Go's regular expressions (RE2 syntax) that the translation of an ignore pattern can produce:
 * literals, escapes, classes, "^", ".*", a class with "*", the optional group "(.*" "/)?", "x{2,3}", and "|"
 * between whole expressions. There is no other group, so the program is a list of steps, and matching passes over
 * it once for each character. */
struct ignore_regex;

/* `runes` are the expression's code points, without the leading "^" and the final "$". NULL when Go refuses it, or
 * when it has an unsupported escape; *ret_why is then a static text. */
struct ignore_regex *ignore_regex_new(const uint32_t *runes, size_t len, const char **ret_why);
void ignore_regex_free(struct ignore_regex *regex); /* NULL-safe */
/* The whole of `path` must match. */
bool ignore_regex_match(const struct ignore_regex *regex, const char *path, size_t len);

/* Decodes one code point as Go does: an invalid byte is U+FFFD, one byte wide. Returns the width (0 at the end). */
size_t ignore_rune(const char *s, size_t len, uint32_t *ret);

#endif
