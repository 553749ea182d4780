#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/platform.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"

static void list_add_platforms(struct buf *out, const struct service *service)
{
	struct platform host;

	platform_host(&host);
	if (!service->has_build)
		return;
	for (size_t i = 0; i < service->build.platforms_len || i == 0; i++) {
		char text[PLATFORM_TEXT];

		platform_text(service->build.platforms_len ? &service->build.platforms[i] : &host, text);
		buf_printf(out, "%s%s", i ? "," : "  ", text);
	}
}

static void list_add_outputs(const struct manifest *manifest, const struct service *service, struct buf *out)
{
	const char *before = "(files: ";

	for (size_t i = 0; i < service->build.outputs_len; i++) {
		const char *path = service->build.outputs[i].dest.s;

		if (!path)
			continue;
		buf_printf(out, "%s%s", before, path_relative(manifest->dir, path));
		before = ", ";
	}
	buf_str(out, service_makes_files(service) ? ")" : "(only built)");
}

static void list_add_text(const struct manifest *manifest, struct buf *out)
{
	int width = 0;

	for (size_t i = 0; i < manifest->services_len; i++) {
		int len = (int)strlen(manifest->services[i].name.s);

		width = len > width ? len : width;
	}
	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		buf_printf(out, "%-*s  ", width, service->name.s);
		if (service->provided)
			buf_str(out, "(not a container)");
		else if (!service->has_build)
			buf_str(out, service->reference.s);
		else if (service->publish)
			buf_printf(out, "%s:%s", service->image.s, service->tags.items[0].s);
		else if (service->build.outputs_len > 0)
			list_add_outputs(manifest, service, out);
		else
			buf_str(out, "(a base, not published)");
		list_add_platforms(out, service);
		buf_char(out, '\n');
	}
	for (size_t i = 0; i < manifest->groups_len; i++) {
		buf_printf(out, "group %s:", manifest->groups[i].name.s);
		for (size_t j = 0; j < manifest->groups[i].services_len; j++)
			buf_printf(out, " %s", manifest->services[manifest->groups[i].services[j]].name.s);
		buf_char(out, '\n');
	}
}

static struct json *service_json(const struct manifest *manifest, const struct service *service)
{
	struct json *object = json_new_object();
	struct json *platforms = json_new_array();
	struct json *tags = json_new_array();
	struct json *files = json_new_array();

	json_set_str(object, "service", service->name.s);
	json_set_str(object, "image", service->image.s);
	for (size_t i = 0; i < service->tags.len; i++)
		json_append(tags, json_new_string(service->tags.items[i].s));
	json_set(object, "tags", tags);
	for (size_t i = 0; i < service->build.platforms_len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&service->build.platforms[i], text);
		json_append(platforms, json_new_string(text));
	}
	json_set(object, "platforms", platforms);
	json_set_bool(object, "publish", service->publish);
	for (size_t i = 0; i < service->build.outputs_len; i++)
		if (service->build.outputs[i].dest.s)
			json_append(files,
				    json_new_string(path_relative(manifest->dir, service->build.outputs[i].dest.s)));
	json_set(object, "files", files);
	return object;
}

static int list_print_json(const struct manifest *manifest, struct error **err)
{
	cleanup_json struct json *list = json_new_array();

	for (size_t i = 0; i < manifest->services_len; i++)
		json_append(list, service_json(manifest, &manifest->services[i]));
	return output_list("services", list, err);
}

int cmd_list(const struct options *options, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0 && strcmp(options->format, "json") == 0) {
		r = list_print_json(session.manifest, err);
	} else if (r == 0) {
		list_add_text(session.manifest, &out);
		r = output_data(out.data, out.len, err);
	}
	session_close(&session);
	return r;
}
