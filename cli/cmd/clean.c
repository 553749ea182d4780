#include "config.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
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

	if (session_plan(session, &want, err) < 0)
		return -1;
	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);

		if (!plan_is_target(session->plan, node->service))
			continue;
		if (state_forget(session->state, node->id, err) < 0)
			return -1;
		if (node->kind == NODE_INDEX && untag(session, node, err) < 0)
			return -1;
	}
	return 0;
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
	return fs_remove_tree(dir, err) < 0 ? -1 : 0;
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
