#include "config.h"

#include "tests/unit/state_world.h"

#include <fcntl.h>

#include "engine/state/db.h"

#define NODES 40
#define APPLICATION_ID 0x6362756cu /* as in state.c */

static char *node_name(int i)
{
	return mem_printf("build:service-%d:linux/amd64", i);
}

/* A database with something on every kind of page. */
static void make_database(struct buf *bytes)
{
	struct state *db = open_state();
	int64_t run;

	ok(state_run_begin(db, "cbuild", &(struct run_plan){ 0 }, &run, err));
	for (int i = 0; i < NODES; i++) {
		cleanup_free char *node = node_name(i);

		put(db, node, KEY, node, i);
		put(db, node, OTHER_KEY, node, i);
		ok(state_run_node(db, run, node, "done", 1, 2, "log", err));
	}
	ok(state_set_fact(db, "fact", "value", err));
	ok(state_run_end(db, run, 0, err));
	state_free(db);
	ok(fs_read("state.db", 1 << 26, bytes, err));
}

static void write_database(const char *data, size_t len)
{
	int fd = open("state.db", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	unlink("state.db-journal");
	assert_true(fd >= 0);
	ok(fs_write_all(fd, data, len, "state.db", err));
	close(fd);
}

/* Whatever the file is: reading gives records that were written or none, writing works, and what was written
 * is there. Returns the number of records found first. */
static size_t use(const char *what)
{
	struct state *db = NULL;
	struct record *all = NULL, *one = NULL;
	cleanup_error struct error *error = NULL;
	cleanup_free char *inputs = NULL;
	cleanup_free char *log = NULL;
	cleanup_free char *fact = NULL;
	size_t found = 0, len = 0;
	int64_t run;

	if (state_open("state.db", false, &db, &error) < 0 || state_all_last(db, &all, &found, &error) < 0)
		fail_msg("%s: %s", what, error->message);
	for (size_t i = 0; i < found; i++) {
		assert_string_equal(all[i].identity, all[i].node);
		assert_true(strcmp(all[i].key, KEY) == 0 || strcmp(all[i].key, OTHER_KEY) == 0);
	}
	records_free(all, found);
	if (state_inputs(db, "build:service-7:linux/amd64", &inputs, &len, &error) < 0 ||
	    state_log(db, "service-3", &log, &error) < 0 || state_fact(db, "fact", &fact, &error) < 0 ||
	    state_run_begin(db, "cbuild", &(struct run_plan){ 0 }, &run, &error) < 0 ||
	    state_run_node(db, run, "build:new:linux/amd64", "done", 1, 2, "log", &error) < 0)
		fail_msg("%s: %s", what, error->message);
	if (inputs)
		assert_string_equal(inputs, "inputs of build:service-7:linux/amd64");
	put(db, "new", KEY, "new", 1);
	put(db, "build:service-1:linux/amd64", KEY, "build:service-1:linux/amd64", 1);
	ok(state_last(db, "new", &one, err));
	if (!one)
		fail_msg("%s: what was put is not there", what);
	record_free(one);
	state_free(db);
	return found;
}

static void test_flips(void **state)
{
	cleanup_buf struct buf good = { 0 };
	cleanup_buf struct buf bad = { 0 };
	size_t whole = 0, lost = 0;

	(void)state;
	make_database(&good);
	/* The header byte by byte, the rest in steps that meet every page at different places. */
	for (size_t at = 0; at < good.len; at += at < 100 ? 1 : 613) {
		cleanup_free char *what = mem_printf("byte %zu flipped", at);
		size_t found;

		buf_reset(&bad);
		buf_add(&bad, good.data, good.len);
		bad.data[at] = (char)~bad.data[at];
		write_database(bad.data, bad.len);
		found = use(what);
		assert_true(found <= NODES);
		*(found == NODES ? &whole : &lost) += 1;
	}
	assert_true(whole > 0);
	assert_true(lost > 0);
}

static void test_truncated(void **state)
{
	cleanup_buf struct buf good = { 0 };

	(void)state;
	make_database(&good);
	for (size_t len = 0; len < good.len; len += 2003) {
		cleanup_free char *what = mem_printf("cut to %zu bytes", len);

		write_database(good.data, len);
		use(what);
	}
	assert_true(fs_exists("state.db.damaged"));
}

/* A page that never reached the disk, or one of garbage. */
static void test_torn(void **state)
{
	cleanup_buf struct buf good = { 0 };
	cleanup_buf struct buf bad = { 0 };

	(void)state;
	make_database(&good);
	for (size_t at = 0; at + 4096 <= good.len; at += 4096) {
		cleanup_free char *what = mem_printf("page at %zu", at);

		buf_reset(&bad);
		buf_add(&bad, good.data, good.len);
		memset(bad.data + at, 0, 4096);
		write_database(bad.data, bad.len);
		use(what);
		memset(bad.data + at, 0xa5, 4096);
		write_database(bad.data, bad.len);
		use(what);
	}
}

static void test_put_aside(void **state)
{
	cleanup_buf struct buf aside = { 0 };
	struct state *db = NULL;
	struct record *all;
	size_t len;

	(void)state;
	write_database(
		"this is no database, and longer than a header has to be, so that it is looked at: ................................................",
		120);
	db = open_state();
	assert_true(state_repaired(db));
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, 0);
	state_free(db);
	ok(fs_read("state.db.damaged", 4096, &aside, err));
	assert_memory_equal(aside.data, "this is no database", 19);
	db = open_state();
	assert_false(state_repaired(db));
	state_free(db);
}

