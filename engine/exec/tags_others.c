#include "config.h"

#include "engine/exec/tags_others.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/exec/tags_check.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"
#include "engine/registry/client.h"

/* What is added to one push. */
struct others_push {
	struct tags_other *items;
	size_t len;
};

struct tags_others {
	struct others_push *pushes; /* by node number */
	size_t pushes_len;
	struct map *kept; /* references */
};

/* The search. */
struct others_search {
	const struct plan *plan;
	struct registry *registry;
	struct layout *layout;
	const struct tags_held *held;
	struct tags_others *others;
	bool merge;
};

void tags_others_free(struct tags_others *others)
{
	if (!others)
		return;
	for (size_t i = 0; i < others->pushes_len; i++)
		free(others->pushes[i].items);
	free(others->pushes);
	map_free(others->kept);
	free(others);
}

const struct tags_other *tags_others_of(const struct tags_others *others, size_t push, size_t *ret_len)
{
	*ret_len = others ? others->pushes[push].len : 0;
	return others ? others->pushes[push].items : NULL;
}

bool tags_others_keep(const struct tags_others *others, const char *reference)
{
	return others && map_get(others->kept, reference);
}

static bool in_list(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++) {
		if (platform_equal(&list[i], platform))
			return true;
	}
	return false;
}

static const struct build_spec *others_build(const struct others_search *search, const struct node *node)
{
	return &plan_manifest(search->plan)->services[node->service].build;
}

/* Whether this run makes the service for less than the manifest says, or the manifest does not say. */
static bool is_partial(const struct others_search *search, const struct node *node)
{
	const struct build_spec *build = others_build(search, node);

	for (size_t i = 0; i < build->declared_len; i++) {
		if (!in_list(build->platforms, build->platforms_len, &build->declared[i]))
			return true;
	}
	return build->declared_len == 0;
}

/* The platforms of the index that a push node pushes. */
static bool others_makes(const struct others_search *search, size_t push, const struct platform *platform)
{
	const struct node *index = plan_node(search->plan, plan_node(search->plan, push)->needs[0]);

	for (size_t i = 0; i < index->needs_len; i++) {
		const struct node *need = plan_node(search->plan, index->needs[i]);

		if (need->has_platform && platform_equal(&need->platform, platform))
			return true;
	}
	return false;
}

static int others_read(const struct others_search *search, const struct ref *ref, struct buf *text,
		       struct document **ret, struct error **err)
{
	if (!search->layout || !layout_has(search->layout, ref->digest, UINT64_MAX))
		return registry_document(search->registry, ref, text, ret, err);
	if (layout_read(search->layout, ref->digest, text, err) < 0)
		return -1;
	return document_parse(text->data, text->len, NULL, ref->digest, ref->digest, ret, err) < 0 ? -1 : 1;
}

/* Takes a manifest of the repository into the store, so that an index can describe it. */
static int keep_manifest(const struct others_search *search, const struct ref *where, const char *digest,
			 struct error **err)
{
	struct ref ref = { .domain = where->domain, .repository = where->repository, .digest = (char *)digest };
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	char written[DIGEST_LEN + 1];
	int r = others_read(search, &ref, &text, &document, err);

	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s/%s lacks %s, which its tag needs", ref.domain,
				  ref.repository, digest);
	return r < 0 ? -1 : layout_write(search->layout, text.data, text.len, written, err);
}

static void others_attested(const struct document *index, struct tags_other *other)
{
	for (size_t i = 0; i < index->len; i++) {
		if (index->entries[i].attestation && strcmp(index->entries[i].about, other->digest) == 0)
			memcpy(other->attestation, index->entries[i].blob.digest, DIGEST_LEN + 1);
	}
}

/* The images of a tag's index that it would lose: an array. */
static size_t find_lost(const struct others_search *search, size_t tag, const struct document *index,
			struct tags_other **ret)
{
	const struct node *node = plan_node(search->plan, tag);
	const struct build_spec *build = others_build(search, node);
	struct tags_other *lost = mem_array(index->len + 1, sizeof(*lost));
	size_t len = 0;

