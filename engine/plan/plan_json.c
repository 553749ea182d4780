#include "config.h"

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_json.h"

struct json *plan_reasons_json(const struct node *node)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < node->reasons_len; i++) {
		struct json *reason = json_new_object();

		json_set_str(reason, "kind", reason_kind_name(node->reasons[i].kind));
		json_set(reason, "what", json_new_string(node->reasons[i].what));
		json_set(reason, "change", json_new_string(node->reasons[i].change));
		json_append(list, reason);
	}
	return list;
}

/* What was fetched for a build, and what it is: "git-COMMIT", "sha256-DIGEST". */
static struct json *fetched_json(const struct build_spec *spec, const struct plan_build *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->fetched_len; i++) {
		cleanup_free char *folder = path_dir(spec->remotes[i].root);
		struct json *one = json_new_object();

		json_set_str(one, "url", build->fetched[i].shown);
		json_set_str(one, "place", build->fetched[i].place);
		json_set_str(one, "is", path_base(folder));
		json_set_bool(one, "locked", build->fetched[i].pinned || build->fetched[i].pin);
		json_append(list, one);
	}
	return list;
}

static struct json *plan_json_node_json(struct plan *plan, const struct node *node)
{
	struct json *object = json_new_object();
	struct json *needs = json_new_array();
	char platform[PLATFORM_TEXT];

	json_set_str(object, "id", node->id);
	json_set_str(object, "kind", node_kind_name(node->kind));
	json_set_str(object, "service", plan_manifest(plan)->services[node->service].name.s);
	json_set_str(object, "format", node->format ? node->format->name.s : NULL);
	platform_text(&node->platform, platform);
	json_set(object, "platform", node->has_platform ? json_new_string(platform) : json_new_null());
	json_set(object, "key", node->key[0] ? json_new_string(node->key) : json_new_null());
	json_set_str(object, "state", node_state_name(node->state));
	json_set(object, "reasons", plan_reasons_json(node));
	for (size_t i = 0; i < node->needs_len; i++)
		json_append(needs, json_new_string(plan_node(plan, node->needs[i])->id));
	json_set(object, "needs", needs);
	if (node->build && node->build->fetched_len)
		json_set(object, "fetched",
			 fetched_json(&plan_manifest(plan)->services[node->service].build, node->build));
	return object;
}

void plan_json(struct plan *plan, bool indent, struct buf *out)
{
	cleanup_json struct json *root = json_new_object();
	struct json *nodes = json_new_array();

	json_set_int(root, "version", 1);
	for (size_t i = 0; i < plan_len(plan); i++)
		json_append(nodes, plan_json_node_json(plan, plan_node(plan, i)));
	json_set(root, "nodes", nodes);
	json_dump(root, indent ? JSON_INDENT : JSON_COMPACT, out);
}
