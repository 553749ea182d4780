#include "config.h"

#include "engine/registry/signed_base.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/ec_key.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/oci/lockfile.h"
#include "engine/registry/bases.h"
#include "engine/registry/client.h"
#include "engine/registry/sign.h"

#define KEY_MAX (1u << 20) /* bytes of a key file */

/* "ghcr.io/acme" names all below it, "*" every image. */
static bool names_image(const char *pattern, const char *name)
{
	size_t len = strlen(pattern);

	return strcmp(pattern, "*") == 0 || (strncmp(name, pattern, len) == 0 && (!name[len] || name[len] == '/'));
}

/* The entry that says most about the image, or NULL. */
static const struct pair *find_policy(const struct manifest *manifest, const char *reference)
{
	const struct pair *found = NULL;
	cleanup_free char *name = NULL;
	struct ref ref = { 0 };

	if (manifest->signed_bases.len == 0 || !ref_parse(reference, &ref, NULL))
		return NULL;
	name = mem_printf("%s/%s", ref.domain, ref.repository);
	ref_free(&ref);
	for (size_t i = 0; i < manifest->signed_bases.len; i++) {
		const struct pair *pair = &manifest->signed_bases.items[i];

		if (names_image(pair->key.s, name) && (!found || strlen(pair->key.s) > strlen(found->key.s)))
			found = pair;
	}
	return found;
}

bool signed_base_wanted(const struct manifest *manifest, const char *reference)
{
	return find_policy(manifest, reference) != NULL;
}

/* 1: the image is a member of that index, which is signed. */
static int check_index(const struct signed_base *base, struct ref *where, const char *index, const char *digest,
		       const struct ec_key *key, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	struct ref ref = { .domain = where->domain, .repository = where->repository, .digest = (char *)index };
	int r = registry_document(base->registry, &ref, &text, &document, err);

	if (r <= 0)
		return r;
	for (size_t i = 0; document->index && i < document->len; i++) {
		if (strcmp(document->entries[i].blob.digest, digest) == 0)
			return sign_verify(base->registry, where, index, key, err);
	}
	return 0;
}

/* The index that the image was found in: the lock's, the one written, or the tag's. malloc'd, or NULL. */
static char *index_of_base(const struct signed_base *base)
{
	cleanup_free char *name = lock_reference(base->reference);
	const struct lock_entry *entry = name ? lockfile_find(base->lock, name) : NULL;
	const char *at = strchr(base->reference, '@');

	if (!name)
		return at ? mem_strdup(at + 1) : NULL;
	if (!entry && bases_find(base->bases, name, &entry, NULL) < 0)
		return NULL;
	return mem_strdup(entry->digest);
}

/* In one repository: 1 or 0. */
static int check_in(const struct signed_base *base, struct ref *where, const char *digest, const struct ec_key *key,
		    struct error **err)
{
	cleanup_free char *index = index_of_base(base);
	int r = sign_verify(base->registry, where, digest, key, err);

	if (r == 0 && index && strcmp(index, digest) != 0)
		r = check_index(base, where, index, digest, key, err);
	return r;
}

static int refuse_unsigned(const struct signed_base *base, const struct pair *policy, struct error **err)
{
	return error_make(err, ERROR_BUILD, "%s (%s) has no signature by %s, which the manifest's policy demands",
			  base->reference, base->pulled, policy->value.s);
}

int signed_base_check(const struct signed_base *base, struct error **err)
{
	const struct pair *policy = find_policy(base->manifest, base->reference);
	cleanup_ec_key struct ec_key *key = NULL;
	cleanup_buf struct buf text = { 0 };
	struct ref pulled = { 0 }, own = { 0 };
	int r = 0;

	if (!policy)
		return 0;
	if (fs_read(policy->value.s, KEY_MAX, &text, err) < 0 || ec_key_read_public(&text, policy->value.s, &key, err) < 0)
		return -1;
	if (ref_parse(base->pulled, &pulled, NULL))
		r = check_in(base, &pulled, pulled.digest, key, err);
	/* A mirror need not have the signatures. */
	if (r == 0 && ref_parse(base->reference, &own, NULL) && strcmp(own.domain, pulled.domain) != 0)
		r = check_in(base, &own, pulled.digest, key, err);
	ref_free(&pulled);
	ref_free(&own);
	return r > 0 ? 0 : r < 0 ? -1 : refuse_unsigned(base, policy, err);
}
