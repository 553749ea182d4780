#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/bake.h"
#include "dsl/draft.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

/* Limits the search for similar names, in comparisons. */
#define HINTS_MAX 1000000

/* A list in an environment variable: "v1,latest" or "v1 latest". */
static void split_list(struct resolve *r, const char *s, struct texts *out, size_t *cap, struct text **items)
{
	while (*(s += strspn(s, ", \t\n"))) {
		size_t len = strcspn(s, ", \t\n");

		mem_reserve(items, cap, out->len + 1, sizeof(**items));
		(*items)[out->len++] = (struct text){ arena_strndup(r->arena, s, len), { 0 } };
		s += len;
	}
}

/* A list from the command line, else from the environment variable `name`. */
static void asked_list(struct resolve *r, const char *const *option, const char *name, struct texts *out)
{
	struct text *items cleanup_free = NULL;
	const char *value;
	size_t cap = 0;

	*out = (struct texts){ 0 };
	for (size_t i = 0; option && option[i]; i++)
		split_list(r, option[i], out, &cap, &items);
	value = out->len ? NULL : scope_environ(r->scope, name, (struct pos){ 0 });
	if (value)
		split_list(r, value, out, &cap, &items);
	out->items = arena_array(r->arena, out->len, sizeof(*items));
	if (out->len)
		memcpy(out->items, items, out->len * sizeof(*items));
}

/* The first manifest's value, else the one that the included manifests agree on. */
static void included_epoch(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	const struct draft *first = NULL;

	for (size_t i = 0; i < r->units->len && !r->draft->has_epoch; i++) {
		const struct draft *draft = r->units->items[i]->draft;

		if (first && draft->has_epoch && draft->epoch != first->epoch) {
			diags_add(r->diags, draft->epoch_pos, "set it in the manifest that includes both",
				  "two included manifests have different values for \"source_date_epoch\"");
			diags_note(r->diags, first->epoch_pos, "the other one");
		}
		if (!first && draft->has_epoch)
			first = draft;
	}
	if (!first)
		first = r->draft;
	manifest->has_epoch = first->has_epoch;
	manifest->epoch = first->epoch;
}

static void resolve_epoch(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	const char *value = scope_environ(r->scope, "SOURCE_DATE_EPOCH", (struct pos){ 0 });
	size_t len = value ? strlen(value) : 0;

	included_epoch(r);
	if (!len)
		return;
	if (strspn(value, "0123456789") != len || len > 18) {
		diags_add(r->diags, (struct pos){ 0 }, NULL,
			  "SOURCE_DATE_EPOCH is \"%s\" in the environment, which is not a number of seconds", value);
		return;
	}
	manifest->has_epoch = true;
	manifest->epoch = strtoll(value, NULL, 10);
}

static void resolve_registry(struct resolve *r, struct unit *unit)
{
	struct text registry = unit->draft->registry;
	struct ref ref = { 0 };
	const char *why;
	size_t len = registry.s ? strlen(registry.s) : 0;

	if (!registry.s && unit->parent) {
		unit->registry = unit->parent->registry;
		unit->registry_good = unit->parent->registry_good;
		return;
	}
	unit->registry = registry;
	while (len && registry.s[len - 1] == '/')
		len--;
	if (!len) {
		unit->registry.s = NULL;
		unit->registry_good = true;
		return;
	}
	unit->registry.s = arena_strndup(r->arena, registry.s, len);
	if (strstr(registry.s, "://"))
		diags_add(r->diags, registry.pos, "write it without the scheme: \"ghcr.io/acme\"",
			  "\"%s\" is not a registry", registry.s);
	else if (!ref_parse(arena_printf(r->arena, "%s/x", unit->registry.s), &ref, &why))
		diags_add(r->diags, registry.pos, NULL, "\"%s\" is not a registry: %s", registry.s, why);
	else
		unit->registry_good = true;
	ref_free(&ref);
}

/* Each file's own defaults for its services. */
static void resolve_units(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	const struct unit *first = r->units->items[0];

	for (size_t i = 0; i < r->units->len; i++) {
		resolve_registry(r, r->units->items[i]);
		resolve_platforms(r, r->units->items[i]);
		resolve_tags(r, r->units->items[i]);
		resolve_unit_formats(r, r->units->items[i]);
	}
	manifest->registry = first->registry;
	manifest->platforms = first->platforms;
	manifest->platforms_len = first->platforms_len;
	manifest->tags = first->tags;
}

