#include "config.h"

#include "base/json.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"
#include "tests/unit/builder_world.h"

static const struct runtime runtime = { .ops = &runtime_containerd,
					.program = (char *)"/usr/bin/ctr",
					.socket = (char *)"/run/c.sock",
					.space = (char *)"k8s.io",
					.owner = (char *)"/p/.cbuild/up" };

#define BEGIN "/usr/bin/ctr\n--address=/run/c.sock\n--namespace=k8s.io\nrun\n--detach\n--allow-new-privs\n"

static void assert_start(const struct container_spec *spec, const struct ctr_start *start, const char *wanted)
{
	cleanup_argv struct argv argv = { 0 };

	assert_int_equal(ctr_run_args(&runtime, spec, start, &argv, NULL), 0);
	assert_lines(&argv, wanted);
}

static void test_run(void **state)
{
	static const struct container_spec bare;
	static const struct runtime_pair labels[] = { { RUNTIME_SERVICE, "web" } };
	static const char *const tmpfs[] = { "/tmp:size=1m,mode=0700", "/run", NULL };
	static const char *const volumes[] = { "/a,\"b:/data", "/c:/d:z,ro", NULL };
	static const char *const words[] = { "serve", "-x", NULL };
	const struct container_spec full = { .user = "1000:1000",
					     .working_dir = "/srv",
					     .labels = labels,
					     .labels_len = 1,
					     .tmpfs = tmpfs,
					     .volumes = volumes };

	(void)state;
	assert_start(
		&bare,
		&(struct ctr_start){ .name = "cbuild-web-1-a-0", .image = "docker.io/library/web:latest", .dir = "/n" },
		BEGIN "--log-uri=file:///n/log\n--label=dev.cbuild.owner=/p/.cbuild/up\n"
		      "--with-ns=network:/run/netns/cbuild-web-1-a-0\n"
		      "--mount=type=bind,src=/n/hosts,dst=/etc/hosts,options=rbind:rw\n"
		      "docker.io/library/web:latest\ncbuild-web-1-a-0\n");
	assert_start(&full,
		     &(struct ctr_start){ .name = "n", .image = "i", .dir = "/n", .environment = true, .words = words },
		     BEGIN
		     "--log-uri=file:///n/log\n--label=dev.cbuild.owner=/p/.cbuild/up\n--label=dev.cbuild.service=web\n"
		     "--with-ns=network:/run/netns/n\n"
		     "--mount=type=bind,src=/n/hosts,dst=/etc/hosts,options=rbind:rw\n--env-file=/n/env\n"
		     "--user=1000:1000\n--cwd=/srv\n"
		     "--mount=type=tmpfs,src=tmpfs,dst=/tmp,options=size=1m:mode=0700\n"
		     "--mount=type=tmpfs,src=tmpfs,dst=/run\n"
		     "--mount=type=bind,\"src=/a,\"\"b\",dst=/data,options=rbind:rw\n"
		     "--mount=type=bind,src=/c,dst=/d,options=rbind:ro\ni\nn\nserve\n-x\n");
}

static void test_volumes(void **state)
{
	static const char *const volumes[][2] = { { "data:/data" }, { "/data" } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct container_spec spec = { .volumes = volumes[i] };
		cleanup_argv struct argv argv = { 0 };
		cleanup_error struct error *error = NULL;

		assert_true(ctr_run_args(&runtime, &spec, &(struct ctr_start){ .name = "n", .image = "i", .dir = "/n" },
					 &argv, &error) < 0);
		assert_int_equal(error->cls, ERROR_TOOL);
		assert_non_null(error->remedy);
	}
}

static void test_environment(void **state)
{
	static const struct runtime_pair fine[] = { { "A", "say \"x\" $y #" }, { "B", NULL }, { "PATH", "/bin" } };
	static const struct runtime_pair lines[] = { { "SECRET", "one\ntwo" } };
	struct container_spec spec = { .environment = fine, .environment_len = 3 };
	cleanup_error struct error *error = NULL;
	cleanup_buf struct buf text = { 0 };

	(void)state;
	assert_int_equal(ctr_environment(&spec, &text, NULL), 0);
	assert_string_equal(text.data, "A=say \"x\" $y #\nPATH=/bin\n");
	spec.environment = lines;
	spec.environment_len = 1;
	assert_true(ctr_environment(&spec, &text, &error) < 0);
	assert_non_null(strstr(error->message, "SECRET"));
	assert_null(strstr(error->message, "two"));
}

