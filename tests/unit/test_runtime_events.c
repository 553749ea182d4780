#include "config.h"

#include <inttypes.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/runtime/docker_events.h"
#include "tests/unit/world.h"

/* What docker's events say of images, from a daemon that answers once with what a case gives it. */

#define ONE "sha256:1111111111111111111111111111111111111111111111111111111111111111"
#define TWO "sha256:2222222222222222222222222222222222222222222222222222222222222222"
#define OTHER "sha256:3333333333333333333333333333333333333333333333333333333333333333"
#define IMAGE(action, id, name, time)                                                                             \
	"{\"status\":\"" action "\",\"id\":\"" id "\",\"Type\":\"image\",\"Action\":\"" action                    \
	"\",\"Actor\":{\"ID\":\"" id "\",\"Attributes\":{\"a\":\"b\",\"name\":\"" name "\"}},\"scope\":\"local\"" \
	",\"time\":1,\"timeNano\":" time "}\n"
#define LOAD(id, time) IMAGE("load", id, id, time)
#define CONTAINER                                                                                                   \
	"{\"Type\":\"container\",\"Action\":\"exec_start: sh\",\"Actor\":{\"ID\":\"77\",\"Attributes\":{\"image\":" \
	"\"localhost/one:latest\",\"name\":\"x\"}},\"scope\":\"local\",\"time\":1,\"timeNano\":150}\n"

struct fake {
	int listener;
	const char *body;
	char request[256];
};

static void *serve(void *arg)
{
	struct fake *fake = arg;
	static const char head[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n";
	int end = accept(fake->listener, NULL, NULL);
	ssize_t got = read(end, fake->request, sizeof(fake->request) - 1);

	fake->request[got > 0 ? got : 0] = '\0';
	if (write(end, head, strlen(head)) > 0 && *fake->body)
		(void)!write(end, fake->body, strlen(fake->body));
	close(end);
	return NULL;
}

static const char *const one_names[] = { "localhost/one:latest" };
static const char *const two_names[] = { "two", "localhost/two:v1" };

/* Which of the two are held, as bits. `seen`: the mark of an earlier look, or NULL. *ret_now: one of a look now. */
static unsigned held_since(const char *body, const char *first_mark, const char *second_mark, const char *seen,
			   char **ret_now)
{
	struct runtime_presence items[] = {
		{ .image = { "sha256:66", ONE }, .references = one_names, .len = 1, .mark = first_mark, .seen = seen },
		{ .image = { TWO, NULL }, .references = two_names, .len = 2, .mark = second_mark, .seen = seen },
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct fake fake = { .body = body };
	pthread_t thread;

	strcpy(address.sun_path, "events.sock");
	unlink(address.sun_path);
	fake.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fake.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake.listener, 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, serve, &fake), 0);
	docker_events_hold(address.sun_path, items, 2, ret_now);
	shutdown(fake.listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(fake.listener);
	return (unsigned)items[0].held | (unsigned)items[1].held << 1;
}

static unsigned held(const char *body, const char *first_mark, const char *second_mark)
{
	cleanup_free char *now = NULL;

	return held_since(body, first_mark, second_mark, NULL, &now);
}

/* Of an event at that time, made by a clock that was `set_back_ms` ahead of now. */
static char *mark(uint64_t time, int64_t set_back_ms)
{
	int64_t running = clock_running_ms();

	return mem_printf("%" PRIu64 " %" PRId64 " %" PRId64, time, clock_unix_ms() - running + set_back_ms, running);
}

static void test_events(void **state)
{
	static const struct {
		const char *body;
		unsigned held;
	} cases[] = {
		{ LOAD(ONE, "100") LOAD(TWO, "200"), 3 },
		/* what is not about images, and what does them no harm */
		{ LOAD(ONE, "100") CONTAINER LOAD(TWO, "200") IMAGE("save", ONE, ONE, "210"), 3 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("tag", OTHER, "localhost/else:1", "210")
			  IMAGE("create", OTHER, OTHER, "211") IMAGE("untag", OTHER, "localhost/else:1", "212"),
		  3 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("tag", TWO, "localhost/two:v1", "210"), 3 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("untag", TWO, "localhost/two:v2", "210"), 3 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("untag", TWO, TWO, "210"), 1 },
		/* the daemon was started again, or too much happened */
		{ "", 0 },
		{ LOAD(TWO, "200"), 2 },
		{ CONTAINER CONTAINER, 0 },
		/* removed, and loaded again by others */
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("delete", ONE, ONE, "210"), 2 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("untag", TWO, "docker.io/library/two:latest", "210"), 1 },
		{ LOAD(ONE, "100") IMAGE("untag", ONE, "localhost/one:latest", "150") LOAD(TWO, "200"), 2 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("untag", ONE, "localhost/one", "210") LOAD(ONE, "220"), 0 },
		/* a name moves */
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("tag", OTHER, "two:latest", "210"), 1 },
		/* what does not say which names it gives */
		{ LOAD(ONE, "100") LOAD(TWO, "200") LOAD("sha256:44", "210"), 0 },
		{ LOAD(ONE, "100") LOAD("sha256:44", "150") LOAD(TWO, "200"), 2 },
		{ LOAD(ONE, "100") LOAD(TWO, "200") IMAGE("pull", "busybox:latest", "busybox", "210"), 0 },
		/* the same moment, another event */
		{ LOAD("sha256:44", "100") LOAD(TWO, "200"), 2 },
		/* no answer that can be understood */
		{ LOAD(ONE, "100") LOAD(TWO, "200") "{\"Type\":\"image\"", 0 },
		{ "not found\n", 0 },
	};
	cleanup_free char *first = mark(100, 0), *second = mark(200, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (held(cases[i].body, first, second) != cases[i].held)
			fail_msg("case %zu", i);
}

