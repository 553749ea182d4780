#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"

/* Names of images: what services' images are called, and which service a name means. */

static const char *const *own_references(struct plan *plan, const struct service *service)
{
	const char **list = arena_array(plan->arena, service->tags.len + service->references.len + 1, sizeof(*list));

	for (size_t i = 0; i < service->tags.len; i++)
		list[i] = arena_join(plan->arena, service->image.s, ":", service->tags.items[i].s, NULL);
	for (size_t i = 0; i < service->references.len; i++)
		list[service->tags.len + i] = service->references.items[i].s;
	return list;
}

static size_t names_count(const char *const *list)
{
	size_t len = 0;

	while (list[len])
		len++;
	return len;
}

/* `list`, followed by those of `more` that it does not have. */
static const char *const *join_lists(struct plan *plan, const char *const *list, const char *const *more)
{
	size_t len = names_count(list);
	const char **joined = arena_array(plan->arena, len + names_count(more) + 1, sizeof(*joined));

	memcpy(joined, list, len * sizeof(*joined));
	for (; *more; more++) {
		size_t i = 0;

		while (i < len && strcmp(joined[i], *more) != 0)
			i++;
		if (i == len)
			joined[len++] = *more;
	}
	return joined;
}

/* A name without a tag means "latest". */
static const char *suffixed(struct plan *plan, const char *reference, const char *suffix)
{
	const char *slash = strrchr(reference, '/');

	return arena_join(plan->arena, reference, strchr(slash ? slash : reference, ':') ? "" : ":latest", suffix, NULL);
}

const char *const *plan_image_references(struct plan *plan, size_t service, const struct image_format *format)
{
	const char *const *plain = plan->services[service].image;
	size_t len = names_count(plain);
	const char **list;

	if (!format)
		return plain;
	list = arena_array(plan->arena, len + 1, sizeof(*list));
	for (size_t i = 0; i < len; i++)
		list[i] = suffixed(plan, plain[i], format->suffix.s);
	return list;
}

const char *const *plan_repositories(struct plan *plan, size_t service)
{
	const char *const *references = plan->services[service].image;
	const char **list = arena_array(plan->arena, names_count(references) + 1, sizeof(*list));
	size_t len = 0;

	for (; *references; references++) {
		struct ref ref;
		const char *name;
		bool there = false;

		if (!ref_parse(*references, &ref, NULL))
			continue; /* the manifest was already checked */
		name = arena_printf(plan->arena, "%s/%s", ref.domain, ref.repository);
		ref_free(&ref);
		for (size_t i = 0; i < len; i++)
			there = there || strcmp(list[i], name) == 0;
		if (!there)
			list[len++] = name;
	}
	return list;
}

static const char *normal_reference(struct plan *plan, const char *name)
{
	struct ref ref;
	const char *normal;

	if (!ref_parse(name, &ref, NULL))
		return name;
	normal = arena_join(plan->arena, ref.domain, "/", ref.repository, ":", ref.tag ? ref.tag : "latest", NULL);
	ref_free(&ref);
	return normal;
}

/* Of several services that make this image, the one that is built in this run. */
static void index_reference(struct plan *plan, const char *reference, size_t maker)
{
	const char *normal = normal_reference(plan, reference);
	size_t there = (size_t)map_get(plan->by_reference, normal);
	bool last_wins = plan->manifest->last_wins && plan->manifest->services[maker].publish;

	if (!there || (plan->services[maker].made && (!plan->services[there - 1].made || last_wins)))
		map_set(plan->by_reference, normal, (void *)(maker + 1));
}

static void add_name_note(struct plan *plan, const char *reference, size_t loser, size_t winner)
{
	const struct service *services = plan->manifest->services;
	size_t len = plan->notes ? names_count(plan->notes) : 0;
	const char **notes = arena_array(plan->arena, len + 2, sizeof(*notes));

	if (len)
		memcpy(notes, plan->notes, len * sizeof(*notes));
	notes[len] = arena_printf(plan->arena, "\"%s\" and \"%s\" are both built as %s: the name goes to \"%s\"",
				  services[loser].name.s, services[winner].name.s, reference, services[winner].name.s);
	plan->notes = notes;
}

