#include "config.h"

#include "tests/unit/dsl_world.h"

/* `include`: manifests of several folders as one. */

static const struct service *find(const struct loaded_text *t, const char *name)
{
	long index = manifest_service(t->manifest, name);

	if (index < 0)
		fail_msg("no service %s", name);
	return &t->manifest->services[index];
}

/* `path` is the first manifest's folder with `rest` behind it. */
static void assert_below(const struct loaded_text *t, const char *path, const char *rest)
{
	cleanup_free char *expected = mem_printf("%s%s", t->manifest->dir, rest);

	assert_string_equal(path, expected);
}

static void test_paths(void **state)
{
	static const char root[] =
		"include: [team/services.yaml, {path: [two/a.yaml, two/b.yaml], project_directory: .}]\n"
		"services:\n"
		"  web: {build: web, needs: [api], ports: [80], verify: {http: /, run: [[./check]]}}\n"
		"secrets: {own: {file: own.txt}}\n";
	static const char team[] =
		"include: [deeper/more.yaml]\n"
		"services:\n"
		"  api:\n"
		"    build:\n"
		"      context: api\n"
		"      additional_contexts: {libs: ../libs, base: \"service:web\"}\n"
		"      secrets: [theirs, own]\n"
		"      ssh: [default, key=id_rsa]\n"
		"    env_file: api.env\n"
		"    ports: [81]\n"
		"    prepare: {run: [make], inputs: [\"proto/*.proto\", ../common], outputs: [gen.go]}\n"
		"    verify: {http: /, run: [[./check]]}\n"
		"secrets: {theirs: {file: t.txt}}\n";
	const struct text_options options = {
		.files = LIST("team/services.yaml", team, "team/api.env", "A=1\n", "team/deeper/more.yaml",
			      "services: {deep: {build: {}}}\n", "two/a.yaml",
			      "services: {two: {build: {context: two, args: {A: \"1\"}}}}\n", "two/b.yaml",
			      "services: {two: {build: {args: {A: \"2\"}}}}\n")
	};
	struct loaded_text t;
	const struct service *api;
	const struct build_spec *build;

	(void)state;
	/* the edge from api to web would be a circle with web's own */
	test_load_bad(root, &options, "\"web\" needs itself: web -> api -> web");
	test_load_good(&t, root,
		       &(struct text_options){ .files = LIST("team/services.yaml", "services: {api: {build: api}}\n",
							     "two/a.yaml", "services: {two: {build: two}}\n",
							     "two/b.yaml", "services: {two: {image: two}}\n") });
	assert_below(&t, find(&t, "web")->build.context.s, "/web");
	assert_below(&t, find(&t, "web")->verify.dir, "");
	assert_below(&t, find(&t, "two")->build.context.s, "/two");
	assert_string_equal(find(&t, "two")->image.s, "two");
	test_unload(&t);
	test_load_good(&t,
		       "include: [team/services.yaml]\nservices: {web: {build: web}}\nsecrets: {own: {file: own.txt}}\n",
		       &options);
	api = find(&t, "api");
	build = &api->build;
	assert_below(&t, build->context.s, "/team/api");
	assert_below(&t, build->dockerfile.s, "/team/api/Dockerfile");
	assert_int_equal(build->contexts[0].service, manifest_service(t.manifest, "web"));
	assert_below(&t, build->contexts[1].value.s, "/libs");
	assert_below(&t, build->secrets[0].file.s, "/team/t.txt");
	assert_below(&t, build->secrets[1].file.s, "/own.txt");
	assert_below(&t, test_pair(&build->ssh, "key"), "/team/id_rsa");
	assert_string_equal(test_pair(&api->file_environment, "A"), "1");
	assert_texts(&api->prepare.inputs, LIST("team/proto/*.proto", "common"));
	assert_texts(&api->prepare.outputs, LIST("team/gen.go"));
	assert_below(&t, api->prepare.dir, "/team");
	assert_below(&t, api->verify.dir, "/team");
	assert_below(&t, find(&t, "deep")->build.context.s, "/team/deeper");
	test_unload(&t);
}

