#ifndef ENGINE_REGISTRY_SIGN_H
#define ENGINE_REGISTRY_SIGN_H

struct ec_key;
struct error;
struct ref;
struct registry;

/* Signatures as cosign makes them with a key: a payload of the form "simple signing" as a layer of a manifest, which has the tag
 * sha256-HEX.sig and names the signed manifest as its subject. */

/* Signs the manifest or index `digest` in the repository, beside the signatures of others: 1; 0: this key has signed it already. */
int sign_digest(struct registry *registry, const struct ref *repository, const char *digest, const struct ec_key *key,
		struct error **err);
/* Whether this key (private or public) has signed it: 1 or 0. Looks under the tag, then at what refers to it. */
int sign_verify(struct registry *registry, const struct ref *repository, const char *digest, const struct ec_key *key,
		struct error **err);

#endif
