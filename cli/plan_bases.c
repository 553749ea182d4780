#include "config.h"

#include "cli/plan_bases.h"

#include <string.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/builder/builder.h"
#include "engine/builder/own_image.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan.h"
#include "engine/registry/base_config.h"
#include "engine/registry/bases.h"
#include "engine/registry/urls.h"

static int find_newest(void *data, const char *reference, const struct platform *platform, const char **ret,
		       struct error **err)
{
	struct session *session = data;
	const struct lock_entry *entry;

	if (bases_find(session->bases, reference, &entry, err) < 0)
		return -1;
	*ret = lock_entry_find(entry, platform);
	/* If a base is missing for a platform, the build that needs it reports that. */
	*ret = *ret ? *ret : entry->digest;
	return 0;
}

static int find_newest_url(void *data, const struct plan_url *url, bool content, const char **ret, struct error **err)
{
	struct session *session = data;

	return content ? urls_content(session->urls, url->url, url->git, ret, err)
		       : urls_state(session->urls, url->url, url->git, ret, err);
}

/* What the engine of the builder has, asked once for each name and platform. */
struct engine_view {
	struct session *session;
	char *engine;      /* builder_info.engine, if it is known yet, or NULL */
	bool first;        /* builder_info.own_first */
	struct map *found; /* "reference platform" -> struct own_image, without an id when there is none */
	struct arena *arena;
};

static const struct own_image *view_find(struct engine_view *view, const char *reference, const struct platform *platform)
{
	char text[PLATFORM_TEXT];
	const char *name;
	struct own_image *image;

	platform_text(platform, text);
	name = arena_join(view->arena, reference, " ", text, NULL);
	image = map_get(view->found, name);
	if (!image) {
		image = arena_alloc(view->arena, sizeof(*image));
		own_image_find(view->engine, reference, platform, image);
		map_set(view->found, name, image);
	}
	return image->id[0] ? image : NULL;
}

static void view_free(struct engine_view *view)
{
	for (size_t i = 0; i < map_len(view->found); i++)
		own_image_free(map_value(view->found, i));
	map_free(view->found);
	arena_free(view->arena);
	mem_cleanup(&view->engine);
}

static int find_own(void *data, const char *reference, const struct platform *platform, bool was_own, const char **ret,
		    struct error **err)
{
	struct engine_view *view = data;
	const struct own_image *image = NULL;

	(void)err;
	if (was_own || view->first)
		image = view_find(view, reference, platform);
	*ret = image ? image->id : NULL;
	return 0;
}

/* Where no registry is asked or can be: what the engine has says it itself; else nobody does. */
static bool tell_own_config(struct engine_view *view, const char *reference, const struct platform *platform)
{
	struct bases *bases = view->session->bases;
	const struct own_image *own = view->session->options->pull ? NULL : view_find(view, reference, platform);

	if (!(own && view->first) && bases_reach(bases, reference, NULL) == 0)
		return false;
	bases_tell_config(bases, reference, platform, own ? &own->config : &BASE_UNTOLD);
	return true;
}

/* If a base cannot be asked for, the build that needs it reports that, or the builder has the image. */
static int ask_base_config(void *data, const char *reference, const struct platform *platform, const char *digest,
			   struct error **err)
{
	struct engine_view *view = data;
	cleanup_error struct error *error = NULL;
	const struct base_config *config;

	if (session_registry(view->session, err) < 0)
		return -1;
	if (!digest && tell_own_config(view, reference, platform))
		return 0;
	if (bases_config(view->session->bases, reference, platform, digest, &config, &error) < 0 &&
	    error->cls == ERROR_CANCELLED)
		return error_move(err, &error);
	return 0;
}

static int plan_bases_of(struct session *session, struct engine_view *view, struct error **err)
{
	const struct options *options = session->options;
	bool again = false;
	int r = 0;

	if (options->dry_run && options->pull)
		output_note("-n asks no registries or servers, so this plan does not show what --pull would find");
	if (options->dry_run)
		return options->pull || !view->engine ? 0 : plan_check_own(session->plan, find_own, view, err);
	/* Each round learns more about the bases; none is asked for twice. */
	do {
		if (again)
			r = session_replan(session, err);
		if (r == 0 && options->pull)
			r = session_registry(session, err) < 0
				    ? -1
				    : plan_renew(session->plan, find_newest, find_newest_url, session, err);
		else if (r == 0 && view->engine)
			r = plan_check_own(session->plan, find_own, view, err);
	} while (r == 0 && (r = plan_ask_bases(session->plan, ask_base_config, view, &again, err)) == 0 && again);
	return r;
}

int plan_bases_only(struct session *session, struct error **err)
{
	struct engine_view view = { .session = session, .found = map_new(), .arena = arena_new() };
	int r;

	view.engine = builder_known_engine(session->builder, session->state, &view.first);
	r = plan_bases_of(session, &view, err);
	view_free(&view);
	return r;
}

int plan_bases(struct session *session, const struct session_plan *want, struct error **err)
{
	return session_plan(session, want, err) < 0 ? -1 : plan_bases_only(session, err);
}
