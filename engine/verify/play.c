#include "config.h"

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/stage/findings.h"
#include "engine/stage/stage.h"
#include "engine/runtime/runtime.h"
#include "engine/verify/checks.h"

/* Starts a dependency and waits for its condition. False: it failed, and that is reported. */
static bool start_dependency(struct stage *stage, const struct stage_part *part)
{
	const char *what = arena_printf(stage->arena, "depends_on %s", part->service->name.s);
	struct actor *actor = NULL;
	struct error *error = NULL;

	if (stage_start(stage, part, &actor, &error) < 0) {
		findings_error(stage->findings, what, &error);
		return false;
	}
	return stage_wait(stage, actor, part->condition, what);
}

static bool start_dependencies(struct stage *stage, const struct verify_job *job)
{
	struct error *error = NULL;

	if (job->dependencies_len == 0)
		return true;
	if (runtime_network(job->runtime, &stage->network, job->output, &error) < 0) {
		findings_error(stage->findings, NULL, &error);
		return false;
	}
	for (size_t i = 0; i < job->dependencies_len; i++) {
		if (!start_dependency(stage, &job->dependencies[i]))
			return false;
	}
	return true;
}

static void play_play(struct stage *stage, const struct verify_job *job)
{
	const struct verify_member *member = &job->members[job->host];
	const struct stage_part part = { job->service, DEPENDS_STARTED, member->identity, member->digest };
	struct error *error = NULL;
	struct actor *actor = NULL;

	if (!start_dependencies(stage, job))
		return;
	if (stage_start(stage, &part, &actor, &error) < 0)
		findings_error(stage->findings, NULL, &error);
	else
		health_check(stage, actor, "");
}

void play_check(const struct verify_job *job, struct findings *findings)
{
	struct stage stage = {
		.loop = job->loop,
		.layout = job->layout,
		.runtime = job->runtime,
		.manifest = job->manifest,
		.output = job->output,
		.findings = findings,
	};

	stage_open(&stage, job->dependencies_len + 1);
	play_play(&stage, job);
	stage_clear(&stage);
}
