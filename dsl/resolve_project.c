#include "config.h"

#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/draft.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

/* The project's name, and the image names derived from it (compose-spec, 04-version-and-name). */

/* Keeps the characters that compose keeps in a project's name; NULL when none remain. */
static const char *resolve_project_normal_name(struct resolve *r, const char *name)
{
	char *normal = arena_strdup(r->arena, name);
	size_t len = 0;

	for (const char *s = name; *s; s++) {
		char c = *s >= 'A' && *s <= 'Z' ? (char)(*s - 'A' + 'a') : *s;

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (len && (c == '-' || c == '_')))
			normal[len++] = c;
	}
	normal[len] = '\0';
	return len ? normal : NULL;
}

/* From outside the manifest: the command line and, for compose files, the environment. */
static const char *asked_name(struct resolve *r)
{
	const char *name = r->options->project;

	if (!name && r->units->items[0]->compose)
		name = scope_environ(r->scope, "COMPOSE_PROJECT_NAME", (struct pos){ 0 });
	return name && *name ? name : NULL;
}

void resolve_project(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	const struct draft *draft = r->draft;
	const char *asked = asked_name(r);

	manifest->project = draft->project.s ? draft->project : draft->name;
	if (draft->project.s && draft->name.s && strcmp(draft->project.s, draft->name.s) != 0) {
		diags_add(r->diags, draft->name.pos, NULL, "\"name\" and \"project\" mean the same, but differ");
		diags_note(r->diags, draft->project.pos, "\"project\" is given here");
	}
	if (asked)
		manifest->project = (struct text){ arena_strdup(r->arena, asked), { 0 } };
	if (!manifest->project.s || !*manifest->project.s)
		manifest->project.s = arena_strdup(r->arena, path_base(manifest->dir));
	else if (!ref_name_valid(manifest->project.s))
		diags_add(r->diags, manifest->project.pos,
			  "names consist of letters, digits, \"_\", \".\" and \"-\", and begin with a letter or digit",
			  "\"%s\" cannot be the name of a project", manifest->project.s);
	manifest->prefix = resolve_project_normal_name(r, manifest->project.s);
	if (!manifest->prefix)
		manifest->prefix = "project";
}

const char *resolve_default_image(struct resolve *r, const struct service *service)
{
	const char *own = service->name.s + strspn(service->name.s, "_-"); /* of bake's targets */
	char *name = arena_join(r->arena, r->loaded->manifest.prefix, "-", own, NULL);

	/* Image names may not contain them. */
	for (char *c = name; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return name;
}
