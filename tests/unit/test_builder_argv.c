#include "config.h"

#include "base/buf.h"
#include "engine/builder/args.h"
#include "engine/builder/bake.h"
#include "engine/builder/buildah.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/buildctl.h"
#include "engine/builder/docker.h"
#include "engine/builder/nerdctl.h"
#include "tests/unit/builder_world.h"

static const struct build_pair args[] = { { "VERSION", "1.2" }, { "PATH", "/x" }, { "EMPTY", "" } };
static const struct build_pair labels[] = { { "a", "b=c" } };
static const struct build_context contexts[] = { { "common", "/p/common" } };
static const char *hosts[] = { "db:10.0.0.1", "v6:::1", NULL };
static const struct build_secret_source secrets[] = { { "token", "/p/token.txt", NULL }, { "key", NULL, "hush" } };
static const struct build_pair ssh[] = { { "default", "" }, { "mine", "/p/key" } };
static const char *cache_from[] = { "type=registry,ref=r.example.org/x:cache", NULL };
static const char *cache_to[] = { "type=inline", NULL };
static const struct rewrite_files files = { "/s/dockerfile/Dockerfile", "/s/dockerfile/Dockerfile.dockerignore" };

/* How a secret's value gets to the builder: in its environment. */
#define GIVEN_ENV "CBUILD_SECRET_1=hush\n"
#define GIVEN                                                                                      \
	"--network=none\n--shm-size=1000000b\n--add-host=db:10.0.0.1\n--add-host=v6:::1\n"         \
	"--secret=id=token,src=/p/token.txt\n--secret=id=key,env=CBUILD_SECRET_1\n--ssh=default\n" \
	"--ssh=mine=/p/key\n"

static struct build_job plain_job(void)
{
	return (struct build_job){
		.id = "build:x:linux/arm64",
		.context = "/p/x",
		.dockerfile = "/p/x/Dockerfile",
		.platform = arm64,
		.staging = "/s",
	};
}

static struct build_job full_job(void)
{
	struct build_job job = plain_job();

	job.args = args;
	job.args_len = 3;
	job.labels = labels;
	job.labels_len = 1;
	job.contexts = contexts;
	job.contexts_len = 1;
	job.target = "release";
	job.has_epoch = true;
	job.epoch = 1700000000;
	job.network = "none";
	job.shm_size = 1000000;
	job.hosts = hosts;
	job.secrets = secrets;
	job.secrets_len = 2;
	job.ssh = ssh;
	job.ssh_len = 2;
	job.cache_from = cache_from;
	job.cache_to = cache_to;
	job.pull = true;
	return job;
}

static void buildah(const struct build_job *job, const char *flags, bool no_cache, const char *wanted,
		    const char *wanted_env)
{
	struct buildah_command command = {
		.program = "/usr/bin/buildah",
		.flags = flags,
		.host = &amd64,
		.files = &files,
		.iidfile = "/s/iid",
		.mark = "id=mark,src=/dev/null",
		.no_cache = no_cache,
	};
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	buildah_argv(&command, job, &argv, &env);
	assert_lines(&argv, wanted);
	assert_lines(&env, wanted_env);
}

static void test_buildah_plain(void **state)
{
	struct build_job job = plain_job();

	(void)state;
	buildah(&job, "--isolation=chroot", false,
		"/usr/bin/buildah\nbuild\n--platform=linux/arm64\n--iidfile=/s/"
		"iid\n--layers\n--force-rm\n--format=docker\n"
		"--identity-label=false\n--pull=never\n--isolation=chroot\n--build-arg=BUILDPLATFORM=linux/amd64\n"
		"--secret=id=mark,src=/dev/null\n"
		"--file=/s/dockerfile/Dockerfile\n--ignorefile=/s/dockerfile/Dockerfile.dockerignore\n/p/x\n",
		"");
}

