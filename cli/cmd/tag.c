#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pushed.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"
#include "engine/registry/push.h"
#include "engine/state/state.h"

/* Adds tags to images that are in the registry: nothing is pulled, and only the index is sent. */

static int tag_check_words(const struct options *options, struct error **err)
{
	if (options->targets_len < 2)
		return error_make(err, ERROR_USAGE, "tag takes a service and new tags: cbuild tag web 1.4.0 1.4");
	for (size_t i = 1; i < options->targets_len; i++) {
		if (ref_tag_valid(options->targets[i]))
			continue;
		error_make(err, ERROR_USAGE, "\"%s\" cannot be a tag", options->targets[i]);
		error_remedy(err, "a tag is 1 to 128 of A-Z a-z 0-9 _ . - and does not start with . or -");
		return -1;
	}
	return 0;
}

static int missing(const struct service *service, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s:%s is not in the registry", service->image.s,
		   service->tags.len ? service->tags.items[0].s : "latest");
	error_remedy(err, "push it first: cbuild push %s", service->name.s);
	return -1;
}

/* An image pushed from here is known, and tagged with one request; for one pushed by another machine, the service's
 * first tag is looked up. */
struct tag_source {
	struct record *record; /* of its push, or NULL */
	struct buf text;
	char *type;
};

static int tag_find_source(struct session *session, const struct service *service, struct ref *ref,
			   struct tag_source *source, struct error **err)
{
	char digest[DIGEST_LEN + 1];
	int r;

	if (pushed_find(session, service, NULL, NULL, &source->record, err) < 0)
		return -1;
	if (source->record)
		return 0;
	ref->tag = service->tags.len ? (char *)service->tags.items[0].s : NULL;
	r = registry_manifest(session->registry, ref, &source->text, &source->type, digest, err);
	if (r == 0)
		return missing(service, err);
	return r < 0 ? -1 : 0;
}

static int tag_put(struct session *session, const struct ref *ref, const struct tag_source *source, struct error **err)
{
	if (source->record)
		return push_tag(session->registry, session->layout, ref, source->record->digest, err);
	return registry_put_manifest(session->registry, ref, source->type, source->text.data, source->text.len, err);
}

static int tag_put_all(struct session *session, const struct service *service, struct error **err)
{
	const struct options *options = session->options;
	struct tag_source source = { 0 };
	struct ref ref = { 0 };
	int r;

	if (!ref_parse(service->image.s, &ref, NULL) || ref.digest) {
		ref_free(&ref);
		return error_make(err, ERROR_USAGE, "%s is not a name that can be tagged", service->image.s);
	}
	r = tag_find_source(session, service, &ref, &source, err);
	for (size_t i = 1; r == 0 && i < options->targets_len; i++) {
		ref.tag = (char *)options->targets[i];
		r = tag_put(session, &ref, &source, err);
		if (r == 0 && !options->quiet)
			output_note("tagged %s:%s", service->image.s, ref.tag);
	}
	ref.tag = NULL; /* it was borrowed */
	ref_free(&ref);
	record_free(source.record);
	buf_free(&source.text);
	free(source.type);
	return r;
}

int cmd_tag(const struct options *options, struct error **err)
{
	struct session session;
	long service;
	int r;

	if (tag_check_words(options, err) < 0)
		return -1;
	r = session_open(&session, options, err);
	if (r == 0) {
		service = manifest_service(session.manifest, options->targets[0]);
		if (service < 0 || !session.manifest->services[service].has_build)
			r = error_make(err, ERROR_USAGE, "no service that is built is called \"%s\"",
				       options->targets[0]);
	}
	if (r == 0)
		r = session_registry(&session, err);
	if (r == 0)
		r = tag_put_all(&session, &session.manifest->services[service], err);
	session_close(&session);
	return r;
}
