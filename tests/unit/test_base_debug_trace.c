#include "config.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/debug_trace.h"
#include "tests/unit/world.h"

#define THREADS 4
#define LINES 200

/* The trace is opened once in a process: each test is one. */
static int in_process(const char *where, int (*work)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		setenv("NPM_TOKEN", "canary-of-env", 1);
		if (where)
			setenv("CBUILD_TRACE", where, 1);
		else
			unsetenv("CBUILD_TRACE");
		_exit(work());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int is_off(void)
{
	return trace_start(NULL) == 0 && !trace_on() ? 0 : 1;
}

static void off_unless_it_is_asked_for(void **state)
{
	(void)state;
	assert_int_equal(in_process(NULL, is_off), 0);
	assert_int_equal(in_process("", is_off), 0);
	assert_int_equal(in_process("0", is_off), 0);
	assert_false(fs_exists("0"));
}

static int write_one(void)
{
	static const char *const words[] = { "tool", "--arg=TOKEN=a b", "--password", "hunter2", "-u", "me:hunter3",
					     "-x",   "canary-of-env",   NULL };
	struct json *line;

	if (trace_start(NULL) < 0 || !trace_on())
		return 1;
	line = trace_begin("child_start");
	trace_words(line, "argv", words);
	trace_str(line, "url", "https://a:b@host/?sig=1");
	trace_str(line, "cwd", NULL);
	trace_add(line, "reasons", "one");
	trace_add(line, "reasons", "two");
	trace_end(line);
	return trace_stop(NULL) == 0 ? 0 : 2;
}

static void a_line_has_no_secret(void **state)
{
	struct buf text = { 0 };
	struct json *line;
	const struct json *argv;

	(void)state;
	assert_int_equal(in_process("trace", write_one), 0);
	assert_int_equal(fs_read("trace", 1 << 20, &text, NULL), 0);
	assert_int_equal(json_parse(text.data, text.len, "trace", &line, NULL), 0);
	assert_string_equal(json_str(line, "event"), "child_start");
	assert_string_equal(json_str(line, "url"), "https://***@host/?sig=***");
	assert_null(json_str(line, "cwd"));
	assert_int_equal(json_len(json_get(line, "reasons")), 2);
	argv = json_get(line, "argv");
	assert_string_equal(json_text(json_at(argv, 1)), "--arg=TOKEN=***");
	assert_string_equal(json_text(json_at(argv, 3)), "***");
	assert_string_equal(json_text(json_at(argv, 5)), "***");
	assert_string_equal(json_text(json_at(argv, 7)), "***");
	json_free(line);
	buf_free(&text);
}

static void *write_many(void *arg)
{
	for (int i = 0; i < LINES; i++) {
		struct json *line = trace_begin("note");

		trace_str(line, "text", arg);
		trace_end(line);
	}
	return NULL;
}

static int write_together(void)
{
	pthread_t threads[THREADS];
	char text[1000];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	if (!trace_on())
		return 1;
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, write_many, text);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static void lines_of_threads_do_not_mix(void **state)
{
	struct buf text = { 0 };
	size_t lines = 0;

	(void)state;
	assert_int_equal(in_process("trace", write_together), 0);
	assert_int_equal(fs_read("trace", 16 << 20, &text, NULL), 0);
	for (char *at = text.data; *at; lines++) {
		size_t len = strcspn(at, "\n");
		struct json *line;

		assert_int_equal(json_parse(at, len, "trace", &line, NULL), 0);
		json_free(line);
		at += len + 1;
	}
	assert_int_equal(lines, THREADS * LINES);
	buf_free(&text);
}

static int cannot_start(void)
{
	struct error *error = NULL;
	int r = trace_start(&error);
	bool good = r < 0 && error->cls == ERROR_USAGE && strstr(error->message, "no/such/folder") && !trace_on();

	error_free(error);
	return good ? 0 : 1;
}

static void a_file_that_cannot_be_written_is_told(void **state)
{
	(void)state;
	assert_int_equal(in_process("no/such/folder", cannot_start), 0);
}

static int cannot_write(void)
{
	struct error *error = NULL;
	bool good;

	if (!trace_on())
		return 1;
	trace_end(trace_begin("note"));
	good = trace_stop(&error) < 0 && error->cls == ERROR_STATE && strstr(error->message, "/dev/full");
	error_free(error);
	return good ? 0 : 2;
}

static void a_full_disk_is_told(void **state)
{
	(void)state;
	assert_int_equal(in_process("/dev/full", cannot_write), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(off_unless_it_is_asked_for),  TEST(a_line_has_no_secret),
		TEST(lines_of_threads_do_not_mix), TEST(a_file_that_cannot_be_written_is_told),
		TEST(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
