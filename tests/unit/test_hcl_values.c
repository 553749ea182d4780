#include "config.h"

#include "tests/unit/hcl_world.h"

/* Expressions and their values, as JSON. What buildx makes of the same is for tests/integration/bake_files.bats. */

static const char *const literals[] = {
	"1", "1",
	"1.50", "1.5",
	"1e3", "1000",
	"0.1", "0.1",
	"12345678901234567", "12345678901234567",
	"true", "true",
	"null", "null",
	"\"a\\tb\\u00e9\\U0001F600\\\\\"", "\"a\\tb\u00e9\U0001F600\\\\\"",
	"[1, \"a\", [true],]", "[1,\"a\",[true]]",
	"{ b = 1, \"a\" : 2, (\"c\") = 3 }", "{\"a\":2,\"b\":1,\"c\":3}",
	"{\n  a = 1 # one\n  b = 2 // two\n /* three */ }", "{\"a\":1,\"b\":2}",
	"[\n 1,\n 2\n]", "[1,2]",
	"[1, 2, 3][1]", "2",
	"{a = {b = [5]}}.a.b[0]", "5",
	"[[1, 2]].0.1", "2",
	"{a = 1}[\"a\"]", "1",
	NULL,
};

static const char *const operators[] = {
	"1 + 2 * 3", "7",
	"(1 + 2) * 3", "9",
	"7 % 4 - 1 / 2", "2.5",
	"-(2) + 5", "3",
	"!true || 1 < 2 && 2 >= 2", "true",
	"1 == 1.0", "true",
	"\"1\" == 1", "false",
	"[1] == [1]", "true",
	"null == null", "true",
	"\"4\" * 2", "8",
	"true ? 1 : 2", "1",
	"false ? 1 : \"a\"", "\"a\"",
	"true ? 1 : \"a\"", "\"1\"",
	"true ? null : \"a\"", "null",
	"1 > 2 ? \"a\" : 2 > 1 ? \"b\" : \"c\"", "\"b\"",
	"true ? \"a\" : nothing()", "\"a\"",
	NULL,
};

static const char *const templates[] = {
	"\"a${1 + 1}b${true}\"", "\"a2btrue\"",
	"\"${[1]}\"", "[1]",
	"\"$${x} %%{y} $x 100% $$x\"", "\"${x} %{y} $x 100% $$x\"",
	"\"x ${~ \"a\" ~} y\"", "\"xay\"",
	"\"%{ if true }yes%{ else }no%{ endif }\"", "\"yes\"",
	"\"%{ if false }yes%{ endif }\"", "\"\"",
	"\"%{ for i, x in [\"a\", \"b\"] }${i}${x},%{ endfor }\"", "\"0a,1b,\"",
	"\"${\"${\"in\"}ner\"}\"", "\"inner\"",
	"<<EOF\na ${1}\n  b\nEOF\n", "\"a 1\\n  b\\n\"",
	"<<-EOF\n    a\n      b\n\n    c\n    EOF\n", "\"a\\n  b\\n\\nc\\n\"",
	"<<-EOF\n  a\\n\n  %{ for x in [1, 2] ~}\n  - ${x}\n  %{ endfor ~}\n  EOF\n", "\"a\\\\n\\n  - 1\\n  - 2\\n\"",
	"<<EOF\nEOF\n", "\"\"",
	"upper(<<EOF\nx\nEOF\n)", "\"X\\n\"",
	NULL,
};

static const char *const loops[] = {
	"[for x in [1, 2, 3] : x * 2 if x != 2]", "[2,6]",
	"[for i, x in [\"a\"] : \"${i}${x}\"]", "[\"0a\"]",
	"[for k, v in {b = 1, a = 2} : \"${k}=${v}\"]", "[\"a=2\",\"b=1\"]",
	"{for x in [\"a\", \"b\"] : x => upper(x)}", "{\"a\":\"A\",\"b\":\"B\"}",
	"{for x in [\"a\", \"b\", \"a\"] : x => x...}", "{\"a\":[\"a\",\"a\"],\"b\":[\"b\"]}",
	"[{a = 1}, {a = 2}][*].a", "[1,2]",
	"[{a = [1]}, {a = [2]}][*].a[0]", "[1,2]",
	"[{a = 1}, {a = 2}].*.a", "[1,2]",
	"\"x\"[*]", "[\"x\"]",
	"null[*]", "[]",
	"[for x in [1, 2] : [for y in [x, 3] : x * y]]", "[[1,3],[4,6]]",
	"max([1, 5, 2]...)", "5",
	NULL,
};

