#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/platform.h"
#include "base/ref.h"

#define HEX "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define DIGEST "sha256:" HEX
#define A16 "aaaaaaaaaaaaaaaa"
#define A64 A16 A16 A16 A16
#define A128 A64 A64

struct good {
	const char *text;
	const char *domain;
	const char *repository;
	const char *tag;
	const char *digest;
};

/* Many of them are from distribution/reference's own tests. */
static const struct good good[] = {
	{ "debian", "docker.io", "library/debian", NULL, NULL },
	{ "debian:12", "docker.io", "library/debian", "12", NULL },
	{ "a/b", "docker.io", "a/b", NULL, NULL },
	{ "docker.io/debian", "docker.io", "library/debian", NULL, NULL },
	{ "index.docker.io/debian", "docker.io", "library/debian", NULL, NULL },
	{ "index.docker.io/a/b:c", "docker.io", "a/b", "c", NULL },
	{ "ghcr.io/a/b@" DIGEST, "ghcr.io", "a/b", NULL, DIGEST },
	{ "ghcr.io/a/b:1@" DIGEST, "ghcr.io", "a/b", "1", DIGEST },
	{ "debian@" DIGEST, "docker.io", "library/debian", NULL, DIGEST },
	{ "localhost/x", "localhost", "x", NULL, NULL },
	{ "localhost:5000/x:y", "localhost:5000", "x", "y", NULL },
	{ "localhost:5000", "docker.io", "library/localhost", "5000", NULL },
	{ "test.com/repo:tag", "test.com", "repo", "tag", NULL },
	{ "test:5000/repo@" DIGEST, "test:5000", "repo", NULL, DIGEST },
	{ "lowercase:Uppercase", "docker.io", "library/lowercase", "Uppercase", NULL },
	{ "sub-dom1.foo.com/bar/baz/quux:some-long-tag", "sub-dom1.foo.com", "bar/baz/quux", "some-long-tag", NULL },
	{ "xn--n3h.com/myimage:xn--n3h.com", "xn--n3h.com", "myimage", "xn--n3h.com", NULL },
	{ "foo_bar.com:8080", "docker.io", "library/foo_bar.com", "8080", NULL },
	{ "foo/foo_bar.com:8080", "docker.io", "foo/foo_bar.com", "8080", NULL },
	{ "192.168.1.1:5000/a", "192.168.1.1:5000", "a", NULL, NULL },
	{ "[2001:db8::1]:5000/repo", "[2001:db8::1]:5000", "repo", NULL, NULL },
	{ "[::1]/repo:t", "[::1]", "repo", "t", NULL },
	{ "Foo/bar", "Foo", "bar", NULL, NULL },
	{ "a__b/c.d/e--f/g_h", "docker.io", "a__b/c.d/e--f/g_h", NULL, NULL },
	{ "x:" A128, "docker.io", "library/x", A128, NULL },
	{ HEX "a", "docker.io", "library/" HEX "a", NULL, NULL },
};

static const char *const bad[] = {
	"",
	":justtag",
	"@" DIGEST,
	"repo@sha256:ffffffffffffffffffffffffffffffffff",
	"validname@invaliddigest:" HEX HEX,
	"x@" DIGEST "0",
	"x@" DIGEST ":tag",
	"Uppercase:tag",
	"test:5000/Uppercase/lowercase:tag",
	"aa/asdf$$^/aa",
	"a//b",
	"/a",
	"a/",
	"ghcr.io/",
	"-a",
	"a-",
	"_a",
	"a_",
	".a",
	"a..b",
	"a___b",
	"a._b",
	"a.-b",
	"x:",
	"x:-1",
	"x:.1",
	"x:a b",
	"x:a\n",
	"x\n",
	"x:" A128 "a",
	"a:b:c",
	"[fe80::1%eth0]:5000/repo",
	"[2001:db8::1/repo",
	"[]/repo",
	"-foo.com/bar",
	"foo-.com/bar",
	"foo..com/bar",
	"foo.com./bar",
	"foo.com:/bar",
	"foo.com:a/bar",
	"foo.com:1:2/bar",
	"https://github.com/docker/docker",
	"docker/Docker",
	HEX,
	A128 A64 A16 A16 A16 A16, /* with library/ longer than 255 */
	"../../etc/passwd",
};

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static void test_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const char *why = NULL;
		struct ref ref;

		if (!ref_parse(good[i].text, &ref, &why))
			fail_msg("'%s': %s", good[i].text, why);
		if (!same_text(ref.domain, good[i].domain) || !same_text(ref.repository, good[i].repository) ||
		    !same_text(ref.tag, good[i].tag) || !same_text(ref.digest, good[i].digest))
			fail_msg("'%s' is '%s' '%s' '%s' '%s'", good[i].text, ref.domain, ref.repository, ref.tag,
				 ref.digest);
		ref_free(&ref);
		assert_null(ref.domain);
	}
}

static void test_not_references(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		struct ref ref;

		if (ref_parse(bad[i], &ref, &why))
			fail_msg("'%s' is taken for a reference", bad[i]);
		assert_non_null(why);
		assert_false(ref_parse(bad[i], &ref, NULL));
	}
}

