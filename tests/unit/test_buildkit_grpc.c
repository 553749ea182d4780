/* HTTP/2 and gRPC against a server in this process: sizes, windows, headers, statuses, frames that are broken, and a connection
 * inside another one. */

#include <arpa/inet.h>
#include <poll.h>

#include "base/base64.h"
#include "tests/unit/buildkit_world.h"

#define LARGE ((size_t)3 << 20)

static char *pattern(size_t len)
{
	char *data = mem_alloc(len + 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 31 + i / 251);
	return data;
}

static void ask_echo(struct h2 *h2, size_t len)
{
	cleanup_free char *data = pattern(len);
	Bk__Carried message = carried(data, len);
	cleanup_message Bk__Carried *answer = NULL;

	ok(grpc_ask(h2, "/test/Echo", NULL, 0, &message.base, 0, &bk__carried__descriptor, (void **)&answer, err));
	assert_int_equal(answer->data.len, len);
	assert_memory_equal(answer->data.data, data, len);
}

static const struct grpc_method echo = { "/test/Echo", serve_echo, NULL };

static void test_messages_of_every_size(void **state)
{
	static const size_t sizes[] = { 0, 1, 5, 16379, 16384, 65535, 65536, LARGE };
	struct peer peer;

	(void)state;
	peer_start(&peer, &echo, 1, 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		ask_echo(peer.client, sizes[i]);
	peer_stop(&peer);
}

static void test_windows_of_one_byte(void **state)
{
	struct peer peer;

	(void)state;
	peer_start(&peer, &echo, 1, 1);
	ask_echo(peer.client, 3000);
	peer_stop(&peer);
}

static void test_many_messages_both_ways_at_once(void **state)
{
	enum { MESSAGES = 200 };
	cleanup_free char *data = pattern(H2_WINDOW);
	cleanup_grpc struct grpc_call *call = NULL;
	struct peer peer;
	void *answer = NULL;

	(void)state;
	peer_start(&peer, &echo, 1, 0);
	ok(grpc_open(peer.client, "/test/Echo", NULL, 0, &call, err));
	for (size_t i = 0; i < MESSAGES; i++) {
		Bk__Carried message = carried(data, i * 500);

		ok(grpc_send(call, &message.base, err));
		ok(grpc_receive(call, &bk__carried__descriptor, &answer, err));
		assert_int_equal(((Bk__Carried *)answer)->data.len, i * 500);
		message_free(answer);
	}
	ok(grpc_end(call, err));
	assert_int_equal(grpc_receive(call, &bk__carried__descriptor, &answer, NULL), 0);
	assert_int_equal(grpc_status(call).code, GRPC_OK);
	grpc_free(steal_ptr(call));
	peer_stop(&peer);
}

#define HUGE_FIELDS 20000

/* Headers as of an ignore file of twenty thousand lines: many frames. */
static int serve_headers(void *data, struct grpc_call *call, struct error **err)
{
	const char *value;
	size_t count = 0, bytes = 0;
	char text[64];
	Bk__Carried message;

	(void)data;
	while ((value = grpc_metadata(call, "pattern", count)) != NULL) {
		bytes += strlen(value);
		count++;
	}
	snprintf(text, sizeof(text), "%zu %zu", count, bytes);
	message = carried(text, strlen(text));
	return grpc_send(call, &message.base, err);
}

static void test_huge_headers(void **state)
{
	static const struct grpc_method method = { "/test/Headers", serve_headers, NULL };
	struct h2_field *fields = mem_array(HUGE_FIELDS, sizeof(*fields));
	char(*values)[64] = mem_array(HUGE_FIELDS, sizeof(*values));
	cleanup_grpc struct grpc_call *call = NULL;
	cleanup_message Bk__Carried *answer = NULL;
	struct peer peer;
	size_t bytes = 0;
	char expected[64];

	(void)state;
	for (size_t i = 0; i < HUGE_FIELDS; i++) {
		bytes += (size_t)snprintf(values[i], sizeof(values[i]), "some/folder/with/a/long/name-%zu/**/*.o", i);
		fields[i] = (struct h2_field){ "pattern", values[i] };
	}
	peer_start(&peer, &method, 1, 0);
	ok(grpc_open(peer.client, "/test/Headers", fields, HUGE_FIELDS, &call, err));
	ok(grpc_end(call, err));
	ok(grpc_receive(call, &bk__carried__descriptor, (void **)&answer, err));
	snprintf(expected, sizeof(expected), "%d %zu", HUGE_FIELDS, bytes);
	assert_int_equal(answer->data.len, strlen(expected));
	assert_memory_equal(answer->data.data, expected, strlen(expected));
	grpc_free(steal_ptr(call));
	peer_stop(&peer);
	free(values);
	free(fields);
}

static int serve_refusal(void *data, struct grpc_call *call, struct error **err)
{
	(void)data;
	(void)err;
	grpc_refuse_details(call, "\x08\x02", 2);
	return grpc_refuse(call, GRPC_NOT_FOUND, "no such thing: 100%% \"sch\xc3\xb6n\"\n");
}

static int serve_late_refusal(void *data, struct grpc_call *call, struct error **ret_err)
{
	Bk__Carried message = carried("early", 5);

	(void)data;
	(void)ret_err;
	ok(grpc_send(call, &message.base, err));
	return grpc_refuse(call, GRPC_UNAVAILABLE, "later");
}

static void expect_status(struct h2 *h2, const char *path, int code, const char *message, bool transient)
{
	cleanup_error struct error *error = NULL;
	cleanup_grpc struct grpc_call *call = NULL;
	void *answer = NULL;
	int r;

	ok(grpc_open(h2, path, NULL, 0, &call, err));
	ok(grpc_end(call, err));
	while ((r = grpc_receive(call, &bk__carried__descriptor, &answer, &error)) > 0)
		message_free(answer);
	assert_int_equal(r, -1);
	assert_int_equal(grpc_status(call).code, code);
	assert_string_equal(grpc_status(call).message, message);
	assert_string_equal(error->message, message);
	assert_int_equal(error->transient, transient);
	if (code == GRPC_NOT_FOUND) {
		assert_int_equal(grpc_status(call).details_len, 2);
		assert_memory_equal(grpc_status(call).details, "\x08\x02", 2);
	}
}

static void test_statuses(void **state)
{
	static const struct grpc_method methods[] = { { "/test/Refuse", serve_refusal, NULL },
						      { "/test/Late", serve_late_refusal, NULL } };
	struct peer peer;

	(void)state;
	peer_start(&peer, methods, 2, 0);
	expect_status(peer.client, "/test/Refuse", GRPC_NOT_FOUND, "no such thing: 100% \"sch\xc3\xb6n\"\n", false);
	expect_status(peer.client, "/test/Late", GRPC_UNAVAILABLE, "later", true);
	expect_status(peer.client, "/test/None", GRPC_UNIMPLEMENTED, "unknown method /test/None", false);
	peer_stop(&peer);
}

/* The refusal comes while the message is still being sent, which nobody reads. */
static void test_a_refusal_before_all_is_sent(void **state)
{
	cleanup_error struct error *error = NULL;
	cleanup_free char *data = pattern(LARGE);
	Bk__Carried message = carried(data, LARGE);
	struct peer peer;
	void *answer;

	(void)state;
	peer_start(&peer, NULL, 0, 0);
	assert_int_equal(grpc_ask(peer.client, "/test/None", NULL, 0, &message.base, 0, &bk__carried__descriptor,
				  &answer, &error),
			 -1);
	assert_string_equal(error->message, "unknown method /test/None");
	peer_stop(&peer);
}

/* Waits for messages until the client is gone. */
static int serve_until_gone(void *data, struct grpc_call *call, struct error **err)
{
	int *waits = data;
	void *message;
	int r;

	assert_int_equal(write(waits[1], "b", 1), 1);
	while ((r = grpc_receive(call, &bk__carried__descriptor, &message, err)) > 0)
		message_free(message);
	assert_int_equal(write(waits[1], "e", 1), 1);
	return r;
}

static void wait_letter(int fd, char letter)
{
	char got;

	assert_int_equal(read(fd, &got, 1), 1);
	assert_int_equal(got, letter);
}

static void test_a_call_that_is_freed_ends_at_the_server(void **state)
{
	int waits[2];
	const struct grpc_method method = { "/test/Wait", serve_until_gone, waits };
	struct grpc_call *call;
	struct peer peer;

	(void)state;
	assert_int_equal(pipe(waits), 0);
	peer_start(&peer, &method, 1, 0);
	ok(grpc_open(peer.client, "/test/Wait", NULL, 0, &call, err));
	wait_letter(waits[0], 'b');
	grpc_free(call);
	wait_letter(waits[0], 'e');
	/* And with the connection. */
	ok(grpc_open(peer.client, "/test/Wait", NULL, 0, &call, err));
	wait_letter(waits[0], 'b');
	grpc_free(call);
	peer_stop(&peer);
	wait_letter(waits[0], 'e');
	close(waits[0]);
	close(waits[1]);
}

/* As a daemon does with a call that it has read enough of. */
static void test_thousands_of_calls_that_are_freed(void **state)
{
	enum { CALLS = 3000 };
	Bk__Carried message = carried("x", 1);
	struct grpc_call *call;
	struct peer peer;
	void *answer;

	(void)state;
	peer_start(&peer, &echo, 1, 0);
	for (int i = 0; i < CALLS; i++) {
		ok(grpc_open(peer.client, "/test/Echo", NULL, 0, &call, err));
		ok(grpc_send(call, &message.base, err));
		ok(grpc_receive(call, &bk__carried__descriptor, &answer, err));
		message_free(answer);
		grpc_free(call);
	}
	ask_echo(peer.client, 5);
	peer_stop(&peer);
}

/* Mostly before their requests are sent: then they are not. (A sanitizer sees what goes wrong.) */
static void test_calls_that_are_freed_at_once(void **state)
{
	enum { CALLS = 3000 };
	struct grpc_call *call;
	struct peer peer;

	(void)state;
	peer_start(&peer, &echo, 1, 0);
	for (int i = 0; i < CALLS; i++) {
		ok(grpc_open(peer.client, "/test/Echo", NULL, 0, &call, err));
		grpc_free(call);
	}
	ask_echo(peer.client, 5);
	peer_stop(&peer);
}

static void test_what_blocks_ends_when_the_connection_is_cut(void **state)
{
	int waits[2];
	const struct grpc_method method = { "/test/Wait", serve_until_gone, waits };
	cleanup_error struct error *error = NULL;
	struct grpc_call *call;
	struct peer peer;
	void *answer;

	(void)state;
	assert_int_equal(pipe(waits), 0);
	peer_start(&peer, &method, 1, 0);
	ok(grpc_open(peer.client, "/test/Wait", NULL, 0, &call, err));
	wait_letter(waits[0], 'b');
	h2_cut(peer.h2);
	assert_int_equal(grpc_receive(call, &bk__carried__descriptor, &answer, &error), -1);
	assert_true(error->transient);
	assert_false(h2_alive(peer.client));
	grpc_free(call);
	peer_stop(&peer);
	close(waits[0]);
	close(waits[1]);
}

static void test_a_limit_of_time(void **state)
{
	int waits[2];
	const struct grpc_method method = { "/test/Wait", serve_until_gone, waits };
	cleanup_error struct error *error = NULL;
	Bk__Blank blank = BK__BLANK__INIT;
	struct grpc_call *call;
	struct peer peer;
	void *answer;

	(void)state;
	assert_int_equal(pipe(waits), 0);
	peer_start(&peer, &method, 1, 0);
	ok(grpc_open(peer.client, "/test/Wait", NULL, 0, &call, err));
	ok(grpc_send(call, &blank.base, err));
	grpc_limit(call, 30);
	assert_int_equal(grpc_receive(call, &bk__carried__descriptor, &answer, &error), -1);
	assert_non_null(strstr(error->message, "does not answer"));
	grpc_free(call);
	peer_stop(&peer);
	close(waits[0]);
	close(waits[1]);
}

/* What a server sends that is none: the client's call ends with an error, and so does the connection. */
static void expect_broken(const void *bytes, size_t len)
{
	static const struct h2_role role;
	cleanup_error struct error *error = NULL;
	struct grpc_call *call;
	struct h2 *h2;
	void *answer;
	int pair[2];

	sockets(pair);
	ok(h2_start(NULL, conn_take(pair[1], "a broken server"), &role, &h2, err));
	ok(grpc_open(h2, "/test/Echo", NULL, 0, &call, err));
	assert_int_equal(write(pair[0], bytes, len), (ssize_t)len);
	shutdown(pair[0], SHUT_WR);
	assert_int_equal(grpc_receive(call, &bk__carried__descriptor, &answer, &error), -1);
	assert_non_null(error);
	grpc_free(call);
	assert_int_equal(h2_wait(h2, NULL), -1);
	h2_free(h2);
	close(pair[0]);
}

static void test_broken_frames(void **state)
{
	static const char http1[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	static const unsigned char settings[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0 };
	static const unsigned char huge[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 1, 1, 2, 3 };
	static const unsigned char headers[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 3, 1, 4, 0, 0, 0, 1, 0xff, 0xff, 0xff };
	static const unsigned char data_first[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 'x' };
	static const unsigned char push[] = { 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 5, 4, 0, 0, 0, 1, 0, 0, 0, 2 };

	(void)state;
	expect_broken(http1, sizeof(http1) - 1);
	expect_broken(settings, 5);
	expect_broken(settings, sizeof(settings));
	expect_broken(huge, sizeof(huge));
	expect_broken(headers, sizeof(headers));
	expect_broken(data_first, sizeof(data_first));
	expect_broken(push, sizeof(push));
}

/* Messages that are none, in frames that are right. */
static int serve_bytes(void *data, struct grpc_call *call, struct error **ret_err)
{
	struct h2_stream *stream;
	const struct buf *bytes = data;
	static const struct h2_field trailers[] = { { "grpc-status", "0" } };

	/* Behind the call's back. */
	stream = grpc_detach(call, ret_err);
	assert_non_null(stream);
	/* The client may have ended the call by then: what it was sent is not a message. */
	if (h2_write(stream, bytes->data, bytes->len, NULL) == 0)
		h2_finish(stream, trailers, 1, NULL);
	h2_stream_free(stream);
	return 0;
}

static void expect_no_message(const void *bytes, size_t len, const char *text)
{
	cleanup_buf struct buf sent = { 0 };
	const struct grpc_method method = { "/test/Bytes", serve_bytes, &sent };
	cleanup_error struct error *error = NULL;
	Bk__Blank blank = BK__BLANK__INIT;
	struct peer peer;
	void *answer = NULL;

	buf_add(&sent, bytes, len);
	peer_start(&peer, &method, 1, 0);
	assert_int_equal(grpc_ask(peer.client, "/test/Bytes", NULL, 0, &blank.base, 0, &bk__carried__descriptor,
				  &answer, &error),
			 -1);
	if (!strstr(error->message, text))
		fail_msg("%s", error->message);
	peer_stop(&peer);
}

static void test_broken_messages(void **state)
{
	(void)state;
	expect_no_message("\1\0\0\0\0", 5, "invalid gRPC message");
	expect_no_message("\0\1\0\0\1", 5, "invalid gRPC message");
	expect_no_message("\0\0\0\0\5\x0a\x03", 7, "truncated");
	expect_no_message("\0\0\0", 3, "truncated");
	expect_no_message("\0\0\0\0\2\x0a\x03", 7, "another type");
	expect_no_message("", 0, "no answer");
	expect_no_message("\0\0\0\0\0\0\0\0\0\0", 10, "answered twice");
}

/* The daemon's side of a session: what it is sent in messages is a connection whose client it is. */
static int serve_session(void *data, struct grpc_call *call, struct error **ret_err)
{
	static const struct h2_role client;
	size_t *len = data;
	struct h2 *inner;

	ok(h2_nest(grpc_detach(call, ret_err), &grpc_wrapping, &client, &inner, err));
	ask_echo(inner, *len);
	ask_echo(inner, *len);
	h2_free(inner);
	return 0;
}

static void test_a_connection_inside_another(void **state)
{
	(void)state;
	for (size_t len = 0; len <= LARGE; len = len * 50 + 1) {
		const struct grpc_method session = { "/test/Session", serve_session, &len };
		struct grpc_server *inner_server;
		struct grpc_call *call;
		struct h2_role role;
		struct h2 *inner;
		struct peer peer;

		peer_start(&peer, &session, 1, 0);
		ok(grpc_server_new(&echo, 1, &inner_server, err));
		ok(grpc_open(peer.client, "/test/Session", NULL, 0, &call, err));
		role = grpc_server_role(inner_server);
		ok(h2_nest(grpc_detach(call, err), &grpc_wrapping, &role, &inner, err));
		assert_int_equal(h2_wait(inner, NULL), -1);
		h2_cut(inner);
		grpc_server_free(inner_server);
		h2_free(inner);
		peer_stop(&peer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_messages_of_every_size),
		TEST(test_windows_of_one_byte),
		TEST(test_many_messages_both_ways_at_once),
		TEST(test_huge_headers),
		TEST(test_statuses),
		TEST(test_a_refusal_before_all_is_sent),
		TEST(test_a_call_that_is_freed_ends_at_the_server),
		TEST(test_thousands_of_calls_that_are_freed),
		TEST(test_calls_that_are_freed_at_once),
		TEST(test_what_blocks_ends_when_the_connection_is_cut),
		TEST(test_a_limit_of_time),
		TEST(test_broken_frames),
		TEST(test_broken_messages),
		TEST(test_a_connection_inside_another),
	};

	alarm(120); /* what hangs is a fault */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
