#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"
#include "engine/source/ignore.h"

static bool prepare_has_platform(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++) {
		if (platform_equal(&list[i], platform))
			return true;
	}
	return false;
}

/* The platforms for which a per-platform step can be asked: the service's own, the host's, and those that others need it
 * for. */
static size_t candidates(const struct plan *plan, size_t number, const struct platform **ret)
{
	const struct service *service = &plan->manifest->services[number];
	struct platform *list =
		arena_array(plan->arena, service->build.platforms_len + plan->asked_len + 1, sizeof(*list));
	size_t len = 0;

	for (size_t i = 0; i < service->build.platforms_len; i++)
		list[len++] = service->build.platforms[i];
	if (!prepare_has_platform(list, len, &plan->options.host))
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
	if (prepare_has_platform(known, len, platform))
		return;
	mem_reserve(&plan->asked, &plan->asked_cap, plan->asked_len + 1, sizeof(*plan->asked));
	plan->asked[plan->asked_len++] = (struct plan_asked){ service, *platform };
	plan->asked_more = true;
}

static void prepare_collect(struct plan *plan, const char *path)
{
	mem_reserve(&plan->outputs, &plan->outputs_cap, plan->outputs_len + 1, sizeof(*plan->outputs));
	plan->outputs[plan->outputs_len++] = path;
}

static const char *absolute_output(struct plan *plan, const char *output)
{
	cleanup_free char *joined = path_join(plan->manifest->dir, output);
	cleanup_free char *clean = path_clean(joined);

	return arena_strdup(plan->arena, clean);
}

static bool check_output(struct plan *plan, const struct text *output, const char *path)
{
	if (path_inside(plan->manifest->dir, path) && strcmp(plan->manifest->dir, path) != 0)
		return true;
	diags_add(plan->diags, output->pos, "outputs are files below the manifest's folder",
		  "output of `prepare` is outside the project: %s", path);
	return false;
}

int plan_collect_outputs(struct plan *plan)
{
	bool good = true;

	plan->asked_more = false;
	plan->outputs_len = plan->preparing_len = 0;
	prepare_collect(plan, plan->options.state_dir);
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		const struct service *service = &plan->manifest->services[i];
		const struct platform *platforms;
		size_t len;

		if (!service->has_prepare || service->maker != i)
			continue;
		mem_reserve(&plan->preparing, &plan->preparing_cap, plan->preparing_len + 1, sizeof(*plan->preparing));
		plan->preparing[plan->preparing_len++] = i;
		len = candidates(plan, i, &platforms);
		for (size_t p = 0; p < (service->prepare.per_platform ? len : 1); p++) {
			for (size_t o = 0; o < service->prepare.outputs.len; o++) {
				const struct text *output = &service->prepare.outputs.items[o];
				const char *path = absolute_output(plan, plan_expand(plan, &platforms[p], output->s));

				good = check_output(plan, output, path) && good;
				prepare_collect(plan, path);
			}
		}
	}
	return good ? 0 : -1;
}

static const char **expand_all(struct plan *plan, const struct platform *platform, const struct texts *texts)
{
	const char **list = arena_array(plan->arena, texts->len + 1, sizeof(*list));

	for (size_t i = 0; i < texts->len; i++)
		list[i] = plan_expand(plan, platform, texts->items[i].s);
	return list;
}

/* The step sees only the environment variables it names, so that nothing else can matter. */
static const char **named_environment(struct plan *plan, const struct texts *names)
{
	const char **list = arena_array(plan->arena, names->len + 1, sizeof(*list));
	size_t len = 0;

	for (size_t i = 0; i < names->len; i++) {
		const char *value = getenv(names->items[i].s);

		if (value)
			list[len++] = arena_printf(plan->arena, "%s=%s", names->items[i].s, value);
	}
	return list;
}

static struct plan_prepare *prepare_new(struct plan *plan, const struct prepare_spec *spec,
					const struct platform *platform)
{
	struct plan_prepare *prepare = arena_alloc(plan->arena, sizeof(*prepare));
	const char **inputs = arena_array(plan->arena, spec->inputs.len + 1, sizeof(*inputs));

	prepare->argv = expand_all(plan, platform, &spec->run);
	prepare->outputs = expand_all(plan, platform, &spec->outputs);
	prepare->outputs_len = spec->outputs.len;
	prepare->env = named_environment(plan, &spec->env);
	for (size_t i = 0; i < spec->inputs.len; i++) {
		cleanup_free char *clean = path_clean(plan_expand(plan, platform, spec->inputs.items[i].s));

		inputs[i] = arena_strdup(plan->arena, clean);
	}
	prepare->inputs = inputs;
	prepare->inputs_len = spec->inputs.len;
	return prepare;
}

