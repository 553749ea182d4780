/* Whole builds with a daemon in this process that does what a real one does not: each ends with an error that says so, or well; none hangs. */

#include <pthread.h>
#include <signal.h>
#include <sys/un.h>

#include "base/xxh3.h"
#include "engine/builder/builder.h"
#include "engine/builder/solve.h"
#include "engine/buildkit/proto/content.pb-c.h"
#include "engine/buildkit/proto/session.pb-c.h"
#include "engine/registry/logins.h"
#include "tests/unit/buildkit_world.h"
#include "tests/unit/oci_world.h"

#define CONTROL "/moby.buildkit.v1.Control/"
#define CONTENT "/containerd.services.content.v1.Content/"
#define LAYER "the bytes of the layer"
#define SECRET "hidden"
#define LOGIN "{\"auths\": {\"r.example.org\": {\"auth\": \"bWU6dG9v\"}}}" /* me:too */

enum { MESSAGE = 1 << 20 }; /* bytes of a huge one */

enum fault {
	NONE,
	OLD,          /* knows one exporter, and no status */
	UNKNOWN,      /* fields of the future */
	WRONG_DIGEST, /* the bytes of a blob are not what its digest says */
	OTHER_DIGEST, /* names an image that was not sent */
	NO_DIGEST,
	BAD_DIGEST,
	MISSING_LAYER,
	NO_ANSWER,
	HUGE_MESSAGE, /* more than a header can hold */
	HUGE_STEP,    /* the same, of a step that was told of */
	STATUS_STAYS, /* does not end when the build has */
	CUT_FILES,    /* the session is dropped in mid-question, ... */
	CUT_WRITE,
	CUT_READ,
	CUT_SECRET,
	CUT_LOGIN,
	CUT_AGENT,
	CUT_SILENT, /* and the build does not end */
	GARBLED,    /* what comes in the session is no HTTP/2 */
	NO_SESSION, /* it is refused, and the build does not end */
	RESET,      /* of the build's own stream */
	LOST        /* the whole connection */
};

/* The daemon. */
struct fake {
	enum fault fault;
	uint32_t window;
	int listener;
	struct grpc_server *server;
	struct h2 *h2;
	struct layout *base; /* where what can be read is */
	char base_digest[DIGEST_LEN + 1];
	char *config, *manifest;
	char files[200]; /* content that it was sent */
	char secret[20];
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	struct h2 *session;
	bool over;     /* the build is, for the daemon */
	bool ended;    /* the session is */
	bool told;     /* of the steps */
	bool released; /* the client has its result */
};

static void set(struct fake *fake, bool *flag)
{
	pthread_mutex_lock(&fake->lock);
	*flag = true;
	pthread_cond_broadcast(&fake->changed);
	pthread_mutex_unlock(&fake->lock);
}

static void wait_until(struct fake *fake, const bool *flag)
{
	pthread_mutex_lock(&fake->lock);
	while (!*flag)
		pthread_cond_wait(&fake->changed, &fake->lock);
	pthread_mutex_unlock(&fake->lock);
}

static struct h2 *wait_session(struct fake *fake)
{
	struct h2 *session;

	pthread_mutex_lock(&fake->lock);
	while (!fake->session)
		pthread_cond_wait(&fake->changed, &fake->lock);
	session = fake->session;
	pthread_mutex_unlock(&fake->lock);
	return session;
}

static int serve_session(void *data, struct grpc_call *call, struct error **ret_err)
{
	struct fake *fake = data;
	const struct h2_role client = { .window = fake->window };
	Bk__Carried garbage = carried("HTTP/1.1 400 Bad Request\r\n\r\n", 28);
	struct h2 *inner;

	if (fake->fault == NO_SESSION)
		return grpc_refuse(call, GRPC_DENIED, "no sessions today");
	if (fake->fault == GARBLED) {
		ok(grpc_send(call, &garbage.base, err));
		wait_until(fake, &fake->released);
		return 0;
	}
	ok(h2_nest(grpc_detach(call, ret_err), &grpc_wrapping, &client, &inner, err));
	pthread_mutex_lock(&fake->lock);
	fake->session = inner;
	pthread_cond_broadcast(&fake->changed);
	pthread_mutex_unlock(&fake->lock);
	wait_until(fake, &fake->over);
	h2_free(inner);
	set(fake, &fake->ended);
	return 0;
}

