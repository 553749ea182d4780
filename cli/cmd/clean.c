#include "config.h"

#include <dirent.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"
#include "engine/state/state.h"

static int untag(struct session *session, const struct node *node, struct error **err)
{
	const char *const *references = node->references;
	size_t len = 0;

	while (references[len])
		len++;
	return layout_untag(session->layout, references, len, err);
}

static int forget_targets(struct session *session, struct error **err)
{
	const struct session_plan want = { .load = true, .verify = true };
	cleanup_buf struct buf said = { 0 };
	size_t last = SIZE_MAX;

	if (session_plan(session, &want, err) < 0)
		return -1;
	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);

		if (!plan_is_target(session->plan, node->service))
			continue;
		if (node->service != last)
			buf_printf(&said, "%s%s", said.len ? ", " : "",
				   session->manifest->services[node->service].name.s);
		last = node->service;
		if (state_forget(session->state, node->id, err) < 0)
			return -1;
		if (node->kind == NODE_INDEX && untag(session, node, err) < 0)
			return -1;
	}
	buf_str(&said, " forgotten; images that nothing else needs go with `cbuild prune`\n");
	return output_text(said.data, said.len, err);
}

/* With all that is in it. */
static int remove_state(const char *dir, struct error **err)
{
	cleanup_buf struct buf said = { 0 };

	buf_printf(&said, "%s removed: ", dir);
	text_size(&said, fs_usage(dir));
	buf_char(&said, '\n');
	return fs_remove_tree(dir, err) < 0 ? -1 : output_text(said.data, said.len, err);
}

static int clean_clean(struct session *session, struct error **err)
{
	cleanup_free char *dir = NULL;

	if (session_alone(session, err) < 0)
		return -1;
	if (session->options->targets_len > 0)
		return forget_targets(session, err);
	dir = mem_strdup(session->state_dir);
	session_close(session);
	return remove_state(dir, err);
}

int cmd_clean(const struct options *options, struct error **err)
{
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = clean_clean(&session, err);
	session_close(&session);
	return r;
}
