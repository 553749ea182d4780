#include "config.h"

#include "tests/unit/dsl_world.h"

/* An env file and what $V is with it. */
struct row {
	const char *file;
	const char *expected;
};

static const struct row rows[] = {
	{ "V=x", "x" },
	{ "V=x\n", "x" },
	{ "V=x\r\n", "x" },
	{ "V = x y  \n", "x y" },
	{ "V: x", "x" },
	{ "export V=x", "x" },
	{ "export  V = x", "x" },
	{ "V=", "" },
	{ "V=\n", "" },
	{ "# V=no\n\n  V=x", "x" },
	{ "V=x # comment", "x" },
	{ "V=x#y", "x#y" },
	{ "V=#all", "#all" },
	{ "V=x\t#y", "x\t#y" },
	{ "V='x' y", "x" },
	{ "V=\"x\"y # z\nW=w", "x" },
	{ "\xef\xbb\xbfV=x\r\nW=y\r\n", "x" },
	{ "V=one\nV=${V}two", "onetwo" },
	{ "V=a${LATER}b\nLATER=x", "ab" },
	{ "V=$W\nW=$V\n", "" },
	{ "V=costs $5", "costs $5" },
	{ "V='x # y'", "x # y" },
	{ "V='x $Y ${Z} \\n'", "x $Y ${Z} \\n" },
	{ "V='it\\'s'", "it's" },
	{ "V=\"x y\" # comment", "x y" },
	{ "V=\"a\\tb\\nc\\\"d\\\\e\\$f\\x\"", "a\tb\nc\"d\\e$f\\x" },
	{ "V=\"one\ntwo\"\nW=x", "one\ntwo" },
	{ "V='one\ntwo'", "one\ntwo" },
	{ "W=w\nV=$W-${W}", "w-w" },
	{ "W=w\nV=\"${W}$$\"", "w$" },
	{ "V=${HERE}", "outside" },
	{ "V=${NOT_HERE:-d}", "d" },
	{ "W=$$5\nV=$W", "$5" },
	{ "V=1\nV=2", "2" },
	{ "V=x\nHERE", "x" },
	{ "V='$'", "$" },
	{ "UNUSED=$NOT_SET_ANYWHERE\nV=x", "x" },
	{ "V=grüße", "grüße" },
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct text_options options = { .environ = LIST("HERE=outside"), .dotenv = rows[i].file };
		struct loaded_text t;
		const char *got;

		test_load_good(&t, "services: {web: {build: ., environment: [\"W=$V\", V]}}\n", &options);
		got = test_pair(&t.manifest->services[0].environment, "W");
		if (strcmp(got, rows[i].expected) != 0)
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].file, rows[i].expected, got);
		assert_string_equal(test_pair(&t.manifest->services[0].environment, "V"), rows[i].expected);
		test_unload(&t);
	}
}

static void test_refused(void **state)
{
	static const struct row refused[] = {
		{ "A=1\nthis is no assignment\n", ".env:2:1: error: a line of an env file is NAME=value" },
		{ "=x\n", ".env:1:1: error: a line of an env file is NAME=value" },
		{ "A=1\nV=\"x\n", ".env:2:3: error: this quote is never closed" },
		{ "A=1\nV=a${NOWHERE\n", ".env:2:3: error: \"${NOWHERE\" has no closing brace" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		const struct text_options options = { .dotenv = refused[i].file };

		test_load_bad("services: {web: {build: ., user: \"$V\"}}\n", &options, refused[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