/* Ends the session in the middle of a call of it. */
static bool cut(struct fake *fake, enum fault fault, struct h2 *session)
{
	if (fake->fault != fault)
		return false;
	h2_cut(session);
	return true;
}

static int ask_files(struct fake *fake, struct h2 *session)
{
	const struct h2_field field = { "dir-name", "context" };
	cleanup_grpc struct grpc_call *call = NULL;
	Bk__Packet answer = BK__PACKET__INIT;
	uint32_t files = 0;
	void *message;
	int r;

	ok(grpc_open(session, "/moby.filesync.v1.FileSync/DiffCopy", &field, 1, &call, err));
	while ((r = grpc_receive(call, &bk__packet__descriptor, &message, NULL)) > 0) {
		cleanup_message Bk__Packet *packet = message;

		if (packet->type == BK__PACKET_TYPE__PACKET_STAT && packet->stat) {
			files++;
			continue;
		}
		if (packet->type == BK__PACKET_TYPE__PACKET_FIN)
			break;
		if (packet->type == BK__PACKET_TYPE__PACKET_DATA && packet->data.len > 0) {
			snprintf(fake->files, sizeof(fake->files), "%.*s", (int)packet->data.len,
				 (char *)packet->data.data);
			if (cut(fake, CUT_FILES, session))
				return -1;
			continue;
		}
		answer.type = packet->type == BK__PACKET_TYPE__PACKET_STAT ? BK__PACKET_TYPE__PACKET_REQ
									   : BK__PACKET_TYPE__PACKET_FIN;
		answer.id = files - 1;
		if (grpc_send(call, &answer.base, NULL) < 0)
			return -1;
	}
	return r < 0 ? -1 : 0;
}

static int ask_secret(struct fake *fake, struct h2 *session)
{
	Bk__SecretRequest request = BK__SECRET_REQUEST__INIT;
	cleanup_message Bk__SecretAnswer *answer = NULL;
	cleanup_grpc struct grpc_call *call = NULL;

	request.id = "word";
	ok(grpc_open(session, "/moby.buildkit.secrets.v1.Secrets/GetSecret", NULL, 0, &call, err));
	ok(grpc_send(call, &request.base, err));
	if (cut(fake, CUT_SECRET, session))
		return -1;
	if (grpc_receive(call, &bk__secret_answer__descriptor, (void **)&answer, NULL) <= 0)
		return -1;
	snprintf(fake->secret, sizeof(fake->secret), "%.*s", (int)answer->data.len, (char *)answer->data.data);
	return 0;
}

static int ask_login_once(struct fake *fake, struct h2 *session)
{
	Bk__CredentialsRequest request = BK__CREDENTIALS_REQUEST__INIT;
	cleanup_message Bk__CredentialsAnswer *answer = NULL;
	cleanup_grpc struct grpc_call *call = NULL;

	request.host = "r.example.org";
	ok(grpc_open(session, "/moby.filesync.v1.Auth/Credentials", NULL, 0, &call, err));
	ok(grpc_send(call, &request.base, err));
	if (cut(fake, CUT_LOGIN, session))
		return -1;
	if (grpc_receive(call, &bk__credentials_answer__descriptor, (void **)&answer, NULL) <= 0)
		return -1;
	assert_string_equal(answer->username, "me");
	assert_string_equal(answer->secret, "too");
	return 0;
}

