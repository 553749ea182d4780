#include "config.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/convert/emit.h"

#define LINE_MAX_LEN 110 /* length of a list in one line */

static bool is_word_of_yaml(const char *text)
{
	static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcasecmp(text, words[i]) == 0)
			return true;
	}
	return false;
}

/* Whether the text needs no quotes, even in a list in one line. */
static bool is_plain(const char *text)
{
	if (!isalpha((unsigned char)text[0]) && !strchr("./_", text[0]))
		return false;
	if (!text[0] || is_word_of_yaml(text))
		return false;
	for (const char *c = text; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("./_-+=@", *c))
			return false;
	}
	/* ".5" and ".inf" would be numbers. */
	return text[0] != '.' || !text[1] || strchr(text, '/');
}

/* Other texts are written as JSON strings, which are valid YAML. Unicode's line breaks and the like are escaped. */
static void emit_add_text(struct buf *out, const struct json *value)
{
	const char *text = json_text(value);

	cleanup_buf struct buf quoted = { 0 };
	uint32_t rune;
	size_t len;

	if (is_plain(text)) {
		buf_str(out, text);
		return;
	}
	json_dump(value, JSON_COMPACT, &quoted);
	for (size_t i = 0; i < quoted.len; i += len) {
		len = text_rune(quoted.data + i, quoted.len - i, &rune);
		if (text_control(rune) && rune <= 0xffff)
			buf_printf(out, "\\u%04x", (unsigned)rune);
		else
			buf_add(out, quoted.data + i, len);
	}
}

static bool is_single(const struct json *value)
{
	return !json_is_object(value) && !json_is_array(value);
}

static void emit_add_single(struct buf *out, const struct json *value)
{
	if (json_text(value))
		emit_add_text(out, value);
	else
		json_dump(value, JSON_COMPACT, out);
}

static bool add_short_list(struct buf *out, const struct json *list)
{
	size_t before = out->len;

	buf_char(out, '[');
	for (size_t i = 0; i < json_len(list); i++) {
		if (!is_single(json_at(list, i)))
			break;
		buf_str(out, i ? ", " : "");
		emit_add_single(out, json_at(list, i));
		if (out->len - before > LINE_MAX_LEN)
			break;
		if (i + 1 == json_len(list)) {
			buf_char(out, ']');
			return true;
		}
	}
	out->len = before;
	return false;
}

static void emit_add_members(struct buf *out, const struct json *object, int indent, bool first_in_place);

/* Writes the value after "key:" or "-". */
static void emit_add_value(struct buf *out, const struct json *value, int indent)
{
	if (is_single(value)) {
		buf_char(out, ' ');
		emit_add_single(out, value);
		buf_char(out, '\n');
		return;
	}
	if (json_len(value) == 0) {
		buf_str(out, json_is_array(value) ? " []\n" : " {}\n");
		return;
	}
	if (json_is_object(value)) {
		buf_char(out, '\n');
		emit_add_members(out, value, indent + 2, false);
		return;
	}
	buf_char(out, ' ');
	if (add_short_list(out, value)) {
		buf_char(out, '\n');
		return;
	}
	out->data[out->len - 1] = '\n';
	for (size_t i = 0; i < json_len(value); i++) {
		const struct json *item = json_at(value, i);

		buf_printf(out, "%*s-", indent + 2, "");
		if (json_is_object(item) && json_len(item) > 0) {
			buf_char(out, ' ');
			emit_add_members(out, item, indent + 4, true);
		} else {
			emit_add_value(out, item, indent + 2);
		}
	}
}

static void emit_add_comment(struct buf *out, const char *text, int indent)
{
	if (*text)
		buf_printf(out, "%*s# ", indent, "");
	text_safe(out, text, strlen(text));
	buf_char(out, '\n');
}

static void emit_add_members(struct buf *out, const struct json *object, int indent, bool first_in_place)
{
	for (const void *it = json_first(object); it; it = json_next(object, it)) {
		struct json *key;

		if (json_key(it)[0] == '#') {
			emit_add_comment(out, json_text(json_member(it)), indent);
			continue;
		}
		key = json_new_string(json_key(it));
		buf_printf(out, "%*s", first_in_place ? 0 : indent, "");
		first_in_place = false;
		emit_add_text(out, key);
		buf_char(out, ':');
		emit_add_value(out, json_member(it), indent);
		json_free(key);
	}
}

void emit_yaml(struct buf *out, const struct json *object)
{
	emit_add_members(out, object, 0, false);
}
