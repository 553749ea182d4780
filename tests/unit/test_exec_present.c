#include "config.h"

#include "tests/unit/state_world.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fs.h"
#include "dsl/manifest.h"
#include "engine/exec/present.h"
#include "engine/plan/plan.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan_node.h"

#define PLACE "docker:unix://docker.sock"
#define REFERENCES "{\"references\":[\"example.org/app:1\"]}"

/* A dockerd that knows of these images and nothing else. */
static pid_t serve(const char *images)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "docker.sock" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		alarm(10); /* also when the test failed and did not get to its end */
	while (pid == 0) {
		char request[4096];
		int client = accept(fd, NULL, NULL);

		if (read(client, request, sizeof(request)) > 0)
			dprintf(client, "HTTP/1.0 200 OK\r\n\r\n%s", images);
		close(client);
	}
	close(fd);
	return pid;
}

static void put_load(struct state *db, const char *key, const char *identity)
{
	struct record record = {
		.node = (char *)"load:app",
		.identity = (char *)identity,
		.place = (char *)PLACE,
		.detail = (char *)REFERENCES,
	};

	memcpy(record.key, key, strlen(key) + 1);
	ok(state_put(db, &record, "", 0, err));
}

static bool is_present(struct present *present, struct state *db, const char *key)
{
	const struct node node = { .id = "load:app", .kind = NODE_LOAD };
	cleanup_record struct record *record = NULL;
	struct plan_lost what;

	ok(state_find(db, node.id, key, &record, err));
	assert_non_null(record);
	return present_check(present, &node, record, &what, NULL) > 0;
}

/* The sources went back to what they were: docker's tag still stands for what was loaded last. */
static void what_docker_holds_is_asked_for_each_record(void **state)
{
	pid_t server = serve("[{\"Id\":\"sha256:b\",\"RepoTags\":[\"example.org/app:1\"]}]");
	struct present *present;
	struct state *db = NULL;

	(void)state;
	ok(state_open("state.db", false, &db, err));
	put_load(db, KEY, "sha256:a");
	put_load(db, OTHER_KEY, "sha256:b");
	present = present_new(NULL, db, NULL, NULL, "docker");
	assert_true(is_present(present, db, OTHER_KEY));
	assert_false(is_present(present, db, KEY));
	present_free(present);
	state_free(db);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

#define MANIFEST                                                                                        \
	"{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"config\":" \
	"{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"  \
	"\"layers\":[]}"
#define IMAGES 300

/* Many are looked at ahead, by several threads: what was there then counts, until the plan is run. */
static void many_images_are_looked_at_ahead(void **state)
{
	static struct record records[IMAGES];
	const struct record *listed[IMAGES];
	struct service service = { .publish = true };
	const struct manifest manifest = { .services = &service, .services_len = 1 };
	const struct node node = { .id = "build:app", .kind = NODE_BUILD };
	cleanup_layout struct layout *layout = NULL;
	struct present *present;
	struct plan_lost what;

	(void)state;
	ok(layout_open("store", true, &layout, err));
	for (size_t i = 0; i < IMAGES; i++) {
		cleanup_free char *config = mem_printf("{\"number\":%zu}", i);
		cleanup_free char *text = NULL;
		char digest[DIGEST_LEN + 1];

		ok(layout_write(layout, config, strlen(config), digest, err));
		text = mem_printf(MANIFEST, digest, strlen(config));
		records[i].digest = mem_alloc(DIGEST_LEN + 1);
		ok(layout_write(layout, text, strlen(text), records[i].digest, err));
		listed[i] = &records[i];
		if (i % 10 == 3) {
			cleanup_free char *path = layout_blob_path(layout, digest);

			assert_int_equal(unlink(path), 0);
		}
	}
	present = present_new(layout, NULL, &manifest, NULL, NULL);
	present_ahead(present, listed, IMAGES);
	for (size_t i = 0; i < IMAGES; i++)
		assert_int_equal(present_check(present, &node, &records[i], &what, NULL), i % 10 != 3);
	ok(fs_remove_tree("store/blobs/sha256", err));
	assert_true(present_check(present, &node, &records[0], &what, NULL));
	present_set_running(present);
	assert_false(present_check(present, &node, &records[0], &what, NULL));
	present_free(present);
	for (size_t i = 0; i < IMAGES; i++)
		free(records[i].digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_docker_holds_is_asked_for_each_record),
		TEST(many_images_are_looked_at_ahead),
	};

	return cmocka_run_group_tests_name("exec_present", tests, NULL, NULL);
}
