#include "config.h"

#include "tests/unit/state_world.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#define WRITERS 4
#define EACH 25
#define NOBODY 65534

static char *listing(void)
{
	FILE *pipe = popen("find . -printf '%p %s %T@ %i\\n' | sort", "r");
	struct buf text = { 0 };
	char block[4096];
	size_t n;

	assert_non_null(pipe);
	buf_str(&text, "");
	while ((n = fread(block, 1, sizeof(block), pipe)) > 0)
		buf_add(&text, block, n);
	pclose(pipe);
	return buf_steal(&text);
}

static void test_read_only_is_empty(void **state)
{
	struct state *db = NULL;
	struct record *record = (struct record *)1, *all = NULL;
	char *text = (char *)1;
	size_t len = 1;
	int64_t run;

	(void)state;
	ok(state_open("state.db", true, &db, err));
	ok(state_last(db, "a", &record, err));
	assert_null(record);
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, 0);
	ok(state_fact(db, "a", &text, err));
	assert_null(text);
	assert_int_equal(state_run_begin(db, "x", &(struct run_plan){ 0 }, &run, NULL), -1);
	state_free(db);
	assert_false(fs_exists("state.db"));
}

static void read_everything(bool read_only)
{
	struct state *db = NULL;
	struct record *record = NULL, *all = NULL;
	char *text = NULL;
	size_t len;

	ok(state_open("state.db", read_only, &db, err));
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, 1);
	records_free(all, len);
	ok(state_find(db, "a", KEY, &record, err));
	assert_non_null(record);
	record_free(record);
	ok(state_inputs(db, "a", &text, &len, err));
	free(text);
	ok(state_log(db, "a", &text, err));
	free(text);
	ok(state_fact(db, "a", &text, err));
	free(text);
	state_free(db);
}

/* A run with nothing to do, and -n, leave no trace. */
static void test_reading_writes_nothing(void **state)
{
	struct state *db = open_state();
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;

	(void)state;
	put(db, "a", KEY, "one", 1);
	state_free(db);
	before = listing();
	read_everything(false);
	read_everything(true);
	after = listing();
	assert_string_equal(before, after);
}

/* Read-only, a damaged database counts as an empty one and is left for the next run that may write. */
static void test_read_only_damage(void **state)
{
	cleanup_free char *before = NULL;
	cleanup_free char *after = NULL;
	struct state *db = NULL;
	struct record *record = NULL;

	(void)state;
	ok(fs_replace(
		"state.db",
		"not a database at all, only this text and some more of it..............................................................................................",
		120, 0644, err));
	before = listing();
	ok(state_open("state.db", true, &db, err));
	ok(state_last(db, "a", &record, err));
	assert_null(record);
	assert_true(state_repaired(db));
	state_free(db);
	after = listing();
	assert_string_equal(before, after);
}

/* Runs `body` in a child as a user who may write nowhere here. */
static int as_nobody(int (*body)(void))
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		if (getuid() == 0 && (setgid(NOBODY) < 0 || setuid(NOBODY) < 0))
			_exit(99);
		_exit(body());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The folder is closed to us: reading goes on, writing says so. */
static int body_read_only(void)
{
	struct record record = { .node = "b", .key = KEY };
	struct error *error = NULL;
	struct state *db = NULL;
	struct record *found = NULL;

	if (state_open("state.db", false, &db, &error) < 0 || state_last(db, "a", &found, &error) < 0 || !found)
		return 1;
	if (state_put(db, &record, "", 0, &error) >= 0)
		return 2;
	if (error->cls != ERROR_STATE || !strstr(error->message, "state.db") || !error->remedy)
		return 3;
	error_free(error);
	error = NULL;
	record_free(found);
	state_free(db);
	if (state_open("other.db", false, &db, &error) >= 0 || error->cls != ERROR_STATE ||
	    !strstr(error->message, "other.db"))
		return 4;
	error_free(error);
	return 0;
}

