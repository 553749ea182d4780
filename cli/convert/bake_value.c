#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/convert/bake_value.h"

/* Appends "${NAME}" of a variable at the start of `text`; returns its length, 0 when there is none. */
static size_t add_variable(const char *text, const struct json *variables, struct buf *out)
{
	size_t len = strcspn(text + 2, "}");
	cleanup_free char *name = mem_strndup(text + 2, len);

	if (!json_get(variables, name))
		return 0;
	buf_printf(out, "${%s}", name);
	return len + 3;
}

bool bake_value_text(const char *text, const struct json *variables, struct buf *out)
{
	while (*text) {
		size_t len = 1;

		if (strncmp(text, "$${", 3) == 0 || strncmp(text, "%%{", 3) == 0) {
			buf_str(out, *text == '$' ? "$${" : "%{");
			len = 3;
		} else if (strncmp(text, "${", 2) == 0 || strncmp(text, "%{", 2) == 0) {
			len = *text == '$' ? add_variable(text, variables, out) : 0;
		} else {
			buf_str(out, *text == '$' ? "$" : "");
			buf_char(out, *text);
		}
		if (len == 0)
			return false;
		text += len;
	}
	return true;
}

static void add_attribute(struct buf *out, bool *first, const char *name, const char *value)
{
	buf_printf(out, "%s%s=%s", *first ? "" : ",", name, value);
	*first = false;
}

void bake_value_attributes(const struct json *value, struct buf *out)
{
	bool first = true;

	if (json_text(value)) {
		buf_str(out, json_text(value));
		return;
	}
	/* An entry of ssh: {"id": "default", "paths": [...]} */
	if (json_get(value, "id") && !json_get(value, "type")) {
		const char *path = json_text(json_at(json_get(value, "paths"), 0));

		buf_printf(out, "%s%s%s", json_str(value, "id"), path ? "=" : "", path ? path : "");
		return;
	}
	if (json_str(value, "type"))
		add_attribute(out, &first, "type", json_str(value, "type"));
	for (const void *it = json_is_object(value) ? json_first(value) : NULL; it; it = json_next(value, it)) {
		if (json_text(json_member(it)) && strcmp(json_key(it), "type") != 0)
			add_attribute(out, &first, json_key(it), json_text(json_member(it)));
	}
}

char *bake_value_attribute(const struct json *value, const char *name)
{
	const char *text = json_text(value);
	size_t len = strlen(name);

	if (!text)
		return json_str(value, name) ? mem_strdup(json_str(value, name)) : NULL;
	while (*text) {
		size_t part = strcspn(text, ",");

		if (part > len && strncmp(text, name, len) == 0 && text[len] == '=')
			return mem_strndup(text + len + 1, part - len - 1);
		text += part + (text[part] == ',');
	}
	return NULL;
}

bool bake_value_same(const struct json *a, const struct json *b)
{
	cleanup_buf struct buf left = { 0 }, right = { 0 };

	json_dump(a, JSON_CANONICAL, &left);
	json_dump(b, JSON_CANONICAL, &right);
	return strcmp(left.data, right.data) == 0;
}