size_t plan_prepare_node(struct plan *plan, size_t service, const struct platform *platform)
{
	const struct prepare_spec *spec = &plan->manifest->services[service].prepare;
	const struct platform *own = spec->per_platform ? platform : NULL;
	struct node *node;
	size_t number;

	node = plan_add_node(plan, NODE_PREPARE, service, own, &number);
	if (!node->prepare)
		node->prepare = prepare_new(plan, spec, own);
	return number;
}

bool plan_counts(const struct plan *plan, const struct node *node, const struct plan_context *context,
		 const char *relative)
{
	const struct dockerfile_use *use = &node->build->use;
	const struct plan_ignore *file = context->name ? NULL : plan->services[node->service].ignore;
	const struct ignore *ignore = file ? file->ignore : NULL;
	bool whole = !context->name && use->whole;

	if (ignore_matches(ignore, relative))
		return false;
	for (size_t i = 0; i < use->whole_contexts_len; i++)
		whole = whole || (context->name && strcmp(use->whole_contexts[i], context->name) == 0);
	for (size_t i = 0; i < use->sources_len && !whole; i++) {
		const struct dockerfile_source *source = &use->sources[i];
		cleanup_free char *path = mem_strdup(relative);

		if (!source->context != !context->name || (context->name && strcmp(source->context, context->name) != 0))
			continue;
		for (;;) {
			char *slash;

			if (glob_match(source->pattern, path) != 0 ||
			    (context->name && strcmp(path, ".dockerignore") == 0))
				whole = true;
			slash = strrchr(path, '/');
			if (!slash)
				break;
			*slash = '\0';
		}
	}
	return whole;
}

int plan_output_digest(struct source *source, const char *path, char ret[PLAN_OUTPUT + 1], bool *ret_found,
		       struct error **err)
{
	struct hash128 digest;
	struct stat st;
	int r;

	if (source_file(source, path, &digest, ret_found, err) < 0)
		return -1;
	r = *ret_found ? fs_find(path, &st, err) : 0;
	*ret_found = r > 0;
	if (r <= 0)
		return r;
	hash_hex(digest, ret);
	snprintf(ret + HASH_HEX, PLAN_OUTPUT + 1 - HASH_HEX, " %04o", (unsigned)(st.st_mode & 07777));
	return 0;
}

/* The context of the build through which the file reaches the builder and counts, or NULL. */
static const struct plan_context *context_of(const struct plan *plan, const struct node *node, const char *path)
{
	const struct plan_build *build = node->build;

	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		const char *relative = context->root ? path_relative(context->root, path) : NULL;

		if (relative && plan_counts(plan, node, context, relative))
			return context;
	}
	return NULL;
}

static void add_output(struct plan *plan, struct node *node, size_t prepare, const char *output)
{
	struct plan_build *build = node->build;
	struct plan_output *grown = arena_array(plan->arena, build->outputs_len + 1, sizeof(*grown));

	if (build->outputs_len)
		memcpy(grown, build->outputs, build->outputs_len * sizeof(*grown));
	grown[build->outputs_len++] = (struct plan_output){ .node = prepare, .path = output };
	build->outputs = grown;
	node_need(node, prepare);
}

static void add_outputs_of(struct plan *plan, struct node *node, size_t service, const struct platform *platform)
{
	const struct texts *outputs = &plan->manifest->services[service].prepare.outputs;

	for (size_t i = 0; i < outputs->len; i++) {
		const char *output = plan_expand(plan, platform, outputs->items[i].s);

		if (context_of(plan, node, absolute_output(plan, output)))
			add_output(plan, node, plan_prepare_node(plan, service, platform), output);
	}
}

void plan_add_outputs(struct plan *plan, struct node *node, const struct platform *platform)
{
	for (size_t i = 0; i < plan->preparing_len; i++) {
		const struct service *service = &plan->manifest->services[plan->preparing[i]];
		const struct platform *platforms = platform;
		size_t len = 1;

		if (service->prepare.per_platform)
			len = candidates(plan, plan->preparing[i], &platforms);
		for (size_t p = 0; p < len; p++)
			add_outputs_of(plan, node, plan->preparing[i], &platforms[p]);
	}
}
