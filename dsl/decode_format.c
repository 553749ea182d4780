#include "config.h"

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/node.h"
#include "dsl/schema.h"

static void decode_names(struct decode *d, const struct schema_key *key, const struct node *node, void *out)
{
	struct texts names = { 0 };
	struct draft_format *formats;

	decode_csv(d, key, node, &names);
	formats = arena_array(d->arena, names.len, sizeof(*formats));
	for (size_t i = 0; i < names.len; i++)
		formats[i].name = names.items[i];
	decode_put_array(out, formats, names.len);
}

void decode_formats(struct decode *d, const struct schema_key *key, const struct node *node, void *out)
{
	struct draft_format *formats;
	size_t len = 0;

	if (node->kind != NODE_MAP) {
		decode_names(d, key, node, out);
		return;
	}
	formats = arena_array(d->arena, node->len, sizeof(*formats));
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];

		if (entry->value->kind == NODE_MAP)
			decode_map(d, key->sub, entry->value, &formats[len]);
		else if (entry->value->kind != NODE_NULL && entry->value->kind != NODE_BROKEN)
			diags_add(d->diags, entry->value->pos, "write {suffix: SUFFIX}",
				  "the format \"%s\" must be a map, but this is %s", entry->key,
				  node_type_name(entry->value));
		formats[len++].name = (struct text){ entry->key, entry->pos };
	}
	decode_put_array(out, formats, len);
}
