#include "config.h"

#include "base/mem.h"
#include "dsl/loaded.h"
#include "dsl/manifest.h"
#include "dsl/resolve.h"
#include "dsl/scope.h"

/* A path of this machine: relative to the manifest's folder, or to the home folder ("~/data"). */
static void resolve_source(struct resolve *r, struct text *source)
{
	const char *home = source->s[0] == '~' ? scope_environ(r->scope, "HOME", source->pos) : NULL;

	if (home && (source->s[1] == '/' || !source->s[1]))
		source->s = arena_join(r->arena, home, source->s + 1, NULL);
	source->s = resolve_text(r, source);
}

void resolve_mounts(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;

	for (size_t i = 0; i < manifest->services_len; i++) {
		struct service *service = &manifest->services[i];

		for (size_t j = 0; j < service->mounts_len; j++) {
			if (service->mounts[j].kind == MOUNT_BIND && service->mounts[j].source.s)
				resolve_source(r, &service->mounts[j].source);
		}
	}
}
