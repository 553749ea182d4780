#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/outside.h"
#include "dsl/resolve.h"
#include "dsl/unit.h"

/* Paths and names; used by all resolve_*.c. */

const char *resolve_path(struct resolve *r, const char *dir, const char *path)
{
	cleanup_free char *joined = path_join(dir, path);
	cleanup_free char *cleaned = path_clean(joined);

	return arena_strdup(r->arena, cleaned);
}

const char *resolve_dir(struct resolve *r, struct pos pos)
{
	return unit_at(r->units, pos)->dir;
}

const char *resolve_text(struct resolve *r, const struct text *path)
{
	const char *found = resolve_path(r, resolve_dir(r, path->pos), path->s);
	cleanup_error struct error *error = NULL;

	if (outside_refuse(unit_at(r->units, path->pos)->fetched, found, &error) < 0)
		diags_add(r->diags, path->pos, NULL, "\"%s\" is outside of what this manifest was fetched with", path->s);
	return found;
}

void resolve_unused(struct resolve *r, struct service *service, const char *key, struct pos pos)
{
	struct texts *list = &service->unused;
	struct text *items = arena_array(r->arena, list->len + 1, sizeof(*items));

	if (list->len > 0)
		memcpy(items, list->items, list->len * sizeof(*items));
	items[list->len++] = (struct text){ key, pos };
	list->items = items;
}

void resolve_own_only(struct resolve *r, struct pos pos, const char *what)
{
	if (unit_at(r->units, pos)->fetched)
		diags_add(r->diags, pos, NULL, "a manifest from elsewhere may not have \"%s\"", what);
}

void resolve_check_name(struct resolve *r, const struct text *name, const char *what)
{
	if (r->bake)
		return; /* by bake's rules, which were checked */
	if (!ref_name_valid(name->s)) {
		diags_add(r->diags, name->pos,
			  "names consist of letters, digits, \"_\", \".\" and \"-\", begin with a letter or digit, and have at most 128 characters",
			  "\"%s\" cannot be the name of a %s", name->s, what);
		return;
	}
	if (!strcmp(name->s, "all"))
		diags_add(r->diags, name->pos, NULL, "a %s cannot be called \"all\": it is the group of every service",
			  what);
}

void resolve_limit(struct resolve *r, struct texts *list, size_t max, const char *what)
{
	if (list->len <= max)
		return;
	diags_add(r->diags, list->items[max].pos, NULL, "there are more than %zu %s", max, what);
	list->len = max;
}

/* A name that could mean several services. */
static const char *matrix_hint(struct resolve *r, const struct text *name)
{
	const struct draft *draft = r->draft;

	for (size_t i = 0; i < draft->groups_len; i++)
		if (draft->groups[i].of_matrix && !strcmp(draft->groups[i].name.s, name->s) &&
		    draft->groups[i].members.len)
			return arena_printf(r->arena, "it is a matrix: name one of its services, such as \"%s\"",
					    draft->groups[i].members.items[0].s);
	return NULL;
}

size_t resolve_service(struct resolve *r, const struct text *name, const char *key)
{
	const struct manifest *manifest = &r->loaded->manifest;
	const struct service *service = map_get(r->loaded->services, name->s);
	const char *nearest = NULL, *hint;

	if (service)
		return (size_t)(service - manifest->services);
	hint = matrix_hint(r, name);
	if (!hint && r->hints >= manifest->services_len) {
		r->hints -= manifest->services_len;
		nearest = text_nearest(name->s, r->names, manifest->services_len);
	}
	if (nearest)
		hint = arena_printf(r->arena, "did you mean \"%s\"?", nearest);
	diags_add(r->diags, name->pos, hint, "there is no service \"%s\" (in \"%s\")", name->s, key);
	return RESOLVE_NONE;
}
