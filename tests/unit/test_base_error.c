#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/module.h"

static void test_make_and_wrap(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(error_wrap(&err, "nothing"), -1);
	assert_null(err);
	error_remedy(&err, "nothing");
	assert_null(err);
	assert_int_equal(error_make(&err, ERROR_STATE, "disk %d", 3), -1);
	assert_int_equal(error_wrap(&err, "state of %s", "web"), -1);
	assert_string_equal(err->message, "state of web: disk 3");
	assert_int_equal(err->cls, ERROR_STATE);
	assert_false(err->transient);
	error_remedy(&err, "free %d MB", 10);
	error_remedy(&err, "something else");
	assert_string_equal(err->remedy, "free 10 MB");
}

static void test_the_first_error_stays(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	error_make(&err, ERROR_BUILD, "first");
	error_make(&err, ERROR_USAGE, "second");
	error_errno(&err, ERROR_USAGE, ENOENT, "third");
	assert_string_equal(err->message, "first");
	assert_int_equal(err->cls, ERROR_BUILD);
}

static void test_errno(void **state)
{
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(error_errno(&err, ERROR_STATE, ENOENT, "%s", "a.txt"), -1);
	assert_string_equal(err->message, "a.txt: No such file or directory");
}

static void test_nobody_listens(void **state)
{
	struct error *err = NULL;

	(void)state;
	assert_int_equal(error_make(NULL, ERROR_BUILD, "x"), -1);
	assert_int_equal(error_errno(NULL, ERROR_BUILD, 1, "x"), -1);
	assert_int_equal(error_wrap(NULL, "x"), -1);
	error_remedy(NULL, "x");
	error_make(&err, ERROR_BUILD, "x");
	assert_int_equal(error_move(NULL, &err), -1);
	assert_null(err);
	error_free(NULL);
}

static void test_move_and_copy(void **state)
{
	cleanup_error struct error *from = NULL;
	cleanup_error struct error *to = NULL;
	cleanup_error struct error *copy = NULL;

	(void)state;
	error_make(&from, ERROR_REGISTRY, "lost");
	from->transient = true;
	error_remedy(&from, "again");
	assert_int_equal(error_copy(&copy, from), -1);
	error_move(&to, &from);
	assert_null(from);
	assert_string_equal(to->message, "lost");
	assert_string_equal(copy->message, "lost");
	assert_string_equal(copy->remedy, "again");
	assert_true(copy->transient);
	assert_int_equal(copy->cls, ERROR_REGISTRY);

	error_make(&from, ERROR_BUILD, "late");
	error_move(&to, &from);
	assert_null(from);
	assert_string_equal(to->message, "lost");
}

static void test_module_missing(void **state)
{
	static const struct module_symbol none[] = { { NULL, NULL, false } };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_true(module_open("libcurl-is-not-here.so.99", none, &err) < 0);
	assert_int_equal(err->cls, ERROR_TOOL);
	assert_non_null(strstr(err->message, "libcurl-is-not-here.so.99"));
	assert_non_null(strstr(err->remedy, "libcurl4"));
}

static void test_module_symbols(void **state)
{
	int (*absolute)(int) = NULL;
	int (*missing)(int) = NULL;
	const struct module_symbol good[] = { { "abs", (void **)&absolute, false }, { 0 } };
	const struct module_symbol bad[] = { { "no_such_function_", (void **)&missing, false }, { 0 } };
	cleanup_error struct error *err = NULL;

	(void)state;
	assert_int_equal(module_open("libc.so.6", good, &err), 0);
	assert_null(err);
	assert_int_equal(absolute(-3), 3);
	assert_true(module_open("libc.so.6", bad, &err) < 0);
	assert_non_null(strstr(err->message, "no_such_function_"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_and_wrap),  cmocka_unit_test(test_the_first_error_stays),
		cmocka_unit_test(test_errno),          cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_move_and_copy),  cmocka_unit_test(test_module_missing),
		cmocka_unit_test(test_module_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