/* buildah takes several files, separated by commas as in CSV. */
static void test_buildah_odd_path(void **state)
{
	struct rewrite_files odd = { .dockerfile = "/a,b/\"c\"/Dockerfile", .ignore = "/a,b/\"c\"/x" };
	struct buildah_command command = { .program = "b",
					   .flags = "",
					   .host = &amd64,
					   .files = &odd,
					   .iidfile = "i",
					   .mark = "m" };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct build_job job = plain_job();

	(void)state;
	buildah_argv(&command, &job, &argv, &env);
	assert_string_equal(argv.items[argv.len - 3], "--file=\"/a,b/\"\"c\"\"/Dockerfile\"");
	assert_string_equal(argv.items[argv.len - 2], "--ignorefile=/a,b/\"c\"/x");
}

static void test_buildah_full(void **state)
{
	struct build_job job = full_job();

	(void)state;
	buildah(&job, "--isolation=oci --runtime=runc", true,
		"/usr/bin/buildah\nbuild\n--platform=linux/arm64\n--iidfile=/s/"
		"iid\n--layers\n--force-rm\n--format=docker\n"
		"--identity-label=false\n--pull=never\n--isolation=oci\n--runtime=runc\n--no-cache\n--timestamp="
		"1700000000\n"
		"--build-arg=BUILDPLATFORM=linux/amd64\n--target=release\n" GIVEN "--build-arg=VERSION\n--build-arg="
		"PATH=/x\n"
		"--build-arg=EMPTY\n--label=a=b=c\n--build-context=common=/p/common\n"
		"--secret=id=mark,src=/dev/null\n"
		"--file=/s/dockerfile/Dockerfile\n--ignorefile=/s/dockerfile/Dockerfile.dockerignore\n/p/x\n",
		GIVEN_ENV "VERSION=1.2\nEMPTY=\n");
}

static int docker(const struct build_job *job, const char *tar, struct argv *argv, struct argv *env, struct error **err)
{
	static const char *const aliases[] = { "go-base-0.cbuild", "debian-1.cbuild" };
	cleanup_argv struct argv buildx = { 0 };
	struct docker_command command = {
		.buildx = &buildx,
		.store = "/p/.cbuild/oci",
		.context = job->context,
		.files = &files,
		.aliases = aliases,
		.tar = tar,
	};

	argv_add(&buildx, "docker");
	argv_add(&buildx, "buildx");
	return docker_argv(&command, job, argv, env, err);
}

static void test_docker_plain(void **state)
{
	struct build_job job = plain_job();
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	(void)state;
	ok(docker(&job, "/s/image.tar", &argv, &env, err));
	assert_lines(&argv, "docker\nbuildx\nbuild\n--platform=linux/arm64\n--output=type=oci,dest=/s/image.tar\n"
			    "--provenance=false\n--sbom=false\n--progress=plain\n--file=/s/dockerfile/Dockerfile\n/p/"
			    "x\n");
	assert_lines(&env, "");
}

/* A folder is called after the last component of its path. */
static void test_buildkit_context(void **state)
{
	struct build_job job = plain_job();
	cleanup_free char *plain = buildkit_context(&job, NULL), *named = NULL;
	struct error *why = NULL;
	char target[64] = "";

	(void)state;
	assert_string_equal(plain, "/p/x");
	job.staging = ".";
	job.context_name = "0123456789abcdef0123456789abcdef";
	named = buildkit_context(&job, NULL);
	assert_string_equal(named, "./0123456789abcdef0123456789abcdef");
	assert_int_equal(readlink(named, target, sizeof(target) - 1), 4);
	assert_string_equal(target, "/p/x");
	job.staging = "/nonsuch";
	assert_null(buildkit_context(&job, &why));
	assert_int_equal(why->cls, ERROR_STATE);
	error_free(why);
}

