#include "config.h"

#include "tests/unit/oci_world.h"

#include "engine/oci/unpack.h"

/* Archives from elsewhere that are larger than they look. tests/integration/remotes.bats has those with links and "..". */

static void expect_error(const char *archive, const char *why)
{
	struct error *error = NULL;
	int fd = open(archive, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(shell("rm -rf to && mkdir to"), 0);
	assert_int_equal(unpack_tree(fd, "it", "to", &error), -1);
	if (!strstr(error->message, why))
		fail_msg("%s, not %s", error->message, why);
	assert_int_equal(error->cls, ERROR_REGISTRY);
	error_free(error);
	close(fd);
}

/* The second entry passes the limit, and is refused before a byte of it is written. */
static void test_bytes(void **state)
{
	(void)state;
	assert_int_equal(shell("echo small >a && truncate -s 16G b && tar -cf - a b | head -c 1536 >first.tar && "
			       "truncate -s 4096 first.tar && gzip -k first.tar"),
			 0);
	expect_error("first.tar", "more than 16 GiB");
	expect_error("first.tar.gz", "more than 16 GiB");
	assert_int_equal(shell("test -f to/a && ! test -e to/b"), 0);
}

/* Half a gigabyte of heads is half a megabyte of gzip. */
static void test_entries(void **state)
{
	(void)state;
	assert_int_equal(shell("mkdir -p d && tar -cf one.tar -C d --no-recursion . && head -c 512 one.tar >head && "
			       "for i in 1 2 3 4 5 6 7 8 9 10; do cat head head head head >more && mv more head; done && "
			       "head -c 512000512 head | gzip -1 >many.tar.gz; truncate -s 0 head"),
			 0);
	expect_error("many.tar.gz", "more than 1000000 entries");
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_bytes), TEST(test_entries) };

	return cmocka_run_group_tests_name("unpack", tests, NULL, NULL);
}
