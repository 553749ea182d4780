#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* Host names and secrets of a build, in compose's notation. */

/* "NAME=ADDRESS" or "NAME:ADDRESS", with or without brackets around the address -> "NAME:ADDRESS". */
static bool host_text(struct decode *d, const struct text *text, struct text *ret)
{
	size_t name = strcspn(text->s, "=:"), len;
	const char *address = text->s[name] ? text->s + name + 1 : "";

	len = strlen(address);
	if (*address == '[' && len > 2 && address[len - 1] == ']') {
		address++;
		len -= 2;
	}
	if (!name || !len || strpbrk(text->s, " \t\r\n,")) {
		diags_add(d->diags, text->pos, "write \"db=10.0.0.1\"", "\"%s\" is not a host name with its address",
			  text->s);
		return false;
	}
	*ret = (struct text){ arena_printf(d->arena, "%.*s:%.*s", (int)name, text->s, (int)len, address), text->pos };
	return true;
}

void decode_hosts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct texts *hosts = out;
	struct pairs pairs = { 0 };
	struct texts texts = { 0 };

	if (node->kind == NODE_MAP) {
		decode_pairs(d, key, node, &pairs);
		texts.items = arena_array(d->arena, pairs.len, sizeof(*texts.items));
		for (; texts.len < pairs.len; texts.len++)
			texts.items[texts.len] =
				(struct text){ arena_printf(d->arena, "%s=%s", pairs.items[texts.len].key.s,
							    pairs.items[texts.len].value.s),
					       pairs.items[texts.len].key.pos };
	} else if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	} else if (!decode_texts(d, key, node, &texts)) {
		return;
	}
	hosts->items = arena_array(d->arena, texts.len, sizeof(*hosts->items));
	for (size_t i = 0; i < texts.len; i++)
		hosts->len += host_text(d, &texts.items[i], &hosts->items[hosts->len]);
}

/* A number; -1: unlimited. */
static bool is_limit(const char *text)
{
	size_t len = strspn(text, "0123456789");

	return strcmp(text, "-1") == 0 || (len > 0 && len < 20 && !text[len]);
}

static const char *ulimit_part(struct decode *d, const struct yaml_node *node, const char *which)
{
	const struct yaml_node *value = node->kind == NODE_MAP ? node_get(node, which) : node;

	if (value && value->kind == NODE_SCALAR && is_limit(value->text))
		return value->text;
	diags_add(d->diags, value ? value->pos : node->pos,
		  "write \"nofile: 1024\", or \"nofile: {soft: 1024, hard: 2048}\"",
		  "a limit is a number, or its soft and hard limit");
	return NULL;
}

/* {nofile: 1024, nproc: {soft: 1024, hard: 2048}} */
void decode_ulimits(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct texts *limits = out;

	if (node->kind != NODE_MAP) {
		decode_wrong_type(d, key, node);
		return;
	}
	limits->items = arena_array(d->arena, node->len, sizeof(*limits->items));
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];
		const char *soft = ulimit_part(d, entry->value, "soft");
		const char *hard = soft ? ulimit_part(d, entry->value, "hard") : NULL;

		if (hard)
			limits->items[limits->len++] =
				(struct text){ arena_printf(d->arena, "%s=%s:%s", entry->key, soft, hard), entry->pos };
	}
}

static bool decode_use(struct decode *d, const struct schema_key *key, const struct yaml_node *node,
		       struct draft_secret *ret)
{
	const struct yaml_node *source = node_get(node, "source"), *target = node_get(node, "target");

	if (node->kind == NODE_SCALAR)
		return decode_text(d, key, node, &ret->source);
	if (node->kind != NODE_MAP) {
		if (node->kind != NODE_BROKEN)
			diags_add(d->diags, node->pos, "write its name, or {source: NAME, target: ID}",
				  "an item of \"%s\" must be a secret, but this is %s", key->name, node_type_name(node));
		return false;
	}
	decode_known(d, key, node, "a secret");
	if (!source) {
		diags_add(d->diags, node->pos, NULL, "a secret needs \"source\"");
		return false;
	}
	if (target && target->kind != NODE_NULL && !decode_text(d, key, target, &ret->target))
		return false;
	return decode_text(d, key, source, &ret->source);
}

void decode_secrets(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct schema_key filled = *key;
	struct draft_secret *secrets;
	size_t len = 0;

	filled.flags |= FLAG_FILLED;
	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	secrets = arena_array(d->arena, node->len, sizeof(*secrets));
	for (size_t i = 0; i < node->len; i++)
		len += decode_use(d, &filled, node->items[i], &secrets[len]);
	decode_put_array(out, secrets, len);
}

static bool decode_source(struct decode *d, const struct schema_key *key, const struct entry *entry,
			  struct draft_source *ret)
{
	static const struct schema_key file_key = { .name = "file", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	static const struct schema_key variable_key = { .name = "environment", .type = TYPE_TEXT, .flags = FLAG_FILLED };
	const struct yaml_node *node = entry->value;
	const struct yaml_node *file = node_get(node, "file"), *variable = node_get(node, "environment");

	ret->name = (struct text){ entry->key, entry->pos };
	if (node->kind == NODE_NULL)
		return true;
	if (node->kind != NODE_MAP) {
		if (node->kind != NODE_BROKEN)
			diags_add(d->diags, node->pos, "write {file: PATH} or {environment: NAME}",
				  "the secret \"%s\" must be a map, but this is %s", entry->key, node_type_name(node));
		return false;
	}
	decode_known(d, key, node, "a secret");
	if (file && variable) {
		diags_add(d->diags, entry->pos, NULL, "the secret \"%s\" has both \"file\" and \"environment\"",
			  entry->key);
		return false;
	}
	return (!file || decode_text(d, &file_key, file, &ret->file)) &&
	       (!variable || decode_text(d, &variable_key, variable, &ret->variable));
}

void decode_sources(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct draft_source *sources;
	size_t len = 0;

	if (node->kind != NODE_MAP) {
		decode_wrong_type(d, key, node);
		return;
	}
	sources = arena_array(d->arena, node->len, sizeof(*sources));
	for (size_t i = 0; i < node->len; i++)
		len += decode_source(d, key, &node->entries[i], &sources[len]);
	decode_put_array(out, sources, len);
}
