#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/scan.h"
#include "base/toml.h"
#include "dsl/bake.h"
#include "dsl/dotenv.h"
#include "dsl/load.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/lockfile.h"
#include "engine/oci/storage_index.h"
#include "engine/source/dockerfile.h"
#include "engine/source/ignore.h"
#include "tests/unit/fuzz_world.h"
#include "tests/unit/hcl_world.h"

/* Readers of what others wrote. What they make of the texts is for other tests. */

#define ROUNDS 4000 /* of each text: all of them together take a second */

typedef void reader(const char *text, size_t len);

struct reading {
	const char *const *texts;
	reader *read;
};

static void spoil_and_read_once(struct random *r, void *data)
{
	const struct reading *reading = data;

	for (const char *const *texts = reading->texts; *texts; texts++) {
		struct buf text cleanup_buf = { 0 };
		cleanup_free char *exact = NULL;

		buf_str(&text, *texts);
		spoil(r, &text);
		/* Of its very size, so that a sanitizer sees a byte read behind its end. */
		exact = mem_alloc(text.len);
		if (text.len > 0)
			memcpy(exact, text.data, text.len);
		reading->read(exact, text.len);
	}
}

static void spoil_and_read(const char *const *texts, reader *read)
{
	struct reading reading = { texts, read };

	fuzz(ROUNDS, spoil_and_read_once, &reading);
}

static void read_dockerfile(const char *text, size_t len)
{
	static const struct dockerfile_arg args[] = { { "A", "x/y" }, { "B", NULL } };
	static const char *const contexts[] = { "common" };
	struct dockerfile_options options = { .args = args, .args_len = 2, .contexts = contexts, .contexts_len = 1 };
	struct dockerfile *dockerfile = NULL;
	struct arena *arena = arena_new();
	struct dockerfile_use use;

	platform_parse("linux/arm64", &options.platform);
	if (dockerfile_parse(text, len, "Dockerfile", &dockerfile, NULL) == 0 &&
	    dockerfile_resolve(dockerfile, &options, arena, &use, NULL) == 0) {
		for (size_t i = 0; i < use.images_len; i++)
			assert_true(use.images[i].offset + use.images[i].length <= len);
	}
	dockerfile_free(dockerfile);
	arena_free(arena);
}

static void test_dockerfile(void **state)
{
	static const char *const texts[] = {
		"# syntax=docker/dockerfile:1\nARG V=3\nFROM --platform=$BUILDPLATFORM go:${V:-1} AS b\nRUN "
		"--mount=type=bind,from=common,source=a,target=/b make\nFROM b\nCOPY --from=b [\"a b\", \"/c\"]\n",
		"# escape=`\nFROM a AS x\nENV A=\"$B\" C='d'\nCOPY --parents ./x/./*.go ${A%%*b}`\n y/${A/b/c} /\nONBUILD ADD z /\n",
		"FROM a\nRUN <<-E cat <<\"F\"\n\tx\n\tE\ny\nF\nCOPY <<G --from=0 h \\\n# i\n j /\nG\nLABEL a=b\n",
		NULL,
	};

	(void)state;
	spoil_and_read(texts, read_dockerfile);
}

