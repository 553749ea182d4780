#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/annotations.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/signer.h"
#include "dsl/manifest.h"
#include "engine/exec/published.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"
#include "engine/registry/heads.h"
#include "engine/registry/push.h"
#include "engine/registry/sign.h"

/* Puts the images that several machines have pushed by digest, each for its platforms, under the service's tags as one index. */

#define JOIN_MEMBERS_MAX 64

struct join_member {
	struct platform platform;
	char digest[DIGEST_LEN + 1];
	char attestation[DIGEST_LEN + 1]; /* or "" */
};

struct join {
	struct session *session;
	const struct service *service;
	struct ref where; /* the service's repository */
	struct join_member members[JOIN_MEMBERS_MAX];
	size_t len;
	struct head *heads; /* one for each tag */
	size_t heads_len;
};

/* The digest that a word names: alone, or in a reference to the service's repository. */
static int join_parse(const struct join *join, const char *word, char ret[DIGEST_LEN + 1], struct error **err)
{
	const char *why = "it has no digest";
	struct ref ref = { 0 };
	int r = 0;

	if (digest_valid(word)) {
		memcpy(ret, word, DIGEST_LEN + 1);
		return 0;
	}
	if (!ref_parse(word, &ref, &why) || !ref.digest)
		r = error_make(err, ERROR_USAGE, "\"%s\" is not a digest or NAME@DIGEST: %s", word, why);
	else if (strcmp(ref.domain, join->where.domain) != 0 || strcmp(ref.repository, join->where.repository) != 0)
		r = error_make(err, ERROR_USAGE, "%s is not in the repository of \"%s\", %s", word,
			       join->service->name.s, join->service->image.s);
	else
		memcpy(ret, ref.digest, DIGEST_LEN + 1);
	ref_free(&ref);
	return r;
}

/* A manifest or index of the repository, also kept in the store. */
static int join_read(const struct join *join, const char *digest, struct document **ret, struct error **err)
{
	struct ref ref = join->where;
	cleanup_buf struct buf text = { 0 };
	char written[DIGEST_LEN + 1];
	int r;

	ref.digest = (char *)digest;
	r = registry_document(join->session->registry, &ref, &text, ret, err);
	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s/%s has no %s", ref.domain, ref.repository, digest);
	return r < 0 ? -1 : layout_write(join->session->layout, text.data, text.len, written, err);
}

/* An image's config, also kept in the store: its labels may belong on the index. */
static int join_read_config(const struct join *join, const struct document *manifest, struct buf *text, struct error **err)
{
	char found[DIGEST_LEN + 1];

	return registry_read_blob(join->session->registry, &join->where, &manifest->config, text, err) < 0
		       ? -1
		       : layout_write(join->session->layout, text->data, text->len, found, err);
}

static int join_add(struct join *join, const struct platform *platform, const char *digest, const char *attestation,
		    struct error **err)
{
	struct join_member *member = &join->members[join->len];
	char text[PLATFORM_TEXT];

	platform_text(platform, text);
	for (size_t i = 0; i < join->len; i++) {
		if (!platform_equal(&join->members[i].platform, platform))
			continue;
		if (strcmp(join->members[i].digest, digest) == 0)
			return 0;
		return error_make(err, ERROR_USAGE, "two images for %s: %s and %s", text, join->members[i].digest,
				  digest);
	}
	if (join->len == JOIN_MEMBERS_MAX)
		return error_make(err, ERROR_USAGE, "an index of more than %d images", JOIN_MEMBERS_MAX);
	member->platform = *platform;
	memcpy(member->digest, digest, DIGEST_LEN + 1);
	memcpy(member->attestation, attestation, strlen(attestation) + 1);
	join->len++;
	return 0;
}

static const char *attestation_about(const struct document *index, const char *digest)
{
	for (size_t i = 0; i < index->len; i++) {
		if (index->entries[i].attestation && strcmp(index->entries[i].about, digest) == 0)
			return index->entries[i].blob.digest;
	}
	return "";
}