static const char *const functions[] = {
	"absolute(-3)", "3", "add(1, 2)", "3", "and(true, false)", "false", "or(true, false)", "true", "not(true)", "false",
	"ceil(1.2)", "2", "floor(-1.2)", "-2", "int(-1.8)", "-1", "divide(1, 4)", "0.25", "modulo(7, 3)", "1",
	"multiply(2, 3)", "6", "subtract(2, 3)", "-1", "negate(2)", "-2", "signum(-5)", "-1", "log(16, 2)", "4",
	"pow(2, 10)", "1024", "max(1, 3, 2)", "3", "min(2, 1)", "1", "parseint(\"ff\", 16)", "255", "parseint(\"-101\", 2)", "-5",
	"equal(1, 1)", "true", "notequal(\"a\", \"b\")", "true", "greaterthan(2, 1)", "true", "lessthanorequalto(2, 1)", "false",
	"greaterthanorequalto(2, 2)", "true", "lessthan(1, 2)", "true",
	"range(3)", "[0,1,2]", "range(1, 4)", "[1,2,3]", "range(0, 10, 4)", "[0,4,8]", "range(2, 0)", "[2,1]",
	"upper(\"a\u00e9\")", "\"A\u00c9\"", "lower(\"AB\")", "\"ab\"", "title(\"hello big wor-ld\")", "\"Hello Big Wor-Ld\"",
	"reverse(\"ab\u00e9\")", "\"\u00e9ba\"", "strlen(\"ab\u00e9\")", "3", "substr(\"hello\", 1, 3)", "\"ell\"",
	"substr(\"hello\", -3, -1)", "\"llo\"", "join(\"-\", [\"a\", \"b\"], [\"c\"])", "\"a-b-c\"",
	"split(\",\", \"a,b,\")", "[\"a\",\"b\",\"\"]", "chomp(\"a\\n\\n\")", "\"a\"", "indent(2, \"a\\nb\")", "\"a\\n  b\"",
	"trimspace(\"  a \\n\")", "\"a\"", "trim(\"??a?\", \"?\")", "\"a\"", "trimprefix(\"v1.2\", \"v\")", "\"1.2\"",
	"trimsuffix(\"a.go\", \".go\")", "\"a\"", "replace(\"a/b/c\", \"/\", \"-\")", "\"a-b-c\"",
	"basename(\"/a/b/\")", "\"b\"", "dirname(\"/a/b\")", "\"/a\"", "sanitize(\"a.b/c-1_\u00e9\")", "\"a_b_c-1__\"",
	"chunklist([1, 2, 3], 2)", "[[1,2],[3]]", "coalesce(null, \"\", \"b\")", "\"\"", "coalescelist([], [1])", "[1]",
	"compact([\"a\", \"\", \"b\"])", "[\"a\",\"b\"]", "concat([1], [2, 3])", "[1,2,3]", "contains([\"a\"], \"a\")", "true",
	"distinct([\"a\", \"b\", \"a\"])", "[\"a\",\"b\"]", "element([1, 2], 3)", "2", "flatten([[1], [[2]], 3])", "[1,2,3]",
	"indexof([\"a\", \"b\"], \"b\")", "1", "length({a = 1})", "1", "reverselist([1, 2])", "[2,1]",
	"slice([1, 2, 3], 1, 3)", "[2,3]", "sort([\"b\", \"a\"])", "[\"a\",\"b\"]",
	"sethaselement([\"a\"], \"a\")", "true", "setunion([\"b\"], [\"a\"])", "[\"a\",\"b\"]",
	"setintersection([\"a\", \"b\"], [\"b\"])", "[\"b\"]", "setsubtract([\"a\", \"b\"], [\"b\"])", "[\"a\"]",
	"setsymmetricdifference([\"a\", \"b\"], [\"b\", \"c\"])", "[\"a\",\"c\"]",
	"setproduct([1, 2], [\"a\"])", "[[1,\"a\"],[2,\"a\"]]",
	"keys({b = 1, a = 2})", "[\"a\",\"b\"]", "values({b = 1, a = 2})", "[2,1]", "lookup({a = 1}, \"b\", 5)", "5",
	"merge({a = 1, b = 1}, {b = 2})", "{\"a\":1,\"b\":2}", "zipmap([\"a\", \"b\"], [1, 2])", "{\"a\":1,\"b\":2}",
	"hasindex([1], 1)", "false", "index([5, 6], 1)", "6",
	"base64encode(\"hi\")", "\"aGk=\"", "base64decode(\"aGk=\")", "\"hi\"", "urlencode(\"a b/c\")", "\"a+b%2Fc\"",
	"jsonencode({a = [1, null]})", "\"{\\\"a\\\":[1,null]}\"", "jsondecode(\"{\\\"a\\\": [1, true]}\")", "{\"a\":[1,true]}",
	"csvdecode(\"a,b\\n1,\\\"x,\\\"\\\"y\\\"\\n\")", "[{\"a\":\"1\",\"b\":\"x,\\\"y\"}]",
	"md5(\"a\")", "\"0cc175b9c0f1b6a831c399e269772661\"", "sha1(\"a\")", "\"86f7e437faa5a7fce15d1ddcb9eaeaea377667b8\"",
	"sha256(\"\")", "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"",
	"strlen(sha512(\"a\"))", "128", "uuidv5(\"dns\", \"www.example.com\")", "\"2ed6657d-e927-568b-95e1-2665a8aea6a2\"",
	"strlen(uuidv4())", "36",
	"regex(\"[a-z]+\", \"12ab\")", "\"ab\"", "regex(\"(\\\\d)(\\\\d)\", \"12\")", "[\"1\",\"2\"]",
	"regex(\"(?P<x>\\\\d)\", \"1\")", "{\"x\":\"1\"}", "regexall(\"a.\", \"abacx\")", "[\"ab\",\"ac\"]",
	"regex_replace(\"v1.2\", \"(\\\\d)\\\\.(\\\\d)\", \"$${2}-$1\")", "\"v2-1\"", "can(regex(\"^a\", \"b\"))", "false",
	"cidrhost(\"10.0.0.0/8\", 5)", "\"10.0.0.5\"", "cidrnetmask(\"10.0.0.0/12\")", "\"255.240.0.0\"",
	"cidrsubnet(\"10.0.0.0/8\", 8, 2)", "\"10.2.0.0/16\"",
	"cidrsubnets(\"10.1.0.0/16\", 4, 4, 8)", "[\"10.1.0.0/20\",\"10.1.16.0/20\",\"10.1.32.0/24\"]",
	"cidrhost(\"fd00::/64\", 1)", "\"fd00::1\"",
	"format(\"%s-%03d-%.2f-%t-%v-%q-%x\", \"a\", 7, 1.5, true, [1], \"q\", 255)", "\"a-007-1.50-true-[1]-\\\"q\\\"-ff\"",
	"format(\"%5s|%-5s|%%\", \"a\", \"b\")", "\"    a|b    |%\"", "format(\"%[2]s%[1]s\", \"a\", \"b\")", "\"ba\"",
	"formatlist(\"%s:%s\", \"x\", [\"a\", \"b\"])", "[\"x:a\",\"x:b\"]",
	"formatdate(\"YYYY-MM-DD'T'hh:mm:ssZ EEE\", \"2024-02-29T01:02:03Z\")", "\"2024-02-29T01:02:03Z Thu\"",
	"formattimestamp(\"X\", \"1970-01-02T00:00:00+01:00\")", "\"82800\"", "formattimestamp(\"YYYY\", 0)", "\"1970\"",
	"timeadd(\"2023-12-31T23:30:00Z\", \"1h\")", "\"2024-01-01T00:30:00Z\"", "length(timestamp()[*])", "1",
	"unixtimestampparse(1690328596).iso_week", "30", "unixtimestampparse(1690328596).weekday_name", "\"Tuesday\"",
	"semvercmp(\"1.2.3\", \">= 1.2, < 2\")", "true", "semvercmp(\"v2.0.0\", \"~1.2 || ^2\")", "true",
	"semvercmp(\"1.2.3-beta\", \">=1.0\")", "false", "semvercmp(\"1.5.0\", \"1.2 - 1.4\")", "false",
	"try(nothing, {a = 1}.b, \"c\")", "\"c\"", "can({a = 1}.a)", "true", "convert([\"1\", 2], list(number))", "[1,2]",
	"convert({a = 1}, object({a = string, b = optional(number)}))", "{\"a\":\"1\",\"b\":null}",
	NULL,
};

