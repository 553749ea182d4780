#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/exec/sched.h"

/*
 *   0 (1) ── 2 (5) ── 4 (1)
 *   1 (9) ── 3 (1) ──┘
 */
static const size_t needs2[] = { 0 }, needs3[] = { 1 }, needs4[] = { 2, 3 };
static const struct sched_node nodes[] = {
	{ .cost = 1 }, { .cost = 9 }, { needs2, 1, 5 }, { needs3, 1, 1 }, { needs4, 2, 1 },
};
enum { NODES = sizeof(nodes) / sizeof(nodes[0]) };

static size_t next(struct sched *sched)
{
	size_t node;

	return sched_next(sched, NULL, NULL, &node) ? node : SIZE_MAX;
}

static void note_skipped(void *data, size_t node)
{
	unsigned *skipped = data;

	assert_false(*skipped & 1u << node); /* once */
	*skipped |= 1u << node;
}

static void the_longest_path_goes_first(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 1, false);

	(void)state;
	/* From 1 on: 9 + 1 + 1; from 0 on: 1 + 5 + 1. */
	assert_int_equal(next(sched), 1);
	assert_int_equal(next(sched), SIZE_MAX); /* one slot */
	sched_done(sched, 1);
	assert_int_equal(next(sched), 0);
	sched_done(sched, 0);
	assert_int_equal(next(sched), 2); /* 6 before 2 */
	sched_done(sched, 2);
	assert_int_equal(next(sched), 3);
	sched_done(sched, 3);
	assert_false(sched_finished(sched));
	assert_int_equal(next(sched), 4);
	sched_done(sched, 4);
	assert_true(sched_finished(sched));
	sched_free(sched);
}

static void slots_bound_what_runs(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 8, false);

	(void)state;
	assert_int_equal(next(sched), 1);
	assert_int_equal(next(sched), 0);
	assert_int_equal(next(sched), SIZE_MAX); /* nothing else is ready */
	assert_int_equal(sched_running(sched), 2);
	sched_done(sched, 0);
	assert_int_equal(next(sched), 2);
	sched_done(sched, 2);
	assert_int_equal(next(sched), SIZE_MAX); /* 4 needs 3 too */
	assert_int_equal(sched_state(sched, 4), SCHED_WAITING);
	sched_free(sched);
}

static void more_slots_let_more_run(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 1, false);

	(void)state;
	assert_int_equal(next(sched), 1);
	assert_int_equal(next(sched), SIZE_MAX);
	sched_widen(sched, 3);
	assert_int_equal(next(sched), 0);
	assert_int_equal(sched_slot(sched, 1), 0);
	assert_int_equal(sched_slot(sched, 0), 1);
	sched_done(sched, 1);
	assert_int_equal(sched_running(sched), 1);
	sched_free(sched);
}

static void a_failure_skips_what_needs_it_and_stops_the_rest(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 2, false);
	unsigned skipped = 0;

	(void)state;
	next(sched);
	next(sched);
	sched_failed(sched, 1, note_skipped, &skipped);
	assert_int_equal(skipped, 1u << 3 | 1u << 4);
	assert_false(sched_finished(sched)); /* 0 still runs */
	sched_done(sched, 0);
	assert_int_equal(next(sched), SIZE_MAX);
	assert_true(sched_finished(sched));
	assert_int_equal(sched_state(sched, 1), SCHED_FAILED);
	assert_int_equal(sched_state(sched, 2), SCHED_READY);
	sched_free(sched);
}

static void keep_going_does_what_does_not_need_it(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 2, true);
	unsigned skipped = 0;

	(void)state;
	next(sched);
	next(sched);
	sched_failed(sched, 1, note_skipped, &skipped);
	sched_done(sched, 0);
	assert_int_equal(next(sched), 2);
	sched_failed(sched, 2, note_skipped, &skipped); /* 4 was skipped already */
	assert_true(sched_finished(sched));
	sched_free(sched);
}

static void what_is_put_back_starts_later_or_never(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 1, true);
	size_t first = next(sched);

	(void)state;
	sched_put_back(sched, first);
	assert_int_equal(sched_running(sched), 0);
	assert_int_equal(next(sched), first);
	sched_stop(sched);
	assert_false(sched_finished(sched));
	sched_put_back(sched, first);
	assert_int_equal(next(sched), SIZE_MAX);
	assert_true(sched_finished(sched));
	sched_free(sched);
}

