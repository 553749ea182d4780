#include "config.h"

#include "engine/registry/mirror.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/document.h"
#include "engine/registry/client.h"

void mirror_ref(const struct ref *own, const char *mirror, struct ref *ret)
{
	size_t host = strcspn(mirror, "/");

	*ret = (struct ref){
		.domain = mem_strndup(mirror, host),
		.repository = mem_printf("%s%s%s", mirror[host] ? mirror + host + 1 : "", mirror[host] ? "/" : "",
					 own->repository),
		.tag = own->tag ? mem_strdup(own->tag) : NULL,
		.digest = own->digest ? mem_strdup(own->digest) : NULL,
	};
}

static bool has_blobs(struct registry *registry, const struct ref *where, const struct document *manifest)
{
	bool all = registry_has_blob(registry, where, false, manifest->config.digest, manifest->config.size, NULL) > 0;

	for (size_t i = 0; all && i < manifest->len; i++) {
		const struct descriptor *layer = &manifest->entries[i].blob;

		all = registry_has_blob(registry, where, false, layer->digest, layer->size, NULL) > 0;
	}
	return all;
}

bool mirror_has_image(struct registry *registry, const struct ref *where, const char *digest)
{
	const struct ref by_digest = { .domain = where->domain, .repository = where->repository, .digest = (char *)digest };
	cleanup_document struct document *manifest = NULL;
	cleanup_free char *type = NULL;
	cleanup_buf struct buf text = { 0 };
	char found[DIGEST_LEN + 1];

	if (registry_manifest(registry, &by_digest, &text, &type, found, NULL) <= 0 ||
	    document_parse(text.data, text.len, type, found, digest, &manifest, NULL) < 0)
		return false;
	return manifest->index || has_blobs(registry, &by_digest, manifest);
}
