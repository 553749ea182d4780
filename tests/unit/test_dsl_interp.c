#include "config.h"

#include "dsl/late.h"
#include "tests/unit/dsl_world.h"

/* The value of an environment entry after interpolation. */
struct row {
	const char *written;
	const char *expected;
};

static const char *const environment[] = { "SET=value",
					   "EMPTY=",
					   "OTHER=other",
					   "NESTED=${SET}",
					   "MIXED=Acme/Web-\xc3\x84"
					   "1",
					   NULL };

static const struct row rows[] = {
	{ "plain", "plain" },
	{ "$SET", "value" },
	{ "${SET}", "value" },
	{ "a${SET}b$SET-c", "avaluebvalue-c" },
	{ "$$SET $${SET} $$$$", "$SET ${SET} $$" },
	{ "$$$SET", "$value" },
	{ "${SET:-d}", "value" },
	{ "${SET-d}", "value" },
	{ "${EMPTY:-d}", "d" },
	{ "${EMPTY-d}", "" },
	{ "${UNSET:-d}", "d" },
	{ "${UNSET-d}", "d" },
	{ "${UNSET:-}", "" },
	{ "${UNSET-}", "" },
	{ "${SET:+r}", "r" },
	{ "${SET+r}", "r" },
	{ "${EMPTY:+r}", "" },
	{ "${EMPTY+r}", "r" },
	{ "${UNSET:+r}", "" },
	{ "${UNSET+r}", "" },
	{ "${SET:?message}", "value" },
	{ "${EMPTY?message}", "" },
	{ "${UNSET:-${SET}}", "value" },
	{ "${UNSET:-${EMPTY:-${OTHER}}}", "other" },
	{ "${UNSET:-a$SET/b}", "avalue/b" },
	{ "${UNSET:-$$}", "$" },
	{ "${SET:+[${OTHER}]}", "[other]" },
	{ "${UNSET:-{\"a\": {\"b\": 1}}}", "{\"a\": {\"b\": 1}}" },
	{ "${UNSET:--}", "-" },
	{ "${UNSET:-:?}", ":?" },
	{ "${UNSET:-a b}", "a b" },
	{ "${SET:-${NOT_ASKED}}", "value" },
	{ "${EMPTY:+${NOT_ASKED}}", "" },
	{ "$", "$" },
	{ "costs $5, $(seq 1), ^.+$", "costs $5, $(seq 1), ^.+$" },
	{ "${UNSET:-$}", "$" },
	{ "{}}{", "{}}{" },
	{ "$NESTED", "${SET}" },
	{ "${MIXED,,} ${MIXED^^} $MIXED", "acme/web-\xc3\x84"
					  "1 ACME/WEB-\xc3\x84"
					  "1 Acme/Web-\xc3\x84"
					  "1" },
	{ "${UNSET:-${MIXED,,}}${SET:+${MIXED^^}}", "acme/web-\xc3\x84"
						    "1ACME/WEB-\xc3\x84"
						    "1" },
	{ "${SET:-${NOT_ASKED,,}}", "value" },
	{ "${EMPTY,,}", "" },
	{ "${service.name}", "web" },
	{ "${git.short}", "abc1234" },
	{ "${git.branch:-none}", "none" },
	{ "grüße $SET", "grüße value" },
};

static const char *lookup(void *data, const char *name, const char **ret_why)
{
	int *calls = data;

	if (calls)
		++*calls;
	*ret_why = "this is not a repository";
	return strcmp(name, "git.short") == 0 ? "abc1234" : NULL;
}

static char *manifest_of(const char *value)
{
	struct buf text = { 0 };

	buf_str(&text, "services:\n  web:\n    build: .\n    environment:\n      V: '");
	for (; *value; value++) {
		buf_char(&text, *value);
		if (*value == '\'')
			buf_char(&text, '\'');
	}
	buf_str(&text, "'\n");
	return buf_steal(&text);
}

static void test_table(void **state)
{
	const struct text_options options = { .environ = environment, .lookup = lookup };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_free char *text = manifest_of(rows[i].written);
		struct loaded_text t;
		const char *got;

		test_load_good(&t, text, &options);
		got = test_pair(&t.manifest->services[0].environment, "V");
		if (strcmp(got, rows[i].expected) != 0)
			fail_msg("%s: expected \"%s\", got \"%s\"", rows[i].written, rows[i].expected, got);
		test_unload(&t);
	}
}

