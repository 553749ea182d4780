#include "config.h"

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"
#include "engine/verify/checks.h"

/* Starts a dependency and waits for its condition. False: it failed, and that was reported. */
static bool start_dependency(struct stack *stack, const struct stack_part *part)
{
	const char *what = arena_printf(stack->arena, "depends_on %s", part->service->name.s);
	struct actor *actor = NULL;
	struct error *error = NULL;

	if (stack_start(stack, part, &actor, &error) < 0) {
		findings_error(stack->findings, what, &error);
		return false;
	}
	return stack_wait(stack, actor, part->condition, what);
}

static bool start_dependencies(struct stack *stack, const struct verify_job *job)
{
	struct error *error = NULL;

	if (job->dependencies_len == 0)
		return true;
	if (runtime_network(job->runtime, &stack->network, job->output, &error) < 0) {
		findings_error(stack->findings, NULL, &error);
		return false;
	}
	for (size_t i = 0; i < job->dependencies_len; i++) {
		if (!start_dependency(stack, &job->dependencies[i]))
			return false;
	}
	return true;
}

static void play_play(struct stack *stack, const struct verify_job *job)
{
	const struct verify_member *member = &job->members[job->host];
	const struct stack_part part = { job->service, DEPENDS_STARTED, member->identity, member->digest };
	struct error *error = NULL;
	struct actor *actor = NULL;

	if (!start_dependencies(stack, job))
		return;
	if (stack_start(stack, &part, &actor, &error) < 0)
		findings_error(stack->findings, NULL, &error);
	else
		health_check(stack, actor, "");
}

void play_check(const struct verify_job *job, struct findings *findings)
{
	struct stack stack = {
		.loop = job->loop,
		.layout = job->layout,
		.runtime = job->runtime,
		.manifest = job->manifest,
		.output = job->output,
		.findings = findings,
	};

	stack_open(&stack, job->dependencies_len + 1);
	play_play(&stack, job);
	stack_clear(&stack);
}
