#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/convert/export_values.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "dsl/schema.h"
#include "engine/plan/plan.h"

char *export_relative(const char *dir, const char *path)
{
	cleanup_free char *at = mem_strdup(dir);
	cleanup_buf struct buf up = { 0 };

	while (!path_inside(at, path)) {
		char *above = path_dir(at);

		mem_cleanup(&at);
		at = above;
		buf_str(&up, up.len ? "/.." : "..");
	}
	if (!up.len)
		return mem_strdup(path_relative(at, path));
	if (strcmp(at, path) != 0)
		buf_printf(&up, "/%s", path_relative(at, path));
	return buf_steal(&up);
}

char *export_path(const struct plan *plan, const char *path)
{
	cleanup_free char *relative = export_relative(plan_manifest(plan)->dir, path);

	return strncmp(relative, "..", 2) == 0 || strcmp(relative, ".") == 0 ? steal_ptr(relative)
									     : mem_printf("./%s", relative);
}

char *export_context(const struct plan *plan, const struct build_spec *build)
{
	return build->context_url.s ? mem_strdup(build->context_url.s) : export_path(plan, build->context.s);
}

char *export_dockerfile(const struct build_spec *build)
{
	if (build->inline_text.s || (build->context_url.s && build->remotes[0].text))
		return NULL;
	if (build->dockerfile_url.s)
		return mem_strdup(build->dockerfile_url.s);
	return export_relative(build->context.s, build->dockerfile.s);
}

void export_set(struct json *object, const char *key, const struct export_language *language, const char *text)
{
	cleanup_free char *escaped = text ? language->escape(text) : NULL;

	json_set_str(object, key, escaped);
}

void export_append(struct json *list, const struct export_language *language, const char *text)
{
	cleanup_free char *escaped = language->escape(text);

	json_append(list, json_new_string(escaped));
}

struct json *export_texts(const struct texts *list, const struct export_language *language)
{
	struct json *array = json_new_array();

	for (size_t i = 0; i < list->len; i++)
		export_append(array, language, list->items[i].s);
	return array;
}

struct json *export_pairs(const struct pairs *list, const struct export_language *language)
{
	struct json *object = json_new_object();

	for (size_t i = 0; i < list->len; i++) {
		if (list->items[i].value.s)
			export_set(object, list->items[i].key.s, language, list->items[i].value.s);
		else
			json_set(object, list->items[i].key.s, json_new_null());
	}
	return object;
}

static void set_size(struct json *object, const char *name, const struct export_language *language, uint64_t size)
{
	cleanup_free char *text = mem_printf("%llu", (unsigned long long)size);

	if (size > 0 && language->dashes)
		json_set_str(object, name, text);
	else if (size > 0)
		json_set_int(object, name, (int64_t)size);
}

/* As bake writes limits, or as compose does. */
static struct json *export_ulimits(const struct texts *limits, const struct export_language *language)
{
	struct json *map;

	if (language->dashes)
		return export_texts(limits, language);
	map = json_new_object();
	for (size_t i = 0; i < limits->len; i++) {
		const char *text = limits->items[i].s, *soft = strchr(text, '=') + 1;
		cleanup_free char *name = mem_strndup(text, strcspn(text, "="));
		struct json *limit = json_new_object();

		json_set_int(limit, "soft", strtoll(soft, NULL, 10));
		json_set_int(limit, "hard", strtoll(strchr(soft, ':') + 1, NULL, 10));
		json_set(map, name, limit);
	}
	return map;
}

static void export_key(struct json *object, const struct schema_key *key, const void *value,
		       const struct export_language *language)
{
	cleanup_free char *name = mem_strdup(key->name);

	for (char *c = name; language->dashes && *c; c++)
		*c = *c == '_' ? '-' : *c;
	if (key->type == TYPE_TEXT)
		export_set(object, name, language, ((const struct text *)value)->s);
	else if (key->type == TYPE_MEMORY)
		set_size(object, name, language, *(const uint64_t *)value);
	else if (key->type == TYPE_BOOL && *(const bool *)value)
		json_set_bool(object, name, true);
	else if (key->type == TYPE_TEXTS || key->type == TYPE_DEVICES)
		export_set_filled(object, name, export_texts(value, language));
	else if (key->type == TYPE_ULIMITS)
		export_set_filled(object, name, export_ulimits(value, language));
	else if (key->type == TYPE_HOSTS)
		export_set_filled(object, name, language->hosts(value));
	else if (key->type == TYPE_PAIRS)
		export_set_filled(object, name, export_pairs(value, language));
}

