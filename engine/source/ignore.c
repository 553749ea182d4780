#include "config.h"

#include "engine/source/ignore.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/ignore_pattern.h"
#include "engine/source/ignore_regex.h"

#define LINE_LIMIT 65536 /* bytes: the builders' line reader refuses longer lines */
#define SMALL_RULES 256  /* rules whose results fit on the stack */

struct rule {
	struct ignore_pattern *pattern;
	bool exclusion; /* "!": includes again */
};

struct ignore {
	struct rule *rules;
	size_t len, cap;
	bool exclusions;
};

static bool is_space(uint32_t rune)
{
	return rune == ' ' || (rune >= '\t' && rune <= '\r') || rune == 0x85 || rune == 0xa0 || rune == 0x1680 ||
	       (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 || rune == 0x2029 || rune == 0x202f ||
	       rune == 0x205f || rune == 0x3000;
}

/* Unicode white space at both ends, as Go's strings.TrimSpace. */
static void ignore_trim(const char **s, size_t *len)
{
	const char *last = NULL;
	uint32_t rune;
	size_t width;

	while ((width = ignore_rune(*s, *len, &rune)) > 0 && is_space(rune)) {
		*s += width;
		*len -= width;
	}
	for (size_t i = 0; i < *len; i += width) {
		width = ignore_rune(*s + i, *len - i, &rune);
		if (!is_space(rune))
			last = *s + i + width;
	}
	*len = last ? (size_t)(last - *s) : 0;
}

static char *ignore_clean(const char *s, size_t len)
{
	cleanup_free char *text = mem_strndup(s, len);

	return path_clean(text);
}

/* Parses one line like the ignore file's reader: a pattern (malloc'd, with its "!"), or NULL for none. */
static char *read_line(const char *s, size_t len)
{
	cleanup_free char *cleaned = NULL;
	const char *rest;
	bool invert;

	if (len > 0 && s[0] == '#')
		return NULL;
	ignore_trim(&s, &len);
	if (len == 0)
		return NULL;
	invert = s[0] == '!';
	if (invert) {
		s++;
		len--;
		ignore_trim(&s, &len);
	}
	cleaned = len > 0 ? ignore_clean(s, len) : mem_strdup("");
	rest = cleaned[0] == '/' && cleaned[1] ? cleaned + 1 : cleaned;
	return mem_printf("%s%s", invert ? "!" : "", rest);
}

/* Normalises a pattern like the matcher. */
static bool add_rule(struct ignore *ignore, const char *pattern, const char **ret_why)
{
	const char *s = pattern;
	size_t len = strlen(s);
	cleanup_free char *cleaned = NULL;
	struct ignore_pattern *compiled;
	bool exclusion;

	ignore_trim(&s, &len);
	if (len == 0)
		return true;
	cleaned = ignore_clean(s, len);
	exclusion = cleaned[0] == '!';
	if (exclusion && !cleaned[1]) {
		*ret_why = "illegal exclusion pattern: \"!\"";
		return false;
	}
	compiled = ignore_pattern_new(cleaned + exclusion, strlen(cleaned + exclusion), ret_why);
	if (!compiled)
		return false;
	mem_reserve(&ignore->rules, &ignore->cap, ignore->len + 1, sizeof(*ignore->rules));
	ignore->rules[ignore->len++] = (struct rule){ compiled, exclusion };
	ignore->exclusions |= exclusion;
	return true;
}

static int parse_line(struct ignore *ignore, const char *line, size_t len, const char *name, unsigned number,
		      struct error **err)
{
	cleanup_free char *pattern = NULL;
	const char *why = NULL;

	if (len >= LINE_LIMIT)
		return error_make(err, ERROR_USAGE, "%s:%u: the line is longer than %d bytes", name, number,
				  LINE_LIMIT - 1);
	if (memchr(line, '\0', len))
		return 0; /* no path contains NUL, so such a pattern matches nothing */
	pattern = read_line(line, len);
	if (pattern && !add_rule(ignore, pattern, &why))
		return error_make(err, ERROR_USAGE, "%s:%u: %s: \"%s\"", name, number, why, pattern);
	return 0;
}

int ignore_parse(const char *text, size_t len, const char *name, struct ignore **ret, struct error **err)
{
	struct ignore *ignore = mem_alloc(sizeof(*ignore));
	unsigned number = 0;

	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	while (len > 0) {
		const char *newline = memchr(text, '\n', len);
		size_t line = newline ? (size_t)(newline - text) : len;
		size_t step = newline ? line + 1 : line;

		if (line > 0 && text[line - 1] == '\r')
			line--;
		if (parse_line(ignore, text, line, name, ++number, err) < 0) {
			ignore_free(ignore);
			return -1;
		}
		text += step;
		len -= step;
	}
	*ret = ignore;
	return 0;
}

void ignore_free(struct ignore *ignore)
{
	if (!ignore)
		return;
	for (size_t i = 0; i < ignore->len; i++)
		ignore_pattern_free(ignore->rules[i].pattern);
	free(ignore->rules);
	free(ignore);
}

static bool match_path_or_parent(const struct ignore_pattern *pattern, const char *path, size_t len)
{
	if (ignore_pattern_match(pattern, path, len))
		return true;
	for (size_t i = 0; i < len; i++)
		if (path[i] == '/' && ignore_pattern_match(pattern, path, i))
			return true;
	return false;
}

bool ignore_matches(const struct ignore *ignore, const char *path)
{
	size_t len = strlen(path);
	bool matched = false;

	for (size_t i = 0; ignore && i < ignore->len; i++) {
		const struct rule *rule = &ignore->rules[i];

		if (rule->exclusion == matched && match_path_or_parent(rule->pattern, path, len))
			matched = !rule->exclusion;
	}
	return matched;
}

/* One level of the walk: `seen[i]` says whether rule i matched a parent, and is updated for `path`. */
static bool match_level(const struct ignore *ignore, bool *seen, const char *path, size_t len)
{
	bool matched = false;

	for (size_t i = 0; i < ignore->len; i++) {
		const struct rule *rule = &ignore->rules[i];

		if (!seen[i] && rule->exclusion == matched)
			seen[i] = ignore_pattern_match(rule->pattern, path, len);
		if (seen[i])
			matched = !rule->exclusion;
	}
	return matched;
}

/* The rule of BuildKit's walker (patternmatcher's MatchesUsingParentResults), which carries the results for parent
 * folders along; it forgets a rule that was not checked for a parent. */
static bool match_by_levels(const struct ignore *ignore, const char *path)
{
	bool small[SMALL_RULES] = { false };
	cleanup_free bool *large = ignore->len > SMALL_RULES ? mem_array(ignore->len, sizeof(bool)) : NULL;
	bool *seen = large ? large : small;
	size_t len = strlen(path);

	for (size_t i = 0; i < len; i++)
		if (path[i] == '/')
			match_level(ignore, seen, path, i);
	return match_level(ignore, seen, path, len);
}

bool ignore_walk(const struct ignore *ignore, const char *path)
{
	size_t len;

	if (!ignore)
		return false;
	if (ignore->exclusions)
		return ignore_matches(ignore, path) && match_by_levels(ignore, path);
	len = strlen(path);
	for (size_t i = 0; i < ignore->len; i++)
		if (ignore_pattern_match(ignore->rules[i].pattern, path, len))
			return true;
	return false;
}

bool ignore_descend(const struct ignore *ignore, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; ignore && ignore->exclusions && i < ignore->len; i++)
		if (ignore->rules[i].exclusion && ignore_pattern_below(ignore->rules[i].pattern, path, len))
			return true;
	return false;
}
