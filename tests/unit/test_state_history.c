#include "config.h"

#include "base/fs.h"
#include "engine/state/db.h"
#include "tests/unit/state_world.h"

/* Runs in the history; and a database of the version before. */

static void runs_are_read_newest_first(void **state)
{
	const struct run_plan plan = { .nodes = 5, .builds = 2, .text = "{\"nodes\":[]}" };
	struct state *db = open_state();
	struct run_info *runs = NULL;
	struct run_step *steps = NULL;
	int64_t one, two;
	size_t len = 0;
	char *text = NULL;

	(void)state;
	ok(state_runs(db, 0, 10, &runs, &len, err));
	assert_int_equal(len, 0);
	runs_free(runs, len);
	ok(state_run_begin(db, "first", &plan, &one, err));
	ok(state_run_node(db, one, "build:a:linux/amd64", "done", 1000, 20, "log a", err));
	ok(state_run_node(db, one, "index:a", "done", 1020, 1, "log i", err));
	ok(state_run_node(db, one, "build:b:linux/amd64", "failed", 1001, 30, "log b", err));
	ok(state_run_node(db, one, "index:b", "skipped", 0, 0, NULL, err));
	ok(state_run_end(db, one, 1, err));
	ok(state_run_begin(db, "second", &(struct run_plan){ .nodes = 1 }, &two, err));

	ok(state_runs(db, 0, 10, &runs, &len, err));
	assert_int_equal(len, 2);
	assert_int_equal(runs[0].id, two);
	assert_int_equal(runs[0].status, -1);
	assert_int_equal(runs[0].end_ms, 0);
	assert_string_equal(runs[1].command, "first");
	assert_int_equal(runs[1].status, 1);
	assert_true(runs[1].end_ms >= runs[1].begin_ms);
	assert_int_equal(runs[1].nodes, 5);
	assert_int_equal(runs[1].builds, 2);
	assert_int_equal(runs[1].done, 2);
	assert_int_equal(runs[1].built, 1);
	assert_int_equal(runs[1].failed, 1);
	runs_free(runs, len);
	ok(state_runs(db, one, 10, &runs, &len, err));
	assert_int_equal(len, 1);
	assert_int_equal(runs[0].id, one);
	runs_free(runs, len);
	ok(state_runs(db, 0, 1, &runs, &len, err));
	assert_int_equal(len, 1);
	runs_free(runs, len);

	ok(state_steps(db, one, &steps, &len, err));
	assert_int_equal(len, 4);
	assert_string_equal(steps[2].node, "build:b:linux/amd64");
	assert_string_equal(steps[2].log, "log b");
	assert_int_equal(steps[2].start_ms, 1001);
	assert_int_equal(steps[2].took_ms, 30);
	assert_null(steps[3].log);
	steps_free(steps, len);
	ok(state_steps(db, 0, &steps, &len, err));
	assert_int_equal(len, 2);
	assert_string_equal(steps[0].node, "index:a");
	steps_free(steps, len);

	ok(state_run_plan(db, one, &text, err));
	assert_string_equal(text, "{\"nodes\":[]}");
	free(text);
	ok(state_run_plan(db, 77, &text, err));
	assert_null(text);
	state_free(db);
}

static void only_the_last_plans_are_kept_whole(void **state)
{
	const struct run_plan plan = { .nodes = 5, .builds = 2, .text = "{}" };
	struct state *db = open_state();
	struct run_info *runs = NULL;
	int64_t run;
	size_t len;
	char *text = NULL;

	(void)state;
	for (int i = 0; i < 102; i++)
		ok(state_run_begin(db, "x", &plan, &run, err));
	ok(state_run_plan(db, 2, &text, err));
	assert_null(text);
	ok(state_run_plan(db, 3, &text, err));
	assert_non_null(text);
	free(text);
	ok(state_runs(db, 2, 1, &runs, &len, err));
	assert_int_equal(runs[0].nodes, 5); /* the numbers stay */
	runs_free(runs, len);
	state_free(db);
}

