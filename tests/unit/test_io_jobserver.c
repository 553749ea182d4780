#include "config.h"

#include <fcntl.h>

#include "engine/io/jobserver.h"
#include "tests/unit/io_world.h"

/* A pipe as make hands it on, with `tokens` in it. */
static void make_pipe(int fds[2], const char *tokens)
{
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], tokens, strlen(tokens)), strlen(tokens));
}

static struct jobserver *open_flags(struct loop *loop, const char *flags)
{
	const char *why = NULL;
	struct jobserver *server = jobserver_open(loop, flags, &why);

	if (!server)
		fail_msg("%s: %s", flags, why ? why : "no slots are named");
	assert_null(why);
	return server;
}

static void refuse_flags(struct loop *loop, const char *flags, bool named)
{
	const char *why = NULL;

	assert_null(jobserver_open(loop, flags, &why));
	assert_int_equal(why != NULL, named);
}

static void take_and_give(struct jobserver *server)
{
	assert_true(jobserver_take(server));
	assert_true(jobserver_take(server));
	assert_false(jobserver_take(server));
	assert_int_equal(jobserver_held(server), 2);
	jobserver_keep(server, 1);
	assert_int_equal(jobserver_held(server), 1);
	assert_true(jobserver_take(server));
	assert_false(jobserver_take(server));
}

static void test_pipe(void **state)
{
	cleanup_free char *flags = NULL;
	struct loop *loop;
	struct jobserver *server;
	char left[8] = "";
	int fds[2];

	(void)state;
	ok(loop_new(&loop, err));
	make_pipe(fds, "ab");
	flags = mem_printf("kw -j3 --jobserver-auth=%d,%d -- X=--jobserver-auth=8,9", fds[0], fds[1]);
	server = open_flags(loop, flags);
	take_and_give(server);
	jobserver_free(server);
	/* The same bytes are there again, and others who read the pipe still wait in it. */
	assert_int_equal(read(fds[0], left, sizeof(left)), 2);
	assert_true(strcmp(left, "ab") == 0 || strcmp(left, "ba") == 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

static void test_fifo(void **state)
{
	struct loop *loop;
	struct jobserver *server;
	int fd;

	(void)state;
	ok(loop_new(&loop, err));
	assert_int_equal(mkfifo("slots", 0600), 0);
	fd = open("slots", O_RDWR);
	assert_int_equal(write(fd, "++", 2), 2);
	server = open_flags(loop, " -j3 --jobserver-auth=fifo:slots");
	take_and_give(server);
	jobserver_free(server);
	loop_free(loop);
	close(fd);
}

static void test_not_ours(void **state)
{
	cleanup_free char *one = NULL, *swapped = NULL, *mixed = NULL;
	struct loop *loop;
	int fds[2], others[2];

	(void)state;
	ok(loop_new(&loop, err));
	make_pipe(fds, "");
	make_pipe(others, "");
	swapped = mem_printf("--jobserver-auth=%d,%d", fds[1], fds[0]);
	mixed = mem_printf("--jobserver-fds=%d,%d", fds[0], others[1]);
	one = mem_printf("--jobserver-auth=%d,%dx", fds[0], fds[1]);
	refuse_flags(loop, NULL, false);
	refuse_flags(loop, "", false);
	refuse_flags(loop, "w -j2 -- A=--jobserver-auth=3,4", false);
	refuse_flags(loop, "--jobserver-auth=-2,-2", true);
	refuse_flags(loop, "--jobserver-auth=1000,1001", true);
	refuse_flags(loop, "--jobserver-auth=fifo:/dev/null", true);
	refuse_flags(loop, "--jobserver-auth=fifo:nowhere", true);
	refuse_flags(loop, swapped, true);
	refuse_flags(loop, mixed, true);
	refuse_flags(loop, one, true);
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(others[i]);
	}
}

static void on_token(void *arg)
{
	loop_stop(arg);
}

static void test_wait(void **state)
{
	cleanup_free char *flags = NULL;
	struct loop *loop;
	struct jobserver *server;
	int fds[2];

	(void)state;
	ok(loop_new(&loop, err));
	make_pipe(fds, "");
	flags = mem_printf("--jobserver-auth=%d,%d", fds[0], fds[1]);
	server = open_flags(loop, flags);
	assert_false(jobserver_take(server));
	jobserver_wait(server, on_token, loop);
	jobserver_wait(server, on_token, loop);
	assert_int_equal(write(fds[1], "+", 1), 1);
	ok(loop_run(loop, err));
	assert_true(jobserver_take(server));
	jobserver_free(server);
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_pipe), TEST(test_fifo), TEST(test_not_ours), TEST(test_wait) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
