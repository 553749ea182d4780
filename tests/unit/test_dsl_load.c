#include "config.h"

#include "tests/unit/dsl_world.h"

static char *read_good(const char *name)
{
	const char *srcdir = getenv("CBUILD_SRCDIR");
	cleanup_free char *path = mem_printf("%s/tests/manifests/good/%s", srcdir ? srcdir : ".", name);
	struct buf text = { 0 };

	assert_int_equal(fs_read(path, 1024 * 1024, &text, NULL), 0);
	return buf_steal(&text);
}

static void check_platforms(const struct platform *platforms, size_t len, const char *const *expected)
{
	for (size_t i = 0; i < len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&platforms[i], text);
		assert_non_null(expected[i]);
		assert_string_equal(text, expected[i]);
	}
	assert_null(expected[len]);
}

/* `path` is the manifest's folder with `rest` behind it. */
static void assert_path(const struct loaded_text *t, const char *path, const char *rest)
{
	size_t len = strlen(t->manifest->dir);

	assert_int_equal(strncmp(path, t->manifest->dir, len), 0);
	assert_string_equal(path + len, rest);
}

static void check_web_build(const struct loaded_text *t, const struct service *web)
{
	const struct build_spec *build = &web->build;

	assert_true(web->has_build);
	assert_path(t, build->context.s, "/web");
	assert_path(t, build->dockerfile.s, "/web/build/Dockerfile");
	assert_string_equal(build->target.s, "final");
	assert_int_equal(build->args.len, 5);
	assert_string_equal(build->args.items[0].key.s, "ARCH");
	assert_string_equal(test_pair(&build->args, "ARCH"), "\x01platform.arch\x02");
	assert_string_equal(test_pair(&build->args, "GO_VERSION"), "1.22");
	assert_string_equal(test_pair(&build->args, "CGO_ENABLED"), "0");
	assert_string_equal(test_pair(&build->args, "GOFLAGS"), "-trimpath");
	assert_string_equal(test_pair(&build->args, "FROM_OUTSIDE"), "outside");
	assert_string_equal(test_pair(&build->labels, "org.acme.team"), "shop");
	check_platforms(build->platforms, build->platforms_len, LIST("linux/amd64", "linux/arm64"));
	assert_int_equal(build->contexts_len, 4);
	assert_int_equal(build->contexts[0].kind, CONTEXT_SERVICE);
	assert_int_equal(build->contexts[0].service, 1);
	assert_int_equal(build->contexts[1].kind, CONTEXT_PATH);
	assert_path(t, build->contexts[1].value.s, "/libs");
	assert_int_equal(build->contexts[2].kind, CONTEXT_PATH);
	assert_non_null(build->contexts[2].url.s);
	assert_int_equal(build->remotes_len, 1);
	assert_string_equal(build->remotes[0].place, "additional_contexts remote");
	assert_int_equal(build->contexts[3].kind, CONTEXT_IMAGE);
	assert_string_equal(build->contexts[3].value.s, "alpine:3.20");
}

static void check_web_ports(const struct service *web)
{
	static const char wanted[] = "- 0-0:8000\n- 8080-8080:8001\n127.0.0.1 0-0:8002\n- 53-53:53/udp\n- 0-0:9000\n"
				     "- 0-0:9001\n- 0-0:9002\n127.0.0.1 9100-9100:9100\n";
	char text[1024] = "";

	for (size_t i = 0; i < web->ports_len; i++) {
		const struct port *port = &web->ports[i];
		size_t len = strlen(text);

		snprintf(text + len, sizeof(text) - len, "%s %u-%u:%u%s\n", port->host ? port->host : "-", port->outer,
			 port->outer_last, port->inner, port->udp ? "/udp" : "");
	}
	assert_string_equal(text, wanted);
	assert_int_equal(service_port(web), 8000);
}

