#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/builder/rawjson.h"

#define OBJECT_MAX (16u << 20) /* bytes of one object; a longer one is given up */
#define LINE_MAX_KEPT (64u * 1024)

struct vertex {
	char *digest, *name;
	bool started, cached, failed;
	uint64_t bytes;
	struct buf line; /* begun and not ended */
};

struct rawjson {
	void (*event)(void *data, const struct raw_event *event);
	void *data;
	struct map *vertexes; /* digest -> struct vertex */
	struct buf object;    /* that has begun */
	unsigned depth;
	bool in_string, escaped;
};

struct rawjson *rawjson_new(void (*event)(void *data, const struct raw_event *event), void *data)
{
	struct rawjson *raw = mem_alloc(sizeof(*raw));

	raw->event = event;
	raw->data = data;
	raw->vertexes = map_new();
	return raw;
}

void rawjson_free(struct rawjson *raw)
{
	if (!raw)
		return;
	for (size_t i = 0; i < map_len(raw->vertexes); i++) {
		struct vertex *vertex = map_value(raw->vertexes, i);

		free(vertex->digest);
		free(vertex->name);
		buf_free(&vertex->line);
		free(vertex);
	}
	map_free(raw->vertexes);
	buf_free(&raw->object);
	free(raw);
}

static void tell(struct rawjson *raw, enum raw_kind kind, const struct vertex *vertex, const char *text, size_t len)
{
	raw->event(raw->data, &(struct raw_event){
				      .kind = kind,
				      .name = vertex ? vertex->name : NULL,
				      .text = text,
				      .len = len,
			      });
}

/* A step that was not told of before has no name yet: it is told of later, or never. */
static struct vertex *vertex_of(struct rawjson *raw, const char *digest)
{
	struct vertex *vertex;

	if (!digest)
		return NULL;
	vertex = map_get(raw->vertexes, digest);
	if (!vertex) {
		vertex = mem_alloc(sizeof(*vertex));
		vertex->digest = mem_strdup(digest);
		vertex->name = mem_strdup("");
		map_set(raw->vertexes, vertex->digest, vertex);
	}
	return vertex;
}

static void take_vertex(struct rawjson *raw, const struct json *json)
{
	struct vertex *vertex = vertex_of(raw, json_str(json, "digest"));
	const char *name = json_str(json, "name"), *error = json_str(json, "error");

	if (!vertex)
		return;
	if (name && *name && strcmp(name, vertex->name) != 0) {
		free(vertex->name);
		vertex->name = mem_strdup(name);
	}
	if (json_bool(json, "cached") && !vertex->cached) {
		vertex->cached = true;
		tell(raw, RAW_CACHED, vertex, NULL, 0);
	}
	if (json_str(json, "started") && !vertex->started && !vertex->cached) {
		vertex->started = true;
		tell(raw, RAW_START, vertex, NULL, 0);
	}
	if (json_str(json, "completed") && vertex->line.len > 0) {
		tell(raw, RAW_LINE, vertex, vertex->line.data, vertex->line.len);
		buf_reset(&vertex->line);
	}
	if (error && *error && !vertex->failed) {
		vertex->failed = true;
		tell(raw, RAW_ERROR, vertex, error, strlen(error));
	}
}

static void take_status(struct rawjson *raw, const struct json *json)
{
	struct vertex *vertex = vertex_of(raw, json_str(json, "vertex"));
	int64_t current = json_int(json, "current"), total = json_int(json, "total");

	if (!vertex || current <= 0 || (uint64_t)current == vertex->bytes)
		return;
	vertex->bytes = (uint64_t)current;
	raw->event(raw->data, &(struct raw_event){
				      .kind = RAW_BYTES,
				      .name = vertex->name,
				      .what = json_str(json, "id"),
				      .bytes = (uint64_t)current,
				      .total = total > 0 ? (uint64_t)total : 0,
			      });
}

