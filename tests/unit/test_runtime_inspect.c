#include "config.h"

#include <fcntl.h>

#include "engine/io/socket.h"
#include "engine/runtime/runtime_ops.h"
#include "tests/unit/builder_world.h"
#include "tests/unit/io_world.h"

/* As podman 4.3 writes it, rootful: an address of its own, ports that are not published are null. */
static const char podman_text[] = "[{\"Id\":\"da1b\",\"State\":{\"OciVersion\":\"1.0.2-dev\",\"Status\":\"running\","
				  "\"Running\":true,\"Pid\":27522,"
				  "\"ExitCode\":0},\"NetworkSettings\":{\"Gateway\":\"10.88.0.1\",\"IPAddress\":\"10."
				  "88.0.12\",\"IPPrefixLen\":16,"
				  "\"Ports\":{\"8000/"
				  "tcp\":null},\"Networks\":{\"podman\":{\"Gateway\":\"10.88.0.1\",\"IPAddress\":\"10."
				  "88.0.12\","
				  "\"Aliases\":[\"da1b2e641c8a\"]}}},\"HostConfig\":{\"NetworkMode\":\"bridge\"}}]";

/* As docker writes it for a container on a network of its own, with a published port. */
static const char docker_text[] = "[{\"Id\":\"x\",\"State\":{\"Status\":\"running\",\"Running\":true,\"Pid\":12,"
				  "\"ExitCode\":0},"
				  "\"HostConfig\":{\"NetworkMode\":\"cbuild-n\"},\"NetworkSettings\":{\"Ports\":{"
				  "\"8000/tcp\":[{\"HostIp\":\"127.0.0.1\","
				  "\"HostPort\":\"49153\"}],\"9000/"
				  "tcp\":[{\"HostIp\":\"0.0.0.0\",\"HostPort\":\"49154\"}],\"53/"
				  "udp\":[{\"HostIp\":\"\","
				  "\"HostPort\":\"53\"}]},\"IPAddress\":\"\",\"Gateway\":\"\",\"Networks\":{\"cbuild-"
				  "n\":{\"IPAddress\":\"172.18.0.2\","
				  "\"Gateway\":\"172.18.0.1\"}}}}]";

static void test_podman(void **state)
{
	struct inspected seen;

	(void)state;
	ok(inspect_parse(podman_text, strlen(podman_text), &seen, err));
	assert_true(seen.running);
	assert_int_equal(seen.pid, 27522);
	assert_string_equal(seen.ip, "10.88.0.12");
	assert_string_equal(seen.gateway, "10.88.0.1");
	assert_int_equal(seen.ports_len, 0);
	assert_false(seen.host_network);
	inspected_free(&seen);
}

/* As podman 4.3 writes an image of docker's format: the id without its algorithm, the check outside the config. */
static void test_podman_image(void **state)
{
	static const char text[] =
		"[{\"Id\":\"ab12\",\"RepoDigests\":[\"localhost:5000/db@sha256:cd\"],\"Config\":{\"ExposedPorts\":{\"53/udp\":{},\"5432/tcp\":{}}},\"HealthCheck\":{\"Test\":[\"CMD\",\"/check\"]}}]";
	struct runtime_pulled pulled;

	(void)state;
	ok(pull_parse(text, strlen(text), "localhost:5000/db:1", &pulled, err));
	assert_string_equal(pulled.id, "sha256:ab12");
	assert_string_equal(pulled.origin, "localhost:5000/db@sha256:cd");
	assert_int_equal(pulled.port, 5432);
	assert_string_equal(pulled.healthcheck, "{\"Test\":[\"CMD\",\"/check\"]}");
	runtime_pulled_free(&pulled);
}

/* As docker writes it; one that was never in a registry has no digest. */
static void test_docker_image(void **state)
{
	static const char text[] =
		"[{\"Id\":\"sha256:ab12\",\"RepoDigests\":[],\"Config\":{\"ExposedPorts\":{\"80/tcp\":{},\"443/tcp\":{}},\"Healthcheck\":{\"Test\":[\"NONE\"]}}}]";
	static const char empty[] = "[{\"RepoTags\":[]}]";
	struct runtime_pulled pulled;
	struct error *error = NULL;

	(void)state;
	ok(pull_parse(text, strlen(text), "web", &pulled, err));
	assert_string_equal(pulled.id, "sha256:ab12");
	assert_string_equal(pulled.origin, "web (sha256:ab12)");
	assert_int_equal(pulled.port, 0);
	assert_string_equal(pulled.healthcheck, "{\"Test\":[\"NONE\"]}");
	runtime_pulled_free(&pulled);
	assert_int_equal(pull_parse(empty, strlen(empty), "web", &pulled, &error), -1);
	assert_int_equal(error->cls, ERROR_TOOL);
	error_free(error);
}

