#include "config.h"

#include "engine/builder/leftover.h"
#include "engine/builder/tiny.h"
#include "tests/unit/builder_world.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define B16 "bbbbbbbbbbbbbbbb"
#define A64 A16 A16 A16 A16
#define B64 B16 B16 B16 B16

static void make_container(const char *id, const char *secrets)
{
	cleanup_free char *dir = mem_printf("root/overlay-containers/%s/userdata", id);
	cleanup_free char *path = path_join(dir, "buildah.json");
	cleanup_free char *text =
		mem_printf("{\"type\":\"buildah 0.0.1\",\"CommonBuildOpts\":{\"Secrets\":%s}}", secrets);

	ok(fs_mkdirs(dir, 0755, err));
	write_text(path, text);
}

static void assert_listed(unsigned build, const char *wanted)
{
	cleanup_argv struct argv ids = { 0 };

	leftover_list("root", build, &ids);
	assert_lines(&ids, wanted);
}

static void test_own(void **state)
{
	cleanup_free char *mark = leftover_mark(3);
	cleanup_free char *secrets = mem_printf("[\"id=npm,src=/x\",\"%s\"]", mark);

	(void)state;
	make_container(A64, secrets);
	assert_listed(3, A64 "\n");
	assert_listed(2, "");
	assert_listed(0, ""); /* we are alive */
}

static void test_of_the_dead(void **state)
{
	cleanup_free char *secrets = mem_printf("[\"id=cbuild.%d.1.3,src=/dev/null\"]", (int)getpid());

	(void)state;
	make_container(A64, secrets); /* another process that had our number */
	make_container(B64, "[\"id=cbuild.1999999999.5.1,src=/dev/null\"]");
	assert_listed(3, "");
	{
		cleanup_argv struct argv ids = { 0 };

		leftover_list("root", 0, &ids);
		assert_int_equal(ids.len, 2);
	}
}

/* The user's own working containers, podman's containers, and what cannot be read. */
static void test_not_ours(void **state)
{
	(void)state;
	assert_listed(0, "");
	make_container(A64, "null");
	make_container(B64, "[\"id=cbuild,src=/x\",\"id=cbuild.x\",\"id=cbuild.0.0.0,src=/dev/null\",7]");
	assert_listed(0, "");
	write_text("root/overlay-containers/" A64 "/userdata/buildah.json", "[");
	write_text("root/overlay-containers/" B64 "/userdata/buildah.json", "");
	ok(fs_mkdirs("root/overlay-containers/short", 0755, err));
	assert_listed(0, "");
}

/* The program that tells whether steps can be run here. */
static void test_tiny_program(void **state)
{
	(void)state;
	if (!tiny_program_known())
		skip();
	ok(tiny_program_write("true", err));
	assert_int_equal(shell("./true"), 0);
	refused(tiny_program_write("nowhere/true", err), "nowhere/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_own),
		TEST(test_of_the_dead),
		TEST(test_not_ours),
		TEST(test_tiny_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
