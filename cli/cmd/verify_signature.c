#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ec_key.h"
#include "base/error.h"
#include "base/ref.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "cli/signer.h"
#include "engine/registry/client.h"
#include "engine/registry/sign.h"

static int verify_ref(struct session *session, const char *name, struct ref *ref, const struct ec_key *key,
		      struct buf *out, struct error **err)
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
	if (r > 0)
		buf_printf(out, "%s/%s@%s\n", ref->domain, ref->repository, digest);
	return r < 0 ? -1 : 0;
}

static int verify_name(struct session *session, const char *name, const struct ec_key *key, struct buf *out,
		       struct error **err)
{
	struct ref ref = { 0 };
	const char *why;
	int r;

	if (!ref_parse(name, &ref, &why))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image reference: %s", name, why);
	r = verify_ref(session, name, &ref, key, out, err);
	ref_free(&ref);
	return r;
}

int cmd_verify_signature(const struct options *options, struct error **err)
{
	cleanup_ec_key struct ec_key *key = NULL;
	cleanup_buf struct buf out = { 0 };
	struct session session;
	int r;

	if (options->targets_len == 0 || !options->key)
		return error_make(
			err, ERROR_USAGE,
			"verify-signature takes a public key and images: cbuild verify-signature --key=cosign.pub ghcr.io/acme/web:1");
	if (signer_read_public(options->key, &key, err) < 0)
		return -1;
	r = registry_session_open(&session, options, err);
	for (size_t i = 0; r == 0 && i < options->targets_len; i++)
		r = verify_name(&session, options->targets[i], key, &out, err);
	if (r == 0)
		r = output_data(out.data, out.len, err);
	session_close(&session);
	return r;
}
