#ifndef BASE_PATTERN_H
#define BASE_PATTERN_H

#include <stddef.h>
#include <stdbool.h>

struct error;

/* Regular expressions (pcre2, loaded on first use; UTF mode off: bodies are bytes). */
struct pattern;

/* ERROR_USAGE with the offset and pcre2's message when `regex` is malformed. */
int pattern_new(const char *regex, struct pattern **ret, struct error **err);
void pattern_free(struct pattern *pattern); /* NULL-safe */
/* 1 found, 0 not found, negative on error (match limits of 1,000,000 steps exceeded: ERROR_USAGE). */
int pattern_find(const struct pattern *pattern, const char *data, size_t len, struct error **err);

#endif
