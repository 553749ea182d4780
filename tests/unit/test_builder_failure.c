#include "config.h"

#include "engine/builder/failure.h"
#include "tests/unit/builder_world.h"

struct failing {
	const char *tail;
	int status;
	enum error_class cls;
	bool transient;
	const char *first;  /* line of the message */
	const char *remedy; /* part of it, or NULL: none */
};

/* As the tools wrote them. */
static const struct failing cases[] = {
	{ "STEP 2/2: RUN make\nmake: *** [all] Error 1\n"
	  "Error: building at STEP \"RUN make\": while running runtime: exit status 2\n",
	  2, ERROR_BUILD, false, "step 'RUN make' failed with status 2", NULL },
	{ "Error: building at STEP \"RUN echo \"a\": b\": exit status 1\n", 1, ERROR_BUILD, false,
	  "step 'RUN echo \"a\": b' failed with status 1", NULL },
	{ "ERROR: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF\n", 1,
	  ERROR_TOOL, true,
	  "buildah: failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", NULL },
	{ "curl: (7) connection refused\nError: building at STEP \"RUN curl x\": while running runtime: exit status "
	  "7\n",
	  7, ERROR_BUILD, false, "step 'RUN curl x' failed with status 7", NULL },
	{ "Error: building at STEP \"COPY nonsuch /x\": checking on sources under \"/p\": copier: stat: \"/nonsuch\": "
	  "no such file or directory\n",
	  125, ERROR_BUILD, false, "step 'COPY nonsuch /x' failed", NULL },
	{ "Error: building at STEP \"ECHO \": Build error: Unknown instruction: \"ECHO\"\n", 125, ERROR_BUILD, false,
	  "buildah: building at STEP \"ECHO \": Build error: Unknown instruction: \"ECHO\"", "here-document" },
	{ "Error: The target \"foo\" was not found in the provided Dockerfile\n", 125, ERROR_BUILD, false,
	  "buildah: The target \"foo\" was not found in the provided Dockerfile", NULL },
	{ "Error: initializing source docker://x: pinging container registry x: dial tcp 127.0.0.1:1: connect: "
	  "connection refused\n",
	  125, ERROR_TOOL, true,
	  "buildah: initializing source docker://x: pinging container registry x: dial tcp 127.0.0.1:1: connect: "
	  "connection refused",
	  NULL },
	{ "Error: creating build container: x: image not known\n", 125, ERROR_TOOL, false,
	  "buildah: creating build container: x: image not known", "run cbuild again" },
	{ "Error: checking if cached image exists from a previous build: getting top layer info: layer not known\n",
	  125, ERROR_TOOL, true,
	  "buildah: checking if cached image exists from a previous build: getting top layer info: layer not known",
	  NULL },
	{ "ERROR: failed to solve: failed to commit 3rm to nd0 during finalize: failed to stat active key during "
	  "commit: "
	  "snapshot 3rm does not exist: not found\n",
	  1, ERROR_TOOL, true,
	  "buildah: failed to solve: failed to commit 3rm to nd0 during finalize: failed to stat active key during "
	  "commit: "
	  "snapshot 3rm does not exist: not found",
	  NULL },
	{ "Error: writing blob: write /var/x: no space left on device\n", 125, ERROR_STATE, false,
	  "buildah: writing blob: write /var/x: no space left on device", "free some disk space" },
	{ "exec /bin/sh: exec format error\nError: building at STEP \"RUN x\": while running runtime: exit status 1\n",
	  1, ERROR_TOOL, false, "a program for another processor cannot be run here", "qemu-user-static" },
	{ "#5 ERROR: process \"/bin/sh -c exit 3\" did not complete successfully: exit code: 3\n------\n > [2/3] RUN "
	  "exit 3:\n------\n"
	  "ERROR: failed to build: failed to solve: process \"/bin/sh -c exit 3\" did not complete successfully: exit "
	  "code: 3\n",
	  1, ERROR_BUILD, false, "step 'RUN exit 3' failed with status 3", NULL },
	{ "------\n > [build 1/3] COPY nonsuch /x:\n------\n"
	  "ERROR: failed to build: failed to solve: failed to compute cache key: \"/nonsuch\": not found\n",
	  1, ERROR_BUILD, false, "step 'COPY nonsuch /x' failed", NULL },
	{ "------\n > [internal] load metadata for docker.io/library/debian:latest:\n------\n"
	  "ERROR: failed to solve: debian: dial tcp: lookup registry-1.docker.io: no such host\n",
	  1, ERROR_TOOL, true, "buildah: failed to solve: debian: dial tcp: lookup registry-1.docker.io: no such host",
	  "the network" },
	{ "------\n > [context base-0.cbuild] load metadata for x/base:1:\n------\n"
	  "ERROR: failed to build: failed to solve: failed to resolve source metadata for x/base:1: x/base:1: not "
	  "found\n",
	  1, ERROR_TOOL, false,
	  "buildah: failed to build: failed to solve: failed to resolve source metadata for x/base:1: x/base:1: not "
	  "found",
	  "the base image's name" },
	{ "ERROR: permission denied while trying to connect to the Docker daemon socket at "
	  "unix:///var/run/docker.sock\n",
	  1, ERROR_TOOL, false,
	  "buildah: permission denied while trying to connect to the Docker daemon socket at "
	  "unix:///var/run/docker.sock",
	  "group \"docker\"" },
	{ "", 137, ERROR_BUILD, false, "buildah failed with status 137", NULL },
	{ "odd\n", 1, ERROR_BUILD, false, "buildah failed with status 1", NULL },
};