static void check_all(const char *const *pairs)
{
	for (; *pairs; pairs += 2) {
		struct hcl_text t;

		hcl_text_read(&t, pairs[0]);
		if (!t.value)
			fail_msg("%s: %s", pairs[0], t.complaints.data);
		if (strcmp(t.json.data, pairs[1]) != 0)
			fail_msg("%s is %s, not %s", pairs[0], t.json.data, pairs[1]);
		hcl_text_free(&t);
	}
}

static void test_literals(void **state)
{
	(void)state;
	check_all(literals);
}

static void test_operators(void **state)
{
	(void)state;
	check_all(operators);
}

static void test_templates(void **state)
{
	(void)state;
	check_all(templates);
}

static void test_loops(void **state)
{
	(void)state;
	check_all(loops);
}

static void test_functions(void **state)
{
	(void)state;
	check_all(functions);
}

/* What is wrong, and what is said of it: line and column first. */
static const char *const faults[] = {
	"nothing", "1:5: error: there is no variable \"nothing\"",
	"upperr(\"a\")", "did you mean \"upper\"?",
	"upper()", "1:5: error: upper() takes 1 argument, not 0",
	"{abc = 1}.abd", "did you mean \"abc\"?",
	"[1][1]", "1:9: error: the list has 1 items, counted from 0, and no such one",
	"1 + true", "1:9: error: a number is needed here, but this is a bool",
	"1 / 0", "division by zero",
	"\"${[1]}x\"", "1:8: error: a string is needed here, but this is a list",
	"\"a${null}\"", "null has no place in a text",
	"true ? [1] : 2", "both results must be of one type",
	"{for x in [1, 1] : \"a\" => x}", "the keys of this object are not different",
	"[1, 2", "1:10: error: \",\" or \"]\" is missing before the end",
	"\"a", "1:5: error: the text is not ended by a quote on its line",
	"\"a ${1\"", "1:11: error: \"}\" is missing here, to end what \"${\" begins",
	"\"\\q\"", "1:6: error: unknown escape in a text",
	"\"\\u12\"", "must be followed by the 4 hexadecimal digits",
	"\"%{ iff true }\"", "did you mean \"if\"?",
	"\"%{ if true }\"", "this directive is not ended by \"%{ endif }\"",
	"\"%{ endif }\"", "this directive ends or continues none that was begun",
	"<<EOF\na\n", "no line \"EOF\" ends this text",
	"'a'", "a text in single quotes is not HCL",
	"1 1", "1:7: error: a newline is missing before \"1\"",
	"a = 1", "1:7: error: a newline is missing before \"=\"",
	"", "a value is missing before the end of the line",
	"range(100000)", "range(): more than 1024 numbers",
	"range(0, 10, -1)", "this step does not lead",
	"regex(\"(\", \"a\")", "regex(): malformed pattern",
	"regex(\"a\", \"b\")", "the pattern does not match",
	"format(\"%d\", 1.5)", "%d needs a whole number",
	"format(\"%s\")", "a verb asks for value 1, and there are 0",
	"format(\"%y\", 1)", "there is no verb \"%y\"",
	"formatdate(\"QQ\", \"2024-02-29T01:02:03Z\")", "there is no verb \"QQ\" of dates",
	"formatdate(\"Y\", \"2023-02-29T01:02:03Z\")", "is not a time",
	"semvercmp(\"x\", \"1\")", "\"x\" is not a version",
	"jsondecode(\"{\")", "this is not JSON",
	"base64decode(\"!\")", "this is not the base64 of a text",
	"cidrhost(\"10.0.0.0\", 1)", "is not a prefix",
	"convert(1, strin)", "did you mean \"string\"?",
	"convert([1], map(string))", "a map is needed here, but this is a list",
	"replace(replace(replace(format(\"%9000s\", \"\"), \" \", format(\"%9000s\", \"\")), \" \", \"ab\"), \" \", \"\")", "longer than 4 MiB",
	"[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : \"x${c}\"]]]", "take more than 64 MiB",
	NULL,
};

