#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/decode.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/words.h"

/* Texts and lists of texts, and the complaint that all types share. */

void decode_put_array(void *out, const void *items, size_t len)
{
	memcpy(out, &items, sizeof(items));
	memcpy((char *)out + sizeof(items), &len, sizeof(len));
}

void decode_wrong_type(struct decode *d, const struct schema_key *key, const struct yaml_node *node)
{
	const char *hint = NULL;

	if (node->kind == NODE_BROKEN)
		return;
	if (node->kind == NODE_SCALAR && (key->type == TYPE_PORTS || key->type == TYPE_DEPENDS))
		hint = arena_printf(d->arena, "write [%s]", node->text);
	if (node->kind == NODE_NULL)
		diags_add(d->diags, node->pos, NULL, "\"%s\" has no value", key->name);
	else
		diags_add(d->diags, node->pos, hint, "\"%s\" must be %s, but this is %s", key->name,
			  schema_type_name(key), node_type_name(node));
}

static bool check_late(struct decode *d, const struct schema_key *key, const char *s, struct pos pos)
{
	const char *platform = key->flags & FLAG_PLATFORM ? "platform." : NULL;
	const char *image = key->flags & FLAG_IMAGE ? "image." : NULL;
	size_t len;
	const char *name = late_foreign(s, platform, image, &len);

	if (!name)
		return true;
	diags_add(d->diags, pos,
		  !strncmp(name, "image.", 6)
			  ? "it can be used in verify.run"
			  : "it can be used in build.args, prepare.run, prepare.outputs and verify.run",
		  "${%.*s} is not known in \"%s\"", (int)len, name, key->name);
	return false;
}

bool decode_text(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct text *ret)
{
	if (node->kind != NODE_SCALAR) {
		decode_wrong_type(d, key, node);
		return false;
	}
	if ((key->flags & FLAG_FILLED) && !node->len) {
		diags_add(d->diags, node->pos, NULL, "\"%s\" must not be empty", key->name);
		return false;
	}
	if (!check_late(d, key, node->text, node->pos))
		return false;
	*ret = (struct text){ node->text, node->pos };
	return true;
}

/* A value in a list. */
static bool decode_text_decode_item(struct decode *d, const struct schema_key *key, const struct yaml_node *node,
				    struct text *ret)
{
	if (node->kind == NODE_SCALAR)
		return decode_text(d, key, node, ret);
	if (node->kind == NODE_NULL)
		diags_add(d->diags, node->pos, NULL, "an item of \"%s\" has no value", key->name);
	else if (node->kind != NODE_BROKEN)
		diags_add(d->diags, node->pos, NULL, "an item of \"%s\" must be a text, but this is %s", key->name,
			  node_type_name(node));
	return false;
}

/* The texts already in a list: compared one by one while few, in a map when many. */
struct seen {
	struct map *map;
};

#define SMALL_LIST 16

static void seen_cleanup(struct seen *seen)
{
	map_free(seen->map);
}

#define cleanup_seen __attribute__((cleanup(seen_cleanup)))

/* Adds items[len]; returns an earlier equal item, or NULL. */
static struct text *seen_add(struct seen *seen, struct text *items, size_t len)
{
	if (!seen->map && len >= SMALL_LIST) {
		seen->map = map_new();
		for (size_t i = 0; i < len; i++)
			map_set(seen->map, items[i].s, &items[i]);
	}
	if (seen->map) {
		struct text *first = map_get(seen->map, items[len].s);

		return first ? first : map_set(seen->map, items[len].s, &items[len]);
	}
	for (size_t i = 0; i < len; i++)
		if (!strcmp(items[i].s, items[len].s))
			return &items[i];
	return NULL;
}

bool decode_texts(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret)
{
	struct seen seen cleanup_seen = { 0 };
	bool good = true;

	if (node->kind == NODE_SCALAR) {
		ret->items = arena_array(d->arena, 1, sizeof(*ret->items));
		ret->len = decode_text(d, key, node, ret->items);
		return ret->len == 1;
	}
	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return false;
	}
	ret->items = arena_array(d->arena, node->len, sizeof(*ret->items));
	for (size_t i = 0; i < node->len; i++) {
		struct text *item = &ret->items[ret->len], *first;

		if (node->items[i]->kind == NODE_SCALAR && !node->items[i]->len && (key->flags & FLAG_FILLED))
			continue; /* from a variable that is empty */
		if (!decode_text_decode_item(d, key, node->items[i], item)) {
			good = false;
			continue;
		}
		first = seen_add(&seen, ret->items, ret->len);
		if (first) {
			diags_add(d->diags, item->pos, NULL, "\"%s\" is listed twice in \"%s\"", item->s, key->name);
			diags_note(d->diags, first->pos, "first listed here");
			good = false;
			continue;
		}
		ret->len++;
	}
	return good;
}

