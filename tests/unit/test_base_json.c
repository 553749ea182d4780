#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;
	struct error *err = NULL;

	if (json_parse(text, strlen(text), "text", &json, &err) < 0)
		fail_msg("%s", err->message);
	return json;
}

static void assert_refused(const char *text, size_t len, const char *want)
{
	cleanup_error struct error *err = NULL;
	struct json *json = NULL;

	assert_true(json_parse(text, len, "index.json", &json, &err) < 0);
	assert_null(json);
	assert_int_equal(err->cls, ERROR_STATE);
	if (!strstr(err->message, want))
		fail_msg("'%s' is not in '%s'", want, err->message);
}

static void test_getters(void **state)
{
	cleanup_json struct json *json = parse(
		"{\"s\": \"text\", \"i\": 9007199254740993, \"r\": 2.5, \"t\": true, \"a\": [1, \"x\"], \"n\": null}");
	const struct json *array = json_get(json, "a");

	(void)state;
	assert_true(json_is_object(json));
	assert_false(json_is_array(json));
	assert_string_equal(json_str(json, "s"), "text");
	assert_true(json_int(json, "i") == INT64_C(9007199254740993));
	assert_int_equal(json_int(json, "r"), 2);
	assert_true(json_bool(json, "t"));
	assert_int_equal(json_len(json), 6);
	assert_true(json_is_array(array));
	assert_int_equal(json_len(array), 2);
	assert_int_equal(json_number(json_at(array, 0)), 1);
	assert_string_equal(json_text(json_at(array, 1)), "x");
	assert_null(json_at(array, 2));
}

static void test_getters_of_nothing(void **state)
{
	cleanup_json struct json *json = parse("[1e300, \"x\"]");

	(void)state;
	assert_null(json_get(NULL, "x"));
	assert_null(json_get(json, "x"));
	assert_null(json_str(json, "x"));
	assert_null(json_text(NULL));
	assert_null(json_text(json));
	assert_int_equal(json_int(json, "x"), 0);
	assert_int_equal(json_number(NULL), 0);
	assert_int_equal(json_number(json_at(json, 0)), 0); /* fits no int64_t */
	assert_int_equal(json_number(json_at(json, 1)), 0);
	assert_false(json_bool(NULL, "x"));
	assert_int_equal(json_len(NULL), 0);
	assert_int_equal(json_len(json_at(json, 1)), 0);
	assert_null(json_at(NULL, 0));
	assert_null(json_first(NULL));
	assert_null(json_first(json));
	assert_false(json_is_object(NULL));
	assert_false(json_is_array(NULL));
	assert_false(json_is_null(NULL));
	json_free(NULL);
}

static void test_members_keep_their_order(void **state)
{
	cleanup_json struct json *json = parse("{\"z\": 1, \"a\": 2, \"m\": 3}");
	cleanup_buf struct buf keys = { 0 };

	(void)state;
	for (const void *it = json_first(json); it; it = json_next(json, it))
		buf_printf(&keys, "%s=%d ", json_key(it), (int)json_number(json_member(it)));
	assert_string_equal(keys.data, "z=1 a=2 m=3 ");
}

static void test_refused(void **state)
{
	(void)state;
	assert_refused("{\"a\": 1,\n \"a\": 2}", 17, "index.json:2:");
	assert_refused("", 0, "index.json:");
	assert_refused("{} x", 4, "index.json:1:");
	assert_refused("\"a\\u0000b\"", 10, "index.json:1:");
	assert_refused("\"\xff\"", 3, "index.json:1:");
	assert_refused("[1,]", 4, "index.json:1:");
	assert_refused("{}\0", 3, "index.json:1:");
	assert_refused("[1,\n2\0]", 7, "index.json:2:2: a NUL byte");
}

static void test_error_is_safe_to_show(void **state)
{
	cleanup_error struct error *err = NULL;
	struct json *json = NULL;

	(void)state;
	assert_true(json_parse("[\033[2J]", 7, "x", &json, &err) < 0);
	assert_null(strchr(err->message, '\033'));
}

static void test_depth(void **state)
{
	char text[400];
	struct json *json = NULL;

	(void)state;
	memset(text, '[', 64);
	memset(text + 64, ']', 64);
	assert_int_equal(json_parse(text, 128, "deep", &json, NULL), 0);
	json_free(json);
	memset(text, '[', 65);
	memset(text + 65, ']', 65);
	assert_refused(text, 130, "index.json:1:65: nested deeper than 64");
	memset(text, '[', 70);
	memcpy(text, "[\n \n", 4);
	assert_refused(text, 70, "index.json:3:64: nested deeper than 64");
	/* Brackets in a string are none. */
	memset(text, '[', 200);
	memcpy(text, "\"\\\"", 3);
	text[199] = '"';
	assert_int_equal(json_parse(text, 200, "string", &json, NULL), 0);
	json_free(json);
}

static void test_make_and_dump(void **state)
{
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf out = { 0 };
	struct json *list = json_new_array();

	(void)state;
	json_set_str(json, "name", "web\n");
	json_set_str(json, "none", NULL);
	json_set_int(json, "big", INT64_MIN);
	json_set_bool(json, "yes", true);
	json_append(list, json_new_int(1));
	json_append(list, NULL);
	json_append(list, json_new_bool(false));
	json_append(list, json_new_object());
	json_set(json, "list", list);
	json_set(json, "left out", NULL);
	json_dump(json, JSON_COMPACT, &out);
	assert_string_equal(out.data,
			    "{\"name\":\"web\\n\",\"big\":-9223372036854775808,\"yes\":true,\"list\":[1,false,{}]}");
	buf_reset(&out);
	json_dump(json, JSON_CANONICAL, &out);
	assert_string_equal(out.data,
			    "{\"big\":-9223372036854775808,\"list\":[1,false,{}],\"name\":\"web\\n\",\"yes\":true}");
	buf_reset(&out);
	json_dump(json_get(json, "list"), JSON_INDENT, &out);
	assert_string_equal(out.data, "[\n  1,\n  false,\n  {}\n]");
	buf_reset(&out);
	json_dump(json_get(json, "name"), JSON_COMPACT, &out);
	assert_string_equal(out.data, "\"web\\n\"");
}

static void test_invalid_text_is_escaped(void **state)
{
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf out = { 0 };

	(void)state;
	json_set_str(json, "k\xff", "ü\xc3");
	json_dump(json, JSON_COMPACT, &out);
	assert_string_equal(out.data, "{\"k\\\\xff\":\"ü\\\\xc3\"}");
}

static void test_copy_is_deep(void **state)
{
	cleanup_json struct json *json = parse("{\"a\": {\"b\": 1}}");
	cleanup_json struct json *copy = json_clone(json);

	(void)state;
	json_set_int(copy, "c", 2);
	json_set(copy, "a", json_new_int(3));
	assert_int_equal(json_int(json_get(json, "a"), "b"), 1);
	assert_int_equal(json_len(json), 1);
	assert_int_equal(json_len(copy), 2);
	assert_int_equal(json_int(copy, "a"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_getters_of_nothing),
		cmocka_unit_test(test_members_keep_their_order),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_error_is_safe_to_show),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_make_and_dump),
		cmocka_unit_test(test_invalid_text_is_escaped),
		cmocka_unit_test(test_copy_is_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
