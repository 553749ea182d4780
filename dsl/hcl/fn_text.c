#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/fs.h"
#include "base/text.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of texts. Characters are code points. */

static const char *text_arg(const struct hcl_call *c, size_t i)
{
	return c->args[i]->text;
}

/* The text, unless it became too long. */
static const struct hcl_value *made_text(struct hcl_call *c, struct buf *out)
{
	if (out->len <= HCL_TEXT_MAX)
		return hcl_string_take(c->e->heap, out);
	buf_free(out);
	return hcl_refuse(c, c->len, "the text is longer than %u MiB", HCL_TEXT_MAX >> 20);
}

static size_t rune_length(const char *text)
{
	uint32_t rune;
	size_t len = text_rune(text, strnlen(text, 4), &rune);

	return len ? len : 1;
}

static size_t count_runes(const char *text)
{
	size_t count = 0;

	for (; *text; text += rune_length(text))
		count++;
	return count;
}

/* Letters of ASCII and Latin-1. */
static uint32_t other_case(uint32_t rune, bool upper)
{
	uint32_t first = upper ? 'a' : 'A';

	if (rune >= first && rune < first + 26)
		return rune ^ 0x20;
	first = upper ? 0xe0 : 0xc0;
	if (rune >= first && rune < first + 0x1f && rune != first + 0x17)
		return rune ^ 0x20;
	return rune;
}

static const struct hcl_value *change_case(struct hcl_call *c, bool upper)
{
	struct buf out = { 0 };
	uint32_t rune;

	for (const char *s = text_arg(c, 0); *s; s += rune_length(s)) {
		text_rune(s, strnlen(s, 4), &rune);
		hcl_put_rune(&out, other_case(rune, upper));
	}
	return made_text(c, &out);
}

static const struct hcl_value *fn_upper(struct hcl_call *c)
{
	return change_case(c, true);
}

static const struct hcl_value *fn_lower(struct hcl_call *c)
{
	return change_case(c, false);
}

static const struct hcl_value *fn_title(struct hcl_call *c)
{
	struct buf out = { 0 };
	bool begins = true;
	uint32_t rune;

	for (const char *s = text_arg(c, 0); *s; s += rune_length(s)) {
		text_rune(s, strnlen(s, 4), &rune);
		hcl_put_rune(&out, begins ? other_case(rune, true) : rune);
		begins = rune < 0x80 && !hcl_word_rune(rune);
	}
	return made_text(c, &out);
}

static const struct hcl_value *fn_reverse(struct hcl_call *c)
{
	const char *begin = text_arg(c, 0), *at = begin + strlen(begin);
	struct buf out = { 0 };

	while (at > begin) {
		const char *end = at--;

		while (at > begin && ((unsigned char)*at & 0xc0) == 0x80)
			at--;
		buf_add(&out, at, (size_t)(end - at));
	}
	return made_text(c, &out);
}

static const struct hcl_value *fn_strlen(struct hcl_call *c)
{
	return hcl_number(c->e->heap, (long double)count_runes(text_arg(c, 0)));
}

static const struct hcl_value *fn_substr(struct hcl_call *c)
{
	const char *begin = text_arg(c, 0), *end;
	long offset, len, total = (long)count_runes(begin);

	if (!hcl_whole(c, 1, -(long)HCL_TEXT_MAX, HCL_TEXT_MAX, &offset) || !hcl_whole(c, 2, -1, HCL_TEXT_MAX, &len))
		return NULL;
	if (offset < 0 && !len)
		len = -1; /* as cty does it */
	offset += offset < 0 ? total : 0;
	if (offset < 0 || offset >= total)
		offset = offset < 0 ? 0 : total;
	for (; offset > 0; offset--)
		begin += rune_length(begin);
	for (end = begin; *end && len != 0; len -= len > 0)
		end += rune_length(end);
	return hcl_text(c->e->heap, begin, (size_t)(end - begin));
}

