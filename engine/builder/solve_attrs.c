#include "config.h"

#include "engine/builder/solve_attrs.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/ref.h"
#include "engine/builder/builder.h"
#include "engine/builder/caches.h"
#include "engine/buildkit/control.h"

struct attrs {
	struct arena *arena;
	struct control_pair *list;
	size_t len, cap;
};

static void attrs_add(struct attrs *attrs, const char *key, const char *value)
{
	mem_reserve(&attrs->list, &attrs->cap, attrs->len + 1, sizeof(*attrs->list));
	attrs->list[attrs->len++] = (struct control_pair){ key, value };
}

static void add_named(struct attrs *attrs, const char *kind, const char *name, const char *value)
{
	attrs_add(attrs, arena_join(attrs->arena, kind, ":", name, NULL), value);
}

/* The form in which BuildKit looks names up: docker's short form, without the tag "latest". */
static const char *attrs_familiar(struct arena *arena, const char *name)
{
	static const char library[] = "library/";
	struct ref ref;
	const char *domain, *repository, *tag, *text;

	if (!ref_parse(name, &ref, NULL))
		return arena_strdup(arena, name);
	domain = strcmp(ref.domain, "docker.io") == 0 ? "" : ref.domain;
	repository = ref.repository;
	if (!*domain && strncmp(repository, library, strlen(library)) == 0)
		repository += strlen(library);
	tag = ref.tag && (ref.digest || strcmp(ref.tag, "latest") != 0) ? ref.tag : "";
	text = arena_join(arena, domain, *domain ? "/" : "", repository, *tag ? ":" : "", tag, ref.digest ? "@" : "",
			  ref.digest ? ref.digest : "", NULL);
	ref_free(&ref);
	return text;
}

/* The engine's own image under the name that the Dockerfile says: only without a context BuildKit looks there first. */
static bool is_engines_own(const struct build_image *image)
{
	return image->where == IMAGE_REMOTE && !strchr(image->reference, '@') && ref_same(image->name, image->reference);
}

/* One name may stand for different images in stages of different platforms. */
static void attrs_images(struct attrs *attrs, const struct build_job *job)
{
	for (size_t i = 0; i < job->images_len; i++) {
		const struct build_image *image = &job->images[i];
		char platform[PLATFORM_TEXT];
		const char *value;

		if (is_engines_own(image))
			continue;
		platform_text(&image->platform, platform);
		if (image->where == IMAGE_STORE)
			value = arena_join(attrs->arena, "oci-layout://" SOLVE_STORE "@", image->digest, NULL);
		else
			value = arena_join(attrs->arena, "docker-image://", image->reference, NULL);
		attrs_add(attrs,
			  arena_join(attrs->arena, "context:", attrs_familiar(attrs->arena, image->name),
				     "::", platform, NULL),
			  value);
	}
}

static void attrs_contexts(struct attrs *attrs, const struct build_job *job)
{
	for (size_t i = 0; i < job->contexts_len; i++) {
		const struct build_context *context = &job->contexts[i];

		add_named(attrs, "context", context->name,
			  context->value[0] == '/' ? arena_printf(attrs->arena, "local:" SOLVE_FOLDER, i)
						   : context->value);
	}
}

/* "name:address" each; an address may contain colons. */
static void add_hosts(struct attrs *attrs, const struct build_job *job)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; job->hosts && job->hosts[i]; i++) {
		size_t len = strcspn(job->hosts[i], ":");

		buf_printf(&text, "%s%.*s=%s", i ? "," : "", (int)len, job->hosts[i],
			   job->hosts[i][len] ? job->hosts[i] + len + 1 : "");
	}
	if (text.len > 0)
		attrs_add(attrs, "add-hosts", arena_strdup(attrs->arena, text.data));
}

/* Separated by commas; nothing if there are none. */
static void attrs_list(struct attrs *attrs, const char *key, const char *const *texts)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; texts && texts[i]; i++)
		buf_printf(&text, "%s%s", i ? "," : "", texts[i]);
	if (text.len > 0)
		attrs_add(attrs, key, arena_strdup(attrs->arena, text.data));
}

static bool names_own(const struct build_job *job)
{
	for (size_t i = 0; i < job->images_len; i++)
		if (is_engines_own(&job->images[i]))
			return true;
	return false;
}