/* Where logins are kept is looked at once. */
static int ask_login(struct fake *fake, struct h2 *session)
{
	if (ask_login_once(fake, session) < 0)
		return -1;
	assert_int_equal(unlink("config.json"), 0);
	return ask_login_once(fake, session);
}

/* The agent answers with what it is sent. */
static int ask_agent(struct fake *fake, struct h2 *session)
{
	cleanup_message Bk__Carried *answer = NULL;
	cleanup_grpc struct grpc_call *call = NULL;
	Bk__Carried message = carried("ping", 4);

	ok(grpc_open(session, "/moby.sshforward.v1.SSH/ForwardAgent", NULL, 0, &call, err));
	ok(grpc_send(call, &message.base, err));
	if (grpc_receive(call, &bk__carried__descriptor, (void **)&answer, NULL) <= 0)
		return -1;
	return cut(fake, CUT_AGENT, session) ? -1 : 0;
}

static int ask_base(struct fake *fake, struct h2 *session)
{
	const struct h2_field field = { "buildkit-attachable-store-id", "oci:cbuild" };
	Bk__ReadRequest request = BK__READ_REQUEST__INIT;
	cleanup_message Bk__ReadAnswer *answer = NULL;
	cleanup_grpc struct grpc_call *call = NULL;

	request.digest = fake->base_digest;
	ok(grpc_open(session, CONTENT "Read", &field, 1, &call, err));
	ok(grpc_send(call, &request.base, err));
	if (cut(fake, CUT_READ, session))
		return -1;
	return grpc_receive(call, &bk__read_answer__descriptor, (void **)&answer, NULL) <= 0 ? -1 : 0;
}

