/* What a job is in BuildKit's words, and where its caches are. */

#include "config.h"

#include "engine/builder/caches.h"
#include "engine/builder/lint.h"
#include "engine/builder/ops.h"
#include "engine/builder/route.h"
#include "engine/builder/solve_attrs.h"
#include "engine/buildkit/content_store.h"
#include "engine/buildkit/control.h"
#include "tests/unit/builder_world.h"

static void add_pairs(struct buf *out, const struct control_pair *pairs, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "%s=%s\n", pairs[i].key, pairs[i].value);
}

static void expect(const struct build_job *job, const char *wanted)
{
	cleanup_buf struct buf text = { 0 };
	struct arena *arena = arena_new();
	struct control_solve solve = { .ref = "r" };
	struct caches *caches;

	ok(caches_new(job, &caches, err));
	solve_attrs(arena, job, caches, &solve);
	assert_string_equal(solve.frontend, "dockerfile.v0");
	add_pairs(&text, solve.attrs, solve.attrs_len);
	for (size_t i = 0; i < solve.exporters_len; i++) {
		buf_printf(&text, "-> %s\n", solve.exporters[i].type);
		add_pairs(&text, solve.exporters[i].attrs, solve.exporters[i].attrs_len);
	}
	for (size_t i = 0; i < solve.cache_from_len; i++) {
		buf_printf(&text, "from %s\n", solve.cache_from[i].type);
		add_pairs(&text, solve.cache_from[i].attrs, solve.cache_from[i].attrs_len);
	}
	for (size_t i = 0; i < solve.cache_to_len; i++) {
		buf_printf(&text, "to %s\n", solve.cache_to[i].type);
		add_pairs(&text, solve.cache_to[i].attrs, solve.cache_to[i].attrs_len);
	}
	for (size_t i = 0; i < solve.entitlements_len; i++)
		buf_printf(&text, "may %s\n", solve.entitlements[i]);
	assert_string_equal(text.data, wanted);
	caches_free(caches);
	arena_free(arena);
}

static void test_plain(void **state)
{
	const struct build_job job = { .dockerfile = "/p/x/api.Dockerfile", .platform = arm64 };

	(void)state;
	expect(&job, "filename=api.Dockerfile\nplatform=linux/arm64\n-> oci\ntar=false\n");
}

static void test_full(void **state)
{
	static const struct build_pair args[] = { { "VERSION", "1.2" }, { "EMPTY", "" } };
	static const struct build_pair labels[] = { { "a", "b=c" } };
	static const struct build_context contexts[] = { { .name = "common", .value = "/p/common" },
							 { .name = "src", .value = "https://x/y.git#v1" } };
	static const char *hosts[] = { "db:10.0.0.1", "v6:::1", NULL };
	static const char *ulimits[] = { "nofile=10:20", "nproc=5:5", NULL };
	static const char *entitlements[] = { "security.insecure", NULL };
	static const char *stages[] = { "tests", "lint", NULL };
	static const char *from[] = { "type=registry,\"ref=r.example.org/x:cache,1\"", "r.example.org/y", NULL };
	static const char *to[] = { "type=inline", NULL };
	const struct build_job job = {
		.dockerfile = "/p/Dockerfile",
		.platform = amd64,
		.args = args,
		.args_len = 2,
		.labels = labels,
		.labels_len = 1,
		.contexts = contexts,
		.contexts_len = 2,
		.target = "release",
		.has_epoch = true,
		.epoch = 1700000000,
		.network = "host",
		.shm_size = 1000000,
		.hosts = hosts,
		.ulimits = ulimits,
		.cgroup_parent = "/ci",
		.entitlements = entitlements,
		.no_cache_filter = stages,
		.cache_from = from,
		.cache_to = to,
		.pull = true,
		.no_cache = true,
		.keep = true,
		.provenance = "max",
		.sbom = true,
		.sbom_generator = "scan:1",
	};

	(void)state;
	expect(&job, "filename=Dockerfile\nplatform=linux/"
		     "amd64\ntarget=release\nbuild-arg:VERSION=1.2\nbuild-arg:EMPTY=\n"
		     "build-arg:SOURCE_DATE_EPOCH=1700000000\nlabel:a=b=c\nforce-network-mode=host\nshm-size=1000000\n"
		     "ulimit=nofile=10:20,nproc=5:5\ncgroup-parent=/ci\n"
		     "attest:provenance=mode=max\nattest:sbom=generator=scan:1\nadd-hosts=db=10.0.0.1,v6=::1\n"
		     "image-resolve-mode=pull\nno-cache=\ncontext:common=local:folder0\ncontext:src=https://x/"
		     "y.git#v1\n"
		     "cache-imports=[{\"Type\":\"registry\",\"Attrs\":{\"ref\":\"r.example.org/x:cache,1\"}},"
		     "{\"Type\":\"registry\",\"Attrs\":{\"ref\":\"r.example.org/y\"}}]\n"
		     "-> oci\ntar=false\ncompression-level=1\nrewrite-timestamp=true\n"
		     "from registry\nref=r.example.org/x:cache,1\nfrom registry\nref=r.example.org/y\nto inline\n"
		     "may security.insecure\nmay network.host\n");
}

