#include "config.h"

#include "base/pattern.h"
#include "dsl/manifest.h"
#include "engine/io/http.h"
#include "engine/stack/probe.h"
#include "tests/unit/io_world.h"

static void test_origin(void **state)
{
	static const char origin[] = "http://127.0.0.1:80";
	static const char *const same[] = { "http://127.0.0.1:80", "http://127.0.0.1:80/x", "http://127.0.0.1:80?x",
					    "http://127.0.0.1:80#x" };
	static const char *const other[] = {
		"http://127.0.0.1:800/",
		"https://127.0.0.1:80/",
		"http://127.0.0.1/",
		"http://127.0.0.1:80@evil.test/",
		"http://127.0.0.1:80.evil.test/",
		"http://evil.test/",
		"//127.0.0.1:80/",
		"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		assert_true(probe_same_origin(origin, same[i]));
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(probe_same_origin(origin, other[i]));
}

static void test_judge(void **state)
{
	static const struct {
		uint16_t status;
		const char *pattern, *path, *value; /* what is asked for */
		long answer;
		const char *body, *why; /* "" good */
	} table[] = {
		{ 0, NULL, NULL, NULL, 200, "", "" },
		{ 0, NULL, NULL, NULL, 204, "", "" },
		{ 0, NULL, NULL, NULL, 299, "", "" },
		{ 0, NULL, NULL, NULL, 199, "", "status 199 instead of 2xx" },
		{ 0, NULL, NULL, NULL, 301, "", "status 301 instead of 2xx" },
		{ 0, NULL, NULL, NULL, 503, "", "status 503 instead of 2xx" },
		{ 200, NULL, NULL, NULL, 204, "", "status 204 instead of 200" },
		{ 404, NULL, NULL, NULL, 404, "", "" },
		{ 0, "\"status\":\\s*\"ok\"", NULL, NULL, 200, "{\"status\": \"ok\"}", "" },
		{ 0, "^ok$", NULL, NULL, 200, "not ok", "status 200, but the body does not match '^ok$'" },
		{ 0, NULL, "status", "ok", 200, "{\"status\":\"ok\"}", "" },
		{ 0, NULL, "status", NULL, 200, "{\"status\":\"\"}", "" },
		{ 0, NULL, "status", "ok", 200, "{\"status\":\"b\\u001b[1mad\"}",
		  "status is 'b\\x1b[1mad' instead of 'ok'" },
		{ 0, NULL, "a.b.1.c", "true", 200, "{\"a\":{\"b\":[0,{\"c\":true}]}}", "" },
		{ 0, NULL, "a.b.x.c", "true", 200, "{\"a\":{\"b\":[0,{\"c\":true}]}}", "the body has no a.b.x.c" },
		{ 0, NULL, "n", "12", 200, "{\"n\":12}", "" },
		{ 0, NULL, "a.b", "1", 200, "{\"a\":1}", "the body has no a.b" },
		{ 0, NULL, "a", NULL, 200, "<html>", "the body is not JSON: " },
		{ 0, "x", "a", NULL, 500, "", "status 500 instead of 2xx" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct http_check check = { .status = table[i].status,
						  .body.s = table[i].pattern,
						  .json_path.s = table[i].path,
						  .json_value.s = table[i].value };
		struct buf body = { .data = (char *)table[i].body, .len = strlen(table[i].body) };
		const struct http_response response = { .status = table[i].answer, .body = &body };
		struct pattern *pattern = NULL;
		cleanup_buf struct buf why = { 0 };
		bool good = false;

		if (table[i].pattern)
			ok(pattern_new(table[i].pattern, &pattern, err));
		ok(probe_judge(&check, pattern, &response, &good, &why, err));
		pattern_free(pattern);
		assert_int_equal(good, !*table[i].why);
		if (strncmp(why.data ? why.data : "", table[i].why, strlen(table[i].why)) != 0 ||
		    (!*table[i].why && why.len > 0))
			fail_msg("row %zu: %s", i, why.data);
	}
}

struct attempt {
	struct probe probe;
	uint64_t limit_ms;
	bool healthy;
	struct error *error;
	int r;
};

static void work(struct loop *loop, void *data)
{
	struct attempt *attempt = data;

	attempt->probe.loop = loop;
	attempt->probe.host = "127.0.0.1";
	if (attempt->probe.http)
		attempt->r = probe_http(&attempt->probe, attempt->limit_ms, &attempt->healthy, &attempt->error);
	else
		attempt->r = probe_tcp(&attempt->probe, attempt->limit_ms, &attempt->healthy, &attempt->error);
}

/* One http attempt; `why` is NULL when it is healthy. */
static void assert_http(struct server *server, const struct http_check *check, uint64_t limit_ms, const char *why,
			const char *answer)
{
	struct attempt attempt = { .probe.http = check, .limit_ms = limit_ms };

	server_start(server);
	attempt.probe.port = server->port;
	run_task(work, &attempt, 0);
	server_stop(server);
	assert_int_equal(attempt.r, 0);
	assert_int_equal(attempt.healthy, !why);
	if (why && strcmp(attempt.probe.why.data, why) != 0)
		fail_msg("%s", attempt.probe.why.data);
	if (answer)
		assert_string_equal(attempt.probe.answer.data, answer);
	probe_free(&attempt.probe);
}

static void test_http(void **state)
{
	static const struct http_check check = { .path.s = "/health" };
	struct server good = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine" };
	struct server bad = { .answer = "HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad" };
	struct server closed = { .manner = SERVER_RESET };

	(void)state;
	assert_http(&good, &check, 2000, NULL, "fine");
	assert_non_null(strstr(good.request, "GET /health HTTP/1.1\r\n"));
	assert_http(&bad, &check, 2000, "status 500 instead of 2xx", "bad");
	assert_http(&closed, &check, 2000, "connection reset", NULL);
}

/* A last attempt that is not answered does not hide what the one before said. */
static void test_silence_after_an_answer(void **state)
{
	static const struct http_check check = { .path.s = "/health" };
	struct server bad = { .answer = "HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad" };
	struct server closed = { .manner = SERVER_RESET };
	struct attempt attempt = { .probe.http = &check, .limit_ms = 2000 };

	(void)state;
	server_start(&bad);
	attempt.probe.port = bad.port;
	run_task(work, &attempt, 0);
	server_stop(&bad);
	server_start(&closed);
	attempt.probe.port = closed.port;
	run_task(work, &attempt, 0);
	server_stop(&closed);
	assert_false(attempt.healthy);
	assert_string_equal(attempt.probe.why.data, "status 500 instead of 2xx; then: connection reset");
	assert_string_equal(attempt.probe.answer.data, "bad");
	probe_free(&attempt.probe);
}

static void test_redirects(void **state)
{
	static const struct http_check followed = { .path.s = "/a" }, wanted = { .path.s = "/a", .status = 302 };
	static const struct http_check endless = { .path.s = "/loop" }, away = { .path.s = "/away" };
	struct server server = { .manner = SERVER_BY_PATH, .answer = "http://127.0.0.1:1/x" };

	(void)state;
	assert_http(&server, &followed, 5000, NULL, "good");
	assert_int_equal(server.connections, 3);
	server.connections = 0;
	assert_http(&server, &wanted, 5000, NULL, "");
	assert_int_equal(server.connections, 1);
	server.connections = 0;
	assert_http(&server, &endless, 5000, "more than 5 redirects", NULL);
	assert_int_equal(server.connections, 6);
	server.connections = 0;
	assert_http(&server, &away, 5000,
		    "status 302, a redirect to another host, which is not followed: http://127.0.0.1:1/x", NULL);
	assert_int_equal(server.connections, 1);
}

/* The host that the check gives is sent, and a redirect to it is one to the service itself. */
static void test_request(void **state)
{
	static struct pair header = { .key.s = "X-Token", .value.s = "a b" };
	static const struct http_check asked = { .path.s = "/a",
						 .method.s = "POST",
						 .send.s = "body",
						 .host.s = "app.test:81",
						 .headers = { &header, 1 } };
	static const struct http_check away = { .path.s = "/away", .host.s = "app.test" };
	static const struct http_check still = { .path.s = "/a", .has_redirects = true };
	struct server good = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine" };
	struct server refusing = { .answer = "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n" };
	struct server moving = { .manner = SERVER_BY_PATH, .answer = "http://app.test/b" };

	(void)state;
	assert_http(&good, &asked, 2000, NULL, "fine");
	assert_non_null(strstr(good.request, "POST /a HTTP/1.1\r\n"));
	assert_non_null(strstr(good.request, "Host: app.test:81\r\n"));
	assert_non_null(strstr(good.request, "X-Token: a b\r\n"));
	assert_non_null(strstr(good.request, "\r\n\r\nbody"));
	assert_http(&refusing, &asked, 2000, "status 403 instead of 2xx (it was asked as the host app.test:81)", NULL);
	assert_http(&moving, &away, 5000, NULL, "good");
	assert_int_equal(moving.connections, 3);
	assert_http(&moving, &still, 5000, "status 302 instead of 2xx", NULL);
}

static void assert_tcp(uint16_t port, bool direct, bool healthy, const char *why)
{
	static const struct tcp_check check;
	struct attempt attempt = { .probe = { .tcp = &check, .port = port, .direct = direct }, .limit_ms = 500 };

	run_task(work, &attempt, 0);
	assert_int_equal(attempt.r, 0);
	assert_int_equal(attempt.healthy, healthy);
	if (why)
		assert_string_equal(attempt.probe.why.data, why);
	probe_free(&attempt.probe);
}

/* A proxy accepts before the container does, and closes again: that is no open port. */
static void test_tcp(void **state)
{
	struct server silent = { .manner = SERVER_SILENT }, closing = { .manner = SERVER_CLOSE };
	struct server greeting = { .manner = SERVER_SILENT };

	(void)state;
	assert_tcp(dead_port(), true, false, "connection refused");
	assert_tcp(dead_port(), false, false, "connection refused");
	server_start(&silent);
	assert_tcp(silent.port, true, true, NULL);
	server_stop(&silent);
	server_start(&greeting);
	assert_tcp(greeting.port, false, true, NULL);
	server_stop(&greeting);
	server_start(&closing);
	assert_tcp(closing.port, false, false, "nobody listens in the container");
	assert_tcp(closing.port, true, true, NULL);
	server_stop(&closing);
}

/* What begins to listen at any time is asked within 10 ms for the first ten seconds, and never seldom. */
static void test_pause(void **state)
{
	(void)state;
	assert_int_equal(probe_pause(0), 1);
	assert_int_equal(probe_pause(48), 3);
	for (uint64_t spent = 0; spent <= 10000; spent++)
		assert_true(probe_pause(spent) >= 1 && probe_pause(spent) <= 10);
	assert_int_equal(probe_pause(30000), 30);
	assert_int_equal(probe_pause(UINT64_MAX), 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_silence_after_an_answer),
		TEST(test_origin),
		TEST(test_judge),
		TEST(test_http),
		TEST(test_redirects),
		TEST(test_request),
		TEST(test_tcp),
		TEST(test_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
