#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pushed.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"
#include "engine/registry/copy_image.h"
#include "engine/state/state.h"

/* Gives images that are in the registry further tags, or copies them to other repositories. Nothing is built. */

/* The reference that a word of the command line means: a tag beside the service's, or a whole reference. */
static int tag_parse_word(const char *word, const struct ref *own, struct ref *ret, struct error **err)
{
	const char *why = NULL;

	if (ref_tag_valid(word)) {
		*ret = (struct ref){ .domain = mem_strdup(own->domain),
				     .repository = mem_strdup(own->repository),
				     .tag = mem_strdup(word) };
		return 0;
	}
	if (strchr(word, '/') && ref_parse(word, ret, &why)) {
		if (ret->tag && !ret->digest)
			return 0;
		ref_free(ret);
		*ret = (struct ref){ 0 };
		return error_make(err, ERROR_USAGE, "\"%s\" has no tag: write HOST/PATH:TAG", word);
	}
	error_make(err, ERROR_USAGE, "\"%s\" cannot be a tag", word);
	error_remedy(
		err,
		"a tag is 1 to 128 of A-Z a-z 0-9 _ . - and does not start with . or -; another repository is HOST/PATH:TAG");
	return -1;
}

static int tag_missing(const struct service *service, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s:%s is not in the registry", service->image.s,
		   service->tags.len ? service->tags.items[0].s : "latest");
	error_remedy(err, "push it first: cbuild push %s", service->name.s);
	return -1;
}

/* What gets the tags. */
struct tag_source {
	struct ref where;
	char digest[DIGEST_LEN + 1];
	struct buf text;
	char *type;
};

static int tag_read_pushed(struct session *session, struct tag_source *source, struct error **err)
{
	cleanup_document struct document *document = NULL;

	if (layout_read(session->layout, source->digest, &source->text, err) < 0 ||
	    document_parse(source->text.data, source->text.len, NULL, source->digest, source->digest, &document, err) < 0)
		return -1;
	source->type = steal_ptr(document->self.media_type);
	return 0;
}

/* An image pushed from here is known by its digest, and its index is in the store; for one pushed by another machine, the service's first tag
 * is looked up. */
static int tag_find_source(struct session *session, const struct service *service, struct tag_source *source,
			   struct error **err)
{
	cleanup_record struct record *record = NULL;
	struct ref ref = source->where;
	int r;

	if (pushed_find(session, service, NULL, NULL, &record, err) < 0)
		return -1;
	if (record) {
		memcpy(source->digest, record->digest, DIGEST_LEN + 1);
		return tag_read_pushed(session, source, err);
	}
	ref.tag = service->tags.len ? (char *)service->tags.items[0].s : NULL;
	r = registry_manifest(session->registry, &ref, &source->text, &source->type, source->digest, err);
	if (r == 0)
		return tag_missing(service, err);
	return r < 0 ? -1 : 0;
}

static void tag_tell_copied(const struct copy_image *copy, const struct ref *to)
{
	cleanup_buf struct buf size = { 0 };

	text_size(&size, copy->bytes);
	output_note("%s/%s: %zu blobs sent (%s), %zu mounted, %zu there; %zu manifests, %zu referrers", to->domain,
		    to->repository, copy->sent, size.data, copy->mounted, copy->there, copy->manifests, copy->referrers);
}

/* Copies everything to the repository of `to`, before it is tagged there. */
static int tag_copy(struct session *session, const struct tag_source *source, const struct ref *to, struct error **err)
{
	struct copy_image copy = {
		.registry = session->registry,
		.layout = session->layout,
		.from = &source->where,
		.to = to,
	};
	int r = copy_image(&copy, source->digest, err);

	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s/%s has no %s any more", source->where.domain,
				  source->where.repository, source->digest);
	if (r > 0)
		r = copy_image_referrers(&copy, source->digest, err);
	if (r >= 0 && !session->options->quiet)
		tag_tell_copied(&copy, to);
	return r < 0 ? -1 : 0;
}

static int tag_put(struct session *session, const struct tag_source *source, const struct ref *to, struct error **err)
{
	if (registry_put_manifest(session->registry, to, source->type, source->text.data, source->text.len, err) < 0)
		return -1;
	if (!session->options->quiet)
		output_note("tagged %s/%s:%s", to->domain, to->repository, to->tag);
	return 0;
}

static bool tag_is_beside(const struct tag_source *source, const struct ref *to)
{
	return strcmp(to->domain, source->where.domain) == 0 && strcmp(to->repository, source->where.repository) == 0;
}

/* Content first, for all; tags last. */
static int tag_put_all(struct session *session, const struct tag_source *source, const struct ref *refs, size_t len,
		       struct error **err)
{
	cleanup_json struct json *list = json_new_array();
	int r = 0;

	for (size_t i = 0; r == 0 && i < len; i++) {
		if (!tag_is_beside(source, &refs[i]))
			r = tag_copy(session, source, &refs[i], err);
	}
	for (size_t i = 0; r == 0 && i < len; i++) {
		r = tag_put(session, source, &refs[i], err);
		if (r == 0)
			output_add_reference(list, &refs[i], source->digest);
	}
	return r == 0 && strcmp(session->options->format, "json") == 0 ? output_list("tags", list, err) : r;
}

static int tag_service(struct session *session, const struct service *service, struct error **err)
{
	const struct options *options = session->options;
	struct tag_source source = { 0 };
	struct ref *refs = mem_array(options->targets_len, sizeof(*refs));
	size_t len = 0;
	int r = 0;

	if (!ref_parse(service->image.s, &source.where, NULL) || source.where.digest)
		r = error_make(err, ERROR_USAGE, "%s is not a name that can be tagged", service->image.s);
	for (size_t i = 1; r == 0 && i < options->targets_len; i++)
		r = tag_parse_word(options->targets[i], &source.where, &refs[len++], err);
	if (r == 0)
		r = session_registry(session, err);
	if (r == 0)
		r = tag_find_source(session, service, &source, err);
	if (r == 0)
		r = tag_put_all(session, &source, refs, len, err);
	for (size_t i = 0; i < len; i++)
		ref_free(&refs[i]);
	free(refs);
	ref_free(&source.where);
	buf_free(&source.text);
	free(source.type);
	return r;
}

int cmd_tag(const struct options *options, struct error **err)
{
	struct session session;
	long service;
	int r;

	if (options->targets_len < 2)
		return error_make(err, ERROR_USAGE, "tag takes a service and new tags: cbuild tag web 1.4.0 1.4");
	r = session_open(&session, options, err);
	if (r == 0) {
		service = manifest_service(session.manifest, options->targets[0]);
		if (service < 0 || !session.manifest->services[service].has_build)
			r = error_make(err, ERROR_USAGE, "no service that is built is called \"%s\"",
				       options->targets[0]);
	}
	if (r == 0)
		r = tag_service(&session, &session.manifest->services[service], err);
	session_close(&session);
	return r;
}