/* Takes from each target the names that a later one with another build has, too. */
static void give_to_last(struct plan *plan)
{
	struct map *last cleanup_map = map_new();

	for (size_t i = plan->manifest->services_len; i-- > 0;) {
		struct plan_service *own = &plan->services[i];
		const char **kept = arena_array(plan->arena, names_count(own->image) + 1, sizeof(*kept));
		bool named = own->made && plan->manifest->services[i].publish;
		size_t len = 0;

		for (size_t j = 0; named && own->image[j]; j++) {
			const char *normal = normal_reference(plan, own->image[j]);
			size_t winner = (size_t)map_get(last, normal);

			if (winner && winner != i + 1) {
				add_name_note(plan, own->image[j], i, winner - 1);
				continue;
			}
			map_set(last, normal, (void *)(i + 1));
			kept[len++] = own->image[j];
		}
		if (named)
			own->image = kept;
		own->nameless = named && !len;
	}
}

bool plan_only_images(const struct plan *plan)
{
	return plan->options.only_images;
}

bool plan_only_asks(const struct plan *plan, size_t service)
{
	return plan->services[service].target && plan->manifest->services[service].only_asked &&
	       !plan->options.unpublished;
}

/* An image has the names of all targets that use it. */
static void join_names(struct plan *plan, size_t service)
{
	struct plan_service *maker = &plan->services[plan->manifest->services[service].maker];
	const char *const *own = plan->services[service].references;

	if (plan->services[service].target && !plan_only_asks(plan, service))
		maker->image = maker->image ? join_lists(plan, maker->image, own) : own;
}

void plan_name_images(struct plan *plan)
{
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		const struct service *service = &plan->manifest->services[i];
		const char *const *references = own_references(plan, service);

		plan->services[i].references = references;
		join_names(plan, i);
		/* Only names that were given count: "nginx" is not the service of that name. */
		references += service->named ? 0 : service->tags.len;
		for (; service->has_build && *references; references++)
			index_reference(plan, *references, service->maker);
	}
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		if (!plan->services[i].image)
			plan->services[i].image = plan->services[i].references;
	}
	if (plan->manifest->last_wins)
		give_to_last(plan);
}

static bool has_name(struct plan *plan, size_t service, const char *normal)
{
	for (size_t i = service; i < plan->manifest->services_len; i++) {
		const char *const *references = plan->services[i].references;

		for (; plan->manifest->services[i].maker == service && *references; references++) {
			if (strcmp(normal_reference(plan, *references), normal) == 0)
				return true;
		}
	}
	return false;
}

size_t plan_find_image(struct plan *plan, size_t service, const char *reference)
{
	const char *normal = normal_reference(plan, reference);
	size_t found = (size_t)map_get(plan->by_reference, normal);

	return found && !has_name(plan, service, normal) ? found - 1 : NO_NODE;
}

static void names_complain_twice(struct plan *plan, const char *reference, const struct node *a, const struct node *b)
{
	const struct service *services = plan->manifest->services;

	diags_add(plan->diags, services[b->service].image.pos,
		  "images of one name need one build: make the two alike, or rename one of them",
		  "the services \"%s\" and \"%s\" both make the image \"%s\", with different builds",
		  services[a->service].name.s, services[b->service].name.s, reference);
	diags_note(plan->diags, services[a->service].image.pos, "\"%s\" is defined here", services[a->service].name.s);
}

bool plan_check_images(struct plan *plan)
{
	struct map *seen cleanup_map = map_new();
	bool good = true;

	for (size_t i = 0; i < plan->nodes_len; i++) {
		struct node *node = plan->nodes[i], *other = NULL;
		const char *const *references = node->kind == NODE_INDEX ? node->references : NULL;

		/* One complaint about a node is enough. */
		for (; references && *references && !other; references++) {
			const char *name = normal_reference(plan, *references);

			other = map_set(seen, name, node);
			if (other && other->service == node->service)
				other = NULL;
			if (other)
				names_complain_twice(plan, name, other, node);
		}
		good = good && !other;
	}
	return good;
}