/* As version 1 made it. */
static const char old_schema[] =
	"CREATE TABLE format(version INTEGER NOT NULL) STRICT;"
	"INSERT INTO format VALUES(1);"
	"CREATE TABLE record(id INTEGER PRIMARY KEY, node TEXT NOT NULL, key TEXT NOT NULL, identity TEXT,"
	" digest TEXT, place TEXT, builder TEXT, detail TEXT, size INTEGER NOT NULL, when_ms INTEGER NOT NULL,"
	" took_ms INTEGER NOT NULL, sum TEXT NOT NULL, UNIQUE(node, key)) STRICT;"
	"CREATE TABLE latest(node TEXT PRIMARY KEY, record INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE inputs(node TEXT PRIMARY KEY, content BLOB NOT NULL, sum TEXT NOT NULL) STRICT;"
	"CREATE TABLE run(id INTEGER PRIMARY KEY, command TEXT, begin_ms INTEGER NOT NULL, end_ms INTEGER,"
	" status INTEGER) STRICT;"
	"CREATE TABLE run_node(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, node TEXT NOT NULL, service TEXT NOT NULL,"
	" outcome TEXT, start_ms INTEGER NOT NULL, took_ms INTEGER NOT NULL, log TEXT) STRICT;"
	"CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID;"
	"INSERT INTO run VALUES(1, 'old', 1, 2, 0);"
	"INSERT INTO run_node VALUES(1, 1, 'build:a:linux/amd64', 'a', 'done', 1, 2, 'log');"
	"INSERT INTO fact VALUES('known', 'yes')";

static void make_old(void)
{
	const struct db_format format = { .application_id = 0x6362756c, .version = 1, .schema = old_schema };
	struct db *db = NULL;

	ok(db_open("state.db", false, &format, &db, err));
	db_free(db);
}

static void check_old(struct state *db)
{
	struct run_info *runs = NULL;
	size_t len = 0;
	char *value = NULL;

	ok(state_fact(db, "known", &value, err));
	assert_string_equal(value, "yes");
	free(value);
	ok(state_runs(db, 1, 1, &runs, &len, err));
	assert_int_equal(len, 1);
	assert_string_equal(runs[0].command, "old");
	assert_int_equal(runs[0].built, 1);
	assert_int_equal(runs[0].nodes, -1);
	runs_free(runs, len);
	ok(state_run_plan(db, 1, &value, err));
	assert_null(value);
}

static void a_version_before_is_read_as_it_is(void **state)
{
	cleanup_buf struct buf before = { 0 }, after = { 0 };
	struct state *db = NULL;

	(void)state;
	make_old();
	ok(fs_read("state.db", 1 << 20, &before, err));
	ok(state_open("state.db", true, &db, err));
	check_old(db);
	state_free(db);
	ok(fs_read("state.db", 1 << 20, &after, err));
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
}

static void a_version_before_is_brought_up_for_writing(void **state)
{
	struct state *db = NULL, *again = NULL;
	struct run_info *runs = NULL;
	int64_t run;
	size_t len;

	(void)state;
	make_old();
	ok(state_open("state.db", true, &db, err));
	ok(state_allow_writing(db, err));
	check_old(db);
	assert_false(state_repaired(db));
	ok(state_run_begin(db, "new", &(struct run_plan){ .nodes = 3 }, &run, err));
	assert_int_equal(run, 2);
	state_free(db);
	again = open_state();
	check_old(again);
	ok(state_runs(again, 2, 1, &runs, &len, err));
	assert_int_equal(runs[0].nodes, 3);
	runs_free(runs, len);
	state_free(again);
	assert_false(fs_exists("state.db.damaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_are_read_newest_first),
		TEST(only_the_last_plans_are_kept_whole),
		TEST(a_version_before_is_read_as_it_is),
		TEST(a_version_before_is_brought_up_for_writing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