static void test_docker(void **state)
{
	struct inspected seen;

	(void)state;
	ok(inspect_parse(docker_text, strlen(docker_text), &seen, err));
	assert_string_equal(seen.ip, "172.18.0.2");
	assert_string_equal(seen.gateway, "172.18.0.1");
	assert_int_equal(seen.ports_len, 3);
	assert_int_equal(seen.ports[0].inner, 8000);
	assert_int_equal(seen.ports[0].outer, 49153);
	assert_string_equal(seen.ports[0].host, "127.0.0.1");
	assert_int_equal(seen.ports[1].outer, 49154);
	assert_string_equal(seen.ports[1].host, "127.0.0.1");
	assert_false(seen.ports[1].udp);
	assert_true(seen.ports[2].udp);
	inspected_free(&seen);
}

static void test_ended(void **state)
{
	static const char text[] =
		"[{\"State\":{\"Running\":false,\"Pid\":0,\"ExitCode\":137},\"NetworkSettings\":{\"IPAddress\":\"\"},\"HostConfig\":{\"NetworkMode\":\"host\"}}]";
	struct inspected seen;

	(void)state;
	ok(inspect_parse(text, strlen(text), &seen, err));
	assert_false(seen.running);
	assert_int_equal(seen.status, 137);
	assert_null(seen.ip);
	assert_true(seen.host_network);
	inspected_free(&seen);
}

static void test_malformed(void **state)
{
	static const char *const texts[] = { "", "[]", "{}", "[{\"State\":1}]", "[{", "null" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleanup_error struct error *error = NULL;
		struct inspected seen;

		assert_true(inspect_parse(texts[i], strlen(texts[i]), &seen, &error) < 0);
		assert_non_null(error);
		inspected_free(&seen);
	}
}

static void test_ours(void **state)
{
	(void)state;
	assert_true(inspect_ours("127.0.0.1"));
	assert_false(inspect_ours("203.0.113.77"));
	assert_false(inspect_ours("not an address"));
	assert_false(inspect_ours(""));
}

static void test_listen(void **state)
{
	static const char text[] =
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
		"   0: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 3 1 0\n"
		"  11: 0100007F:1F41 0100007F:1F42 01 00000000:00000000 00:00000000 00000000  1000        0 4 1 0\n"
		"  12: 00000000000000000000000000000000:2328 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 5\n"
		"  13: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:0 0 0 0 6\n"
		"  14: 00000000000000000000000001000000:1F91 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 7\n"
		"  15: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 8\n"
		"  16: 0100007F:1F93 00000000:0000 0A 00000000:00000000 00:0 0 0 0 9\n"
		"  17: 0300580A:1F93 00000000:0000 0A 00000000:00000000 00:0 0 0 0 10\n";
	struct server server = { .manner = SERVER_SILENT };
	uint16_t dead = dead_port();

	(void)state;
	assert_int_equal(listen_find(text, 8000), LISTENER_ANY);
	assert_int_equal(listen_find(text, 8080), LISTENER_LOOPBACK);
	assert_int_equal(listen_find(text, 8081), LISTENER_LOOPBACK6);
	assert_int_equal(listen_find(text, 8082), LISTENER_LOOPBACK);
	assert_int_equal(listen_find(text, 8083), LISTENER_ANY);
	assert_int_equal(listen_find(text, 8001), LISTENER_NONE);
	assert_int_equal(listen_find(text, 9000), LISTENER_ANY);
	assert_int_equal(listen_find(text, 80), LISTENER_NONE);
	assert_int_equal(listen_find("", 80), LISTENER_NONE);
	server_start(&server);
	assert_int_equal(listen_look((int)getpid(), server.port), LISTENER_LOOPBACK);
	assert_int_equal(listen_look((int)getpid(), dead), LISTENER_NONE);
	server_stop(&server);
	assert_int_equal(listen_look(0, 80), LISTENER_UNKNOWN);
}

static const char images[] = "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n"
			     "[{\"Id\":\"" ONE "\",\"RepoTags\":[\"ghcr.io/x/web:1\",\"fustli/web:2\"]},{\"Id\":\"" TWO
			     "\",\"RepoTags\":[\"debian:latest\"]},{\"Id\":\"" TWO "\",\"RepoTags\":null}]";

