#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "plan_world.h"

/* What a base does when something is built on it is read from files and arguments that no Dockerfile here names. */

#define BUILD "build:app:linux/amd64"

static const char manifest[] =
	"project: world\nregistry: example.org/w\nplatforms: [linux/amd64]\ntags: [\"1\"]\nservices:\n"
	"  app:\n"
	"    build:\n"
	"      context: app\n"
	"      args: {Z: one, Y: one}\n"
	"      additional_contexts: {extra: extra, tool: \"service:tool\"}\n"
	"  tool:\n    publish: false\n    build: tool\n";

static const char onbuild[] = "ARG Z\nCOPY payload /p\nCOPY --from=extra data /d\nCOPY --from=tool t /t\n";

static int set_up(void **state)
{
	struct world *world = mem_alloc(sizeof(*world));

	world_new(world);
	world_write(world, "services.yaml", manifest);
	world_write(world, "app/Dockerfile", "FROM example.org/on:1\nCOPY own /\n");
	world_write(world, "app/own", "1\n");
	world_write(world, "app/payload", "1\n");
	world_write(world, "app/more", "1\n");
	world_write(world, "extra/data", "1\n");
	world_write(world, "extra/more", "1\n");
	world_write(world, "tool/Dockerfile", "FROM scratch\nCOPY t /\n");
	world_write(world, "tool/t", "1\n");
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	world_free(*state);
	free(*state);
	return 0;
}

static bool plan_has(struct world *world, const char *text)
{
	cleanup_free char *plan = world_plan(world, NULL, false);

	return strstr(plan, text) != NULL;
}

static void expect_fresh(struct world *world)
{
	cleanup_free char *plan = world_plan(world, NULL, false);

	assert_string_equal(plan, "");
}

/* `stale` of the app is seen after the edit, or with NULL nothing is; then it is taken back. */
static void edit(struct world *world, const char *file, const char *from, const char *to, const char *stale)
{
	world_edit(world, file, from, to);
	if (!stale)
		expect_fresh(world);
	else if (!plan_has(world, stale))
		fail_msg("%s: no \"%s\" in %s", file, stale, world_plan(world, NULL, false));
	world_edit(world, file, to, from);
}

static void expect_all(struct world *world)
{
	expect_fresh(world);
	edit(world, "app/own", "1", "2", "stale " BUILD ": file app/own (content)\n");
	edit(world, "app/payload", "1", "2", "stale " BUILD ": file app/payload (content)\n");
	edit(world, "extra/data", "1", "2", "stale " BUILD ": file extra/data (content)\n");
	edit(world, "services.yaml", "Z: one", "Z: two", "stale " BUILD ": arg Z (one -> two)\n");
	edit(world, "tool/t", "1", "2", "unknown " BUILD ": dependency build:tool:linux/amd64 (stale)\n");
	/* And no more than that. */
	edit(world, "app/more", "1", "2", NULL);
	edit(world, "extra/more", "1", "2", NULL);
	edit(world, "services.yaml", "Y: one", "Y: two", NULL);
}

static void what_was_asked_counts_and_is_remembered(void **state)
{
	struct world *world = *state;

	world->asked = onbuild;
	world_run(world, NULL);
	expect_all(world);
	/* The next run asks nobody. */
	world->asked = NULL;
	expect_all(world);
	/* Its tag has moved, and it does something else now. */
	world->asked = "COPY more /\n";
	assert_true(plan_has(world, "base ONBUILD of example.org/on:1 (linux/amd64) ("));
}

static void what_the_lock_says_counts(void **state)
{
	struct world *world = *state;

	world_write(world, "services.lock",
		    "version 2\n"
		    "example.org/on:1 sha256:1111111111111111111111111111111111111111111111111111111111111111\n"
		    "  linux/amd64 sha256:2222222222222222222222222222222222222222222222222222222222222222\n"
		    "    onbuild ARG Z\n    onbuild COPY payload /p\n    onbuild COPY --from=extra data /d\n"
		    "    onbuild COPY --from=tool t /t\n");
	world_run(world, NULL);
	expect_all(world);
	world_edit(world, "services.lock", "    onbuild ARG Z\n", "");
	assert_true(plan_has(world, "stale " BUILD ": base ONBUILD of example.org/on:1 (linux/amd64) (ARG Z"));
}