static void check_web_run(const struct service *web)
{
	check_web_ports(web);
	assert_string_equal(test_pair(&web->environment, "GREETING"), "hello world");
	assert_int_equal(web->environment.len, 2);
	assert_null(test_pair(&web->environment, "NOWHERE"));
	assert_texts(&web->command, LIST("serve", "--title=a b", "c d"));
	assert_texts(&web->entrypoint, LIST("/bin/web"));
	assert_texts(&web->tmpfs, LIST("/tmp"));
	assert_string_equal(web->user.s, "1000");
	assert_texts(&web->needs, LIST("cli"));
	assert_int_equal(web->needs_index[0], 2);
	assert_int_equal(web->depends_len, 2);
	assert_int_equal(web->depends[0].service, 3);
	assert_int_equal(web->depends[0].condition, DEPENDS_HEALTHY);
	assert_int_equal(web->depends[1].service, 4);
	assert_int_equal(web->depends[1].condition, DEPENDS_STARTED);
	assert_true(web->has_prepare);
	assert_texts(&web->prepare.run, LIST("make", "-C", "web", "gen code", "\x01platform.arch\x02"));
	assert_texts(&web->prepare.inputs, LIST("proto/**/*.proto", "Makefile"));
	assert_texts(&web->prepare.outputs, LIST("gen/\x01platform.slug\x02.go"));
	assert_texts(&web->prepare.env, LIST("GOPROXY"));
	assert_true(web->prepare.per_platform);
}

static void check_web_verify(const struct verify_spec *verify)
{
	assert_true(verify->pos.line > 0);
	assert_true(verify->has_http);
	assert_string_equal(verify->http.path.s, "/health?full=1");
	assert_int_equal(verify->http.port, 8000);
	assert_int_equal(verify->http.status, 200);
	assert_string_equal(verify->http.body.s, "\"ok\"");
	assert_string_equal(verify->http.json_path.s, "status.web");
	assert_string_equal(verify->http.json_value.s, "up");
	assert_int_equal(verify->http.timeout_ms, 90000);
	assert_true(verify->has_tcp);
	assert_int_equal(verify->tcp.port, 8001);
	assert_int_equal(verify->tcp.timeout_ms, 30000);
	assert_string_equal(verify->user.s, "nonroot");
	assert_int_equal(verify->max_size, 100000000);
	assert_texts(&verify->entrypoint, LIST("/bin/web", "--serve"));
	assert_texts(&verify->ports, LIST("8000", "53/udp"));
	assert_texts(&verify->platforms, LIST("linux/amd64", "linux/arm64"));
	assert_string_equal(test_pair(&verify->labels, "org.acme.team"), "shop");
	assert_int_equal(verify->run_len, 2);
	assert_texts(&verify->run[0], LIST("trivy", "image", "--input", "\x01image.oci\x02"));
	assert_texts(&verify->run[1], LIST("check-size", "\x01image.reference\x02"));
}

static void check_rest(const struct manifest *m)
{
	const struct service *db = &m->services[3], *cache = &m->services[4];

	assert_false(m->services[1].publish);
	assert_texts(&m->services[1].tags, LIST("latest"));
	assert_string_equal(m->services[2].image.s, "ghcr.io/acme/cli");
	assert_texts(&m->services[2].tags, LIST("v1", "latest", "stable"));
	assert_false(db->has_build);
	assert_string_equal(db->image.s, "postgres");
	assert_string_equal(db->reference.s, "postgres:16");
	assert_texts(&db->tags, LIST("16"));
	assert_string_equal(test_pair(&db->environment, "POSTGRES_PASSWORD"), "a$b");
	assert_string_equal(test_pair(&db->environment, "QUOTED"), "null");
	assert_string_equal(test_pair(&db->environment, "EMPTY"), "");
	assert_int_equal(cache->tags.len, 0);
	assert_non_null(strstr(cache->reference.s, "@sha256:"));
	assert_int_equal(m->builders_len, 2);
	assert_string_equal(m->builders[0].addr.s, "ssh://big");
	assert_int_equal(m->builders[0].weight, 3);
	assert_int_equal(m->builders[0].jobs, 8);
	assert_int_equal(m->builders[0].platforms_len, 0);
	assert_int_equal(m->builders[1].weight, 1);
	assert_int_equal(m->builders[1].jobs, 2);
	assert_int_equal(m->builders[1].platforms_len, 2);
	assert_true(m->builders[1].emulate);
	assert_non_null(strstr(m->builders[1].tls.key.s, "/tls/key.pem"));
	assert_int_equal(m->groups_len, 2);
	assert_int_equal(manifest_group(m, "more")->services_len, 2);
	assert_int_equal(manifest_group(m, "more")->services[1], 2);
	assert_null(manifest_group(m, "all"));
	assert_int_equal(manifest_service(m, "db"), 3);
	assert_int_equal(manifest_service(m, "nobody"), -1);
}