static int send_write(struct grpc_call *call, Bk__WriteAction action, const char *digest, const char *text)
{
	Bk__WriteRequest request = BK__WRITE_REQUEST__INIT;
	cleanup_message Bk__WriteAnswer *answer = NULL;

	request.action = action;
	request.ref = "r";
	request.expected = (char *)(uintptr_t)digest;
	request.data = (ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
	if (grpc_send(call, &request.base, NULL) < 0)
		return -1;
	return grpc_receive(call, &bk__write_answer__descriptor, (void **)&answer, NULL);
}

/* -1: it did not get there. */
static int push(struct fake *fake, struct h2 *session, const char *text, const char *sent)
{
	const struct h2_field field = { "buildkit-attachable-store-id", "export" };
	cleanup_grpc struct grpc_call *call = NULL;
	char digest[DIGEST_LEN + 1];

	digest_of(text, digest);
	ok(grpc_open(session, CONTENT "Write", &field, 1, &call, err));
	if (send_write(call, BK__WRITE_ACTION__WRITE_STAT, digest, "") < 0)
		return grpc_status(call).code == GRPC_EXISTS ? 0 : -1;
	if (cut(fake, CUT_WRITE, session) || cut(fake, CUT_SILENT, session))
		return -1;
	return send_write(call, BK__WRITE_ACTION__WRITE_COMMIT, digest, sent) < 0 ? -1 : 0;
}

static int push_image(struct fake *fake, struct h2 *session)
{
	if (fake->fault != MISSING_LAYER &&
	    push(fake, session, LAYER, fake->fault == WRONG_DIGEST ? "other bytes of the lay" : LAYER) < 0)
		return -1;
	return push(fake, session, fake->config, fake->config) < 0 ||
			       push(fake, session, fake->manifest, fake->manifest) < 0
		       ? -1
		       : 0;
}

/* The message, with fields that nobody knows: a number, bytes, and one within the last field. */
static int send_unknown(struct grpc_call *call, const struct ProtobufCMessage *message)
{
	static const char more[] = "\xd8\x06\x07\xe2\x06\x03xyz";
	static const struct h2_field trailers[] = { { "grpc-status", "0" } };
	cleanup_buf struct buf bytes = { 0 };
	struct h2_stream *stream;

	buf_add(&bytes, "\0\0\0\0\0", 5);
	message_pack(message, &bytes);
	buf_add(&bytes, more, sizeof(more) - 1);
	bytes.data[3] = (char)((bytes.len - 5) >> 8);
	bytes.data[4] = (char)(bytes.len - 5);
	stream = grpc_detach(call, NULL);
	ok(h2_write(stream, bytes.data, bytes.len, err));
	ok(h2_finish(stream, trailers, 1, err));
	h2_stream_free(stream);
	return 0;
}

static int answer_solve(struct fake *fake, struct grpc_call *call, struct error **err)
{
	Bk__SolveAnswer answer = BK__SOLVE_ANSWER__INIT;
	Bk__Pair pair = BK__PAIR__INIT, *pairs[] = { &pair };
	char digest[DIGEST_LEN + 1];

	digest_of(fake->fault == OTHER_DIGEST ? "an image that was not sent" : fake->manifest, digest);
	pair.key = "containerimage.digest";
	pair.value = fake->fault == BAD_DIGEST ? "sha256:../../x" : digest;
	answer.exporter_answer = pairs;
	answer.n_exporter_answer = fake->fault == NO_DIGEST ? 0 : 1;
	if (fake->fault == NO_ANSWER)
		return 0;
	return fake->fault == UNKNOWN ? send_unknown(call, &answer.base) : grpc_send(call, &answer.base, err);
}

static int refuse_hugely(struct grpc_call *call)
{
	cleanup_free char *text = mem_alloc(MESSAGE + 1);

	memset(text, 'x', MESSAGE);
	return grpc_refuse(call, GRPC_UNKNOWN, "%s", text);
}

static int do_build(struct fake *fake, struct grpc_call *call, struct error **err)
{
	struct h2 *session;

	if (fake->fault == GARBLED || fake->fault == NO_SESSION) {
		wait_until(fake, &fake->released);
		return -1;
	}
	session = wait_session(fake);
	if (fake->fault == HUGE_STEP)
		wait_until(fake, &fake->told);
	if (fake->fault == HUGE_MESSAGE || fake->fault == HUGE_STEP)
		return refuse_hugely(call);
	if (fake->fault == RESET) {
		h2_stream_free(grpc_detach(call, err));
		return 0;
	}
	if (fake->fault == LOST) {
		h2_cut(fake->h2);
		return -1;
	}
	if (ask_files(fake, session) < 0 || ask_secret(fake, session) < 0 || ask_login(fake, session) < 0 ||
	    ask_agent(fake, session) < 0 || ask_base(fake, session) < 0 || push_image(fake, session) < 0) {
		/* The session first, and then the build. */
		set(fake, &fake->over);
		wait_until(fake, &fake->ended);
		if (fake->fault == CUT_SILENT)
			wait_until(fake, &fake->released);
		return grpc_refuse(call, GRPC_UNAVAILABLE, "failed to solve: the session is gone");
	}
	return answer_solve(fake, call, err);
}

static int serve_solve(void *data, struct grpc_call *call, struct error **err)
{
	struct fake *fake = data;
	cleanup_message Bk__SolveRequest *request = NULL;
	int r = grpc_receive(call, &bk__solve_request__descriptor, (void **)&request, err);

	if (r <= 0)
		return -1;
	if (fake->fault == OLD && strcmp(request->exporter, "oci") != 0)
		return grpc_refuse(call, GRPC_INVALID, "an exporter is needed");
	r = do_build(fake, call, err);
	set(fake, &fake->over);
	return r;
}

static int serve_status(void *data, struct grpc_call *call, struct error **err)
{
	struct fake *fake = data;
	Bk__Vertex vertex = BK__VERTEX__INIT, *vertexes[] = { &vertex };
	Bk__StatusAnswer answer = BK__STATUS_ANSWER__INIT;

	vertex.digest = "sha256:1";
	vertex.name = "[1/2] RUN x";
	answer.vertexes = vertexes;
	answer.n_vertexes = 1;
	if (fake->fault == UNKNOWN)
		return send_unknown(call, &answer.base);
	if (fake->fault == STATUS_STAYS)
		wait_until(fake, &fake->released);
	if (fake->fault == HUGE_STEP)
		vertex.error = "process \"/bin/sh -c x\" did not complete successfully: exit code: 7";
	if (grpc_send(call, &answer.base, err) < 0)
		return -1;
	set(fake, &fake->told);
	return 0;
}

static void fake_start(struct fake *fake, struct daemon **ret)
{
	const struct grpc_method methods[] = {
		{ CONTROL "Session", serve_session, fake },
		{ CONTROL "Solve", serve_solve, fake },
		{ CONTROL "Status", serve_status, fake },
	};
	const struct conn_address address = { .url = "unix://d.sock" };
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "d.sock" };
	struct h2_role role;

	pthread_mutex_init(&fake->lock, NULL);
	pthread_cond_init(&fake->changed, NULL);
	fake->config = config_text(&amd64, LAYER, "");
	fake->manifest = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, fake->config, LAYER);
	fake->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fake->listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fake->listener, 1), 0);
	ok(daemon_open(NULL, &address, 5000, ret, err));
	ok(grpc_server_new(methods, fake->fault == OLD ? 2 : 3, &fake->server, err));
	role = with_window(grpc_server_role(fake->server), fake->window);
	ok(h2_start(NULL, conn_take(accept(fake->listener, NULL, NULL), "the client"), &role, &fake->h2, err));
}

