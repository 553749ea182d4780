#include "config.h"

#include "tests/unit/hcl_world.h"

/* Bodies in both syntaxes: what is in them, in one text, and what is wrong with them. */

static const struct hcl_json_schema checks[] = { { "check", 0, NULL }, { 0 } };
static const struct hcl_json_schema schema[] = { { "target", 1, NULL }, { "variable", 1, checks }, { 0 } };

static void put_body(struct hcl_text *t, const struct hcl_body *body)
{
	struct hcl_heap heap = { t->arena, HCL_HEAP_MAX };
	struct hcl_eval e = { .heap = &heap, .diags = t->diags, .names = &no_names };

	for (size_t i = 0; i < body->attrs_len; i++) {
		const struct hcl_value *value = hcl_evaluate(&e, body->attrs[i].expr, NULL);

		buf_printf(&t->json, "%s=", body->attrs[i].name);
		if (value)
			hcl_json(&t->json, value);
		buf_char(&t->json, ';');
	}
	for (size_t i = 0; i < body->blocks_len; i++) {
		const struct hcl_block *block = &body->blocks[i];

		buf_str(&t->json, block->type);
		for (size_t j = 0; j < block->labels_len; j++)
			buf_printf(&t->json, " %s", block->labels[j]);
		buf_char(&t->json, '{');
		put_body(t, block->body);
		buf_char(&t->json, '}');
	}
}

static void read_body(struct hcl_text *t, const char *text, bool json)
{
	uint32_t file;

	*t = (struct hcl_text){ .arena = arena_new(), .diags = diags_new() };
	file = diags_source(t->diags, "x", text, strlen(text));
	t->body = json ? hcl_parse_json(t->arena, t->diags, file, schema) : hcl_parse(t->arena, t->diags, file);
	buf_str(&t->json, "");
	if (t->body)
		put_body(t, t->body);
	buf_str(&t->complaints, "");
	diags_render(t->diags, &t->complaints, false);
}

static void check_body(const char *text, bool json, const char *expected)
{
	struct hcl_text t;

	read_body(&t, text, json);
	if (!t.body)
		fail_msg("%s: %s", text, t.complaints.data);
	assert_string_equal(t.json.data, expected);
	hcl_text_free(&t);
}

static void test_native(void **state)
{
	(void)state;
	check_body("", false, "");
	check_body("# nothing\n// but\n/* comments\n */", false, "");
	check_body("a = 1\r\nb = 2 # two\r\n", false, "a=1;b=2;");
	check_body("target \"a\" {\n\n  x = [\n    1,\n    2,\n  ]\n  y = {\n    z = 1\n  }\n}\ntarget b {}\n", false,
		   "target a{x=[1,2];y={\"z\":1};}target b{}");
	check_body("variable \"A\" { default = \"x\" }\nvariable \"B\" {\n  check {\n    c = 1\n  }\n}", false,
		   "variable A{default=\"x\";}variable B{check{c=1;}}");
	check_body("a = <<EOF\n}\nEOF\nb = 1\n", false, "a=\"}\\n\";b=1;");
}

static void test_json(void **state)
{
	(void)state;
	check_body("{\"a\": 1.5, \"b\": \"x${1 + 1}\\n\\u00e9\\ud83d\\ude00\", \"c\": [true, null]}", true,
		   "a=1.5;b=\"x2\\n\u00e9\U0001F600\";c=[true,null];");
	check_body("{\"target\": {\"a\": {\"x\": {\"y\": \"$${z}\"}}, \"b\": [{\"x\": 1}, {\"x\": 2}]}}", true,
		   "target a{x={\"y\":\"${z}\"};}target b{x=1;}target b{x=2;}");
	check_body("{\"target\": [{\"a\": {}}, {\"b\": {}}], \"//\": \"comment\"}", true, "target a{}target b{}");
	check_body("{\"variable\": {\"A\": {\"default\": 1, \"check\": [{\"c\": 1}, {\"c\": 2}]}}}", true,
		   "variable A{default=1;check{c=1;}check{c=2;}}");
}

static const char *const native_faults[] = {
	"a = 1\na = 2\n",
	"x:2:1: error: \"a\" is set twice",
	"target \"a\" {",
	"\"}\" is missing before the end",
	"target \"a${1}\" {}",
	"without \"${\"",
	"target \"a\" { x = 1, y = 2 }",
	"\"}\" is missing before \",\"",
	"target \"a\" { b {} }",
	"a block on one line holds a single NAME = VALUE",
	"target \"a\" x y {}",
	"\"{\" is missing before \"y\"",
	"5 = 1",
	"x:1:1: error: the name of a value or block is missing here",
	"a\n",
	"\"=\" or \"{\" is missing before the end of the line",
	"target a {} b = 1\n",
	"x:1:13: error: a newline is missing before \"b\"",
	"}",
	"the name of a value or block is missing here",
	"a = {\n  b 1\n}\n",
	"x:2:5: error: \"=\" or \":\" is missing before \"1\"",
	"a = [for in x : 1]",
	"\"in\" is missing before \"x\"",
	NULL,
};

static const char *const json_faults[] = {
	"{\"a\": 1, \"a\": 2}",
	"x:1:10: error: \"a\" is set twice",
	"{\"target\": {\"a\": 1}}",
	"\"target\" must be an object",
	"[1]",
	"\"the file\" must be an object",
	"{\"a\": tru}",
	"a value is missing before \"tru\"",
	"{\"a\": 1} x",
	"the end of the file is missing before \"x\"",
	"{a: 1}",
	"a name in quotes is missing before \"a\"",
	"{\"a\": \"\\x\"}",
	"x:1:7: error: an escape in the text is not JSON",
	"{\"a\": \"\\u0000\"}",
	"an escape in the text is not JSON",
	"{\"a\": \"${\"}",
	"x:1:7: error: a value is missing before the end",
	"{\"a\": \"x",
	"the text is not ended by a quote",
	NULL,
};

static void check_faults(const char *const *pairs, bool json)
{
	for (; *pairs; pairs += 2) {
		struct hcl_text t;

		read_body(&t, pairs[0], json);
		if (t.body)
			fail_msg("%s was accepted", pairs[0]);
		if (!strstr(t.complaints.data, pairs[1]))
			fail_msg("%s: no \"%s\" in\n%s", pairs[0], pairs[1], t.complaints.data);
		hcl_text_free(&t);
	}
}

static void test_faults(void **state)
{
	(void)state;
	check_faults(native_faults, false);
	check_faults(json_faults, true);
}

/* However large a file is, each complaint costs one look at it. */
static void test_limits(void **state)
{
	struct buf text cleanup_buf = { 0 };
	struct hcl_text t;

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_printf(&text, "a%d = 1\n", i);
	read_body(&t, text.data, false);
	assert_non_null(strstr(t.complaints.data, "x:257:1: error: more than 256 values in one block"));
	hcl_text_free(&t);
	buf_reset(&text);
	for (int i = 0; i < 100000; i++)
		buf_str(&text, "a {\n");
	read_body(&t, text.data, false);
	assert_non_null(strstr(t.complaints.data, "nested more than 64 deep"));
	hcl_text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_native),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