void export_plain(struct json *object, const struct build_spec *build, const struct export_language *language)
{
	for (const struct schema_key *key = schema_next_plain(NULL); key; key = schema_next_plain(key))
		export_key(object, key, schema_plain_value(key, build), language);
}

void export_run(struct json *object, const struct service *service, const struct export_language *language)
{
	for (const struct schema_key *key = schema_next_run(NULL); key; key = schema_next_run(key))
		export_key(object, key, schema_run_value(key, service), language);
}

struct json *export_platforms(const struct build_spec *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->platforms_len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&build->platforms[i], text);
		json_append(list, json_new_string(text));
	}
	return list;
}

void export_set_filled(struct json *object, const char *key, struct json *value)
{
	if (json_len(value) > 0)
		json_set(object, key, value);
	else
		json_free(value);
}

int export_args(const struct plan *plan, const struct service *service, const struct export_language *language,
		struct json **ret, struct error **err)
{
	const struct manifest *manifest = plan_manifest(plan);
	struct json *args = json_new_object();

	if (manifest->has_epoch) {
		cleanup_free char *epoch = mem_printf("%lld", (long long)manifest->epoch);

		json_set_str(args, "SOURCE_DATE_EPOCH", epoch);
	}
	for (size_t i = 0; i < service->build.args.len; i++) {
		const struct pair *pair = &service->build.args.items[i];

		if (late_mentions(pair->value.s, "")) {
			json_free(args);
			error_make(err, ERROR_USAGE,
				   "the argument %s of %s has a value for each platform, which %s cannot say",
				   pair->key.s, service->name.s, language->name);
			error_remedy(err, "builders set TARGETARCH, TARGETOS and TARGETPLATFORM by themselves");
			return -1;
		}
		export_set(args, pair->key.s, language, pair->value.s);
	}
	*ret = args;
	return 0;
}

static char *context_value(const struct plan *plan, const struct named_context *context,
			   const struct export_language *language)
{
	cleanup_free char *text = NULL, *path = NULL;

	switch (context->kind) {
	case CONTEXT_PATH:
		text = context->url.s ? mem_strdup(context->url.s) : export_path(plan, context->value.s);
		break;
	case CONTEXT_SERVICE:
		text = language->service_name(context->value.s);
		return mem_printf("%s%s", language->service, text);
	case CONTEXT_IMAGE:
		text = mem_printf("docker-image://%s", context->value.s);
		break;
	case CONTEXT_LAYOUT:
		path = export_path(plan, context->value.s);
		text = mem_printf("oci-layout://%s%s%s", path,
				  !context->image                ? ""
				  : digest_valid(context->image) ? "@"
								 : ":",
				  context->image ? context->image : "");
		break;
	}
	return language->escape(text);
}

struct json *export_contexts(struct plan *plan, size_t service, const struct export_language *language)
{
	const struct manifest *manifest = plan_manifest(plan);
	const struct build_spec *build = &manifest->services[service].build;
	struct json *contexts = json_new_object();

	for (size_t i = 0; i < build->contexts_len; i++) {
		cleanup_free char *value = context_value(plan, &build->contexts[i], language);

		json_set_str(contexts, build->contexts[i].name.s, value);
	}
	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);

		for (size_t j = 0;
		     node->build && node->service == manifest->services[service].maker && j < node->build->images_len;
		     j++) {
			const struct plan_image *image = &node->build->images[j];
			cleanup_free char *name = NULL, *value = NULL;

			if (image->node == NO_NODE || image->mention->context)
				continue;
			name = language->service_name(manifest->services[plan_node(plan, image->node)->service].name.s);
			value = mem_printf("%s%s", language->service, name);
			json_set_str(contexts, image->mention->name, value);
		}
	}
	return contexts;
}

void export_note(const struct service *service, const struct export_language *language, struct buf *notes)
{
	if (service->has_prepare)
		buf_printf(notes, "%s: %s cannot express its `prepare` step: run it first\n", service->name.s,
			   language->name);
	if (service->needs.len > 0)
		buf_printf(notes, "%s: %s cannot express its `needs`\n", service->name.s, language->name);
	if (service->formats_len > 0)
		buf_printf(notes, "%s: %s cannot express its `formats`\n", service->name.s, language->name);
	if (service->verify.pos.line > 0)
		buf_printf(notes, "%s: %s cannot express its checks (`verify`)\n", service->name.s, language->name);
}
