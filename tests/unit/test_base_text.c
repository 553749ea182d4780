#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static void assert_safe(const char *data, size_t len, const char *want)
{
	struct buf out = { 0 };

	text_safe(&out, data, len);
	assert_string_equal(out.data, want);
	assert_int_equal(out.len, strlen(want));
	buf_free(&out);
}

#define SAFE(literal, want) assert_safe(literal, sizeof(literal) - 1, want)

static void test_safe(void **state)
{
	(void)state;
	SAFE("", "");
	SAFE("plain\ttext", "plain\ttext");
	SAFE("Grüße ☺ 🐳", "Grüße ☺ 🐳");
	SAFE("\033[2J", "\\x1b[2J");
	SAFE("a\0b\x7f", "a\\x00b\\x7f");
	SAFE("\xc2\x80\xc2\x9b"
	     "31m",
	     "\\xc2\\x80\\xc2\\x9b31m");
	SAFE("\xc2\xa0", "\xc2\xa0");
	SAFE("\xff\xfe", "\\xff\\xfe");
	SAFE("\xc3", "\\xc3");
	SAFE("\xe2\x98", "\\xe2\\x98");
	SAFE("\xc0\xaf", "\\xc0\\xaf");                   /* longer than needed */
	SAFE("\xed\xa0\x80", "\\xed\\xa0\\x80");          /* a surrogate */
	SAFE("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"); /* beyond U+10FFFF */
	SAFE("\xe2\x80\xae"
	     "gpj",
	     "\\xe2\\x80\\xaegpj"); /* turns the direction */
	SAFE("line\r", "line");
	SAFE("50%\r100%\r\r", "50%\\x0d100%");
	SAFE("two\nlines", "two\\x0alines");
}

static void test_safe_lines(void **state)
{
	struct buf out = { 0 };

	(void)state;
	text_safe_lines(&out, "one\r\ntwo\033\n", 10);
	assert_string_equal(out.data, "one\ntwo\\x1b\n");
	buf_free(&out);
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(text_utf8("", 0));
	assert_true(text_utf8("ü☺🐳", strlen("ü☺🐳")));
	assert_false(text_utf8("a\0b", 3));
	assert_false(text_utf8("\xc3", 1));
	assert_false(text_utf8("\xed\xbf\xbf", 3));
}

static void test_nearest(void **state)
{
	static const char *const keys[] = { "dockerfile", "context", "target", "args", NULL };
	const char *nearest;

	(void)state;
	nearest = text_nearest("dockerfil", keys, 5);
	assert_non_null(nearest);
	assert_string_equal(nearest, "dockerfile");
	assert_string_equal(text_nearest("tagret", keys, 5), "target"); /* neighbours swapped: one step */
	assert_string_equal(text_nearest("agrs", keys, 5), "args");
	assert_string_equal(text_nearest("context", keys, 5), "context");
	assert_null(text_nearest("volumes", keys, 5));
	assert_non_null(text_nearest("tarXXt", keys, 5)); /* two of six letters */
	assert_null(text_nearest("tarXXX", keys, 5));     /* three of six */
	assert_null(text_nearest("ar", keys, 5));
	assert_null(text_nearest("", keys, 5));
	assert_null(text_nearest("x", NULL, 0));
}

static void test_parse_size(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1234", 1234 },
		{ "0", 0 },
		{ "64k", 64000 },
		{ "100MB", 100000000 },
		{ "100 MB", 100000000 },
		{ "1.5GiB", 1610612736 },
		{ "1KiB", 1024 },
		{ "2Mib", 2097152 },
		{ "7b", 7 },
		{ ".5k", 500 },
		{ "1.2345k", 1234 },
		{ "1t", UINT64_C(1000000000000) },
		{ "1PiB", UINT64_C(1125899906842624) },
		{ "18446744073709551615", UINT64_MAX },
	};
	static const char *const bad[] = {
		"",          "MB",    "-1",   "+1",    " 1",
		"1  k",      "1x",    "1kbb", "1ki",   "1e3",
		"0x10",      "1.2.3", ".",    "1 kB ", "18446744073709551616",
		"99999999P", "1ib",
	};
	uint64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!text_parse_size(good[i].text, &bytes) || bytes != good[i].bytes)
			fail_msg("'%s' is %llu", good[i].text, (unsigned long long)bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_parse_size(bad[i], &bytes))
			fail_msg("'%s' is taken for a size", bad[i]);
	}
}

