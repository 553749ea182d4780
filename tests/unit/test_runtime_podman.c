#include "config.h"

#include <fcntl.h>

#include "engine/runtime/runtime_ops.h"
#include "engine/state/state.h"
#include "tests/unit/builder_world.h"
#include "tests/unit/io_world.h"

/* A podman that notes how it is called in "calls" and does what the file "manner" says. */
static const char stand_in[] =
	"#!/bin/sh\n"
	"here=${0%/*}\n"
	"while case $1 in --*) true;; *) false;; esac; do flags=\"$flags$1 \"; shift; done\n"
	"case $1 in rm) case $4 in cbuild-web-999999999-*) words=\" $3 $4\";; esac;; network) [ $2 = ls ] || words=\" $3\";; esac\n"
	"echo \"$flags$1 $2$words\" >>$here/calls\n"
	"manner=$(cat $here/manner)\n"
	"all=$*\n"
	"case $1 in\n"
	"info) echo '{\"host\":{\"serviceIsRemote\":false,\"security\":{\"rootless\":false}},\"store\":{\"graphRoot\":\"storage\"},\"version\":{\"Version\":\"9.9\"}}';;\n"
	"ps) cat $here/containers;;\n"
	"network) case $2 in ls) cat $here/networks;; esac;;\n"
	"container) echo '[{\"State\":{\"Running\":true,\"Pid\":1,\"ExitCode\":0},\"NetworkSettings\":{\"IPAddress\":\"10.0.0.9\"}}]';;\n"
	"run) case $manner in\n"
	"  strict) case $all in *--ulimit=nofile=*) echo id;;\n"
	"    *) echo 'time=\"now\" level=warning msg=\"x\"' >&2; echo 'Error: setting rlimit type 7: denied' >&2; exit 126;; esac;;\n"
	"  empty) echo 'Error: crun: executable file `/x` not found: No such file or directory' >&2; exit 127;;\n"
	"  broken) echo 'time=\"now\" level=warning msg=\"x\"' >&2; echo 'Error: no room' >&2; exit 125;;\n"
	"  slow) sleep 1; echo done >>$here/calls; echo id;;\n"
	"  *) echo id;; esac;;\n"
	"esac\n";

