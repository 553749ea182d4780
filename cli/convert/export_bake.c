#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "cli/convert/bake_attest.h"
#include "cli/convert/export_values.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"

/* Texts in bake's JSON are templates: a literal "${" or "%{" has its sign doubled. */
static char *export_bake_escape(const char *text)
{
	struct buf out = { 0 };

	for (; *text; text++) {
		if ((*text == '$' || *text == '%') && text[1] == '{')
			buf_char(&out, *text);
		buf_char(&out, *text);
	}
	return buf_steal(&out);
}

/* Target names may not contain dots. */
static char *target_name(const char *name)
{
	char *target = mem_strdup(name);

	for (char *c = target; *c; c++)
		*c = *c == '.' ? '_' : *c;
	return target;
}

static struct json *hosts_map(const struct texts *hosts)
{
	struct json *object = json_new_object();

	for (size_t i = 0; i < hosts->len; i++) {
		const char *host = hosts->items[i].s;
		cleanup_free char *name = mem_strndup(host, strcspn(host, ":"));

		json_set_str(object, name, host + strlen(name) + 1);
	}
	return object;
}

static const struct export_language language = {
	.name = "bake",
	.service = "target:",
	.escape = export_bake_escape,
	.service_name = target_name,
	.hosts = hosts_map,
	.dashes = true,
};

static struct json *export_bake_secrets(const struct plan *plan, const struct build_spec *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->secrets_len; i++) {
		const struct build_secret *secret = &build->secrets[i];
		struct json *object = json_new_object();
		cleanup_free char *path = secret->file.s ? export_path(plan, secret->file.s) : NULL;

		json_set_str(object, "id", secret->id.s);
		export_set(object, "src", &language, path);
		json_set_str(object, "env", secret->variable.s);
		json_append(list, object);
	}
	return list;
}

static struct json *export_bake_ssh(const struct plan *plan, const struct build_spec *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->ssh.len; i++) {
		const struct pair *pair = &build->ssh.items[i];
		struct json *object = json_new_object(), *paths = json_new_array();

		json_set_str(object, "id", pair->key.s);
		if (pair->value.s && *pair->value.s) {
			cleanup_free char *path = export_path(plan, pair->value.s);

			export_append(paths, &language, path);
		}
		export_set_filled(object, "paths", paths);
		json_append(list, object);
	}
	return list;
}

static struct json *tags(struct plan *plan, size_t service)
{
	const char *const *references = plan_references(plan, service);
	struct json *list = json_new_array();

	for (; references && *references; references++)
		export_append(list, &language, *references);
	return list;
}

static void export_bake_set_where(const struct plan *plan, const struct build_spec *build, struct json *target)
{
	cleanup_free char *context = export_context(plan, build);
	cleanup_free char *dockerfile = export_dockerfile(build);

	export_set(target, "context", &language, context);
	export_set(target, "dockerfile", &language, dockerfile);
	export_set(target, "dockerfile-inline", &language, build->inline_text.s);
}

/* In the notation that the manifest has from buildx. */
static struct json *export_bake_annotations(const struct build_spec *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->annotations_len; i++) {
		const struct annotation *one = &build->annotations[i];
		cleanup_free char *text = NULL;
		char platform[PLATFORM_TEXT];

		platform_text(&one->platform, platform);
		text = mem_printf("%s%s%s%s%s%s:%s=%s", one->index ? "index" : "",
				  one->index && one->manifest ? "," : "", one->manifest ? "manifest" : "",
				  one->has_platform ? "[" : "", one->has_platform ? platform : "",
				  one->has_platform ? "]" : "", one->key.s, one->value.s);
		export_append(list, &language, text);
	}
	return list;
}

static struct json *export_bake_outputs(const struct plan *plan, const struct build_spec *build)
{
	static const char *const kinds[] = { "local", "tar", "cacheonly", "image" };
	TABLE_COMPLETE(kinds, OUTPUT_KINDS);
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->outputs_len; i++) {
		const struct build_output *one = &build->outputs[i];
		cleanup_free char *dest = one->dest.s ? export_path(plan, one->dest.s) : NULL;
		cleanup_free char *text =
			mem_printf("type=%s%s%s", kinds[one->kind], dest ? ",dest=" : "", dest ? dest : "");

		export_append(list, &language, text);
	}
	return list;
}

static int export_bake_add_target(struct plan *plan, size_t number, struct json *targets, struct error **err)
{
	const struct service *service = &plan_manifest(plan)->services[number];
	const struct build_spec *build = &service->build;
	cleanup_free char *name = target_name(service->name.s);
	struct json *target, *args;

	if (json_get(targets, name))
		return error_make(err, ERROR_USAGE, "bake cannot tell %s from another service: it has no dots in names",
				  service->name.s);
	if (export_args(plan, service, &language, &args, err) < 0)
		return -1;
	target = json_new_object();
	export_bake_set_where(plan, build, target);
	export_set_filled(target, "args", args);
	export_set_filled(target, "contexts", export_contexts(plan, number, &language));
	export_set_filled(target, "tags", service->publish ? tags(plan, number) : json_new_array());
	export_set_filled(target, "platforms", export_platforms(build));
	export_set_filled(target, "secret", export_bake_secrets(plan, build));
	export_set_filled(target, "ssh", export_bake_ssh(plan, build));
	export_set_filled(target, "annotations", export_bake_annotations(build));
	export_plain(target, build, &language);
	export_set_filled(target, "output", export_bake_outputs(plan, build));
	json_set(target, "attest", bake_attest_write(service));
	json_set(targets, name, target);
	return 0;
}

static void add_group(struct json *groups, const char *name, struct json *members)
{
	struct json *group = json_new_object();

	json_set(group, "targets", members);
	json_set(groups, name, group);
}

static struct json *groups(const struct manifest *manifest)
{
	struct json *object = json_new_object(), *all = json_new_array();

	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		if (service_is_made(service) && service->active) {
			cleanup_free char *name = target_name(service->name.s);

			json_append(all, json_new_string(name));
		}
	}
	add_group(object, "default", all);
	for (size_t i = 0; i < manifest->groups_len; i++) {
		const struct group *group = &manifest->groups[i];
		cleanup_free char *name = target_name(group->name.s);
		struct json *members = json_new_array();

		for (size_t j = 0; j < group->services_len; j++) {
			const struct service *service = &manifest->services[group->services[j]];
			cleanup_free char *member = target_name(service->name.s);

			if (service->has_build)
				json_append(members, json_new_string(member));
		}
		add_group(object, name, members);
	}
	return object;
}

int export_bake(struct plan *plan, struct buf *out, struct buf *notes, struct error **err)
{
	const struct manifest *manifest = plan_manifest(plan);
	cleanup_json struct json *root = json_new_object();
	struct json *targets = json_new_object();
	int r = 0;

	for (size_t i = 0; i < manifest->services_len && r == 0; i++) {
		if (!manifest->services[i].has_build)
			continue;
		export_note(&manifest->services[i], &language, notes);
		r = export_bake_add_target(plan, i, targets, err);
	}
	json_set(root, "group", groups(manifest));
	json_set(root, "target", targets);
	if (r < 0)
		return -1;
	json_dump(root, JSON_INDENT, out);
	buf_char(out, '\n');
	return 0;
}
