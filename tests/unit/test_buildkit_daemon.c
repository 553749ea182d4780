/* Control against a daemon in this process, reached as daemons are: what it is, builds, what it tells meanwhile, why they fail. */

#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base64.h"
#include "engine/buildkit/proto/reasons.pb-c.h"
#include "tests/unit/buildkit_world.h"

#define SERVICE "/moby.buildkit.v1.Control/"

/* A daemon that takes one connection. */
struct fake {
	const struct grpc_method *methods;
	size_t len;
	const char *greeting; /* sent in answer to an HTTP/1.1 request, or NULL: HTTP/2 at once */
	int listener;
	pthread_t thread;
	char request[1024];
};

static void answer_upgrade(struct fake *fake, int fd)
{
	size_t len = 0;

	while (!strstr(fake->request, "\r\n\r\n")) {
		ssize_t n = read(fd, fake->request + len, sizeof(fake->request) - 1 - len);

		assert_true(n > 0);
		len += (size_t)n;
	}
	assert_int_equal(write(fd, fake->greeting, strlen(fake->greeting)), (ssize_t)strlen(fake->greeting));
}

static void *serve_one(void *arg)
{
	struct fake *fake = arg;
	struct grpc_server *server;
	struct h2_role role;
	struct h2 *h2;
	int fd = accept(fake->listener, NULL, NULL);

	assert_true(fd >= 0);
	if (fake->greeting)
		answer_upgrade(fake, fd);
	ok(grpc_server_new(fake->methods, fake->len, &server, err));
	role = grpc_server_role(server);
	ok(h2_start(NULL, conn_take(fd, "the client"), &role, &h2, err));
	h2_wait(h2, NULL);
	grpc_server_free(server);
	h2_free(h2);
	return NULL;
}

static void fake_start(struct fake *fake, const struct grpc_method *methods, size_t len, const char *greeting)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "d.sock" };

	*fake = (struct fake){ .methods = methods, .len = len, .greeting = greeting };
	unlink("d.sock");
	fake->listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fake->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake->listener, 1), 0);
	assert_int_equal(pthread_create(&fake->thread, NULL, serve_one, fake), 0);
}

static void fake_stop(struct fake *fake)
{
	pthread_join(fake->thread, NULL);
	close(fake->listener);
}

static void connect_fake(bool upgrade, struct daemon **ret)
{
	const struct conn_address address = { .url = "unix://d.sock", .upgrade = upgrade };

	ok(daemon_open(NULL, &address, 5000, ret, err));
}

static int take_blank(struct grpc_call *call, struct error **err)
{
	void *message = NULL;
	int r = grpc_receive(call, &bk__blank__descriptor, &message, err);

	message_free(message);
	return r;
}

static int serve_info(void *data, struct grpc_call *call, struct error **err)
{
	Bk__Version version = BK__VERSION__INIT;
	Bk__InfoAnswer answer = BK__INFO_ANSWER__INIT;

	version.version = data;
	answer.version = &version;
	return take_blank(call, err) < 0 ? -1 : grpc_send(call, &answer.base, err);
}

static int serve_workers(void *data, struct grpc_call *call, struct error **err)
{
	Bk__Machine amd64 = BK__MACHINE__INIT, v2 = BK__MACHINE__INIT, arm64 = BK__MACHINE__INIT;
	Bk__Machine *machines[] = { &amd64, &v2, &arm64, &arm64 };
	Bk__Pair pair = BK__PAIR__INIT, unknown = BK__PAIR__INIT;
	Bk__Pair *labels[] = { &unknown, &pair };
	Bk__Worker worker = BK__WORKER__INIT;
	Bk__Worker *workers[] = { &worker };
	Bk__WorkersAnswer answer = BK__WORKERS_ANSWER__INIT;

	(void)data;
	pair.key = "org.mobyproject.buildkit.worker.snapshotter";
	pair.value = "overlayfs";
	unknown.key = "x";
	amd64.os = v2.os = arm64.os = "linux";
	amd64.architecture = v2.architecture = "amd64";
	v2.variant = "v2";
	arm64.architecture = "arm64";
	worker.labels = labels;
	worker.n_labels = 2;
	worker.platforms = machines;
	worker.n_platforms = 4;
	answer.workers = workers;
	answer.n_workers = 1;
	return take_blank(call, err) < 0 ? -1 : grpc_send(call, &answer.base, err);
}

static const struct grpc_method infos[] = { { SERVICE "ListWorkers", serve_workers, NULL },
					    { SERVICE "Info", serve_info, "v0.26.3" } };

