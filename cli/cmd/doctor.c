#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/doctor_look.h"
#include "cli/cmd/doctor_report.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "engine/builder/builder.h"
#include "engine/io/loop.h"

#define FORMAT 1 /* of the JSON */
#define INDENT "      "

static void doctor_add_platforms(struct buf *out, const struct platform *list, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&list[i], text);
		buf_printf(out, "%s%s", i > from ? ", " : "", text);
	}
}

/* Appends the lines of a text, indented and safe for a terminal. */
static void doctor_add_lines(struct buf *out, const char *first, const char *text)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		buf_printf(out, INDENT "%s", first);
		text_safe(out, text, strcspn(text, "\n"));
		buf_char(out, '\n');
		first = "";
	}
}

/* The image formats that can be made, with any builder. */
static struct json *formats_of(const struct doctor *doctor)
{
	const struct {
		const char *name;
		bool can;
	} formats[] = { { "oci", true },
			{ "zstd", doctor->zstd },
			{ "estargz", doctor->estargz },
			{ "nydus", doctor->nydus } };
	struct json *list = json_new_array();

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].can)
			json_append(list, json_new_string(formats[i].name));
	return list;
}

static void doctor_add_formats(struct buf *out, const struct doctor *doctor)
{
	cleanup_json struct json *formats = formats_of(doctor);
	const char *comma = INDENT "formats: ";

	for (size_t i = 0; i < json_len(formats); i++) {
		buf_printf(out, "%s%s", comma, json_text(json_at(formats, i)));
		comma = ", ";
	}
	buf_char(out, '\n');
}

/* `builders`: the list the tool is from, or NULL for a runtime. */
static void add_tool(struct buf *out, const struct doctor_tool *tool, const struct doctor *builders)
{
	buf_printf(out, "  %s %s%s%s%s\n", tool->found ? "ok" : "--", tool->name, tool->found ? " " : "",
		   tool->found ? tool->version : "", tool->chosen ? "  (used unless another is asked for)" : "");
	if (!tool->found) {
		doctor_add_lines(out, "", tool->trouble);
		if (tool->remedy)
			doctor_add_lines(out, "-> ", tool->remedy);
		return;
	}
	if (tool->platforms_len > 0) {
		buf_str(out, INDENT "native: ");
		doctor_add_platforms(out, tool->platforms, 0, tool->native_len);
		if (tool->platforms_len > tool->native_len)
			buf_str(out, "; emulated: ");
		doctor_add_platforms(out, tool->platforms, tool->native_len, tool->platforms_len);
		buf_char(out, '\n');
	}
	if (tool->abilities) {
		const char *comma = INDENT "also: ";

		for (unsigned bit = 1; builder_ability_name(bit); bit <<= 1) {
			if (!(tool->abilities & bit))
				continue;
			buf_printf(out, "%s%s", comma, builder_ability_name(bit));
			comma = ", ";
		}
		buf_char(out, '\n');
	}
	if (builders)
		doctor_add_formats(out, builders);
	if (tool->detail)
		doctor_add_lines(out, "", tool->detail);
}

static void doctor_add_text(struct buf *out, const struct doctor *doctor)
{
	buf_str(out, "machine\n  ");
	doctor_add_platforms(out, doctor->platforms, 0, 1);
	buf_str(out, doctor->platforms_len > 1 ? "; emulates " : "; emulates no other platform");
	doctor_add_platforms(out, doctor->platforms, 1, doctor->platforms_len);
	buf_str(out, "\nbuilders\n");
	for (size_t i = 0; i < doctor->builders_len; i++)
		add_tool(out, &doctor->builders[i], doctor);
	buf_str(out, "runtimes\n");
	for (size_t i = 0; i < doctor->runtimes_len; i++)
		add_tool(out, &doctor->runtimes[i], NULL);
	if (doctor->advice_len > 0)
		buf_str(out, "to be mended\n");
	for (size_t i = 0; i < doctor->advice_len; i++) {
		buf_printf(out, "  %s\n", doctor->advice[i].what);
		doctor_add_lines(out, "-> ", doctor->advice[i].remedy);
	}
}

