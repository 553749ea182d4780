#include "config.h"

#include "cli/doc/jsonschema.h"

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json.h"
#include "cli/reference.h"
#include "dsl/schema.h"

/* The JSON types of a value; null ("key:") is always allowed. */
enum kind { TEXT = 1, NUMBER = 2, INTEGER = 4, BOOLEAN = 8, ARRAY = 16, OBJECT = 32 };

static struct json *of_kinds(unsigned kinds)
{
	static const char *const names[] = { "string", "number", "integer", "boolean", "array", "object" };
	struct json *value = json_new_object(), *list = json_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (kinds & (1u << i))
			json_append(list, json_new_string(names[i]));
	}
	json_append(list, json_new_string("null"));
	json_set(value, "type", list);
	return value;
}

/* Any single value may be a text, because it may contain variables. */
static struct json *single(void)
{
	return of_kinds(TEXT | NUMBER | BOOLEAN);
}

static struct json *jsonschema_number(int64_t min, int64_t max)
{
	struct json *value = of_kinds(INTEGER | TEXT);

	json_set_int(value, "minimum", min);
	if (max)
		json_set_int(value, "maximum", max);
	return value;
}

static struct json *jsonschema_list_of(struct json *item)
{
	struct json *value = of_kinds(ARRAY);

	json_set(value, "items", item);
	return value;
}

static struct json *map_of(struct json *each)
{
	struct json *value = of_kinds(OBJECT);

	json_set(value, "additionalProperties", each);
	return value;
}

static struct json *either(struct json *a, struct json *b)
{
	struct json *value = json_new_object(), *list = json_new_array();

	json_append(list, a);
	json_append(list, b);
	json_set(value, "anyOf", list);
	return value;
}

/* A map with these properties and any that begin with "x-". */
static struct json *closed(struct json *properties)
{
	struct json *value = of_kinds(OBJECT), *ignored = json_new_object();

	json_set(ignored, "^x-", json_new_object());
	json_set(value, "properties", properties);
	json_set(value, "patternProperties", ignored);
	json_set_bool(value, "additionalProperties", false);
	return value;
}

static struct json *words_of(const struct schema_key *key)
{
	struct json *properties = json_new_object();

	for (const char *const *word = key->words; *word; word++)
		json_set(properties, *word, json_new_object());
	return closed(properties);
}

static struct json *reference_to(const struct schema *schema)
{
	cleanup_buf struct buf path = { 0 };
	struct json *value = json_new_object();

	buf_printf(&path, "#/definitions/%s", schema->name);
	json_set_str(value, "$ref", path.data);
	return value;
}

/* One of its values, or a text with a variable. */
static struct json *one_of_values(const struct schema_key *key)
{
	struct json *value = json_new_object(), *list = json_new_array(), *variable = json_new_object();

	for (size_t i = 0; i < key->values_len; i++) {
		if (key->values[i])
			json_append(list, json_new_string(key->values[i]));
	}
	json_append(list, json_new_null());
	json_set(value, "enum", list);
	json_set_str(variable, "type", "string");
	json_set_str(variable, "pattern", "\\$");
	return either(value, variable);
}

static struct json *texts(void)
{
	return either(single(), jsonschema_list_of(single()));
}

/* The shapes that its flags allow; a map has the keys in `words`, if there are any. */
static struct json *shape(const struct schema_key *key)
{
	unsigned kinds = key->flags & FLAG_SINGLE ? TEXT | NUMBER | BOOLEAN : 0;

	if (key->words && (key->flags & FLAG_LIST))
		return jsonschema_list_of(either(single(), words_of(key)));
	if (key->words)
		return either(single(), words_of(key));
	return of_kinds(kinds | (key->flags & FLAG_LIST ? ARRAY : 0) | (key->flags & FLAG_MAP ? OBJECT : 0));
}

static struct json *jsonschema_named(const struct schema_key *key)
{
	if (key->sub)
		return map_of(reference_to(key->sub));
	return map_of(key->flags & FLAG_LIST ? texts() : single());
}

