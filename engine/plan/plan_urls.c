#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/git_url.h"
#include "base/mem.h"
#include "base/remote.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"

/* What builds fetch from elsewhere. */

/* What another program than the builder can ask for: not a repository's URL that only newer builders understand. */
static bool can_be_asked(const char *url)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *why;

	return (remote_is(url) || strncmp(url, "github.com/", 11) == 0) &&
	       (!remote_is_git(url) || !strchr(url, '?') || git_url_parse(url, &git, &why));
}

static void add_url(struct plan *plan, struct plan_build *build, const char *url, const char *written,
		    const struct plan_url *draft)
{
	struct plan_url *added = &build->urls[build->urls_len++];
	cleanup_free char *shown = text_without_login(url ? url : written);

	*added = *draft;
	added->url = url && can_be_asked(url) ? url : NULL;
	added->shown = arena_strdup(plan->arena, shown);
	if (added->url && !added->pinned)
		added->pin = lockfile_url(plan->options.lock, added->shown);
}

static bool is_pinned(const char *url)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *why;

	return remote_is_git(url) && git_url_parse(url, &git, &why) && git_url_pinned(&git);
}

const char *plan_dockerfile_shown(struct plan *plan, const struct build_spec *spec)
{
	const char *path = path_relative(plan->manifest->dir, spec->dockerfile.s);
	const char *url = spec->dockerfile_url.s ? spec->dockerfile_url.s : spec->context_url.s;
	cleanup_free char *shown = url ? text_without_login(url) : NULL;

	if (!url)
		return path ? path : spec->dockerfile.s;
	if (spec->dockerfile_url.s || spec->remotes[0].text)
		return arena_strdup(plan->arena, shown);
	path = path_relative(spec->context.s, spec->dockerfile.s);
	return arena_join(plan->arena, shown, "/", path ? path : path_base(spec->dockerfile.s), NULL);
}

struct plan_url plan_remote_url(struct arena *arena, const struct text *url, const char *place,
				const struct lockfile *lock)
{
	cleanup_free char *shown = text_without_login(url->s);
	struct plan_url made = { .url = url->s,
				 .shown = arena_strdup(arena, shown),
				 .place = place,
				 .git = remote_is_git(url->s),
				 .pinned = is_pinned(url->s),
				 .pos = url->pos };

	if (!made.pinned)
		made.pin = lockfile_url(lock, made.shown);
	return made;
}

/* Contexts and Dockerfiles that are here already. */
static void find_fetched(struct plan *plan, const struct build_spec *spec, struct plan_build *build)
{
	build->fetched = arena_array(plan->arena, spec->remotes_len, sizeof(*build->fetched));
	for (size_t i = 0; i < spec->remotes_len; i++) {
		const struct remote_use *use = &spec->remotes[i];

		build->fetched[build->fetched_len++] =
			plan_remote_url(plan->arena, &use->url, use->place, plan->options.lock);
	}
}

void plan_find_urls(struct plan *plan, size_t service, struct plan_build *build)
{
	const struct service *own = &plan->manifest->services[service];
	const char *dockerfile = path_base(own->build.dockerfile.s);

	build->urls = arena_array(plan->arena, build->use.urls_len + 1, sizeof(*build->urls));
	for (size_t i = 0; i < build->use.urls_len; i++) {
		const struct dockerfile_url *mention = &build->use.urls[i];

		add_url(plan, build, mention->url, mention->written,
			&(struct plan_url){ .place = arena_printf(plan->arena, "%s:%u", dockerfile, mention->line),
					    .git = mention->git,
					    .pinned = mention->pinned || (mention->url && is_pinned(mention->url)),
					    .mention = mention });
	}
	find_fetched(plan, &own->build, build);
}
