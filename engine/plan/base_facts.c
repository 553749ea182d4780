#include "config.h"

#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"
#include "engine/registry/base_config.h"
#include "engine/state/state.h"

/* What the configs of bases give to builds on top of them: ONBUILD instructions and variables. */

/* As found by the node's last build; NULL: that did not say. */
static const char *recorded(struct plan *plan, const struct record *last, const struct dockerfile_image *mention,
			    const char *key)
{
	cleanup_free char *name = plan_base_name(mention->name, &mention->platform);
	cleanup_free char *quoted = mem_printf("\"%s\"", key);
	cleanup_json struct json *detail = NULL;

	/* Few bases have ONBUILD, and every run gets here. */
	if (!last || !last->detail || !strstr(last->detail, quoted) ||
	    json_parse(last->detail, strlen(last->detail), "detail", &detail, NULL) < 0)
		return NULL;
	return arena_strdup(plan->arena, json_str(json_get(detail, key), name));
}

static const char *recorded_onbuild(struct plan *plan, const char *id, const struct dockerfile_image *mention)
{
	const struct record *last = map_get(plan->records, id);
	const char *text = recorded(plan, last, mention, "onbuild");

	return text || !last || !last->detail ? text : "";
}

void plan_find_base(struct plan *plan, const char *id, struct plan_image *image)
{
	const struct plan_options *options = &plan->options;
	const struct platform *platform = &image->mention->platform;
	cleanup_free char *name = options->lock ? lock_reference(image->reference) : NULL;
	const struct lock_entry *entry = name ? lockfile_find(options->lock, name) : NULL;
	const struct base_config *asked =
		options->base_config ? options->base_config(options->base_config_data, image->reference, platform) : NULL;
	const char *onbuild = asked && strcmp(asked->onbuild, BASE_UNTOLD.onbuild) != 0 ? asked->onbuild : NULL;

	if (!onbuild && entry)
		onbuild = lock_entry_onbuild(entry, platform);
	image->settled = onbuild != NULL;
	if (!onbuild)
		onbuild = recorded_onbuild(plan, id, image->mention);
	if (!onbuild && asked)
		onbuild = asked->onbuild;
	image->onbuild = onbuild;
	image->env = asked && asked->env ? asked->env : entry ? lock_entry_env(entry, platform) : NULL;
	image->env_settled = image->env != NULL;
}

void plan_read_env(struct plan *plan, const char *id, struct plan_image *image)
{
	if (image->node == NO_NODE && image->mention->env_read && !image->env)
		image->env = recorded(plan, map_get(plan->records, id), image->mention, "env");
}

static bool env_variable(struct plan *plan, const char *text, const char *name, const char **ret)
{
	cleanup_free char *value = NULL;
	bool known = base_env_find(text, name, &value);

	*ret = arena_strdup(plan->arena, value);
	return known;
}

/* In the config of the image that a build makes: by its Dockerfile, or by what that stands on. */
static bool built_variable(struct plan *plan, const struct node *node, const char *name, const char **ret)
{
	const struct plan_build *build = node->build;

	for (size_t i = 0; i < build->use.env_len; i++) {
		if (strcmp(build->use.env[i].name, name) != 0)
			continue;
		*ret = build->use.env[i].value;
		return *ret != NULL;
	}
	*ret = NULL;
	if (build->use.env_untold)
		return false;
	for (size_t i = 0; i < build->use.images_len; i++) {
		struct dockerfile_image *mention = &build->use.images[i];

		if (!mention->base)
			continue;
		mention->env_read = true;
		for (size_t j = 0; j < build->images_len; j++)
			if (build->images[j].mention == mention)
				return plan_base_variable(plan, node->id, &build->images[j], name, ret);
		return false; /* a context */
	}
	return true;
}

bool plan_base_variable(struct plan *plan, const char *id, struct plan_image *image, const char *name, const char **ret)
{
	if (image->node != NO_NODE)
		return built_variable(plan, plan->nodes[image->node], name, ret);
	plan_read_env(plan, id, image);
	return env_variable(plan, image->env, name, ret);
}

/* What was assumed about it turned out to be wrong. */
static bool base_changed(const struct plan_image *was, const struct plan_image *now)
{
	return !text_same(now->onbuild, was->onbuild) ||
	       (was->mention->env_read && now->env && !(was->env && strcmp(now->env, was->env) == 0));
}

int plan_ask_bases(struct plan *plan, plan_ask *ask, void *data, bool *ret_changed, struct error **err)
{
	*ret_changed = false;
	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		for (size_t j = 0; node->kind == NODE_BUILD && node->state == NODE_STALE && j < node->build->images_len;
		     j++) {
			const struct plan_image *was = &node->build->images[j];
			struct plan_image now = *was;

			if (was->node != NO_NODE || was->mention->use != IMAGE_FROM ||
			    (was->settled && (was->env_settled || !was->mention->env_read)))
				continue;
			if (ask(data, was->reference, &was->mention->platform, was->digest, err) < 0)
				return -1;
			plan_find_base(plan, node->id, &now);
			*ret_changed |= base_changed(was, &now);
		}
	}
	return 0;
}
