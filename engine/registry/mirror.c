#include "config.h"

#include "engine/registry/mirror.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/registry/client.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/hosts_toml.h"
#include "engine/registry/place.h"
#include "engine/registry/registries_conf.h"
#include "engine/registry/registry_internal.h"

/* A mirror may be the host that serves a registry: then it is that registry, with its logins. */
static void name_registries(struct places *places)
{
	for (size_t i = 0; i < places->len; i++) {
		struct ref *where = &places->items[i].where;
		char *domain = mem_strdup(endpoint_domain(where->domain));

		free(where->domain);
		where->domain = domain;
	}
}

/* One name for an image, with its registry. */
static int mirrors_add_name(struct registry *registry, const struct ref *own, bool by_digest, struct places *ret,
			    struct error **err)
{
	const struct registry_files *files = registry_files(registry, err);
	const struct registry_spec *spec = registry_settings(registry, own->domain);
	cleanup_free char *location = NULL, *server = NULL;

	for (size_t i = 0; spec && i < spec->mirrors.len; i++)
		places_add(ret, spec->mirrors.items[i].s, own->repository, false);
	if (!files || registries_conf_places(files->conf, own, by_digest, ret, &location, err) < 0 ||
	    hosts_toml_places(files->hosts, own->domain, own->repository, by_digest, ret, &server, err) < 0)
		return -1;
	name_registries(ret);
	if (location ? !places_add(ret, location, "", false)
		     : !places_add(ret, server ? endpoint_domain(server) : own->domain, own->repository, false))
		return error_make(err, ERROR_REGISTRY, "%s/%s is said to be at \"%s\", which is no repository",
				  own->domain, own->repository, location ? location : server);
	return 0;
}

static void free_names(char ***names)
{
	for (char **name = *names; name && *name; name++)
		free(*name);
	free(*names);
}

int mirrors_find(struct registry *registry, const struct ref *own, const char *bare, bool by_digest, struct places *ret,
		 struct error **err)
{
	const struct registry_files *files = registry_files(registry, err);
	__attribute__((cleanup(free_names))) char **names = files && bare ? registries_conf_names(files->conf, bare)
									  : NULL;
	int r = 0;

	if (!files)
		return -1;
	if (!names)
		return mirrors_add_name(registry, own, by_digest, ret, err);
	for (char **name = names; r == 0 && *name; name++) {
		struct ref ref = { 0 };

		if (!ref_parse(*name, &ref, NULL))
			return error_make(err, ERROR_REGISTRY,
					  "registries.conf says that %s is \"%s\", which is no image", bare, *name);
		r = mirrors_add_name(registry, &ref, by_digest, ret, err);
		ref_free(&ref);
	}
	return r;
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
