#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/drivers.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

static const char *const names[] = { BUILDER_NAMES };
enum { NAMES = sizeof(names) / sizeof(names[0]) };

struct known_driver {
	const char *name, *former;
	bool tls;
};

/* NULL when there is no such driver. */
static const struct known_driver *find_known_driver(const char *name)
{
#define ROW(driver, instance, former, runtime, tls) { #driver, former, tls },
	static const struct known_driver known[] = { BUILDER_DRIVERS(ROW, ROW) };
#undef ROW

	for (size_t i = 0; name && i < NAMES; i++)
		if (!strcmp(known[i].name, name) || (known[i].former && !strcmp(known[i].former, name)))
			return &known[i];
	return NULL;
}

static void check_driver(struct resolve *r, const struct manifest_builder *builder)
{
	const char *nearest;

	if (find_known_driver(builder->driver.s))
		return;
	nearest = text_nearest(builder->driver.s, names, NAMES);
	diags_add(r->diags, builder->driver.pos,
		  nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest)
			  : "the drivers are " BUILDER_DRIVERS(DRIVER_FIRST_WORD, DRIVER_COMMA_WORD),
		  "there is no driver \"%s\"", builder->driver.s);
}

static void check_tls(struct resolve *r, const struct manifest_builder *builder)
{
	const struct builder_tls *tls = &builder->tls;
	const struct known_driver *driver = find_known_driver(builder->driver.s);

	if (!tls->pos.line)
		return;
	if (!driver || !driver->tls)
		diags_add(r->diags, tls->pos,
			  "docker reads DOCKER_CERT_PATH, or has a builder of its own made with the files",
			  "\"tls\" is for builders with the driver \"buildkit\"");
	else if (!tls->cert.s != !tls->key.s)
		diags_add(r->diags, tls->pos, NULL, "give both \"cert\" and \"key\", or neither");
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
