#include "config.h"

#include <pthread.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/diag.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "engine/exec/event.h"
#include "engine/exec/run.h"
#include "engine/io/loop.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"
#include "engine/source/context.h"
#include "engine/state/state.h"
#include "tests/unit/fake_builder.h"

/* Whole runs without builders: what is started, what becomes of it, and that a run always ends. */

#define SECONDS 60 /* that a test may take: a run that waits for ever ends the program */

static const char one_builder[] = "project: p\n";
static const char two_builders[] = "project: p\n"
				   "builders:\n"
				   "  one: {driver: docker, jobs: 1}\n"
				   "  two: {driver: docker, jobs: 1}\n";
static const char fleet_of_one[] = "project: p\n"
				   "builders: {one: {driver: docker, jobs: 1}}\n";
/* Which builds there are, and what each is FROM: the longest path goes first. */
static const struct {
	const char *name, *base;
} builds[] = { { "p1", NULL }, { "p2", "p1" }, { "p3", "p2" }, { "q1", NULL },
	       { "q2", "q1" }, { "q3", "q2" }, { "a", NULL },  { "b", "a" } };
enum { BUILDS = sizeof(builds) / sizeof(builds[0]) };

struct counts {
	size_t outcomes[OUTCOMES];
};

static void count(void *data, const struct event *event)
{
	struct counts *counts = data;

	if (event->kind == EVENT_NODE_DONE)
		counts->outcomes[event->outcome]++;
}

/* How often an engine was asked for a result while a run was going on, and on the loop's thread. */
static struct {
	pthread_t loop;
	bool running;
	size_t calls, on_loop;
} asked;

static int is_present(void *data, const struct node *node, const struct record *record, struct plan_lost *ret,
		      struct error **error)
{
	asked.calls += asked.running;
	asked.on_loop += asked.running && pthread_equal(asked.loop, pthread_self());
	(void)data;
	(void)node;
	(void)record;
	(void)ret;
	(void)error;
	return 1;
}

static void write_world(const char *builders)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%sservices:\n", builders);
	for (size_t i = 0; i < BUILDS; i++) {
		const char *name = builds[i].name, *base = builds[i].base;
		const char *dockerfile = base ? "FROM base\n" : "FROM scratch\nCOPY Dockerfile /\n";
		cleanup_free char *path = mem_printf("%s/Dockerfile", name);

		buf_printf(&text, "  %s: {publish: false, build: {context: %s", name, name);
		if (base)
			buf_printf(&text, ", additional_contexts: {base: \"service:%s\"}", base);
		buf_str(&text, "}}\n");
		ok(fs_mkdirs(name, 0755, err));
		ok(fs_replace(path, dockerfile, strlen(dockerfile), 0644, err));
	}
	ok(fs_replace("services.yaml", text.data, text.len, 0644, err));
	fake.len = 0;
	fake.silent = fake.broken = NULL;
	fake.same = false;
}

/* Plans and runs everything: the run's exit status. */
static int run(size_t jobs, bool keep_going, struct counts *counts)
{
	cleanup_free char *dir = getcwd(NULL, 0), *state_dir = mem_printf("%s/.cbuild", dir);
	cleanup_free char *manifest_path = mem_printf("%s/services.yaml", dir);
	const struct load_options load = { .path = manifest_path, .environ = (const char *const[]){ NULL } };
	const char *targets[BUILDS + 1] = { NULL };
	struct plan_options planning = { .targets = targets, .state_dir = state_dir, .present = is_present };
	const struct sink sink = { .event = count, .data = counts };
	const struct run_options options = {
		.jobs = jobs,
		.keep_going = keep_going,
		.state_dir = state_dir,
		.command = "test",
		.sink = &sink,
	};
	struct diags *diags = diags_new();
	struct manifest *manifest;
	struct layout *layout;
	struct source *source;
	struct state *state;
	struct loop *loop;
	struct plan *plan;
	int status;
	bool outdated;

	for (size_t i = 0; i < BUILDS; i++)
		targets[i] = builds[i].name;
	*counts = (struct counts){ 0 };
	platform_host(&planning.host);
	ok(fs_mkdirs(".cbuild", 0755, err));
	ok(manifest_load(&load, diags, &manifest, err));
	ok(state_open(".cbuild/state.db", false, &state, err));
	ok(layout_open(".cbuild/oci", true, &layout, err));
	ok(source_open(dir, NULL, &source, err));
	ok(loop_new(&loop, err));
	ok(plan_new(manifest, &planning, source, state, diags, &plan, err));
	asked.loop = pthread_self();
	asked.running = true;
	alarm(SECONDS);
	ok(run_plan(plan, loop, state, layout, source, &options, &status, &outdated, err));
	alarm(0);
	asked.running = false;
	plan_free(plan);
	loop_free(loop);
	source_free(source);
	layout_free(layout);
	state_free(state);
	manifest_free(manifest);
	diags_free(diags);
	return status;
}