static void a_base_of_ours_counts_in_the_same_way(void **state)
{
	struct world *world = *state;

	world_edit(world, "services.yaml", "  tool:\n",
		   "  on:\n    publish: false\n    image: \"example.org/on:1\"\n"
		   "    build: on\n  tool:\n");
	world_write(world, "on/Dockerfile",
		    "FROM scratch AS other\nONBUILD COPY more /\nFROM scratch\nONBUILD ARG Z\nONBUILD COPY payload /p\n"
		    "ONBUILD COPY --from=extra data /d\nONBUILD COPY --from=tool t /t\n");
	world_run(world, NULL);
	expect_all(world);
}

static void what_cannot_be_told_widens(void **state)
{
	struct world *world = *state;

	world->asked = "?\n";
	world_run(world, NULL);
	world->asked = NULL;
	expect_fresh(world);
	edit(world, "app/more", "1", "2", "stale " BUILD ": file app/more (content)\n");
	edit(world, "extra/more", "1", "2", "stale " BUILD ": file extra/more (content)\n");
	edit(world, "services.yaml", "Y: one", "Y: two", "stale " BUILD ": arg Y (one -> two)\n");
}

/* The base's ENV says which file is copied: `app/payload`. */
static void env_edits(struct world *world)
{
	expect_fresh(world);
	edit(world, "app/payload", "1", "2", "stale " BUILD ": file app/payload (content)\n");
	edit(world, "app/own", "1", "2", NULL);
	edit(world, "app/more", "1", "2", NULL);
}

static void a_variable_of_the_base_is_asked_for_and_remembered(void **state)
{
	struct world *world = *state;

	world_write(world, "app/Dockerfile", "FROM example.org/on:1\nCOPY x/$W /\n");
	/* Only the builder knows it. */
	world_run(world, NULL);
	edit(world, "app/more", "1", "2", "stale " BUILD ": file app/more (content)\n");
	world->asked = "";
	world->asked_env = "PATH=/bin\nW=../payload\nX=1\n";
	world_run(world, NULL);
	env_edits(world);
	/* The next run asks nobody. */
	world->asked = NULL;
	env_edits(world);
	/* It has another value now. */
	world->asked = "";
	world->asked_env = "W=../more\n";
	assert_true(plan_has(world, "app/more"));
	world->asked_env = "W\n";
	world_run(world, NULL);
	edit(world, "app/own", "1", "2", "stale " BUILD ": file app/own (content)\n");
}

static void what_no_base_has_is_remembered(void **state)
{
	struct world *world = *state;

	world_write(world, "app/Dockerfile", "FROM example.org/on:1\nCOPY payload$W /\n");
	world->asked = world->asked_env = "";
	world_run(world, NULL);
	world->asked = NULL;
	env_edits(world);
}

static void the_lock_has_the_variables(void **state)
{
	struct world *world = *state;

	world_write(world, "app/Dockerfile", "FROM example.org/on:1\nCOPY x/$W /\n");
	world_write(world, "services.lock",
		    "version 4\n"
		    "example.org/on:1 sha256:1111111111111111111111111111111111111111111111111111111111111111\n"
		    "  linux/amd64 sha256:2222222222222222222222222222222222222222222222222222222222222222\n"
		    "    onbuild none\n    env PATH=/bin\n    env W=../payload\n");
	world_run(world, NULL);
	env_edits(world);
	world_edit(world, "services.lock", "W=../payload", "W=../more");
	assert_true(plan_has(world, "app/more"));
}

/* The base of a base has it, or the base's own Dockerfile. */
static void variables_come_through_bases_of_ours(void **state)
{
	struct world *world = *state;

	world_edit(world, "services.yaml", "  tool:\n",
		   "  on:\n    publish: false\n    image: \"example.org/on:1\"\n"
		   "    build: on\n  tool:\n");
	world_write(world, "on/Dockerfile", "FROM example.org/far:1\nENV V=pay\n");
	world_write(world, "app/Dockerfile", "FROM example.org/on:1\nCOPY $V$W /\n");
	world->asked = "";
	world->asked_env = "W=load\nV=other\n";
	world_run(world, NULL);
	env_edits(world);
	world->asked = NULL;
	env_edits(world);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(what_was_asked_counts_and_is_remembered),
		CASE(what_the_lock_says_counts),
		CASE(a_base_of_ours_counts_in_the_same_way),
		CASE(what_cannot_be_told_widens),
		CASE(a_variable_of_the_base_is_asked_for_and_remembered),
		CASE(what_no_base_has_is_remembered),
		CASE(the_lock_has_the_variables),
		CASE(variables_come_through_bases_of_ours),
	};

	return cmocka_run_group_tests_name("plan_onbuild", tests, NULL, NULL);
}