/* What a daemon that behaves like `server` holds of `item`. */
static bool held(struct server *server, struct runtime_presence item, uint64_t *ret_ms)
{
	uint64_t begun = loop_now_ms();
	char *seen;

	server->unix_path = (char *)"docker.sock";
	unlink("docker.sock");
	server_start(server);
	runtime_present("docker:unix://docker.sock", &item, 1, &seen);
	free(seen);
	if (ret_ms)
		*ret_ms = loop_now_ms() - begun;
	server_stop(server);
	return item.held;
}

static void test_present(void **state)
{
	static const char *const both[] = { "ghcr.io/x/web:1", "docker.io/fustli/web:2" };
	static const char *const moved[] = { "ghcr.io/x/web:1", "debian" };
	static const char *const untagged[] = { "debian" };
	static const char *const unknown[] = { "ghcr.io/x/web:3" };
	struct server server = { .answer = images };

	(void)state;
	assert_true(held(&server, (struct runtime_presence){ .image = { ONE, TWO }, .references = both, .len = 2 }, NULL));
	/* By the names that docker shows. */
	assert_ptr_equal(
		strstr(server.request,
		       "GET /images/json?filters=%7B%22reference%22%3A%5B%22ghcr.io%2Fx%2Fweb%22%2C%22fustli%2Fweb%22%5D%7D HTTP/1.0\r\n"),
		server.request);
	assert_int_equal(server.connections, 2); /* the events come first */
	assert_true(held(&server,
			 (struct runtime_presence){ .image = { "sha256:c", ONE }, .references = both, .len = 2 }, NULL));
	assert_true(held(&server, (struct runtime_presence){ .image = { TWO, NULL }, .references = untagged, .len = 1 },
			 NULL));
	assert_non_null(strstr(server.request, "%5B%22debian%22%5D"));
	assert_false(held(&server, (struct runtime_presence){ .image = { ONE, NULL }, .references = moved, .len = 2 },
			  NULL));
	assert_false(held(&server, (struct runtime_presence){ .image = { ONE, NULL }, .references = unknown, .len = 1 },
			  NULL));
	assert_true(held(&server, (struct runtime_presence){ .image = { ONE, NULL } }, NULL));
	assert_ptr_equal(strstr(server.request, "GET /images/json HTTP/1.0\r\n"), server.request);
	assert_false(held(&server, (struct runtime_presence){ .image = { "sha256:c", NULL } }, NULL));
}

static bool holds(const char *place, const char *identity, const char *const *references, size_t len)
{
	struct runtime_presence item = { .image.identity = identity, .references = references, .len = len };
	char *seen;

	runtime_present(place, &item, 1, &seen);
	assert_null(seen);
	return item.held;
}

/* A daemon that does not answer as it should holds nothing, and is not waited for for ever. */
static void test_absent(void **state)
{
	static const char *const one[] = { "ghcr.io/x/web:1" };
	const struct runtime_presence item = { .image = { ONE, NULL }, .references = one, .len = 1 };
	struct server failing = { .answer = "HTTP/1.0 500 No\r\n\r\n[]" }, other = { .answer = "SSH-2.0-x\r\n\r\n" };
	struct server closing = { .manner = SERVER_CLOSE }, silent = { .manner = SERVER_SILENT };
	struct server dripping = { .manner = SERVER_DRIP, .answer = "HTTP/1.0 200 OK\r\n\r\n[" };

	(void)state;
	assert_false(held(&failing, item, NULL));
	assert_false(held(&other, item, NULL));
	assert_false(held(&closing, item, NULL));
	assert_false(held(&silent, item, NULL));
	assert_false(held(&dripping, item, NULL));
	unlink("docker.sock");
	assert_false(holds("docker:unix://docker.sock", ONE, one, 1));
	assert_false(holds("docker:tcp://127.0.0.1:1", ONE, one, 1));
	assert_false(holds("somewhere:/x", ONE, one, 1));
	assert_false(holds("", ONE, one, 1));
}

static void make_storage(void)
{
	static const char index[] =
		"[{\"id\":\"1111111111111111111111111111111111111111111111111111111111111111\",\"names\":[\"ghcr.io/x/web:1\",\"localhost/fustli/web:2\"],\"big-data-names\":[\"" ONE
		"\",\"manifest\"]}]";
	int fd;

	ok(fs_mkdirs("storage/overlay-images", 0755, err));
	fd = open("storage/overlay-images/images.json", O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, index, sizeof(index) - 1), sizeof(index) - 1);
	close(fd);
}