static void expect_info(const struct grpc_method *methods, size_t len, const char *greeting, const char *version)
{
	struct control_info info;
	struct daemon *daemon;
	struct fake fake;

	fake_start(&fake, methods, len, greeting);
	connect_fake(greeting != NULL, &daemon);
	ok(control_info(daemon, 5000, &info, err));
	assert_string_equal(info.version, version);
	assert_string_equal(info.snapshotter, "overlayfs");
	assert_string_equal(info.executor, "");
	assert_string_equal(info.platforms[0].arch, "amd64");
	assert_string_equal(info.platforms[info.platforms_len - 1].arch, "arm64");
	assert_int_equal(info.platforms_len, 3);
	daemon_free(daemon);
	fake_stop(&fake);
	if (greeting)
		assert_int_equal(strncmp(fake.request, "POST /grpc HTTP/1.1\r\n", 21), 0);
}

static void test_what_a_daemon_is(void **state)
{
	static const char upgraded[] = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

	(void)state;
	expect_info(infos, 2, NULL, "v0.26.3");
	expect_info(infos, 2, upgraded, "v0.26.3");
	/* An old one does not know the question. */
	expect_info(infos, 1, NULL, "");
}

static void expect_no_daemon(const char *url, bool upgrade, int cls, const char *text)
{
	const struct conn_address address = { .url = url, .upgrade = upgrade };
	cleanup_error struct error *error = NULL;
	struct daemon *daemon;

	assert_int_equal(daemon_open(NULL, &address, 300, &daemon, &error), -1);
	assert_int_equal(error->cls, cls);
	if (!strstr(error->message, text))
		fail_msg("%s", error->message);
}

static void *refuse_one(void *arg)
{
	struct fake *fake = arg;
	int fd = accept(fake->listener, NULL, NULL);

	answer_upgrade(fake, fd);
	close(fd);
	return NULL;
}

static void test_no_daemon(void **state)
{
	struct fake fake = { .greeting = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" };
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "d.sock" };
	char long_path[300] = "unix://";

	(void)state;
	expect_no_daemon("unix://nothing.sock", false, ERROR_TOOL, "cannot connect to unix://nothing.sock: No such file");
	expect_no_daemon("http://x", false, ERROR_USAGE, "not the address of a daemon");
	expect_no_daemon("tcp://x", false, ERROR_USAGE, "needs a host and a port");
	expect_no_daemon("tcp://[::1]:x", false, ERROR_USAGE, "needs a host and a port");
	expect_no_daemon("tcp://127.0.0.1:1", false, ERROR_TOOL, "refused");
	memset(long_path + 7, 'x', sizeof(long_path) - 8);
	expect_no_daemon(long_path, false, ERROR_USAGE, "not the path of a socket");
	fake.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fake.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fake.listener, 1), 0);
	assert_int_equal(pthread_create(&fake.thread, NULL, refuse_one, &fake), 0);
	expect_no_daemon("unix://d.sock", true, ERROR_TOOL, "with status 404");
	pthread_join(fake.thread, NULL);
	/* One that takes the connection and says nothing. */
	expect_no_daemon("unix://d.sock", true, ERROR_TOOL, "does not answer");
	close(fake.listener);
}

/* posix_spawn may leave it to the child to end with 127, and does under the emulator: then nobody can tell at once. */
static bool spawn_tells(const char *const *missing)
{
	char *const no_environment[] = { NULL };
	pid_t child;

	if (posix_spawnp(&child, missing[0], NULL, NULL, (char *const *)(uintptr_t)missing, no_environment) != 0)
		return true;
	waitpid(child, NULL, 0);
	return false;
}

/* A child whose stdin and stdout are the connection: here, one that tells why it cannot be. */
static void test_a_child_that_fails(void **state)
{
	static const char *const argv[] = { "sh", "-c", "echo 'no such container: x' >&2; exit 1", NULL };
	static const char *const missing[] = { "no-such-program-here", NULL };
	struct conn_address address = { .url = "docker-container://x", .argv = argv };
	cleanup_error struct error *error = NULL, *absent = NULL;
	struct control_info info;
	struct daemon *daemon;

	(void)state;
	ok(daemon_open(NULL, &address, 300, &daemon, err));
	assert_int_equal(control_info(daemon, 5000, &info, &error), -1);
	assert_non_null(strstr(error->message, "no such container: x"));
	daemon_free(daemon);
	if (!spawn_tells(missing))
		return;
	address.argv = missing;
	assert_int_equal(daemon_open(NULL, &address, 300, &daemon, &absent), -1);
	assert_non_null(strstr(absent->message, "cannot start no-such-program-here"));
}

