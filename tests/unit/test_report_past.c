#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/report/html.h"
#include "cli/report/html_style.h"
#include "cli/report/past.h"
#include "cli/report/run_stats.h"
#include "engine/plan/plan_node.h"
#include "engine/state/state.h"

/* What is read out of the history. */

static char plan[] = "{\"version\":1,\"nodes\":["
		     "{\"id\":\"build:base:linux/amd64\",\"kind\":\"build\",\"service\":\"base\",\"platform\":\"linux/"
		     "amd64\","
		     "\"state\":\"fresh\",\"reasons\":[],\"needs\":[]},"
		     "{\"id\":\"build:a:linux/amd64\",\"kind\":\"build\",\"service\":\"a\",\"platform\":\"linux/"
		     "amd64\","
		     "\"state\":\"stale\",\"reasons\":[{\"kind\":\"file\",\"what\":\"a/<x>\",\"change\":\"content\"}],"
		     "\"needs\":[\"build:base:linux/amd64\"]},"
		     "{\"id\":\"build:b:linux/amd64\",\"kind\":\"build\",\"service\":\"b\",\"platform\":\"linux/"
		     "amd64\","
		     "\"state\":\"stale\",\"reasons\":[{\"kind\":\"new\",\"what\":\"\",\"change\":\"\"}],\"needs\":[]},"
		     "{\"id\":\"index:a\",\"kind\":\"index\",\"service\":\"a\",\"state\":\"unknown\",\"reasons\":[],"
		     "\"needs\":[\"build:a:linux/amd64\"]},"
		     "{\"id\":\"load:a\",\"kind\":\"load\",\"service\":\"a\",\"state\":\"unknown\",\"reasons\":[],"
		     "\"needs\":[\"build:a:linux/amd64\",\"index:a\"]},"
		     "{\"id\":\"index:b\",\"kind\":\"index\",\"service\":\"b\",\"state\":\"unknown\",\"reasons\":[],"
		     "\"needs\":[\"build:b:linux/amd64\"]}]}";

static struct run_step steps[] = {
	{ "build:b:linux/amd64", "failed", "/b.log", 1000, 50 },
	{ "build:a:linux/amd64", "done", "/a.log", 1000, 100 },
	{ "load:a", "done", "/l.log", 1100, 20 },
	{ "verify:z", "done", "/z.log", 1060, 10 },
};
enum { STEPS = sizeof(steps) / sizeof(steps[0]) };

static void a_run_is_put_together(void **state)
{
	const struct run_info run = { .begin_ms = 1000, .end_ms = 1200, .status = 1 };
	struct past past;

	(void)state;
	assert_int_equal(past_make(plan, &run, steps, STEPS, &past, NULL), 0);
	assert_int_equal(past.len, 7);
	assert_int_equal(past.took_ms, 120);
	assert_null(past.nodes[0].outcome);
	assert_string_equal(past.nodes[1].outcome, "done");
	assert_string_equal(past.nodes[1].reasons, "a/<x> changed");
	assert_string_equal(past.nodes[2].reasons, "never built");
	assert_string_equal(past.nodes[3].outcome, "not reached");
	assert_string_equal(past.nodes[5].outcome, "skipped"); /* b failed */
	assert_string_equal(past.nodes[6].service, "z");       /* the plan does not have it */
	/* Slots: b and a begin together; z takes the one that b left. */
	assert_int_equal(past.slots, 2);
	assert_int_equal(past.nodes[1].slot, 0);
	assert_int_equal(past.nodes[2].slot, 1);
	assert_int_equal(past.nodes[6].slot, 1);
	assert_int_equal(past.nodes[4].slot, 0);
	/* load ended last, and waited for a, directly and through index. */
	assert_true(past.nodes[4].critical && past.nodes[1].critical);
	assert_false(past.nodes[0].critical || past.nodes[2].critical || past.nodes[3].critical ||
		     past.nodes[6].critical);
	past_free(&past);
}

/* One slot: the long chain's second node waits for a short build that nobody of the chain needs, and that ends after it. */
static void the_critical_path_is_the_longest_chain(void **state)
{
	static struct run_step one_slot[] = {
		{ "build:a:linux/amd64", "done", "/a.log", 1010, 100 },
		{ "build:b:linux/amd64", "done", "/b.log", 1110, 30 },
		{ "index:a", "done", "/i.log", 1140, 5 },
		{ "load:a", "done", "/l.log", 1145, 5 },
		{ "index:b", "done", "/j.log", 1150, 20 },
	};
	const struct run_info run = { .begin_ms = 1000, .end_ms = 1200, .status = 0 };
	struct past past;

	(void)state;
	assert_int_equal(past_make(plan, &run, one_slot, 5, &past, NULL), 0);
	assert_true(past.nodes[1].critical && past.nodes[3].critical && past.nodes[4].critical);
	assert_false(past.nodes[2].critical || past.nodes[5].critical);
	assert_int_equal(past.critical_ms, 110);
	assert_int_equal(past.waited_ms, 30);
	past_free(&past);
}