static void test_docker_full(void **state)
{
	const struct build_image images[] = {
		{ .name = "go-base", .where = IMAGE_STORE, .digest = ONE },
		{ .name = "debian", .where = IMAGE_REMOTE, .reference = "debian@" TWO },
	};
	struct build_job job = full_job();
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	(void)state;
	job.images = images;
	job.images_len = 2;
	job.keep = job.no_cache = true;
	ok(docker(&job, "/a,\"b/image.tar", &argv, &env, err));
	assert_lines(&argv, "docker\nbuildx\nbuild\n--platform=linux/arm64\n"
			    "--output=type=oci,\"dest=/a,\"\"b/image.tar\",compression-level=1,rewrite-timestamp=true\n"
			    "--provenance=false\n--sbom=false\n--progress=plain\n--no-cache\n--pull\n"
			    "--cache-from=type=registry,ref=r.example.org/x:cache\n--cache-to=type=inline\n"
			    "--target=release\n" GIVEN "--build-arg=VERSION\n"
			    "--build-arg=PATH=/x\n--build-arg=EMPTY\n--label=a=b=c\n--build-context=common=/p/common\n"
			    "--build-context=go-base-0.cbuild=oci-layout:///p/.cbuild/oci@" ONE "\n"
			    "--build-context=debian-1.cbuild=docker-image://debian@" TWO "\n"
			    "--file=/s/dockerfile/Dockerfile\n/p/x\n");
	assert_lines(&env, GIVEN_ENV "VERSION=1.2\nEMPTY=\n");
}

/* Everything of one job stands in its target, for bake's own rules: a template sign is doubled, hosts are a map. */
static void test_bake(void **state)
{
	static const char *const aliases[] = { "go-base-0.cbuild", "debian-1.cbuild" };
	static const struct build_pair given[] = { { "VERSION", "${X} %{y} $z" } };
	const struct build_image images[] = {
		{ .name = "go-base", .where = IMAGE_STORE, .digest = ONE },
		{ .name = "debian", .where = IMAGE_REMOTE, .reference = "debian@" TWO },
	};
	struct build_job plain = plain_job(), full = full_job();
	const struct buildkit_target targets[] = {
		{ &plain, &files, "/s/ctx", NULL, "/s/image.pipe" },
		{ &full, &files, "/s/full", aliases, "/a,b/image.pipe" },
	};
	cleanup_buf struct buf text = { 0 };
	cleanup_argv struct argv env = { 0 }, argv = { 0 };

	(void)state;
	full.args = given;
	full.args_len = 1;
	full.images = images;
	full.images_len = 2;
	full.keep = full.no_cache = true;
	full.network = "host";
	ok(bake_text("/p/.cbuild/oci", targets, 2, &text, &env, err));
	assert_string_equal(text.data, "{\"group\":{\"default\":{\"targets\":[\"n0\",\"n1\"]}},\"target\":{\"n0\":{"
				       "\"platforms\":[\"linux/arm64\"],"
				       "\"context\":\"/s/ctx\",\"dockerfile\":\"/s/dockerfile/"
				       "Dockerfile\",\"args\":{},\"labels\":{},"
				       "\"output\":[\"type=oci,dest=/s/"
				       "image.pipe\"],\"secret\":[],\"ssh\":[],\"contexts\":{}},"
				       "\"n1\":{\"platforms\":[\"linux/arm64\"],\"context\":\"/s/"
				       "full\",\"dockerfile\":\"/s/dockerfile/"
				       "Dockerfile\",\"target\":\"release\",\"args\":{\"VERSION\":\"$${X} %%{y} "
				       "$z\",\"SOURCE_DATE_EPOCH\":"
				       "\"1700000000\"},\"labels\":{\"a\":\"b=c\"},\"output\":[\"type=oci,\\\"dest=/"
				       "a,b/"
				       "image.pipe\\\",compression-level=1,rewrite-timestamp=true\"],\"cache-from\":["
				       "\"type=registry,"
				       "ref=r.example.org/"
				       "x:cache\"],\"cache-to\":[\"type=inline\"],\"extra-hosts\":{\"db\":\"10.0.0.1\","
				       "\"v6\":\"::1\"},\"network\":\"host\",\"shm-size\":\"1000000b\",\"no-cache\":"
				       "true,\"pull\":true,"
				       "\"secret\":[\"id=token,src=/p/"
				       "token.txt\",\"id=key,env=CBUILD_SECRET_1_1\"],\"ssh\":[\"default\","
				       "\"mine=/p/key\"],\"contexts\":{\"common\":\"/p/common\",\"go-base-0.cbuild\":"
				       "\"oci-layout:///p/.cbuild/oci@" ONE "\",\"debian-1.cbuild\":\"docker-image://"
				       "debian@" TWO "\"}}}}");
	assert_lines(&env, "CBUILD_SECRET_1_1=hush\n");
	bake_argv("fleet", "/s/bake.json", targets, 2, &argv);
	assert_lines(&argv, "bake\n--builder=fleet\n--file=/s/bake.json\n--progress=rawjson\n--provenance=false\n"
			    "--sbom=false\n--allow=fs=*\n--allow=ssh\n--allow=network.host\n");
	argv_free(&argv);
	bake_argv(NULL, "/s/bake.json", targets, 1, &argv);
	assert_lines(&argv, "bake\n--file=/s/bake.json\n--progress=rawjson\n--provenance=false\n--sbom=false\n"
			    "--allow=fs=*\n");
}