static const struct hcl_value *fn_join(struct hcl_call *c)
{
	struct buf out cleanup_buf = { 0 };
	bool first = true;

	for (size_t i = 1; i < c->len; i++) {
		for (size_t j = 0; j < c->args[i]->len && out.len <= HCL_TEXT_MAX; j++) {
			const char *part = hcl_single_text(c->e->heap, c->args[i]->items[j]);

			if (!part)
				return hcl_refuse(c, i, "the list holds %s, not only strings",
						  hcl_kind_name(c->args[i]->items[j]));
			buf_printf(&out, "%s%s", first ? "" : text_arg(c, 0), part);
			first = false;
		}
	}
	return made_text(c, &out);
}

static const struct hcl_value *fn_split(struct hcl_call *c)
{
	const char *separator = text_arg(c, 0), *rest = text_arg(c, 1);
	const struct hcl_value **parts = NULL, *made;
	size_t len = 0, cap = 0, width = strlen(separator);

	for (const char *end; rest; rest = end) {
		size_t part;

		if (!width && !*rest)
			break;
		end = width ? strstr(rest, separator) : rest + rune_length(rest);
		part = end ? (size_t)(end - rest) : strlen(rest);
		mem_reserve(&parts, &cap, len + 1, sizeof(struct hcl_value *));
		parts[len++] = hcl_text(c->e->heap, rest, part);
		end = end ? end + width : NULL;
	}
	made = hcl_sequence(c->e->heap, HCL_LIST, parts, len);
	free(parts);
	return made;
}

static const struct hcl_value *fn_chomp(struct hcl_call *c)
{
	size_t len = strlen(text_arg(c, 0));

	while (len && (text_arg(c, 0)[len - 1] == '\n' || text_arg(c, 0)[len - 1] == '\r'))
		len--;
	return hcl_text(c->e->heap, text_arg(c, 0), len);
}

static const struct hcl_value *fn_indent(struct hcl_call *c)
{
	struct buf out = { 0 };
	long spaces;

	if (!hcl_whole(c, 0, 0, 1000, &spaces))
		return NULL;
	for (const char *s = text_arg(c, 1); *s && out.len <= HCL_TEXT_MAX; s++) {
		buf_char(&out, *s);
		if (*s == '\n')
			buf_printf(&out, "%*s", (int)spaces, "");
	}
	return made_text(c, &out);
}

static const struct hcl_value *fn_trimspace(struct hcl_call *c)
{
	const char *s = text_arg(c, 0) + strspn(text_arg(c, 0), " \t\n\v\f\r");
	size_t len = strlen(s);

	while (len && strchr(" \t\n\v\f\r", s[len - 1]))
		len--;
	return hcl_text(c->e->heap, s, len);
}

/* Whether the set has the character that the text begins with. */
static bool in_set(const char *set, const char *text, size_t len)
{
	for (; *set; set += rune_length(set))
		if (rune_length(set) == len && !strncmp(set, text, len))
			return true;
	return false;
}

static const struct hcl_value *fn_trim(struct hcl_call *c)
{
	const char *begin = text_arg(c, 0), *end = begin + strlen(begin);

	while (*begin && in_set(text_arg(c, 1), begin, rune_length(begin)))
		begin += rune_length(begin);
	while (end > begin) {
		const char *last = end - 1;

		while (last > begin && ((unsigned char)*last & 0xc0) == 0x80)
			last--;
		if (!in_set(text_arg(c, 1), last, (size_t)(end - last)))
			break;
		end = last;
	}
	return hcl_text(c->e->heap, begin, (size_t)(end - begin));
}

static const struct hcl_value *fn_trimprefix(struct hcl_call *c)
{
	size_t len = strlen(text_arg(c, 1));

	return hcl_string(c->e->heap, text_arg(c, 0) + (strncmp(text_arg(c, 0), text_arg(c, 1), len) ? 0 : len));
}