static void write_file(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* What podman was called with since the last time it was asked. */
static char *calls(void)
{
	struct buf text = { 0 };
	bool found;

	ok(fs_read_if("bin/calls", 100000, &text, &found, err));
	unlink("bin/calls");
	return buf_steal(&text);
}

static void assert_calls(const char *wanted)
{
	cleanup_free char *made = calls();

	assert_string_equal(made, wanted);
}

struct scene {
	struct state *state;
	struct layout *layout;
	const char *manner;
	uint64_t cancel_ms;
	struct runtime *runtime;
	struct error *error;
	int r;
};

static void set_up(struct scene *scene)
{
	cleanup_free char *here = getcwd(NULL, 0);
	cleanup_free char *path = mem_printf("%s/bin:%s", here, getenv("PATH"));
	cleanup_free char *home = mem_printf("%s/home", here);

	setenv("PATH", path, 1);
	setenv("HOME", home, 1);
	ok(fs_mkdirs("home", 0755, err));
	ok(fs_mkdirs("bin", 0755, err));
	ok(fs_mkdirs("storage/overlay-images", 0755, err));
	write_file("bin/podman", stand_in, 0755);
	write_file("bin/manner", scene->manner, 0644);
	write_file("storage/overlay-images/images.json",
		   "[{\"id\":\"1111111111111111111111111111111111111111111111111111111111111111\",\"names\":[\"ghcr.io/x/web:1\"],\"big-data-names\":[\"manifest\",\"" ONE
		   "\"]}]",
		   0644);
	ok(state_open("state.db", false, &scene->state, err));
	ok(layout_open("store", true, &scene->layout, err));
}

static void tear_down(struct scene *scene)
{
	state_free(scene->state);
	layout_free(scene->layout);
	error_free(scene->error);
}

static void start(struct loop *loop, void *data)
{
	struct scene *scene = data;
	const struct container_spec spec = { .image.identity = ONE, .name = "web" };
	struct container *container = NULL;

	(void)loop;
	scene->r = container_start(scene->runtime, &spec, NULL, &container, &scene->error);
	container_remove(container, NULL);
}

static void load(struct loop *loop, void *data)
{
	static const char *const one[] = { "ghcr.io/x/web:1" }, *const two[] = { "ghcr.io/x/web:1", "ghcr.io/x/web:2" };
	struct scene *scene = data;
	const struct runtime_image image = { .identity = ONE }, missing = { .identity = TWO };

	(void)loop;
	ok(runtime_load(scene->runtime, &image, one, 1, NULL, NULL, err));
	assert_calls("");
	ok(runtime_load(scene->runtime, &image, two, 2, NULL, NULL, err));
	assert_calls("tag " ONE "\n");
	scene->r = runtime_load(scene->runtime, &missing, two, 2, NULL, NULL, &scene->error);
	assert_calls("");
}

/* Opens podman on a loop of its own, and does `work` in a task there. */
static void perform(struct scene *scene, void (*work)(struct loop *loop, void *data))
{
	struct in_task task = { .work = work, .data = scene, .cancel_ms = scene->cancel_ms, .begun = loop_now_ms() };

	ok(loop_new(&task.loop, err));
	ok(runtime_open("podman", "/p/.cbuild", task.loop, scene->state, scene->layout, NULL, &scene->runtime, err));
	if (work) {
		if (scene->cancel_ms > 0)
			loop_ticker(task.loop, 10, in_task_tick, &task);
		ok(loop_task(task.loop, in_task_work, in_task_done, &task, err));
		ok(loop_run(task.loop, err));
	}
	runtime_free(scene->runtime);
	loop_free(task.loop);
}

/* podman is asked once, and again when it has changed. */
static void test_open(void **state)
{
	struct scene scene = { .manner = "" };

	(void)state;
	set_up(&scene);
	perform(&scene, NULL);
	assert_calls("info --format=json\n");
	perform(&scene, NULL);
	assert_calls("");
	write_file("home/file", "its folder changes, which means nothing", 0644);
	perform(&scene, NULL);
	assert_calls("");
	write_file("bin/podman", stand_in, 0755);
	perform(&scene, NULL);
	assert_calls("info --format=json\n");
	setenv("CONTAINERS_STORAGE_CONF", "/elsewhere", 1);
	perform(&scene, NULL);
	unsetenv("CONTAINERS_STORAGE_CONF");
	assert_calls("info --format=json\n");
	tear_down(&scene);
}

static void test_facts(void **state)
{
	struct scene scene = { .manner = "" };
	struct loop *loop;

	(void)state;
	set_up(&scene);
	for (int i = 0; i < 2; i++) {
		ok(loop_new(&loop, err));
		ok(runtime_open("podman", "o", loop, scene.state, scene.layout, NULL, &scene.runtime, err));
		assert_string_equal(runtime_name(scene.runtime), "podman");
		assert_string_equal(runtime_version(scene.runtime), "9.9");
		assert_string_equal(runtime_place(scene.runtime), "containers-storage:storage");
		runtime_free(scene.runtime);
		loop_free(loop);
	}
	tear_down(&scene);
}

/* What the machine needs is found by trying, and known from then on. */
static void test_quirks(void **state)
{
	struct scene scene = { .manner = "strict" };

	(void)state;
	set_up(&scene);
	perform(&scene, start);
	assert_int_equal(scene.r, 0);
	assert_calls("info --format=json\nrun --detach\nrm -f\nrun --detach\ncontainer inspect\nrm -f\n");
	perform(&scene, start);
	assert_int_equal(scene.r, 0);
	assert_calls("run --detach\ncontainer inspect\nrm -f\n");
	tear_down(&scene);
}

/* The image cannot be started: no other way of starting is tried, and it is no fault of podman's. */
static void test_image_at_fault(void **state)
{
	struct scene scene = { .manner = "empty" };

	(void)state;
	set_up(&scene);
	perform(&scene, start);
	assert_calls("info --format=json\nrun --detach\nrm -f\n");
	assert_int_equal(scene.r, -1);
	assert_int_equal(scene.error->cls, ERROR_HEALTH);
	tear_down(&scene);
}

static void test_broken(void **state)
{
	struct scene scene = { .manner = "broken" };

	(void)state;
	set_up(&scene);
	perform(&scene, start);
	assert_calls("info --format=json\nrun --detach\nrm -f\n");
	assert_int_equal(scene.r, -1);
	assert_int_equal(scene.error->cls, ERROR_TOOL);
	assert_string_equal(scene.error->message, "podman cannot start the container (status 125): no room");
	tear_down(&scene);
}

/* Told to stop, we let podman finish what it has begun, and remove the container that it made. */
static void test_cancelled(void **state)
{
	struct scene scene = { .manner = "slow", .cancel_ms = 300 };
	uint64_t begun = loop_now_ms();

	(void)state;
	set_up(&scene);
	perform(&scene, start);
	assert_in_range(loop_now_ms() - begun, 200, 8000);
	assert_calls("info --format=json\nrun --detach\ndone\nrm -f\n");
	assert_int_equal(scene.error->cls, ERROR_CANCELLED);
	tear_down(&scene);
}

static void test_load(void **state)
{
	struct scene scene = { .manner = "" };

	(void)state;
	set_up(&scene);
	perform(&scene, NULL);
	free(calls());
	perform(&scene, load);
	assert_int_equal(scene.r, -1);
	assert_non_null(strstr(scene.error->message, "cannot load ghcr.io/x/web:1 into podman: "));
	tear_down(&scene);
}

/* What a living cbuild has is left alone, whoever's runtime it is. */
static void test_sweep(void **state)
{
	struct scene scene = { .manner = "" };
	cleanup_free char *process = command_process();
	cleanup_free char *alive = mem_printf("cbuild-web-%s-1\ncbuild-web-999999999-1-1\n", process);
	struct loop *loop;

	(void)state;
	set_up(&scene);
	write_file("bin/docker", "#!/bin/sh\nexit 1\n", 0755); /* not the machine's */
	write_file("bin/containers", alive, 0644);
	write_file("bin/networks", "cbuild-999999999-1-0\n", 0644);
	ok(loop_new(&loop, err));
	ok(runtime_sweep_all("o", loop, scene.state, scene.layout, err));
	loop_free(loop);
	assert_calls(
		"info --format=json\nps -a\nkill --signal=SIGKILL\nrm -f -v cbuild-web-999999999-1-1\nnetwork ls\nnetwork rm cbuild-999999999-1-0\n");
	tear_down(&scene);
}

static void test_missing(void **state)
{
	cleanup_free char *path = mem_strdup(getenv("PATH"));
	cleanup_error struct error *error = NULL;
	struct runtime *runtime;
	struct loop *loop;

	(void)state;
	ok(loop_new(&loop, err));
	setenv("PATH", "/nowhere", 1);
	assert_int_equal(runtime_open("podman", "o", loop, NULL, NULL, NULL, &runtime, &error), -1);
	assert_int_equal(error->cls, ERROR_TOOL);
	assert_non_null(error->remedy);
	error_free(steal_ptr(error));
	assert_int_equal(runtime_open(NULL, "o", loop, NULL, NULL, NULL, &runtime, &error), -1);
	assert_int_equal(error->cls, ERROR_TOOL);
	error_free(steal_ptr(error));
	assert_int_equal(runtime_open("rkt", "o", loop, NULL, NULL, NULL, &runtime, &error), -1);
	assert_int_equal(error->cls, ERROR_USAGE);
	setenv("PATH", path, 1);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_open),      TEST(test_facts), TEST(test_quirks), TEST(test_image_at_fault), TEST(test_broken),
		TEST(test_cancelled), TEST(test_load),  TEST(test_sweep),  TEST(test_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
