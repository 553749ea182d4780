#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/scan.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

/* index.json, the table of contents of a layout, and the image indexes in it. */

#define INDEX_JSON_MAX (64u << 20)

static const char *entry_reference(const struct json *entry)
{
	return json_str(json_get(entry, "annotations"), OCI_REF_NAME);
}

/* *ret is NULL when there is none, or none that can be read: then nothing is tagged, and the next run tags
 * again what it finds untagged. */
static int read_index_json(const char *path, struct json **ret, bool *ret_damaged, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *json = NULL;
	bool found;

	*ret = NULL;
	*ret_damaged = false;
	if (fs_read_if(path, INDEX_JSON_MAX, &text, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	*ret_damaged = json_parse(text.data, text.len, path, &json, NULL) < 0 || !json_is_array(json_get(json, "manifes"
													       "ts"));
	if (!*ret_damaged)
		*ret = steal_ptr(json);
	return 0;
}

/* ---- reading ---- */

static int compare_refs(const void *a, const void *b)
{
	const struct layout_ref *x = a, *y = b;

	return strcmp(x->reference, y->reference);
}

struct refs {
	struct layout_ref *items;
	size_t len, cap;
};

static void add_ref(struct refs *refs, const char *reference, size_t len, const char *digest)
{
	struct layout_ref *ref;

	if (!digest_valid(digest))
		return;
	mem_reserve(&refs->items, &refs->cap, refs->len + 1, sizeof(*refs->items));
	ref = &refs->items[refs->len++];
	ref->reference = mem_strndup(reference, len);
	memcpy(ref->digest, digest, DIGEST_LEN + 1);
}

static bool take_reference(struct scan *s, struct scan_text *ret)
{
	struct scan_text key;

	scan_object(s);
	while (scan_member(s, &key)) {
		if (key.escaped || !(scan_is(&key, OCI_REF_NAME) ? scan_string(s, ret) : scan_skip(s)))
			return false;
	}
	return !s->bad;
}

static bool take_entry(struct scan *s, struct refs *refs)
{
	struct scan_text key, reference = { 0 }, text = { .text = "" };
	char digest[DIGEST_LEN + 1] = "";

	scan_object(s);
	while (scan_member(s, &key)) {
		bool good = scan_is(&key, "annotations") ? take_reference(s, &reference)
			    : scan_is(&key, "digest")    ? scan_string(s, &text)
							 : !key.escaped && scan_skip(s);

		if (!good)
			return false;
	}
	if (s->bad || reference.escaped || text.escaped)
		return false;
	if (text.len <= DIGEST_LEN)
		memcpy(digest, text.text, text.len);
	if (reference.text)
		add_ref(refs, reference.text, reference.len, digest);
	return true;
}

/* The index of a store with many tags is read by every run with nothing to do: it is scanned, not parsed into a tree. */
static bool take_refs(const struct buf *text, struct refs *refs)
{
	struct scan s = scan_begin(text->data, text->len);
	struct scan_text key;

	scan_object(&s);
	while (scan_member(&s, &key)) {
		if (scan_is(&key, "manifests")) {
			scan_array(&s);
			while (scan_item(&s))
				if (!take_entry(&s, refs))
					return false;
		} else if (key.escaped || !scan_skip(&s)) {
			return false;
		}
	}
	return scan_done(&s);
}

/* What the scanner does not take. */
static void parse_refs(const struct buf *text, const char *path, struct refs *refs)
{
	cleanup_json struct json *json = NULL;
	const struct json *manifests;

	if (json_parse(text->data, text->len, path, &json, NULL) < 0)
		return;
	manifests = json_get(json, "manifests");
	for (size_t i = 0; i < json_len(manifests); i++) {
		const char *reference = entry_reference(json_at(manifests, i));
		const char *digest = json_str(json_at(manifests, i), "digest");

		if (reference && digest)
			add_ref(refs, reference, strlen(reference), digest);
	}
}

int layout_refs(struct layout *layout, struct layout_ref **ret, size_t *ret_len, struct error **err)
{
	cleanup_free char *path = path_join(layout_dir(layout), "index.json");
	cleanup_buf struct buf text = { 0 };
	struct refs refs = { 0 };
	bool found;

	if (fs_read_if(path, INDEX_JSON_MAX, &text, &found, err) < 0)
		return -1;
	if (found && !take_refs(&text, &refs)) {
		layout_refs_free(refs.items, refs.len);
		refs = (struct refs){ 0 };
		parse_refs(&text, path, &refs);
	}
	if (refs.len > 1)
		qsort(refs.items, refs.len, sizeof(*refs.items), compare_refs);
	*ret = refs.items;
	*ret_len = refs.len;
	return 0;
}

void layout_refs_free(struct layout_ref *refs, size_t len)
{
	for (size_t i = 0; refs && i < len; i++)
		free(refs[i].reference);
	free(refs);
}

/* ---- changing ---- */

struct change {
	const struct descriptor *target; /* NULL: the references go */
	const char *const *references;
	size_t len;
};

static bool mentions(const struct change *change, const char *reference)
{
	for (size_t i = 0; reference && i < change->len; i++) {
		if (strcmp(change->references[i], reference) == 0)
			return true;
	}
	return false;
}

static struct json *new_entry(const struct descriptor *target, const char *reference)
{
	struct json *entry = document_descriptor(target, NULL);
	struct json *annotations = json_new_object();

	json_set_str(annotations, OCI_REF_NAME, reference);
	json_set(entry, "annotations", annotations);
	return entry;
}

static int compare_entries(const void *a, const void *b)
{
	struct json *const *x = a;
	struct json *const *y = b;
	const char *left = entry_reference(*x);
	const char *right = entry_reference(*y);

	return strcmp(left ? left : "", right ? right : "");
}

/* The text of the new index.json: sorted by reference, so that the order of events does not show. */
static void apply(const struct change *change, const struct json *old, struct buf *out)
{
	const struct json *manifests = json_get(old, "manifests");
	struct json *list = json_new_array();
	cleanup_free struct json **entries = mem_array(json_len(manifests) + change->len + 1, sizeof(*entries));
	size_t len = 0;

	for (size_t i = 0; i < json_len(manifests); i++) {
		const struct json *entry = json_at(manifests, i);

		if (!mentions(change, entry_reference(entry)))
			entries[len++] = json_clone(entry);
	}
	for (size_t i = 0; change->target && i < change->len; i++) {
		struct change before = { NULL, change->references, i };

		if (!mentions(&before, change->references[i]))
			entries[len++] = new_entry(change->target, change->references[i]);
	}
	qsort(entries, len, sizeof(*entries), compare_entries);
	for (size_t i = 0; i < len; i++)
		json_append(list, entries[i]);
	document_dump_index(list, NULL, out);
}

static int put_aside(const char *path, struct error **err)
{
	cleanup_free char *aside = mem_printf("%s.damaged", path);

	if (rename(path, aside) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot rename to %s", path, aside);
	return 0;
}

static int change_index_json(struct layout *layout, const struct change *change, struct error **err)
{
	cleanup_free char *path = path_join(layout_dir(layout), "index.json");
	cleanup_free char *lock_path = path_join(layout_dir(layout), OCI_LOCK);
	cleanup_json struct json *old = NULL;
	cleanup_buf struct buf before = { 0 };
	cleanup_buf struct buf after = { 0 };
	cleanup_fd int lock = -1;
	bool damaged;

	if (fs_lock(lock_path, true, &lock, err) < 0 || read_index_json(path, &old, &damaged, err) < 0)
		return -1;
	if (damaged && put_aside(path, err) < 0)
		return -1;
	apply(change, old, &after);
	if (old)
		json_dump(old, JSON_CANONICAL, &before);
	if (before.len == after.len && memcmp(before.data, after.data, after.len) == 0)
		return 0;
	return fs_replace(path, after.data, after.len, 0644, err);
}

int layout_tag(struct layout *layout, const char *digest, const char *const *references, size_t len, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	struct change change = { NULL, references, len };

	for (size_t i = 0; i < len; i++) {
		struct ref ref = { 0 };
		const char *why;

		if (!ref_parse(references[i], &ref, &why))
			return error_make(err, ERROR_STATE, "%s: \"%s\" is not a reference: %s", layout_dir(layout),
					  references[i], why);
		ref_free(&ref);
	}
	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	change.target = &document->self;
	return change_index_json(layout, &change, err);
}

int layout_untag(struct layout *layout, const char *const *references, size_t len, struct error **err)
{
	struct change change = { NULL, references, len };

	return change_index_json(layout, &change, err);
}

/* ---- image indexes ---- */

static struct json *annotations_json(const struct layout_annotation *annotations, size_t len)
{
	struct json *json;

	if (len == 0)
		return NULL;
	json = json_new_object();
	for (size_t i = 0; i < len; i++)
		json_set_str(json, annotations[i].key, annotations[i].value);
	return json;
}

/* The descriptor of a manifest in the store. */
static int describe(struct layout *layout, const char *digest, const struct platform *platform, struct json **ret,
		    struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	if (document->index)
		return error_make(err, ERROR_STATE, "%s: an index cannot be a platform of an index", digest);
	*ret = document_descriptor(&document->self, platform);
	return 0;
}

/* As BuildKit writes it: an entry for no platform, which says what it is about. */
static int describe_attestation(struct layout *layout, const struct layout_member *member, struct json **ret,
				struct error **err)
{
	static const struct platform unknown = { .os = "unknown", .arch = "unknown" };
	struct json *annotations;

	if (describe(layout, member->attestation, &unknown, ret, err) < 0)
		return -1;
	annotations = json_new_object();
	json_set_str(annotations, OCI_DOCKER_REFERENCE_TYPE, OCI_ATTESTATION);
	json_set_str(annotations, OCI_DOCKER_REFERENCE_DIGEST, member->digest);
	json_set(*ret, "annotations", annotations);
	return 0;
}

int layout_write_index(struct layout *layout, const struct layout_member *members, size_t len,
		       const struct layout_annotation *annotations, size_t annotations_len,
		       char ret_digest[DIGEST_LEN + 1], uint64_t *ret_size, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	cleanup_json struct json *list = json_new_array();
	struct json *entry;

	for (size_t i = 0; i < len; i++) {
		if (describe(layout, members[i].digest, &members[i].platform, &entry, err) < 0)
			return -1;
		json_append(list, entry);
	}
	for (size_t i = 0; i < len; i++) {
		if (!members[i].attestation)
			continue;
		if (describe_attestation(layout, &members[i], &entry, err) < 0)
			return -1;
		json_append(list, entry);
	}
	document_dump_index(steal_ptr(list), annotations_json(annotations, annotations_len), &out);
	if (ret_size)
		*ret_size = out.len;
	return layout_write(layout, out.data, out.len, ret_digest, err);
}
