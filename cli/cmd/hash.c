#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/plan/inputs.h"
#include "engine/plan/plan.h"

/* A key contains the results of dependencies: it is unknown while one of them must run. */
static const char unknown[] = "unknown";

/* With -v: one input a line. */
static int hash_inputs(struct session *session, size_t number, struct buf *out, struct error **err)
{
	struct inputs *inputs;

	if (!session->options->verbose)
		return 0;
	if (plan_inputs(session->plan, number, &inputs, err) < 0)
		return -1;
	inputs_text(inputs, out);
	inputs_free(inputs);
	return 0;
}

static int hash_add_node(struct session *session, size_t number, struct buf *out, struct error **err)
{
	const struct node *node = plan_node(session->plan, number);
	cleanup_buf struct buf text = { 0 };

	buf_printf(out, "%-*s  %s\n", HASH_HEX, node->key[0] ? node->key : unknown, node->id);
	if (hash_inputs(session, number, &text, err) < 0)
		return -1;
	text_safe_lines(out, text.data, text.len);
	return 0;
}

static int hash_json_node(struct session *session, size_t number, struct json *list, struct error **err)
{
	const struct node *node = plan_node(session->plan, number);
	struct json *build = json_new_object(), *lines = NULL;
	cleanup_buf struct buf text = { 0 };

	json_append(list, build);
	json_set_str(build, "node", node->id);
	json_set_str(build, "key", node->key[0] ? node->key : NULL);
	if (!session->options->verbose)
		return 0;
	if (hash_inputs(session, number, &text, err) < 0)
		return -1;
	lines = json_new_array();
	json_set(build, "inputs", lines);
	for (char *line = text.data, *end; line && (end = strchr(line, '\n')); line = end + 1) {
		*end = '\0';
		json_append(lines, json_new_string(line));
	}
	return 0;
}

static int print_hashes(struct session *session, struct error **err)
{
	bool json = strcmp(session->options->format, "json") == 0;
	cleanup_json struct json *document = json_new_object();
	struct json *list = json_new_array();
	cleanup_buf struct buf out = { 0 };

	json_set_int(document, "version", 1);
	json_set(document, "builds", list);
	for (size_t i = 0; i < plan_len(session->plan); i++) {
		if (plan_node(session->plan, i)->kind != NODE_BUILD)
			continue;
		if ((json ? hash_json_node(session, i, list, err) : hash_add_node(session, i, &out, err)) < 0)
			return -1;
	}
	return json ? output_json(document, err) : output_data(out.data, out.len, err);
}

int cmd_hash(const struct options *options, struct error **err)
{
	const struct session_plan want = { 0 };
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = print_hashes(&session, err);
	session_close(&session);
	return r;
}