static void everything_is_built_once(void **state UNUSED)
{
	static const size_t jobs[] = { 1, 2, 16 };
	struct counts counts;

	for (size_t i = 0; i < 2 * sizeof(jobs) / sizeof(jobs[0]); i++) {
		ok(fs_remove_tree(".cbuild", err));
		write_world(i % 2 ? two_builders : one_builder);
		assert_int_equal(run(jobs[i / 2], false, &counts), 0);
		assert_int_equal(counts.outcomes[OUTCOME_DONE], BUILDS);
		assert_int_equal(fake_count(NULL), BUILDS);
		assert_int_equal(run(jobs[i / 2], false, &counts), 0);
		assert_int_equal(fake_count(NULL), BUILDS);
	}
}

/* What comes out the same rebuilds nothing above it, and an engine that takes its time keeps no loop waiting. */
static void decisions_are_made_beside_the_loop(void **state UNUSED)
{
	static const char edited[] = "FROM scratch\nCOPY Dockerfile /\n# edited\n";
	struct counts counts;

	ok(fs_remove_tree(".cbuild", err));
	write_world(one_builder);
	fake.same = true;
	assert_int_equal(run(2, false, &counts), 0);
	ok(fs_replace("p1/Dockerfile", edited, strlen(edited), 0644, err));
	asked.calls = asked.on_loop = 0;
	assert_int_equal(run(2, false, &counts), 0);
	assert_int_equal(counts.outcomes[OUTCOME_DONE], 1);
	assert_int_equal(counts.outcomes[OUTCOME_FRESH], 2);
	assert_int_equal(asked.calls, 2);
	assert_int_equal(asked.on_loop, 0);
}

/* Its log cannot be opened: a folder is there. */
static void block_log(const char *service)
{
	cleanup_free char *path = NULL;
	char text[PLATFORM_TEXT];
	struct platform host;

	platform_host(&host);
	platform_text(&host, text);
	for (char *slash = strchr(text, '/'); slash; slash = strchr(slash, '/'))
		*slash = '-';
	path = mem_printf(".cbuild/logs/1/build-%s-%s.log", service, text);
	ok(fs_mkdirs(path, 0755, err));
}

/* Its seat is given back once. */
static void a_run_ends_although_a_node_cannot_start(void **state UNUSED)
{
	struct counts counts;

	write_world(fleet_of_one);
	block_log("p1");
	block_log("q1");
	assert_int_equal(run(4, true, &counts), ERROR_STATE);
	assert_int_equal(counts.outcomes[OUTCOME_FAILED], 2);
	assert_int_equal(counts.outcomes[OUTCOME_SKIPPED], 4);
	assert_int_equal(counts.outcomes[OUTCOME_DONE], 2);
	assert_int_equal(fake_count("one"), 2);
}

static void what_a_lost_builder_had_goes_to_another(void **state UNUSED)
{
	struct counts counts;

	write_world(two_builders);
	fake.silent = "one";
	assert_int_equal(run(4, true, &counts), 0);
	assert_int_equal(fake_count("two"), BUILDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_is_built_once),
		TEST(decisions_are_made_beside_the_loop),
		TEST(a_run_ends_although_a_node_cannot_start),
		TEST(what_a_lost_builder_had_goes_to_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
