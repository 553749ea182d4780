#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* compose's profiles (compose-spec, 15-profiles). */

static bool has_profile(const struct texts *profiles, const char *name)
{
	for (size_t i = 0; i < profiles->len; i++)
		if (!strcmp(profiles->items[i].s, name))
			return true;
	return false;
}

void resolve_profiles(struct resolve *r, struct service *service)
{
	service->active = !service->profiles.len || has_profile(&r->asked_profiles, "*");
	for (size_t i = 0; i < service->profiles.len; i++) {
		const struct text *profile = &service->profiles.items[i];

		if (!ref_name_valid(profile->s))
			diags_add(r->diags, profile->pos,
				  "names consist of letters, digits, \"_\", \".\" and \"-\", and begin with a letter or digit",
				  "\"%s\" cannot be the name of a profile", profile->s);
		service->active = service->active || has_profile(&r->asked_profiles, profile->s);
	}
}

/* COMPOSE_PROFILES may be meant for other projects, too; profiles on the command line must exist. */
void resolve_profiles_known(struct resolve *r)
{
	const struct manifest *manifest = &r->loaded->manifest;
	bool option = r->options->profiles && r->options->profiles[0];

	for (size_t i = 0; option && i < r->asked_profiles.len; i++) {
		const char *name = r->asked_profiles.items[i].s, *nearest = NULL;
		bool found = !strcmp(name, "*");

		for (size_t j = 0; j < manifest->services_len && !found; j++) {
			const struct texts *profiles = &manifest->services[j].profiles;

			found = has_profile(profiles, name);
			for (size_t k = 0; k < profiles->len && !nearest; k++)
				nearest = text_nearest(name, &profiles->items[k].s, 1);
		}
		if (!found)
			diags_add(r->diags, (struct pos){ 0 },
				  nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest) : NULL,
				  "no service has the profile \"%s\" (--profile)", name);
	}
}
