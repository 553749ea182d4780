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

/* What a step makes is read after it: by whatever way an instruction comes to it, and by other steps too. */

#define HEAD "project: world\nregistry: example.org/w\nplatforms: [linux/amd64]\ntags: [\"1\"]\nservices:\n"
#define STEP                                                                                        \
	"  step:\n    build: step\n"                                                                \
	"    prepare: {run: [sh, tools/gen.sh, --config=tools/gen.conf], inputs: [\"schema/*\"],\n" \
	"              outputs: [made/file, made/tree]}\n"

static void make(const struct world *world, const char *command)
{
	cleanup_free char *line = mem_printf("cd '%s' && %s", world->dir, command);

	if (system(line) != 0)
		fail_msg("%s", line);
}

static void begin(struct world *world)
{
	world_new(world);
	world_write(world, "step/Dockerfile", "FROM scratch\nCOPY own /\n");
	make(world, "mkdir -p made/tree tools schema chain deep/er; echo 1 >step/own; echo 1 >made/file; echo 1 "
		    ">made/other\n"
		    "echo 1 >made/tree/leaf; echo 1 >tools/gen.sh; echo 1 >tools/gen.conf; echo 1 >tools/more; echo 1 "
		    ">schema/s\n"
		    "ln -s made/file l; ln -s made linked; ln -s ../made chain/one; ln -s chain a; ln -s /made/file "
		    "absolute\n"
		    "ln -s ../../deep/er/../../linked deep/er/up; ln -s round round; echo 1 >README");
}

static void expect_line(struct world *world, const char *line)
{
	cleanup_free char *plan = world_plan(world, NULL, false);

	if (!strstr(plan, line))
		fail_msg("expected \"%s\" in:\n%s", line, plan);
}

static void every_way_to_an_output_leads_through_the_step(void **state)
{
	static const char *const ways[] = {
		"COPY made /",
		"COPY made/file /",
		"COPY l /",
		"COPY linked/file /",
		"COPY linked /",
		"COPY a/one/file /",
		"COPY a/o*/f* /",
		"COPY lin*/f?le /",
		"COPY l* /",
		"COPY absolute /",
		"COPY deep/er/up/file /",
		"COPY *[e]d/file /",
		"COPY README made/tree/leaf /",
		"COPY linked/tree/leaf /",
		"COPY round /",
		"RUN --mount=type=bind,source=linked/file,target=/f true",
		"COPY --from=named file /",
	};
	static const char *const others[] = { "COPY README /", "COPY made/other /", "COPY linked/oth* /", "COPY s* /" };
	const size_t len = sizeof(ways) / sizeof(ways[0]), others_len = sizeof(others) / sizeof(others[0]);
	struct world world;

	(void)state;
	for (size_t i = 0; i < len + others_len; i++) {
		cleanup_free char *dockerfile = mem_printf("FROM scratch\n%s\n", i < len ? ways[i] : others[i - len]);
		cleanup_free char *plan = NULL, *other = NULL;
		bool through;

		begin(&world);
		world_write(&world, "services.yaml",
			    HEAD STEP "  app:\n    build: {context: ., dockerfile: D, additional_contexts: {named: "
				      "linked}}\n");
		world_write(&world, "D", dockerfile);
		world_run(&world, NULL);
		plan = world_plan(&world, NULL, false);
		assert_string_equal(plan, "");
		world_write(&world, "made/file", "2\n");
		world_write(&world, "made/tree/leaf", "2\n");
		other = world_plan(&world, NULL, false);
		through = strstr(other, "unknown build:app:linux/amd64: dependency prepare:step (stale)\n") != NULL;
		if (through != (i < len))
			fail_msg("%s:\n%s", dockerfile, other);
		world_free(&world);
	}
}

/* The context itself may be a link, and an output may be declared below one. */
static void folders_are_known_by_where_they_are(void **state)
{
	struct world world;

	(void)state;
	begin(&world);
	make(&world, "ln -s ../made deep/context; ln -s made/tree leaves");
	world_write(&world, "services.yaml",
		    HEAD STEP "  app:\n    build: {context: deep/context, dockerfile: ../D}\n"
			      "  more:\n    build: step\n"
			      "    prepare: {run: [touch, leaves/new], outputs: [leaves/new]}\n"
			      "  reader:\n    build: {context: linked, dockerfile: ../E}\n");
	world_edit(&world, "services.yaml", ", made/tree", "");
	world_write(&world, "deep/D", "FROM scratch\nCOPY file /\n");
	world_write(&world, "E", "FROM scratch\nCOPY tree/new /\n");
	world_write(&world, "made/tree/new", "1\n");
	world_run(&world, NULL);
	world_write(&world, "made/file", "2\n");
	expect_line(&world, "unknown build:app:linux/amd64: dependency prepare:step (stale)\n");
	world_write(&world, "made/tree/new", "2\n");
	expect_line(&world, "unknown build:reader:linux/amd64: dependency prepare:more (stale)\n");
	world_free(&world);
}

