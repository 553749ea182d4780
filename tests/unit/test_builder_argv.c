#include "config.h"

#include "base/buf.h"
#include "engine/builder/args.h"
#include "engine/builder/buildah.h"
#include "tests/unit/builder_world.h"

static const struct build_pair args[] = { { "VERSION", "1.2" }, { "PATH", "/x" }, { "EMPTY", "" } };
static const struct build_pair labels[] = { { "a", "b=c" } };
static const struct build_context contexts[] = { { .name = "common", .value = "/p/common" } };
static const char *hosts[] = { "db:10.0.0.1", "v6:::1", NULL };
static const char *ulimits[] = { "nofile=10:20", NULL };
static const struct build_secret_source secrets[] = { { "token", "/p/token.txt", NULL }, { "key", NULL, "hush" } };
static const struct build_pair ssh[] = { { "default", "" }, { "mine", "/p/key" } };
static const char *cache_from[] = { "type=registry,ref=r.example.org/x:cache", NULL };
static const char *cache_to[] = { "type=inline", NULL };
static const struct rewrite_files files = { "/s/dockerfile/Dockerfile", "/s/dockerfile/Dockerfile.dockerignore" };

/* How a secret's value gets to the builder: in its environment. */
#define GIVEN_ENV "CBUILD_SECRET_1=hush\n"
#define GIVEN                                                                                                                          \
	"--network=none\n--shm-size=1000000b\n--add-host=db:10.0.0.1\n--add-host=v6:::1\n--ulimit=nofile=10:20\n--cgroup-parent=/ci\n" \
	"--secret=id=token,src=/p/token.txt\n--secret=id=key,env=CBUILD_SECRET_1\n--ssh=default\n"                                     \
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
	job.ulimits = ulimits;
	job.cgroup_parent = "/ci";
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

/* podman has the OCI runtime in front. */
static void test_podman(void **state)
{
	struct buildah_command command = { .program = "/usr/bin/podman",
					   .flags = "--isolation=oci --runtime=runc --network=host",
					   .host = &amd64,
					   .files = &files,
					   .iidfile = "/s/iid",
					   .mark = "m" };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct build_job job = plain_job();

	(void)state;
	buildah_argv(&command, &job, &argv, &env);
	assert_lines(&argv,
		     "/usr/bin/podman\n--runtime=runc\nbuild\n--platform=linux/arm64\n--iidfile=/s/iid\n--layers\n"
		     "--force-rm\n--format=docker\n--identity-label=false\n--pull=never\n--isolation=oci\n--network=host\n"
		     "--build-arg=BUILDPLATFORM=linux/amd64\n--secret=m\n--file=/s/dockerfile/Dockerfile\n"
		     "--ignorefile=/s/dockerfile/Dockerfile.dockerignore\n/p/x\n");
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
		TEST(test_buildah_plain),      TEST(test_buildah_odd_path), TEST(test_podman),
		TEST(test_buildah_full),       TEST(test_environment_safe), TEST(test_environment),
		TEST(test_inherited_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
