#include "config.h"

#include "tests/unit/dsl_world.h"

/* What a second file does to the first, key by key, as compose merges files. */

static const struct service *find(const struct loaded_text *t, const char *name)
{
	long index = manifest_service(t->manifest, name);

	if (index < 0)
		fail_msg("no service %s", name);
	return &t->manifest->services[index];
}

static void merge(struct loaded_text *t, const char *text, const char *over)
{
	const struct text_options options = { .files = LIST("over.yaml", over), .overlay = "over.yaml" };

	test_load_good(t, text, &options);
}

static void test_lists(void **state)
{
	static const char text[] = "services:\n"
				   "  web:\n"
				   "    build:\n"
				   "      context: .\n"
				   "      tags: [a]\n"
				   "      extra_hosts: [one=10.0.0.1]\n"
				   "      secrets: [plain, other]\n"
				   "      args: {A: \"1\", B: \"1\"}\n"
				   "    env_file: one.env\n"
				   "    tmpfs: /one\n"
				   "    ports: [\"80:80\"]\n"
				   "    command: [a, b]\n"
				   "    entrypoint: [c]\n"
				   "    healthcheck: {test: [CMD, a], timeout: 3s}\n"
				   "secrets: {plain: {environment: P}, other: {environment: O}}\n";
	static const char over[] = "services:\n"
				   "  web:\n"
				   "    build:\n"
				   "      tags: [b, a]\n"
				   "      extra_hosts: {two: 10.0.0.2}\n"
				   "      secrets: [{source: other, target: plain}, other]\n"
				   "      args: [B=2, C=3]\n"
				   "    env_file: [{path: one.env, required: false}, two.env]\n"
				   "    tmpfs: /two\n"
				   "    ports: [{target: 80, published: 80}, 81]\n"
				   "    command: [d]\n"
				   "    entrypoint: []\n"
				   "    healthcheck: {test: [CMD, b]}\n";
	struct loaded_text t;
	const struct service *web;

	(void)state;
	merge(&t, text, over);
	web = find(&t, "web");
	assert_texts(&web->tags, LIST("latest", "a", "b"));
	assert_texts(&web->build.hosts, LIST("one:10.0.0.1", "two:10.0.0.2"));
	assert_int_equal(web->build.secrets_len, 2);
	assert_string_equal(web->build.secrets[0].id.s, "plain");
	assert_string_equal(web->build.secrets[0].variable.s, "O");
	assert_string_equal(test_pair(&web->build.args, "B"), "2");
	assert_int_equal(web->build.args.len, 3);
	assert_int_equal(web->env_files_len, 2);
	assert_true(web->env_files[0].optional);
	assert_string_equal(web->env_files[1].path.s, "two.env");
	assert_texts(&web->tmpfs, LIST("/one", "/two"));
	assert_int_equal(web->ports_len, 2);
	assert_texts(&web->command, LIST("d"));
	assert_int_equal(web->entrypoint.len, 0);
	assert_texts(&web->healthcheck.test, LIST("CMD", "b"));
	assert_int_equal(web->healthcheck.timeout_ms, 3000);
	test_unload(&t);
}

static void test_tags(void **state)
{
	static const char text[] = "templates: {t: {ports: [70], tmpfs: [/t], environment: {T: \"1\"}}}\n"
				   "services:\n"
				   "  web:\n"
				   "    extends: t\n"
				   "    build: {context: ., args: {A: \"1\", B: \"1\"}, tags: [x]}\n"
				   "    ports: [80]\n"
				   "    tmpfs: [/own]\n"
				   "    user: me\n"
				   "  gone: {build: gone}\n"
				   "groups: {some: [web]}\n";
	static const char over[] = "services:\n"
				   "  web:\n"
				   "    build: {args: !override {C: \"3\"}, tags: !reset []}\n"
				   "    ports: !reset []\n"
				   "    tmpfs: !override [/new]\n"
				   "    user: !reset null\n"
				   "    environment: {T: !reset , U: \"2\"}\n"
				   "  gone: !reset null\n"
				   "groups: !reset {}\n";
	struct loaded_text t;
	const struct service *web;

	(void)state;
	merge(&t, text, over);
	assert_int_equal(t.manifest->services_len, 1);
	assert_int_equal(t.manifest->groups_len, 0);
	web = find(&t, "web");
	assert_int_equal(web->build.args.len, 1);
	assert_string_equal(test_pair(&web->build.args, "C"), "3");
	assert_texts(&web->tags, LIST("latest"));
	assert_int_equal(web->ports_len, 0);
	assert_texts(&web->tmpfs, LIST("/new"));
	assert_null(web->user.s);
	assert_int_equal(web->environment.len, 1);
	assert_string_equal(test_pair(&web->environment, "U"), "2");
	test_unload(&t);
}

