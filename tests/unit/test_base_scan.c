#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/scan.h"

/* The value of `name` in an object whose other values are of no interest; NULL when the text is not taken. */
static const char *find(const char *text, size_t len, char ret[64])
{
	struct scan s = scan_begin(text, len);
	struct scan_text key, value = { .text = "-", .len = 1 };

	scan_object(&s);
	while (scan_member(&s, &key))
		if (!(scan_is(&key, "name") ? scan_string(&s, &value) : scan_skip(&s)))
			return NULL;
	if (!scan_done(&s) || value.len > 60)
		return NULL;
	memcpy(ret, value.text, value.len);
	strcpy(ret + value.len, value.escaped ? "!" : "");
	return ret;
}

static void test_object(void **state)
{
	static const struct {
		const char *text, *expected; /* NULL: not taken */
	} cases[] = {
		{ "{}", "-" },
		{ " { \"name\" : \"x\" } \n", "x" },
		{ "{\"a\":{\"name\":\"no\",\"b\":[1,{\"c\":null}]},\"name\":\"yes\"}", "yes" },
		{ "{\"a\":\"\\\"name\\\":\\\\\",\"name\":\"q\\\"\"}", "q\\\"!" },
		{ "{\"n\\u0061me\":\"x\"}", "-" },
		{ "{\"a\":-1.5e+3,\"b\":true,\"c\":null,\"name\":\"\"}", "" },
		{ "", NULL },
		{ "[]", NULL },
		{ "{", NULL },
		{ "{\"name\":\"x\"", NULL },
		{ "{\"name\":\"x\"}}", NULL },
		{ "{\"name\":\"x\"} y", NULL },
		{ "{\"name\":\"x}", NULL },
		{ "{\"name\":\"x\\\"}", NULL },
		{ "{\"name\":7}", NULL },
		{ "{\"name\"}", NULL },
		{ "{\"name\":}", NULL },
		{ "{\"a\":}", NULL },
		{ "{\"a\":1,}", NULL },
		{ "{,\"a\":1}", NULL },
		{ "{\"a\":1 \"b\":2}", NULL },
		{ "{\"a\":[1}", NULL },
		{ "{a:1}", NULL },
	};
	char found[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *value = find(cases[i].text, strlen(cases[i].text), found);

		if (!value != !cases[i].expected || (value && strcmp(value, cases[i].expected) != 0))
			fail_msg("%s: %s", cases[i].text, value ? value : "(not taken)");
	}
	assert_null(find("{\"a\":\0}", 8, found));
}

static void test_array(void **state)
{
	static const char text[] = "[1, 22 ,18446744073709551615]", *const bad[] = {
		"[1.5]", "[1e3]", "[-1]", "[18446744073709551616]", "[x]", "[1 2]", "[1,]", "[1", "[,1]",
	};
	struct scan s = scan_begin(text, strlen(text));
	uint64_t number, sum = 0;

	(void)state;
	assert_true(scan_array(&s));
	while (scan_item(&s)) {
		assert_true(scan_number(&s, &number));
		sum += number;
	}
	assert_true(scan_done(&s));
	assert_true(sum == 22);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		s = scan_begin(bad[i], strlen(bad[i]));
		assert_true(scan_array(&s));
		while (scan_item(&s) && scan_number(&s, &number))
			continue;
		if (scan_done(&s))
			fail_msg("%s was taken", bad[i]);
	}
	s = scan_begin("null null", 9);
	assert_true(scan_null(&s));
	assert_true(scan_null(&s));
	assert_true(scan_done(&s));
	assert_false(scan_null(&s));
	assert_true(scan_done(&s)); /* asking did no harm */
}

/* Each beginning of a text, and each with one byte changed: what json_parse takes, this takes too, and never more bytes
 * than there are are read (sanitizers see that). */
static void test_damage(void **state)
{
	static const char text[] = "{\"a\":[{\"b\":\"c\\\"d\"},[],{},null,12],\"name\":\"e\"}";
	char copy[sizeof(text)], found[64];

	(void)state;
	for (size_t len = 0; len < strlen(text); len++)
		assert_null(find(memcpy(copy, text, len), len, found));
	for (size_t i = 0; i < strlen(text); i++) {
		for (int bit = 0; bit < 7; bit++) {
			struct json *json = NULL;

			memcpy(copy, text, sizeof(text));
			copy[i] ^= (char)(1 << bit);
			if (json_parse(copy, strlen(text), "copy", &json, NULL) == 0 && json_str(json, "name"))
				assert_non_null(find(copy, strlen(text), found));
			json_free(json);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_object),
		cmocka_unit_test(test_array),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
