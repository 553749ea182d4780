#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/trail.h"
#include "engine/source/ignore.h"

/* The outputs of prepare steps, and those of builds that make files, and who reads them. */

#define NO_SERVICE SIZE_MAX

static bool outputs_has_platform(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++) {
		if (platform_equal(&list[i], platform))
			return true;
	}
	return false;
}

/* The platforms that a step may be needed for: the service's own, the host's, and those that others need. */
static size_t candidates(const struct plan *plan, size_t number, const struct platform **ret)
{
	const struct service *service = &plan->manifest->services[number];
	struct platform *list =
		arena_array(plan->arena, service->build.platforms_len + plan->asked_len + 1, sizeof(*list));
	size_t len = 0;

	for (size_t i = 0; i < service->build.platforms_len; i++)
		list[len++] = service->build.platforms[i];
	if (!outputs_has_platform(list, len, &plan->options.host))
		list[len++] = plan->options.host;
	for (size_t i = 0; i < plan->asked_len; i++) {
		if (plan->asked[i].service == number)
			list[len++] = plan->asked[i].platform;
	}
	*ret = list;
	return len;
}

void plan_ask_outputs(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct platform *known;
	size_t len;

	if (!plan->manifest->services[service].prepare.per_platform)
		return;
	len = candidates(plan, service, &known);
	if (outputs_has_platform(known, len, platform))
		return;
	mem_reserve(&plan->asked, &plan->asked_cap, plan->asked_len + 1, sizeof(*plan->asked));
	plan->asked[plan->asked_len++] = (struct plan_asked){ service, *platform };
	plan->asked_more = true;
}

static void outputs_add(struct plan *plan, const struct plan_made *made)
{
	mem_reserve(&plan->made, &plan->made_cap, plan->made_len + 1, sizeof(*plan->made));
	plan->made[plan->made_len++] = *made;
}

static bool check_output(struct plan *plan, const struct plan_made *made)
{
	cleanup_free char *dir = plan_real_folder(plan, plan->manifest->dir);

	if (path_inside(dir, made->path) && strcmp(dir, made->path) != 0)
		return true;
	diags_add(plan->diags, made->pos, "outputs are files below the manifest's folder",
		  "output of `prepare` is outside the project: %s", made->path);
	return false;
}

static struct plan_made made_at(struct plan *plan, size_t service, const char *output, struct pos pos)
{
	cleanup_free char *joined = path_join(plan->manifest->dir, output), *clean = path_clean(joined);
	cleanup_free char *real = trail_real(clean);

	return (struct plan_made){
		.service = service,
		.output = output,
		.pos = pos,
		.path = arena_strdup(plan->arena, real),
	};
}

static bool add_outputs_for(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct texts *outputs = &plan->manifest->services[service].prepare.outputs;
	bool good = true;

	for (size_t i = 0; i < outputs->len; i++) {
		struct plan_made made =
			made_at(plan, service, plan_expand(plan, platform, outputs->items[i].s), outputs->items[i].pos);

		made.platform = *platform;
		good = check_output(plan, &made) && good;
		outputs_add(plan, &made);
	}
	return good;
}

/* ---- files of builds ---- */

const char *plan_output_shown(const struct plan *plan, const struct build_output *output)
{
	const char *relative = path_relative(plan->manifest->dir, output->dest.s);

	return relative ? relative : output->dest.s;
}

void plan_output_folder(const struct platform *platform, char ret[PLATFORM_TEXT])
{
	platform_text(platform, ret);
	for (char *c = ret; *c; c++)
		if (*c == '/')
			*c = '_';
}

/* What is read before anything runs: real paths. */
struct planned_files {
	char **items;
	size_t len, cap;
};

static void planned_add(struct plan *plan, struct planned_files *planned, const char *path)
{
	mem_reserve(&planned->items, &planned->cap, planned->len + 1, sizeof(char *));
	planned->items[planned->len++] = plan_real_folder(plan, path);
}

static void planned_collect(struct plan *plan, struct planned_files *planned)
{
	const struct manifest *manifest = plan->manifest;

	planned_add(plan, planned, manifest->dir);
	for (size_t i = 0; i < manifest->files_len; i++)
		planned_add(plan, planned, manifest->files[i]);
	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		if (service->has_build && !service->build.inline_text.s)
			planned_add(plan, planned, service->build.dockerfile.s);
		for (size_t j = 0; j < service->env_files_len; j++)
			planned_add(plan, planned, service->env_files[j].full);
	}
}

static void planned_free(struct planned_files *planned)
{
	for (size_t i = 0; i < planned->len; i++)
		free(planned->items[i]);
	free(planned->items);
}

