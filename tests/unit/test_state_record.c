#include "config.h"

#include "tests/unit/state_world.h"

static void test_new(void **state)
{
	struct state *db = open_state();
	struct record *record = NULL, *records = NULL;
	char *text = (char *)1;
	size_t len = 7;

	(void)state;
	assert_false(state_repaired(db));
	ok(state_last(db, "x", &record, err));
	assert_null(record);
	ok(state_find(db, "x", KEY, &record, err));
	assert_null(record);
	ok(state_all_last(db, &records, &len, err));
	assert_int_equal(len, 0);
	records_free(records, len);
	ok(state_inputs(db, "x", &text, &len, err));
	assert_null(text);
	ok(state_log(db, "x", &text, err));
	assert_null(text);
	state_free(db);
}

static void test_put_and_find(void **state)
{
	struct record in = { .node = "build:a:linux/amd64",
			     .key = KEY,
			     .identity = "sha256:1",
			     .digest = "sha256:2",
			     .place = "store",
			     .builder = "buildah 1.28",
			     .detail = "{\"a\":1}",
			     .size = 1ull << 40,
			     .when_ms = -5,
			     .took_ms = 7 };
	struct state *db = open_state();
	struct record *out = NULL;

	(void)state;
	ok(state_put(db, &in, "inputs", 6, err));
	state_free(db);
	db = open_state();
	ok(state_find(db, in.node, KEY, &out, err));
	assert_non_null(out);
	assert_string_equal(out->node, in.node);
	assert_string_equal(out->key, KEY);
	assert_string_equal(out->identity, "sha256:1");
	assert_string_equal(out->digest, "sha256:2");
	assert_string_equal(out->place, "store");
	assert_string_equal(out->builder, "buildah 1.28");
	assert_string_equal(out->detail, "{\"a\":1}");
	assert_int_equal(out->size, 1ull << 40);
	assert_int_equal(out->when_ms, -5);
	assert_int_equal(out->took_ms, 7);
	record_free(out);
	ok(state_find(db, in.node, OTHER_KEY, &out, err));
	assert_null(out);
	state_free(db);
}

/* What is not known stays NULL. */
static void test_nulls(void **state)
{
	struct record in = { .node = "verify:a", .key = KEY };
	struct state *db = open_state();
	struct record *out = NULL;
	char *inputs = NULL;
	size_t len;

	(void)state;
	ok(state_put(db, &in, NULL, 0, err));
	ok(state_last(db, "verify:a", &out, err));
	assert_non_null(out);
	assert_null(out->identity);
	assert_null(out->digest);
	assert_null(out->place);
	assert_null(out->builder);
	assert_null(out->detail);
	record_free(out);
	ok(state_inputs(db, "verify:a", &inputs, &len, err));
	assert_non_null(inputs);
	assert_int_equal(len, 0);
	free(inputs);
	state_free(db);
}

/* The newest is the one stored last, whatever the clock said. */
static void test_latest(void **state)
{
	struct state *db = open_state();
	struct record *out = NULL, *all = NULL;
	char *inputs = NULL;
	size_t len;

	(void)state;
	put(db, "b", KEY, "first", 200);
	put(db, "b", OTHER_KEY, "second", 100);
	put(db, "a", KEY, "third", 1);
	ok(state_last(db, "b", &out, err));
	assert_string_equal(out->identity, "second");
	record_free(out);
	ok(state_inputs(db, "b", &inputs, &len, err));
	assert_string_equal(inputs, "inputs of second");
	assert_int_equal(len, strlen(inputs));
	free(inputs);
	put(db, "b", KEY, "fourth", 3);
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, 2);
	assert_string_equal(all[0].node, "a");
	assert_string_equal(all[1].node, "b");
	assert_string_equal(all[1].identity, "fourth");
	records_free(all, len);
	ok(state_find(db, "b", OTHER_KEY, &out, err));
	assert_string_equal(out->identity, "second");
	record_free(out);
	state_free(db);
}

static void test_forget(void **state)
{
	struct state *db = open_state();
	struct record *out = NULL, *all = NULL;
	char *inputs = NULL;
	size_t len;

	(void)state;
	put(db, "a", KEY, "one", 1);
	put(db, "b", KEY, "two", 1);
	ok(state_forget(db, "a", err));
	ok(state_find(db, "a", KEY, &out, err));
	assert_null(out);
	ok(state_inputs(db, "a", &inputs, &len, err));
	assert_null(inputs);
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, 1);
	records_free(all, len);
	state_free(db);
}

/* Records of a node do not grow for ever: the oldest go. */
static void test_bounded(void **state)
{
	struct state *db = open_state();
	struct record *out = NULL;
	char key[HASH_HEX + 1];

	(void)state;
	for (int i = 0; i < 80; i++) {
		snprintf(key, sizeof(key), "%032x", i);
		put(db, "a", key, key, i);
	}
	ok(state_find(db, "a", "00000000000000000000000000000000", &out, err));
	assert_null(out);
	ok(state_find(db, "a", key, &out, err));
	assert_non_null(out);
	record_free(out);
	ok(state_find(db, "a", "00000000000000000000000000000040", &out, err));
	assert_non_null(out);
	record_free(out);
	state_free(db);
}