static void check(const struct failing *failing)
{
	struct build_job job = { .id = "build:x:linux/arm64", .platform = arm64 };
	cleanup_error struct error *error = NULL;
	size_t len = strlen(failing->first);

	assert_int_equal(failure_make("buildah", failing->status, failing->tail, &job, &amd64, &error), -1);
	assert_non_null(error);
	if (strncmp(error->message, failing->first, len) != 0 || (error->message[len] && error->message[len] != '\n'))
		fail_msg("%s\ninstead of\n%s", error->message, failing->first);
	assert_int_equal(error->cls, failing->cls);
	assert_int_equal(error->transient, failing->transient);
	if (!failing->remedy)
		assert_null(error->remedy);
	else if (!error->remedy || !strstr(error->remedy, failing->remedy))
		fail_msg("remedy %s instead of %s", error->remedy ? error->remedy : "(none)", failing->remedy);
}

static void test_failures(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		check(&cases[i]);
}

/* A script without a first line that says what runs it gives the same error: no emulator is missing. */
static void test_own_processor(void **state)
{
	struct build_job job = { .platform = amd64 };
	cleanup_error struct error *error = NULL;

	(void)state;
	failure_make("buildah", 1, "exec /x: exec format error\nError: building at STEP \"RUN /x\": exit status 1\n",
		     &job, &amd64, &error);
	assert_int_equal(error->cls, ERROR_BUILD);
	assert_null(error->remedy);
}

static void test_last_lines(void **state)
{
	cleanup_buf struct buf tail = { 0 };
	cleanup_error struct error *error = NULL;
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 40; i++)
		buf_printf(&tail, "line %d\n", i);
	failure_make("buildah", 1, tail.data, NULL, NULL, &error);
	for (const char *at = error->message; (at = strchr(at, '\n')); at++)
		lines++;
	assert_int_equal(lines, FAILURE_LINES);
	assert_null(strstr(error->message, "line 24\n"));
	assert_non_null(strstr(error->message, "line 25\n"));
	assert_non_null(strstr(error->message, "\nline 39"));
	assert_int_not_equal(error->message[strlen(error->message) - 1], '\n');
}

/* Cut between characters, not within one. */
static void test_long_step(void **state)
{
	struct build_job job = { .platform = amd64 };
	cleanup_buf struct buf tail = { 0 };
	cleanup_error struct error *error = NULL;

	(void)state;
	buf_str(&tail, "Error: building at STEP \"RUN ");
	for (int i = 0; i < 300; i++)
		buf_str(&tail, "\xc3\xa4");
	buf_str(&tail, "\": exit status 1\n");
	failure_make("buildah", 1, tail.data, &job, &amd64, &error);
	assert_non_null(strstr(error->message, "\xc3\xa4...' failed with status 1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_failures),
		TEST(test_own_processor),
		TEST(test_last_lines),
		TEST(test_long_step),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