static void after_a_stop_nothing_starts(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 2, true);

	(void)state;
	next(sched);
	sched_stop(sched);
	assert_int_equal(next(sched), SIZE_MAX);
	assert_false(sched_finished(sched));
	sched_done(sched, 1);
	assert_true(sched_finished(sched));
	sched_free(sched);
}

static void many_ready_nodes_come_in_order_of_their_cost(void **state)
{
	struct sched_node many[200] = { 0 };
	struct sched *sched;
	uint64_t last = UINT64_MAX;

	(void)state;
	for (size_t i = 0; i < 200; i++)
		many[i].cost = i * 7919 % 200;
	sched = sched_new(many, 200, 200, false);
	for (size_t i = 0; i < 200; i++) {
		size_t node = next(sched);

		assert_true(many[node].cost <= last);
		last = many[node].cost;
	}
	sched_free(sched);
}

static void what_is_left_follows_from_costs_and_slots(void **state)
{
	struct sched *two = sched_new(nodes, NODES, 2, false), *one = sched_new(nodes, NODES, 1, false);
	uint64_t spent[NODES] = { 0 };

	(void)state;
	/* 1 takes 9; beside it 0 and 2; then 3 and 4. */
	assert_int_equal(sched_remaining(two, spent), 11);
	assert_int_equal(sched_remaining(one, spent), 1 + 9 + 5 + 1 + 1);
	next(two);
	next(two);
	sched_done(two, 0);
	spent[1] = 3;
	assert_int_equal(sched_remaining(two, spent), 8);
	spent[1] = 100; /* longer than ever: about to end */
	assert_int_equal(sched_remaining(two, spent), 6);
	assert_int_equal(next(two), 2); /* the question changed nothing */
	sched_stop(two);
	assert_int_equal(sched_remaining(two, spent), 5);
	sched_free(one);
	sched_free(two);
}

static void a_slot_is_taken_again(void **state)
{
	struct sched *sched = sched_new(nodes, NODES, 2, true);
	unsigned skipped = 0;

	(void)state;
	next(sched); /* 1 */
	next(sched); /* 0 */
	assert_int_equal(sched_slot(sched, 1), 0);
	assert_int_equal(sched_slot(sched, 0), 1);
	sched_failed(sched, 1, note_skipped, &skipped);
	sched_done(sched, 0);
	next(sched); /* 2 */
	assert_int_equal(sched_slot(sched, 2), 0);
	sched_free(sched);
}

static bool is_even(void *data, size_t node)
{
	(void)data;
	return node % 2 == 0;
}

/* A node that alone fits is taken out of the middle: the rest must still come in order. */
static void what_is_left_comes_in_order(void **state)
{
	enum { MANY = 60 };
	struct sched_node loose[MANY] = { 0 };
	uint64_t last = UINT64_MAX;
	struct sched *sched;
	size_t node;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		loose[i].cost = (i * 37 + 11) % 101;
	sched = sched_new(loose, MANY, MANY, true);
	next(sched);
	for (int i = 0; i < MANY / 4; i++) {
		assert_true(sched_next(sched, is_even, NULL, &node));
		assert_int_equal(node % 2, 0);
	}
	while ((node = next(sched)) != SIZE_MAX) {
		assert_true(loose[node].cost <= last);
		last = loose[node].cost;
	}
	sched_free(sched);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_path_goes_first),
		cmocka_unit_test(slots_bound_what_runs),
		cmocka_unit_test(more_slots_let_more_run),
		cmocka_unit_test(a_failure_skips_what_needs_it_and_stops_the_rest),
		cmocka_unit_test(keep_going_does_what_does_not_need_it),
		cmocka_unit_test(what_is_put_back_starts_later_or_never),
		cmocka_unit_test(after_a_stop_nothing_starts),
		cmocka_unit_test(what_is_left_follows_from_costs_and_slots),
		cmocka_unit_test(a_slot_is_taken_again),
		cmocka_unit_test(what_is_left_comes_in_order),
		cmocka_unit_test(many_ready_nodes_come_in_order_of_their_cost),
	};

	return cmocka_run_group_tests_name("exec_sched", tests, NULL, NULL);
}