/* Where one job asks for something to be said, each has its own word on it. */
static void test_attestations(void **state)
{
	const struct buildctl_address here = { .program = "buildctl", .addr = "unix:///run/b.sock" };
	struct build_job plain = plain_job(), said = plain_job(), scanned = plain_job();
	const struct buildkit_target targets[] = {
		{ &plain, &files, "/s/ctx", NULL, "/s/image.pipe" },
		{ &said, &files, "/s/ctx", NULL, "/s/image.pipe" },
		{ &scanned, &files, "/s/ctx", NULL, "/s/image.pipe" },
	};
	cleanup_buf struct buf text = { 0 };
	cleanup_argv struct argv env = { 0 }, argv = { 0 };

	(void)state;
	said.provenance = "max";
	said.sbom = true;
	scanned.provenance = "min";
	scanned.sbom = true;
	scanned.sbom_generator = "r.example.org/scan:1";
	ok(bake_text("/p/.cbuild/oci", targets, 3, &text, &env, err));
	assert_non_null(strstr(text.data, "\"contexts\":{},\"attest\":[\"type=provenance,disabled=true\","
					  "\"type=sbom,disabled=true\"]},\"n1\""));
	assert_non_null(strstr(text.data, "\"attest\":[\"type=provenance,mode=max\",\"type=sbom\"]},\"n2\""));
	assert_non_null(strstr(text.data, "\"attest\":[\"type=provenance,mode=min\","
					  "\"type=sbom,generator=r.example.org/scan:1\"]}"));
	bake_argv(NULL, "/s/bake.json", targets, 3, &argv);
	assert_lines(&argv, "bake\n--file=/s/bake.json\n--progress=rawjson\n--allow=fs=*\n");
	argv_free(&argv);
	ok(docker(&scanned, "/s/image.tar", &argv, &env, err));
	assert_lines(&argv, "docker\nbuildx\nbuild\n--platform=linux/arm64\n--output=type=oci,dest=/s/image.tar\n"
			    "--provenance=mode=min\n--sbom=generator=r.example.org/scan:1\n--progress=plain\n"
			    "--file=/s/dockerfile/Dockerfile\n/p/x\n");
	argv_free(&argv);
	ok(buildctl_argv(&here, "/p/.cbuild/oci", &targets[1], &argv, &env, err));
	assert_lines(&argv, "buildctl\n--addr=unix:///run/b.sock\nbuild\n--frontend=dockerfile.v0\n--progress=rawjson\n"
			    "--opt=platform=linux/arm64\n--output=type=oci,dest=/s/image.pipe\n"
			    "--opt=attest:provenance=mode=max\n--opt=attest:sbom=\n--local=context=/s/ctx\n"
			    "--local=dockerfile=/s/dockerfile\n--opt=filename=Dockerfile\n");
}