/* docker's units.RAMInBytes, which compose's byte values are read with. */
static void test_parse_memory(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "64", 64 },           { "2b", 2 },           { "1024kb", 1048576 },
		{ "64m", 67108864 },    { "64M", 67108864 },   { "64MB", 67108864 },
		{ "64MiB", 67108864 },  { "1gb", 1073741824 }, { "1.5g", 1610612736 },
		{ "1 GB", 1073741824 },
	};
	static const char *const bad[] = { "", "m", "-1", "1x", "1 m ", "16777216t" };
	uint64_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!text_parse_memory(good[i].text, &bytes) || bytes != good[i].bytes)
			fail_msg("'%s' is %llu", good[i].text, (unsigned long long)bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_parse_memory(bad[i], &bytes))
			fail_msg("'%s' is taken for memory", bad[i]);
	}
}

static void test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		uint64_t ms;
	} good[] = {
		{ "30s", 30000 }, { "1m30s", 90000 }, { "500ms", 500 },       { "1.5h", 5400000 },
		{ "0s", 0 },      { "1us", 1 },       { "2000\xc2\xb5s", 2 }, { "1h1m1s1ms", 3661001 },
	};
	static const char *const bad[] = {
		"", "30", "s", "-1s", "1d", "1 s", "1m30", "1s ", "999999999999h", "1sm",
	};
	uint64_t ms = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		if (!text_parse_duration(good[i].text, &ms) || ms != good[i].ms)
			fail_msg("'%s' is %llu", good[i].text, (unsigned long long)ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (text_parse_duration(bad[i], &ms))
			fail_msg("'%s' is taken for a duration", bad[i]);
	}
}

static void assert_number(void (*show)(struct buf *, uint64_t), uint64_t number, const char *want)
{
	struct buf out = { 0 };

	show(&out, number);
	assert_string_equal(out.data, want);
	buf_free(&out);
}

static void test_show_size(void **state)
{
	(void)state;
	assert_number(text_size, 0, "0 B");
	assert_number(text_size, 999, "999 B");
	assert_number(text_size, 1000, "1.0 kB");
	assert_number(text_size, 12345678, "12.3 MB");
	assert_number(text_size, 999949, "999.9 kB");
	assert_number(text_size, 999950, "1.0 MB");
	assert_number(text_size, UINT64_C(2500000000), "2.5 GB");
	assert_number(text_size, UINT64_MAX, "18.4 EB");
}

static void test_show_duration(void **state)
{
	(void)state;
	assert_number(text_duration, 0, "0.0s");
	assert_number(text_duration, 350, "0.4s");
	assert_number(text_duration, 12345, "12.3s");
	assert_number(text_duration, 59949, "59.9s");
	assert_number(text_duration, 59950, "1m00s");
	assert_number(text_duration, 125000, "2m05s");
	assert_number(text_duration, 3599500, "1h00m00s");
	assert_number(text_duration, UINT64_MAX, "5124095576030h25m52s");
}

static void assert_shell(const char *word, const char *want)
{
	struct buf out = { 0 };

	text_shell(&out, word);
	assert_string_equal(out.data, want);
	buf_free(&out);
}

static void test_shell(void **state)
{
	(void)state;
	assert_shell("docker", "docker");
	assert_shell("--tag=ghcr.io/a/b:1.2", "--tag=ghcr.io/a/b:1.2");
	assert_shell("", "''");
	assert_shell("two words", "'two words'");
	assert_shell("it's", "'it'\\''s'");
	assert_shell("$HOME", "'$HOME'");
	assert_shell("~", "'~'");
	assert_shell("Grüße", "'Grüße'");
	assert_shell("a\nb'\\\033\xff", "$'a\\x0ab\\'\\\\\\x1b\\xff'");
}

static void test_login(void **state)
{
	static const char *const with[] = { "https://user:secret@host/x", "HTTP://token@host",
					    "x https://a:b@h y",          "ssh://u:p@h",
					    "ftp://a.b://c:d@e",          "--index=https://t@h/simple" };
	static const char *const without[] = { "",
					       "https://host/x@y",
					       "ssh://git@host/x",
					       "git@host:x",
					       "https://host:80/",
					       "https://@host",
					       "user:secret@host",
					       "https://host/?a=b:c@d" };

	(void)state;
	for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++)
		assert_true(text_has_login(with[i]));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		assert_false(text_has_login(without[i]));
	for (size_t i = 0; i < sizeof(without) / sizeof(without[0]); i++) {
		cleanup_free char *same = text_without_login(without[i]);

		assert_string_equal(same, without[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		cleanup_free char *shown = text_without_login(with[i]);

		assert_string_equal(shown, i == 0 ? "https://host/x" : "HTTP://host");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),        cmocka_unit_test(test_safe),
		cmocka_unit_test(test_safe_lines),   cmocka_unit_test(test_utf8),
		cmocka_unit_test(test_nearest),      cmocka_unit_test(test_parse_size),
		cmocka_unit_test(test_parse_memory), cmocka_unit_test(test_parse_duration),
		cmocka_unit_test(test_show_size),    cmocka_unit_test(test_show_duration),
		cmocka_unit_test(test_shell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
