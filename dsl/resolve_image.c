#include "config.h"

#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/draft.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/unit.h"

static const char *const tag_hint =
	"a tag has up to 128 letters, digits, \"_\", \".\" and \"-\", and does not begin with \".\" or \"-\"";

static bool resolve_image_check_tag(struct resolve *r, const struct text *tag, const char *where)
{
	if (ref_tag_valid(tag->s))
		return true;
	diags_add(r->diags, tag->pos, tag_hint, "\"%s\" is not a tag%s", tag->s, where);
	return false;
}

/* The default tags of services. */
void resolve_tags(struct resolve *r, struct unit *unit)
{
	struct texts *tags = &unit->draft->tags;
	bool option = r->options->tags && r->options->tags[0];
	const char *where = r->asked_tags.len ? option ? " (--tag)" : " (DOCKER_TAGS)" : "";

	resolve_limit(r, tags, RESOLVE_TAGS_MAX, "tags");
	for (size_t i = 0; i < tags->len; i++)
		resolve_image_check_tag(r, &tags->items[i], "");
	for (size_t i = 0; !unit->parent && i < r->asked_tags.len; i++)
		resolve_image_check_tag(r, &r->asked_tags.items[i], where);
	unit->tags = r->asked_tags.len ? r->asked_tags : *tags;
	if (!unit->tags.len && unit->parent)
		unit->tags = unit->parent->tags;
	if (!unit->tags.len) {
		unit->tags.items = arena_array(r->arena, 1, sizeof(struct text));
		unit->tags.items[0].s = "latest";
		unit->tags.len = 1;
	}
}

/* Where the tag of a reference begins (after the colon), or NULL. */
static const char *find_tag(const char *image)
{
	const char *slash = strrchr(image, '/');
	const char *colon = strrchr(slash ? slash : image, ':');

	return colon ? colon + 1 : NULL;
}

/* Different spellings of an image ("debian", "docker.io/library/debian") have the same full name. */
static const char *resolve_image_full_name(struct resolve *r, const struct ref *ref)
{
	return arena_join(r->arena, ref->domain, "/", ref->repository, NULL);
}

static void resolve_image_check_image(struct resolve *r, const struct service *service, const struct text *image,
				      bool given)
{
	struct ref ref = { 0 };
	const char *why;
	bool good = ref_parse(image->s, &ref, &why);

	if (good && ref.digest && service->has_build)
		diags_add(r->diags, image->pos, NULL, "an image that is built here cannot have a digest in its name");
	else if (good && service->has_build)
		r->normal[service - r->loaded->manifest.services] = resolve_image_full_name(r, &ref);
	else if (!good && given)
		diags_add(r->diags, image->pos, NULL, "\"%s\" is not an image's name: %s", image->s, why);
	else if (!good && unit_at(r->units, service->pos)->registry_good && service->has_build &&
		 ref_name_valid(service->name.s))
		diags_add(r->diags, image->pos,
			  arena_printf(r->arena, "give the service \"%s\" an \"image\"", service->name.s),
			  "the service's name makes \"%s\" the image's name, which cannot be: %s", image->s, why);
	ref_free(&ref);
}

static void resolve_image_add_text(struct resolve *r, struct texts *texts, struct text text)
{
	struct text *items;

	for (size_t i = 0; i < texts->len; i++)
		if (!strcmp(texts->items[i].s, text.s))
			return;
	items = arena_array(r->arena, texts->len + 1, sizeof(*items));
	if (texts->len)
		memcpy(items, texts->items, texts->len * sizeof(*items));
	items[texts->len] = text;
	*texts = (struct texts){ items, texts->len + 1 };
}

/* build.tags: plain tags, and complete references. A reference to the service's own image counts as a plain tag. */
static void add_build_tag(struct resolve *r, const struct text *text, struct service *service)
{
	size_t image_len = strlen(service->image.s);
	struct text tag = *text;
	struct ref ref = { 0 };
	const char *why;

	if (!strncmp(text->s, service->image.s, image_len) && text->s[image_len] == ':')
		tag.s = text->s + image_len + 1;
	if (!strpbrk(tag.s, "/:@")) {
		if (resolve_image_check_tag(r, &tag, ""))
			resolve_image_add_text(r, &service->tags, tag);
		return;
	}
	if (!ref_parse(text->s, &ref, &why))
		diags_add(r->diags, text->pos, NULL, "\"%s\" is neither a tag nor an image reference: %s", text->s, why);
	else if (ref.digest)
		diags_add(r->diags, text->pos, NULL, "a tag cannot have a digest");
	else
		resolve_image_add_text(r, &service->references, *text);
	ref_free(&ref);
}

