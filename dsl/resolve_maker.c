#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* Several services may use one image, as compose files do (web, worker, beat): an identical build is made once. */

/* Each value with its length, so that different builds always have different texts. */
static void resolve_maker_put(struct buf *out, const char *s)
{
	if (s)
		buf_printf(out, "%zu:%s,", strlen(s), s);
	else
		buf_str(out, "-,");
}

static void put_texts(struct buf *out, const struct texts *texts)
{
	buf_printf(out, "[%zu]", texts->len);
	for (size_t i = 0; i < texts->len; i++)
		resolve_maker_put(out, texts->items[i].s);
}

static void put_pairs(struct buf *out, const struct pairs *pairs)
{
	buf_printf(out, "{%zu}", pairs->len);
	for (size_t i = 0; i < pairs->len; i++) {
		resolve_maker_put(out, pairs->items[i].key.s);
		resolve_maker_put(out, pairs->items[i].value.s);
	}
}

static void put_build(struct buf *out, const struct build_spec *build)
{
	const struct text *const texts[] = { &build->context, &build->dockerfile, &build->target, &build->inline_text,
					     &build->network };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		resolve_maker_put(out, texts[i]->s);
	put_pairs(out, &build->args);
	put_pairs(out, &build->labels);
	put_pairs(out, &build->ssh);
	put_texts(out, &build->hosts);
	put_texts(out, &build->cache_from);
	put_texts(out, &build->cache_to);
	resolve_maker_put(out, build->sbom_generator);
	buf_printf(out, "%llu %d %d %d %d", (unsigned long long)build->shm_size, build->no_cache, build->pull,
		   (int)build->provenance, build->sbom);
	for (size_t i = 0; i < build->platforms_len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&build->platforms[i], text);
		resolve_maker_put(out, text);
	}
	for (size_t i = 0; i < build->contexts_len; i++) {
		buf_printf(out, "context %d", (int)build->contexts[i].kind);
		resolve_maker_put(out, build->contexts[i].name.s);
		resolve_maker_put(out, build->contexts[i].value.s);
	}
	for (size_t i = 0; i < build->secrets_len; i++) {
		buf_str(out, "secret ");
		resolve_maker_put(out, build->secrets[i].id.s);
		resolve_maker_put(out, build->secrets[i].file.s);
		resolve_maker_put(out, build->secrets[i].variable.s);
	}
}

/* Everything that determines the image. */
static const char *build_text(struct resolve *r, const struct service *service)
{
	struct buf out cleanup_buf = { 0 };

	put_build(&out, &service->build);
	put_texts(&out, &service->needs);
	buf_printf(&out, "%d %d", service->publish, service->has_prepare);
	for (size_t i = 0; i < service->formats_len; i++) {
		resolve_maker_put(&out, service->formats[i].name.s);
		resolve_maker_put(&out, service->formats[i].suffix.s);
	}
	if (service->has_prepare) {
		resolve_maker_put(&out, service->prepare.dir);
		put_texts(&out, &service->prepare.run);
		put_texts(&out, &service->prepare.inputs);
		put_texts(&out, &service->prepare.outputs);
		put_texts(&out, &service->prepare.env);
	}
	return arena_strndup(r->arena, out.data, out.len);
}

/* The complete names, without tags, of the service's image. */
static size_t names_of(struct resolve *r, size_t index, const char ***ret)
{
	const struct service *service = &r->loaded->manifest.services[index];
	const char **names = arena_array(r->arena, service->references.len + 1, sizeof(*names));
	size_t len = 0;

	if (r->normal[index])
		names[len++] = r->normal[index];
	for (size_t i = 0; i < service->references.len; i++) {
		struct ref ref = { 0 };

		if (ref_parse(service->references.items[i].s, &ref, NULL))
			names[len++] = arena_join(r->arena, ref.domain, "/", ref.repository, NULL);
		ref_free(&ref);
	}
	*ret = names;
	return len;
}

static void find_maker(struct resolve *r, struct map *builds, struct service *service, const char *const *names,
		       size_t len)
{
	const char *build = build_text(r, service);

	for (size_t i = 0; i < len; i++) {
		const struct service *first = map_get(builds, arena_join(r->arena, names[i], " ", build, NULL));

		if (first && first->maker < service->maker)
			service->maker = first->maker;
	}
	for (size_t i = 0; i < len; i++)
		map_set(builds, arena_join(r->arena, names[i], " ", build, NULL), service);
}

/* Few services share a name, so only those are compared in full. */
void resolve_makers(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	struct map *uses cleanup_map = map_new();   /* how often each name is used */
	struct map *builds cleanup_map = map_new(); /* name and build -> the last such service */

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < manifest->services_len; i++) {
			const char **names;
			size_t len = names_of(r, i, &names), shared = 0;

			for (size_t j = 0; j < len; j++) {
				size_t used = (size_t)map_get(uses, names[j]);

				if (!pass)
					map_set(uses, names[j], (void *)(used + 1));
				shared += used > 1;
			}
			if (!pass)
				manifest->services[i].maker = i;
			else if (shared)
				find_maker(r, builds, &manifest->services[i], names, len);
		}
	}
}
