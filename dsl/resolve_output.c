#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/loaded.h"
#include "dsl/manifest.h"
#include "dsl/resolve.h"

/* What builds make, and where they put it. */

static void output_refuse(struct resolve *r, struct service *service, const struct build_output *output, const char *shown)
{
	if (!r->bake) {
		diags_add(r->diags, output->dest.pos, NULL, "\"%s\" in \"outputs\" is outside the manifest's folder",
			  shown);
		return;
	}
	/* Only a complaint when it is asked for. */
	service->refused =
		(struct text){ arena_printf(r->arena, "its output \"%s\" is outside the folder of the bake file", shown),
			       output->dest.pos };
	service->refused_alone = true;
}

void resolve_outputs(struct resolve *r, struct service *service)
{
	struct build_spec *build = &service->build;
	bool image = false;

	for (size_t i = 0; i < build->outputs_len; i++) {
		struct build_output *output = &build->outputs[i];
		const char *shown = output->dest.s;

		image = image || output->kind == OUTPUT_IMAGE;
		if (!shown)
			continue;
		resolve_own_only(r, output->dest.pos, "outputs");
		output->dest.s = resolve_text(r, &output->dest);
		if (!path_inside(r->loaded->manifest.dir, output->dest.s))
			output_refuse(r, service, output, shown);
		else if (output->kind == OUTPUT_TAR && strcmp(r->loaded->manifest.dir, output->dest.s) == 0)
			diags_add(r->diags, output->dest.pos, NULL, "the manifest's folder itself cannot be a tar");
	}
	if (build->outputs_len && !image)
		service->publish = false;
	service->waits = !r->bake;
}

/* Each would make the other's stale. Of a bake file, the last one counts there, too. */
void resolve_tars_once(struct resolve *r)
{
	const struct manifest *manifest = &r->loaded->manifest;
	struct map *seen cleanup_map = map_new();

	for (size_t i = 0; i < manifest->services_len && !r->bake; i++) {
		const struct service *service = &manifest->services[i], *other;
		const struct build_spec *build = &service->build;

		for (size_t j = 0; service->maker == i && j < build->outputs_len; j++) {
			if (build->outputs[j].kind != OUTPUT_TAR)
				continue;
			other = map_set(seen, build->outputs[j].dest.s, (void *)service);
			if (!other)
				continue;
			diags_add(r->diags, build->outputs[j].dest.pos, NULL,
				  "the services \"%s\" and \"%s\" both make the same tar", other->name.s,
				  service->name.s);
			diags_note(r->diags, other->name.pos, "the other one");
		}
	}
}