/* What a third file adds is not what the second took away; a tag with a variable in it is one, too. */
static void test_tags_in_turn(void **state)
{
	const struct text_options options = {
		.environ = LIST("P=82"),
		.files = LIST("middle.yaml", "services: {web: {ports: !reset [], tmpfs: !override [\"/${P}\"]}}\n",
			      "root.yaml",
			      "templates: {t: {ports: [70], tmpfs: [/t]}}\n"
			      "services: {web: {extends: t, build: ., ports: [80]}}\n",
			      "last.yaml", "services: {web: {ports: [81], tmpfs: [/last]}}\n")
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [{path: [root.yaml, middle.yaml, last.yaml]}]\nservices: {}\n", &options);
	assert_int_equal(find(&t, "web")->ports_len, 1);
	assert_int_equal(find(&t, "web")->ports[0].inner, 81);
	assert_texts(&find(&t, "web")->tmpfs, LIST("/82", "/last"));
	test_unload(&t);
}

/* Of another file: its own names, its own paths and variables. */
static void test_extends_file(void **state)
{
	static const char base[] =
		"vars: {LEVEL: base}\n"
		"templates: {t: {user: \"${LEVEL}\"}}\n"
		"services:\n"
		"  app: {extends: t, build: {context: app, args: {L: \"${LEVEL}\"}}, env_file: app.env}\n"
		"  web: {extends: {file: deeper/more.yaml, service: web}, tmpfs: [/base]}\n";
	static const char text[] =
		"vars: {LEVEL: root}\n"
		"registry: example.org\n"
		"templates: {t: {user: wrong}}\n"
		"services:\n"
		"  app: {extends: {file: common/base.yaml, service: app}, build: {args: {M: \"${LEVEL}\"}}}\n"
		"  web: {extends: {file: ./common/base.yaml, service: web}}\n"
		"  own: {extends: {file: services.yaml, service: web}}\n";
	const struct text_options options = { .files = LIST("common/base.yaml", base, "common/deeper/more.yaml",
							    "services: {web: {build: web, tmpfs: [/more]}}\n") };
	struct loaded_text t;
	const struct service *app;

	(void)state;
	test_load_good(&t, text, &options);
	app = find(&t, "app");
	assert_string_equal(app->build.context.s + strlen(t.manifest->dir), "/common/app");
	assert_string_equal(test_pair(&app->build.args, "L"), "base");
	assert_string_equal(test_pair(&app->build.args, "M"), "root");
	assert_string_equal(app->user.s, "base");
	assert_string_equal(app->image.s, "example.org/app");
	assert_string_equal(find(&t, "web")->build.context.s + strlen(t.manifest->dir), "/common/deeper/web");
	assert_texts(&find(&t, "own")->tmpfs, LIST("/more", "/base"));
	assert_int_equal(t.manifest->services_len, 3);
	assert_int_equal(t.manifest->files_len, 4);
	test_unload(&t);
}

/* What such a file includes is not read, so that an included manifest may extend what includes it. */
static void test_extends_including_file(void **state)
{
	const struct text_options options = {
		.files = LIST("sub/more.yaml", "services: {more: {extends: {file: ../services.yaml, service: base}}}\n")
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [sub/more.yaml]\nservices: {base: {build: base}}\n", &options);
	assert_string_equal(find(&t, "more")->build.context.s + strlen(t.manifest->dir), "/base");
	test_unload(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_tags_in_turn),
		cmocka_unit_test(test_extends_file),
		cmocka_unit_test(test_extends_including_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