static void test_everything(void **state)
{
	cleanup_free char *text = read_good("01-everything.yaml");
	const struct text_options options = { .environ = LIST("FROM_OUTSIDE=outside") };
	struct loaded_text t;
	const struct manifest *m;

	(void)state;
	test_load_good(&t, text, &options);
	m = t.manifest;
	assert_string_equal(m->project.s, "shop");
	assert_string_equal(m->registry.s, "ghcr.io/acme");
	check_platforms(m->platforms, m->platforms_len, LIST("linux/amd64", "linux/arm64"));
	assert_texts(&m->tags, LIST("v1", "latest", "stable"));
	assert_true(m->has_epoch);
	assert_int_equal(m->epoch, 1704067200);
	assert_int_equal(m->services_len, 5);
	assert_string_equal(m->services[0].image.s, "acme/web");
	assert_texts(&m->services[0].tags, LIST("1.2", "edge", "own"));
	assert_texts(&m->services[0].references, LIST("ghcr.io/acme/mirror:web"));
	check_web_build(&t, &m->services[0]);
	check_web_run(&m->services[0]);
	check_web_verify(&m->services[0].verify);
	check_rest(m);
	test_unload(&t);
}

static void test_defaults(void **state)
{
	struct loaded_text t;
	const struct service *web;

	(void)state;
	test_load_good(&t, "services: {web: {build: {}, ports: [80], verify: {http: /}}}\n", NULL);
	web = &t.manifest->services[0];
	assert_string_equal(t.manifest->project.s, strrchr(t.dir, '/') + 1);
	assert_null(t.manifest->registry.s);
	assert_int_equal(t.manifest->platforms_len, 0);
	assert_false(t.manifest->has_epoch);
	assert_path(&t, web->build.context.s, "");
	assert_path(&t, web->build.dockerfile.s, "/Dockerfile");
	assert_false(web->named);
	assert_texts(&web->tags, LIST("latest"));
	assert_true(web->publish);
	assert_int_equal(web->verify.http.port, 0);
	assert_int_equal(web->verify.http.status, 0);
	assert_int_equal(web->verify.http.timeout_ms, 30000);
	assert_int_equal(web->pos.line, 1);
	assert_int_equal(web->pos.column, 12);
	test_unload(&t);
}

/* Builds that differ in any option are not one build. */
static void test_builds_of_one_image(void **state)
{
	static const char *const differing[] = { "target: x",         "labels: {a: b}",     "network: none",
						 "shm_size: 64m",     "extra_hosts: [a=b]", "cache_from: [a]",
						 "cache_to: [a]",     "no_cache: true",     "pull: true",
						 "provenance: true",  "sbom: true",         "ssh: [default]",
						 "dockerfile: Other", "target: \"\"" };
	enum { DIFFERING = sizeof(differing) / sizeof(differing[0]) };

	(void)state;
	for (size_t i = 0; i < DIFFERING; i++) {
		cleanup_free char *text = mem_printf("services:\n"
						     "  one: {build: {context: ., %s}, image: acme/app}\n"
						     "  two: {build: {context: ., %s}, image: acme/app}\n"
						     "  other: {build: {context: .}, image: acme/app}\n",
						     differing[i], differing[i]);
		struct loaded_text t;

		test_load_good(&t, text, NULL);
		assert_int_equal(t.manifest->services[1].maker, 0);
		assert_int_equal(t.manifest->services[2].maker, i == DIFFERING - 1 ? 0 : 2);
		test_unload(&t);
	}
}