/* A fault in a file of an included service is told with the file's whole name. */
static void test_env_file_fault(void **state)
{
	static const char team[] = "services: {api: {build: ., env_file: api.env, ports: [80], verify: {http: /}}}\n";
	const struct text_options options = { .files = LIST("team/services.yaml", team, "team/api.env", "A=${NONE\n") };

	(void)state;
	test_load_bad("include: [team/services.yaml]\nservices: {}\n", &options,
		      "/team/api.env:1:3: error: \"${NONE\" has no closing brace\n");
}

/* A folder's name is no pattern, and what is outside the first manifest's folder is no input. */
static void test_prepare_paths(void **state)
{
	static const char step[] = "services: {a: {build: ., prepare: {run: [x], inputs: [\"*.in\"], outputs: [o]}}}\n";
	const struct text_options options = { .files = LIST("a[b]/services.yaml", step) };
	const struct text_options above = {
		.files = LIST("sub/services.yaml",
			      "services: {a: {build: ., prepare: {run: [x], inputs: [../../up], outputs: [o]}}}\n")
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [\"a[b]/services.yaml\"]\nservices: {}\n", &options);
	assert_texts(&find(&t, "a")->prepare.inputs, LIST("a\\[b]/*.in"));
	assert_texts(&find(&t, "a")->prepare.outputs, LIST("a[b]/o"));
	test_unload(&t);
	test_load_bad("include: [sub/services.yaml]\nservices: {}\n", &above,
		      "sub/services.yaml:1:55: error: \"../../up\" in \"inputs\" is outside the manifest's folder");
}

/* What a manifest says at its top is for its own services, and for those it includes when they say nothing. */
static void test_own_words(void **state)
{
	static const char root[] = "registry: one.example.org\nplatforms: [linux/amd64]\ntags: [r]\n"
				   "include: [a/services.yaml, b/services.yaml]\n"
				   "services: {web: {build: web}}\n";
	static const char a[] = "project: ignored\nregistry: two.example.org/team\nplatforms: [linux/arm64]\ntags: [a]\n"
				"services: {a: {build: .}}\n";
	const struct text_options options = { .files = LIST("a/services.yaml", a, "b/services.yaml",
							    "services: {b: {build: .}}\n") };
	const struct text_options asked = { .files = options.files, .platforms = LIST("linux/386"), .tags = LIST("asked") };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, root, &options);
	assert_string_equal(t.manifest->registry.s, "one.example.org");
	assert_string_equal(find(&t, "a")->image.s, "two.example.org/team/a");
	assert_string_equal(find(&t, "a")->build.platforms[0].arch, "arm64");
	assert_texts(&find(&t, "a")->tags, LIST("a"));
	assert_string_equal(find(&t, "b")->image.s, "one.example.org/b");
	assert_string_equal(find(&t, "b")->build.platforms[0].arch, "amd64");
	assert_texts(&find(&t, "b")->tags, LIST("r"));
	assert_string_not_equal(t.manifest->project.s, "ignored");
	test_unload(&t);
	test_load_good(&t, root, &asked);
	assert_texts(&find(&t, "a")->tags, LIST("asked"));
	assert_string_equal(find(&t, "a")->build.platforms[0].arch, "386");
	test_unload(&t);
}

static void test_epoch(void **state)
{
	const struct text_options options = { .files = LIST("a.yaml", "source_date_epoch: 7\n", "b.yaml",
							    "source_date_epoch: 7\n", "c.yaml",
							    "source_date_epoch: 8\n") };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [a.yaml, b.yaml]\nservices: {w: {build: .}}\n", &options);
	assert_int_equal(t.manifest->epoch, 7);
	test_unload(&t);
	test_load_good(&t, "include: [a.yaml, c.yaml]\nsource_date_epoch: 9\nservices: {w: {build: .}}\n", &options);
	assert_int_equal(t.manifest->epoch, 9);
	test_unload(&t);
	test_load_bad("include: [a.yaml, c.yaml]\nservices: {w: {build: .}}\n", &options,
		      "c.yaml:1:1: error: two included manifests have different values for \"source_date_epoch\"");
}