static void test_same(void **state)
{
	(void)state;
	assert_true(ref_same("debian", "docker.io/library/debian:latest"));
	assert_true(ref_same("index.docker.io/a/b:1", "a/b:1"));
	assert_false(ref_same("debian:12", "debian"));
	assert_false(ref_same("a/b", "ghcr.io/a/b"));
	assert_true(ref_same("x:1@" DIGEST, "x@" DIGEST));
	assert_false(ref_same("x@" DIGEST, "x"));
	assert_false(ref_same("Not a reference", "Not a reference"));
}

static void test_names_and_tags(void **state)
{
	(void)state;
	assert_true(ref_name_valid("control-plane"));
	assert_true(ref_name_valid("A.b_c-1"));
	assert_true(ref_name_valid(A128));
	assert_false(ref_name_valid(A128 "a"));
	assert_false(ref_name_valid(""));
	assert_false(ref_name_valid("-x"));
	assert_false(ref_name_valid("../.."));
	assert_false(ref_name_valid("a/b"));
	assert_false(ref_name_valid("a\n"));
	assert_true(ref_tag_valid("_x"));
	assert_true(ref_tag_valid("v1.2-rc.1"));
	assert_false(ref_tag_valid(""));
	assert_false(ref_tag_valid("v1\n"));
	assert_false(ref_tag_valid(A128 "a"));
}

static void test_platforms(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} platforms[] = {
		{ "linux/amd64", "linux/amd64" },
		{ "linux/x86_64", "linux/amd64" },
		{ "x86-64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" },
		{ "linux/amd64/v3", "linux/amd64/v3" },
		{ "arm64", "linux/arm64" },
		{ "aarch64", "linux/arm64" },
		{ "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },
		{ "linux/arm64/v9", "linux/arm64/v9" },
		{ "armhf", "linux/arm/v7" },
		{ "linux/arm", "linux/arm/v7" },
		{ "linux/arm/6", "linux/arm/v6" },
		{ "linux/armel", "linux/arm/v6" },
		{ "linux/i386", "linux/386" },
		{ "Linux/AMD64", "linux/amd64" },
		{ "macos/arm64", "darwin/arm64" },
		{ "windows/amd64", "windows/amd64" },
		{ "s390x", "linux/s390x" },
		{ "linux/riscv64", "linux/riscv64" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(platforms) / sizeof(platforms[0]); i++) {
		struct platform platform;
		char text[PLATFORM_TEXT];

		assert_true(platform_parse(platforms[i].text, &platform));
		platform_text(&platform, text);
		assert_string_equal(text, platforms[i].want);
	}
}

static void test_not_platforms(void **state)
{
	static const char *const texts[] = {
		"",
		"/",
		"linux/",
		"/amd64",
		"linux//v8",
		"linux/arm64/",
		"linux/arm/v7/x",
		"nonsense",
		"linux/amd 64",
		"linux/amd64,linux/arm64",
		"linux/averyveryverylongname",
		"linux/arm64/variant-x",
		"linux/amd64\n",
	};
	struct platform platform;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (platform_parse(texts[i], &platform))
			fail_msg("'%s' is taken for a platform", texts[i]);
	}
}

static void test_host(void **state)
{
	struct platform host;
	struct platform parsed;
	struct platform other;
	char text[PLATFORM_TEXT];

	(void)state;
	platform_host(&host);
	assert_string_equal(host.os, "linux");
	platform_text(&host, text);
	assert_true(platform_parse(text, &parsed));
	assert_true(platform_equal(&host, &parsed)); /* it is normalised already */
	assert_true(platform_parse("linux/arm/v7", &parsed));
	assert_true(platform_parse("linux/arm/v6", &other));
	assert_false(platform_equal(&parsed, &other));
	assert_true(platform_parse("linux", &parsed));
	assert_true(platform_equal(&host, &parsed));
	assert_true(platform_parse("windows", &parsed));
	assert_false(platform_equal(&host, &parsed));
#ifdef __x86_64__
	assert_string_equal(host.arch, "amd64");
#endif
}

/* The variants that a platform falls back to, in order. */
static void assert_weaker(const char *platform, const char *wanted)
{
	cleanup_buf struct buf got = { 0 };
	struct platform p;
	char text[PLATFORM_TEXT];

	buf_str(&got, "");
	assert_true(platform_parse(platform, &p));
	while (platform_weaker(&p)) {
		platform_text(&p, text);
		buf_printf(&got, "%s%s", got.len ? " " : "", text);
	}
	assert_string_equal(got.data, wanted);
}

static void test_weaker(void **state)
{
	(void)state;
	assert_weaker("linux/amd64", "");
	assert_weaker("linux/amd64/v3", "linux/amd64/v2 linux/amd64");
	assert_weaker("linux/arm/v7", "linux/arm/v6 linux/arm/v5");
	assert_weaker("linux/arm/v5", "");
	assert_weaker("linux/arm64", "");
	assert_weaker("linux/arm64/v9", "linux/arm64");
	assert_weaker("linux/arm64/v8.2", "linux/arm64/v8.1 linux/arm64");
	assert_weaker("linux/riscv64", "");
	assert_weaker("linux/amd64/odd", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references), cmocka_unit_test(test_not_references),
		cmocka_unit_test(test_same),       cmocka_unit_test(test_names_and_tags),
		cmocka_unit_test(test_platforms),  cmocka_unit_test(test_not_platforms),
		cmocka_unit_test(test_host),       cmocka_unit_test(test_weaker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
