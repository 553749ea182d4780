#include "config.h"

#include <unistd.h>

#include "engine/runtime/runtime_ops.h"
#include "tests/unit/builder_world.h"

static const struct runtime_pair environment[] = {
	{ "A", "plain" }, { "B", "two\nlines" }, { "C", NULL }, { "D", "say \"x\"" }, { "DOCKER_HOST", "tcp://$x" },
};
static const struct runtime_pair hosts[] = { { "db", "10.89.0.2" } };
static const uint16_t ports[] = { 8000, 9000 };
static const char *const entrypoint[] = { "/app", "--one", NULL };
static const char *const command[] = { "serve", "-x", NULL };
static const char *const tmpfs[] = { "/tmp:size=1m", "/run", NULL };

static const struct container_spec full = {
	.name = "web",
	.network = "cbuild-n",
	.environment = environment,
	.environment_len = 5,
	.entrypoint = entrypoint,
	.command = command,
	.user = "1000:1000",
	.working_dir = "/srv",
	.tmpfs = tmpfs,
	.ports = ports,
	.ports_len = 2,
	.hosts = hosts,
	.hosts_len = 1,
};

static void assert_run(const struct runtime *runtime, unsigned quirks, const struct container_spec *spec,
		       const char *env_file, const char *wanted)
{
	cleanup_argv struct argv argv = { 0 };

	command_run(runtime, quirks, spec, false, ONE, "cbuild-web-1-a-0", env_file, &argv);
	assert_lines(&argv, wanted);
}

static void test_podman(void **state)
{
	static const struct container_spec bare;
	const struct runtime runtime = { .ops = &runtime_podman,
					 .program = (char *)"/usr/bin/podman",
					 .owner = (char *)"/p/.cbuild" };

	(void)state;
	assert_run(&runtime, 0, &bare, NULL,
		   "/usr/bin/podman\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n"
		   "--label=dev.cbuild.owner=/p/.cbuild\n--log-driver=k8s-file\n--log-opt=max-size=10m\n--no-healthcheck\n"
		   "--stop-timeout=0\n--http-proxy=false\n--authfile=/dev/null\n" ONE "\n");
	assert_run(
		&runtime, 0, &full, "/t/env",
		"/usr/bin/podman\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n"
		"--label=dev.cbuild.owner=/p/.cbuild\n--log-driver=k8s-file\n--log-opt=max-size=10m\n--no-healthcheck\n"
		"--stop-timeout=0\n--http-proxy=false\n--authfile=/dev/null\n--network=cbuild-n\n--network-alias=web\n--env-file=/t/env\n--env=B\n"
		"--env=D\n--env=DOCKER_HOST=tcp://$x\n--add-host=db:10.89.0.2\n--user=1000:1000\n--workdir=/srv\n--tmpfs=/tmp:size=1m\n--tmpfs=/run\n--entrypoint=/app\n" ONE
		"\n--one\nserve\n-x\n");
}

static const struct runtime_pair settings[] = {
	{ "cap_add", "NET_ADMIN" }, { "cpus", "0.5" },	      { "extra_hosts", "far:1.2.3.4" },
	{ "init", "true" },	    { "labels", "team=blue" }, { "mem_limit", "67108864" },
	{ "read_only", "true" },    { "sysctls", "a.b=1" },    { "logging.driver", "journald" },
};

/* Those of the service's come before cbuild's own, which win. */
static void test_settings(void **state)
{
	static const char *const aliases[] = { "www", NULL };
	const struct container_spec spec = { .network = "n",
					     .aliases = aliases,
					     .settings = settings,
					     .settings_len = sizeof(settings) / sizeof(settings[0]) };
	const struct runtime runtime = { .ops = &runtime_docker, .program = (char *)"docker", .owner = (char *)"o" };

	(void)state;
	assert_run(&runtime, 0, &spec, NULL,
		   "docker\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n--cap-add=NET_ADMIN\n--cpus=0.5\n"
		   "--add-host=far:1.2.3.4\n--init\n--label=team=blue\n--memory=67108864\n--read-only\n--sysctl=a.b=1\n"
		   "--log-driver=journald\n--label=dev.cbuild.owner=o\n--no-healthcheck\n--stop-timeout=0\n--network=n\n"
		   "--network-alias=www\n" ONE "\n");
}