/* The name including the registry, without a tag. */
static void split_image(struct resolve *r, const struct draft_rest *draft, struct service *service)
{
	const struct unit *unit = unit_at(r->units, service->pos);
	const char *tag = draft->image.s ? find_tag(draft->image.s) : NULL;

	service->image = draft->image;
	service->named = draft->image.s || unit->registry.s;
	if (!draft->image.s) {
		service->image.pos = service->name.pos;
		service->image.s = unit->registry.s ? arena_join(r->arena, unit->registry.s, "/", service->name.s, NULL)
						    : resolve_default_image(r, service);
		resolve_image_check_image(r, service, &service->image, false);
		return;
	}
	resolve_image_check_image(r, service, &draft->image, true);
	if (strchr(draft->image.s, '@') || !tag)
		return;
	service->image.s = arena_strndup(r->arena, draft->image.s, (size_t)(tag - 1 - draft->image.s));
	resolve_image_add_text(r, &service->tags, (struct text){ tag, draft->image.pos });
}

void resolve_image(struct resolve *r, const struct draft_rest *draft, struct service *service)
{
	struct texts own = draft->build.tags;
	const struct texts *tags = &own;

	resolve_limit(r, &own, RESOLVE_TAGS_MAX, "tags");
	split_image(r, draft, service);
	if (!service->has_build) {
		service->reference = draft->image;
		if (draft->image.s && strchr(draft->image.s, '@'))
			return;
	}
	/* A service that is only a base keeps its tag: --tag is for released images. */
	if (!service->tags.len && service->has_build && service->publish)
		service->tags = unit_at(r->units, service->pos)->tags;
	else if (!service->tags.len)
		resolve_image_add_text(r, &service->tags, (struct text){ "latest", service->image.pos });
	for (size_t i = 0; service->has_build && i < tags->len; i++)
		add_build_tag(r, &tags->items[i], service);
}

/* An image that a service makes: the plain one, or one in another format. */
struct form {
	const struct image_format *format; /* NULL: the plain image */
	struct pos pos;                    /* where the name comes from */
};

static const char *form_text(struct resolve *r, const struct service *service, const struct form *form)
{
	return form->format ? arena_printf(r->arena, "\"%s\" (%s)", service->name.s, form->format->name.s)
			    : arena_printf(r->arena, "\"%s\"", service->name.s);
}

/* False after a complaint. */
static bool take_name(struct resolve *r, struct map *seen, const struct service *service, const char *reference,
		      struct form form)
{
	struct form *own = arena_alloc(r->arena, sizeof(*own));
	const struct form *other;

	*own = form;
	other = map_set(seen, reference, own);
	if (!other || other->format == form.format)
		return true;
	diags_add(r->diags, form.pos, NULL, "%s and %s both make the image \"%s\"", form_text(r, service, other),
		  form_text(r, service, own), reference);
	diags_note(r->diags, other->pos, "%s is defined here", form_text(r, service, other));
	return false;
}

/* The names of the plain image, or (with `format`) of the one in that format. */
static void resolve_image_take_names(struct resolve *r, struct map *seen, size_t index, const struct image_format *format)
{
	const struct service *service = &r->loaded->manifest.services[index];
	const struct form form = { format, format ? format->suffix.pos : service->image.pos };
	const char *suffix = format ? format->suffix.s : "";
	bool good = true;

	/* One complaint is enough. */
	for (size_t i = 0; i < service->tags.len && good; i++)
		good = take_name(r, seen, service,
				 arena_join(r->arena, r->normal[index], ":", service->tags.items[i].s, suffix, NULL),
				 form);
	for (size_t i = 0; i < service->references.len && good; i++) {
		struct ref ref = { 0 };

		if (ref_parse(service->references.items[i].s, &ref, NULL))
			good = take_name(r, seen, service,
					 arena_join(r->arena, resolve_image_full_name(r, &ref), ":",
						    ref.tag ? ref.tag : "latest", suffix, NULL),
					 form);
		ref_free(&ref);
	}
}

void resolve_forms_once(struct resolve *r)
{
	const struct manifest *manifest = &r->loaded->manifest;

	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];
		struct map *seen cleanup_map = service->formats_len && r->normal[i] ? map_new() : NULL;

		if (seen)
			resolve_image_take_names(r, seen, i, NULL);
		for (size_t j = 0; seen && j < service->formats_len; j++)
			resolve_image_take_names(r, seen, i, &service->formats[j]);
	}
}
