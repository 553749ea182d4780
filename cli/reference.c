#include "config.h"

#include <string.h>

#include "cli/reference.h"
#include "dsl/schema.h"

#define REFERENCE_MAPS_MAX 64 /* more maps than the language has */

bool reference_used(const struct schema_key *key)
{
	return key->type != TYPE_SHAPE && strcmp(key->name, "version") != 0;
}

static const char *title_of(const struct schema *schema)
{
	return schema == &schema_root      ? "The manifest"
	       : schema == &schema_service ? "A service, a template"
					   : schema->name;
}

static bool reference_is_known(const struct schema *const *found, size_t len, const struct schema *schema)
{
	for (size_t i = 0; i < len; i++) {
		if (found[i] == schema)
			return true;
	}
	return false;
}

void reference_each(reference_visit *visit, void *data)
{
	const struct schema *found[REFERENCE_MAPS_MAX] = { &schema_root };
	size_t len = 1;

	for (size_t at = 0; at < len; at++) {
		const struct reference_map map = { found[at], title_of(found[at]) };

		visit(&map, data);
		for (size_t i = 0; i < found[at]->len; i++) {
			const struct schema *sub = found[at]->keys[i].sub;

			if (sub && len < REFERENCE_MAPS_MAX && !reference_is_known(found, len, sub))
				found[len++] = sub;
		}
	}
}
