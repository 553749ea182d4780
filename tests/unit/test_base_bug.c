#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/buf.h"
#include "base/error.h"

static void plain(void)
{
	bug("there are %d of %s", 2, "them");
}

static void unmet(void)
{
	bug_if(1 + 1 == 3, "numbers went wrong");
	bug_if(1 + 1 == 2, "two is two");
}

static void error_without_message(void)
{
	struct error *err = NULL, *none = NULL;

	error_move(&err, &none);
}

/* What a child that runs `what` says on standard error; its status must be 70. */
static void said_by(void (*what)(void), char *ret, size_t size)
{
	int ends[2], status = 0;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], STDERR_FILENO);
		what();
		_exit(0);
	}
	close(ends[1]);
	while ((n = read(ends[0], ret + len, size - 1 - len)) > 0)
		len += (size_t)n;
	ret[len] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 70);
}

static void test_says_where_and_what(void **state)
{
	char said[500];

	(void)state;
	said_by(plain, said, sizeof(said));
	assert_non_null(strstr(said, "tests/unit/test_base_bug.c:"));
	assert_non_null(strstr(said, ": there are 2 of them\n"));
}

static void test_only_what_is_not_as_assumed(void **state)
{
	char said[500];

	(void)state;
	said_by(unmet, said, sizeof(said));
	assert_non_null(strstr(said, ": two is two\n"));
	assert_null(strstr(said, "numbers"));
}

static void test_an_error_that_is_none_is_not_passed_on(void **state)
{
	char said[500];

	(void)state;
	said_by(error_without_message, said, sizeof(said));
	assert_non_null(strstr(said, "base/error.c:"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_where_and_what),
		cmocka_unit_test(test_only_what_is_not_as_assumed),
		cmocka_unit_test(test_an_error_that_is_none_is_not_passed_on),
	};

	return cmocka_run_group_tests_name("bug", tests, NULL, NULL);
}
