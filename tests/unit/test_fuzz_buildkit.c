/* What a daemon sends, spoilt at random: frames of HTTP/2 to both sides of it, messages in answers, in questions, and packets of files. */

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/un.h>

#include "base/xxh3.h"
#include "engine/buildkit/content_store.h"
#include "engine/buildkit/filesync.h"
#include "engine/buildkit/health.h"
#include "engine/buildkit/proto/content.pb-c.h"
#include "engine/buildkit/proto/reasons.pb-c.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/buildkit/secrets.h"
#include "tests/unit/buildkit_world.h"
#include "tests/unit/fuzz_world.h"
#include "tests/unit/oci_world.h"

#define ROUNDS 300

/* ---- messages ---- */

enum { MESSAGES_MAX = 4 };

/* Those of one stream, in their order. */
struct messages {
	struct buf list[MESSAGES_MAX];
	size_t len;
};

static void add(struct messages *messages, const struct ProtobufCMessage *message)
{
	message_pack(message, &messages->list[messages->len++]);
}

static void messages_free(struct messages *messages)
{
	for (size_t i = 0; i < messages->len; i++)
		buf_free(&messages->list[i]);
}

static void frame(const struct buf *message, struct buf *out)
{
	const unsigned char head[] = { 0, (unsigned char)(message->len >> 24), (unsigned char)(message->len >> 16),
				       (unsigned char)(message->len >> 8), (unsigned char)message->len };

	buf_add(out, head, sizeof(head));
	buf_add(out, message->data, message->len);
}

/* The bytes of a stream: either messages are spoilt and their lengths fit, or anything is. */
static void spoil_messages(struct random *r, const struct messages *messages, struct buf *out)
{
	bool inside = below(r, 2) == 0;

	for (size_t i = 0; i < messages->len; i++) {
		struct buf message cleanup_buf = { 0 };

		buf_add(&message, messages->list[i].data, messages->list[i].len);
		if (inside)
			spoil(r, &message);
		frame(&message, out);
	}
	if (!inside)
		spoil(r, out);
}

/* ---- what is offered to the daemon ---- */

static const char text[] = "some bytes of a file";

struct offer {
	struct layout *layout;
	struct filesync_entry entries[2];
	struct filesync_folder folder;
	struct filesync *filesync;
	struct content_store stores[2];
	struct content *content;
	struct secret_source source;
	struct secret_list secrets;
	struct grpc_method methods[CONTENT_METHODS + 3];
	char digest[DIGEST_LEN + 1];
};

static void offer_begin(struct offer *offer)
{
	*offer = (struct offer){ .layout = open_store(), .source = { "id", NULL, "hidden" } };
	ok(fs_replace("file", text, sizeof(text), 0644, err));
	ok(layout_write(offer->layout, text, sizeof(text), offer->digest, err));
	offer->entries[0] = (struct filesync_entry){ .path = "d", .mode = S_IFDIR | 0755 };
	offer->entries[1] = (struct filesync_entry){ .path = "d/f",
						     .mode = S_IFREG | 0644,
						     .size = sizeof(text),
						     .source = "file",
						     .digest = hash_bytes(text, sizeof(text)) };
	offer->folder = (struct filesync_folder){ .name = "context", .entries = offer->entries, .len = 2 };
	offer->filesync = filesync_new(&offer->folder, 1);
	offer->stores[0] = (struct content_store){ "export", offer->layout, true };
	offer->stores[1] = (struct content_store){ "oci:x", offer->layout, false };
	offer->content = content_new(offer->stores, 2);
	offer->secrets = (struct secret_list){ &offer->source, 1 };
	content_methods(offer->content, offer->methods);
	offer->methods[CONTENT_METHODS] = filesync_method(offer->filesync);
	offer->methods[CONTENT_METHODS + 1] = secrets_method(&offer->secrets);
	offer->methods[CONTENT_METHODS + 2] = health_method;
}

static void offer_end(struct offer *offer)
{
	content_free(offer->content);
	filesync_free(offer->filesync);
	layout_free(offer->layout);
}

/* ---- what the daemon asks ---- */

#define CONTENT "/containerd.services.content.v1.Content/"

struct question {
	const char *path;
	struct h2_field field;
	struct messages messages;
};

enum { QUESTIONS = 6 };