static struct json *platforms_json(const struct platform *list, size_t from, size_t to)
{
	struct json *array = json_new_array();

	for (size_t i = from; i < to; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&list[i], text);
		json_append(array, json_new_string(text));
	}
	return array;
}

static struct json *tool_json(const struct doctor_tool *tool, const struct doctor *builders)
{
	struct json *object = json_new_object();
	struct json *abilities = json_new_array();

	json_set_str(object, "name", tool->name);
	json_set_bool(object, "found", tool->found);
	json_set_bool(object, "chosen", tool->chosen);
	json_set_str(object, "version", tool->version);
	json_set_str(object, "detail", tool->detail);
	json_set_str(object, "trouble", tool->trouble);
	json_set_str(object, "remedy", tool->remedy);
	for (unsigned bit = 1; builder_ability_name(bit); bit <<= 1)
		if (tool->abilities & bit)
			json_append(abilities, json_new_string(builder_ability_name(bit)));
	if (builders) {
		json_set(object, "native", platforms_json(tool->platforms, 0, tool->native_len));
		json_set(object, "emulated", platforms_json(tool->platforms, tool->native_len, tool->platforms_len));
		json_set(object, "abilities", abilities);
		if (tool->found)
			json_set(object, "formats", formats_of(builders));
	} else {
		json_free(abilities);
	}
	return object;
}

static void doctor_add_json(struct buf *out, const struct doctor *doctor)
{
	cleanup_json struct json *object = json_new_object();
	struct json *machine = json_new_object(), *builders = json_new_array(), *runtimes = json_new_array();
	struct json *advice = json_new_array();

	json_set_int(object, "version", FORMAT);
	json_set(machine, "native", platforms_json(doctor->platforms, 0, 1));
	json_set(machine, "emulated", platforms_json(doctor->platforms, 1, doctor->platforms_len));
	for (size_t i = 0; i < doctor->builders_len; i++)
		json_append(builders, tool_json(&doctor->builders[i], doctor));
	for (size_t i = 0; i < doctor->runtimes_len; i++)
		json_append(runtimes, tool_json(&doctor->runtimes[i], NULL));
	for (size_t i = 0; i < doctor->advice_len; i++) {
		struct json *item = json_new_object();

		json_set_str(item, "what", doctor->advice[i].what);
		json_set_str(item, "remedy", doctor->advice[i].remedy);
		json_append(advice, item);
	}
	json_set(object, "machine", machine);
	json_set(object, "builders", builders);
	json_set(object, "runtimes", runtimes);
	json_set(object, "advice", advice);
	json_dump(object, JSON_INDENT, out);
	buf_char(out, '\n');
}

static void doctor_add_report(const struct options *options, struct buf *out, const struct doctor *doctor)
{
	cleanup_buf struct buf tools = { 0 };

	doctor_add_text(&tools, doctor);
	doctor_report(options, tools.data, out);
}

static bool any_found(const struct doctor_tool *tools, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (tools[i].found)
			return true;
	return false;
}

int cmd_doctor(const struct options *options, struct error **err)
{
	const char *variable = getenv("CBUILD_BUILDER");
	const char *builder = options->builder ? options->builder : variable && *variable ? variable : NULL;
	cleanup_buf struct buf out = { 0 };
	struct doctor doctor = { 0 };
	struct loop *loop;
	int r;

	if (loop_new(&loop, err) < 0)
		return -1;
	r = doctor_look(loop, options->targets_len > 0 ? options->targets : NULL, builder, &doctor, err);
	loop_free(loop);
	if (r == 0) {
		if (options->report)
			doctor_add_report(options, &out, &doctor);
		else if (strcmp(options->format, "json") == 0)
			doctor_add_json(&out, &doctor);
		else
			doctor_add_text(&out, &doctor);
		r = output_data(out.data, out.len, err);
	}
	if (r == 0 && !any_found(doctor.builders, doctor.builders_len))
		r = ERROR_TOOL;
	doctor_free(&doctor);
	return r;
}