static struct json *jsonschema_value_of(const struct schema_key *key)
{
	switch (key->type) {
	case TYPE_IGNORED:
	case TYPE_SHAPE:
	case TYPE_PEERS:
		return shape(key);
	case TYPE_NODE:
		return jsonschema_named(key);
	case TYPE_NAMED:
		return key->flags & FLAG_LIST ? either(texts(), map_of(reference_to(key->sub)))
					      : map_of(reference_to(key->sub));
	case TYPE_ITEMS:
		return jsonschema_list_of(reference_to(key->sub));
	case TYPE_TEXT:
	case TYPE_PULL:
	case TYPE_INDEX:
	case TYPE_MEDIA:
	case TYPE_REVISION:
	case TYPE_SCHEME:
		return key->values ? one_of_values(key) : single();
	case TYPE_BOOL:
		return of_kinds(BOOLEAN | TEXT);
	case TYPE_EPOCH:
		return jsonschema_number(0, 0);
	case TYPE_STATUS:
		return jsonschema_number(100, 599);
	case TYPE_COUNT:
		return key->flags & FLAG_ZERO ? jsonschema_number(0, UINT16_MAX) : jsonschema_number(1, 1000);
	case TYPE_PORT:
		return jsonschema_number(1, 65535);
	case TYPE_SIZE:
	case TYPE_MEMORY:
		return jsonschema_number(1, 0);
	case TYPE_DURATION:
		return of_kinds(TEXT);
	case TYPE_TEXTS:
	case TYPE_CSV:
	case TYPE_WORDS:
	case TYPE_TEST:
		return texts();
	case TYPE_COMMANDS:
		return jsonschema_list_of(texts());
	case TYPE_PAIRS:
	case TYPE_ENV:
	case TYPE_HOSTS:
		return either(map_of(single()), jsonschema_list_of(single()));
	case TYPE_ULIMITS:
		return map_of(either(single(), map_of(single())));
	case TYPE_PAIR:
		return map_of(single());
	case TYPE_PORTS:
	case TYPE_MOUNTS:
	case TYPE_SECRETS:
	case TYPE_DEVICES:
	case TYPE_OUTPUTS:
		return jsonschema_list_of(either(single(), words_of(key)));
	case TYPE_ENV_FILES:
		return either(single(), jsonschema_list_of(either(single(), words_of(key))));
	case TYPE_SOURCES:
		return map_of(words_of(key));
	case TYPE_NETWORKS:
		return either(jsonschema_list_of(single()), map_of(words_of(key)));
	case TYPE_DEPENDS:
		return either(jsonschema_list_of(single()), map_of(words_of(key)));
	case TYPE_MAP:
		return schema_short_words(key->sub) ? either(texts(), reference_to(key->sub))
		       : key->sub->short_key        ? either(single(), reference_to(key->sub))
						    : reference_to(key->sub);
	case SCHEMA_TYPES:
		break;
	}
	return json_new_object();
}

static struct json *map_schema(const struct schema *schema)
{
	struct json *properties = json_new_object();

	for (size_t i = 0; i < schema->len; i++) {
		struct json *value = jsonschema_value_of(&schema->keys[i]);

		json_set_str(value, "description", schema->keys[i].doc);
		json_set(properties, schema->keys[i].name, value);
	}
	return closed(properties);
}

static void add_definition(const struct reference_map *map, void *data)
{
	if (map->schema != &schema_root)
		json_set(data, map->schema->name, map_schema(map->schema));
}

static struct json *required(const char *key)
{
	struct json *value = json_new_object(), *list = json_new_array();

	json_append(list, json_new_string(key));
	json_set(value, "required", list);
	return value;
}

struct json *jsonschema_new(void)
{
	struct json *root = map_schema(&schema_root), *definitions = json_new_object(), *needed = json_new_array();

	reference_each(add_definition, definitions);
	json_set_str(root, "$schema", "http://json-schema.org/draft-07/schema#");
	json_set_str(root, "title", "cbuild's manifest (services.yaml)");
	json_set_str(root, "type", "object");
	/* Services may all come from an included manifest. */
	json_append(needed, required("services"));
	json_append(needed, required("include"));
	json_set(root, "anyOf", needed);
	json_set(root, "definitions", definitions);
	return root;
}
