#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* "buildctl" is what "buildkit" was called before. */
static const char *const drivers[] = { "buildah", "docker", "buildkit", "nerdctl", "buildctl" };
enum { DRIVERS = sizeof(drivers) / sizeof(drivers[0]) };

static void check_driver(struct resolve *r, const struct manifest_builder *builder)
{
	const char *nearest;

	for (size_t i = 0; i < DRIVERS; i++)
		if (!strcmp(drivers[i], builder->driver.s))
			return;
	nearest = text_nearest(builder->driver.s, drivers, DRIVERS);
	diags_add(r->diags, builder->driver.pos,
		  nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest)
			  : "the drivers are buildah, docker, buildkit and nerdctl",
		  "there is no driver \"%s\"", builder->driver.s);
}

static void check_tls(struct resolve *r, const struct manifest_builder *builder)
{
	const struct builder_tls *tls = &builder->tls;

	if (!tls->pos.line)
		return;
	if (!builder->driver.s || strncmp(builder->driver.s, "build", 5) != 0 || !strcmp(builder->driver.s, "buildah"))
		diags_add(r->diags, tls->pos,
			  "docker reads DOCKER_CERT_PATH, or has a builder of its own made with the files",
			  "\"tls\" is for builders with the driver \"buildkit\"");
	else if (!tls->cert.s != !tls->key.s)
		diags_add(r->diags, tls->pos, NULL, "\"cert\" and \"key\" are given together, or neither");
}

static void make_path(struct resolve *r, struct text *path)
{
	if (path->s)
		path->s = resolve_text(r, path);
}

static void resolve_builder_one(struct resolve *r, struct manifest_builder *builder)
{
	resolve_check_name(r, &builder->name, "builder");
	if (builder->driver.s)
		check_driver(r, builder);
	check_tls(r, builder);
	make_path(r, &builder->tls.ca);
	make_path(r, &builder->tls.cert);
	make_path(r, &builder->tls.key);
	resolve_limit(r, &builder->platform_texts, RESOLVE_PLATFORMS_MAX, "platforms");
	builder->platforms = arena_array(r->arena, builder->platform_texts.len, sizeof(*builder->platforms));
	for (size_t i = 0; i < builder->platform_texts.len; i++)
		builder->platforms_len += resolve_platform(r, &builder->platform_texts.items[i], "",
							   &builder->platforms[builder->platforms_len]);
}

void resolve_builders(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;

	manifest->builders = r->draft->builders;
	manifest->builders_len = r->draft->builders_len;
	for (size_t i = 0; i < manifest->builders_len; i++)
		resolve_builder_one(r, &manifest->builders[i]);
}
