#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/stack/stack.h"

/* Tries that take `ms` each and all fail: when the last one counts, and how many tries that takes. */
static uint64_t own_test_simulate(const struct own_test *check, uint64_t ms, unsigned *ret_tries)
{
	uint64_t now = 0, last = 0;
	unsigned failed = 0;

	for (*ret_tries = 1; *ret_tries < 1000; (*ret_tries)++) {
		uint64_t at = now;

		now += ms;
		if (own_test_counts(check, at, last)) {
			failed++;
			last = now;
		}
		if (failed == check->retries)
			return now;
		now += own_test_pause(check, now, last);
	}
	fail_msg("it never becomes unhealthy");
	return 0;
}

static void test_unhealthy_when_docker_says_so(void **state)
{
	static const struct {
		struct own_test check;
		uint64_t ms, unhealthy;
		unsigned tries;
	} table[] = {
		/* every second from the first one, and sooner before that: 0, 0.25, 0.5, 0.75 */
		{ { .interval_ms = 1000, .retries = 3 }, 0, 3000, 7 },
		{ { .interval_ms = 1000, .retries = 1 }, 0, 1000, 5 },
		/* an interval begins when a try has ended */
		{ { .interval_ms = 1000, .retries = 3 }, 100, 3300, 6 },
		{ { .interval_ms = 2000, .start_period_ms = 6000, .start_interval_ms = 1000, .retries = 2 }, 0, 8000, 8 },
		/* docker's defaults: first after 30 s, 3 times */
		{ { .retries = 3 }, 0, 90000, 27 },
		/* a start period that is over before the first try */
		{ { .interval_ms = 3000, .start_period_ms = 10, .retries = 1 }, 0, 3000, 10 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		unsigned tries;
		uint64_t at = own_test_simulate(&table[i].check, table[i].ms, &tries);

		if (at != table[i].unhealthy || tries != table[i].tries)
			fail_msg("row %zu: after %llu ms and %u tries", i, (unsigned long long)at, tries);
	}
}

/* Soon healthy is soon seen, whatever the interval. */
static void test_eager_at_first(void **state)
{
	static const struct own_test slow = { .interval_ms = 600000, .retries = 1 };
	static const struct own_test strict = { .interval_ms = 2000, .retries = 9 };

	(void)state;
	assert_int_equal(own_test_pause(&slow, 0, 0), 250);
	assert_int_equal(own_test_pause(&slow, 8000, 0), 2000);
	assert_int_equal(own_test_pause(&slow, 599999, 0), 1);
	assert_int_equal(own_test_pause(&strict, 2000, 2000), 2000);
	assert_int_equal(own_test_pause(&strict, 90000, 90000), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unhealthy_when_docker_says_so),
		cmocka_unit_test(test_eager_at_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