static void test_faults(void **state)
{
	struct hcl_text t;
	struct buf deep cleanup_buf = { 0 };

	(void)state;
	for (const char *const *pair = faults; *pair; pair += 2) {
		hcl_text_read(&t, pair[0]);
		if (t.value)
			fail_msg("%s was accepted: %s", pair[0], t.json.data);
		if (!strstr(t.complaints.data, pair[1]))
			fail_msg("%s: no \"%s\" in\n%s", pair[0], pair[1], t.complaints.data);
		hcl_text_free(&t);
	}
	for (int i = 0; i < 100000; i++)
		buf_str(&deep, "[");
	hcl_text_read(&t, deep.data);
	assert_non_null(strstr(t.complaints.data, "nested more than 64 deep"));
	hcl_text_free(&t);
	buf_reset(&deep);
	for (int i = 0; i < 100000; i++)
		buf_str(&deep, "-");
	hcl_text_read(&t, deep.data);
	assert_non_null(strstr(t.complaints.data, "nested more than 64 deep"));
	hcl_text_free(&t);
	buf_reset(&deep);
	for (int i = 0; i < 100000; i++)
		buf_str(&deep, "1+");
	buf_str(&deep, "1");
	hcl_text_read(&t, deep.data);
	assert_non_null(strstr(t.complaints.data, "evaluated more than 500 deep"));
	hcl_text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_literals), cmocka_unit_test(test_operators), cmocka_unit_test(test_templates),
		cmocka_unit_test(test_loops),    cmocka_unit_test(test_functions), cmocka_unit_test(test_faults),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
