#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/scan.h"
#include "base/xxh3.h"
#include "engine/oci/blob.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"

/* index.json: the tagged images. It ends with a checksum over itself in the exact form in which this file writes
 * it, so that damage is noticed. */

#define INDEX_JSON_MAX (64u << 20)
#define INDEX_JSON_MODE 0644
#define SUM_NAME "dev.cbuild.sum"
/* How the text begins: members are sorted by name. Then come the checksum and the text that it covers. */
#define SUM_BEGIN "{\"annotations\":{\"" SUM_NAME "\":\""

static const char *entry_reference(const struct json *entry)
{
	return json_str(json_get(entry, "annotations"), OCI_REF_NAME);
}

static void sum_of(const char *rest, size_t len, char ret[HASH_HEX + 1])
{
	hash_hex(hash_bytes(rest, len), ret);
}

/* True when it is exactly what this file writes. */
static bool tags_is_whole(const struct buf *text)
{
	size_t before = strlen(SUM_BEGIN) + HASH_HEX;
	char sum[HASH_HEX + 1];

	if (text->len < before || memcmp(text->data, SUM_BEGIN, strlen(SUM_BEGIN)) != 0)
		return false;
	sum_of(text->data + before, text->len - before, sum);
	return memcmp(text->data + strlen(SUM_BEGIN), sum, HASH_HEX) == 0;
}

/* Takes ownership of the entries. */
static void dump(struct json *entries, struct buf *out)
{
	struct json *annotations = json_new_object();
	size_t before = strlen(SUM_BEGIN) + HASH_HEX;
	char sum[HASH_HEX + 1];

	sum_of("", 0, sum); /* reserves the space */
	json_set_str(annotations, SUM_NAME, sum);
	document_dump_index(entries, annotations, out);
	sum_of(out->data + before, out->len - before, sum);
	memcpy(out->data + strlen(SUM_BEGIN), sum, HASH_HEX);
}

