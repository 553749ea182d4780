#include "config.h"

#include <fcntl.h>

#include "engine/io/http.h"
#include "tests/unit/io_world.h"

/* One request as a task, and what came of it. */
struct call {
	struct http_request request;
	struct http_response response;
	struct error *error;
	int r;
	uint64_t took_ms;
};

static void work(struct loop *loop, void *data)
{
	struct call *call = data;
	uint64_t begun = loop_now_ms();

	call->r = http_do(loop, &call->request, &call->response, &call->error);
	call->took_ms = loop_now_ms() - begun;
}

static struct call ask_url(const char *url, uint64_t total_ms, uint64_t cancel_ms)
{
	struct call call = {
		.request = {
			.method = "GET", .url = url, .body_fd = -1, .connect_ms = 2000, .total_ms = total_ms, .body_max = 100,
		},
	};

	run_task(work, &call, cancel_ms);
	return call;
}

static struct call ask(struct server *server, const char *path, uint64_t total_ms, uint64_t cancel_ms)
{
	cleanup_free char *url = NULL;
	struct call call;

	server_start(server);
	url = mem_printf("http://127.0.0.1:%u%s", server->port, path);
	call = ask_url(url, total_ms, cancel_ms);
	server_stop(server);
	return call;
}

static void drop(struct call *call)
{
	http_response_free(&call->response);
	error_free(call->error);
}

static void assert_failed(struct call *call, int cls, bool transient, const char *text)
{
	assert_true(call->r < 0);
	assert_non_null(call->error);
	assert_int_equal(call->error->cls, cls);
	assert_int_equal(call->error->transient, transient);
	if (!strstr(call->error->message, text))
		fail_msg("%s", call->error->message);
	assert_null(call->response.body);
	drop(call);
}

static void assert_answered(struct call *call, long status, const char *body)
{
	if (call->r < 0)
		fail_msg("%s", call->error->message);
	assert_null(call->error);
	assert_int_equal(call->response.status, status);
	assert_string_equal(call->response.body->data, body);
}

static void test_get(void **state)
{
	struct server server = { .answer = "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\nhello" };
	struct call call = ask(&server, "/health?x=1", 5000, 0);

	(void)state;
	assert_answered(&call, 503, "hello");
	assert_false(call.response.cut);
	assert_null(call.response.location);
	assert_ptr_equal(strstr(server.request, "GET /health?x=1 HTTP/1.1\r\n"), server.request);
	drop(&call);
}