static void questions_begin(struct question list[QUESTIONS], char *digest)
{
	char expected[DIGEST_LEN + 1];
	Bk__Packet want = BK__PACKET__INIT, end = BK__PACKET__INIT;
	Bk__WriteRequest stat = BK__WRITE_REQUEST__INIT, data = BK__WRITE_REQUEST__INIT;
	Bk__ReadRequest range = BK__READ_REQUEST__INIT;
	Bk__BlobRequest blob = BK__BLOB_REQUEST__INIT;
	Bk__SecretRequest secret = BK__SECRET_REQUEST__INIT;
	Bk__Blank blank = BK__BLANK__INIT;

	memset(list, 0, QUESTIONS * sizeof(*list));
	want.type = BK__PACKET_TYPE__PACKET_REQ;
	want.id = 1;
	end.type = BK__PACKET_TYPE__PACKET_FIN;
	list[0] = (struct question){ "/moby.filesync.v1.FileSync/DiffCopy", { "dir-name", "context" }, { .len = 0 } };
	add(&list[0].messages, &want.base);
	add(&list[0].messages, &want.base);
	add(&list[0].messages, &end.base);
	digest_of(text, expected);
	stat.ref = "r";
	stat.total = sizeof(text) - 1;
	data.action = BK__WRITE_ACTION__WRITE_COMMIT;
	data.expected = expected;
	data.data = (ProtobufCBinaryData){ sizeof(text) - 1, (uint8_t *)(uintptr_t)text };
	list[1] = (struct question){ CONTENT "Write", { "buildkit-attachable-store-id", "export" }, { .len = 0 } };
	add(&list[1].messages, &stat.base);
	add(&list[1].messages, &data.base);
	range.digest = blob.digest = digest;
	range.offset = 3;
	range.size = 4;
	list[2] = (struct question){ CONTENT "Read", { "buildkit-attachable-store-id", "oci:x" }, { .len = 0 } };
	add(&list[2].messages, &range.base);
	list[3] = (struct question){ CONTENT "Info", { "buildkit-attachable-store-id", "oci:x" }, { .len = 0 } };
	add(&list[3].messages, &blob.base);
	secret.id = "id";
	list[4] = (struct question){ "/moby.buildkit.secrets.v1.Secrets/GetSecret", { "x", "y" }, { .len = 0 } };
	add(&list[4].messages, &secret.base);
	list[5] = (struct question){ "/grpc.health.v1.Health/Check", { "x", "y" }, { .len = 0 } };
	add(&list[5].messages, &blank.base);
}

static void questions_end(struct question list[QUESTIONS])
{
	for (size_t i = 0; i < QUESTIONS; i++)
		messages_free(&list[i].messages);
}

/* Asks, and reads the answer to its end. */
static void ask(struct h2 *h2, const struct question *question, const struct buf *bytes)
{
	struct buf answer cleanup_buf = { 0 };
	struct h2_stream *stream;
	struct grpc_call *call;

	ok(grpc_open(h2, question->path, &question->field, 1, &call, err));
	stream = grpc_detach(call, NULL);
	h2_write(stream, bytes->data, bytes->len, NULL);
	h2_finish(stream, NULL, 0, NULL);
	while (h2_read(stream, &answer, NULL) > 0)
		buf_reset(&answer);
	h2_stream_free(stream);
}

struct asking {
	struct peer peer;
	struct question questions[QUESTIONS];
};

static void ask_spoilt(struct random *r, void *data)
{
	struct asking *asking = data;
	const struct question *question = &asking->questions[below(r, QUESTIONS)];
	struct buf bytes cleanup_buf = { 0 };

	spoil_messages(r, &question->messages, &bytes);
	ask(asking->peer.client, question, &bytes);
	assert_true(h2_alive(asking->peer.client));
}

static void test_questions(void **state)
{
	struct asking asking;
	struct offer offer;

	(void)state;
	offer_begin(&offer);
	peer_start(&asking.peer, offer.methods, CONTENT_METHODS + 3, 0);
	questions_begin(asking.questions, offer.digest);
	fuzz(ROUNDS, ask_spoilt, &asking);
	questions_end(asking.questions);
	peer_stop(&asking.peer);
	offer_end(&offer);
}

/* ---- what the daemon answers ---- */

struct answer {
	struct messages messages;
	struct buf bytes;
	bool fails; /* the message is the details of a status */
};

static int serve_spoilt(void *data, struct grpc_call *call, struct error **ret_err)
{
	static const struct h2_field trailers[] = { { "grpc-status", "0" } };
	const struct answer *answer = data;
	struct h2_stream *stream;

	if (answer->fails) {
		grpc_refuse_details(call, answer->bytes.data, answer->bytes.len);
		return grpc_refuse(call, GRPC_UNKNOWN, "failed");
	}
	stream = grpc_detach(call, ret_err);
	if (stream && h2_write(stream, answer->bytes.data, answer->bytes.len, NULL) == 0)
		h2_finish(stream, trailers, 1, NULL);
	h2_stream_free(stream);
	return 0;
}