static const char *arg(const struct loaded_text *t, const char *service, const char *name)
{
	return test_pair(&find(t, service)->build.args, name);
}

/* Its own vars before the including manifest's; the including manifest's env file before its own. */
static void test_variables(void **state)
{
	static const char args[] = "{A: \"${A-none}\", B: \"${B-none}\", C: \"${C-none}\", D: \"${D-none}\", E: }";
	cleanup_free char *root = mem_printf(
		"vars: {A: root, B: root}\n"
		"include: [{path: \"${WHERE}/services.yaml\"}, {path: other.yaml, env_file: [one.env, two.env]}]\n"
		"services: {web: {build: {args: %s}}}\n",
		args);
	cleanup_free char *team =
		mem_printf("vars: {A: team, C: \"${B} and ${D}\"}\nservices: {api: {build: {args: %s}}}\n", args);
	cleanup_free char *other = mem_printf("services: {other: {build: {args: %s}}}\n", args);
	const struct text_options options = {
		.environ = LIST("WHERE=team"),
		.dotenv = "D=root env\n",
		.files = LIST("team/services.yaml", team, "team/.env", "D=team env\nE=team env\n", "other.yaml", other,
			      "one.env", "E=one\nC=one\n", "two.env", "E=two\n"),
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, root, &options);
	assert_string_equal(arg(&t, "web", "A"), "root");
	assert_string_equal(arg(&t, "web", "C"), "none");
	assert_string_equal(arg(&t, "web", "D"), "root env");
	assert_null(arg(&t, "web", "E"));
	assert_string_equal(arg(&t, "api", "A"), "team");
	assert_string_equal(arg(&t, "api", "B"), "root");
	assert_string_equal(arg(&t, "api", "C"), "root and root env");
	assert_string_equal(arg(&t, "api", "E"), "team env");
	assert_string_equal(arg(&t, "other", "C"), "one");
	assert_string_equal(arg(&t, "other", "E"), "two");
	test_unload(&t);
}

/* Templates and groups are everybody's; a template's paths start where the template is. */
static void test_templates(void **state)
{
	static const char root[] = "include: [common/t.yaml, team/s.yaml]\n"
				   "templates: {mine: {publish: false}}\n"
				   "services: {web: {extends: go, build: {args: {X: \"1\"}}}}\n"
				   "groups: {every: [some, web]}\n";
	const struct text_options options = {
		.files = LIST("common/t.yaml",
			      "templates: {go: {build: {dockerfile: go.Dockerfile}, verify: {run: [[./lint]]}}}\n",
			      "team/s.yaml", "services: {api: {extends: mine, build: .}}\ngroups: {some: [api]}\n")
	};
	struct loaded_text t;

	(void)state;
	test_load_good(&t, root, &options);
	assert_below(&t, find(&t, "web")->build.context.s, "/common");
	assert_below(&t, find(&t, "web")->build.dockerfile.s, "/common/go.Dockerfile");
	assert_below(&t, find(&t, "web")->verify.dir, "/common");
	assert_false(find(&t, "api")->publish);
	assert_int_equal(manifest_group(t.manifest, "every")->services_len, 2);
	test_unload(&t);
}