static void name_services(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;

	manifest->services = r->draft->items;
	manifest->services_len = r->draft->len;
	r->names = arena_array(r->arena, r->draft->len, sizeof(*r->names));
	r->normal = arena_array(r->arena, r->draft->len, sizeof(*r->normal));
	for (size_t i = 0; i < r->draft->len; i++) {
		struct service *service = &manifest->services[i], *other;

		r->names[i] = service->name.s;
		other = map_set(r->loaded->services, service->name.s, service);
		if (!other)
			continue;
		diags_add(r->diags, service->name.pos, NULL, "there are two services called \"%s\"", service->name.s);
		diags_note(r->diags, other->name.pos, "the other one");
	}
}

static void resolve_one(struct resolve *r, size_t i)
{
	struct service *service = &r->loaded->manifest.services[i];
	const struct draft_rest *draft = &r->draft->rests[i];

	resolve_check_name(r, &service->name, "service");
	if (!service->has_build && !draft->image.s && !service->provided && !draft->incomplete)
		diags_add(r->diags, service->name.pos, NULL, "the service \"%s\" needs \"build\" or \"image\"",
			  service->name.s);
	service->only_asked = bake_only_asked(r->bake, service->name.s, &service->call);
	service->refused = bake_refused(r->bake, service->name.s, &service->refused_alone);
	service->platform = draft->platform;
	if (service->has_build) {
		service->build = draft->build.out;
		resolve_outputs(r, service);
	}
	resolve_image(r, draft, service);
	if (service->has_build)
		resolve_build(r, draft, service);
	resolve_formats(r, draft, service);
	if (service->has_prepare)
		resolve_prepare(r, service);
	resolve_verify(r, service);
	resolve_deploy(r, &draft->deploy, service);
	resolve_develop(r, &draft->develop, service);
	resolve_files(r, draft, service);
	resolve_profiles(r, service);
	resolve_names(r, service);
}

static void resolve_policy(struct resolve *r)
{
	const struct pairs *from = &r->draft->policy.signed_bases;
	struct pairs *to = &r->loaded->manifest.signed_bases;

	to->items = arena_array(r->arena, from->len, sizeof(*to->items));
	for (size_t i = 0; i < from->len; i++) {
		const struct pair *pair = &from->items[i];

		if (!pair->value.s || !*pair->value.s) {
			diags_add(r->diags, pair->key.pos, "write the file of a public key", "\"%s\" has no key",
				  pair->key.s);
			continue;
		}
		to->items[to->len] = *pair;
		to->items[to->len++].value.s = resolve_text(r, &pair->value);
	}
}

/* bake builds what is called "default". */
static void resolve_goal(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	const char *name = "default";

	if (r->bake && (map_get(r->loaded->groups, name) || map_get(r->loaded->services, name)))
		manifest->goal = name;
}

void resolve_manifest(struct resolve *r)
{
	r->hints = HINTS_MAX;
	asked_list(r, r->options->tags, "DOCKER_TAGS", &r->asked_tags);
	asked_list(r, r->options->profiles, "COMPOSE_PROFILES", &r->asked_profiles);
	r->loaded->manifest.revision_every = r->draft->revision_every;
	r->loaded->manifest.sign_key = r->draft->sign.key;
	if (r->draft->sign.key.s && strncmp(r->draft->sign.key.s, "env://", strlen("env://")) != 0)
		r->loaded->manifest.sign_key.s = resolve_text(r, &r->draft->sign.key);
	resolve_policy(r);
	r->loaded->manifest.store_max = r->draft->store.max;
	r->loaded->manifest.cache_registry = r->draft->cache.registry;
	r->loaded->manifest.cache_read_only = r->draft->cache.read_only;
	name_services(r);
	resolve_epoch(r);
	resolve_project(r);
	resolve_registries(r);
	asked_list(r, r->options->platforms, "BUILD_PLATFORMS", &r->asked_platforms);
	resolve_units(r);
	for (size_t i = 0; i < r->draft->len; i++)
		resolve_one(r, i);
	resolve_profiles_known(r);
	resolve_forms_once(r);
	resolve_makers(r);
	resolve_outputs_once(r);
	resolve_tars_once(r);
	resolve_cycles(r);
	resolve_conditions(r);
	resolve_groups(r);
	resolve_goal(r);
	resolve_env_files(r);
	resolve_mounts(r);
	resolve_builders(r);
}