static void what_the_command_names_counts(void **state)
{
	cleanup_free char *plan = NULL;
	struct world world;

	(void)state;
	begin(&world);
	world_write(&world, "services.yaml", HEAD STEP);
	world_run(&world, NULL);
	world_write(&world, "tools/more", "2\n");
	plan = world_plan(&world, NULL, false);
	assert_string_equal(plan, "");
	world_write(&world, "tools/gen.sh", "2\n");
	expect_line(&world, "stale prepare:step: file tools/gen.sh (content)\n");
	world_write(&world, "tools/gen.sh", "1\n");
	world_write(&world, "tools/gen.conf", "2\n");
	expect_line(&world, "stale prepare:step: file tools/gen.conf (content)\n");
	/* What it makes itself is named often, and is no input. */
	world_edit(&world, "services.yaml", "tools/gen.sh", "made/file");
	world_run(&world, NULL);
	world_write(&world, "made/file", "2\n");
	expect_line(&world, "stale prepare:step: file made/file (changed by hand)\n");
	world_free(&world);
}

static void a_step_reads_what_another_one_makes(void **state)
{
	struct world world;

	(void)state;
	begin(&world);
	world_write(&world, "services.yaml",
		    HEAD "  second:\n    build: step\n"
			 "    prepare: {run: [sh], inputs: [\"linked/**\", README], outputs: [made/late]}\n" STEP);
	world_write(&world, "made/late", "1\n");
	world_run(&world, NULL);
	world_write(&world, "made/file", "2\n");
	expect_line(&world, "unknown prepare:second: dependency prepare:step (stale)\n");
	/* Of what has to be there, what the other step makes is no part. */
	world_edit(&world, "services.yaml", "\"linked/**\"", "made/file");
	world_run(&world, NULL);
	world_edit(&world, "services.yaml", "README", "made/f*");
	world_run(&world, NULL);
	world_edit(&world, "services.yaml", "\"schema/*\"", "made/late");
	expect_line(&world, "the `prepare` steps of step and second need each other's outputs");
	world_free(&world);
}

static void what_is_read_before_the_step_is_refused(void **state)
{
	static const struct {
		const char *outputs, *complaint;
	} cases[] = {
		{ "made/D", "the output made/D of `prepare` is, or holds, the Dockerfile of app" },
		{ "linked/D", "the output linked/D of `prepare` is, or holds, the Dockerfile of app" },
		{ "made", "the output made of `prepare` is, or holds, the Dockerfile of app" },
		{ "made/D.dockerignore", "is, or holds, the ignore file of app" },
		{ ".dockerignore", "is, or holds, the ignore file of app" },
		{ "deep", "is, or holds, a context of app" },
		{ ".env", "is, or holds, .env of the manifest: that is read before the step runs" },
		{ "made/more.yaml", "is, or holds, made/more.yaml of the manifest" },
		{ "linked/more.yaml", "is, or holds, made/more.yaml of the manifest" },
		{ "made/env", "is, or holds, an env file of app" },
		{ "linked/env", "is, or holds, an env file of app" },
	};
	struct world world;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&world);
		world_write(&world, "services.yaml",
			    HEAD STEP
			    "  app:\n    build: {context: ., dockerfile: made/D, additional_contexts: {d: "
			    "deep/er}}\n    env_file: [{path: made/env, required: false}]\ninclude: [made/more.yaml]\n");
		world_write(&world, "made/more.yaml", "services: {}\n");
		world_edit(&world, "services.yaml", "made/file, made/tree", cases[i].outputs);
		world_write(&world, "made/D", "FROM scratch\nCOPY README /\n");
		expect_line(&world, cases[i].complaint);
		expect_line(&world, "services.yaml:9:");
		world_free(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_way_to_an_output_leads_through_the_step),
		cmocka_unit_test(folders_are_known_by_where_they_are),
		cmocka_unit_test(what_the_command_names_counts),
		cmocka_unit_test(a_step_reads_what_another_one_makes),
		cmocka_unit_test(what_is_read_before_the_step_is_refused),
	};

	return cmocka_run_group_tests_name("plan_prepare", tests, NULL, NULL);
}