static void without_a_plan_there_is_what_ran(void **state)
{
	const struct run_info run = { .begin_ms = 1000, .status = 0 };
	struct past past;

	(void)state;
	assert_int_equal(past_make(NULL, &run, steps, STEPS, &past, NULL), 0);
	assert_int_equal(past.len, STEPS);
	assert_string_equal(past.nodes[0].kind, "build");
	assert_string_equal(past.nodes[0].service, "b");
	assert_string_equal(past.nodes[0].platform, "linux/amd64");
	assert_null(past.nodes[2].platform);
	past_free(&past);
}

static void what_waited_in_vain_was_decided_fresh(void **state)
{
	const struct run_info run = { .begin_ms = 1000, .status = 0 };
	struct past past;

	(void)state;
	assert_int_equal(past_make(plan, &run, steps + 1, 1, &past, NULL), 0);
	assert_string_equal(past.nodes[3].outcome, "fresh");
	past_free(&past);
}

static void a_damaged_plan_is_an_error(void **state)
{
	const struct run_info run = { .begin_ms = 1000 };
	struct error *error = NULL;
	struct past past;

	(void)state;
	assert_int_equal(past_make("{\"nodes\":[", &run, steps, STEPS, &past, &error), -1);
	assert_int_equal(error->cls, ERROR_STATE);
	error_free(error);
}

static void text_cannot_leave_its_place(void **state)
{
	static const char hostile[] = "\x1b[1;31m<b>\x1b[0m&\"'\x1b]0;title\x07\n\xff";
	cleanup_buf struct buf out = { 0 };

	(void)state;
	html_output(&out, hostile, strlen(hostile));
	assert_string_equal(out.data, "&lt;b&gt;&amp;&quot;&#39;\\x1b]0;title\\x07\n\\xff");
	buf_reset(&out);
	html_text(&out, "\x1b[1m");
	assert_string_equal(out.data, "\\x1b[1m");
}

static void stats_are_counted(void **state)
{
	const struct run_info runs[] = {
		{ .begin_ms = 0, .end_ms = 30, .status = 0, .builds = 4, .built = 1 },
		{ .begin_ms = 1, .end_ms = 11, .status = 1, .builds = 4, .built = 3 },
		{ .begin_ms = 1, .end_ms = 21, .status = 130, .builds = -1, .built = 9 },
		{ .begin_ms = 1, .end_ms = 0, .status = -1, .builds = -1 },
	};
	struct run_step done[] = {
		{ .node = "x", .took_ms = 10 }, { .node = "y", .took_ms = 70 }, { .node = "x", .took_ms = 90 },
		{ .node = "x", .took_ms = 20 }, { .node = "y", .took_ms = 30 },
	};
	struct stats stats;

	(void)state;
	stats_make(runs, 4, done, 5, &stats);
	assert_int_equal(stats.runs, 4);
	assert_int_equal(stats.good, 1);
	assert_int_equal(stats.failed, 1);
	assert_int_equal(stats.interrupted, 1);
	assert_int_equal(stats.median_ms, 20);
	assert_int_equal(stats.longest_ms, 30);
	assert_int_equal(stats.builds, 8);
	assert_int_equal(stats.built, 4);
	assert_int_equal(stats.nodes_len, 2);
	assert_string_equal(stats.nodes[0].node, "y");
	assert_int_equal(stats.nodes[0].median_ms, 50);
	assert_int_equal(stats.nodes[1].median_ms, 20);
	assert_int_equal(stats.nodes[1].longest_ms, 90);
	assert_int_equal(stats.nodes[1].last_ms, 10);
	assert_int_equal(stats.nodes[1].total_ms, 120);
	stats_free(&stats);
}

static void every_kind_of_node_has_a_color(void **state)
{
	(void)state;
	for (int kind = 0; kind < NODE_KINDS; kind++) {
		cleanup_free char *rule = mem_printf(".k-%s {", node_kind_name((enum node_kind)kind));

		assert_non_null(strstr(html_style, rule));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_is_put_together),
		cmocka_unit_test(the_critical_path_is_the_longest_chain),
		cmocka_unit_test(without_a_plan_there_is_what_ran),
		cmocka_unit_test(what_waited_in_vain_was_decided_fresh),
		cmocka_unit_test(a_damaged_plan_is_an_error),
		cmocka_unit_test(text_cannot_leave_its_place),
		cmocka_unit_test(stats_are_counted),
		cmocka_unit_test(every_kind_of_node_has_a_color),
	};

	return cmocka_run_group_tests_name("report_past", tests, NULL, NULL);
}