	for (size_t i = 0; index->index && i < index->len; i++) {
		const struct document_entry *entry = &index->entries[i];

		if (entry->attestation || !entry->has_platform || others_makes(search, node->needs[0], &entry->platform) ||
		    (build->declared_len > 0 && !in_list(build->declared, build->declared_len, &entry->platform)))
			continue;
		lost[len].platform = entry->platform;
		memcpy(lost[len].digest, entry->blob.digest, DIGEST_LEN + 1);
		others_attested(index, &lost[len++]);
	}
	*ret = lost;
	return len;
}

static int refuse_partial(const char *reference, const struct tags_other *lost, size_t len, struct error **err)
{
	cleanup_buf struct buf list = { 0 };

	for (size_t i = 0; i < len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&lost[i].platform, text);
		buf_printf(&list, "%s%s", i ? ", " : "", text);
	}
	error_make(err, ERROR_REGISTRY, "%s also has %s, which this push would take from it", reference, list.data);
	error_remedy(err, "push all platforms; or --merge-platforms keeps what the tag has, and --partial drops it");
	return -1;
}

static int merge_first(const struct others_search *search, const struct node *node, const struct ref *where,
		       struct tags_other **lost, size_t len, struct error **err)
{
	struct others_push *push = &search->others->pushes[node->needs[0]];

	for (size_t i = 0; i < len; i++) {
		if (keep_manifest(search, where, (*lost)[i].digest, err) < 0 ||
		    (*(*lost)[i].attestation && keep_manifest(search, where, (*lost)[i].attestation, err) < 0))
			return -1;
	}
	push->items = steal_ptr(*lost);
	push->len = len;
	return 0;
}

static bool has_all(const struct others_push *push, const struct tags_other *lost, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool found = false;

		for (size_t j = 0; j < push->len; j++)
			found = found || platform_equal(&push->items[j].platform, &lost[i].platform);
		if (!found)
			return false;
	}
	return true;
}

static int look_at_tag(const struct others_search *search, size_t tag, size_t number, struct error **err)
{
	const struct node *node = plan_node(search->plan, tag);
	const char *reference = node->references[number], *held = tags_held_digest(search->held, reference);
	cleanup_document struct document *index = NULL;
	cleanup_free struct tags_other *lost = NULL;
	cleanup_buf struct buf text = { 0 };
	struct ref ref = { 0 };
	size_t len;
	int r;

	if (!*held)
		return 0;
	if (!ref_parse(reference, &ref, NULL))
		return error_make(err, ERROR_INTERNAL, "%s is not an image reference", reference);
	ref.digest = mem_strdup(held);
	r = others_read(search, &ref, &text, &index, err);
	len = r > 0 ? find_lost(search, tag, index, &lost) : 0;
	if (len > 0 && !search->merge)
		r = refuse_partial(reference, lost, len, err);
	else if (len > 0 && number == 0)
		r = merge_first(search, node, &ref, &lost, len, err);
	else if (len > 0 && !has_all(&search->others->pushes[node->needs[0]], lost, len))
		map_set(search->others->kept, reference, (char *)reference);
	ref_free(&ref);
	return r < 0 ? -1 : 0;
}

int tags_others_find(const struct plan *plan, struct registry *registry, struct layout *layout,
		     const struct tags_held *held, bool merge, struct tags_others **ret, struct error **err)
{
	struct others_search search = { .plan = plan, .registry = registry, .layout = layout, .held = held, .merge = merge };
	struct tags_others *others = mem_alloc(sizeof(*others));
	int r = 0;

	*others = (struct tags_others){
		.pushes = mem_array(plan_len(plan) + 1, sizeof(*others->pushes)),
		.pushes_len = plan_len(plan),
		.kept = map_new(),
	};
	search.others = others;
	for (size_t i = 0; i < plan_len(plan) && r == 0; i++) {
		const struct node *node = plan_node(plan, i);

		if (node->kind != NODE_TAG || node->state == NODE_FRESH || !is_partial(&search, node))
			continue;
		for (size_t j = 0; node->references[j] && r == 0; j++)
			r = look_at_tag(&search, i, j, err);
	}
	if (r < 0) {
		tags_others_free(others);
		return -1;
	}
	*ret = others;
	return 0;
}