static void test_read_only_folder(void **state)
{
	struct state *db = open_state();

	put(db, "a", KEY, "one", 1);
	state_free(db);
	assert_int_equal(chmod(*state, 0555), 0);
	assert_int_equal(as_nobody(body_read_only), 0);
	assert_int_equal(chmod(*state, 0755), 0);
	read_everything(false);
}

/* The disk is full: the write fails and says so, what was there stays. */
static int body_full(void)
{
	struct record record = { .node = "b", .key = KEY };
	struct rlimit limit = { 16 * 4096, 16 * 4096 };
	size_t len = 1 << 20;
	char *inputs = mem_alloc(len);
	struct error *error = NULL;
	struct state *db = NULL;

	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || state_open("state.db", false, &db, &error) < 0)
		return 1;
	if (state_put(db, &record, inputs, len, &error) >= 0)
		return 2;
	if (error->cls != ERROR_STATE || !strstr(error->message, "state.db") || state_repaired(db))
		return 3;
	error_free(error);
	state_free(db);
	free(inputs);
	return 0;
}

static void test_full_disk(void **state)
{
	struct state *db = open_state();
	struct record *record = NULL;

	(void)state;
	put(db, "a", KEY, "one", 1);
	state_free(db);
	assert_int_equal(chmod("state.db", 0666), 0);
	assert_int_equal(chmod(".", 0777), 0);
	assert_int_equal(as_nobody(body_full), 0);
	read_everything(false);
	db = open_state();
	assert_false(state_repaired(db));
	ok(state_last(db, "b", &record, err));
	assert_null(record);
	state_free(db);
}

static int write_many(int number)
{
	struct state *db = NULL;
	struct error *error = NULL;

	if (state_open("state.db", false, &db, &error) < 0) {
		print_error("%s\n", error->message);
		return 1;
	}
	for (int i = 0; i < EACH; i++) {
		cleanup_free char *node = mem_printf("node-%d-%d", number, i);

		put(db, node, KEY, node, i);
	}
	state_free(db);
	return 0;
}

static void test_many_processes(void **state)
{
	pid_t children[WRITERS];
	struct state *db = NULL;
	struct record *all = NULL;
	size_t len;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(write_many(i));
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	db = open_state();
	assert_false(state_repaired(db));
	ok(state_all_last(db, &all, &len, err));
	assert_int_equal(len, WRITERS * EACH);
	records_free(all, len);
	state_free(db);
}

/* kill -9 in mid-write: what was said to be stored is there, and the database is whole. Every second time it is
 * opened read-only first, as -n does. */
static void test_kill(void **state)
{
	struct state *db = NULL;
	struct record *all = NULL;
	size_t len, acknowledged = 0;
	int hot = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		int pipes[2], number;
		pid_t child;

		assert_int_equal(pipe(pipes), 0);
		child = fork();
		if (child == 0) {
			db = open_state();
			for (number = (int)acknowledged;; number++) {
				cleanup_free char *node = mem_printf("node-%d", number);

				put(db, node, KEY, node, 1);
				if (write(pipes[1], &number, sizeof(number)) < 0)
					_exit(1);
			}
		}
		close(pipes[1]);
		usleep((useconds_t)(500 * (i % 20) + 1000));
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(pipes[0], &number, sizeof(number)) == sizeof(number))
			acknowledged = (size_t)number + 1;
		close(pipes[0]);
		hot += fs_exists("state.db-journal");
		ok(state_open("state.db", i % 2 == 0, &db, err));
		ok(state_all_last(db, &all, &len, err));
		assert_false(state_repaired(db));
		assert_true(len >= acknowledged);
		records_free(all, len);
		state_free(db);
	}
	assert_true(acknowledged > 0);
	assert_true(hot > 0);
	assert_false(fs_exists("state.db.damaged"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_only_is_empty),
		TEST(test_reading_writes_nothing),
		TEST(test_read_only_damage),
		TEST(test_read_only_folder),
		TEST(test_full_disk),
		TEST(test_many_processes),
		TEST(test_kill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
