#include "config.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/xxh3.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/source/context.h"

#include <string.h>

static void context_add_name(const struct options *options, const char *prefix, const char *path, struct buf *out)
{
	if (options->null_separated) {
		buf_printf(out, "%s%s", prefix, path);
		buf_add(out, "", 1);
		return;
	}
	text_safe(out, prefix, strlen(prefix));
	text_safe(out, path, strlen(path));
	buf_char(out, '\n');
}

static void add_entry(const struct options *options, const char *prefix, const struct source_entry *entry, struct buf *out)
{
	char hex[HASH_HEX + 1];

	if (options->long_list) {
		hash_hex(entry->digest, hex);
		buf_printf(out, "%c %04o %12llu %s ", entry->type, (unsigned)entry->mode,
			   (unsigned long long)entry->size, entry->type == 'd' ? "-" : hex);
	} else if (entry->type == 'd') {
		return;
	}
	context_add_name(options, prefix, entry->path, out);
}

static struct json *file_json(const char *prefix, const char *path)
{
	cleanup_free char *whole = mem_printf("%s%s", prefix, path);
	struct json *file = json_new_object();

	json_set(file, "path", json_new_string(whole));
	return file;
}

static struct json *source_entry_json(const char *prefix, const struct source_entry *entry)
{
	struct json *file = file_json(prefix, entry->path);
	char hex[HASH_HEX + 1], type[2] = { entry->type };
	cleanup_free char *mode = mem_printf("%04o", (unsigned)entry->mode);

	hash_hex(entry->digest, hex);
	json_set_str(file, "type", type);
	json_set_str(file, "mode", mode);
	json_set_int(file, "size", (int64_t)entry->size);
	json_set_str(file, "digest", entry->type == 'd' ? NULL : hex);
	return file;
}

static int print_json(struct session *session, const struct plan_build *build, struct error **err)
{
	cleanup_json struct json *document = json_new_object();
	struct json *files = json_new_array();

	json_set_int(document, "version", 1);
	json_set_str(document, "service", session->options->targets[0]);
	json_set(document, "files", files);
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		cleanup_free char *prefix = plan_prefix(session->plan, context);
		const struct source_entry *entries;
		size_t len;

		entries = source_entries(session->source, context->selection, &len);
		for (size_t j = 0; j < len; j++)
			json_append(files, source_entry_json(prefix, &entries[j]));
	}
	for (size_t i = 0; i < build->outputs_len; i++)
		json_append(files, file_json("", build->outputs[i].path));
	return output_json(document, err);
}

static int print_build(struct session *session, const struct node *node, struct error **err)
{
	const struct plan_build *build = node->build;
	cleanup_buf struct buf out = { 0 };

	if (strcmp(session->options->format, "json") == 0)
		return print_json(session, build, err);
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		cleanup_free char *prefix = NULL;
		const struct source_entry *entries;
		size_t len;

		entries = source_entries(session->source, context->selection, &len);
		prefix = plan_prefix(session->plan, context);
		for (size_t j = 0; j < len; j++)
			add_entry(session->options, prefix, &entries[j], &out);
	}
	for (size_t i = 0; i < build->outputs_len && !session->options->long_list; i++)
		context_add_name(session->options, "", build->outputs[i].path, &out);
	return output_data(out.data, out.len, err);
}

/* Lists the files for the service's first platform: other platforms use the same, except where a Dockerfile uses
 * ${TARGETARCH}. */
static int print_context(struct session *session, struct error **err)
{
	long service = manifest_service(session->manifest, session->options->targets[0]);

	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);

		if (node->kind == NODE_BUILD && service >= 0 &&
		    node->service == session->manifest->services[service].maker)
			return print_build(session, node, err);
	}
	return error_make(err, ERROR_USAGE, "%s has no `build:`", session->options->targets[0]);
}

int cmd_context(const struct options *options, struct error **err)
{
	const struct session_plan want = { 0 };
	struct session session;
	int r;

	if (options->targets_len != 1)
		return error_make(err, ERROR_USAGE, "`cbuild context` takes one service");
	r = session_open(&session, options, err);
	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = print_context(&session, err);
	session_close(&session);
	return r;
}
