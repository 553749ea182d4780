#include "config.h"

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

void decode_registries(struct decode *d, const struct schema_key *key, const struct node *node, void *out)
{
	struct registry_spec *list;
	size_t len = 0;

	if (node->kind != NODE_MAP) {
		decode_wrong_type(d, key, node);
		return;
	}
	list = arena_array(d->arena, node->len, sizeof(*list));
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];

		list[len].pos = entry->pos;
		list[len].host = (struct text){ entry->key, entry->pos };
		if (entry->value->kind == NODE_MAP)
			decode_map(d, key->sub, entry->value, &list[len]);
		else if (entry->value->kind != NODE_BROKEN)
			diags_add(d->diags, entry->value->pos, NULL, "the registry \"%s\" must be a map, but this is %s",
				  entry->key, node_type_name(entry->value));
		len++;
	}
	decode_put_array(out, list, len);
}
