#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* Secrets and configs of containers: files of this machine (compose-spec, 08-configs and 09-secrets). */

struct file_kind {
	const char *key, *one, *dir; /* a target that is no path is below `dir` */
	const struct draft_source *sources;
	size_t sources_len;
};

static const struct draft_source *find_file_source(const struct file_kind *kind, const char *name)
{
	for (size_t i = 0; i < kind->sources_len; i++)
		if (strcmp(kind->sources[i].name.s, name) == 0)
			return &kind->sources[i];
	return NULL;
}

static void resolve_file_add(struct resolve *r, struct service *service, const struct file_kind *kind,
			     const struct draft_secret *draft)
{
	const struct draft_source *source = find_file_source(kind, draft->source.s);
	const char *target = draft->target.s ? draft->target.s : draft->source.s;

	if (!source) {
		diags_add(r->diags, draft->source.pos,
			  arena_printf(r->arena, "the manifest's \"%s\" say where each comes from", kind->key),
			  "there is no %s \"%s\"", kind->one, draft->source.s);
		return;
	}
	if (!source->file.s) {
		resolve_unused(r, service,
			       arena_printf(r->arena, "%s %s (only files are)", kind->one, draft->source.s),
			       draft->source.pos);
		return;
	}
	service->files[service->files_len++] =
		(struct mount){ .kind = MOUNT_BIND,
				.source = { resolve_text(r, &source->file), source->file.pos },
				.target = *target == '/' ? target : arena_printf(r->arena, "%s%s", kind->dir, target),
				.options = "ro" };
}

void resolve_files(struct resolve *r, const struct draft_rest *draft, struct service *service)
{
	const struct file_kind secrets = { "secrets", "secret", "/run/secrets/", r->draft->sources,
					   r->draft->sources_len };
	const struct file_kind configs = { "configs", "config", "/", r->draft->configs, r->draft->configs_len };
	size_t len = draft->secrets_len + draft->configs_len;

	service->files = arena_array(r->arena, len + 1, sizeof(*service->files));
	for (size_t i = 0; i < draft->secrets_len; i++)
		resolve_file_add(r, service, &secrets, &draft->secrets[i]);
	for (size_t i = 0; i < draft->configs_len; i++)
		resolve_file_add(r, service, &configs, &draft->configs[i]);
}
