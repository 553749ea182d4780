#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/toml.h"

struct taken {
	const char *text, *json;
};

static void test_taken(void **state)
{
	static const struct taken cases[] = {
		{ "", "{}" },
		{ "\xef\xbb\xbf# only a comment", "{}" },
		{ "a = 1\r\nb = 2 # c\n", "{\"a\":1,\"b\":2}" },
		{ "bare_key-1 = 1\n\"q k\" = 2\n'l' = 3\n1234 = 4\n\"\" = 5",
		  "{\"\":5,\"1234\":4,\"bare_key-1\":1,\"l\":3,\"q k\":2}" },
		{ "a . b . \"c.d\" = 1\na.e = 2", "{\"a\":{\"b\":{\"c.d\":1},\"e\":2}}" },
		{ "s = \"\\b\\t\\n\\f\\r\\\"\\\\\\u00E9\\U0001F600\"",
		  "{\"s\":\"\\b\\t\\n\\f\\r\\\"\\\\\xc3\xa9\xf0\x9f\x98\x80\"}" },
		{ "s = \"\"\"\r\na\r\nb \\\n\n   c\"\"\"\"\"", "{\"s\":\"a\\nb c\\\"\\\"\"}" },
		{ "s = '''\n\\n'a''''", "{\"s\":\"\\\\n'a'\"}" },
		{ "s = '\\'", "{\"s\":\"\\\\\"}" },
		{ "n = [+1, -0, 1_000, 0xDead_beef, 0o17, 0b101, -9223372036854775808]",
		  "{\"n\":[1,0,1000,3735928559,15,5,-9223372036854775808]}" },
		{ "f = [1.5, 1e3, -1.0_1E-3, +inf, nan]", "{\"f\":[\"1.5\",\"1e3\",\"-1.0_1E-3\",\"+inf\",\"nan\"]}" },
		{ "t = [true, false]", "{\"t\":[true,false]}" },
		{ "d = [1979-05-27T07:32:00Z, 1979-05-27 07:32:00.9-07:00, 1979-05-27T07:32:00, 1979-05-27, 07:32:00.5]",
		  "{\"d\":[\"1979-05-27T07:32:00Z\",\"1979-05-27 07:32:00.9-07:00\",\"1979-05-27T07:32:00\",\"1979-05-27\",\"07:32:00.5\"]}" },
		{ "a = [ # c\n 1, 'x',\n [ ], # d\n]", "{\"a\":[1,\"x\",[]]}" },
		{ "p = { x = 1, y.z = [ { } ], \"w\" = '' }", "{\"p\":{\"w\":\"\",\"x\":1,\"y\":{\"z\":[{}]}}}" },
		{ "[a.b]\nc = 1\n[a]\nd = 2\n[ \"e\" . f ]", "{\"a\":{\"b\":{\"c\":1},\"d\":2},\"e\":{\"f\":{}}}" },
		{ "[a]\nb.c = 1\n[a.b.d]\ne = 2", "{\"a\":{\"b\":{\"c\":1,\"d\":{\"e\":2}}}}" },
		{ "[[r]]\nl = 1\n[[r.m]]\nl = 2\n[[r.m]]\n[r.t]\n[[r]]\n[[r.m]]\nl = 3",
		  "{\"r\":[{\"l\":1,\"m\":[{\"l\":2},{}],\"t\":{}},{\"m\":[{\"l\":3}]}]}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_json struct json *json = NULL;
		cleanup_buf struct buf text = { 0 };

		if (toml_parse(cases[i].text, strlen(cases[i].text), "x.toml", &json, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err->message);
		json_dump(json, JSON_CANONICAL, &text);
		assert_string_equal(text.data, cases[i].json);
	}
}

/* Where it is wrong, and why. */
static void test_refused(void **state)
{
	static const char *const cases[][2] = {
		{ "a", "x.toml:1:2: \"=\" is expected" },
		{ "a =", "x.toml:1:4: a value is expected" },
		{ "\n = 1", "x.toml:2:2: a key is expected" },
		{ "a. = 1", "x.toml:1:4: a key is expected" },
		{ "a = 1 b = 2", "x.toml:1:7: the end of the line is expected" },
		{ "a = 1\rb = 2", "x.toml:1:6: the end of the line is expected" },
		{ "a = 1\na = 2", "x.toml:2:3: the key is defined already" },
		{ "a = 1\na.b = 2", "the key is defined already" },
		{ "a.b = 1\na = 2", "the key is defined already" },
		{ "a = { b = 1 }\na.c = 2", "the key is defined already" },
		{ "a = { b = 1, b = 2 }", "the key is defined already" },
		{ "a = { b = 1, }", "x.toml:1:14: a key is expected" },
		{ "a = { b = 1\n}", "x.toml:1:12: \",\" or \"}\" is expected" },
		{ "a = [1 2]", "x.toml:1:8: \",\" or \"]\" is expected" },
		{ "a = [1", "\",\" or \"]\" is expected" },
		{ "[a]\n[a]", "x.toml:2:4: the table is defined already" },
		{ "[a]\n[[a]]", "the table is defined already" },
		{ "[[a]]\n[a]", "the table is defined already" },
		{ "a = []\n[[a]]", "the table is defined already" },
		{ "a.b = 1\n[a]", "the table is defined already" },
		{ "a = 1\n[a.b]", "the key is defined already" },
		{ "[a.b]\n[a]\nb.c = 1", "the key is defined already" },
		{ "[a", "\"]\" is expected" },
		{ "[[a]", "\"]\" is expected" },
		{ "[]", "a key is expected" },
		{ "a = \"b", "the string has no end" },
		{ "a = \"b\nc\"", "x.toml:1:7: the string does not end on its line" },
		{ "\"\"\"a\"\"\" = 1", "\"=\" is expected" },
		{ "a = '''b''", "the string has no end" },
		{ "a = \"\\x\"", "an unknown escape sequence" },
		{ "a = \"\\u12g4\"", "a hexadecimal digit is expected" },
		{ "a = \"\\ud800\"", "not a character" },
		{ "a = \"\\u0000\"", "not a character" },
		{ "a = \"\\U00110000\"", "not a character" },
		{ "a = \"\x01\"", "a control character in a string" },
		{ "# \x7f", "a control character in a comment" },
		{ "a = \"\xff\"", "x.toml: not valid UTF-8" },
		{ "a = 01", "x.toml:1:5: this is not a value" },
		{ "a = 1__0", "not a value" },
		{ "a = 1_", "not a value" },
		{ "a = +0x1", "not a value" },
		{ "a = 0x", "not a value" },
		{ "a = 9223372036854775808", "not a value" },
		{ "a = 1.", "not a value" },
		{ "a = .5", "not a value" },
		{ "a = 1e", "not a value" },
		{ "a = True", "not a value" },
		{ "a = 1979-13-01", "not a value" },
		{ "a = 1979-05-27T25:00:00Z", "not a value" },
		{ "a = 1979-05-27T07:32", "not a value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_error struct error *err = NULL;
		struct json *json = NULL;

		if (toml_parse(cases[i][0], strlen(cases[i][0]), "x.toml", &json, &err) == 0)
			fail_msg("%s is taken", cases[i][0]);
		assert_null(json);
		assert_int_equal(err->cls, ERROR_STATE);
		if (!strstr(err->message, cases[i][1]))
			fail_msg("%s: '%s' is not in '%s'", cases[i][0], cases[i][1], err->message);
	}
}

/* In every way that nests. */
static void test_deep(void **state)
{
	static const struct {
		const char *before, *each, *after;
	} ways[] = { { "a = ", "[", "" },
		     { "a = ", "{a=", "" },
		     { "", "a.", "a = 1" },
		     { "[", "a.", "a]" },
		     { "a = [", "{a.a=", "" } };

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		cleanup_error struct error *err = NULL;
		cleanup_buf struct buf text = { 0 };
		struct json *json = NULL;

		buf_str(&text, ways[i].before);
		for (int deep = 0; deep < 100000; deep++)
			buf_str(&text, ways[i].each);
		buf_str(&text, ways[i].after);
		assert_true(toml_parse(text.data, text.len, "x.toml", &json, &err) < 0);
		assert_non_null(strstr(err->message, "nested deeper than 64"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_deep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