static void test_refused(void **state)
{
	static const struct row refused[] = {
		{ "$UNSET", ":5:11: error: the variable \"UNSET\" is not set" },
		{ "ab ${UNSET}", ":5:14: error: the variable \"UNSET\" is not set" },
		{ "${UNSET:?say it ${SET}}", "error: the variable \"UNSET\" is required: say it value" },
		{ "${EMPTY:?}", "error: the variable \"EMPTY\" is required\n" },
		{ "${UNSET:-${ALSO}}", ":5:20: error: the variable \"ALSO\" is not set" },
		{ "${OTHR}", "did you mean \"OTHER\"?" },
		{ "${SET", "\"${SET\" has no closing brace" },
		{ "${SET:-x", "\"${SET\" has no closing brace" },
		{ "${SET:x}", "\"${SET\" is followed by \":\"" },
		{ "${SET/x/y}", "\"${SET\" is followed by \"/\"" },
		{ "${SET,}", "\"${SET\" is followed by \",\"" },
		{ "${SET^^x}", "\"${SET\" is followed by \"^\"" },
		{ "${OTHR,,}", "did you mean \"OTHER\"?" },
		{ "${UNSET^^}", "the variable \"UNSET\" is not set" },
		{ "${platform.arch,,}", "\"platform.arch\" has a value only later, so it cannot be used with \",,\"" },
		{ "${}", "\"${\" must be followed by a variable's name" },
		{ "${1A}", "\"${\" must be followed by a variable's name" },
		{ "${git.tag}", "there is no built-in variable \"git.tag\"" },
		{ "${git.commit}", "\"git.commit\" has no value: this is not a repository" },
		{ "${platform.arch:-x}", "\"platform.arch\" has a value only later" },
	};
	const struct text_options options = { .environ = environment, .lookup = lookup };

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		cleanup_free char *text = manifest_of(refused[i].written);

		test_load_bad(text, &options, refused[i].expected);
	}
}

/* --set over the environment over .env over vars. */
static void test_order(void **state)
{
	static const char text[] = "vars: {A: vars, B: vars, C: vars, D: vars, E: \"${D}+${C}\", D2: \"${D2:-self}\"}\n"
				   "services: {web: {build: ., environment: {V: \"$A $B $C $D $E $D2\"}}}\n";
	const struct text_options options = {
		.sets = LIST("A=set"),
		.environ = LIST("A=env", "B=env"),
		.dotenv = "A=file\nB=file\nC=file\n",
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, &options);
	assert_string_equal(test_pair(&t.manifest->services[0].environment, "V"), "set env file vars vars+file self");
	test_unload(&t);
}

static void test_asked_once(void **state)
{
	static const char text[] =
		"services:\n  a: {build: ., image: \"x/a:${git.short}\"}\n  b: {build: ., image: \"x/b:${git.short}\"}\n";
	int calls = 0;
	const struct text_options options = { .lookup = lookup, .lookup_data = &calls };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, &options);
	assert_int_equal(calls, 1);
	assert_string_equal(t.manifest->services[1].tags.items[0].s, "abc1234");
	test_unload(&t);
}

static void test_bombs(void **state)
{
	struct buf text cleanup_buf = { 0 };
	struct buf deep cleanup_buf = { 0 };
	struct buf chain cleanup_buf = { 0 };

	(void)state;
	buf_str(&text, "vars:\n  v0: 0123456789\n");
	for (int i = 1; i < 40; i++)
		buf_printf(&text, "  v%d: ${v%d}${v%d}\n", i, i - 1, i - 1);
	buf_str(&text, "services: {web: {build: .}}\n");
	test_load_bad(text.data, NULL, "longer than 1048576 bytes");

	buf_str(&deep, "services:\n  web:\n    build: ");
	for (int i = 0; i < 50000; i++)
		buf_str(&deep, "${X:-");
	buf_char(&deep, '\n');
	test_load_bad(deep.data, NULL, "nested more than 64 levels deep");

	buf_str(&chain, "vars:\n");
	for (int i = 0; i < 20000; i++)
		buf_printf(&chain, "  v%d: ${v%d}\n", i, i + 1);
	buf_str(&chain, "  v20000: end\nservices: {web: {build: .}}\n");
	test_load_bad(chain.data, NULL, "refer to each other more than 64 levels deep");
}

static void test_control_bytes(void **state)
{
	const struct text_options options = { .environ = LIST("X=a\x01platform.arch\x02") };

	(void)state;
	test_load_bad("services:\n  web:\n    build: $X\n", &options, "the value of \"X\" contains a control character");
}

static const char *arm(void *data, const char *name)
{
	return late_platform(data, &(struct platform){ "linux", "arm", "v7" }, name);
}

static void test_late(void **state)
{
	static const char text[] =
		"services:\n  web:\n    build:\n      context: .\n"
		"      args: {A: \"${platform.os}-${platform.arch}-${platform.variant} ${platform.name} ${platform.slug}\", B: none}\n"
		"    verify: {run: [[check, \"${image.oci}\"]]}\n";
	struct arena *arena = arena_new();
	struct loaded_text t;
	const char *a, *b, *oci;

	(void)state;
	test_load_good(&t, text, NULL);
	a = test_pair(&t.manifest->services[0].build.args, "A");
	b = test_pair(&t.manifest->services[0].build.args, "B");
	oci = t.manifest->services[0].verify.run[0].items[1].s;
	assert_true(late_mentions(a, "platform."));
	assert_false(late_mentions(a, "image."));
	assert_false(late_mentions(b, "platform."));
	assert_false(late_mentions(NULL, "platform."));
	assert_true(late_mentions(oci, "image."));
	assert_string_equal(late_expand(arena, a, arm, arena), "linux-arm-v7 linux/arm/v7 linux-arm-v7");
	assert_ptr_equal(late_expand(arena, b, arm, arena), b);
	assert_null(late_expand(arena, NULL, arm, arena));
	assert_string_equal(late_expand(arena, oci, arm, arena), "${image.oci}");
	test_unload(&t);
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),      cmocka_unit_test(test_refused), cmocka_unit_test(test_order),
		cmocka_unit_test(test_asked_once), cmocka_unit_test(test_bombs),   cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
