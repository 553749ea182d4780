#include "config.h"

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"
#include "engine/verify/checks.h"

/* The last part is the service itself. */
struct play {
	struct stack stack;
	const struct verify_job *job;
	struct stack_part *parts;
};

static bool is_itself(const struct play *play, const struct actor *actor)
{
	return actor->part == &play->parts[play->job->dependencies_len];
}

/* What precedes a failure's text. */
static const char *play_what(const struct play *play, struct actor *actor)
{
	return is_itself(play, actor) ? "" : arena_printf(actor->arena, "depends_on %s", actor->name);
}

static bool play_begin(void *data, struct actor *actor)
{
	struct play *play = data;
	struct error *error = NULL;

	if (stack_start(&play->stack, actor, &error) == 0)
		return true;
	stack_report(&play->stack, play_what(play, actor), &error);
	return false;
}

static bool play_wait(void *data, struct actor *actor)
{
	struct play *play = data;

	return is_itself(play, actor) ? health_check(&play->stack, actor, "")
				      : stack_wait(&play->stack, actor, actor->part->condition, play_what(play, actor));
}

void play_check(const struct verify_job *job, struct findings *findings)
{
	const struct verify_member *member = &job->members[job->host];
	cleanup_free struct stack_part *parts = mem_array(job->dependencies_len + 1, sizeof(*parts));
	struct play play = {
		.stack = {
			.loop = job->loop,
			.layout = job->layout,
			.runtime = job->runtime,
			.manifest = job->manifest,
			.output = job->output,
			.findings = findings,
		},
		.job = job,
		.parts = parts,
	};
	const struct stack_begin how = { play_begin, play_wait, &play };
	struct error *error = NULL;

	for (size_t i = 0; i < job->dependencies_len; i++)
		parts[i] = job->dependencies[i];
	parts[job->dependencies_len] =
		(struct stack_part){ job->service, DEPENDS_STARTED, member->identity, member->digest };
	stack_open(&play.stack, parts, job->dependencies_len + 1);
	if (job->dependencies_len > 0 && runtime_network(job->runtime, &play.stack.network, job->output, &error) < 0)
		findings_error(findings, NULL, &error);
	else
		stack_begin(&play.stack, &how);
	stack_clear(&play.stack);
}