enum { INFO, WORKERS, STATUS, SOLVE, ANSWERS };

static void answers_begin(struct answer answers[ANSWERS])
{
	Bk__Pair pair = BK__PAIR__INIT, *pairs[] = { &pair };
	Bk__Machine machine = BK__MACHINE__INIT, *machines[] = { &machine, &machine };
	Bk__Worker worker = BK__WORKER__INIT, *workers[] = { &worker };
	Bk__WorkersAnswer list = BK__WORKERS_ANSWER__INIT;
	Bk__Version version = BK__VERSION__INIT;
	Bk__InfoAnswer info = BK__INFO_ANSWER__INIT;
	Bk__SolveAnswer solved = BK__SOLVE_ANSWER__INIT;

	version.version = "v0.26.3";
	info.version = &version;
	add(&answers[INFO].messages, &info.base);
	pair.key = "org.mobyproject.buildkit.worker.snapshotter";
	pair.value = "overlayfs";
	machine.os = "linux";
	machine.architecture = "arm64";
	machine.variant = "v8";
	worker.labels = pairs;
	worker.n_labels = 1;
	worker.platforms = machines;
	worker.n_platforms = 2;
	list.workers = workers;
	list.n_workers = 1;
	add(&answers[WORKERS].messages, &list.base);
	solved.exporter_answer = pairs;
	solved.n_exporter_answer = 1;
	add(&answers[SOLVE].messages, &solved.base);
}

static void add_status(struct messages *messages)
{
	Bk__Time begun = BK__TIME__INIT;
	Bk__Vertex vertex = BK__VERTEX__INIT, *vertexes[] = { &vertex };
	Bk__Moved moved = BK__MOVED__INIT, *statuses[] = { &moved };
	Bk__Printed printed = BK__PRINTED__INIT, *logs[] = { &printed };
	Bk__Position position = BK__POSITION__INIT;
	Bk__Range range = BK__RANGE__INIT, *ranges[] = { &range };
	Bk__Warning warning = BK__WARNING__INIT, *warnings[] = { &warning };
	Bk__StatusAnswer answer = BK__STATUS_ANSWER__INIT;

	begun.seconds = 3;
	begun.nanos = 4;
	vertex.digest = moved.vertex = printed.vertex = warning.vertex = "sha256:1";
	vertex.name = "[1/2] RUN x";
	vertex.started = vertex.completed = moved.started = &begun;
	vertex.error = "stopped";
	moved.id = "transferring";
	moved.total = 9;
	position.line = 12;
	range.start = range.end = &position;
	printed.text = (ProtobufCBinaryData){ sizeof(text), (uint8_t *)(uintptr_t)text };
	warning.text = printed.text;
	warning.ranges = ranges;
	warning.n_ranges = 1;
	answer.vertexes = vertexes;
	answer.statuses = statuses;
	answer.logs = logs;
	answer.warnings = warnings;
	answer.n_vertexes = answer.n_statuses = answer.n_logs = answer.n_warnings = 1;
	add(messages, &answer.base);
	add(messages, &answer.base);
}

static void add_reasons(struct buf *out)
{
	static const char source[] = "{\"info\": {\"filename\": \"Dockerfile\", \"data\": \"RlJPTSB4ClJVTiB5Cg==\"},"
				     "\"ranges\": [{\"start\": {\"line\": 2}, \"end\": {\"line\": 3}}]}";
	static const char status[] = "{\"Code\": 7}";
	Bk__Reason first = BK__REASON__INIT, second = BK__REASON__INIT, *list[] = { &first, &second };
	Bk__Failure failure = BK__FAILURE__INIT;

	first.type_url = "github.com/moby/buildkit/errdefs.Source+json";
	first.value = (ProtobufCBinaryData){ sizeof(source) - 1, (uint8_t *)(uintptr_t)source };
	second.type_url = "github.com/moby/buildkit/gatewayapi.ExitMessage+json";
	second.value = (ProtobufCBinaryData){ sizeof(status) - 1, (uint8_t *)(uintptr_t)status };
	failure.details = list;
	failure.n_details = 2;
	message_pack(&failure.base, out);
}

struct answering {
	struct daemon *daemon;
	struct answer answers[ANSWERS];
	size_t told; /* bytes of what was told, so that all of them are read */
};