static void read_ignore(const char *text, size_t len)
{
	struct ignore *ignore = NULL;

	if (ignore_parse(text, len, ".dockerignore", &ignore, NULL) == 0) {
		ignore_matches(ignore, "a/bb/c.go");
		ignore_descend(ignore, "a/bb");
		ignore_walk(ignore, "a/bb/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	}
	ignore_free(ignore);
}

static void test_ignore(void **state)
{
	static const char *const texts[] = { "# x\n*\n!a/**/b*\n[a-z]?/\\*c\n", "**/a*a*a*a*/**/[^b-d]?\n!/a/../b\n",
					     NULL };

	(void)state;
	spoil_and_read(texts, read_ignore);
}

static void read_hcl_of(const char *text, size_t len, bool json)
{
	static const struct hcl_json_schema schema[] = { { "target", 1, NULL }, { 0 } };
	struct hcl_text t = { .arena = arena_new(), .diags = diags_new() };
	uint32_t file = diags_source(t.diags, "docker-bake", text, len);

	if (text_utf8(text, len)) /* what the loader refuses before */
		t.body = json ? hcl_parse_json(t.arena, t.diags, file, schema) : hcl_parse(t.arena, t.diags, file);
	hcl_text_evaluate(&t);
	for (size_t i = 0; t.body && i < t.body->blocks_len; i++) {
		struct hcl_text inner = { .arena = t.arena, .diags = t.diags, .body = t.body->blocks[i].body };

		hcl_text_evaluate(&inner);
		buf_free(&inner.json);
	}
	diags_render(t.diags, &t.complaints, false);
	hcl_text_free(&t);
}

static void read_hcl(const char *text, size_t len)
{
	read_hcl_of(text, len, false);
}

static void read_hcl_json(const char *text, size_t len)
{
	read_hcl_of(text, len, true);
}

static void test_hcl(void **state)
{
	static const char *const texts[] = {
		"a = <<-EOF\n  x ${~ 1 + 2 ~} %{ if true ~}\n y %{ else } z %{ endif }\n  EOF\nb = \"\\u00e9 %{ for k, v in {a = 1} }${k}%{ endfor }\"\n",
		"target \"x\" {\n  a = [for i, x in [1, 2] : x * -i if x > 1]\n  b = {for k, v in {c = [5]} : upper(k) => v[0]...}\n}\n",
		"a = [{b = 1}][*].b[0]\nc = try(1 / 0, true ? \"a\" : 1, [1, 2]...)\nd = regex_replace(\"aab\", \"(a)+\", \"$1\")\n",
		"a = format(\"%5s %-3d %q %#v %.2f\", \"x\", 7, \"y\", [1], 1.5)\nb = formatdate(\"YYYY'x'MMM\", \"2024-02-29T01:02:03+01:00\")\nc = cidrsubnets(\"10.0.0.0/8\", 4, 8)\n",
		"a = semvercmp(\"1.2.3-a.1\", \">=1.2, <2 || ~1.x || 1.0 - 2.0\")\nb = timeadd(\"2024-02-29T01:02:03Z\", \"-1h30.5m\")\nc = setproduct([1, 2], [\"a\"])\nd = convert({a = 1}, object({a = string, b = optional(list(number))}))\n",
		"a = jsondecode(\"{\\\"a\\\": [1, \\\"\\\\u00e9\\\"]}\")\nb = csvdecode(\"a,b\\n1,\\\"x\\\"\\n\")\nc = substr(replace(\"a\", \"\", \"b\"), -1, 1)\nd = uuidv5(\"dns\", parseint(\"z\", 36))\n",
		NULL,
	};
	static const char *const jsons[] = {
		"{\"target\": {\"x\": [{\"a\": \"${1 + 1}%{ if true }\\u00e9%{ endif }\"}]}, \"b\": [1.5e3, null, {\"c\": \"\\ud83d\\ude00\"}]}",
		NULL,
	};

	(void)state;
	spoil_and_read(texts, read_hcl);
	spoil_and_read(jsons, read_hcl_json);
}

/* What targets make of each other, too. */
static void read_bake_of(const char *text, size_t len, const char *name)
{
	static const char *const sets[] = { "a*.args.X=1", "V=2", "b.tags+=x", NULL };
	static const char *const outside[] = { "L=p,\"q\"", "N=5", NULL };
	struct load_options options = { .sets = sets, .environ = outside };
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	struct buf complaints cleanup_buf = { 0 };
	struct bake *bake = bake_new(arena, diags, &options);

	bake_add(bake, diags_source(diags, name, text, len), name);
	bake_tree(bake, NULL);
	diags_render(diags, &complaints, false);
	bake_free(bake);
	diags_free(diags);
	arena_free(arena);
}

static void read_bake_hcl(const char *text, size_t len)
{
	read_bake_of(text, len, "docker-bake.hcl");
}

static void read_bake_json(const char *text, size_t len)
{
	read_bake_of(text, len, "docker-bake.json");
}

static void test_bake(void **state)
{
	static const char *const texts[] = {
		"variable \"V\" { default = \"1\" }\nvariable \"L\" {\n  type = list(string)\n  default = [V]\n  validation {\n    condition = length(L) > 0\n    error_message = \"x\"\n  }\n}\n"
		"variable \"N\" {\n  type = map(number)\n}\nfunction \"f\" {\n  params = [x]\n  variadic_params = y\n  result = \"${x}${join(\"\", y)}\"\n}\n"
		"target \"a\" {\n  inherits = [\"b\"]\n  name = \"a-${x}\"\n  matrix = { x = L }\n  args = { X = f(x, V), Y = target.b.tags[0] }\n}\n"
		"target \"b\" {\n  tags = [\"t\"]\n  secret = [{ id = \"x\", src = \"y\" }, \"id=z\"]\n  ssh = [{ id = \"k\", paths = [\"p\"] }]\n  contexts = { c = \"target:a-1\" }\n}\n"
		"group \"g\" { targets = [\"a\", \"h\"] }\ngroup \"h\" { targets = [\"g\", \"b\"] }\n",
		NULL,
	};
	static const char *const jsons[] = {
		"{\"variable\": {\"V\": {\"default\": [1], \"type\": \"list(number)\"}}, \"function\": {\"f\": {\"params\": [\"x\"], \"result\": \"${x}\"}}, "
		"\"group\": {\"default\": {\"targets\": [\"a\"]}}, \"target\": {\"a\": {\"args\": {\"X\": \"${f(V[0])}\"}, \"output\": [{\"type\": \"local\"}]}}}",
		NULL,
	};

	(void)state;
	spoil_and_read(texts, read_bake_hcl);
	spoil_and_read(jsons, read_bake_json);
}

static void read_dotenv(const char *text, size_t len)
{
	struct arena *arena = arena_new();
	struct diags *diags = diags_new();
	uint32_t file = diags_source(diags, ".env", text, len);
	cleanup_buf struct buf shown = { 0 };
	struct dotenv_var *vars;
	size_t count;

	if (len > 0 && !memchr(text, '\0', len))
		dotenv_parse(arena, diags, file, text, len, &vars, &count);
	diags_render(diags, &shown, true);
	diags_free(diags);
	arena_free(arena);
}

static void test_dotenv(void **state)
{
	static const char *const texts[] = { "# x\nexport A=b # c\nD: \"e\\n${F}\n g\"\nH='i\n j'\nK\n", NULL };

	(void)state;
	spoil_and_read(texts, read_dotenv);
}

static void count_image(void *data, const struct storage_image *image)
{
	*(size_t *)data += image->id_len + image->names_len;
}

static void read_json(const char *text, size_t len)
{
	struct scan scan = scan_begin(text, len);
	struct document *document cleanup_document = NULL;
	struct image *image cleanup_image = NULL;
	struct buf canonical cleanup_buf = { 0 };
	size_t sum = 0;

	scan_skip(&scan);
	scan_done(&scan);
	storage_index_read(text, len, "images.json", count_image, &sum, NULL);
	document_parse(text, len, NULL, "", "a manifest", &document, NULL);
	image_read_config(text, len, "a config", &image, NULL);
	image_canonical_config(text, len, "a config", &canonical, NULL);
}

static void test_json(void **state)
{
#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	static const char *const texts[] = {
		"[{\"id\":\"ab\",\"names\":[\"localhost/a:1\"],\"big-data-names\":[\"manifest\",\"" DIGEST
		"\"],\"x\":1.5e3}]",
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"" DIGEST
		"\",\"size\":2},\"layers\":[{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"" DIGEST
		"\",\"size\":3}]}",
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"" DIGEST
		"\",\"size\":4,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\"}}]}",
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"User\":\"1\",\"Env\":[\"A=b\"],\"Labels\":{\"c\":\"d\"}},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST
		"\"]},\"history\":[{\"created_by\":\"dir:\\u0041\"}]}",
		NULL,
	};

	(void)state;
	spoil_and_read(texts, read_json);
}

/* What was taken is written as what would be taken again. */
static void read_lock(const char *text, size_t len)
{
	struct lockfile *lock cleanup_lockfile = NULL, *again cleanup_lockfile = NULL;
	struct buf written cleanup_buf = { 0 }, rewritten cleanup_buf = { 0 };

	if (lockfile_parse(text, len, "services.lock", &lock, NULL) < 0)
		return;
	lockfile_text(lock, &written);
	assert_int_equal(lockfile_parse(written.data, written.len, "services.lock", &again, NULL), 0);
	lockfile_text(again, &rewritten);
	assert_string_equal(written.data, rewritten.data);
}

static void test_lock(void **state)
{
	static const char *const texts[] = {
		"# x\nversion 1\n\nlocalhost:5000/b:1 " DIGEST "\n  linux/arm/v7 " DIGEST "\n  linux/amd64 " DIGEST
		"\ndocker.io/library/a:2 " DIGEST "\n",
		"version 3\nurl https://h/x?y=%20 " DIGEST
		"\nurl https://h/r.git#main:sub commit:0123456789012345678901234567890123456789\n",
		NULL
	};

	(void)state;
	spoil_and_read(texts, read_lock);
}

static void read_toml(const char *text, size_t len)
{
	cleanup_json struct json *json = NULL;

	toml_parse(text, len, "registries.conf", &json, NULL);
}

static void test_toml(void **state)
{
	static const char *const texts[] = {
		"unqualified-search-registries = ['docker.io', \"\\u0041.lan\"] # x\n[[registry]]\nprefix.a.\"b\" = \"\"\"\nc\\\n "
		"d\"\"\"\n[[registry.mirror]]\nblocked = true\n[aliases]\n",
		"server = { a = 1_0, b = [0x1f, -1.5e3, inf, ] }\n[host.'https://h']\nd = [1979-05-27 07:32:00.5Z, 07:32:00]\ne = "
		"'''f''g'''\n[host.x.header]\n",
		NULL,
	};

	(void)state;
	spoil_and_read(texts, read_toml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dockerfile), cmocka_unit_test(test_ignore), cmocka_unit_test(test_hcl),
		cmocka_unit_test(test_bake),       cmocka_unit_test(test_toml),   cmocka_unit_test(test_dotenv),
		cmocka_unit_test(test_json),       cmocka_unit_test(test_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