/* Single stages, and no right twice. */
static void test_stages(void **state)
{
	static const char *entitlements[] = { "network.host", NULL };
	static const char *stages[] = { "tests", "lint", NULL };
	const struct build_job job = { .dockerfile = "/p/Dockerfile",
				       .platform = amd64,
				       .network = "host",
				       .entitlements = entitlements,
				       .no_cache_filter = stages };

	(void)state;
	expect(&job, "filename=Dockerfile\nplatform=linux/amd64\nforce-network-mode=host\nno-cache=tests,lint\n"
		     "-> oci\ntar=false\nmay network.host\n");
}

/* What is not written comes from the environment, as buildx takes it; a key that is written is not mixed with another's. */
static void test_caches(void **state)
{
	static const char *from[] = { "type=gha,scope=x", "type=s3,region=eu,bucket=b", NULL };
	static const char *to[] = { "type=azblob,name=n,account_url=https://a",
				    "type=s3,bucket=b,access_key_id=mine,secret_access_key=own",
				    "type=gha,token=own,version=1", NULL };
	static const char *const set[][2] = {
		{ "ACTIONS_RUNTIME_TOKEN", "t" },       { "ACTIONS_RESULTS_URL", "https://r" },
		{ "ACTIONS_CACHE_SERVICE_V2", "True" }, { "AWS_ACCESS_KEY_ID", "id" },
		{ "AWS_SECRET_ACCESS_KEY", "key" },     { "AWS_SESSION_TOKEN", "st" }
	};
	const struct build_job job = { .dockerfile = "/p/Dockerfile", .cache_from = from, .cache_to = to };

	(void)state;
	unsetenv("ACTIONS_CACHE_URL");
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		setenv(set[i][0], set[i][1], 1);
	expect(&job,
	       "filename=Dockerfile\n"
	       "cache-imports=[{\"Type\":\"gha\",\"Attrs\":{\"scope\":\"x\",\"version\":\"2\",\"token\":\"t\",\"url\":\"https://r\",\"url_v2\":\"https://r\"}},"
	       "{\"Type\":\"s3\",\"Attrs\":{\"region\":\"eu\",\"bucket\":\"b\",\"access_key_id\":\"id\",\"secret_access_key\":\"key\",\"session_token\":\"st\"}}]\n"
	       "-> oci\ntar=false\n"
	       "from gha\nscope=x\nversion=2\ntoken=t\nurl=https://r\nurl_v2=https://r\n"
	       "from s3\nregion=eu\nbucket=b\naccess_key_id=id\nsecret_access_key=key\nsession_token=st\n"
	       "to azblob\nname=n\naccount_url=https://a\n"
	       "to s3\nbucket=b\naccess_key_id=mine\nsecret_access_key=own\n"
	       "to gha\ntoken=own\nversion=1\nurl=https://r\nurl_v2=https://r\n");
	for (size_t i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		unsetenv(set[i][0]);
}

/* Names as BuildKit looks them up, one a platform. */
static void test_images(void **state)
{
	const struct build_image images[] = {
		{ .name = "base", .platform = arm64, .where = IMAGE_STORE, .digest = ONE },
		{ .name = "base", .platform = amd64, .where = IMAGE_STORE, .digest = TWO },
		{ .name = "docker.io/library/debian:latest", .platform = arm64, .where = IMAGE_REMOTE, .reference = "d@" ONE },
		{ .name = "debian:12", .platform = arm64, .where = IMAGE_REMOTE, .reference = "e@" ONE },
		{ .name = "ghcr.io/x/base:1.2", .platform = arm64, .where = IMAGE_REMOTE, .reference = "f@" ONE },
		{ .name = "x/y:latest@" ONE, .platform = arm64, .where = IMAGE_REMOTE, .reference = "g@" ONE },
	};
	const struct build_job job = { .dockerfile = "/p/Dockerfile", .platform = arm64, .images = images, .images_len = 6 };

	(void)state;
	expect(&job, "filename=Dockerfile\nplatform=linux/arm64\n"
		     "context:base::linux/arm64=oci-layout://cbuild@" ONE "\n"
		     "context:base::linux/amd64=oci-layout://cbuild@" TWO "\n"
		     "context:debian::linux/arm64=docker-image://d@" ONE "\n"
		     "context:debian:12::linux/arm64=docker-image://e@" ONE "\n"
		     "context:ghcr.io/x/base:1.2::linux/arm64=docker-image://f@" ONE "\n"
		     "context:x/y:latest@" ONE "::linux/arm64=docker-image://g@" ONE "\n"
		     "-> oci\ntar=false\n");
}

/* A folder: nothing is found in it at first, and what a build left there afterwards. */
static void test_local_cache(void **state)
{
	static const char *to[] = { "type=local,dest=cache,mode=max", NULL }, *from[] = { "type=local,src=cache", NULL };
	const struct build_job job = { .cache_from = from, .cache_to = to };
	struct control_solve solve = { .ref = "r" };
	struct content_store stores[2];
	struct caches *caches;

	(void)state;
	ok(caches_new(&job, &caches, err));
	caches_fill(caches, &solve);
	assert_int_equal(solve.cache_from_len, 0);
	assert_int_equal(caches_stores(caches, stores), 1);
	assert_string_equal(stores[0].id, "local:cache");
	assert_true(stores[0].takes);
	caches_answer(caches, "cache.manifest", "{\"mediaType\": \"m\", \"digest\": \"" ONE "\", \"size\": 7}");
	ok(caches_finish(caches, err));
	caches_free(caches);
	ok(caches_new(&job, &caches, err));
	caches_fill(caches, &solve);
	assert_int_equal(solve.cache_from_len, 1);
	assert_string_equal(solve.cache_from[0].attrs[1].key, "digest");
	assert_string_equal(solve.cache_from[0].attrs[1].value, ONE);
	assert_int_equal(caches_stores(caches, stores), 2);
	/* The next one takes its place. */
	caches_answer(caches, "cache.manifest", "{\"mediaType\": \"m\", \"digest\": \"" TWO "\", \"size\": 7}");
	ok(caches_finish(caches, err));
	caches_free(caches);
	ok(caches_new(&job, &caches, err));
	caches_fill(caches, &solve);
	assert_int_equal(solve.cache_from[0].attrs_len, 2);
	assert_string_equal(solve.cache_from[0].attrs[1].value, TWO);
	caches_free(caches);
}

static void test_wrong_caches(void **state)
{
	static const char *const wrong[] = { "type=local", "ref=x", "type=registry,ref" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		const char *from[] = { wrong[i], NULL };
		const struct build_job job = { .cache_from = from };
		cleanup_error struct error *error = NULL;
		struct caches *caches;

		assert_int_equal(caches_new(&job, &caches, &error), -1);
		assert_int_equal(error->cls, ERROR_USAGE);
		caches_free(caches);
	}
}

static void take_finding(void *data, const struct builder_finding *finding)
{
	buf_printf(data, "%s %u-%u %s\n", finding->rule ? finding->rule : "-", finding->line, finding->last_line,
		   finding->text);
}

static void test_findings(void **state)
{
	static const char answer[] = "{\"warnings\": [{\"ruleName\": \"A\", \"detail\": \"d\", \"location\": "
				     "{\"ranges\": [{\"start\": {\"line\": 2},"
				     "\"end\": {\"line\": 3}}]}}, {\"ruleName\": \"B\"}, {\"ruleName\": \"C\", "
				     "\"description\": \"e\"}],"
				     "\"buildError\": {\"message\": \"f\"}}";
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;

	(void)state;
	ok(lint_read(answer, strlen(answer), take_finding, &text, err));
	assert_string_equal(text.data, "A 2-3 d\nC 0-0 e\n- 0-0 f\n");
	assert_int_equal(lint_read("x", 1, take_finding, &text, &error), -1);
}

static void expect_route(int (*find)(const struct builder_given *given, struct route *ret, struct error **err),
			 const char *instance, const char *url, const char *words)
{
	const struct builder_given given = { .instance = instance };
	cleanup_route struct route route = { 0 };
	cleanup_free char *lines = NULL;

	ok(find(&given, &route, err));
	assert_string_equal(route.address.url, url);
	lines = lines_of(&route.argv);
	assert_string_equal(lines, words);
	assert_int_equal(route.address.argv != NULL, *words != '\0');
}

static void write_config(const char *path, const char *text)
{
	cleanup_free char *dir = path_dir(path);

	ok(fs_mkdirs(dir, 0755, err));
	ok(fs_replace(path, text, strlen(text), 0644, err));
}

static void test_routes(void **state)
{
	const struct builder_given nobody = { .instance = "nobody" }, wrong = { .instance = "ftp://x" };
	cleanup_route struct route route = { 0 }, other = { 0 };

	(void)state;
	setenv("DOCKER_CONFIG", "config", 1);
	unsetenv("DOCKER_HOST");
	unsetenv("DOCKER_CONTEXT");
	unsetenv("BUILDX_BUILDER");
	unsetenv("BUILDKIT_HOST");
	expect_route(route_docker, NULL, "unix:///var/run/docker.sock", "");
	expect_route(route_docker, "ssh://arm1", "ssh://arm1",
		     "ssh\n-o\nBatchMode=yes\n--\narm1\ndocker\nsystem\ndial-stdio\n");
	setenv("DOCKER_HOST", "unix:///x.sock", 1);
	expect_route(route_docker, "default", "unix:///x.sock", "");
	unsetenv("DOCKER_HOST");
	write_config("config/buildx/instances/mine", "{\"Driver\": \"docker-container\", \"Nodes\": [{\"Name\": "
						     "\"mine0\", \"Endpoint\": \"unix:///d.sock\"}]}");
	write_config("config/buildx/instances/far", "{\"Driver\": \"remote\", \"Nodes\": [{\"Name\": \"far0\", "
						    "\"Endpoint\": \"tcp://h:1\","
						    "\"DriverOpts\": {\"cacert\": \"/ca\", \"cert\": \"/c\", \"key\": "
						    "\"/k\"}}]}");
	expect_route(route_docker, "mine", "docker-container://buildx_buildkit_mine0",
		     "docker\n--host=unix:///d.sock\nexec\n-i\n--\nbuildx_buildkit_mine0\nbuildctl\ndial-stdio\n");
	expect_route(route_docker, "far", "tcp://h:1", "");
	assert_int_equal(route_docker(&nobody, &route, NULL), -1);
	expect_route(route_buildkit, NULL, "unix:///run/buildkit/buildkitd.sock", "");
	setenv("BUILDKIT_HOST", "tcp://b:2", 1);
	expect_route(route_buildkit, NULL, "tcp://b:2", "");
	expect_route(route_buildkit, "docker-container://bk", "docker-container://bk",
		     "docker\nexec\n-i\n--\nbk\nbuildctl\ndial-stdio\n");
	expect_route(route_buildkit, "kube-pod://bk?namespace=x", "kube-pod://bk?namespace=x",
		     "kubectl\n--namespace=x\nexec\n-i\nbk\n--\nbuildctl\ndial-stdio\n");
	assert_int_equal(route_buildkit(&wrong, &other, NULL), -1);
	expect_route(route_nerdctl, "k8s.io", "tcp://b:2", "");
	unsetenv("BUILDKIT_HOST");
	unsetenv("DOCKER_CONFIG");
}

/* Each place that was looked at is named once. */
static void test_nobody_listens(void **state)
{
	const struct builder_given given = { .instance = NULL }, other = { .instance = "k8s.io" };
	cleanup_route struct route route = { 0 };
	cleanup_error struct error *error = NULL, *second = NULL;
	const char *at;

	(void)state;
	unsetenv("CONTAINERD_NAMESPACE");
	if (route_nerdctl(&given, &route, &error) == 0)
		return; /* this machine has one */
	at = strstr(error->message, "/buildkit-default/");
	assert_non_null(at);
	assert_null(strstr(at + 1, "/buildkit-default/"));
	assert_non_null(strstr(at, "/buildkit/"));
	assert_int_equal(route_nerdctl(&other, &route, &second), -1);
	assert_non_null(strstr(second->message, "/buildkit-k8s.io/"));
	assert_non_null(strstr(second->message, "/buildkit-default/"));
	assert_non_null(strstr(second->message, "/buildkit/"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),    TEST(test_full),   TEST(test_stages),      TEST(test_nobody_listens),
		TEST(test_caches),   TEST(test_images), TEST(test_local_cache), TEST(test_wrong_caches),
		TEST(test_findings), TEST(test_routes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
