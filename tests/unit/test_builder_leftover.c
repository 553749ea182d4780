#include "config.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "engine/builder/leftover.h"
#include "engine/builder/trial_program.h"
#include "engine/io/reap.h"
#include "tests/unit/builder_world.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define B16 "bbbbbbbbbbbbbbbb"
#define A64 A16 A16 A16 A16
#define B64 B16 B16 B16 B16

static void make_container(const char *id, const char *secrets)
{
	cleanup_free char *dir = mem_printf("root/overlay-containers/%s/userdata", id);
	cleanup_free char *path = path_join(dir, "buildah.json");
	cleanup_free char *text =
		mem_printf("{\"type\":\"buildah 0.0.1\",\"CommonBuildOpts\":{\"Secrets\":%s}}", secrets);

	ok(fs_mkdirs(dir, 0755, err));
	write_text(path, text);
}

static void assert_listed(unsigned build, const char *wanted)
{
	cleanup_argv struct argv ids = { 0 };

	leftover_list("root", build, &ids);
	assert_lines(&ids, wanted);
}

static void test_own(void **state)
{
	cleanup_free char *mark = leftover_mark(3);
	cleanup_free char *secrets = mem_printf("[\"id=npm,src=/x\",\"%s\"]", mark);

	(void)state;
	make_container(A64, secrets);
	assert_listed(3, A64 "\n");
	assert_listed(2, "");
	assert_listed(0, ""); /* we are alive */
}

static void test_of_the_dead(void **state)
{
	cleanup_free char *secrets = mem_printf("[\"id=cbuild.%d.1.3,src=/dev/null\"]", (int)getpid());

	(void)state;
	make_container(A64, secrets); /* another process that had our number */
	make_container(B64, "[\"id=cbuild.1999999999.5.1,src=/dev/null\"]");
	assert_listed(3, "");
	{
		cleanup_argv struct argv ids = { 0 };

		leftover_list("root", 0, &ids);
		assert_int_equal(ids.len, 2);
	}
}

/* The user's own working containers, podman's containers, and what cannot be read. */
static void test_not_ours(void **state)
{
	(void)state;
	assert_listed(0, "");
	make_container(A64, "null");
	make_container(B64, "[\"id=cbuild,src=/x\",\"id=cbuild.x\",\"id=cbuild.0.0.0,src=/dev/null\",7]");
	assert_listed(0, "");
	write_text("root/overlay-containers/" A64 "/userdata/buildah.json", "[");
	write_text("root/overlay-containers/" B64 "/userdata/buildah.json", "");
	ok(fs_mkdirs("root/overlay-containers/short", 0755, err));
	assert_listed(0, "");
}

static void assert_unnoted(const char *wanted)
{
	cleanup_argv struct argv ids = { 0 };

	leftover_unnoted("root", &ids);
	assert_lines(&ids, wanted);
}

/* A record without notes, of a time when no buildah that runs now was there. */
static void test_unnoted(void **state)
{
	static const char index[] =
		"[{\"id\":\"" A64 "\",\"names\":[\"working-container\"],\"created\":\"%s\"%s},{\"id\":\"" B64
		"\",\"created\":\"1971-02-03T04:05:06.789Z\",\"metadata\":\"{}\"},{\"id\":\"short\",\"created\":\"1971-02-03T04:05:06Z\"},{},7]";
	static const struct {
		const char *created, *more, *wanted;
	} cases[] = {
		{ "1971-02-03T04:05:06.789Z", "", A64 "\n" },
		{ "1971-02-03T04:05:06Z", ",\"metadata\":\"\"", A64 "\n" },
		{ "1971-02-03T04:05:06Z", ",\"metadata\":\"{\\\"image-name\\\":1}\"", "" },
		{ "1971-02-03T04:05:06+02:00", "", "" },
		{ "yesterday", "", "" },
	};

	(void)state;
	assert_unnoted("");
	ok(fs_mkdirs("root/overlay-containers", 0755, err));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_free char *text = mem_printf(index, cases[i].created, cases[i].more);

		write_text("root/overlay-containers/containers.json", text);
		assert_unnoted(cases[i].wanted);
	}
	{
		cleanup_free char *text = mem_printf(index, cases[0].created, "");

		write_text("root/overlay-containers/containers.json", text);
		make_container(A64, "null");
		assert_unnoted("");
	}
	write_text("root/overlay-containers/containers.json", "[");
	assert_unnoted("");
}

/* One that runs may be the one that is about to write them. */
static void test_unnoted_of_the_living(void **state)
{
	char created[64];
	struct tm tm;
	time_t now = time(NULL);
	cleanup_free char *text = NULL;
	pid_t pid;
	int status;

	(void)state;
	assert_int_equal(shell("cp \"$(command -v sleep)\" buildah"), 0);
	pid = fork();
	if (pid == 0) {
		execl("./buildah", "./buildah", "1000", NULL);
		_exit(127);
	}
	while (!reap_older_runs("buildah", now + 1000) && waitpid(pid, &status, WNOHANG) == 0)
		usleep(1000);
	assert_false(reap_older_runs("cbuild-nobody", now + 1000));
	assert_non_null(gmtime_r(&now, &tm));
	strftime(created, sizeof(created), "%Y-%m-%dT%H:%M:%SZ", &tm);
	text = mem_printf("[{\"id\":\"" A64 "\",\"created\":\"%s\"}]", created);
	ok(fs_mkdirs("root/overlay-containers", 0755, err));
	write_text("root/overlay-containers/containers.json", text);
	assert_unnoted("");
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* What has ended and is not waited for does nothing more. */
static void test_dead(void **state)
{
	cleanup_free char *marks = NULL;
	siginfo_t info;
	pid_t pid;

	(void)state;
	assert_int_equal(shell("cp \"$(command -v sleep)\" cbuild-dead"), 0);
	pid = fork();
	if (pid == 0) {
		execl("./cbuild-dead", "./cbuild-dead", "0", NULL);
		_exit(127);
	}
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_not_equal(reap_start_time(pid), 0);
	assert_false(reap_older_runs("cbuild-dead", time(NULL) + 1000));
	marks = mem_printf("[\"id=cbuild.%d.%llu.1,src=/dev/null\"]", (int)pid, reap_start_time(pid));
	make_container(A64, marks);
	assert_listed(0, A64 "\n");
	waitpid(pid, NULL, 0);
}

/* The program that tells whether steps can be run here. */
static void test_tiny_program(void **state)
{
	(void)state;
	if (!trial_program_known())
		skip();
	ok(trial_program_write("true", err));
	assert_int_equal(shell("./true"), 0);
	refused(trial_program_write("nowhere/true", err), "nowhere/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own),          TEST(test_of_the_dead),           TEST(test_not_ours),
		TEST(test_unnoted),      TEST(test_unnoted_of_the_living), TEST(test_dead),
		TEST(test_tiny_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