/* What images are called that were given no name, and whose build makes those of one name. */
static void test_names_of_images(void **state)
{
	static const char text[] = "project: My.Shop\n"
				   "x-app: &app {context: app, args: {A: \"1\"}}\n"
				   "services:\n"
				   "  Web: {build: .}\n"
				   "  one: {build: *app, image: acme/app}\n"
				   "  two: {build: {context: ./app, args: [A=1]}, image: \"docker.io/acme/app:2\"}\n"
				   "  other: {build: {context: app, args: [A=2]}, image: acme/app}\n"
				   "  tagged: {build: {context: app, args: [A=2], tags: [\"acme/app:3\"]}}\n"
				   "  watch: {build: *app, image: acme/other}\n";
	static const size_t makers[] = { 0, 1, 1, 3, 3, 5 };
	const struct text_options options = { .project = "Else" };
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, NULL);
	assert_string_equal(t.manifest->prefix, "myshop");
	assert_string_equal(t.manifest->services[0].image.s, "myshop-web");
	assert_false(t.manifest->services[0].named);
	assert_true(t.manifest->services[1].named);
	for (size_t i = 0; i < t.manifest->services_len; i++)
		assert_int_equal(t.manifest->services[i].maker, makers[i]);
	test_unload(&t);
	test_load_good(&t, text, &options);
	assert_string_equal(t.manifest->services[0].image.s, "else-web");
	test_unload(&t);
	test_load_good(&t, "registry: ghcr.io/acme\nservices: {web: {build: .}}\n", NULL);
	assert_string_equal(t.manifest->services[0].image.s, "ghcr.io/acme/web");
	assert_true(t.manifest->services[0].named);
	test_unload(&t);
}

/* Lists, maps and single values of templates and services. */
static void test_merge(void **state)
{
	static const char text[] =
		"templates:\n"
		"  base: {build: base, command: [a, b], tmpfs: /x, user: t, environment: [A=1, B=2], depends_on: [db], verify: {http: /t, ports: [1]}}\n"
		"services:\n"
		"  web:\n"
		"    extends: base\n"
		"    build: {args: [X=1]}\n"
		"    command: [c]\n"
		"    tmpfs: [/x, /y]\n"
		"    user:\n"
		"    environment: {B: \"3\", C: \"4\"}\n"
		"    depends_on: {db: {condition: service_healthy}, mq: }\n"
		"    verify: {http: {port: 80}, ports: [\"2\", 1]}\n"
		"  api: {extends: {service: web}, image: api, verify: {http: /own}}\n"
		"  db: {image: db}\n"
		"  mq: {image: mq}\n";
	struct loaded_text t;
	const struct service *web, *api;

	(void)state;
	test_load_good(&t, text, NULL);
	web = &t.manifest->services[0];
	api = &t.manifest->services[1];
	assert_path(&t, web->build.context.s, "/base");
	assert_string_equal(test_pair(&web->build.args, "X"), "1");
	assert_texts(&web->command, LIST("c"));
	assert_texts(&web->tmpfs, LIST("/x", "/y"));
	assert_string_equal(web->user.s, "t");
	assert_int_equal(web->environment.len, 3);
	assert_string_equal(test_pair(&web->environment, "A"), "1");
	assert_string_equal(test_pair(&web->environment, "B"), "3");
	assert_int_equal(web->depends_len, 2);
	assert_int_equal(web->depends[0].condition, DEPENDS_HEALTHY);
	assert_string_equal(web->verify.http.path.s, "/t");
	assert_int_equal(web->verify.http.port, 80);
	assert_texts(&web->verify.ports, LIST("1", "2"));
	assert_string_equal(api->verify.http.path.s, "/own");
	assert_int_equal(api->verify.http.port, 80);
	assert_string_equal(api->image.s, "api");
	test_unload(&t);
}

static const char two[] = "platforms: [linux/amd64]\n"
			  "tags: [m]\n"
			  "services:\n"
			  "  web: {build: web}\n"
			  "  arm: {build: {context: arm, platforms: [linux/arm64, linux/amd64], tags: [extra]}}\n"
			  "  base: {publish: false, build: {context: b, platforms: [linux/arm/v7]}}\n"
			  "  own: {image: \"own:1\", build: own}\n";

static void test_options(void **state)
{
	const struct text_options options = {
		.platforms = LIST("linux/arm64,x86_64"),
		.tags = LIST("t1", "t2"),
		.environ = LIST("BUILD_PLATFORMS=linux/386", "DOCKER_TAGS=no", "SOURCE_DATE_EPOCH=5"),
	};
	struct loaded_text t;
	const struct service *s;

	(void)state;
	test_load_good(&t, two, &options);
	s = t.manifest->services;
	check_platforms(s[0].build.platforms, s[0].build.platforms_len, LIST("linux/arm64", "linux/amd64"));
	check_platforms(s[1].build.platforms, s[1].build.platforms_len, LIST("linux/arm64", "linux/amd64"));
	check_platforms(s[2].build.platforms, s[2].build.platforms_len, LIST("linux/arm/v7"));
	assert_texts(&s[0].tags, LIST("t1", "t2"));
	assert_texts(&s[1].tags, LIST("t1", "t2", "extra"));
	assert_texts(&s[2].tags, LIST("latest"));
	assert_texts(&s[3].tags, LIST("1"));
	assert_true(t.manifest->has_epoch);
	assert_int_equal(t.manifest->epoch, 5);
	test_unload(&t);
}