static void fake_stop(struct fake *fake)
{
	set(fake, &fake->released);
	set(fake, &fake->over);
	h2_cut(fake->h2);
	grpc_server_free(fake->server);
	h2_free(fake->h2);
	close(fake->listener);
	pthread_cond_destroy(&fake->changed);
	pthread_mutex_destroy(&fake->lock);
	free(fake->config);
	free(fake->manifest);
	unlink("d.sock");
}

/* An agent; its connection ends with the daemon's. */
static void *agent_echo(void *arg)
{
	int fd = accept(*(int *)arg, NULL, NULL);
	char block[64];
	ssize_t n;

	while ((n = fd < 0 ? 0 : read(fd, block, sizeof(block))) > 0)
		if (write(fd, block, (size_t)n) != n)
			break;
	close(fd);
	return NULL;
}

static int agent_listen(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "agent.sock" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(name.sun_path);
	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	return listener;
}

/* A build with a file, a secret, a login, an agent and a base in the store. */
static int build(struct fake *fake, struct layout *layout, struct build_result *result, struct error **ret_err)
{
	const struct build_file file = { .path = "f", .mode = S_IFREG | 0644, .size = 4, .digest = hash_bytes("file", 4) };
	const struct build_secret_source secret = { "word", NULL, SECRET };
	const struct build_pair ssh = { "default", "agent.sock" };
	struct logins *logins = logins_new(NULL);
	const struct solve solve = { .layout = layout,
				     .logins = logins,
				     .shown = "shown",
				     .tool = "BuildKit",
				     .native = &amd64 };
	int listener = agent_listen();
	pthread_t agent;
	cleanup_free char *here = path_absolute(".", NULL);
	cleanup_free char *dockerfile = path_join(here, "Dockerfile");
	const struct build_job job = {
		.id = "build:web:linux/amd64",
		.context = here,
		.files = &file,
		.files_len = 1,
		.dockerfile = dockerfile,
		.text = "FROM base\n",
		.text_len = 10,
		.key = "key",
		.platform = amd64,
		.secrets = &secret,
		.secrets_len = 1,
		.ssh = &ssh,
		.ssh_len = 1,
	};
	struct daemon *daemon;
	int r;

	ok(layout_write(layout, "base", 4, fake->base_digest, err));
	assert_int_equal(pthread_create(&agent, NULL, agent_echo, &listener), 0);
	fake_start(fake, &daemon);
	r = solve_build(&solve, daemon, &job, result, ret_err);
	fake_stop(fake);
	daemon_free(daemon);
	/* If nobody asked the agent. */
	shutdown(listener, SHUT_RDWR);
	pthread_join(agent, NULL);
	close(listener);
	logins_free(logins);
	return r;
}