/* A record of which one letter changed on the disk is none; the others stay. */
static void test_changed_record(void **state)
{
	cleanup_buf struct buf bytes = { 0 };
	struct state *db = NULL;
	struct record *record = NULL;
	char *at;

	(void)state;
	db = open_state();
	put(db, "a", KEY, "find-me", 1);
	put(db, "b", KEY, "me-too", 1);
	state_free(db);
	ok(fs_read("state.db", 1 << 26, &bytes, err));
	at = memmem(bytes.data, bytes.len, "find-me", 7);
	assert_non_null(at);
	*at = 'k';
	/* The word is also in the inputs, on another page. */
	write_database(bytes.data, bytes.len);
	db = open_state();
	ok(state_last(db, "b", &record, err));
	assert_non_null(record);
	record_free(record);
	ok(state_last(db, "a", &record, err));
	if (record)
		assert_string_equal(record->identity, "find-me");
	record_free(record);
	state_free(db);
}

/* The damage shows only after the database was opened. */
static void test_damaged_while_open(void **state)
{
	cleanup_buf struct buf bytes = { 0 };
	struct state *db = NULL;
	struct record *record = NULL;

	(void)state;
	make_database(&bytes);
	db = open_state();
	ok(state_last(db, "build:service-1:linux/amd64", &record, err));
	record_free(record);
	assert_false(state_repaired(db));
	memset(bytes.data, 'x', bytes.len);
	write_database(bytes.data, bytes.len);
	put(db, "new", KEY, "new", 1);
	assert_true(state_repaired(db));
	ok(state_last(db, "new", &record, err));
	assert_non_null(record);
	record_free(record);
	state_free(db);
	assert_true(fs_exists("state.db.damaged"));
}

/* Another process has put it aside already: what is there now is good and stays. */
static void test_repaired_by_another(void **state)
{
	cleanup_buf struct buf bytes = { 0 };
	struct state *one = NULL, *two = NULL;
	struct record *record = NULL;

	(void)state;
	make_database(&bytes);
	one = open_state();
	assert_int_equal(rename("state.db", "state.db.damaged"), 0);
	two = open_state();
	put(two, "from two", KEY, "two", 1);
	put(one, "from one", KEY, "one", 1);
	ok(state_last(two, "from one", &record, err));
	assert_non_null(record);
	record_free(record);
	ok(state_last(one, "from two", &record, err));
	assert_non_null(record);
	record_free(record);
	state_free(one);
	state_free(two);
}

static void test_removed_while_open(void **state)
{
	struct state *db = open_state();
	struct record *record = NULL;

	(void)state;
	put(db, "a", KEY, "one", 1);
	assert_int_equal(unlink("state.db"), 0);
	put(db, "b", KEY, "two", 1);
	state_free(db);
	db = open_state();
	ok(state_last(db, "b", &record, err));
	assert_non_null(record);
	record_free(record);
	state_free(db);
}

static void test_newer_version(void **state)
{
	const struct db_format newer = {
		.application_id = APPLICATION_ID,
		.version = 3,
		.schema = "CREATE TABLE format(version INTEGER NOT NULL); INSERT INTO format VALUES(3)"
	};
	cleanup_buf struct buf before = { 0 };
	cleanup_buf struct buf after = { 0 };
	struct db *future = NULL;
	struct state *db = NULL;

	(void)state;
	ok(db_open("state.db", false, &newer, &future, err));
	db_free(future);
	ok(fs_read("state.db", 1 << 20, &before, err));
	refused(state_open("state.db", false, &db, err), "newer version");
	refused(state_open("state.db", true, &db, err), "newer version");
	ok(fs_read("state.db", 1 << 20, &after, err));
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, after.len);
	assert_false(fs_exists("state.db.damaged"));
}

/* Somebody else's database is not ours to use. */
static void test_foreign(void **state)
{
	const struct db_format foreign = { .application_id = 0x12345678,
					   .version = 1,
					   .schema = "CREATE TABLE format(version); CREATE TABLE t(a)" };
	struct db *other = NULL;
	struct state *db = NULL;

	(void)state;
	ok(db_open("state.db", false, &foreign, &other, err));
	db_free(other);
	use("a foreign database");
	db = open_state();
	assert_false(state_repaired(db));
	state_free(db);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flips),
		TEST(test_truncated),
		TEST(test_torn),
		TEST(test_put_aside),
		TEST(test_changed_record),
		TEST(test_damaged_while_open),
		TEST(test_repaired_by_another),
		TEST(test_removed_while_open),
		TEST(test_newer_version),
		TEST(test_foreign),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