/* Events from before the clock was set back are later than now, and would be missing in the answer. */
static void test_clock(void **state)
{
	static const char both[] = LOAD(ONE, "100") LOAD(TWO, "200");
	cleanup_free char *good = mark(100, 0), *second = mark(200, 0), *ahead = mark(100, 1000),
			  *behind = mark(100, -60000);

	(void)state;
	assert_int_equal(held(both, good, second), 3);
	assert_int_equal(held(both, ahead, second), 2);
	assert_int_equal(held(both, behind, second), 3);
	assert_int_equal(held(both, "100", NULL), 0);
	assert_int_equal(held(both, "100 0 9000000000000", NULL), 0);
}

/* docker has forgotten the loads, and the images were looked at: from then on the newest event of that moment tells. */
static void test_seen(void **state)
{
	static const struct {
		const char *body;
		unsigned held;
	} cases[] = {
		{ CONTAINER, 3 },
		{ CONTAINER IMAGE("save", ONE, ONE, "210"), 3 },
		{ LOAD(ONE, "100") CONTAINER LOAD(TWO, "200"), 3 }, /* a load of ours, by its mark */
		/* the daemon was started again, or more has happened, or it is another daemon */
		{ "", 0 },
		{ IMAGE("save", ONE, ONE, "210"), 0 },
		{ IMAGE("save", ONE, ONE, "150"), 0 },
		/* removed, renamed, loaded by others */
		{ CONTAINER IMAGE("delete", ONE, ONE, "210"), 2 },
		{ CONTAINER IMAGE("untag", ONE, "localhost/one:latest", "210"), 2 },
		{ CONTAINER IMAGE("tag", OTHER, "two:latest", "210"), 1 },
		{ CONTAINER LOAD("sha256:44", "210"), 0 },
		{ CONTAINER IMAGE("pull", "busybox:latest", "busybox", "210"), 0 },
		/* what came before it was there when they were looked at */
		{ IMAGE("delete", ONE, ONE, "140") CONTAINER, 3 },
	};
	cleanup_free char *first = mark(50, 0), *second = mark(60, 0), *newer = mark(200, 0), *seen = NULL, *ahead = NULL;

	(void)state;
	assert_int_equal(held_since(LOAD("sha256:44", "140") CONTAINER, first, second, NULL, &seen), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cleanup_free char *now = NULL;

		if (held_since(cases[i].body, first, i == 2 ? newer : second, seen, &now) != cases[i].held)
			fail_msg("case %zu", i);
		assert_true(!now == !*cases[i].body);
	}
	/* The clock was set back since that look. */
	ahead = mem_printf("150 %" PRId64 " %" PRId64 " %s", clock_unix_ms() - clock_running_ms() + 60000,
			   clock_running_ms(), strrchr(seen, ' ') + 1);
	free(steal_ptr(seen));
	assert_int_equal(held_since(CONTAINER, first, second, ahead, &seen), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_events), TEST(test_clock), TEST(test_seen) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
