#include "config.h"

#include "tests/unit/dsl_world.h"

/* What images there are besides the plain one. */

static void assert_format(const struct service *service, size_t i, enum format_kind kind, const char *suffix)
{
	static const char *const names[] = { "zstd", "estargz", "nydus" };

	assert_true(i < service->formats_len);
	assert_int_equal(service->formats[i].kind, kind);
	assert_string_equal(service->formats[i].name.s, names[kind]);
	assert_string_equal(service->formats[i].suffix.s, suffix);
}

static const char manifest[] = "registry: ghcr.io/acme\n"
			       "formats: {zstd: {}, estargz: {suffix: \"${SUFFIX:--lazy}\"}}\n"
			       "templates:\n"
			       "  lazy: {formats: {estargz: {suffix: -e}}}\n"
			       "services:\n"
			       "  web: {build: .}\n"
			       "  api: {extends: lazy, build: ., formats: [oci, zstd]}\n"
			       "  none: {build: ., formats: []}\n"
			       "  base: {build: ., publish: false}\n"
			       "  cli: {build: .}\n"
			       "  db: {image: postgres}\n";

static void test_forms(void **state)
{
	const struct text_options options = {
		.sets = LIST("cli.formats=nydus,zstd", "api.formats.zstd.suffix=-z"),
		.environ = LIST("SUFFIX=-slow"),
	};
	struct loaded_text t;
	const struct service *s;

	(void)state;
	test_load_good(&t, manifest, &options);
	s = t.manifest->services;
	assert_int_equal(s[0].formats_len, 2);
	assert_format(&s[0], 0, FORMAT_ZSTD, "-zstd");
	assert_format(&s[0], 1, FORMAT_ESTARGZ, "-slow");
	assert_int_equal(s[1].formats_len, 2);
	assert_format(&s[1], 0, FORMAT_ESTARGZ, "-e");
	assert_format(&s[1], 1, FORMAT_ZSTD, "-z");
	assert_int_equal(s[2].formats_len, 0);
	assert_int_equal(s[3].formats_len, 0);
	assert_int_equal(s[4].formats_len, 2);
	assert_format(&s[4], 0, FORMAT_NYDUS, "-nydus");
	assert_format(&s[4], 1, FORMAT_ZSTD, "-zstd");
	assert_int_equal(s[5].formats_len, 0);
	test_unload(&t);
}

static void test_none(void **state)
{
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "services: {web: {build: .}}\n", NULL);
	assert_int_equal(t.manifest->services[0].formats_len, 0);
	test_unload(&t);
}

/* An included manifest has the formats of the one that includes it, or its own. */
static void test_included(void **state)
{
	const struct text_options options = {
		.files = LIST("a/services.yaml", "services: {a: {build: .}}\n", "b/services.yaml",
			      "formats: estargz\nservices: {b: {build: .}}\n", "c/services.yaml",
			      "formats: []\nservices: {c: {build: .}}\n"),
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "formats: [zstd]\ninclude: [a/services.yaml, b/services.yaml, c/services.yaml]\n", &options);
	assert_int_equal(t.manifest->services_len, 3);
	for (size_t i = 0; i < 3; i++) {
		const struct service *service = &t.manifest->services[i];

		if (*service->name.s == 'c')
			assert_int_equal(service->formats_len, 0);
		else
			assert_format(service, 0, *service->name.s == 'a' ? FORMAT_ZSTD : FORMAT_ESTARGZ,
				      *service->name.s == 'a' ? "-zstd" : "-esgz");
	}
	test_unload(&t);
}

static void test_overlay(void **state)
{
	const struct text_options options = {
		.overlay = "more.yaml",
		.files = LIST("more.yaml", "formats: {estargz: }\nservices: {web: {formats: {zstd: {suffix: -b}}}}\n"),
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t,
		       "formats: [zstd]\nservices: {web: {build: ., formats: {zstd: {suffix: -a}}}, api: {build: .}}\n",
		       &options);
	assert_int_equal(t.manifest->services[0].formats_len, 1);
	assert_format(&t.manifest->services[0], 0, FORMAT_ZSTD, "-b");
	assert_int_equal(t.manifest->services[1].formats_len, 2);
	assert_format(&t.manifest->services[1], 1, FORMAT_ESTARGZ, "-esgz");
	test_unload(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_included),
		cmocka_unit_test(test_overlay),
	};

	return cmocka_run_group_tests_name("dsl formats", tests, NULL, NULL);
}