static void test_rootless(void **state)
{
	const struct container_spec spec = { .ports = ports, .ports_len = 2 };
	const struct runtime runtime = { .ops = &runtime_podman,
					 .program = (char *)"podman",
					 .owner = (char *)"o",
					 .publish = true };

	(void)state;
	assert_run(&runtime, QUIRK_RUNC | QUIRK_CGROUPFS | QUIRK_NO_CGROUPS | QUIRK_NO_LOGOPT, &spec, NULL,
		   "podman\n--runtime=runc\n--cgroup-manager=cgroupfs\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n"
		   "--label=dev.cbuild.owner=o\n--log-driver=k8s-file\n--no-healthcheck\n--stop-timeout=0\n--http-proxy=false\n--authfile=/dev/null\n"
		   "--cgroups=disabled\n--publish=127.0.0.1::8000\n--publish=127.0.0.1::9000\n" ONE "\n");
}

static void test_docker(void **state)
{
	static const struct runtime_publish publish[] = {
		{ .inner = 8000 },
		{ .inner = 9000, .outer = 80, .outer_last = 80, .host = "0.0.0.0" },
		{ .inner = 53, .outer = 5300, .outer_last = 5310, .udp = true },
	};
	static const struct runtime_pair labels[] = { { RUNTIME_SERVICE, "web" } };
	const struct container_spec spec = { .command = command };
	const struct container_spec up = { .network = "cbuild-n",
					   .hosts = hosts,
					   .hosts_len = 1,
					   .ports = ports,
					   .ports_len = 1,
					   .publish = publish,
					   .publish_len = 3,
					   .labels = labels,
					   .labels_len = 1 };
	const struct runtime runtime = { .ops = &runtime_docker,
					 .program = (char *)"docker",
					 .owner = (char *)"o",
					 .publish = true };

	(void)state;
	assert_run(&runtime, 0, &spec, NULL,
		   "docker\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n--label=dev.cbuild.owner=o\n"
		   "--log-driver=json-file\n--log-opt=max-size=10m\n--no-healthcheck\n--stop-timeout=0\n" ONE
		   "\nserve\n-x\n");
	/* docker's networks know the names themselves. */
	assert_run(&runtime, 0, &up, NULL,
		   "docker\nrun\n--detach\n--pull=never\n--name=cbuild-web-1-a-0\n--label=dev.cbuild.owner=o\n"
		   "--label=dev.cbuild.service=web\n--log-driver=json-file\n--log-opt=max-size=10m\n--no-healthcheck\n"
		   "--stop-timeout=0\n--network=cbuild-n\n--publish=127.0.0.1::8000/tcp\n--publish=0.0.0.0:80:9000/tcp\n"
		   "--publish=127.0.0.1:5300-5310:53/udp\n" ONE "\n");
}

static void test_adapt(void **state)
{
	static const char rlimit[] = "runc: error setting rlimit type 7: operation not permitted: OCI permission denied";
	static const char crun[] = "crun: unknown version specified: OCI runtime error";
	static const char cgroups[] =
		"systemd cgroup flag passed, but systemd support for managing cgroups is not available";

	(void)state;
	assert_int_equal(runtime_podman.adapt(0, rlimit), QUIRK_ULIMIT);
	assert_int_equal(runtime_podman.adapt(QUIRK_ULIMIT, rlimit), QUIRK_ULIMIT);
	assert_int_equal(runtime_podman.adapt(QUIRK_ULIMIT, crun), QUIRK_ULIMIT | QUIRK_RUNC);
	assert_int_equal(runtime_podman.adapt(0, cgroups), QUIRK_CGROUPFS);
	assert_int_equal(runtime_podman.adapt(QUIRK_CGROUPFS, cgroups), QUIRK_CGROUPFS | QUIRK_NO_CGROUPS);
	assert_int_equal(runtime_podman.adapt(0, "image not known"), 0);
	assert_int_equal(runtime_docker.adapt(0, rlimit), QUIRK_ULIMIT);
	assert_int_equal(runtime_docker.adapt(0, cgroups), 0);
}