static void test_environment(void **state)
{
	const struct text_options options = { .environ = LIST("BUILD_PLATFORMS=linux/amd64, linux/riscv64"),
					      .dotenv = "DOCKER_TAGS=v1,v2\n" };
	struct loaded_text t;
	const struct service *s;

	(void)state;
	test_load_good(&t, two, &options);
	s = t.manifest->services;
	check_platforms(s[0].build.platforms, s[0].build.platforms_len, LIST("linux/amd64", "linux/riscv64"));
	check_platforms(s[1].build.platforms, s[1].build.platforms_len, LIST("linux/amd64"));
	assert_texts(&s[0].tags, LIST("v1", "v2"));
	test_unload(&t);
}

static void test_bad_options(void **state)
{
	const struct text_options empty = { .platforms = LIST("linux/386") };
	const struct text_options platform = { .platforms = LIST("linux/amd46") };
	const struct text_options from_env = { .environ = LIST("BUILD_PLATFORMS=beos") };
	const struct text_options tag = { .tags = LIST("-x") };
	const struct text_options set = { .sets = LIST("NAME") };
	const struct text_options epoch = { .environ = LIST("SOURCE_DATE_EPOCH=now") };
	struct loaded_text t;

	(void)state;
	/* Only who needs the service complains. */
	test_load_good(&t, two, &empty);
	assert_null(t.manifest->services[0].build.unasked.s);
	assert_string_equal(t.manifest->services[1].build.unasked.s,
			    "the service \"arm\" is for linux/arm64, linux/amd64 only, and linux/386 is asked for");
	assert_int_equal(t.manifest->services[1].build.unasked.pos.line, 5);
	test_unload(&t);
	test_load_bad(two, &platform, "error: \"linux/amd46\" is not a platform (--platforms)\n");
	test_load_bad(two, &from_env, "error: \"beos\" is not a platform (BUILD_PLATFORMS)\n");
	test_load_bad(two, &tag, "error: \"-x\" is not a tag (--tag)\n");
	test_load_bad(two, &set, "error: --set takes NAME=value, not \"NAME\"\n");
	test_load_bad(two, &epoch, "error: SOURCE_DATE_EPOCH is \"now\" in the environment");
}

static void test_env_files(void **state)
{
	static const char text[] =
		"services:\n"
		"  web:\n"
		"    build: .\n"
		"    ports: [80]\n"
		"    environment: {OWN: kept}\n"
		"    env_file: [base.env, {path: more.env, required: false}, {path: none.env, required: false}]\n"
		"    depends_on: [db]\n"
		"    verify: {http: /}\n"
		"  db: {build: db, env_file: [{path: raw.env, format: raw}]}\n"
		"  idle: {build: idle, env_file: gone.env}\n";
	const struct text_options options = { .environ = LIST("OUTSIDE=there"),
					      .files = LIST("base.env", "A=1\nB=${A}2 ${OUTSIDE}\nOWN=lost\nOUTSIDE\n",
							    "more.env", "A='$x'\n", "raw.env", "P=a$b\n") };
	struct loaded_text t;
	const struct service *s;

	(void)state;
	test_load_good(&t, text, &options);
	s = t.manifest->services;
	assert_int_equal(s[0].file_environment.len, 3);
	assert_string_equal(test_pair(&s[0].file_environment, "A"), "$x");
	assert_string_equal(test_pair(&s[0].file_environment, "B"), "12 there");
	assert_string_equal(test_pair(&s[0].file_environment, "OUTSIDE"), "there");
	assert_string_equal(test_pair(&s[1].file_environment, "P"), "a$b");
	assert_int_equal(s[2].env_files_len, 1);
	assert_int_equal(s[2].file_environment.len, 0);
	test_unload(&t);
}

