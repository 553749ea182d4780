#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/since.h"
#include "dsl/manifest.h"

static int affected_json(const struct manifest *manifest, const struct since *since, struct error **err)
{
	cleanup_json struct json *list = json_new_array();

	for (size_t i = 0; i < manifest->services_len; i++) {
		struct json *object;

		if (!since->because[i])
			continue;
		object = json_new_object();
		json_set_str(object, "service", manifest->services[i].name.s);
		json_set_str(object, "because", since->because[i]);
		json_append(list, object);
	}
	return output_list("services", list, err);
}

static int print_affected(struct session *session, struct error **err)
{
	const struct manifest *manifest = session->manifest;
	cleanup_buf struct buf out = { 0 };
	struct since *since;
	int r;

	if (since_find(session, session->options->since, &since, err) < 0)
		return -1;
	for (size_t i = 0; i < manifest->services_len; i++) {
		if (since->because[i])
			buf_printf(&out, "%s\n", manifest->services[i].name.s);
	}
	r = strcmp(session->options->format, "json") == 0 ? affected_json(manifest, since, err)
							  : output_data(out.data, out.len, err);
	since_free(since);
	return r;
}

int cmd_affected(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (!options->since || options->targets_len > 0)
		return error_make(err, ERROR_USAGE, "`cbuild affected` takes --since=REF and no target");
	r = session_open(&session, options, err);
	if (r == 0)
		r = print_affected(&session, err);
	session_close(&session);
	return r;
}