struct pieces {
	struct text *items;
	size_t len, cap;
};

static void split_commas(struct decode *d, const struct text *text, struct pieces *pieces)
{
	static const char blank[] = " \t\n";
	const char *s = text->s;

	while (*(s += strspn(s, ", \t\n"))) {
		size_t len = strcspn(s, ","), shown = len;

		while (strchr(blank, s[shown - 1]))
			shown--;
		mem_reserve(&pieces->items, &pieces->cap, pieces->len + 1, sizeof(*pieces->items));
		pieces->items[pieces->len++] = (struct text){ arena_strndup(d->arena, s, shown), text->pos };
		s += len;
	}
}

/* Duplicates are fine here: such lists come from variables. */
void decode_csv(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret)
{
	struct seen seen cleanup_seen = { 0 };
	struct pieces pieces = { 0 };
	struct text item;

	if (node->kind == NODE_SCALAR) {
		if (decode_text(d, key, node, &item))
			split_commas(d, &item, &pieces);
	} else if (node->kind == NODE_LIST) {
		for (size_t i = 0; i < node->len; i++)
			if (decode_text_decode_item(d, key, node->items[i], &item))
				split_commas(d, &item, &pieces);
	} else {
		decode_wrong_type(d, key, node);
	}
	ret->items = arena_array(d->arena, pieces.len, sizeof(*ret->items));
	for (size_t i = 0; i < pieces.len; i++) {
		ret->items[ret->len] = pieces.items[i];
		ret->len += !seen_add(&seen, ret->items, ret->len);
	}
	free(pieces.items);
}

static void decode_line(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret)
{
	const char **words, *why;
	struct text text;
	size_t len;

	if (!decode_text(d, key, node, &text))
		return;
	why = words_split(d->arena, text.s, &words, &len);
	if (why) {
		diags_add(d->diags, text.pos, NULL, "\"%s\" cannot be split into words: %s", key->name, why);
		return;
	}
	ret->items = arena_array(d->arena, len, sizeof(*ret->items));
	for (ret->len = 0; ret->len < len; ret->len++)
		ret->items[ret->len] = (struct text){ words[ret->len], text.pos };
}

void decode_words(struct decode *d, const struct schema_key *key, const struct yaml_node *node, struct texts *ret)
{
	struct schema_key item_key = *key;

	if (node->kind == NODE_SCALAR) {
		decode_line(d, key, node, ret);
		return;
	}
	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	if (!node->len && (key->flags & FLAG_FILLED))
		diags_add(d->diags, node->pos, NULL, "\"%s\" must not be empty", key->name);
	ret->items = arena_array(d->arena, node->len, sizeof(*ret->items));
	for (size_t i = 0; i < node->len; i++) {
		ret->len += decode_text_decode_item(d, &item_key, node->items[i], &ret->items[ret->len]);
		item_key.flags &= ~(unsigned)FLAG_FILLED; /* only the program name must not be empty */
	}
}

void decode_commands(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *out)
{
	struct texts *commands;
	size_t len = 0;

	if (node->kind != NODE_LIST) {
		decode_wrong_type(d, key, node);
		return;
	}
	commands = arena_array(d->arena, node->len, sizeof(*commands));
	for (size_t i = 0; i < node->len; i++) {
		if (node->items[i]->kind == NODE_MAP || node->items[i]->kind == NODE_NULL)
			diags_add(d->diags, node->items[i]->pos, NULL,
				  "an item of \"%s\" must be a command: a list of words, or one text", key->name);
		else
			decode_words(d, key, node->items[i], &commands[len]);
		len += commands[len].len > 0;
	}
	decode_put_array(out, commands, len);
}

void decode_known(struct decode *d, const struct schema_key *key, const struct yaml_node *map, const char *what)
{
	size_t len = 0;

	while (key->words[len])
		len++;
	for (size_t i = 0; i < map->len; i++) {
		const char *name = map->entries[i].key, *nearest;
		size_t j = 0;

		while (j < len && strcmp(key->words[j], name) != 0)
			j++;
		if (j < len || node_key_ignored(name))
			continue;
		nearest = text_nearest(name, key->words, len);
		diags_add(d->diags, map->entries[i].pos,
			  nearest ? arena_printf(d->arena, "did you mean \"%s\"?", nearest) : NULL,
			  "unknown key \"%s\" in %s", name, what);
	}
}