static int serve_solve(void *data, struct grpc_call *call, struct error **err)
{
	Bk__SolveAnswer answer = BK__SOLVE_ANSWER__INIT;
	Bk__SolveRequest *request = NULL;
	int r = grpc_receive(call, &bk__solve_request__descriptor, (void **)&request, err);

	(void)data;
	if (r <= 0)
		return -1;
	/* What it was asked comes back. */
	answer.exporter_answer = request->exporters[0]->attrs;
	answer.n_exporter_answer = request->exporters[0]->n_attrs;
	assert_string_equal(request->exporter, request->exporters[0]->type);
	assert_true(request->internal);
	assert_string_equal(request->cache->imports[0]->type, "registry");
	assert_int_equal(request->cache->n_exports, 0);
	assert_string_equal(request->entitlements[0], "network.host");
	assert_string_equal(request->frontend_attrs[0]->value, "");
	r = grpc_send(call, &answer.base, err);
	message_free(request);
	return r;
}

static void take_answer(void *data, const char *key, const char *value)
{
	char *text = data;

	snprintf(text + strlen(text), 200 - strlen(text), "%s=%s;", key, value);
}

static const struct control_pair frontend_attrs[] = { { "no-cache", "" }, { "platform", "linux/amd64" } };
static const struct control_pair exporter_attrs[] = { { "name", "a" }, { "push", "" } };
static const struct control_typed exporters[] = { { "oci", exporter_attrs, 2 }, { "moby", NULL, 0 } };
static const struct control_typed imports[] = { { "registry", NULL, 0 } };
static const char *const entitlements[] = { "network.host" };
static const struct control_solve a_solve = {
	.ref = "r",
	.session = "s",
	.frontend = "dockerfile.v0",
	.attrs = frontend_attrs,
	.attrs_len = 2,
	.exporters = exporters,
	.exporters_len = 2,
	.cache_from = imports,
	.cache_from_len = 1,
	.entitlements = entitlements,
	.entitlements_len = 1,
};

static void test_a_build(void **state)
{
	static const struct grpc_method method = { SERVICE "Solve", serve_solve, NULL };
	struct control_failure failure;
	struct daemon *daemon;
	struct fake fake;
	char text[200] = "";

	(void)state;
	fake_start(&fake, &method, 1, NULL);
	connect_fake(false, &daemon);
	ok(control_solve(daemon, &a_solve, take_answer, text, &failure, err));
	assert_string_equal(text, "name=a;push=;");
	assert_null(failure.message);
	daemon_free(daemon);
	fake_stop(&fake);
}

/* A reason in the details of a status. */
struct reason {
	const char *type, *json;
};

static int serve_failure(void *data, struct grpc_call *call, struct error **err)
{
	const struct reason *reasons = data;
	Bk__Failure failure = BK__FAILURE__INIT;
	Bk__Reason list[8], *pointers[8];
	cleanup_buf struct buf details = { 0 };

	(void)err;
	for (; reasons->type; reasons++) {
		Bk__Reason *reason = &list[failure.n_details];

		bk__reason__init(reason);
		reason->type_url = (char *)(uintptr_t)reasons->type;
		reason->value.data = (uint8_t *)(uintptr_t)reasons->json;
		reason->value.len = strlen(reasons->json);
		pointers[failure.n_details++] = reason;
	}
	failure.details = pointers;
	failure.code = 2;
	message_pack(&failure.base, &details);
	grpc_refuse_details(call, details.data, details.len);
	return grpc_refuse(call, GRPC_UNKNOWN,
			   "process \"/bin/sh -c exit 7\" did not complete successfully: exit code: 7");
}

static void test_why_a_build_failed(void **state)
{
	static const struct reason reasons[] = {
		{ "github.com/moby/buildkit/stack.Stack+json", "{\"frames\": [" },
		{ "github.com/moby/buildkit/errdefs.Vertex+json", "{\"digest\": \"sha256:1\"}" },
		{ "github.com/moby/buildkit/gatewayapi.ExitMessage+json", "{\"Code\": 7}" },
		{ "github.com/moby/buildkit/errdefs.Source+json",
		  "{\"info\": {\"filename\": \"Dockerfile\", \"data\": \"RlJPTSB4ClJVTiB5Cg==\"},\"ranges\": [{\"start\": {\"line\": 2}, \"end\": {\"line\": 3}}]}" },
		{ "github.com/moby/buildkit/errdefs.Source+json", "{\"info\": {\"filename\": \"other\"}}" },
		{ NULL, NULL },
	};
	static const struct reason broken[] = {
		{ "github.com/moby/buildkit/errdefs.Source+json",
		  "{\"info\": {\"filename\": 7, \"data\": \"%\"}, \"ranges\": [{\"start\": {\"line\": -2}}]}" },
		{ "github.com/moby/buildkit/gatewayapi.ExitMessage+json", "[]" },
		{ NULL, NULL },
	};
	struct control_failure failure;
	struct daemon *daemon;
	struct fake fake;
	struct grpc_method method = { SERVICE "Solve", serve_failure, (void *)(uintptr_t)reasons };

	(void)state;
	fake_start(&fake, &method, 1, NULL);
	connect_fake(false, &daemon);
	assert_int_equal(control_solve(daemon, &a_solve, take_answer, NULL, &failure, NULL), -1);
	assert_int_equal(failure.code, GRPC_UNKNOWN);
	assert_int_equal(failure.exit_code, 7);
	assert_string_equal(failure.file, "Dockerfile");
	assert_string_equal(failure.source, "FROM x\nRUN y\n");
	assert_int_equal(failure.line, 2);
	assert_int_equal(failure.last_line, 3);
	control_failure_free(&failure);
	daemon_free(daemon);
	fake_stop(&fake);
	method.data = (void *)(uintptr_t)broken;
	fake_start(&fake, &method, 1, NULL);
	connect_fake(false, &daemon);
	assert_int_equal(control_solve(daemon, &a_solve, take_answer, NULL, &failure, NULL), -1);
	assert_int_equal(failure.exit_code, -1);
	assert_int_equal(failure.line, 0);
	control_failure_free(&failure);
	daemon_free(daemon);
	fake_stop(&fake);
}