static void test_body(void **state)
{
	static const char *const headers[] = { "Content-Type: text/x", "X-One: 1", NULL };
	struct server server = { .answer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n" };
	cleanup_free char *url = NULL;
	struct call call = {
		.request = { .method = "PUT",
			     .body = "some bytes",
			     .body_len = 10,
			     .headers = headers,
			     .connect_ms = 2000,
			     .total_ms = 5000,
			     .body_fd = -1 },
	};

	(void)state;
	server_start(&server);
	call.request.url = url = mem_printf("http://127.0.0.1:%u/", server.port);
	run_task(work, &call, 0);
	server_stop(&server);
	assert_answered(&call, 201, "");
	assert_non_null(strstr(server.request, "PUT / HTTP/1.1\r\n"));
	assert_non_null(strstr(server.request, "Content-Length: 10\r\n"));
	assert_non_null(strstr(server.request, "Content-Type: text/x\r\n"));
	assert_non_null(strstr(server.request, "X-One: 1\r\n"));
	assert_null(strstr(server.request, "Expect:"));
	assert_non_null(strstr(server.request, "\r\n\r\nsome bytes"));
	drop(&call);
}

static int count_bytes(void *data, const void *bytes, size_t len)
{
	(void)bytes;
	*(size_t *)data += len;
	return 0;
}

/* What is taken as it comes has a limit, whether the answer says its length or not. */
static void test_take_max(void **state)
{
	static const struct {
		const char *answer;
		size_t taken;
	} cases[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", 10 },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n0123456789A", 0 },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789", 10 },
		{ "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n0123456789A", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct server server = { .answer = cases[i].answer };
		cleanup_free char *url = NULL;
		size_t taken = 0;
		struct call call = {
			.request = { .method = "GET",
				     .body_fd = -1,
				     .connect_ms = 2000,
				     .total_ms = 5000,
				     .take = count_bytes,
				     .take_data = &taken,
				     .take_max = 10 },
		};

		server_start(&server);
		call.request.url = url = mem_printf("http://127.0.0.1:%u/", server.port);
		run_task(work, &call, 0);
		server_stop(&server);
		assert_int_equal(taken, cases[i].taken);
		if (cases[i].taken == 0) {
			assert_failed(&call, ERROR_HEALTH, false, "the answer has more than 10 bytes");
			continue;
		}
		assert_answered(&call, 200, "");
		drop(&call);
	}
}

/* No waiting for a "100 Continue" that many servers never send. */
static void test_large_body(void **state)
{
	enum { LEN = 3 << 20 };
	struct server server = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
	cleanup_free char *url = NULL, *body = mem_alloc(LEN);
	struct call call = {
		.request = { .method = "PUT", .body = body, .body_len = LEN, .connect_ms = 2000, .total_ms = 20000 }
	};

	(void)state;
	server_start(&server);
	call.request.url = url = mem_printf("http://127.0.0.1:%u/", server.port);
	run_task(work, &call, 0);
	server_stop(&server);
	assert_answered(&call, 200, "");
	assert_non_null(strstr(server.request, "Content-Length: 3145728\r\n"));
	assert_null(strstr(server.request, "Expect:"));
	drop(&call);
}

/* From the file's position, no further than asked. */
static void test_body_file(void **state)
{
	struct server server = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
	cleanup_free char *url = NULL;
	struct call call = { .request = { .method = "POST", .connect_ms = 2000, .total_ms = 5000, .body_fd_len = 4 } };

	(void)state;
	call.request.body_fd = open("file", O_RDWR | O_CREAT, 0600);
	assert_int_equal(write(call.request.body_fd, "0123456789", 10), 10);
	assert_int_equal(lseek(call.request.body_fd, 3, SEEK_SET), 3);
	server_start(&server);
	call.request.url = url = mem_printf("http://127.0.0.1:%u/", server.port);
	run_task(work, &call, 0);
	server_stop(&server);
	close(call.request.body_fd);
	assert_answered(&call, 200, "");
	assert_non_null(strstr(server.request, "Content-Length: 4\r\n"));
	assert_non_null(strstr(server.request, "\r\n\r\n3456"));
	assert_int_equal(strlen(strstr(server.request, "\r\n\r\n")), 8);
	drop(&call);
}

/* A POST without a body says so: registries refuse one that does not. */
static void test_empty_post(void **state)
{
	struct server server = { .answer = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n" };
	cleanup_free char *url = NULL;
	struct call call = { .request = { .method = "POST", .connect_ms = 2000, .total_ms = 5000, .body_fd = -1 } };

	(void)state;
	server_start(&server);
	call.request.url = url = mem_printf("http://127.0.0.1:%u/", server.port);
	run_task(work, &call, 0);
	server_stop(&server);
	assert_answered(&call, 202, "");
	assert_non_null(strstr(server.request, "Content-Length: 0\r\n"));
	assert_null(strstr(server.request, "Content-Type"));
	drop(&call);
}

static void test_unix_socket(void **state)
{
	struct server server = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
				 .unix_path = (char *)"socket" };
	struct call call = {
		.request = { .method = "GET",
			     .url = "http://localhost/x",
			     .unix_socket = "socket",
			     .connect_ms = 2000,
			     .total_ms = 5000,
			     .body_max = 10,
			     .body_fd = -1 },
	};

	(void)state;
	server_start(&server);
	run_task(work, &call, 0);
	server_stop(&server);
	assert_answered(&call, 200, "hi");
	drop(&call);
}

static void test_endless_body(void **state)
{
	struct server server = { .manner = SERVER_ENDLESS, .answer = "HTTP/1.1 200 OK\r\n\r\nstart" };
	struct call call = ask(&server, "/", 20000, 0);

	(void)state;
	assert_int_equal(call.r, 0);
	assert_true(call.response.cut);
	assert_int_equal(call.response.body->len, 100);
	assert_memory_equal(call.response.body->data, "start", 5);
	assert_true(call.took_ms < 5000);
	drop(&call);
}

static void test_endless_header(void **state)
{
	static const enum server_manner manners[] = { SERVER_ENDLESS, SERVER_HEADERS };
	static const char *const answers[] = { "HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n" };

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct server server = { .manner = manners[i], .answer = answers[i] };
		struct call call = ask(&server, "/", 10000, 0);

		assert_true(call.r < 0);
		assert_int_equal(call.error->cls, ERROR_HEALTH);
		assert_true(call.took_ms < 5000);
		drop(&call);
	}
}