static int join_add_index(struct join *join, const struct document *index, struct error **err)
{
	for (size_t i = 0; i < index->len; i++) {
		const struct document_entry *entry = &index->entries[i];
		cleanup_document struct document *manifest = NULL;
		cleanup_buf struct buf config = { 0 };

		if (join_read(join, entry->blob.digest, &manifest, err) < 0)
			return -1;
		if (entry->attestation || !entry->has_platform)
			continue;
		if (join_read_config(join, manifest, &config, err) < 0 ||
		    join_add(join, &entry->platform, entry->blob.digest, attestation_about(index, entry->blob.digest),
			     err) < 0)
			return -1;
	}
	return 0;
}

/* An image without an index: its config says for which platform it is. */
static int join_add_image(struct join *join, const struct document *manifest, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_image struct image *image = NULL;

	if (join_read_config(join, manifest, &text, err) < 0 ||
	    image_read_config(text.data, text.len, manifest->config.digest, &image, err) < 0)
		return -1;
	return join_add(join, &image->platform, manifest->self.digest, "", err);
}

static int join_collect(struct join *join, struct error **err)
{
	const struct options *options = join->session->options;

	for (size_t i = 1; i < options->targets_len; i++) {
		cleanup_document struct document *document = NULL;
		char digest[DIGEST_LEN + 1];

		if (join_parse(join, options->targets[i], digest, err) < 0 || join_read(join, digest, &document, err) < 0)
			return -1;
		if ((document->index ? join_add_index : join_add_image)(join, document, err) < 0)
			return -1;
	}
	return 0;
}

/* The manifest's order, whichever job was named first. */
static void join_sort(struct join *join)
{
	for (size_t i = 1; i < join->len; i++) {
		for (size_t j = i; j > 0 && build_place(&join->service->build, &join->members[j - 1].platform) >
						    build_place(&join->service->build, &join->members[j].platform);
		     j--) {
			struct join_member member = join->members[j];

			join->members[j] = join->members[j - 1];
			join->members[j - 1] = member;
		}
	}
}

/* All platforms of the manifest, unless --partial. */
static int join_check(const struct join *join, struct error **err)
{
	const struct build_spec *build = &join->service->build;

	for (size_t i = 0; i < build->declared_len && !join->session->options->partial; i++) {
		char text[PLATFORM_TEXT];
		bool found = false;

		for (size_t j = 0; j < join->len; j++)
			found = found || platform_equal(&join->members[j].platform, &build->declared[i]);
		if (found)
			continue;
		platform_text(&build->declared[i], text);
		error_make(err, ERROR_USAGE, "no image of \"%s\" for %s is named", join->service->name.s, text);
		error_remedy(err, "--partial joins fewer platforms than the manifest has");
		return -1;
	}
	return 0;
}

static int join_add_head(struct join *join, const char *reference, struct error **err)
{
	if (!ref_parse(reference, &join->heads[join->heads_len].ref, NULL))
		return error_make(err, ERROR_INTERNAL, "%s is not an image reference", reference);
	join->heads_len++;
	return 0;
}

/* The service's tags in its repository, and what they mean now. */
static int join_ask(struct join *join, struct error **err)
{
	const struct service *service = join->service;

	join->heads = mem_array(service->tags.len + 1, sizeof(*join->heads));
	for (size_t i = 0; i < service->tags.len; i++) {
		cleanup_free char *reference = mem_printf("%s:%s", service->image.s, service->tags.items[i].s);

		if (join_add_head(join, reference, err) < 0)
			return -1;
	}
	return heads_ask(join->session->registry, join->heads, join->heads_len, true, err);
}

/* What the tags hold stays when it is of the same images. */
static int join_find(struct join *join, const struct published *published, char ret_digest[DIGEST_LEN + 1],
		     struct error **err)
{
	for (size_t i = 0; i < join->heads_len; i++) {
		struct ref ref = join->where;
		cleanup_free char *type = NULL;
		cleanup_buf struct buf text = { 0 };
		int r = 0;

		if (!join->heads[i].found)
			continue;
		ref.digest = join->heads[i].digest;
		r = registry_manifest(join->session->registry, &ref, &text, &type, ret_digest, err);
		if (r > 0)
			r = published_stays(published, &text, err);
		if (r > 0)
			return layout_write(join->session->layout, text.data, text.len, ret_digest, err);
		if (r < 0)
			return -1;
	}
	return published_write(published, ret_digest, err);
}

