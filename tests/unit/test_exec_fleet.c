#include "config.h"

#include <stdio.h>

#include "dsl/manifest.h"
#include "engine/exec/fleet.h"
#include "tests/unit/fake_builder.h"

/* Which of several builders gets what. */

static struct manifest_builder specs[] = {
	{ .name = { .s = "one" }, .driver = { .s = "docker" }, .weight = 1, .jobs = 1 },
	{ .name = { .s = "two" }, .driver = { .s = "docker" }, .weight = 3, .jobs = 3 },
};
static const struct manifest manifest = { .builders = specs, .builders_len = 2 };
static struct platform host;
static const struct fleet_want want = { .platform = &host };

static void nothing_left_out(void *data, const char *name, const struct error *why)
{
	fail_msg("%s: %s (%p)", name, why->message, data);
}

static struct fleet *open_fleet(void)
{
	struct fleet *fleet;

	platform_host(&host);
	ok(fleet_open(&manifest, NULL, nothing_left_out, NULL, &fleet, err));
	return fleet;
}

static struct fleet_seat *take(struct fleet *fleet)
{
	struct fleet_seat *seat;

	ok(fleet_take(fleet, &want, &seat, err));
	return seat;
}

static void seats_are_as_many_as_the_jobs(void **state UNUSED)
{
	struct fleet *fleet = open_fleet();
	struct fleet_seat *seats[4];
	size_t ones = 0;

	for (size_t i = 0; i < 4; i++) {
		assert_true(fleet_has_room(fleet, &want));
		seats[i] = take(fleet);
		ones += strcmp(builder_info(fleet_builder(seats[i]))->name, "one") == 0;
	}
	assert_int_equal(ones, 1);
	assert_false(fleet_has_room(fleet, &want));
	for (size_t i = 0; i < 4; i++) {
		fleet_give_back(seats[i]);
		assert_true(fleet_has_room(fleet, &want));
	}
	fleet_give_back(NULL);
	fleet_free(fleet);
}

static void builds_go_by_weight(void **state UNUSED)
{
	struct fleet *fleet = open_fleet();
	size_t ones = 0;

	/* However soon each has ended. */
	for (size_t i = 0; i < 8; i++) {
		struct fleet_seat *seat = take(fleet);

		ones += strcmp(builder_info(fleet_builder(seat))->name, "one") == 0;
		fleet_give_back(seat);
	}
	assert_int_equal(ones, 2);
	fleet_free(fleet);
}

static void a_lost_builder_gets_nothing(void **state UNUSED)
{
	struct fleet *fleet = open_fleet();
	struct fleet_seat *seat = take(fleet);

	assert_true(fleet_lose(fleet, fleet_builder(seat)));
	assert_false(fleet_lose(fleet, fleet_builder(seat)));
	fleet_give_back(seat); /* also of one that is lost */
	for (size_t i = 0; i < 3; i++) {
		seat = take(fleet);
		assert_string_equal(builder_info(fleet_builder(seat))->name, "one");
		fleet_give_back(seat);
	}
	seat = take(fleet);
	fleet_lose(fleet, fleet_builder(seat));
	fleet_give_back(seat);
	assert_true(fleet_has_room(fleet, &want)); /* taking one says why there is none */
	{
		cleanup_error struct error *error = NULL;

		assert_int_equal(fleet_take(fleet, &want, &seat, &error), -1);
		assert_int_equal(error->cls, ERROR_TOOL);
	}
	fleet_free(fleet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(seats_are_as_many_as_the_jobs),
		TEST(builds_go_by_weight),
		TEST(a_lost_builder_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
