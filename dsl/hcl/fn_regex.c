#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of regular expressions. */

struct search {
	struct hcl_call *c;
	struct pattern *pattern;
	const char *text;
	size_t len;
	size_t offsets[2 * PATTERN_GROUPS_MAX];
	size_t groups;
};

static bool search_failed(struct search *search, struct error *error)
{
	hcl_refuse(search->c, 0, "%s", error->message);
	error_free(error);
	return false;
}

static bool search_begin(struct search *search, struct hcl_call *c, const char *pattern, const char *text)
{
	struct error *error = NULL;

	*search = (struct search){ .c = c, .text = text, .len = strlen(text) };
	return pattern_new_text(pattern, &search->pattern, &error) == 0 || search_failed(search, error);
}

/* 1: found; 0: not; negative after a complaint. */
static int search_from(struct search *search, size_t start)
{
	struct error *error = NULL;
	int found = pattern_groups(search->pattern, search->text, search->len, start, search->offsets, &search->groups,
				   &error);

	if (found < 0)
		search_failed(search, error);
	return found;
}

/* Where to look on, so that an empty match is not found again. */
static size_t search_next(const struct search *search)
{
	size_t next = search->offsets[1];

	if (search->offsets[0] < next)
		return next;
	next++;
	while (next < search->len && ((unsigned char)search->text[next] & 0xc0) == 0x80)
		next++;
	return next;
}

static const struct hcl_value *group_value(struct search *search, size_t i)
{
	size_t from = search->offsets[2 * i];

	return from == PATTERN_UNSET
		       ? hcl_null()
		       : hcl_text(search->c->e->heap, search->text + from, search->offsets[2 * i + 1] - from);
}

/* The match: a string, a tuple of the groups, or an object when they have names. */
static const struct hcl_value *match_value(struct search *search)
{
	struct hcl_heap *heap = search->c->e->heap;
	const struct hcl_value *items[PATTERN_GROUPS_MAX];
	const char *keys[PATTERN_GROUPS_MAX];
	size_t named = 0, len = search->groups - 1;

	if (!len)
		return group_value(search, 0);
	for (size_t i = 0; i < len; i++) {
		const char *name = pattern_group_name(search->pattern, i + 1);

		items[i] = group_value(search, i + 1);
		keys[i] = name ? arena_strdup(heap->arena, name) : NULL;
		named += name != NULL;
	}
	if (named && named < len)
		return hcl_refuse(search->c, 0, "either all groups have names, or none has");
	return named ? hcl_mapping(heap, HCL_OBJECT, keys, items, len) : hcl_sequence(heap, HCL_TUPLE, items, len);
}

static const struct hcl_value *fn_regex(struct hcl_call *c)
{
	const struct hcl_value *made = NULL;
	struct search search;
	int found;

	if (!search_begin(&search, c, c->args[0]->text, c->args[1]->text))
		return NULL;
	found = search_from(&search, 0);
	if (found > 0)
		made = match_value(&search);
	else if (found == 0)
		hcl_refuse(c, 1, "the pattern does not match \"%.60s\"", c->args[1]->text);
	pattern_free(search.pattern);
	return made;
}

static const struct hcl_value *fn_regexall(struct hcl_call *c)
{
	const struct hcl_value **items = NULL, *made = NULL;
	size_t len = 0, cap = 0, at = 0;
	struct search search;
	int found = 1;

	if (!search_begin(&search, c, c->args[0]->text, c->args[1]->text))
		return NULL;
	while (at <= search.len && hcl_heap_spend(c->e->heap, 1) && (found = search_from(&search, at)) > 0) {
		mem_reserve(&items, &cap, len + 1, sizeof(struct hcl_value *));
		items[len] = match_value(&search);
		if (!items[len++])
			break;
		at = search_next(&search);
	}
	if (found >= 0 && (!len || items[len - 1]))
		made = hcl_sequence(c->e->heap, HCL_LIST, items, len);
	free(items);
	pattern_free(search.pattern);
	return made;
}

/* "$1", "${name}", "$$": as Go's Regexp.Expand. Returns what is behind it. */
static const char *put_group(struct search *search, const char *s, struct buf *out)
{
	bool braces = s[1] == '{';
	const char *name = s + 1 + braces;
	size_t len = 0, group;
	cleanup_free char *word = NULL;

	while (hcl_word_rune((unsigned char)name[len]))
		len++;
	if (s[1] == '$' || !len || (braces && name[len] != '}')) {
		buf_char(out, '$');
		return s + 1 + (s[1] == '$');
	}
	word = mem_strndup(name, len);
	group = strspn(word, "0123456789") == len ? strtoul(word, NULL, 10) : PATTERN_GROUPS_MAX;
	for (size_t i = 1; group == PATTERN_GROUPS_MAX && i < search->groups; i++) {
		const char *known = pattern_group_name(search->pattern, i);

		if (known && !strcmp(known, word))
			group = i;
	}
	if (group < search->groups && search->offsets[2 * group] != PATTERN_UNSET)
		buf_add(out, search->text + search->offsets[2 * group],
			search->offsets[2 * group + 1] - search->offsets[2 * group]);
	return name + len + braces;
}

static const struct hcl_value *fn_regex_replace(struct hcl_call *c)
{
	struct buf out cleanup_buf = { 0 };
	size_t at = 0, copied = 0;
	struct search search;
	int found = 1;

	if (!search_begin(&search, c, c->args[1]->text, c->args[0]->text))
		return NULL;
	while (at <= search.len && out.len <= HCL_TEXT_MAX && (found = search_from(&search, at)) > 0) {
		buf_add(&out, search.text + copied, search.offsets[0] - copied);
		for (const char *s = c->args[2]->text; *s;) {
			if (*s == '$')
				s = put_group(&search, s, &out);
			else
				buf_char(&out, *s++);
		}
		copied = search.offsets[1];
		at = search_next(&search);
	}
	if (copied < search.len)
		buf_add(&out, search.text + copied, search.len - copied);
	pattern_free(search.pattern);
	if (out.len > HCL_TEXT_MAX)
		return hcl_refuse(c, 0, "the text is longer than %u MiB", HCL_TEXT_MAX >> 20);
	return found < 0 ? NULL : hcl_string_take(c->e->heap, &out);
}

const struct hcl_function_row hcl_regex_functions[] = {
	{ "regex", fn_regex, "ss" },
	{ "regex_replace", fn_regex_replace, "sss" },
	{ "regexall", fn_regexall, "ss" },
	{ 0 },
};
