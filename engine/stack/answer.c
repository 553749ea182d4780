#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pattern.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/io/http.h"
#include "engine/stack/probe.h"

bool probe_same_origin(const char *origin, const char *location)
{
	size_t len = strlen(origin);

	return strncmp(location, origin, len) == 0 && (location[len] == '\0' || strchr("/?#", location[len]));
}

/* The value at "a.b.0", or NULL. */
static const struct json *walk(const struct json *json, const char *path)
{
	cleanup_free char *copy = mem_strdup(path);
	char *rest = NULL;

	for (char *step = strtok_r(copy, ".", &rest); step && json; step = strtok_r(NULL, ".", &rest)) {
		char *end;
		unsigned long i = strtoul(step, &end, 10);

		json = json_is_array(json) ? (*end ? NULL : json_at(json, i)) : json_get(json, step);
	}
	return json;
}

static bool judge_json(const struct http_check *check, const struct http_response *response, struct buf *why)
{
	cleanup_json struct json *json = NULL;
	cleanup_error struct error *error = NULL;
	cleanup_buf struct buf has = { 0 };
	const struct json *value;

	if (!check->json_path.s)
		return true;
	if (json_parse(response->body->data, response->body->len, "the answer", &json, &error) < 0) {
		buf_str(why, "the body is not JSON: ");
		text_safe(why, error->message, strlen(error->message));
		return false;
	}
	value = walk(json, check->json_path.s);
	if (!value) {
		buf_printf(why, "the body has no %s", check->json_path.s);
		return false;
	}
	if (json_text(value))
		buf_str(&has, json_text(value));
	else
		json_dump(value, JSON_COMPACT, &has);
	if (!check->json_value.s || strcmp(has.data ? has.data : "", check->json_value.s) == 0)
		return true;
	buf_printf(why, "%s is '", check->json_path.s);
	text_safe(why, has.data ? has.data : "", has.len < PROBE_SHOWN_MAX ? has.len : PROBE_SHOWN_MAX);
	buf_printf(why, "' instead of '%s'", check->json_value.s);
	return false;
}

static bool judge_status(const struct http_check *check, long status, struct buf *why)
{
	if (check->status != 0 && status != check->status) {
		buf_printf(why, "status %ld instead of %u", status, check->status);
		return false;
	}
	if (check->status == 0 && (status < 200 || status > 299)) {
		buf_printf(why, "status %ld instead of 2xx", status);
		return false;
	}
	return true;
}

int probe_judge(const struct http_check *check, const struct pattern *pattern, const struct http_response *response,
		bool *ret_good, struct buf *why, struct error **err)
{
	*ret_good = false;
	if (!judge_status(check, response->status, why))
		return 0;
	if (pattern) {
		int found = pattern_find(pattern, response->body->data, response->body->len, err);

		if (found < 0)
			return -1;
		if (!found) {
			buf_printf(why, "status %ld, but the body does not match '%s'", response->status, check->body.s);
			return 0;
		}
	}
	*ret_good = judge_json(check, response, why);
	return 0;
}