static void test_profiles(void **state)
{
	static const char text[] = "services:\n"
				   "  web: {build: web}\n"
				   "  debug: {build: debug, profiles: [debug, all-of-it]}\n"
				   "  docs: {build: docs, profiles: docs}\n";
	const struct text_options asked = { .profiles = LIST("docs"), .environ = LIST("COMPOSE_PROFILES=debug") };
	const struct text_options outside = { .environ = LIST("COMPOSE_PROFILES=debug,elsewhere") };
	const struct text_options every = { .profiles = LIST("*") };
	const struct text_options unknown = { .profiles = LIST("debg") };
	const struct {
		const struct text_options *options;
		bool active[3];
	} cases[] = { { NULL, { true, false, false } },
		      { &asked, { true, false, true } },
		      { &outside, { true, true, false } },
		      { &every, { true, true, true } } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded_text t;

		test_load_good(&t, text, cases[i].options);
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(t.manifest->services[j].active, cases[i].active[j]);
		test_unload(&t);
	}
	test_load_bad(text, &unknown,
		      "error: no service has the profile \"debg\" (--profile)\n      = help: did you mean \"debug\"?");
}

static void test_overlay(void **state)
{
	static const char text[] = "registry: one.example.org\n"
				   "services:\n"
				   "  web:\n"
				   "    build: web\n"
				   "    environment: [A=1, B=2]\n"
				   "    command: [a, b]\n"
				   "    ports: [80]\n"
				   "  maker:\n"
				   "    build: other\n"
				   "groups: {some: [web]}\n";
	static const char over[] = "registry: two.example.org\n"
				   "services:\n"
				   "  web:\n"
				   "    build: {args: {X: \"${Y}\"}}\n"
				   "    environment: {B: \"3\"}\n"
				   "    command: c d\n"
				   "    ports: [\"81:81\"]\n"
				   "  db: {image: db}\n"
				   "groups: {some: [db]}\n";
	const struct text_options options = { .environ = LIST("Y=yes"),
					      .files = LIST("over.yaml", over),
					      .overlay = "over.yaml" };
	const struct text_options unset = { .files = LIST("over.yaml", over), .overlay = "over.yaml" };
	const struct text_options empty = { .files = LIST("over.yaml", "# nothing\n"), .overlay = "over.yaml" };
	const struct text_options list = { .files = LIST("over.yaml", "- a\n"), .overlay = "over.yaml" };
	const struct text_options unknown = { .environ = LIST("Y=yes"),
					      .files = LIST("over.yaml", "services:\n  web:\n    biuld: x\n"),
					      .overlay = "over.yaml" };
	struct loaded_text t;
	const struct service *web;

	(void)state;
	test_load_good(&t, text, &options);
	web = &t.manifest->services[0];
	assert_int_equal(t.manifest->services_len, 3);
	assert_string_equal(t.manifest->registry.s, "two.example.org");
	assert_path(&t, web->build.context.s, "/web");
	assert_string_equal(test_pair(&web->build.args, "X"), "yes");
	assert_string_equal(test_pair(&web->environment, "A"), "1");
	assert_string_equal(test_pair(&web->environment, "B"), "3");
	assert_texts(&web->command, LIST("c", "d"));
	assert_int_equal(web->ports_len, 2);
	assert_int_equal(manifest_group(t.manifest, "some")->services_len, 2);
	test_unload(&t);
	test_load_good(&t, text, &empty);
	assert_int_equal(t.manifest->services_len, 2);
	test_unload(&t);
	test_load_bad(text, &unset, "over.yaml:4:24: error: the variable \"Y\" is not set\n");
	test_load_bad(text, &list, "over.yaml:1:1: error: a manifest must be a map");
	test_load_bad(text, &unknown, "over.yaml:3:5: error: unknown key \"biuld\" in a service\n");
}