static void test_slow_body(void **state)
{
	struct server server = { .manner = SERVER_DRIP, .answer = "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" };
	struct call call = ask(&server, "/", 300, 0);

	(void)state;
	assert_in_range(call.took_ms, 250, 3000);
	assert_failed(&call, ERROR_HEALTH, true, "took too long");
}

static void test_silent(void **state)
{
	struct server server = { .manner = SERVER_SILENT };
	struct call call = ask(&server, "/", 200, 0);

	(void)state;
	assert_failed(&call, ERROR_HEALTH, true, "no answer in time");
}

static void test_refused(void **state)
{
	cleanup_free char *url = mem_printf("http://127.0.0.1:%u/", dead_port());
	struct call call = ask_url(url, 5000, 0);

	(void)state;
	assert_failed(&call, ERROR_HEALTH, true, "connection refused");
}

static void test_closed(void **state)
{
	struct server server = { .manner = SERVER_CLOSE };
	struct call call = ask(&server, "/", 5000, 0);

	(void)state;
	assert_true(call.r < 0);
	assert_int_equal(call.error->cls, ERROR_HEALTH);
	assert_true(call.error->transient);
	drop(&call);
}

static void test_reset(void **state)
{
	struct server server = { .manner = SERVER_RESET };
	struct call call = ask(&server, "/", 5000, 0);

	(void)state;
	assert_failed(&call, ERROR_HEALTH, true, "connection reset");
}

static void test_redirect(void **state)
{
	struct server server = { .manner = SERVER_BY_PATH, .answer = "http://elsewhere.invalid/x" };
	struct call call = ask(&server, "/away", 5000, 0);
	cleanup_free char *next = NULL;

	(void)state;
	assert_answered(&call, 302, "");
	assert_string_equal(call.response.location, "http://elsewhere.invalid/x");
	assert_int_equal(server.connections, 1);
	drop(&call);
	server = (struct server){ .manner = SERVER_BY_PATH };
	call = ask(&server, "/a", 5000, 0);
	next = mem_printf("http://127.0.0.1:%u/b", server.port);
	assert_answered(&call, 302, "");
	assert_string_equal(call.response.location, next);
	drop(&call);
}

/* Whatever the environment says, the server itself is asked. */
static void test_proxy(void **state)
{
	static const char *const names[] = { "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "https_proxy" };
	struct server server = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" };
	cleanup_free char *proxy = mem_printf("http://127.0.0.1:%u", dead_port());
	struct call call;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		setenv(names[i], proxy, 1);
	call = ask(&server, "/", 5000, 0);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unsetenv(names[i]);
	assert_answered(&call, 200, "ok");
	drop(&call);
}

static void test_scheme(void **state)
{
	struct call call = ask_url("file:///etc/passwd", 5000, 0);

	(void)state;
	assert_true(call.r < 0);
	assert_int_equal(call.error->cls, ERROR_HEALTH);
	assert_false(call.error->transient);
	drop(&call);
}

static void test_cancel(void **state)
{
	struct server server = { .manner = SERVER_SILENT };
	struct call call = ask(&server, "/", 30000, 100);

	(void)state;
	assert_in_range(call.took_ms, 50, 2000);
	assert_failed(&call, ERROR_CANCELLED, false, "interrupted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_get),         TEST(test_take_max),     TEST(test_body),
		TEST(test_body_file),   TEST(test_empty_post),   TEST(test_large_body),
		TEST(test_unix_socket), TEST(test_endless_body), TEST(test_endless_header),
		TEST(test_slow_body),   TEST(test_silent),       TEST(test_refused),
		TEST(test_closed),      TEST(test_reset),        TEST(test_redirect),
		TEST(test_proxy),       TEST(test_scheme),       TEST(test_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
