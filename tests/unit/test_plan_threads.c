#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "plan_world.h"

/* What tasks read of a plan while the loop's thread goes on with it. `configure --enable-tsan` makes this test strict. */

static const char manifest[] = "project: world\n"
			       "registry: example.org/w\n"
			       "tags: [\"1\", \"2\"]\n"
			       "platforms: [linux/amd64]\n"
			       "services:\n"
			       "  app:\n"
			       "    build: app\n"
			       "    formats: {zstd: {suffix: -zstd}}\n"
			       "    verify: {run: [[./check.sh]]}\n"
			       "  step:\n"
			       "    build: step\n"
			       "    prepare: {run: [make], inputs: [\"app/*\"], outputs: [step/made, step/tree]}\n";

static void tasks_read_while_the_loop_decides(void **unused)
{
	struct world world;

	(void)unused;
	world_new(&world);
	world.revision = "1";
	world_write(&world, "services.yaml", manifest);
	world_write(&world, "app/Dockerfile", "FROM scratch\nCOPY . /\n");
	world_write(&world, "app/data", "1");
	world_write(&world, "check.sh", "#!/bin/sh\n");
	world_write(&world, "step/Dockerfile", "FROM scratch\nCOPY made tree /\n");
	world_write(&world, "step/made", "1");
	world_write(&world, "step/tree/leaf", "1");
	world_run(&world, NULL);
	world_read_at_once(&world);
	world_free(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(tasks_read_while_the_loop_decides) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
