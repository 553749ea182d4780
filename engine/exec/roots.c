#include "config.h"

#include "engine/exec/roots.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "engine/oci/layout.h"
#include "engine/state/state.h"

static void roots_add(struct roots *roots, const char *name, bool tag, const char *digest, int64_t when_ms)
{
	struct store_root *root;

	mem_reserve(&roots->items, &roots->cap, roots->len + 1, sizeof(*roots->items));
	root = &roots->items[roots->len++];
	*root = (struct store_root){ .name = mem_strdup(name), .tag = tag, .when_ms = when_ms };
	memcpy(root->digest, digest, DIGEST_LEN + 1);
}

/* Builds, formats, indexes and pushes have their results in the store; a base may be in its builder's storage. */
static bool roots_in_store(const struct record *record)
{
	static const char *const kinds[] = { "build:", "convert:", "index:", "push:" };
	bool leaves = false;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		leaves = leaves || strncmp(record->node, kinds[i], strlen(kinds[i])) == 0;
	return leaves && record->digest && digest_valid(record->digest) &&
	       (!record->place || strcmp(record->place, "store") == 0);
}

/* With the attestation of a build's image, and the index that identifies an index's images. */
static void roots_add_record(struct roots *roots, const struct record *record)
{
	cleanup_json struct json *detail = NULL;
	const char *attestation;

	roots_add(roots, record->node, false, record->digest, record->when_ms);
	if (strncmp(record->node, "index:", strlen("index:")) == 0 && record->identity &&
	    digest_valid(record->identity) && strcmp(record->identity, record->digest) != 0)
		roots_add(roots, record->node, false, record->identity, record->when_ms);
	if (!record->detail || json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) < 0)
		return;
	attestation = json_str(detail, "attestation");
	if (attestation && digest_valid(attestation))
		roots_add(roots, record->node, false, attestation, record->when_ms);
}

int roots_collect(struct layout *layout, struct state *state, struct roots *ret, struct error **err)
{
	struct record *records;
	struct layout_ref *refs;
	size_t len;

	if (state_all_last(state, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (roots_in_store(&records[i]))
			roots_add_record(ret, &records[i]);
	}
	records_free(records, len);
	if (layout_refs(layout, &refs, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		roots_add(ret, refs[i].reference, true, refs[i].digest, 0);
	layout_refs_free(refs, len);
	return 0;
}

void roots_free(struct roots *roots)
{
	for (size_t i = 0; i < roots->len; i++)
		free(roots->items[i].name);
	free(roots->items);
	*roots = (struct roots){ 0 };
}