static void test_plain(void **state)
{
	static const char *const plain[] = { "", "x", "a b", "a=b:c/d,e", "{x}" };
	static const char *const other[] = { "a\nb",  "a\r", "\ta",  " a",    "a ", "'a'",
					     "\"a\"", "`a`", "a\\b", "a # b", "$A", "\xc3\xa4" };
	cleanup_free char *longest = mem_alloc(20001);

	(void)state;
	memset(longest, 'x', 20000);
	assert_false(environment_plain(longest));
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_true(environment_plain(plain[i]));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(environment_plain(other[i]));
}

/* A value never stands in an argument list; what an env-file cannot hold replaces what the child has. */
static void test_environment(void **state)
{
	char **env;
	size_t found = 0;

	(void)state;
	setenv("B", "old", 1);
	env = environment_child(&full);
	unsetenv("B");
	for (char **one = env; *one; one++) {
		if (strncmp(*one, "B=", 2) == 0) {
			assert_string_equal(*one, "B=two\nlines");
			found++;
		}
		assert_true(strncmp(*one, "A=", 2) != 0);
		found += strncmp(*one, "PATH=", 5) == 0;
	}
	assert_int_equal(found, 2);
	environment_free(env);
	assert_null(environment_child(&(struct container_spec){ .environment = environment, .environment_len = 1 }));
}

static void test_env_file(void **state)
{
	struct runtime runtime = { 0 };
	cleanup_free char *dir = NULL, *file = NULL;
	cleanup_buf struct buf text = { 0 };
	struct stat st;

	(void)state;
	ok(layout_open("store", true, &runtime.layout, err));
	ok(environment_file(&runtime, &full, &dir, &file, err));
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	ok(fs_read(file, 1000, &text, err));
	assert_string_equal(text.data, "A=plain\n");
	layout_free(runtime.layout);
}

static void test_names(void **state)
{
	struct runtime runtime = { .process = command_process() };
	cleanup_free char *one = command_name(&runtime, "my-service"), *two = command_name(&runtime, NULL);
	cleanup_free char *odd = command_name(&runtime, "-x/..\n");
	cleanup_free char *gone = mem_printf("cbuild-web-%ld-1-0", (long)getpid());

	(void)state;
	assert_ptr_equal(strstr(one, "cbuild-my-service-"), one);
	assert_string_not_equal(one, two);
	assert_null(strpbrk(odd, "/\n"));
	assert_true(command_owner_alive(one));
	assert_true(command_owner_alive(two));
	assert_false(command_owner_alive(gone)); /* our pid, but started at another time */
	assert_false(command_owner_alive("cbuild-web-999999999-1-0"));
	assert_false(command_owner_alive("cbuild"));
	assert_false(command_owner_alive(""));
	assert_false(command_owner_alive("a-b-c-d"));
	free(runtime.process);
}

static void test_complaint(void **state)
{
	cleanup_buf struct buf out = { 0 };

	(void)state;
	runtime_complaint(
		&out,
		"time=\"2026\" level=warning msg=\"x\"\nError: it is broken\n\nmore\nRun 'docker run --help' for more information\n");
	assert_string_equal(out.data, "it is broken\nmore");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_podman),      TEST(test_settings), TEST(test_docker), TEST(test_adapt),     TEST(test_plain),
		TEST(test_podman),      TEST(test_rootless), TEST(test_docker), TEST(test_adapt),     TEST(test_plain),
		TEST(test_environment), TEST(test_env_file), TEST(test_names),  TEST(test_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
