#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/builder/step.h"
#include "engine/io/proc.h"

static bool parse(const char *line, struct progress *ret)
{
	return step_parse(line, strlen(line), ret);
}

static void steps_are_told_from_their_lines(void **state)
{
	struct progress progress;

	(void)state;
	assert_true(parse("STEP 2/5: RUN make all", &progress));
	assert_int_equal(progress.step, 2);
	assert_int_equal(progress.steps, 5);
	assert_int_equal(progress.stages, 0);
	assert_int_equal(progress.name_len, strlen("RUN make all"));
	assert_memory_equal(progress.name, "RUN make all", progress.name_len);
	assert_true(parse("[1/2] STEP 12/12: FROM scratch", &progress));
	assert_int_equal(progress.stage, 1);
	assert_int_equal(progress.stages, 2);
	assert_int_equal(progress.step, 12);
}

static void other_lines_are_no_steps(void **state)
{
	static const char *const lines[] = {
		"",
		"STEP",
		"STEP 1",
		"STEP 1/",
		"STEP 1/2",
		"STEP 3/2: x",
		"STEP 0/2: x",
		"STEP a/2: x",
		"[1/2] COMMIT",
		"[1/2]STEP 1/2: x",
		"[x] STEP 1/2: x",
		" STEP 1/2: x",
		"STEP 99999999999999999999/2: x",
		"STEP -1/2: x",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct progress progress;

		if (parse(lines[i], &progress))
			fail_msg("\"%s\" was taken for a step", lines[i]);
	}
}

static void what_is_behind_the_line_is_not_read(void **state)
{
	struct progress progress;

	(void)state;
	assert_false(step_parse("STEP 1/2: x", 6, &progress));
	assert_false(step_parse("STEP 1/2: x", 8, &progress));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_are_told_from_their_lines),
		cmocka_unit_test(other_lines_are_no_steps),
		cmocka_unit_test(what_is_behind_the_line_is_not_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
