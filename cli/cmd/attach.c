#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/registry/artifact.h"
#include "engine/registry/client.h"
#include "engine/registry/referrers.h"

/* Documents about images, as referrers of theirs. */

#define ATTACH_TITLE "org.opencontainers.image.title"

static int attach_type(const char *given, const char **ret, struct error **err)
{
	static const char *const types[][2] = { { "spdx", "application/spdx+json" },
						{ "cyclonedx", "application/vnd.cyclonedx+json" },
						{ "openvex", "application/vnd.openvex+json" } };

	for (size_t i = 0; given && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(given, types[i][0]) != 0)
			continue;
		*ret = types[i][1];
		return 0;
	}
	*ret = given;
	if (given && strchr(given, '/'))
		return 0;
	return error_make(err, ERROR_USAGE, "--type takes spdx, cyclonedx, openvex or a media type, not \"%s\"",
			  given ? given : "");
}

/* A service's image under its first tag, or the reference itself. */
static int attach_target(struct session *session, const char *word, struct ref *ret, struct error **err)
{
	long number = session->manifest ? manifest_service(session->manifest, word) : -1;
	const struct service *service = number < 0 ? NULL : &session->manifest->services[number];
	cleanup_free char *name = service && service->tags.len
					  ? mem_printf("%s:%s", service->image.s, service->tags.items[0].s)
					  : mem_strdup(word);
	const char *why;

	if (!ref_parse(name, ret, &why))
		return error_make(err, ERROR_USAGE, "\"%s\" is neither a service nor an image reference: %s", word, why);
	return 0;
}

static int attach_put(struct session *session, const char *path, const char *type, const struct ref *ref,
		      const struct descriptor *subject, const struct descriptor *layer, char ret_digest[DIGEST_LEN + 1],
		      struct error **err)
{
	struct json *layers = json_new_array(), *entry = document_descriptor(layer, NULL), *title = json_new_object();
	struct descriptor config = { 0 };
	cleanup_buf struct buf text = { 0 };
	const char *slash = strrchr(path, '/');
	int r = artifact_send(session->registry, ref, ARTIFACT_EMPTY, "{}", 2, &config, err);

	json_set_str(title, ATTACH_TITLE, slash ? slash + 1 : path);
	json_set(entry, "annotations", title);
	json_append(layers, entry);
	if (r < 0) {
		json_free(layers);
		return -1;
	}
	artifact_dump(type, &config, layers, subject, NULL, &text);
	free(config.media_type);
	return referrers_put(session->registry, ref, subject->digest, &text, NULL, ret_digest, err);
}

static int attach_print_json(const struct ref *ref, const char *put, const char *subject, struct error **err)
{
	cleanup_free char *repository = mem_printf("%s/%s", ref->domain, ref->repository);
	cleanup_json struct json *list = json_new_array();
	struct json *object = json_new_object();

	json_set_str(object, "repository", repository);
	json_set_str(object, "digest", put);
	json_set_str(object, "subject", subject);
	json_append(list, object);
	return output_list("referrers", list, err);
}

static int attach_file(struct session *session, const char *path, const char *type, struct ref *ref, struct error **err)
{
	struct descriptor subject = { 0 }, layer = { 0 };
	char digest[DIGEST_LEN + 1], put[DIGEST_LEN + 1];
	int r = registry_head(session->registry, ref, true, digest, err);

	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s/%s:%s does not exist", ref->domain, ref->repository,
				  ref->digest ? ref->digest
				  : ref->tag  ? ref->tag
					      : "latest");
	if (r < 0)
		return -1;
	r = artifact_subject(session->registry, ref, digest, &subject, err);
	if (r == 0)
		r = artifact_send_file(session->registry, ref, type, path, &layer, err);
	if (r == 0)
		r = attach_put(session, path, type, ref, &subject, &layer, put, err);
	free(subject.media_type);
	free(layer.media_type);
	if (r == 0 && !session->options->quiet)
		output_note("%s/%s@%s is about %s", ref->domain, ref->repository, put, digest);
	return r == 0 && strcmp(session->options->format, "json") == 0 ? attach_print_json(ref, put, digest, err) : r;
}

int cmd_attach(const struct options *options, struct error **err)
{
	struct session session;
	struct ref ref = { 0 };
	const char *type;
	int r;

	if (options->targets_len != 2)
		return error_make(err, ERROR_USAGE,
				  "attach takes a file and an image: cbuild attach sbom.json web --type=spdx");
	if (attach_type(options->type, &type, err) < 0)
		return -1;
	r = registry_session_open(&session, options, err);
	if (r == 0)
		r = attach_target(&session, options->targets[1], &ref, err);
	if (r == 0)
		r = attach_file(&session, options->targets[0], type, &ref, err);
	ref_free(&ref);
	session_close(&session);
	return r;
}
