#include "config.h"

#include "tests/unit/dsl_world.h"

/* `matrix`: one service into many. */

static const struct service *find(const struct loaded_text *t, const char *name)
{
	long index = manifest_service(t->manifest, name);

	if (index < 0)
		fail_msg("no service %s", name);
	return &t->manifest->services[index];
}

static void assert_members(const struct loaded_text *t, const char *group, const char *const *expected)
{
	const struct group *found = manifest_group(t->manifest, group);
	size_t i = 0;

	assert_non_null(found);
	for (; expected[i]; i++) {
		assert_true(i < found->services_len);
		assert_string_equal(t->manifest->services[found->services[i]].name.s, expected[i]);
	}
	assert_int_equal(found->services_len, i);
}

static void test_product(void **state)
{
	static const char text[] = "registry: example.org\n"
				   "services:\n"
				   "  app:\n"
				   "    matrix: {GO: [\"1.21\", \"1.22\"], variant: [a, b]}\n"
				   "    name: app-${matrix.variant}-go${matrix.GO}\n"
				   "    build:\n"
				   "      context: ${matrix.variant}\n"
				   "      args: {GO: \"${matrix.GO}\", SELF: \"${service.name}\"}\n"
				   "      tags: [\"${matrix.GO}\"]\n"
				   "  last: {build: last, needs: [app-a-go1.21]}\n"
				   "groups: {both: [app, last]}\n";
	struct loaded_text t;
	const struct service *app;

	(void)state;
	test_load_good(&t, text, NULL);
	assert_int_equal(t.manifest->services_len, 5);
	assert_members(&t, "app", LIST("app-a-go1.21", "app-b-go1.21", "app-a-go1.22", "app-b-go1.22"));
	assert_members(&t, "both", LIST("app-a-go1.21", "app-b-go1.21", "app-a-go1.22", "app-b-go1.22", "last"));
	app = find(&t, "app-b-go1.22");
	assert_string_equal(path_base(app->build.context.s), "b");
	assert_string_equal(test_pair(&app->build.args, "GO"), "1.22");
	assert_string_equal(test_pair(&app->build.args, "SELF"), "app-b-go1.22");
	assert_string_equal(app->image.s, "example.org/app-b-go1.22");
	assert_texts(&app->tags, LIST("latest", "1.22"));
	assert_int_equal(find(&t, "last")->needs_index[0], manifest_service(t.manifest, "app-a-go1.21"));
	test_unload(&t);
}

static void test_names_and_maps(void **state)
{
	static const char text[] =
		"services:\n"
		"  plain: {build: ., matrix: {base: [\"debian:12\", alpine]}}\n"
		"  maps:\n"
		"    matrix: {item: [{target: lint, level: 1}, {target: test, level: 2}]}\n"
		"    name: do-${matrix.item.target}\n"
		"    image: acme/maps:${matrix.item.target}\n"
		"    build: {target: \"${matrix.item.target}\", args: {L: \"${matrix.item.level}\"}}\n";
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, NULL);
	assert_members(&t, "plain", LIST("plain-debian-12", "plain-alpine"));
	assert_string_equal(find(&t, "do-test")->build.target.s, "test");
	assert_string_equal(test_pair(&find(&t, "do-test")->build.args, "L"), "2");
	assert_string_equal(find(&t, "do-lint")->image.s, "acme/maps");
	assert_texts(&find(&t, "do-lint")->tags, LIST("lint"));
	test_unload(&t);
}

static void test_rules(void **state)
{
	static const char text[] = "vars: {MORE: c}\n"
				   "services:\n"
				   "  app:\n"
				   "    build: .\n"
				   "    matrix:\n"
				   "      A: [a, b, \"${MORE}\"]\n"
				   "      B: [x, y]\n"
				   "      exclude: [{A: a}, {A: b, B: y}]\n"
				   "      include: [{B: z, A: d}]\n";
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, NULL);
	assert_members(&t, "app", LIST("app-b-x", "app-c-x", "app-c-y", "app-d-z"));
	test_unload(&t);
}

/* A template's matrix is that of each service that extends it; what is extended may depend on the matrix. */
static void test_templates(void **state)
{
	static const char text[] = "templates:\n"
				   "  two: {matrix: {V: [\"1\", \"2\"]}, name: \"${service.name}-v${matrix.V}\"}\n"
				   "  for-1: {build: {target: one}}\n"
				   "  for-2: {build: {target: two, args: {V: \"${matrix.V}\"}}}\n"
				   "  idle: {build: {target: \"${matrix.V}\"}, name: \"x-${matrix.V}\"}\n"
				   "services:\n"
				   "  web: {extends: two, build: web}\n"
				   "  api: {extends: \"for-${matrix.V}\", matrix: {V: [1, 2]}}\n"
				   "  own: {extends: two, build: own, matrix: {V: [\"7\"]}}\n";
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, NULL);
	assert_members(&t, "web", LIST("web-v1", "web-v2"));
	assert_members(&t, "api", LIST("api-1", "api-2"));
	assert_members(&t, "own", LIST("own-v7"));
	assert_string_equal(find(&t, "api-1")->build.target.s, "one");
	assert_string_equal(test_pair(&find(&t, "api-2")->build.args, "V"), "2");
	test_unload(&t);
}

static void test_set(void **state)
{
	const struct text_options options = { .sets = LIST("app.build.target=final") };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "services: {app: {build: ., matrix: {A: [a, b]}}}\n", &options);
	assert_string_equal(find(&t, "app-a")->build.target.s, "final");
	assert_string_equal(find(&t, "app-b")->build.target.s, "final");
	test_unload(&t);
}

/* What matrices multiply is bounded, and quickly refused. */
static void test_bomb(void **state)
{
	struct buf text cleanup_buf = { 0 };
	struct loaded_text t;

	(void)state;
	buf_str(&text, "services:\n");
	for (int i = 0; i < 500; i++)
		buf_printf(&text,
			   "  s%d: {build: ., matrix: {A: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0], B: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0], C: [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]}}\n",
			   i);
	test_load(&t, text.data, text.len, NULL);
	assert_null(t.manifest);
	assert_non_null(strstr(t.complaints.data, "there are more than 50000 combinations"));
	assert_true(t.ms < 3000.0);
	test_unload(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_product), cmocka_unit_test(test_names_and_maps),
		cmocka_unit_test(test_rules),   cmocka_unit_test(test_templates),
		cmocka_unit_test(test_set),     cmocka_unit_test(test_bomb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
