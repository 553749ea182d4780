#include "config.h"

#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd/own_checks.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/fleet.h"
#include "engine/plan/plan.h"

struct own_check {
	struct diags *diags;
	uint32_t file;
	size_t found;
};

static int open_named(struct session *session, struct builder **ret, struct error **err)
{
	const struct builder_means means = { .loop = session->loop, .logins = session->logins };

	for (size_t i = 0; i < session->manifest->builders_len; i++)
		if (strcmp(session->manifest->builders[i].name.s, session->builder) == 0)
			return fleet_open_one(&session->manifest->builders[i], &means, ret, err);
	return builder_open(session->builder, &means, ret, err);
}

int own_checks_open(struct session *session, struct builder **ret, struct error **err)
{
	struct error *error = NULL;

	*ret = NULL;
	if (!session->builder)
		return 0;
	if (session_loop(session, err) < 0)
		return -1;
	if (open_named(session, ret, &error) < 0) {
		if (!session->builder_preferred || (error->cls != ERROR_TOOL && error->cls != ERROR_USAGE))
			return error_move(err, &error);
		if (!session->options->quiet)
			output_note("%s does not answer: %s", session->builder, error->message);
		error_free(error);
		return 0;
	}
	if (builder_info(*ret)->abilities & ABILITY_CHECK)
		return 0;
	builder_free(*ret);
	*ret = NULL;
	return 0;
}

/* Rules that cbuild checks itself, knowing more: which ignore file applies. */
static bool is_ours(const struct builder_finding *finding)
{
	return finding->rule && strcmp(finding->rule, "CopyIgnoredFile") == 0;
}

/* Two complaints with the same words in the same line count as one: the one with a column. */
static bool is_known(const struct own_check *asked, const struct builder_finding *finding)
{
	return finding->rule && strcmp(finding->rule, "SecretsUsedInArgOrEnv") == 0 &&
	       diags_touch(asked->diags, asked->file, finding->line, finding->last_line);
}

static void take_finding(void *data, const struct builder_finding *finding)
{
	struct own_check *asked = data;
	const struct pos pos = { .file = asked->file, .line = finding->line ? finding->line : 1, .column = 1 };

	asked->found++;
	if (is_ours(finding) || is_known(asked, finding))
		return;
	if (!finding->rule) {
		diags_add(asked->diags, pos, finding->url, "%s", finding->text);
		return;
	}
	diags_warn(asked->diags, pos, finding->url, "%s (%s)", finding->text, finding->rule);
	diags_rule(asked->diags, finding->rule);
}

int own_checks_add(struct builder *builder, struct session *session, const struct node *node, uint32_t file,
		   size_t *ret_found, struct error **err)
{
	const struct plan_build *build = node->build;
	const struct service *service = &session->manifest->services[node->service];
	cleanup_free struct build_pair *args = mem_array(build->args_len + 1, sizeof(*args));
	cleanup_free struct build_context *contexts = mem_array(build->images_len + 1, sizeof(*contexts));
	struct own_check asked = { session->diags, file, 0 };
	const struct build_job job = {
		.id = node->id,
		.context = build->contexts[0].root,
		.dockerfile = build->dockerfile,
		.text = build->text,
		.text_len = build->text_len,
		.target = service->build.target.s,
		.args = args,
		.args_len = build->args_len,
		.contexts = contexts,
		.contexts_len = build->images_len,
	};

	for (size_t i = 0; i < build->args_len; i++)
		args[i] = (struct build_pair){ build->args[i].key, build->args[i].value };
	/* The image's content does not matter: an empty folder stands in for it, so that no registry is asked. */
	for (size_t i = 0; i < build->images_len; i++)
		contexts[i] = (struct build_context){ .name = build->images[i].mention->name,
						      .value = session->manifest->dir };
	if (builder_check(builder, &job, take_finding, &asked, err) < 0)
		return -1;
	*ret_found = asked.found;
	return 0;
}
