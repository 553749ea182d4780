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

/* The same for texts: in UTF-8, and with RE2's syntax as far as pcre2 has it. */
int pattern_new_text(const char *regex, struct pattern **ret, struct error **err);
#define PATTERN_GROUPS_MAX 100
/* As pattern_find, from byte `start` on: *ret_groups pairs of offsets, of the match and its groups; of a group that is not
 * in the match both are PATTERN_UNSET. */
#define PATTERN_UNSET ((size_t)-1)
int pattern_groups(const struct pattern *pattern, const char *data, size_t len, size_t start,
		   size_t ret_offsets[2 * PATTERN_GROUPS_MAX], size_t *ret_groups, struct error **err);
/* The name of a group, or NULL. */
const char *pattern_group_name(const struct pattern *pattern, size_t group);
size_t pattern_group_count(const struct pattern *pattern);

#endif
