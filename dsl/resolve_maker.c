#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/schema.h"

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

static void put_plain(struct buf *out, const struct schema_key *key, const void *value)
{
	switch (key->type) {
	case TYPE_TEXT:
		resolve_maker_put(out, ((const struct text *)value)->s);
		return;
	case TYPE_BOOL:
		buf_printf(out, "%d ", *(const bool *)value);
		return;
	case TYPE_MEMORY:
		buf_printf(out, "%" PRIu64 " ", *(const uint64_t *)value);
		return;
	case TYPE_PAIRS:
		put_pairs(out, value);
		return;
	case TYPE_TEXTS:
	case TYPE_HOSTS:
	case TYPE_ULIMITS:
		put_texts(out, value);
		return;
	default:
		bug("builds cannot be compared by the type of \"%s\"", key->name);
	}
}

static void put_build(struct buf *out, const struct build_spec *build)
{
	const struct text *const texts[] = { &build->context, &build->dockerfile, &build->inline_text };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		resolve_maker_put(out, texts[i]->s);
	for (const struct schema_key *key = schema_next_plain(NULL); key; key = schema_next_plain(key))
		put_plain(out, key, schema_plain_value(key, build));
	put_pairs(out, &build->args);
	put_pairs(out, &build->ssh);
	resolve_maker_put(out, build->sbom_generator);
	buf_printf(out, "%d %d", (int)build->provenance, build->sbom);
	for (size_t i = 0; i < build->outputs_len; i++) {
		buf_printf(out, "output %d", (int)build->outputs[i].kind);
		resolve_maker_put(out, build->outputs[i].dest.s);
	}
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
	buf_printf(&out, "%d %d %d", service->publish, service->docker, service->has_prepare);
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