static void test_large_inputs(void **state)
{
	size_t len = 20u << 20, found = 0;
	char *inputs = malloc(len), *out = NULL;
	struct record record = { .node = "a", .key = KEY };
	struct state *db = open_state();

	(void)state;
	memset(inputs, 0xff, len);
	inputs[5] = '\0';
	ok(state_put(db, &record, inputs, len, err));
	ok(state_inputs(db, "a", &out, &found, err));
	assert_int_equal(found, len);
	assert_memory_equal(inputs, out, len);
	free(inputs);
	free(out);
	state_free(db);
}

static void log_is(struct state *db, const char *node, const char *expected)
{
	char *log = NULL;

	ok(state_log(db, node, &log, err));
	assert_non_null(log);
	assert_string_equal(log, expected);
	free(log);
}

static void test_logs(void **state)
{
	struct state *db = open_state();
	int64_t one, two, first = 7, last = 7;

	(void)state;
	ok(state_run_range(db, &first, &last, err));
	assert_int_equal(first, 0);
	assert_int_equal(last, 0);
	ok(state_run_begin(db, "cbuild all", &(struct run_plan){ 0 }, &one, err));
	ok(state_run_node(db, one, "build:api:linux/amd64", STATE_FAILED, 1, 2, "1/amd64", err));
	ok(state_run_node(db, one, "build:api:linux/arm64", "done", 1, 2, "1/arm64", err));
	ok(state_run_node(db, one, "index:api", "skipped", 1, 2, NULL, err));
	ok(state_run_node(db, one, "build:api-2:linux/arm64", "done", 1, 2, "1/other", err));
	ok(state_run_end(db, one, 1, err));
	log_is(db, "build:api:linux/arm64", "1/arm64");
	log_is(db, "api", "1/amd64");
	ok(state_run_begin(db, "cbuild all", &(struct run_plan){ 0 }, &two, err));
	assert_true(two > one);
	ok(state_run_range(db, &first, &last, err));
	assert_int_equal(first, one);
	assert_int_equal(last, two);
	ok(state_run_node(db, two, "build:api:linux/amd64", "done", 1, 2, "2/amd64", err));
	/* It failed once, but not the last time. */
	log_is(db, "api", "2/amd64");
	log_is(db, "api-2", "1/other");
	state_free(db);
}

static void test_facts(void **state)
{
	struct state *db = open_state();
	char *value = NULL;

	(void)state;
	ok(state_fact(db, "buildah.isolation", &value, err));
	assert_null(value);
	ok(state_set_fact(db, "buildah.isolation", "oci", err));
	ok(state_set_fact(db, "buildah.isolation", "chroot", err));
	ok(state_fact(db, "buildah.isolation", &value, err));
	assert_string_equal(value, "chroot");
	free(value);
	ok(state_set_fact(db, "buildah.isolation", NULL, err));
	ok(state_fact(db, "buildah.isolation", &value, err));
	assert_null(value);
	state_free(db);
}

static void assert_machine_fact(struct state *db, const char *want)
{
	cleanup_free char *value = NULL;

	ok(state_machine_fact(db, "tool:1", &value, err));
	if (want)
		assert_string_equal(value, want);
	else
		assert_null(value);
}

/* Another project's state knows what this one found out, as long as nobody else can have written it. */
static void test_machine_facts(void **state)
{
	static const char *const changes[] = { "chmod g+w cache/cbuild/machine/*",
					       "echo tool:2 >$(echo cache/cbuild/machine/*)",
					       "f=$(echo cache/cbuild/machine/*); mv $f f; ln -s ../../../f $f",
					       "f=$(echo cache/cbuild/machine/*); rm $f; mkfifo $f", "rm -r cache" };
	cleanup_free char *cache = path_absolute("cache", NULL);
	struct state *one = open_state(), *other;

	(void)state;
	setenv("XDG_CACHE_HOME", cache, 1);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		ok(state_open("other.db", false, &other, err));
		assert_machine_fact(other, NULL);
		ok(state_set_machine_fact(one, "tool:1", "works\nhere", err));
		assert_machine_fact(other, "works\nhere");
		state_free(other);
		assert_int_equal(unlink("other.db"), 0);
		assert_int_equal(system(changes[i]), 0);
		/* Its own project still knows. */
		assert_machine_fact(one, "works\nhere");
	}
	/* Without a place it is known here alone. */
	setenv("XDG_CACHE_HOME", "/dev/null", 1);
	ok(state_set_machine_fact(one, "tool:1", "again", err));
	assert_machine_fact(one, "again");
	state_free(one);
}

/* A folder that is not there yet is made. */
static void test_folder(void **state)
{
	struct state *db = NULL;

	(void)state;
	ok(state_open("new/.cbuild/state.db", false, &db, err));
	state_free(db);
	assert_true(fs_exists("new/.cbuild/state.db"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_new),    TEST(test_put_and_find), TEST(test_nulls),         TEST(test_latest),
		TEST(test_forget), TEST(test_bounded),      TEST(test_logs),          TEST(test_large_inputs),
		TEST(test_facts),  TEST(test_folder),       TEST(test_machine_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
