#include "config.h"

#include "cli/since.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/complaints.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/changes.h"
#include "engine/plan/plan.h"
#include "engine/source/context.h"
#include "engine/source/git.h"

static const char PREFIX[] = "@since:";

/* Only input files matter; results are not looked for. */
static int all_present(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
		       struct error **err)
{
	(void)data;
	(void)node;
	(void)record;
	(void)ret;
	(void)err;
	return 1;
}

/* As for "all", a service with profiles counts when one of them is enabled. */
static bool takes_part(const struct service *service)
{
	return service->has_build && service->active && (!service->refused.s || service->refused_alone);
}

static const char *const *built_services(const struct manifest *manifest, struct arena *arena)
{
	const char **names = arena_array(arena, manifest->services_len + 1, sizeof(*names));
	size_t len = 0;

	for (size_t i = 0; i < manifest->services_len; i++) {
		if (takes_part(&manifest->services[i]))
			names[len++] = manifest->services[i].name.s;
	}
	return names;
}

/* Whether the file, or the target of a link, is among the changed ones, which are real paths. It may have been
 * deleted. */
static bool is_among(const struct map *changed, const char *path)
{
	cleanup_free char *real = realpath(path, NULL);
	cleanup_free char *folder = path_dir(path);
	cleanup_free char *real_folder = realpath(folder, NULL);
	cleanup_free char *beside = path_join(real_folder ? real_folder : folder, path_base(path));

	return (real && map_get(changed, real)) || map_get(changed, beside);
}

/* A changed file that affects every service (the manifests and their env files), or NULL. */
static const char *common_file(const struct session *session, char *const *changed, size_t len)
{
	const struct manifest *manifest = session->manifest;
	struct map *names cleanup_map = map_new();

	for (size_t i = 0; i < len; i++)
		map_set(names, changed[i], changed[i]);
	for (size_t i = 0; i < manifest->files_len; i++) {
		const char *relative = path_relative(manifest->dir, manifest->files[i]);

		if (is_among(names, manifest->files[i]))
			return relative ? relative : manifest->files[i];
	}
	return NULL;
}

static int ask_plan(struct session *session, struct since *since, const char *const *changed, size_t len,
		    struct error **err)
{
	const struct manifest *manifest = session->manifest;
	cleanup_free char *index = path_join(session->state_dir, "statindex");
	struct plan_options options = {
		.targets = built_services(manifest, since->arena),
		.nothing = true,
		.unpublished = true, /* several of a bake file may have one tag */
		.state_dir = session->state_dir,
		.present = all_present,
	};
	size_t before = diags_count(session->diags);
	struct source *source;
	struct plan *plan;
	int r;

	if (source_open(manifest->dir, index, &source, err) < 0)
		return -1;
	platform_host(&options.host);
	r = plan_new(manifest, &options, source, session->state, session->diags, &plan, err);
	if (diags_count(session->diags) > before && !session->options->silent)
		complaints_show(session->diags, session->options);
	if (r == 0) {
		plan_affected(plan, changed, len, since->because);
		for (size_t i = 0; i < manifest->services_len; i++)
			since->because[i] = arena_strdup(since->arena, since->because[i]);
		plan_free(plan);
		source_save(source, NULL); /* so that the hashes can be reused */
	}
	source_free(source);
	return r;
}

static int since_own_find(struct session *session, const char *ref, char *const *changed, size_t len,
			  struct since *since, struct error **err)
{
	const struct manifest *manifest = session->manifest;
	const char *common = common_file(session, changed, len);

	if (!common)
		return ask_plan(session, since, (const char *const *)changed, len, err);
	output_note("%s differs from %s: every service counts as affected", common, ref);
	for (size_t i = 0; i < manifest->services_len; i++)
		since->because[i] = takes_part(&manifest->services[i]) ? arena_strdup(since->arena, common) : NULL;
	return 0;
}

int since_find(struct session *session, const char *ref, struct since **ret, struct error **err)
{
	struct since *since = mem_alloc(sizeof(*since));
	struct git *git = git_new(session->manifest->dir);
	char **changed = NULL;
	size_t len = 0;
	int r = git_changed(git, ref, &changed, &len, err);

	since->arena = arena_new();
	since->because = arena_array(since->arena, session->manifest->services_len + 1, sizeof(*since->because));
	if (r == 0)
		r = since_own_find(session, ref, changed, len, since, err);
	for (size_t i = 0; i < len; i++)
		free(changed[i]);
	free(changed);
	git_free(git);
	if (r < 0)
		since_free(since);
	else
		*ret = since;
	return r;
}

void since_free(struct since *since)
{
	if (!since)
		return;
	arena_free(since->arena);
	free(since);
}

/* Bases that are not published are built for the services that need them. */
static int add_since(struct session *session, const char *ref, struct error **err)
{
	const struct manifest *manifest = session->manifest;
	struct since *since;

	if (since_find(session, ref, &since, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->services_len; i++) {
		if (since->because[i] && service_is_made(&manifest->services[i]))
			session->targets[session->targets_len++] = manifest->services[i].name.s;
	}
	since_free(since);
	return 0;
}

int since_targets(struct session *session, struct error **err)
{
	const struct options *options = session->options;

	if (session->targets)
		return 0;
	session->targets =
		mem_array(options->targets_len * (session->manifest->services_len + 1) + 1, sizeof(*session->targets));
	for (size_t i = 0; i < options->targets_len; i++) {
		const char *target = options->targets[i];

		if (strncmp(target, PREFIX, strlen(PREFIX)) != 0)
			session->targets[session->targets_len++] = target;
		else if (add_since(session, target + strlen(PREFIX), err) < 0)
			return -1;
	}
	return 0;
}
