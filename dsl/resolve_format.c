#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/ref.h"
#include "base/table.h"
#include "dsl/choice.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/unit.h"

/* The images that are made in addition to the plain one. */

static const char *const names[] = { "oci", "zstd", "estargz", "nydus" };
static const char *const suffixes[] = { "", "-zstd", "-esgz", "-nydus" };
enum { PLAIN, NAMES = FORMAT_KINDS + 1 }; /* then the kinds of formats */
TABLE_COMPLETE(names, NAMES);
TABLE_COMPLETE(suffixes, NAMES);

static const struct word_choice formats_known = {
	.names = names,
	.len = NAMES,
	.before = "there is no format ",
	.after = "",
	.help = "the formats are oci, zstd, estargz and nydus",
};

static bool check_suffix(struct resolve *r, const struct text *suffix, size_t name)
{
	if (suffix->s && name == PLAIN)
		diags_add(r->diags, suffix->pos, NULL, "the plain image has no suffix");
	else if (suffix->s && !ref_tag_valid(arena_printf(r->arena, "x%s", suffix->s)))
		diags_add(r->diags, suffix->pos, "it consists of letters, digits, \"_\", \".\" and \"-\"",
			  "\"%s\" cannot be a tag's suffix", suffix->s);
	else
		return true;
	return false;
}

static struct image_format *take_formats(struct resolve *r, const struct draft_format *drafts, size_t len, size_t *ret_len)
{
	struct image_format *formats = arena_array(r->arena, len, sizeof(*formats));

	*ret_len = 0;
	for (size_t i = 0; i < len; i++) {
		const struct draft_format *draft = &drafts[i];
		size_t name;

		if (!choice_find(&formats_known, &draft->name, r->diags, r->arena, &name) ||
		    !check_suffix(r, &draft->suffix, name) || name == PLAIN)
			continue;
		formats[(*ret_len)++] = (struct image_format){
			.name = draft->name,
			.kind = (enum format_kind)(name - 1),
			.suffix = draft->suffix.s ? draft->suffix : (struct text){ suffixes[name], draft->name.pos },
		};
	}
	return formats;
}

void resolve_unit_formats(struct resolve *r, struct unit *unit)
{
	if (unit->draft->has_formats || !unit->parent) {
		unit->formats = take_formats(r, unit->draft->formats, unit->draft->formats_len, &unit->formats_len);
		return;
	}
	unit->formats = unit->parent->formats;
	unit->formats_len = unit->parent->formats_len;
}

/* The suffix may make a tag too long. */
static void check_tags(struct resolve *r, const struct service *service, const struct image_format *format)
{
	for (size_t i = 0; i < service->tags.len; i++) {
		const char *tag = arena_printf(r->arena, "%s%s", service->tags.items[i].s, format->suffix.s);

		if (ref_tag_valid(service->tags.items[i].s) && !ref_tag_valid(tag))
			diags_add(r->diags, format->suffix.pos, "a tag has at most 128 characters",
				  "with the suffix of \"%s\" the tag of \"%s\" is too long", format->name.s,
				  service->name.s);
	}
}

void resolve_formats(struct resolve *r, const struct draft_rest *draft, struct service *service)
{
	const struct unit *unit = unit_at(r->units, service->pos);

	if (draft->has_formats && (!service->has_build || !service->publish)) {
		diags_add(r->diags, draft->formats_pos, NULL, "\"%s\" is not %s, so it has no formats", service->name.s,
			  service->has_build ? "published" : "built");
		return;
	}
	if (!service->has_build || !service->publish)
		return;
	service->formats = unit->formats;
	service->formats_len = unit->formats_len;
	if (draft->has_formats)
		service->formats = take_formats(r, draft->formats, draft->formats_len, &service->formats_len);
	for (size_t i = 0; i < service->formats_len; i++)
		check_tags(r, service, &service->formats[i]);
}