static int join_write(struct join *join, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	struct layout_member members[JOIN_MEMBERS_MAX];
	const struct published published = {
		.manifest = join->session->manifest,
		.service = join->service,
		.layout = join->session->layout,
		.members = members,
		.len = join->len,
		.annotations = join->session->annotations,
		.annotations_len = join->session->annotations_len,
	};

	for (size_t i = 0; i < join->len; i++)
		members[i] =
			(struct layout_member){ join->members[i].digest, join->members[i].platform,
						*join->members[i].attestation ? join->members[i].attestation : NULL };
	return join_find(join, &published, ret_digest, err);
}

/* By digest: what is signed has to be there. */
static int join_put(struct join *join, const char *digest, struct error **err)
{
	struct ref ref = join->where;
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	ref.digest = (char *)digest;
	if (!join->session->signing_key)
		return 0;
	if (layout_read(join->session->layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	return registry_put_manifest(join->session->registry, &ref, document->self.media_type, text.data, text.len, err);
}

static int join_tag(struct join *join, const char *digest, struct error **err)
{
	cleanup_json struct json *list = json_new_array();

	for (size_t i = 0; i < join->heads_len; i++) {
		const struct head *head = &join->heads[i];

		if (!(head->found && strcmp(head->digest, digest) == 0) &&
		    push_tag(join->session->registry, join->session->layout, &head->ref, digest, err) < 0)
			return -1;
		if (!join->session->options->quiet)
			output_note("%s/%s:%s is %s", head->ref.domain, head->ref.repository, head->ref.tag, digest);
		output_add_reference(list, &head->ref, digest);
	}
	return strcmp(join->session->options->format, "json") == 0 ? output_list("tags", list, err) : 0;
}

static int join_run(struct join *join, struct error **err)
{
	char digest[DIGEST_LEN + 1];

	if (!ref_parse(join->service->image.s, &join->where, NULL) || join->where.digest || join->service->tags.len == 0)
		return error_make(err, ERROR_USAGE, "%s is not a name that can be tagged", join->service->image.s);
	if (join_ask(join, err) < 0 || join_collect(join, err) < 0 || join_check(join, err) < 0)
		return -1;
	join_sort(join);
	annotations_find(join->session);
	if (signer_read(join->session, err) < 0 || join_write(join, digest, err) < 0 || join_put(join, digest, err) < 0)
		return -1;
	if (join->session->signing_key &&
	    sign_digest(join->session->registry, &join->where, digest, join->session->signing_key, err) < 0)
		return -1;
	return join_tag(join, digest, err);
}

static void join_clear(struct join *join)
{
	for (size_t i = 0; i < join->heads_len; i++)
		ref_free(&join->heads[i].ref);
	free(join->heads);
	ref_free(&join->where);
}

int cmd_join(const struct options *options, struct error **err)
{
	struct session session;
	struct join join = { .session = &session };
	long service;
	int r;

	if (options->targets_len < 2)
		return error_make(err, ERROR_USAGE,
				  "join takes a service and digests: cbuild join web sha256:... sha256:...");
	r = session_open(&session, options, err);
	if (r == 0) {
		service = manifest_service(session.manifest, options->targets[0]);
		if (service < 0 || !session.manifest->services[service].has_build)
			r = error_make(err, ERROR_USAGE, "no service that is built is called \"%s\"",
				       options->targets[0]);
		else
			join.service = &session.manifest->services[service];
	}
	if (r == 0 && (session_write(&session, err) < 0 || session_registry(&session, err) < 0))
		r = -1;
	if (r == 0)
		r = join_run(&join, err);
	join_clear(&join);
	session_close(&session);
	return r;
}