static void expect(enum fault fault, uint32_t window, int cls, const char *text)
{
	struct fake fake = { .fault = fault, .window = window };
	cleanup_layout struct layout *layout = NULL;
	cleanup_error struct error *error = NULL;
	struct build_result result = { 0 };
	int r;

	fs_remove_tree("store", NULL);
	ok(layout_open("store", true, &layout, err));
	ok(fs_replace("f", "file", 4, 0644, err));
	ok(fs_replace("config.json", LOGIN, strlen(LOGIN), 0600, err));
	setenv("REGISTRY_AUTH_FILE", "config.json", 1);
	r = build(&fake, layout, &result, &error);
	if (r < 0 && (!cls || (int)error->cls != cls || !strstr(error->message, text)))
		fail_msg("fault %d: class %d: %.500s", fault, error->cls, error->message);
	if (r == 0 && cls)
		fail_msg("fault %d: no error", fault);
	if (r == 0) {
		assert_string_equal(fake.files, "file");
		assert_string_equal(fake.secret, SECRET);
		assert_true(layout_complete(layout, result.digest));
	}
	free(result.place);
}

static void test_as_it_should_be(void **state)
{
	(void)state;
	expect(NONE, 0, 0, "");
	expect(NONE, 1, 0, ""); /* flow control, byte by byte */
	expect(OLD, 0, 0, "");
	expect(UNKNOWN, 0, 0, "");
	expect(STATUS_STAYS, 0, 0, "");
}

static void test_wrong_results(void **state)
{
	(void)state;
	expect(WRONG_DIGEST, 0, ERROR_STATE, "the content does not match its digest");
	expect(OTHER_DIGEST, 0, ERROR_TOOL, "did not send all of the image");
	expect(NO_DIGEST, 0, ERROR_TOOL, "named no image");
	expect(BAD_DIGEST, 0, ERROR_TOOL, "named no image");
	expect(MISSING_LAYER, 0, ERROR_TOOL, "did not send all of the image");
	expect(NO_ANSWER, 0, ERROR_TOOL, "reports nothing about the build");
	expect(HUGE_MESSAGE, 0, ERROR_TOOL, "d.sock");
	expect(HUGE_STEP, 0, ERROR_BUILD, "'RUN x' failed with status 7");
}

static void test_sessions_that_are_dropped(void **state)
{
	(void)state;
	expect(CUT_FILES, 0, ERROR_TOOL, "session");
	expect(CUT_WRITE, 0, ERROR_TOOL, "session");
	expect(CUT_READ, 0, ERROR_TOOL, "session");
	expect(CUT_SECRET, 0, ERROR_TOOL, "session");
	expect(CUT_LOGIN, 0, ERROR_TOOL, "session");
	expect(CUT_AGENT, 0, ERROR_TOOL, "session");
	expect(CUT_SILENT, 0, ERROR_TOOL, "session");
	expect(GARBLED, 0, ERROR_TOOL, "d.sock");
	expect(NO_SESSION, 0, ERROR_TOOL, "session");
}

static void test_connections_that_break(void **state)
{
	(void)state;
	expect(RESET, 0, ERROR_TOOL, "reset the stream");
	expect(LOST, 0, ERROR_TOOL, "d.sock");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_as_it_should_be),
		TEST(test_wrong_results),
		TEST(test_sessions_that_are_dropped),
		TEST(test_connections_that_break),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* what hangs is a fault */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