static void test_storage(void **state)
{
	static const char *const both[] = { "ghcr.io/x/web:1", "fustli/web:2" };
	static const char *const other[] = { "ghcr.io/x/web:2" };
	struct runtime_presence items[] = {
		{ .image.identity = ONE, .references = both, .len = 2 },
		{ .image.identity = ONE, .references = other, .len = 1, .held = true },
		{ .image.identity = TWO, .references = both, .len = 2, .held = true },
		{ .image.identity = ONE },
	};
	cleanup_free char *podman = runtime_place_prefix("podman"), *docker = runtime_place_prefix("docker");
	char *seen;

	(void)state;
	make_storage();
	runtime_present("containers-storage:storage", items, 4, &seen);
	assert_null(seen);
	assert_true(items[0].held);
	assert_false(items[1].held);
	assert_false(items[2].held);
	assert_true(items[3].held);
	assert_true(holds("containers-storage:storage", ONE, both, 2));
	assert_false(holds("containers-storage:nowhere", ONE, both, 2));
	assert_string_equal(podman, "containers-storage:");
	assert_string_equal(docker, "docker:");
	assert_null(runtime_place_prefix("rkt"));
}

/* ---- the daemon itself ---- */

struct asked {
	bool has;
	int status;
	struct error *error;
};

static void ask_has(struct loop *loop, void *data)
{
	struct runtime runtime = { .loop = loop, .socket = (char *)"docker.sock" };
	struct asked *asked = data;

	asked->status = docker_api_has(&runtime, "sha256:abc", &asked->has, &asked->error);
}

static void ask_load(struct loop *loop, void *data)
{
	struct runtime runtime = { .loop = loop, .socket = (char *)"docker.sock" };
	struct asked *asked = data;

	asked->status = docker_api_load(&runtime, "image.tar", &asked->error);
}

/* Asks a daemon that answers so; what it was asked stays in `server`. */
static struct asked ask_daemon(struct server *server, const char *answer, void (*work)(struct loop *loop, void *data))
{
	struct asked asked = { 0 };

	*server = (struct server){ .answer = answer, .unix_path = (char *)"docker.sock" };
	unlink("docker.sock");
	server_start(server);
	run_task(work, &asked, 0);
	server_stop(server);
	return asked;
}

static void test_daemon_has(void **state)
{
	struct server server;
	struct asked asked = ask_daemon(&server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", ask_has);

	(void)state;
	assert_int_equal(asked.status, 0);
	assert_true(asked.has);
	assert_ptr_equal(strstr(server.request, "GET /images/sha256:abc/json HTTP/1.1\r\n"), server.request);
	asked = ask_daemon(&server, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}", ask_has);
	assert_int_equal(asked.status, 0);
	assert_false(asked.has);
	asked = ask_daemon(&server, "HTTP/1.1 500 No\r\nContent-Length: 22\r\n\r\n{\"message\":\"no space\"}", ask_has);
	assert_int_equal(asked.status, -1);
	assert_int_equal(asked.error->cls, ERROR_TOOL);
	assert_non_null(strstr(asked.error->message, "status 500: no space"));
	error_free(asked.error);
}

/* The status comes before the image was looked at: what went wrong is in the answer's text. */
static void test_daemon_load(void **state)
{
	struct server server;
	struct asked asked;

	(void)state;
	ok(fs_replace("image.tar", "a tar", 5, 0600, err));
	asked = ask_daemon(&server, "HTTP/1.1 200 OK\r\n\r\n{\"stream\":\"Loaded image: a\"}\n", ask_load);
	assert_int_equal(asked.status, 0);
	assert_ptr_equal(strstr(server.request, "POST /images/load?quiet=1 HTTP/1.1\r\n"), server.request);
	assert_non_null(strstr(server.request, "\r\n\r\na tar"));
	asked = ask_daemon(&server, "HTTP/1.1 200 OK\r\n\r\n{\"stream\":\"x\"}\n{\"error\":\"no index.json\"}\n",
			   ask_load);
	assert_int_equal(asked.status, -1);
	assert_string_equal(asked.error->message, "docker cannot load the image: no index.json");
	error_free(asked.error);
	asked = ask_daemon(&server, "HTTP/1.1 400 No\r\nContent-Length: 0\r\n\r\n", ask_load);
	assert_int_equal(asked.status, -1);
	error_free(asked.error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_podman),      TEST(test_docker),    TEST(test_podman_image), TEST(test_docker_image),
		TEST(test_ended),       TEST(test_malformed), TEST(test_ours),         TEST(test_listen),
		TEST(test_present),     TEST(test_absent),    TEST(test_storage),      TEST(test_daemon_has),
		TEST(test_daemon_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
