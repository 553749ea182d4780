#include "config.h"

#include "cli/cmd/outline.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_outline.h"

static int add_outline(const struct service *service, const struct plan_build *build, struct buf *out, struct error **err)
{
	struct dockerfile *dockerfile;

	if (dockerfile_parse(build->text, build->text_len, build->dockerfile, &dockerfile, err) < 0)
		return -1;
	buf_printf(out, "%s%s\n\n", out->len > 0 ? "\n" : "", service->name.s);
	if (service->call == CALL_OUTLINE)
		dockerfile_outline(dockerfile, build->text, build->text_len, service->build.target.s, &build->use, out);
	else
		dockerfile_targets(dockerfile, build->text, build->text_len, out);
	dockerfile_free(dockerfile);
	return 0;
}

/* Each once, for the first of its platforms. */
static int outline_all(const struct session *session, struct error **err)
{
	cleanup_free bool *seen = mem_array(session->manifest->services_len + 1, sizeof(*seen));
	cleanup_buf struct buf out = { 0 };

	for (size_t i = 0; i < plan_len(session->plan); i++) {
		const struct node *node = plan_node(session->plan, i);

		if (node->kind != NODE_BUILD || seen[node->service] || !plan_is_target(session->plan, node->service))
			continue;
		seen[node->service] = true;
		if (add_outline(&session->manifest->services[node->service], node->build, &out, err) < 0)
			return -1;
	}
	return output_data(out.data, out.len, err);
}

int outline_named(const struct options *options, const char **targets, size_t len, struct error **err)
{
	const struct session_plan want = { .unpublished = true };
	struct options named = *options;
	struct session session;
	int r;

	named.targets = targets;
	named.targets_len = len;
	r = session_open(&session, &named, err);
	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = outline_all(&session, err);
	session_close(&session);
	return r;
}