static void take_status(void *data, const struct status_event *event)
{
	struct answering *answering = data;

	answering->told +=
		strlen(event->step) + (event->name ? strlen(event->name) : 0) + (event->url ? strlen(event->url) : 0);
	for (size_t i = 0; event->text && i < event->len; i++)
		answering->told += event->text[i] != '\0';
}

static void take_answer(void *data, const char *key, const char *value)
{
	struct answering *answering = data;

	answering->told += strlen(key) + strlen(value);
}

static void answer_spoilt(struct random *r, void *data)
{
	static const struct control_solve solve = { .ref = "r", .session = "s" };
	struct answering *answering = data;
	struct control_failure failure;
	struct control_info info;
	struct grpc_call *call;

	for (size_t i = 0; i < ANSWERS; i++) {
		struct answer *answer = &answering->answers[i];

		buf_reset(&answer->bytes);
		answer->fails = i == SOLVE && below(r, 2) == 0;
		if (answer->fails) {
			add_reasons(&answer->bytes);
			spoil(r, &answer->bytes);
		} else {
			spoil_messages(r, &answer->messages, &answer->bytes);
		}
	}
	control_info(answering->daemon, 0, &info, NULL);
	ok(control_status_open(answering->daemon, "r", &call, err));
	control_status(call, take_status, answering, NULL);
	grpc_free(call);
	control_solve(answering->daemon, &solve, take_answer, answering, &failure, NULL);
	control_failure_free(&failure);
	if (!daemon_alive(answering->daemon)) {
		cleanup_error struct error *error = NULL;

		h2_wait(daemon_h2(answering->daemon), &error);
		fail_msg("%s", error->message);
	}
}