/* A further file over what the first one includes. */
static void test_overlay(void **state)
{
	const struct text_options options = { .files = LIST("sub/s.yaml",
							    "registry: sub.example.org\n"
							    "services: {api: {build: {dockerfile: D}}}\n",
							    "over.yaml",
							    "services: {api: {build: {args: {A: \"1\"}}, user: me}}\n"),
					      .overlay = "over.yaml" };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [sub/s.yaml]\nservices: {web: {build: web}}\n", &options);
	assert_below(&t, find(&t, "api")->build.dockerfile.s, "/sub/D");
	assert_string_equal(find(&t, "api")->image.s, "sub.example.org/api");
	assert_string_equal(arg(&t, "api", "A"), "1");
	assert_string_equal(find(&t, "api")->user.s, "me");
	test_unload(&t);
}

/* The same file twice is there once; all files are known. */
static void test_twice(void **state)
{
	const struct text_options options = {
		.files = LIST("a/s.yaml", "include: [../c/s.yaml]\nservices: {a: {build: .}}\n", "b/s.yaml",
			      "include: [../c/../c/s.yaml]\nservices: {b: {build: .}}\n", "c/s.yaml",
			      "services: {c: {build: .}}\n")
	};
	const char *const expected[] = { "/.env",   "/services.yaml", "/a/.env", "/a/s.yaml",
					 "/c/.env", "/c/s.yaml",      "/b/.env", "/b/s.yaml" };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "include: [a/s.yaml, b/s.yaml, a/s.yaml]\nservices: {}\n", &options);
	assert_int_equal(t.manifest->services_len, 3);
	assert_int_equal(t.manifest->files_len, 8);
	for (size_t i = 0; i < 8; i++)
		assert_below(&t, t.manifest->files[i], expected[i]);
	test_unload(&t);
}

static void test_limits(void **state)
{
	struct buf many cleanup_buf = { 0 }, wide cleanup_buf = { 0 };
	const char *chain[2 * 20 + 1] = { NULL };
	struct text_options options = { .files = chain };

	(void)state;
	for (int i = 0; i < 20; i++) {
		chain[2 * i] = mem_printf("c%d.yaml", i);
		chain[2 * i + 1] = mem_printf("include: [c%d.yaml]\n", i + 1);
	}
	test_load_bad("include: [c0.yaml]\nservices: {}\n", &options,
		      "c14.yaml:1:11: error: manifests include each other more than 16 levels deep\n");
	for (int i = 0; i < 40; i++)
		free((char *)chain[i]);

	buf_str(&many, "include:\n");
	for (int i = 0; i < 1001; i++)
		buf_printf(&many, "  - {path: one.yaml, project_directory: d%d}\n", i);
	buf_str(&many, "services: {}\n");
	test_load_bad(many.data, &(struct text_options){ .files = LIST("one.yaml", "x-nothing: 1\n") },
		      "services.yaml:1001:5: error: the manifest is made of more than 1000 files\n");

	buf_str(&wide, "x-wide: [");
	for (int i = 0; i < 40000; i++)
		buf_str(&wide, "a, ");
	buf_str(&wide, "]\n");
	test_load_bad(
		"include: [a.yaml, b.yaml, c.yaml]\nservices: {}\n",
		&(struct text_options){ .files = LIST("a.yaml", wide.data, "b.yaml", wide.data, "c.yaml", wide.data) },
		"error: the manifest has more than 100000 values");

	buf_reset(&wide);
	buf_str(&wide, "# ");
	for (int i = 0; i < 600000; i++)
		buf_str(&wide, "0123456789");
	buf_str(&wide, "\nx-a: 1\n");
	test_load_bad("include: [a.yaml, b.yaml]\nservices: {}\n",
		      &(struct text_options){ .files = LIST("a.yaml", wide.data, "b.yaml", wide.data) },
		      "b.yaml:1:1: error: the manifest's files are longer than 10 MiB together\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),          cmocka_unit_test(test_prepare_paths),
		cmocka_unit_test(test_env_file_fault), cmocka_unit_test(test_own_words),
		cmocka_unit_test(test_epoch),          cmocka_unit_test(test_variables),
		cmocka_unit_test(test_templates),      cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_twice),          cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