/* A folder with something that is read before anything runs has other files, too: it counts as it is. */
static bool add_made(struct plan *plan, const struct planned_files *planned, struct plan_made *made, bool folder)
{
	cleanup_free char *full = path_join(plan->manifest->dir, made->output);
	cleanup_free char *real = folder ? plan_real_folder(plan, full) : NULL;

	made->files = true;
	if (real)
		made->path = arena_strdup(plan->arena, real);
	if (!path_inside(planned->items[0], made->path)) {
		diags_add(plan->diags, made->pos, "outputs are files below the manifest's folder",
			  "output of the build is outside the project: %s", made->path);
		return false;
	}
	for (size_t i = 0; i < planned->len; i++)
		if (path_inside(made->path, planned->items[i]))
			return true;
	outputs_add(plan, made);
	return true;
}

/* The folder of an output of several platforms. */
static bool add_above(struct plan *plan, size_t number, const struct build_output *output,
		      const struct planned_files *planned)
{
	struct plan_made made = made_at(plan, number, plan_output_shown(plan, output), output->dest.pos);

	made.above = true;
	return add_made(plan, planned, &made, true);
}

static bool add_files_of(struct plan *plan, size_t number, const struct planned_files *planned)
{
	const struct build_spec *build = &plan->manifest->services[number].build;
	bool good = true;

	for (size_t i = 0; i < build->outputs_len; i++) {
		const struct build_output *output = &build->outputs[i];
		bool split = output->kind == OUTPUT_LOCAL && build->platforms_len > 1;

		for (size_t p = 0; output->dest.s && p < (split ? build->platforms_len : 1); p++) {
			const char *path = plan_output_shown(plan, output);
			char folder[PLATFORM_TEXT];
			struct plan_made made;

			if (split)
				plan_output_folder(&build->platforms[p], folder);
			if (split)
				path = arena_join(plan->arena, path, "/", folder, NULL);
			made = made_at(plan, number, path, output->dest.pos);
			good = add_made(plan, planned, &made, output->kind == OUTPUT_LOCAL) && good;
		}
		if (split && output->dest.s)
			good = add_above(plan, number, output, planned) && good;
	}
	return good;
}

/* ---- files read before any step runs ---- */

static bool refuse_made(struct plan *plan, const char *path, const char *service, const char *what)
{
	cleanup_free char *real = plan_real_folder(plan, path);

	for (size_t i = 0; i < plan->made_len; i++) {
		const struct plan_made *made = &plan->made[i];

		if (made->service == NO_SERVICE || made->files ||
		    !(path_inside(made->path, real) || path_inside(made->path, path)))
			continue;
		diags_add(plan->diags, made->pos, "make it before cbuild is started, or let the step make other files",
			  "the output %s of `prepare` is, or holds, %s of %s: that is read before the step runs",
			  made->output, what, service);
		return false;
	}
	return true;
}

/* What the manifest itself was read from (.env and included files too), and the env files of its services. */
static bool check_manifest_files(struct plan *plan)
{
	const struct manifest *manifest = plan->manifest;
	bool good = true;

	for (size_t i = 0; i < manifest->files_len; i++) {
		const char *relative = path_relative(manifest->dir, manifest->files[i]);

		good = refuse_made(plan, manifest->files[i], "the manifest", relative ? relative : manifest->files[i]) &&
		       good;
	}
	for (size_t i = 0; i < manifest->services_len; i++)
		for (size_t j = 0; j < manifest->services[i].env_files_len; j++)
			good = refuse_made(plan, manifest->services[i].env_files[j].full, manifest->services[i].name.s,
					   "an env file") &&
			       good;
	return good;
}

int plan_collect_outputs(struct plan *plan)
{
	struct planned_files planned = { 0 };
	bool good = true, files = false;

	plan->asked_more = plan->prepares = false;
	plan->made_len = 0;
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		files |= service_makes_files(&plan->manifest->services[i]);
		plan->prepares |= files || plan->manifest->services[i].has_prepare;
	}
	if (files)
		planned_collect(plan, &planned);
	outputs_add(plan, &(struct plan_made){ .service = NO_SERVICE, .path = plan->options.state_dir });
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		const struct service *service = &plan->manifest->services[i];
		const struct platform *platforms;
		size_t len;

		if (service->maker != i)
			continue;
		if (!service->refused.s)
			good = add_files_of(plan, i, &planned) && good;
		if (!service->has_prepare)
			continue;
		len = candidates(plan, i, &platforms);
		for (size_t p = 0; p < (service->prepare.per_platform ? len : 1); p++)
			good = add_outputs_for(plan, i, &platforms[p]) && good;
	}
	planned_free(&planned);
	good = good && (!plan->prepares || check_manifest_files(plan));
	return good ? 0 : -1;
}

bool plan_check_made(struct plan *plan, size_t number)
{
	const struct service *service = &plan->manifest->services[number];
	const struct build_spec *build = &service->build;
	cleanup_free char *beside = mem_printf("%s.dockerignore", build->dockerfile.s);
	cleanup_free char *inside = path_join(build->context.s, ".dockerignore");
	const char *name = service->name.s;
	bool good;

	if (!plan->prepares)
		return true;
	good = (build->inline_text.s || refuse_made(plan, build->dockerfile.s, name, "the Dockerfile")) &&
	       refuse_made(plan, build->context.s, name, "the context") &&
	       refuse_made(plan, beside, name, "the ignore file") && refuse_made(plan, inside, name, "the ignore file");
	for (size_t i = 0; i < build->contexts_len && good; i++) {
		if (build->contexts[i].kind == CONTEXT_PATH)
			good = refuse_made(plan, build->contexts[i].value.s, name, "a context");
	}
	return good;
}