static const struct build_image both_images[] = {
	{ .name = "go-base", .where = IMAGE_STORE, .digest = ONE },
	{ .name = "debian", .where = IMAGE_REMOTE, .reference = "debian@" TWO },
};
static const char *const both_aliases[] = { "go-base-0.cbuild", "debian-1.cbuild" };

static void test_buildctl(void **state)
{
	const struct buildctl_address here = { .program = "buildctl", .addr = "unix:///run/b.sock" };
	const struct buildctl_address there = { .program = "buildctl",
						.addr = "tcp://a:1",
						.ca = "/t/ca.pem",
						.cert = "/t/cert.pem",
						.key = "/t/key.pem" };
	struct build_job plain = plain_job(), full = full_job();
	struct buildkit_target target = { &plain, &files, "/s/ctx", both_aliases, "/s/image.pipe" };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	(void)state;
	ok(buildctl_argv(&here, "/p/.cbuild/oci", &target, &argv, &env, err));
	assert_lines(&argv, "buildctl\n--addr=unix:///run/b.sock\nbuild\n--frontend=dockerfile.v0\n--progress=rawjson\n"
			    "--opt=platform=linux/arm64\n--output=type=oci,dest=/s/image.pipe\n--local=context=/s/ctx\n"
			    "--local=dockerfile=/s/dockerfile\n--opt=filename=Dockerfile\n");
	argv_free(&argv);
	target.job = &full;
	full.images = both_images;
	full.images_len = 2;
	full.keep = full.no_cache = true;
	full.network = "host";
	ok(buildctl_argv(&there, "/p/.cbuild/oci", &target, &argv, &env, err));
	assert_lines(&argv, "buildctl\n--addr=tcp://a:1\n--tlscacert=/t/ca.pem\n--tlscert=/t/cert.pem\n--tlskey=/t/"
			    "key.pem\nbuild\n"
			    "--frontend=dockerfile.v0\n--progress=rawjson\n--opt=platform=linux/arm64\n"
			    "--output=type=oci,dest=/s/image.pipe,compression-level=1,rewrite-timestamp=true\n"
			    "--opt=target=release\n--opt=build-arg:VERSION=1.2\n--opt=build-arg:PATH=/"
			    "x\n--opt=build-arg:EMPTY=\n"
			    "--opt=build-arg:SOURCE_DATE_EPOCH=1700000000\n--opt=label:a=b=c\n--opt=force-network-mode="
			    "host\n"
			    "--allow=network.host\n--opt=shm-size=1000000\n--opt=add-hosts=db=10.0.0.1,v6=::1\n"
			    "--opt=image-resolve-mode=pull\n--no-cache\n--import-cache=type=registry,ref=r.example.org/"
			    "x:cache\n"
			    "--export-cache=type=inline\n--secret=id=token,src=/p/"
			    "token.txt\n--secret=id=key,env=CBUILD_SECRET_1\n"
			    "--ssh=default\n--ssh=mine=/p/key\n--local=folder0=/p/"
			    "common\n--opt=context:common=local:folder0\n"
			    "--oci-layout=cbuild=/p/.cbuild/oci\n--opt=context:go-base-0.cbuild=oci-layout://"
			    "cbuild@" ONE "\n"
			    "--opt=context:debian-1.cbuild=docker-image://debian@" TWO "\n--local=context=/s/ctx\n"
			    "--local=dockerfile=/s/dockerfile\n--opt=filename=Dockerfile\n");
	assert_lines(&env, "CBUILD_SECRET_1=hush\n");
}

