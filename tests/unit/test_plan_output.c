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

/* Builds that make files: when they are made again, and who waits for them. */

#define HEAD "project: world\nregistry: example.org/w\nplatforms: [linux/amd64]\ntags: [\"1\"]\nservices:\n"
#define TOOL "  tool: {build: {context: tool, outputs: [{type: local, dest: bin}]}}\n"

static const char *const all[] = { NULL };

static void begin(struct world *world, const char *services)
{
	cleanup_free char *text = mem_printf(HEAD TOOL "%s", services);

	world_new(world);
	world_write(world, "services.yaml", text);
	world_write(world, "tool/Dockerfile", "FROM scratch\nCOPY src /\n");
	world_write(world, "tool/src", "1");
	world_write(world, "app/own", "1");
	world_write(world, "other", "1");
	world_write(world, "D", "FROM scratch\nCOPY bin/app /\n");
	world_write(world, "bin/app", "1");
	world_write(world, "bin/foreign", "1");
	world->written[0] = "bin/app";
}

static void expect(struct world *world, bool decided, const char *wanted)
{
	cleanup_free char *plan = world_plan(world, all, decided);

	assert_string_equal(plan, wanted);
}

static void expect_part(struct world *world, const char *part)
{
	cleanup_free char *plan = world_plan(world, all, false);

	if (!strstr(plan, part))
		fail_msg("expected \"%s\" in:\n%s", part, plan);
}

static void expect_without(struct world *world, const char *part)
{
	cleanup_free char *plan = world_plan(world, all, false);

	if (strstr(plan, part))
		fail_msg("\"%s\" in:\n%s", part, plan);
}

static void files_that_are_as_they_were_written_are_fresh(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "");
	expect(&world, false,
	       "stale build:tool:linux/amd64: new build:tool:linux/amd64\n"
	       "stale output:tool: new output:tool; dependency build:tool:linux/amd64 (stale)\n");
	world_run(&world, all);
	expect(&world, false, "");
	/* What is not of ours does not count. */
	world_write(&world, "bin/foreign", "2");
	expect(&world, false, "");
	world_write(&world, "bin/app", "2");
	expect(&world, false, "stale output:tool: file bin/app (changed by hand)\n");
	world_remove(&world, "bin/app");
	expect(&world, false, "stale output:tool: missing bin/app (deleted)\n");
	world_write(&world, "bin/app", "1");
	expect(&world, false, "");
	world_edit(&world, "services.yaml", "dest: bin", "dest: other/bin");
	expect(&world, false, "stale output:tool: option outputs[0] (local bin -> local other/bin)\n");
	world_free(&world);
}

/* The image has gone, and its files are there; it is made again when they are not. */
static void the_image_is_needed_only_to_write_files(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "");
	world_run(&world, all);
	world.missing = "build:tool:linux/amd64";
	expect(&world, false, "");
	world_remove(&world, "bin/app");
	expect(&world, false,
	       "stale build:tool:linux/amd64: missing its image (gone)\n"
	       "unknown output:tool: dependency build:tool:linux/amd64 (stale)\n");
	world_free(&world);
}

static void the_same_image_writes_nothing_again(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "");
	world.identities[0] = "build:tool:linux/amd64";
	world.identities[1] = "the same image";
	world_run(&world, all);
	world_write(&world, "tool/src", "2");
	expect(&world, true, "stale build:tool:linux/amd64: file tool/src (content)\n");
	world_free(&world);
}

static void who_names_files_waits_for_them(void **state)
{
	static const char *const waiting[] = {
		"build: {context: ., dockerfile: D}",
		"build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY bin /\\n\"}",
		"build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY other bin/a* /\\n\"}",
		"build: {context: bin, dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\"}",
		"build: {context: bin, dockerfile: ../F}",
		"build: {context: app, dockerfile: ../E, additional_contexts: {named: bin}}",
		"build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY --from=named app /\\n\", additional_contexts: {named: bin}}",
		"build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\"}",
		"needs: [tool]\n    build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\"}",
		"build: {context: ., dockerfile_inline: \"FROM scratch\\nRUN --mount=type=bind,source=bin,target=/b true\\n\"}",
	};
	static const char *const others[] = {
		"build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY other /\\n\"}",
		"build: {context: app, dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\"}",
	};
	const size_t len = sizeof(waiting) / sizeof(waiting[0]), others_len = sizeof(others) / sizeof(others[0]);

	(void)state;
	for (size_t i = 0; i < len + others_len; i++) {
		cleanup_free char *services = mem_printf("  app:\n    %s\n", i < len ? waiting[i] : others[i - len]);
		static const char *const app[] = { "app", NULL };
		cleanup_free char *plan = NULL, *first = NULL;
		struct world world;
		bool waits;

		begin(&world, services);
		world_write(&world, "E", "FROM scratch\nCOPY --from=named . /\n");
		world_write(&world, "F", "FROM scratch\nCOPY a* /\n");
		first = world_plan(&world, app, false);
		waits = strstr(first,
			       "stale build:app:linux/amd64: new build:app:linux/amd64; dependency output:tool (stale)");
		if (waits != (i < len))
			fail_msg("%s:\n%s", services, first);
		world_free(&world);
	}
}

