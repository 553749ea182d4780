#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ec_key.h"
#include "base/error.h"
#include "base/json.h"
#include "base/ref.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "cli/signer.h"
#include "engine/registry/client.h"
#include "engine/registry/sign.h"

/* What is signed, as lines and as JSON. */
struct signed_list {
	struct buf text;
	struct json *json;
};

static int verify_ref(struct session *session, const char *name, struct ref *ref, const struct ec_key *key,
		      struct signed_list *ret, struct error **err)
{
	char digest[DIGEST_LEN + 1];
	int r = registry_head(session->registry, ref, false, digest, err);

	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s does not exist", name);
	if (r > 0)
		r = sign_verify(session->registry, ref, digest, key, err);
	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s (%s) has no signature by %s", name, digest,
				  session->options->key);
	if (r > 0) {
		buf_printf(&ret->text, "%s/%s@%s\n", ref->domain, ref->repository, digest);
		output_add_reference(ret->json, ref, digest);
	}
	return r < 0 ? -1 : 0;
}

static int verify_name(struct session *session, const char *name, const struct ec_key *key, struct signed_list *ret,
		       struct error **err)
{
	struct ref ref = { 0 };
	const char *why;
	int r;

	if (!ref_parse(name, &ref, &why))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image reference: %s", name, why);
	r = verify_ref(session, name, &ref, key, ret, err);
	ref_free(&ref);
	return r;
}

int cmd_verify_signature(const struct options *options, struct error **err)
{
	cleanup_ec_key struct ec_key *key = NULL;
	struct signed_list list = { 0 };
	struct session session;
	int r;

	if (options->targets_len == 0 || !options->key)
		return error_make(
			err, ERROR_USAGE,
			"verify-signature takes a public key and images: cbuild verify-signature --key=cosign.pub ghcr.io/acme/web:1");
	if (signer_read_public(options->key, &key, err) < 0)
		return -1;
	list.json = json_new_array();
	r = registry_session_open(&session, options, err);
	for (size_t i = 0; r == 0 && i < options->targets_len; i++)
		r = verify_name(&session, options->targets[i], key, &list, err);
	if (r == 0)
		r = strcmp(options->format, "json") == 0 ? output_list("images", list.json, err)
							 : output_data(list.text.data, list.text.len, err);
	buf_free(&list.text);
	json_free(list.json);
	session_close(&session);
	return r;
}