static void test_set_keys(void **state)
{
	static const char text[] = "templates: {t: {build: {args: {A: \"1\"}, tags: [x]}, user: root}}\n"
				   "services:\n"
				   "  web: {extends: t, build: web, environment: [E=1, F=2]}\n"
				   "  web.two: {build: two}\n";
	const struct text_options options = {
		.sets = LIST("web.build.args.A=2", "web.user=nobody", "web.environment.E=a=b",
			     "web.build.labels.org.x=y", "web.two.build.target=final", "VAR=1"),
	};
	const struct text_options unknown = { .sets = LIST("web.build.tagret=x") };
	const struct text_options part = { .sets = LIST("web.bild.target=x") };
	const struct text_options bad = { .sets = LIST("web.publish=perhaps") };
	const struct text_options nobody = { .sets = LIST("wbe.user=x") };
	struct loaded_text t;
	const struct service *web, *second;

	(void)state;
	test_load_good(&t, text, &options);
	web = &t.manifest->services[0];
	second = &t.manifest->services[1];
	assert_path(&t, web->build.context.s, "/web");
	assert_string_equal(test_pair(&web->build.args, "A"), "2");
	assert_string_equal(web->user.s, "nobody");
	assert_string_equal(test_pair(&web->environment, "E"), "a=b");
	assert_string_equal(test_pair(&web->environment, "F"), "2");
	assert_string_equal(test_pair(&web->build.labels, "org.x"), "y");
	assert_string_equal(second->build.target.s, "final");
	test_unload(&t);
	test_load_bad(text, &unknown, "--set:1:18: error: unknown key \"tagret\" in \"build\"\n");
	test_load_bad(text, &part, "--set:1:17: error: unknown key \"bild\" in a service\n");
	test_load_bad(text, &nobody, "--set:1:1: error: there is no service that \"wbe.user\" could belong to\n");
	test_load_bad(text, &bad, "--set:1:13: error: \"perhaps\" is not true or false\n");
}

/* What need not be there, and what is no container, is not started. */
/* Words of compose that say how it runs, and are not followed, are told of. */
static void test_unused(void **state)
{
	struct loaded_text t;

	(void)state;
	test_load_good(&t, "services: {web: {image: x, userns_mode: host, labels: [a], domainname: h, user: u}}\n", NULL);
	assert_texts(&t.manifest->services[0].unused, LIST("userns_mode", "domainname"));
	test_unload(&t);
}

static void test_depends(void **state)
{
	static const char text[] = "services:\n"
				   "  web:\n"
				   "    build: web\n"
				   "    depends_on: {gone: {required: false}, cloud: {condition: service_started}, db: }\n"
				   "  cloud: {provider: {type: x}}\n"
				   "  db: {image: db}\n";
	struct loaded_text t;
	const struct service *web;

	(void)state;
	test_load_good(&t, text, NULL);
	web = &t.manifest->services[0];
	assert_int_equal(web->depends_len, 1);
	assert_int_equal(web->depends[0].service, 2);
	assert_true(t.manifest->services[1].provided);
	test_unload(&t);
	test_load_bad("services: {web: {build: ., depends_on: {gone: {required: true}}}}\n", NULL,
		      "there is no service \"gone\" (in \"depends_on\")");
}

/* The platform that a container runs on is what it is built for. */
static void test_platform(void **state)
{
	static const char text[] = "platforms: [linux/amd64, linux/arm64]\n"
				   "services:\n"
				   "  one: {build: one, platform: linux/arm64}\n"
				   "  own: {build: {context: own, platforms: [linux/amd64]}, platform: linux/arm64}\n";
	const struct text_options asked = { .platforms = LIST("linux/amd64") };
	struct loaded_text t;
	const struct service *s;

	(void)state;
	test_load_good(&t, text, NULL);
	s = t.manifest->services;
	check_platforms(s[0].build.platforms, s[0].build.platforms_len, LIST("linux/arm64"));
	check_platforms(s[1].build.platforms, s[1].build.platforms_len, LIST("linux/amd64"));
	test_unload(&t);
	test_load_good(&t, text, &asked);
	assert_string_equal(t.manifest->services[0].build.unasked.s,
			    "the service \"one\" is for linux/arm64 only, and linux/amd64 is asked for");
	test_unload(&t);
}

static void test_bad_env_files(void **state)
{
	static const char text[] = "services: {web: {build: ., ports: [80], verify: {http: /}, env_file: web.env}}\n";
	const struct text_options unset = { .files = LIST("web.env", "A=1\nB=${NOWHERE\n") };

	(void)state;
	test_load_bad(text, NULL, ":1:70: error: there is no env file \"web.env\"\n");
	test_load_bad(text, &unset, "web.env:2:3: error: \"${NOWHERE\" has no closing brace\n");
}