static const struct hcl_value *fn_trimsuffix(struct hcl_call *c)
{
	size_t len = strlen(text_arg(c, 0)), suffix = strlen(text_arg(c, 1));

	if (suffix <= len && !strcmp(text_arg(c, 0) + len - suffix, text_arg(c, 1)))
		len -= suffix;
	return hcl_text(c->e->heap, text_arg(c, 0), len);
}

static const struct hcl_value *fn_replace(struct hcl_call *c)
{
	const char *s = text_arg(c, 0), *from = text_arg(c, 1), *to = text_arg(c, 2);
	size_t width = strlen(from);
	struct buf out = { 0 };

	while (out.len <= HCL_TEXT_MAX) {
		const char *found = width ? strstr(s, from) : s;
		size_t part = found ? (size_t)(found - s) : strlen(s);

		buf_add(&out, s, part);
		if (!found)
			break;
		buf_str(&out, to);
		s += part + width;
		if (width)
			continue;
		if (!*s)
			break;
		buf_add(&out, s, rune_length(s));
		s += rune_length(s);
	}
	return made_text(c, &out);
}

/* As Go's path.Base. */
static const struct hcl_value *fn_basename(struct hcl_call *c)
{
	const char *s = text_arg(c, 0), *begin;
	size_t len = strlen(s);

	if (!len)
		return hcl_string(c->e->heap, ".");
	while (len > 1 && s[len - 1] == '/')
		len--;
	begin = s + len;
	while (begin > s && begin[-1] != '/')
		begin--;
	return len == 1 && *s == '/' ? hcl_string(c->e->heap, "/")
				     : hcl_text(c->e->heap, begin, (size_t)(s + len - begin));
}

static const struct hcl_value *fn_dirname(struct hcl_call *c)
{
	const char *slash = strrchr(text_arg(c, 0), '/');
	cleanup_free char *dir = slash ? mem_strndup(text_arg(c, 0), (size_t)(slash - text_arg(c, 0)) + 1)
				       : mem_strdup("");
	cleanup_free char *cleaned = path_clean(*dir ? dir : ".");

	return hcl_string(c->e->heap, cleaned);
}

static const struct hcl_value *fn_sanitize(struct hcl_call *c)
{
	struct buf out = { 0 };

	for (const char *s = text_arg(c, 0); *s; s += rune_length(s))
		buf_char(&out, (unsigned char)*s < 0x80 && (hcl_word_rune((uint32_t)*s) || *s == '-') ? *s : '_');
	return made_text(c, &out);
}

static const struct hcl_value *fn_bytes(struct hcl_call *c)
{
	return hcl_refuse(c, 0, "it takes bytes, and no expression makes any");
}

static const struct hcl_value *fn_homedir(struct hcl_call *c)
{
	const char *home = getenv("HOME");

	return home && *home ? hcl_string(c->e->heap, home) : hcl_refuse(c, 0, "HOME is not set");
}

const struct hcl_function_row hcl_text_functions[] = {
	{ "basename", fn_basename, "s" },   { "byteslen", fn_bytes, "?" },
	{ "bytesslice", fn_bytes, "???" },  { "chomp", fn_chomp, "s" },
	{ "dirname", fn_dirname, "s" },     { "homedir", fn_homedir, "" },
	{ "indent", fn_indent, "ns" },      { "join", fn_join, "sl." },
	{ "lower", fn_lower, "s" },         { "replace", fn_replace, "sss" },
	{ "reverse", fn_reverse, "s" },     { "sanitize", fn_sanitize, "s" },
	{ "split", fn_split, "ss" },        { "strlen", fn_strlen, "s" },
	{ "substr", fn_substr, "snn" },     { "title", fn_title, "s" },
	{ "trim", fn_trim, "ss" },          { "trimprefix", fn_trimprefix, "ss" },
	{ "trimspace", fn_trimspace, "s" }, { "trimsuffix", fn_trimsuffix, "ss" },
	{ "upper", fn_upper, "s" },         { 0 },
};
