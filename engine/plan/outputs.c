#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/trail.h"
#include "engine/source/ignore.h"

/* The outputs of prepare steps, and who reads them. */

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

static bool add_outputs_for(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct texts *outputs = &plan->manifest->services[service].prepare.outputs;
	bool good = true;

	for (size_t i = 0; i < outputs->len; i++) {
		const char *output = plan_expand(plan, platform, outputs->items[i].s);
		cleanup_free char *joined = path_join(plan->manifest->dir, output), *clean = path_clean(joined);
		cleanup_free char *real = trail_real(clean);
		const struct plan_made made = {
			.service = service,
			.platform = *platform,
			.output = output,
			.pos = outputs->items[i].pos,
			.path = arena_strdup(plan->arena, real),
		};

		good = check_output(plan, &made) && good;
		outputs_add(plan, &made);
	}
	return good;
}

/* ---- files read before any step runs ---- */

static bool refuse_made(struct plan *plan, const char *path, const char *service, const char *what)
{
	cleanup_free char *real = plan_real_folder(plan, path);

	for (size_t i = 0; i < plan->made_len; i++) {
		const struct plan_made *made = &plan->made[i];

		if (made->service == NO_SERVICE || !(path_inside(made->path, real) || path_inside(made->path, path)))
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
	bool good = true;

	plan->asked_more = plan->prepares = false;
	plan->made_len = 0;
	for (size_t i = 0; i < plan->manifest->services_len; i++)
		plan->prepares |= plan->manifest->services[i].has_prepare;
	outputs_add(plan, &(struct plan_made){ .service = NO_SERVICE, .path = plan->options.state_dir });
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		const struct service *service = &plan->manifest->services[i];
		const struct platform *platforms;
		size_t len;

		if (!service->has_prepare || service->maker != i)
			continue;
		len = candidates(plan, i, &platforms);
		for (size_t p = 0; p < (service->prepare.per_platform ? len : 1); p++)
			good = add_outputs_for(plan, i, &platforms[p]) && good;
	}
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

/* Whether a file at `relative` (to the context's root), existing or not, is passed to the builder and counts. */
static bool output_counts(const struct plan *plan, const struct node *node, const struct plan_context *context,
			  const char *relative)
{
	const struct dockerfile_use *use = &node->build->use;
	const struct plan_ignore *file = context->name ? NULL : plan->services[node->service].ignore;
	const struct ignore *ignore = file ? file->ignore : NULL;

	if (ignore_matches(ignore, relative) && !ignore_descend(ignore, relative))
		return false;
	if (plan_whole(use, context->name))
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
static bool build_reads(struct plan *plan, const struct node *node, const char *path)
{
	const struct plan_build *build = node->build;

	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		cleanup_free char *real = context->root ? plan_real_folder(plan, context->root) : NULL;
		const char *relative = real ? path_relative(real, path) : NULL;

		if (relative && output_counts(plan, node, context, relative))
			return true;
	}
	return false;
}

void plan_add_outputs(struct plan *plan, struct node *node)
{
	struct plan_build *build = node->build;

	build->outputs = arena_array(plan->arena, plan->made_len, sizeof(*build->outputs));
	for (size_t i = 0; i < plan->made_len; i++) {
		const struct plan_made *made = &plan->made[i];
		struct plan_output *output = &build->outputs[build->outputs_len];

		if (made->service == NO_SERVICE || !build_reads(plan, node, made->path))
			continue;
		*output = (struct plan_output){
			.node = plan_prepare_node(plan, made->service, &made->platform),
			.path = made->output,
		};
		node_need(node, output->node);
		build->outputs_len++;
	}
}