/* ---- files read after the steps ---- */

/* Whether a file at `relative` (to the context's root), existing or not, is passed to the builder and counts. `named`: a context that is
 * taken as a whole is not enough. */
static bool output_counts(const struct plan *plan, const struct node *node, const struct plan_context *context,
			  const char *relative, bool named)
{
	const struct dockerfile_use *use = &node->build->use;
	const struct plan_ignore *file = context->name ? NULL : plan->services[node->service].ignore;
	const struct ignore *ignore = file ? file->ignore : NULL;

	if (ignore_matches(ignore, relative) && !ignore_descend(ignore, relative))
		return false;
	if (plan_whole(use, context->name) && !named)
		return true;
	for (size_t i = 0; i < use->sources_len; i++) {
		const struct dockerfile_source *source = &use->sources[i];

		if (!source->context != !context->name ||
		    (context->name && strcasecmp(source->context, context->name) != 0))
			continue;
		if ((context->name && strcmp(relative, ".dockerignore") == 0) ||
		    trail_leads(plan->trail, context->root, source->pattern, relative))
			return true;
	}
	return false;
}

/* Whether the file at the path is passed to the builder through one of the build's contexts. */
static bool build_reads(struct plan *plan, const struct node *node, const char *path, bool named)
{
	const struct plan_build *build = node->build;

	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		cleanup_free char *real = plan_real_folder(plan, context->root);
		const char *relative = real ? path_relative(real, path) : NULL;

		if ((real && path_inside(path, real)) ||
		    (relative && output_counts(plan, node, context, relative, named)))
			return true;
	}
	return false;
}

static bool has_root(struct plan *plan, const struct node *node, const char *path)
{
	for (size_t i = 0; i < node->build->contexts_len; i++) {
		cleanup_free char *real = plan_real_folder(plan, node->build->contexts[i].root);

		if (real && strcmp(real, path) == 0)
			return true;
	}
	return false;
}

static bool needs(const struct service *service, size_t other)
{
	for (size_t i = 0; i < service->needs.len; i++)
		if (service->needs_index[i] == other)
			return true;
	return false;
}

/* Files are waited for where an instruction or a context names them, or the service says that it needs them. A context that is taken as a
 * whole has them, too, unless their maker has to wait for this build: several builds may have all of it. Bake's targets wait for names. */
static bool waits_for(struct plan *plan, const struct node *node, const struct plan_made *made)
{
	const struct service *service = &plan->manifest->services[node->service];

	if (made->service == node->service || (!service->waits && !plan->services[made->service].made))
		return false;
	if (made->above)
		return has_root(plan, node, made->path);
	if (needs(service, made->service))
		return build_reads(plan, node, made->path, false);
	return build_reads(plan, node, made->path, true) ||
	       (service->waits && build_reads(plan, node, made->path, false) && plan_waits(plan, node->service, made));
}

const struct plan_made *plan_next_read(struct plan *plan, const struct node *node, size_t *at)
{
	while (*at < plan->made_len) {
		const struct plan_made *made = &plan->made[(*at)++];

		if (made->service != NO_SERVICE &&
		    (made->files ? waits_for(plan, node, made) : build_reads(plan, node, made->path, false)))
			return made;
	}
	return NULL;
}

/* ---- what is there of them ---- */

/* Of a step, what it recorded: it is what is there, or the step runs again. A folder that builds write into has other files, too. */
static int read_output(struct plan *plan, struct plan_output *output, struct error **err)
{
	const struct node *maker = plan->nodes[output->node];
	cleanup_free char *path = path_join(plan->manifest->dir, output->path);
	cleanup_json struct json *detail = NULL;
	char now[PLAN_OUTPUT + 1];
	bool found;

	output->known = maker->result.identity && maker->result.detail;
	output->digest = NULL;
	if (!output->known)
		return 0;
	if (maker->kind == NODE_OUTPUT) {
		if (plan_output_digest(plan->source, path, now, &found, err) < 0)
			return -1;
		output->digest = found ? arena_strdup(plan->arena, now) : NULL;
		return 0;
	}
	if (json_parse(maker->result.detail, strlen(maker->result.detail), maker->id, &detail, err) < 0)
		return -1;
	output->digest = arena_strdup(plan->arena, json_str(json_get(detail, "outputs"), output->path));
	return 0;
}

int plan_read_outputs(struct plan *plan, struct node *node, struct error **err)
{
	struct plan_output *outputs = node->build ? node->build->outputs : node->prepare ? node->prepare->made : NULL;
	size_t len = node->build ? node->build->outputs_len : node->prepare ? node->prepare->made_len : 0;

	for (size_t i = 0; i < len; i++)
		if (read_output(plan, &outputs[i], err) < 0)
			return -1;
	return 0;
}