static int sextet(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Up to the padding, or what is no base64. */
static void add_base64(struct buf *out, const char *text)
{
	unsigned bits = 0, count = 0;
	int value;

	for (; (value = sextet(*text)) >= 0; text++) {
		bits = bits << 6 | (unsigned)value;
		count += 6;
		if (count < 8)
			continue;
		count -= 8;
		buf_char(out, (char)(bits >> count & 0xff));
	}
}

static void take_log(struct rawjson *raw, const struct json *json)
{
	struct vertex *vertex = vertex_of(raw, json_str(json, "vertex"));
	const char *text = json_str(json, "data");
	size_t from = 0;

	if (!vertex || !text)
		return;
	add_base64(&vertex->line, text);
	for (size_t i = 0; i < vertex->line.len; i++) {
		bool ends = vertex->line.data[i] == '\n';

		if (!ends && i + 1 - from < LINE_MAX_KEPT)
			continue;
		tell(raw, RAW_LINE, vertex, vertex->line.data + from, i - from + !ends);
		from = i + 1;
	}
	if (from == 0)
		return;
	memmove(vertex->line.data, vertex->line.data + from, vertex->line.len - from);
	vertex->line.len -= from;
}

static void take_warning(struct rawjson *raw, const struct json *json)
{
	struct vertex *vertex = vertex_of(raw, json_str(json, "vertex"));
	const char *text = json_str(json, "short"), *url = json_str(json, "url");
	cleanup_buf struct buf line = { 0 };

	if (!vertex || !text)
		return;
	add_base64(&line, text);
	if (url && *url)
		buf_printf(&line, " (%s)", url);
	tell(raw, RAW_WARNING, vertex, line.data ? line.data : "", line.len);
}

static void each(struct rawjson *raw, const struct json *list, void (*take)(struct rawjson *, const struct json *))
{
	for (size_t i = 0; i < json_len(list); i++)
		take(raw, json_at(list, i));
}

static void take_object(struct rawjson *raw)
{
	cleanup_json struct json *json = NULL;

	if (json_parse(raw->object.data, raw->object.len, "progress", &json, NULL) < 0) {
		tell(raw, RAW_TEXT, NULL, raw->object.data, raw->object.len);
		return;
	}
	each(raw, json_get(json, "vertexes"), take_vertex);
	each(raw, json_get(json, "statuses"), take_status);
	each(raw, json_get(json, "logs"), take_log);
	each(raw, json_get(json, "warnings"), take_warning);
}

/* Reads up to the end of the object; returns how many bytes were taken. */
static size_t take_bytes(struct rawjson *raw, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len) {
		char c = data[i++];

		if (raw->escaped) {
			raw->escaped = false;
		} else if (raw->in_string) {
			raw->escaped = c == '\\';
			raw->in_string = c != '"';
		} else if (c == '"') {
			raw->in_string = true;
		} else if (c == '{' || c == '[') {
			raw->depth++;
		} else if ((c == '}' || c == ']') && --raw->depth == 0) {
			break;
		}
	}
	buf_add(&raw->object, data, i);
	return i;
}

void rawjson_add(struct rawjson *raw, const char *line, size_t len)
{
	if (raw->depth == 0 && (len == 0 || *line != '{')) {
		tell(raw, RAW_TEXT, NULL, line, len);
		return;
	}
	while (len > 0) {
		size_t taken = take_bytes(raw, line, len);

		line += taken;
		len -= taken;
		if (raw->depth > 0 && raw->object.len < OBJECT_MAX)
			continue;
		take_object(raw);
		buf_reset(&raw->object);
		raw->depth = 0;
		raw->in_string = raw->escaped = false;
		if (len > 0 && *line != '{')
			return; /* nothing is behind an object on its line */
	}
}

bool rawjson_was_stopped(const char *error, size_t len)
{
	cleanup_free char *text = mem_strndup(error, len);

	return strstr(text, "context canceled") || strstr(text, "code = Canceled");
}
