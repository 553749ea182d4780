#include "config.h"

#include "tests/unit/dsl_world.h"

/* What is to be said beside an image. */

static void test_words(void **state)
{
	static const struct {
		const char *written;
		enum provenance provenance;
		bool sbom;
		const char *generator;
	} cases[] = {
		{ "provenance: min", PROVENANCE_MIN, false, NULL },
		{ "provenance: true", PROVENANCE_MIN, false, NULL },
		{ "provenance: mode=min", PROVENANCE_MIN, false, NULL },
		{ "provenance: max, sbom: true", PROVENANCE_MAX, true, NULL },
		{ "provenance: mode=max, sbom: \"\"", PROVENANCE_MAX, false, NULL },
		{ "provenance: false, sbom: false", PROVENANCE_NONE, false, NULL },
		{ "provenance: \"${NOTHING:-}\"", PROVENANCE_NONE, false, NULL },
		{ "sbom: generator=r.example.org/scan:1", PROVENANCE_NONE, true, "r.example.org/scan:1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_free char *text = mem_printf("services: {web: {build: {context: ., %s}}}\n", cases[i].written);
		struct loaded_text t;
		const struct service *web;

		test_load_good(&t, text, NULL);
		web = &t.manifest->services[0];
		assert_int_equal(web->build.provenance, cases[i].provenance);
		assert_int_equal(web->build.sbom, cases[i].sbom);
		if (cases[i].generator)
			assert_string_equal(web->build.sbom_generator, cases[i].generator);
		else
			assert_null(web->build.sbom_generator);
		assert_int_equal(service_attests(web), cases[i].provenance || cases[i].sbom);
		test_unload(&t);
	}
}

/* Nothing is said of what nobody gets. */
static void test_unpublished(void **state)
{
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "services: {base: {publish: false, build: {context: ., provenance: max}}}\n", NULL);
	assert_false(service_attests(&t.manifest->services[0]));
	test_unload(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_unpublished),
	};

	return cmocka_run_group_tests_name("dsl attest", tests, NULL, NULL);
}