static void assert_words(const struct container_spec *spec, const char *config, const char *wanted)
{
	cleanup_json struct json *json = NULL;
	cleanup_buf struct buf text = { 0 };
	const char **words;

	assert_int_equal(json_parse(config, strlen(config), "config", &json, NULL), 0);
	words = ctr_words(spec, json);
	buf_str(&text, "");
	for (size_t i = 0; words[i]; i++)
		buf_printf(&text, "%s ", words[i]);
	assert_string_equal(text.data, wanted);
	free(words);
}

/* As docker runs them: an entry point of the service takes away the image's command. */
static void test_words(void **state)
{
	static const char config[] = "{\"Entrypoint\": [\"/app\"], \"Cmd\": [\"serve\"]}";
	static const char *const entrypoint[] = { "/own", "-1", NULL }, *const command[] = { "try", NULL };

	(void)state;
	assert_words(&(struct container_spec){ .command = command }, config, "/app try ");
	assert_words(&(struct container_spec){ .entrypoint = entrypoint }, config, "/own -1 ");
	assert_words(&(struct container_spec){ .entrypoint = entrypoint, .command = command }, config, "/own -1 try ");
	assert_words(&(struct container_spec){ .command = command }, "{}", "try ");
}

static void test_tasks(void **state)
{
	static const char text[] = "TASK      PID     STATUS    \n"
				   "cbuild-a-1-b-10    17    RUNNING\n"
				   "cbuild-a-1-b-1     18    STOPPED\n";
	bool running = true;
	int pid = 0;

	(void)state;
	assert_true(ctr_task_find(text, "cbuild-a-1-b-1", &pid, &running));
	assert_int_equal(pid, 18);
	assert_false(running);
	assert_true(ctr_task_find(text, "cbuild-a-1-b-10", &pid, &running));
	assert_true(running);
	assert_false(ctr_task_find(text, "cbuild-a-1-b", &pid, &running));
	assert_false(ctr_task_find(NULL, "x", &pid, &running));
	assert_int_equal(ctr_ended_status(0, "level=warning msg=\"task x exit with non-zero exit code 3\"\n"), 3);
	assert_int_equal(ctr_ended_status(0, ""), 0);
	assert_int_equal(ctr_ended_status(1, "ctr: no running task found: task x not found\n"), CTR_UNKNOWN);
}

static void test_hosts(void **state)
{
	static const struct runtime_pair hosts[] = { { "db", "10.213.0.2" } };
	const struct container_spec spec = { .name = "web", .hosts = hosts, .hosts_len = 1 };
	cleanup_buf struct buf text = { 0 }, filter = { 0 };

	(void)state;
	ctr_hosts(&spec, "10.213.0.3", &text);
	assert_string_equal(text.data, "127.0.0.1\tlocalhost\n::1\tlocalhost\n10.213.0.3\tweb\n10.213.0.2\tdb\n");
	ctr_filter(&filter, "name", "a\"b\\c");
	ctr_filter(&filter, "target.digest", "sha256:1");
	assert_string_equal(filter.data, "name==\"a\\\"b\\\\c\",target.digest==\"sha256:1\"");
}

/* The bytes of addresses stand in the kernel's list as this machine stores a number. */
static void test_subnets(void **state)
{
	char ip[16];
	char routes[256];
	unsigned host = 1;
	bool little = *(unsigned char *)&host == 1;

	(void)state;
	ctr_subnet(0, ip);
	assert_string_equal(ip, "10.213.0.1");
	ctr_subnet(300, ip);
	assert_string_equal(ip, "10.214.44.1");
	ctr_subnet(8191, ip);
	assert_string_equal(ip, "10.244.255.1");
	snprintf(routes, sizeof(routes),
		 "Iface\tDestination\tGateway\tFlags\nlo\t00000000\t0101A8C0\t3\t0\t0\t0\t00000000\nx\t%s\t0\t1\t0\t0\t0\t%s\n",
		 little ? "0000D50A" : "0AD50000", little ? "0000FFFF" : "FFFF0000");
	assert_true(ctr_routed(routes, "10.213.7.1"));
	assert_false(ctr_routed(routes, "10.214.7.1"));
	assert_false(ctr_routed("", "10.213.7.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_run),
		cmocka_unit_test(test_volumes),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_subnets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
