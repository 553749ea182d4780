#include "config.h"

#include "base/mem.h"
#include "dsl/decode.h"
#include "dsl/draft.h"
#include "dsl/node.h"
#include "dsl/schema.h"

#define JOBS 2 /* of a builder, when it is not said */

void decode_builders(struct decode *d, const struct schema_key *key, const struct node *node, void *out)
{
	struct manifest_builder *builders;
	size_t len = 0;

	if (node->kind != NODE_MAP) {
		decode_wrong_type(d, key, node);
		return;
	}
	builders = arena_array(d->arena, node->len, sizeof(*builders));
	for (size_t i = 0; i < node->len; i++) {
		const struct entry *entry = &node->entries[i];

		if (entry->value->kind == NODE_MAP) {
			builders[len] = (struct manifest_builder){
				.name = { entry->key, entry->pos },
				.weight = 1,
				.jobs = JOBS,
			};
			decode_map(d, key->sub, entry->value, &builders[len++]);
		} else if (entry->value->kind != NODE_BROKEN) {
			diags_add(d->diags, entry->value->pos, "write {driver: DRIVER, ...}",
				  "the builder \"%s\" must be a map, but this is %s", entry->key,
				  node_type_name(entry->value));
		}
	}
	decode_put_array(out, builders, len);
}
