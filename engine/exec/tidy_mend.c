#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/exec/tidy.h"
#include "engine/oci/layout.h"
#include "engine/state/state.h"

struct mend {
	struct layout *layout;
	struct state *state;
	struct arena *arena;
	struct layout_ref *found; /* the content of the damaged file */
	size_t found_len;
	struct map *tags;    /* reference -> digest: the new content */
	struct map *vouched; /* "reference digest" of any record */
};

/* Only indexes are tagged; a record's detail has the references. */
static void tidy_mend_add_record(struct mend *mend, const struct record *record, bool newest)
{
	cleanup_json struct json *detail = NULL;
	const struct json *references;

	if (!record->digest || !digest_valid(record->digest) || !record->detail ||
	    json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) < 0)
		return;
	references = json_get(detail, "references");
	for (size_t i = 0; i < json_len(references); i++) {
		const char *reference = json_text(json_at(references, i));
		char *digest = arena_strdup(mend->arena, record->digest);

		if (!reference)
			continue;
		reference = arena_strdup(mend->arena, reference);
		map_set(mend->vouched, arena_join(mend->arena, reference, " ", digest, NULL), digest);
		if (newest)
			map_set(mend->tags, reference, digest);
	}
}

static int tidy_mend_add_node(struct mend *mend, const char *node, struct error **err)
{
	struct record *records;
	size_t len;

	if (strncmp(node, "index:", strlen("index:")) != 0)
		return 0;
	if (state_all_of(mend->state, node, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++)
		tidy_mend_add_record(mend, &records[i], i == 0);
	records_free(records, len);
	return 0;
}

/* A tag that newer ones left behind is kept. */
static void tidy_mend_add_found(struct mend *mend)
{
	for (size_t i = 0; i < mend->found_len; i++) {
		const struct layout_ref *ref = &mend->found[i];
		char *digest = map_get(mend->vouched, arena_join(mend->arena, ref->reference, " ", ref->digest, NULL));

		if (digest && !map_get(mend->tags, ref->reference))
			map_set(mend->tags, ref->reference, digest);
	}
}

static int write_tags(struct mend *mend, struct error **err)
{
	size_t len = map_len(mend->tags);
	cleanup_free struct layout_ref *refs = mem_array(len + 1, sizeof(*refs));

	for (size_t i = 0; i < len; i++) {
		refs[i].reference = arena_strdup(mend->arena, map_key(mend->tags, i));
		memcpy(refs[i].digest, map_value(mend->tags, i), DIGEST_LEN + 1);
	}
	return layout_mend_tags(mend->layout, refs, len, err);
}

static int tidy_mend_collect(struct mend *mend, struct error **err)
{
	struct record *records;
	size_t len;
	int r = 0;

	if (state_all_last(mend->state, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len && r == 0; i++)
		r = tidy_mend_add_node(mend, records[i].node, err);
	records_free(records, len);
	tidy_mend_add_found(mend);
	return r;
}

int tidy_mend(struct layout *layout, struct state *state, struct error **err)
{
	struct mend mend = { .layout = layout, .state = state };
	int r = 0;

	if (layout_refs(layout, &mend.found, &mend.found_len, err) < 0)
		return -1;
	if (layout_damaged(layout)) {
		mend.arena = arena_new();
		mend.tags = map_new();
		mend.vouched = map_new();
		r = tidy_mend_collect(&mend, err) < 0 ? -1 : write_tags(&mend, err);
		map_free(mend.tags);
		map_free(mend.vouched);
		arena_free(mend.arena);
	}
	layout_refs_free(mend.found, mend.found_len);
	return r;
}
