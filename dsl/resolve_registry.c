#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/ref.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* How to talk to registries. */

#define TIMEOUT_MS 30000

static bool check_host(struct resolve *r, const struct text *host)
{
	struct ref ref = { 0 };
	const char *why = "it has a path";
	bool good = ref_parse(arena_printf(r->arena, "%s/x", host->s), &ref, &why) &&
		    strcmp(ref.repository, "x") == 0 && strcmp(ref.domain, host->s) == 0;

	/* "docker.io/x" means "docker.io/library/x" */
	good = good || strcmp(host->s, "docker.io") == 0;
	if (!good)
		diags_add(r->diags, host->pos, "write a host as images name it: \"ghcr.io\", \"localhost:5000\"",
			  "\"%s\" is not the host of a registry: %s", host->s, why);
	ref_free(&ref);
	return good;
}

/* scheme://host[:port], without a path. */
static void check_auth(struct resolve *r, const struct text *auth)
{
	const char *host = strstr(auth->s, "://");

	if ((strncmp(auth->s, "https://", 8) == 0 || strncmp(auth->s, "http://", 7) == 0) && host[3] &&
	    !strpbrk(host + 3, "/?#@ "))
		return;
	diags_add(r->diags, auth->pos, "write scheme, host and port: \"https://auth.example.com\"",
		  "\"%s\" is not the address of a token server", auth->s);
}

/* A host, optionally with a path. */
static void check_mirrors(struct resolve *r, const struct texts *mirrors)
{
	for (size_t i = 0; i < mirrors->len; i++) {
		const struct text *mirror = &mirrors->items[i];
		struct ref ref = { 0 };
		const char *why = "it names no host";
		bool good = ref_parse(arena_printf(r->arena, "%s/x", mirror->s), &ref, &why) &&
			    strncmp(ref.domain, mirror->s, strlen(ref.domain)) == 0;

		if (!good)
			diags_add(r->diags, mirror->pos, "write host and maybe path: \"mirror.lan:5000/hub\"",
				  "\"%s\" is not a mirror: %s", mirror->s, why ? why : "it names no host");
		ref_free(&ref);
	}
}

static void make_absolute(struct resolve *r, struct text *path)
{
	if (path->s)
		path->s = resolve_text(r, path);
}

void resolve_registries(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;

	manifest->registries = r->draft->registries;
	manifest->registries_len = r->draft->registries_len;
	for (size_t i = 0; i < manifest->registries_len; i++) {
		struct registry_spec *spec = &manifest->registries[i];

		check_host(r, &spec->host);
		if (spec->auth.s)
			check_auth(r, &spec->auth);
		check_mirrors(r, &spec->mirrors);
		if (spec->key.s && !spec->cert.s)
			diags_add(r->diags, spec->key.pos, NULL, "\"key\" needs a \"cert\"");
		make_absolute(r, &spec->ca);
		make_absolute(r, &spec->cert);
		make_absolute(r, &spec->key);
		if (!spec->timeout_ms)
			spec->timeout_ms = TIMEOUT_MS;
	}
}
