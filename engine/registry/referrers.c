#include "config.h"

#include "engine/registry/referrers.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "engine/oci/document.h"
#include "engine/registry/client.h"

char *referrers_tag(const char *digest, const char *suffix)
{
	return mem_printf("sha256-%s%s", digest_hex(digest), suffix);
}

/* The list under the tag: 1, or 0 without one. */
static int read_tag(struct registry *registry, const struct ref *repository, const char *digest, bool push,
		    struct buf *ret, struct error **err)
{
	cleanup_free char *tag = referrers_tag(digest, "");
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .tag = tag };
	cleanup_document struct document *ignored = NULL;

	return registry_artifact(registry, &ref, push, ret, &ignored, err);
}

static int take_list(const struct buf *text, const char *name, struct json **ret, struct error **err)
{
	cleanup_json struct json *json = NULL;
	const struct json *list;

	if (json_parse(text->data, text->len, name, &json, err) < 0)
		return -1;
	list = json_get(json, "manifests");
	*ret = json_is_array(list) ? json_clone(list) : json_new_array();
	return 0;
}

int referrers_list(struct registry *registry, const struct ref *repository, const char *digest, struct json **ret,
		   struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	int r = registry_get_referrers(registry, repository, digest, &text, err);

	if (r == 0)
		r = read_tag(registry, repository, digest, false, &text, err);
	if (r < 0)
		return -1;
	if (r > 0)
		return take_list(&text, "the list of referrers", ret, err);
	*ret = json_new_array();
	return 0;
}

/* As it is listed: with its type and annotations. */
static int describe_artifact(const struct buf *text, const char *digest, struct json **ret, struct error **err)
{
	cleanup_json struct json *json = NULL;
	struct descriptor self = { .media_type = OCI_MANIFEST, .size = text->len };
	const char *type;

	if (json_parse(text->data, text->len, "an artifact", &json, err) < 0)
		return -1;
	memcpy(self.digest, digest, DIGEST_LEN + 1);
	*ret = document_descriptor(&self, NULL);
	type = json_str(json, "artifactType");
	json_set_str(*ret, "artifactType", type ? type : json_str(json_get(json, "config"), "mediaType"));
	if (json_get(json, "annotations"))
		json_set(*ret, "annotations", json_clone(json_get(json, "annotations")));
	return 0;
}

static bool referrers_has(const struct json *list, const char *digest)
{
	for (size_t i = 0; i < json_len(list); i++) {
		if (text_same(json_str(json_at(list, i), "digest"), digest))
			return true;
	}
	return false;
}

static int add_to_tag(struct registry *registry, const struct ref *repository, const char *subject,
		      const struct buf *text, const char *digest, struct error **err)
{
	cleanup_free char *tag = referrers_tag(subject, "");
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .tag = tag };
	cleanup_json struct json *list = NULL;
	cleanup_buf struct buf held = { 0 }, out = { 0 };
	struct json *own;
	int r = read_tag(registry, repository, subject, true, &held, err);

	if (r > 0)
		r = take_list(&held, tag, &list, err);
	if (r < 0)
		return -1;
	if (!list)
		list = json_new_array();
	if (referrers_has(list, digest))
		return 0;
	if (describe_artifact(text, digest, &own, err) < 0)
		return -1;
	json_append(list, own);
	document_dump_index(steal_ptr(list), NULL, &out);
	return registry_put_manifest(registry, &ref, OCI_INDEX, out.data, out.len, err);
}

int referrers_put(struct registry *registry, const struct ref *repository, const char *subject, const struct buf *text,
		  const char *tag, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .tag = (char *)tag };
	bool listed;

	if (digest_bytes(text->data, text->len, ret_digest, err) < 0)
		return -1;
	ref.digest = tag ? NULL : ret_digest;
	if (registry_put_artifact(registry, &ref, OCI_MANIFEST, text->data, text->len, &listed, err) < 0)
		return -1;
	return listed ? 0 : add_to_tag(registry, repository, subject, text, ret_digest, err);
}