static void test_buildctl_workers(void **state)
{
	static const char text[] = "[{\"platforms\":[{\"os\":\"linux\",\"architecture\":\"amd64\"},{\"os\":\"linux\","
				   "\"architecture\":\"amd64\",\"variant\":\"v2\"},{\"os\":\"linux\",\"architecture\":"
				   "\"riscv64\"},{\"os\":\"linux\",\"architecture\":\"arm64\"}]},{\"platforms\":[{"
				   "\"os\":"
				   "\"linux\",\"architecture\":\"arm64\"},7,{\"os\":\"linux\"}]},{}]";
	struct platform platforms[BUILDCTL_PLATFORMS_MAX];
	size_t native;

	(void)state;
	assert_int_equal(buildctl_workers(text, strlen(text), platforms, &native), 3);
	assert_int_equal(native, 2);
	assert_true(platform_equal(&platforms[0], &amd64));
	assert_true(platform_equal(&platforms[1], &arm64));
	assert_string_equal(platforms[2].arch, "riscv64");
	assert_int_equal(buildctl_workers("[", 1, platforms, &native), 0);
	assert_int_equal(buildctl_workers("{}", 2, platforms, &native), 0);
}

static void test_nerdctl(void **state)
{
	struct nerdctl_command command = { "nerdctl", "k8s.io", 2, "/p/.cbuild/oci" };
	struct build_job job = full_job();
	const struct buildkit_target target = { &job, &files, "/s/ctx", both_aliases, "/s/image.pipe" };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	cleanup_error struct error *error = NULL;

	(void)state;
	assert_int_equal(nerdctl_argv(&command, &target, &argv, &env, &error), -1);
	assert_int_equal(error->cls, ERROR_TOOL);
	assert_non_null(strstr(error->message, "shm_size"));
	job.shm_size = 0;
	job.images = both_images;
	job.images_len = 2;
	argv_free(&argv);
	ok(nerdctl_argv(&command, &target, &argv, &env, err));
	assert_lines(&argv, "nerdctl\n--namespace=k8s.io\nbuild\n--platform=linux/arm64\n--output=type=oci,dest=/s/"
			    "image.pipe,"
			    "rewrite-timestamp=true\n--progress=rawjson\n--pull=true\n"
			    "--cache-from=type=registry,ref=r.example.org/"
			    "x:cache\n--cache-to=type=inline\n--target=release\n"
			    "--network=none\n--add-host=db:10.0.0.1\n--add-host=v6:::1\n--secret=id=token,src=/p/"
			    "token.txt\n"
			    "--secret=id=key,env=CBUILD_SECRET_1\n--ssh=default\n--ssh=mine=/p/"
			    "key\n--build-arg=VERSION\n"
			    "--build-arg=PATH=/x\n--build-arg=EMPTY\n--label=a=b=c\n--build-context=common=/p/common\n"
			    "--build-arg=SOURCE_DATE_EPOCH=1700000000\n"
			    "--build-context=go-base-0.cbuild=oci-layout:///p/.cbuild/oci@" ONE "\n"
			    "--build-context=debian-1.cbuild=docker-image://debian@" TWO "\n--file=/s/dockerfile/"
			    "Dockerfile\n/s/ctx\n");
	argv_free(&argv);
	command = (struct nerdctl_command){ "nerdctl", NULL, 1, "/p/.cbuild/oci" };
	assert_int_equal(nerdctl_argv(&command, &target, &argv, &env, NULL), -1); /* --add-host came with 2 */
	job = plain_job();
	ok(nerdctl_argv(&command, &target, &argv, &env, err));
	assert_lines(&argv, "nerdctl\nbuild\n--platform=linux/arm64\n--output=type=oci,dest=/s/image.pipe\n"
			    "--progress=rawjson\n--file=/s/dockerfile/Dockerfile\n/s/ctx\n");
}

static void test_docker_has_no_storage(void **state)
{
	const struct build_image images[] = { { .name = "base", .where = IMAGE_LOCAL, .identity = ONE } };
	struct build_job job = plain_job();
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	cleanup_error struct error *error = NULL;

	(void)state;
	job.images = images;
	job.images_len = 1;
	assert_int_equal(docker(&job, "/s/image.tar", &argv, &env, &error), -1);
	assert_int_equal(error->cls, ERROR_INTERNAL);
}