static int serve_status(void *data, struct grpc_call *call, struct error **err)
{
	Bk__Time begun = BK__TIME__INIT;
	Bk__Vertex vertex = BK__VERTEX__INIT, *vertexes[] = { &vertex };
	Bk__Moved moved = BK__MOVED__INIT, *statuses[] = { &moved };
	Bk__Printed printed = BK__PRINTED__INIT, *logs[] = { &printed };
	Bk__Position position = BK__POSITION__INIT;
	Bk__Range range = BK__RANGE__INIT, *ranges[] = { &range };
	Bk__Warning warning = BK__WARNING__INIT, *warnings[] = { &warning };
	Bk__StatusAnswer answer = BK__STATUS_ANSWER__INIT;

	(void)data;
	if (take_blank(call, err) < 0)
		return -1;
	begun.seconds = 3;
	begun.nanos = 4;
	vertex.digest = moved.vertex = printed.vertex = warning.vertex = "sha256:1";
	vertex.name = "[1/2] RUN x";
	vertex.started = &begun;
	answer.vertexes = vertexes;
	answer.n_vertexes = 1;
	if (grpc_send(call, &answer.base, err) < 0)
		return -1;
	vertex.error = "stopped";
	moved.id = "transferring";
	moved.current = -1;
	moved.total = 9;
	answer.statuses = statuses;
	answer.n_statuses = 1;
	printed.text.data = (uint8_t *)(uintptr_t) "a\0b";
	printed.text.len = 3;
	printed.stream = 2;
	answer.logs = logs;
	answer.n_logs = 1;
	position.line = 12;
	range.start = &position;
	warning.text.data = (uint8_t *)(uintptr_t) "careful";
	warning.text.len = 7;
	warning.url = "https://x";
	warning.ranges = ranges;
	warning.n_ranges = 1;
	answer.warnings = warnings;
	answer.n_warnings = 1;
	return grpc_send(call, &answer.base, err);
}

static void take_status(void *data, const struct status_event *event)
{
	struct buf *out = data;

	buf_printf(out, "%d %s", event->kind, event->step);
	if (event->kind == STATUS_STEP)
		buf_printf(out, " %s %lld", event->name, (long long)event->started);
	if (event->kind == STATUS_BYTES)
		buf_printf(out, " %s %llu/%llu", event->name, (unsigned long long)event->current,
			   (unsigned long long)event->total);
	if (event->text)
		buf_printf(out, " '%.*s' %zu", (int)event->len, event->text, event->len);
	if (event->kind == STATUS_WARNING)
		buf_printf(out, " %s %d", event->url, event->line);
	buf_char(out, '\n');
}

static void test_what_is_told_meanwhile(void **state)
{
	static const struct grpc_method method = { SERVICE "Status", serve_status, NULL };
	cleanup_buf struct buf out = { 0 };
	struct grpc_call *call;
	struct daemon *daemon;
	struct fake fake;

	(void)state;
	fake_start(&fake, &method, 1, NULL);
	connect_fake(false, &daemon);
	ok(control_status_open(daemon, "r", &call, err));
	ok(control_status(call, take_status, &out, err));
	grpc_free(call);
	assert_string_equal(out.data, "0 sha256:1 [1/2] RUN x 3000000004\n"
				      "0 sha256:1 [1/2] RUN x 3000000004 'stopped' 7\n"
				      "1 sha256:1 transferring 0/9\n"
				      "2 sha256:1 'a' 3\n"
				      "3 sha256:1 'careful' 7 https://x 12\n");
	daemon_free(daemon);
	fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_what_a_daemon_is), TEST(test_no_daemon),          TEST(test_a_child_that_fails),
		TEST(test_a_build),          TEST(test_why_a_build_failed), TEST(test_what_is_told_meanwhile),
	};

	signal(SIGPIPE, SIG_IGN);
	alarm(120); /* what hangs is a fault */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