static void test_answers(void **state)
{
	struct answering answering = { .told = 0 };
	const struct grpc_method methods[] = {
		{ "/moby.buildkit.v1.Control/Info", serve_spoilt, &answering.answers[INFO] },
		{ "/moby.buildkit.v1.Control/ListWorkers", serve_spoilt, &answering.answers[WORKERS] },
		{ "/moby.buildkit.v1.Control/Status", serve_spoilt, &answering.answers[STATUS] },
		{ "/moby.buildkit.v1.Control/Solve", serve_spoilt, &answering.answers[SOLVE] },
	};
	const struct conn_address address = { .url = "unix://d.sock" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "d.sock" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	struct grpc_server *server;
	struct h2_role role;
	struct h2 *h2;

	(void)state;
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	ok(daemon_open(NULL, &address, 5000, &answering.daemon, err));
	ok(grpc_server_new(methods, ANSWERS, &server, err));
	role = grpc_server_role(server);
	ok(h2_start(NULL, conn_take(accept(listener, NULL, NULL), "the client"), &role, &h2, err));
	answers_begin(answering.answers);
	add_status(&answering.answers[STATUS].messages);
	fuzz(ROUNDS, answer_spoilt, &answering);
	daemon_free(answering.daemon);
	h2_cut(h2);
	grpc_server_free(server);
	h2_free(h2);
	close(listener);
	for (size_t i = 0; i < ANSWERS; i++) {
		messages_free(&answering.answers[i].messages);
		buf_free(&answering.answers[i].bytes);
	}
}

/* ---- frames ---- */

/* Stands between two ends, and keeps what they say. */
struct relay {
	int client, server;
	struct buf to_client, to_server;
};

/* False: that side has ended. */
static bool carry(int from, int to, struct buf *record)
{
	char block[65536];
	ssize_t n = recv(from, block, sizeof(block), 0);

	if (n <= 0) {
		shutdown(to, SHUT_WR);
		return false;
	}
	buf_add(record, block, (size_t)n);
	return send(to, block, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *relay_run(void *arg)
{
	struct relay *relay = arg;
	struct pollfd fds[] = { { relay->client, POLLIN, 0 }, { relay->server, POLLIN, 0 } };

	while ((fds[0].fd >= 0 || fds[1].fd >= 0) && poll(fds, 2, -1) > 0) {
		if (fds[0].revents && !carry(relay->client, relay->server, &relay->to_server))
			fds[0].fd = -1;
		if (fds[1].revents && !carry(relay->server, relay->client, &relay->to_client))
			fds[1].fd = -1;
	}
	return NULL;
}

struct frames {
	struct relay relay;
	struct offer offer;
};

/* An exchange as it should be. */
static void record(struct frames *frames)
{
	static const struct h2_role client_role;
	struct question questions[QUESTIONS];
	struct grpc_server *server;
	struct h2 *h2, *client;
	struct h2_role role;
	pthread_t thread;
	int one[2], other[2];

	sockets(one);
	sockets(other);
	frames->relay = (struct relay){ .client = one[1], .server = other[1] };
	assert_int_equal(pthread_create(&thread, NULL, relay_run, &frames->relay), 0);
	ok(grpc_server_new(frames->offer.methods, CONTENT_METHODS + 3, &server, err));
	role = grpc_server_role(server);
	ok(h2_start(NULL, conn_take(other[0], "the client"), &role, &h2, err));
	ok(h2_start(NULL, conn_take(one[0], "the server"), &client_role, &client, err));
	questions_begin(questions, frames->offer.digest);
	for (size_t i = 0; i < QUESTIONS; i++) {
		struct buf bytes cleanup_buf = { 0 };

		for (size_t j = 0; j < questions[i].messages.len; j++)
			frame(&questions[i].messages.list[j], &bytes);
		ask(client, &questions[i], &bytes);
	}
	questions_end(questions);
	h2_free(client);
	h2_cut(h2);
	grpc_server_free(server);
	h2_free(h2);
	pthread_join(thread, NULL);
	close(one[1]);
	close(other[1]);
}

static void play(struct random *r, const struct buf *recorded, int fd)
{
	struct buf bytes cleanup_buf = { 0 };

	buf_add(&bytes, recorded->data, recorded->len);
	spoil(r, &bytes);
	for (size_t at = 0; at < bytes.len;) {
		ssize_t n = send(fd, bytes.data + at, bytes.len - at, MSG_NOSIGNAL);

		if (n <= 0)
			break;
		at += (size_t)n;
	}
	shutdown(fd, SHUT_WR);
}

static void play_server(struct random *r, void *data)
{
	static const struct h2_role role;
	const struct frames *frames = data;
	struct grpc_call *calls[QUESTIONS];
	struct h2 *h2;
	int pair[2];

	sockets(pair);
	ok(h2_start(NULL, conn_take(pair[1], "a spoilt server"), &role, &h2, err));
	for (size_t i = 0; i < QUESTIONS; i++)
		ok(grpc_open(h2, "/test", NULL, 0, &calls[i], err));
	play(r, &frames->relay.to_client, pair[0]);
	for (size_t i = 0; i < QUESTIONS; i++) {
		void *message;

		while (grpc_receive(calls[i], &bk__packet__descriptor, &message, NULL) > 0)
			message_free(message);
		grpc_free(calls[i]);
	}
	h2_free(h2);
	close(pair[0]);
}

static void play_client(struct random *r, void *data)
{
	struct frames *frames = data;
	struct grpc_server *server;
	struct h2_role role;
	struct h2 *h2;
	int pair[2];

	sockets(pair);
	ok(grpc_server_new(frames->offer.methods, CONTENT_METHODS + 3, &server, err));
	role = grpc_server_role(server);
	ok(h2_start(NULL, conn_take(pair[1], "a spoilt client"), &role, &h2, err));
	play(r, &frames->relay.to_server, pair[0]);
	h2_wait(h2, NULL);
	h2_cut(h2);
	grpc_server_free(server);
	h2_free(h2);
	close(pair[0]);
}

static void test_frames(void **state)
{
	struct frames frames;

	(void)state;
	offer_begin(&frames.offer);
	record(&frames);
	fuzz(ROUNDS, play_server, &frames);
	fuzz(ROUNDS, play_client, &frames);
	buf_free(&frames.relay.to_client);
	buf_free(&frames.relay.to_server);
	offer_end(&frames.offer);
}

/* What carries a connection inside another one. */
static void unwrap_spoilt(struct random *r, void *data)
{
	struct buf bytes cleanup_buf = { 0 }, out cleanup_buf = { 0 };
	cleanup_free char *exact = NULL;
	long took;

	(void)data;
	for (int i = 0; i < 3; i++)
		grpc_wrapping.wrap(text, sizeof(text), &bytes);
	spoil(r, &bytes);
	exact = mem_alloc(bytes.len);
	if (bytes.len > 0)
		memcpy(exact, bytes.data, bytes.len);
	took = grpc_wrapping.unwrap(exact, bytes.len, &out);
	assert_true(took <= (long)bytes.len);
}

static void test_wrapping(void **state)
{
	(void)state;
	ok(message_load(err));
	fuzz(ROUNDS * 10, unwrap_spoilt, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_questions),
		TEST(test_answers),
		TEST(test_frames),
		TEST(test_wrapping),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