/* The builders' command lines separate by commas: also one in the name of a folder is told. */
static void test_secret_paths(void **state)
{
	const struct text_options folder = {
		.files = LIST("a,b/s.yaml",
			      "secrets: {t: {file: t}}\nservices: {x: {build: {context: ., secrets: [t]}}}\n"),
	};

	(void)state;
	test_load_bad("secrets: {t: {file: \"t,src=/etc/shadow\"}}\nservices: {x: {build: {context: ., secrets: [t]}}}\n",
		      NULL, "must not contain a comma or a quote");
	test_load_bad(
		"secrets: {t: {file: t}}\nservices: {x: {build: {context: ., secrets: [{source: t, target: \"t,src=/x\"}]}}}\n",
		NULL, "\"t,src=/x\" cannot be the id of a secret");
	test_load_bad("services: {x: {build: {context: ., ssh: [\"k=a,b\"]}}}\n", NULL,
		      "must not contain a comma or a quote");
	test_load_bad("include: [\"a,b/s.yaml\"]\nservices: {}\n", &folder,
		      "a,b/t\" must not contain a comma or a quote");
}

/* A name with a newline would be two lines of what a container's environment is handed over in. */
static void test_names_of_values(void **state)
{
	static const char *const keys[] = { "environment: {\"A\\nHOME\": x}", "environment: [\"A\\nHOME=x\"]",
					    "build: {args: {\"A\\tB\": x}}", "build: {labels: {\"A\\x7fB\": x}}" };

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		cleanup_free char *text = mem_printf("services:\n  a:\n    image: x/a\n    %s\n", keys[i]);

		test_load_bad(text, NULL, "must not contain control characters");
	}
}

/* Each form of compose's; a later one at the same place wins. */
static void test_mounts(void **state)
{
	static const char text[] = "services:\n"
				   "  web:\n"
				   "    build: .\n"
				   "    volumes:\n"
				   "      - /cache\n"
				   "      - ./src:/src:ro,cached,z\n"
				   "      - ~/conf:/conf\n"
				   "      - data:/data\n"
				   "      - {type: bind, source: ./other, target: /src, read_only: true}\n"
				   "      - {type: volume, target: /own}\n"
				   "      - {type: tmpfs, target: /tmp, tmpfs: {size: 1m}}\n"
				   "      - {type: npipe, source: x, target: /pipe}\n";
	static const char *const wanted[] = { "/cache:", "/src:ro", "/conf:", "/data:", "/own:", "/tmp:" };
	static const enum mount_kind kinds[] = { MOUNT_VOLUME, MOUNT_BIND,   MOUNT_BIND,
						 MOUNT_VOLUME, MOUNT_VOLUME, MOUNT_TMPFS };
	const struct text_options options = { .environ = LIST("HOME=/home/me") };
	const struct mount *mounts;
	struct loaded_text t;

	(void)state;
	test_load_good(&t, text, &options);
	mounts = t.manifest->services[0].mounts;
	assert_int_equal(t.manifest->services[0].mounts_len, 6);
	for (size_t i = 0; i < 6; i++) {
		char shown[64];

		snprintf(shown, sizeof(shown), "%s:%s", mounts[i].target, mounts[i].options);
		assert_string_equal(shown, wanted[i]);
		assert_int_equal(mounts[i].kind, kinds[i]);
	}
	assert_null(mounts[0].source.s);
	assert_path(&t, mounts[1].source.s, "/other");
	assert_string_equal(mounts[2].source.s, "/home/me/conf");
	assert_string_equal(mounts[3].source.s, "data");
	test_unload(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_builds_of_one_image),
		cmocka_unit_test(test_names_of_images),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_bad_options),
		cmocka_unit_test(test_env_files),
		cmocka_unit_test(test_bad_env_files),
		cmocka_unit_test(test_secret_paths),
		cmocka_unit_test(test_names_of_values),
		cmocka_unit_test(test_profiles),
		cmocka_unit_test(test_overlay),
		cmocka_unit_test(test_set_keys),
		cmocka_unit_test(test_depends),
		cmocka_unit_test(test_unused),
		cmocka_unit_test(test_platform),
		cmocka_unit_test(test_mounts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