/* The file's text; empty when there is no file or it cannot be valid. */
static int tags_read_index(struct layout *layout, const char *path, struct buf *ret, struct error **err)
{
	struct error *error = NULL;
	bool found = true;

	if (fs_read_if(path, INDEX_JSON_MAX, ret, &found, &error) < 0) {
		if (error_unreadable(error))
			return error_move(err, &error);
		error_free(error);
	}
	if (!found || !tags_is_whole(ret))
		layout->damaged = true;
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

static bool tags_take_entry(struct scan *s, struct refs *refs)
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

/* Every run with nothing to do reads the index, and a store may have many tags: so it is scanned, not parsed into a
 * tree. */
static bool take_refs(const struct buf *text, struct refs *refs)
{
	struct scan s = scan_begin(text->data, text->len);
	struct scan_text key;

	scan_object(&s);
	while (scan_member(&s, &key)) {
		if (scan_is(&key, "manifests")) {
			scan_array(&s);
			while (scan_item(&s))
				if (!tags_take_entry(&s, refs))
					return false;
		} else if (key.escaped || !scan_skip(&s)) {
			return false;
		}
	}
	return scan_done(&s);
}

/* The slow path, for text that the scanner refuses. */
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

	if (tags_read_index(layout, path, &text, err) < 0)
		return -1;
	if (text.len > 0 && !take_refs(&text, &refs)) {
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
	const struct descriptor *target; /* NULL: removes the references */
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

static int tags_compare_entries(const void *a, const void *b)
{
	struct json *const *x = a;
	struct json *const *y = b;
	const char *left = entry_reference(*x);
	const char *right = entry_reference(*y);

	return strcmp(left ? left : "", right ? right : "");
}

/* Sorted by reference, so that the order of changes does not show. */
static void dump_sorted(struct json **entries, size_t len, struct buf *out)
{
	struct json *list = json_new_array();

	if (len > 0)
		qsort(entries, len, sizeof(*entries), tags_compare_entries);
	for (size_t i = 0; i < len; i++)
		json_append(list, entries[i]);
	dump(list, out);
}

/* The text of the new index.json. */
static void apply(const struct change *change, const struct json *old, struct buf *out)
{
	const struct json *manifests = json_get(old, "manifests");
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
	dump_sorted(entries, len, out);
}

/* Reads the file under its lock. A damaged one is put aside and counts as empty; whatever needs a tag is tagged
 * again. 1: it was damaged. */
static int tags_begin(struct layout *layout, const char *path, int *ret_lock, struct buf *ret, struct error **err)
{
	cleanup_free char *lock = path_join(layout_dir(layout), OCI_LOCK);
	bool there = fs_exists(path);

	if (fs_lock(lock, true, ret_lock, err) < 0 || tags_read_index(layout, path, ret, err) < 0)
		return -1;
	if (tags_is_whole(ret))
		return 0;
	buf_reset(ret);
	return fs_put_aside(path, err) < 0 ? -1 : there;
}

static int tags_write_index(struct layout *layout, const char *path, const struct buf *text, struct error **err)
{
	if (fs_replace(path, text->data, text->len, INDEX_JSON_MODE, err) < 0)
		return -1;
	layout->damaged = false;
	return 0;
}

static int change_index_json(struct layout *layout, const struct change *change, struct error **err)
{
	cleanup_free char *path = path_join(layout_dir(layout), "index.json");
	cleanup_json struct json *old = NULL;
	cleanup_buf struct buf before = { 0 };
	cleanup_buf struct buf after = { 0 };
	cleanup_fd int lock = -1;

	if (tags_begin(layout, path, &lock, &before, err) < 0 ||
	    (before.len > 0 && json_parse(before.data, before.len, path, &old, err) < 0))
		return -1;
	apply(change, old, &after);
	if (before.len == after.len && memcmp(before.data, after.data, after.len) == 0)
		return 0;
	return tags_write_index(layout, path, &after, err);
}

static int tags_find_target(struct layout *layout, const char *digest, struct document **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	return layout_read(layout, digest, &text, err) < 0 ||
			       document_parse(text.data, text.len, NULL, digest, digest, ret, err) < 0
		       ? -1
		       : 0;
}

static bool is_reference(const char *text, const char **ret_why)
{
	struct ref ref = { 0 };
	bool good = ref_parse(text, &ref, ret_why);

	ref_free(&ref);
	return good;
}

int layout_tag(struct layout *layout, const char *digest, const char *const *references, size_t len, struct error **err)
{
	cleanup_document struct document *document = NULL;
	struct change change = { NULL, references, len };

	for (size_t i = 0; i < len; i++) {
		const char *why;

		if (!is_reference(references[i], &why))
			return error_make(err, ERROR_STATE, "%s: \"%s\" is not a reference: %s", layout_dir(layout),
					  references[i], why);
	}
	if (tags_find_target(layout, digest, &document, err) < 0)
		return -1;
	change.target = &document->self;
	return change_index_json(layout, &change, err);
}

int layout_untag(struct layout *layout, const char *const *references, size_t len, struct error **err)
{
	struct change change = { NULL, references, len };

	return change_index_json(layout, &change, err);
}

int layout_mend_tags(struct layout *layout, const struct layout_ref *refs, size_t len, struct error **err)
{
	cleanup_free char *path = path_join(layout_dir(layout), "index.json");
	cleanup_free struct json **entries = mem_array(len + 1, sizeof(*entries));
	cleanup_buf struct buf text = { 0 };
	cleanup_fd int lock = -1;
	size_t known = 0;
	int damaged = tags_begin(layout, path, &lock, &text, err);

	if (damaged < 0 || text.len > 0) /* another process has made it meanwhile */
		return damaged;
	for (size_t i = 0; i < len; i++) {
		cleanup_document struct document *document = NULL;
		cleanup_error struct error *error = NULL;

		if (is_reference(refs[i].reference, NULL) &&
		    tags_find_target(layout, refs[i].digest, &document, &error) == 0)
			entries[known++] = new_entry(&document->self, refs[i].reference);
		else if (error && error_unreadable(error))
			return error_move(err, &error);
	}
	dump_sorted(entries, known, &text);
	return tags_write_index(layout, path, &text, err) < 0 ? -1 : damaged;
}