static void test_aliases(void **state)
{
	static const struct {
		const char *name, *alias;
	} cases[] = {
		{ "go-base", "go-base-3.cbuild" },
		{ "ghcr.io/aic-sos/Go_Base:1.22", "go-base-3.cbuild" },
		{ "debian@" ONE, "debian-3.cbuild" },
		{ "x..", "x-3.cbuild" },
		{ "...", "3.cbuild" },
		{ "", "3.cbuild" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		cleanup_free char *alias = buildkit_alias(cases[i].name, 3);

		assert_string_equal(alias, cases[i].alias);
	}
}

static void test_environment_safe(void **state)
{
	(void)state;
	assert_true(args_environment_safe("VERSION"));
	assert_true(args_environment_safe("npm_token"));
	assert_false(args_environment_safe("LD_PRELOAD"));
	assert_false(args_environment_safe("HTTP_PROXY"));
	assert_false(args_environment_safe("https_proxy"));
	assert_false(args_environment_safe("DOCKER_HOST"));
	assert_false(args_environment_safe("1X"));
	assert_false(args_environment_safe("A-B"));
	assert_false(args_environment_safe(""));
	setenv("CBUILD_TEST_TAKEN", "1", 1);
	assert_false(args_environment_safe("CBUILD_TEST_TAKEN"));
	unsetenv("CBUILD_TEST_TAKEN");
}

static bool contains(const struct argv *env, const char *item)
{
	for (size_t i = 0; i < env->len; i++)
		if (strcmp(env->items[i], item) == 0)
			return true;
	return false;
}

static void test_environment(void **state)
{
	struct build_job job = full_job();
	cleanup_argv struct argv with = { 0 }, without = { 0 };

	(void)state;
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	setenv("SOURCE_DATE_EPOCH", "7", 1);
	setenv("DOCKER_HOST", "unix:///x", 1);
	args_environment(&job, NULL, &with);
	job.has_epoch = false;
	args_environment(&job, "DOCKER_HOST=", &without);
	assert_true(contains(&with, "LC_ALL=C"));
	assert_false(contains(&with, "LC_ALL=de_DE.UTF-8"));
	assert_true(contains(&with, "DOCKER_HOST=unix:///x"));
	assert_true(contains(&with, "SOURCE_DATE_EPOCH=1700000000"));
	assert_false(contains(&with, "SOURCE_DATE_EPOCH=7"));
	assert_false(contains(&without, "SOURCE_DATE_EPOCH=7"));
	assert_false(contains(&without, "DOCKER_HOST=unix:///x"));
	unsetenv("LC_ALL");
	unsetenv("SOURCE_DATE_EPOCH");
	unsetenv("DOCKER_HOST");
}

/* What the child has from our own environment need not stand in a command line, whatever its name. */
static void test_inherited_argument(void **state)
{
	const struct build_pair given[] = { { "AWS_TOKEN", "secret" }, { "AWS_REGION", "here" } };
	const struct build_job job = { .args = given, .args_len = 2 };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	(void)state;
	setenv("AWS_TOKEN", "secret", 1);
	setenv("AWS_REGION", "elsewhere", 1);
	args_environment(&job, NULL, &env);
	args_common(&job, &argv, &env);
	assert_true(contains(&argv, "--build-arg=AWS_TOKEN"));
	assert_true(contains(&argv, "--build-arg=AWS_REGION=here"));
	unsetenv("AWS_TOKEN");
	unsetenv("AWS_REGION");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_buildah_plain),
		TEST(test_buildah_odd_path),
		TEST(test_buildah_full),
		TEST(test_docker_plain),
		TEST(test_buildkit_context),
		TEST(test_docker_full),
		TEST(test_docker_has_no_storage),
		TEST(test_bake),
		TEST(test_attestations),
		TEST(test_buildctl),
		TEST(test_buildctl_workers),
		TEST(test_nerdctl),
		TEST(test_aliases),
		TEST(test_environment_safe),
		TEST(test_environment),
		TEST(test_inherited_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