/* All that is in the folder is copied, whoever put it there. */
static void who_reads_the_folder_sees_all_of_it(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "  app: {build: {context: ., dockerfile: D}}\n");
	world_run(&world, all);
	expect(&world, false, "");
	world_write(&world, "bin/foreign", "2");
	expect_part(&world, "stale build:app:linux/amd64: file bin (");
	world_run(&world, all);
	world_write(&world, "tool/src", "2");
	expect_part(&world, "unknown build:app:linux/amd64: dependency output:tool (unknown)\n");
	/* The same files come out. */
	{
		cleanup_free char *plan = world_plan(&world, all, true);

		assert_null(strstr(plan, "build:app"));
	}
	world_free(&world);
}

/* A context that is an output may not be there before the first run. */
static void a_context_may_be_made(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "  app: {build: {context: bin, dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\"}}\n");
	world_remove(&world, "bin");
	expect_part(&world, "stale build:app:linux/amd64: new build:app:linux/amd64; dependency output:tool (stale)\n");
	world_write(&world, "bin/app", "1");
	world_run(&world, all);
	expect(&world, false, "");
	world_write(&world, "bin/more", "1");
	expect_part(&world, "stale build:app:linux/amd64: file bin (");
	world_free(&world);
}

static void what_a_build_made_is_no_input_of_its_own(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "");
	world_write(&world, "services.yaml",
		    HEAD
		    "  tool: {build: {context: ., dockerfile_inline: \"FROM scratch\\nCOPY . /\\n\", outputs: [bin]}}\n");
	world_remove(&world, "bin");
	world.written[0] = NULL;
	world.created = "bin";
	world_run(&world, all);
	world_write(&world, "bin/app", "1");
	expect(&world, false, "");
	/* Unless an instruction names it. */
	world_edit(&world, "services.yaml", "COPY . /", "COPY bin /");
	world_run(&world, all);
	world_write(&world, "bin/app", "2");
	expect_part(&world, "stale build:tool:linux/amd64: file bin/app (content)");
	/* What was there before is an input like others. */
	world.created = NULL;
	world_edit(&world, "services.yaml", "COPY bin /", "COPY . /");
	world.force = true;
	world_run(&world, all);
	world.force = false;
	world_write(&world, "bin/app", "3");
	expect_part(&world, "stale build:tool:linux/amd64: file bin (added); file bin/app (added)");
	world_free(&world);
}

/* A folder with a Dockerfile holds sources: it counts as it is, and nobody waits for it. */
static void a_folder_of_sources_is_written_into(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "  app: {build: app}\n");
	world_write(&world, "app/Dockerfile", "FROM scratch\nCOPY own made /\n");
	world_write(&world, "app/made", "1");
	world_edit(&world, "services.yaml", "dest: bin", "dest: app");
	world.written[0] = "app/made";
	world_run(&world, all);
	expect(&world, false, "");
	expect_without(&world, "output:tool");
	world_write(&world, "app/made", "2");
	expect_part(&world, "stale output:tool: file app/made (changed by hand)\n");
	expect_part(&world, "stale build:app:linux/amd64: file app/made (content)\n");
	world_free(&world);
}

static void platforms_have_folders(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "  app: {build: {context: ., dockerfile: D}}\n");
	world_edit(&world, "services.yaml", "[linux/amd64]", "[linux/amd64, linux/arm64]");
	world_write(&world, "D", "FROM scratch\nARG TARGETARCH\nCOPY bin/linux_${TARGETARCH}/app /\n");
	world_write(&world, "bin/linux_amd64/app", "1");
	world_write(&world, "bin/linux_arm64/app", "1");
	world.written[0] = "bin/linux_amd64/app";
	world.written[1] = "bin/linux_arm64/app";
	world_run(&world, all);
	expect(&world, false, "");
	world_write(&world, "bin/linux_arm64/more", "1");
	expect_part(&world, "stale build:app:linux/arm64: file bin/linux_arm64 (");
	expect_without(&world, "build:app:linux/amd64");
	world_free(&world);
}

static void builds_that_need_each_others_files_are_refused(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "  app: {build: {context: ., dockerfile: D, outputs: [tool/made]}}\n");
	world_edit(&world, "tool/Dockerfile", "COPY src /", "COPY src made /");
	expect_part(&world, "error: builds depend on each other: ");
	world_free(&world);
}

static void nothing_else_is_made_of_it(void **state)
{
	struct world world;

	(void)state;
	begin(&world, "");
	world.revision = "1";
	expect_without(&world, "index:tool");
	expect_without(&world, "load:tool");
	expect_without(&world, "push:tool");
	world_edit(&world, "services.yaml", "{type: local, dest: bin}", "{type: local, dest: bin}, {type: image}");
	expect_part(&world, "stale output:tool: new");
	expect_part(&world, "stale push:tool: new");
	world_edit(&world, "services.yaml", "{type: local, dest: bin}, {type: image}", "{type: cacheonly}");
	expect(&world, false, "stale build:tool:linux/amd64: new build:tool:linux/amd64\n");
	world_free(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_that_are_as_they_were_written_are_fresh),
		cmocka_unit_test(the_image_is_needed_only_to_write_files),
		cmocka_unit_test(the_same_image_writes_nothing_again),
		cmocka_unit_test(who_names_files_waits_for_them),
		cmocka_unit_test(who_reads_the_folder_sees_all_of_it),
		cmocka_unit_test(a_context_may_be_made),
		cmocka_unit_test(what_a_build_made_is_no_input_of_its_own),
		cmocka_unit_test(a_folder_of_sources_is_written_into),
		cmocka_unit_test(platforms_have_folders),
		cmocka_unit_test(builds_that_need_each_others_files_are_refused),
		cmocka_unit_test(nothing_else_is_made_of_it),
	};

	return cmocka_run_group_tests_name("plan_output", tests, NULL, NULL);
}