static void add_options(struct attrs *attrs, const struct build_job *job)
{
	if (job->target)
		attrs_add(attrs, "target", job->target);
	for (size_t i = 0; i < job->args_len; i++)
		add_named(attrs, "build-arg", job->args[i].key, job->args[i].value);
	if (job->has_epoch)
		attrs_add(attrs, "build-arg:SOURCE_DATE_EPOCH", arena_printf(attrs->arena, "%" PRId64, job->epoch));
	for (size_t i = 0; i < job->labels_len; i++)
		add_named(attrs, "label", job->labels[i].key, job->labels[i].value);
	if (job->network && strcmp(job->network, "default") != 0)
		attrs_add(attrs, "force-network-mode", job->network);
	if (job->shm_size)
		attrs_add(attrs, "shm-size", arena_printf(attrs->arena, "%" PRIu64, job->shm_size));
	attrs_list(attrs, "ulimit", (const char *const *)job->ulimits);
	if (job->cgroup_parent)
		attrs_add(attrs, "cgroup-parent", job->cgroup_parent);
	if (job->provenance)
		attrs_add(attrs, "attest:provenance", arena_join(attrs->arena, "mode=", job->provenance, NULL));
	if (job->sbom)
		attrs_add(attrs, "attest:sbom",
			  job->sbom_generator ? arena_join(attrs->arena, "generator=", job->sbom_generator, NULL) : "");
	add_hosts(attrs, job);
	if (job->pull || names_own(job))
		attrs_add(attrs, "image-resolve-mode", job->pull ? "pull" : "local");
	if (job->no_cache)
		attrs_add(attrs, "no-cache", "");
	else
		attrs_list(attrs, "no-cache", (const char *const *)job->no_cache_filter);
}

static const struct control_pair *keep(struct attrs *attrs, size_t *ret_len)
{
	struct control_pair *list = arena_array(attrs->arena, attrs->len + 1, sizeof(*list));

	if (attrs->len > 0)
		memcpy(list, attrs->list, attrs->len * sizeof(*list));
	*ret_len = attrs->len;
	free(attrs->list);
	return list;
}

static void add_exporter(struct arena *arena, const struct build_job *job, struct control_solve *ret)
{
	struct control_typed *exporter = arena_alloc(arena, sizeof(*exporter));
	struct attrs attrs = { .arena = arena };

	attrs_add(&attrs, "tar", "false");
	/* A base's layers become part of what is built on it: compress them, but quickly. */
	if (job->keep)
		attrs_add(&attrs, "compression-level", "1");
	if (job->has_epoch)
		attrs_add(&attrs, "rewrite-timestamp", "true");
	exporter->type = "oci";
	exporter->attrs = keep(&attrs, &exporter->attrs_len);
	ret->exporters = exporter;
	ret->exporters_len = 1;
}

/* Those that are asked for, and the one that comes with the machine's network. */
static void add_rights(struct arena *arena, const struct build_job *job, struct control_solve *ret)
{
	bool host = job->network && strcmp(job->network, "host") == 0;
	const char **rights;
	size_t len = 0, given = 0;

	while (job->entitlements && job->entitlements[given])
		given++;
	rights = arena_array(arena, given + 1, sizeof(*rights));
	for (size_t i = 0; i < given; i++) {
		rights[len++] = job->entitlements[i];
		host = host && strcmp(job->entitlements[i], "network.host") != 0;
	}
	if (host)
		rights[len++] = "network.host";
	ret->entitlements = rights;
	ret->entitlements_len = len;
}

void solve_attrs(struct arena *arena, const struct build_job *job, const struct caches *caches, struct control_solve *ret)
{
	char *platform = arena_alloc(arena, PLATFORM_TEXT);
	struct attrs attrs = { .arena = arena };
	const char *imports = caches ? caches_imports_json(caches) : NULL;

	attrs_add(&attrs, "filename", path_base(job->dockerfile));
	if (job->platform.os[0]) {
		platform_text(&job->platform, platform);
		attrs_add(&attrs, "platform", platform);
	}
	add_options(&attrs, job);
	attrs_contexts(&attrs, job);
	attrs_images(&attrs, job);
	if (imports)
		attrs_add(&attrs, "cache-imports", imports);
	ret->frontend = "dockerfile.v0";
	ret->attrs = keep(&attrs, &ret->attrs_len);
	add_exporter(arena, job, ret);
	if (caches)
		caches_fill(caches, ret);
	add_rights(arena, job, ret);
}
