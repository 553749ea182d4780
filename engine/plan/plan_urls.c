#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/remote.h"

/* What builds fetch from elsewhere. */

/* What another program than the builder can ask for: not what only newer builders read out of a repository's URL. */
static bool can_be_asked(const char *url)
{
	return (remote_is(url) || strncmp(url, "github.com/", 11) == 0) && !(remote_is_git(url) && strchr(url, '?'));
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

void plan_find_urls(struct plan *plan, size_t service, struct plan_build *build)
{
	const struct service *own = &plan->manifest->services[service];
	const char *dockerfile = path_base(own->build.dockerfile.s);

	build->urls = arena_array(plan->arena, build->use.urls_len + build->contexts_len + 1, sizeof(*build->urls));
	for (size_t i = 0; i < build->use.urls_len; i++) {
		const struct dockerfile_url *mention = &build->use.urls[i];

		add_url(plan, build, mention->url, mention->written,
			&(struct plan_url){ .place = arena_printf(plan->arena, "%s:%u", dockerfile, mention->line),
					    .git = mention->git,
					    .pinned = mention->pinned,
					    .mention = mention });
	}
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];

		if (!context->url)
			continue;
		add_url(plan, build, context->url, context->url,
			&(struct plan_url){ .place = arena_printf(plan->arena, "additional_contexts %s", context->name),
					    .git = remote_is_git(context->url),
					    .pinned = remote_is_git(context->url) && remote_is_commit(context->url),
					    .context = context->name });
	}
}
