#include "config.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "source_world.h"

/* The sha256 of what is in a context: read once, as long as the files are the same. */

/* The sha256 of the only file, in hex; "" when it is not known. `read`: it is read when it is not; then kept in the index. */
static const char *sha_of(const struct world *world, bool read, char ret[DIGEST_HEX + 1])
{
	struct source *source = begin(world, LATER);
	const unsigned char *bytes;
	size_t len;

	source_add(source, world->dir, &whole);
	scan(source);
	source_entries(source, 0, &len);
	assert_int_equal(len, 1);
	if (read)
		assert_int_equal(source_read_sha256(source, 0, NULL), 0);
	bytes = source_sha256(source, 0, 0);
	ret[0] = '\0';
	if (bytes)
		digest_encode(bytes, ret);
	assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	return ret;
}

static const char *expected(const char *content, char ret[DIGEST_LEN + 1])
{
	assert_int_equal(digest_bytes(content, strlen(content), ret, NULL), 0);
	return digest_hex(ret);
}

static void it_is_read_once(void **state)
{
	const struct world *world = *state;
	char hex[DIGEST_HEX + 1], digest[DIGEST_LEN + 1];

	put(world, "file", "one");
	assert_string_equal(sha_of(world, false, hex), "");
	assert_string_equal(sha_of(world, true, hex), expected("one", digest));
	for (int i = 0; i < 2; i++) /* also through an index that was written by who did not ask */
		assert_string_equal(sha_of(world, false, hex), expected("one", digest));
	tick(world);
	put(world, "file", "two");
	assert_string_equal(sha_of(world, false, hex), "");
	assert_string_equal(sha_of(world, true, hex), expected("two", digest));
}

static void an_index_keeps_what_no_run_looks_at(void **state)
{
	const struct world *world = *state;
	char hex[DIGEST_HEX + 1], digest[DIGEST_LEN + 1], *other = path_join(world->dir, "../other");
	struct source *source;

	put(world, "file", "one");
	put(world, "../other/more", "more");
	sha_of(world, true, hex);
	source = begin(world, LATER);
	source_add(source, other, &whole);
	scan(source);
	assert_int_equal(source_save(source, NULL), 0);
	source_free(source);
	assert_string_equal(sha_of(world, false, hex), expected("one", digest));
	free(other);
}

static void what_has_changed_has_none(void **state)
{
	const struct world *world = *state;
	struct source *source;
	size_t len;

	put(world, "file", "one");
	source = begin(world, LATER);
	source_add(source, world->dir, &whole);
	scan(source);
	source_entries(source, 0, &len);
	tick(world);
	put(world, "file", "two");
	assert_int_equal(source_read_sha256(source, 0, NULL), 0);
	assert_null(source_sha256(source, 0, 0));
	source_free(source);
}

static bool yes(void *data)
{
	(void)data;
	return true;
}

static void reading_can_be_interrupted(void **state)
{
	const struct world *world = *state;
	cleanup_error struct error *error = NULL;
	struct source *source;

	put(world, "file", "one");
	source = begin(world, LATER);
	source_add(source, world->dir, &whole);
	scan(source);
	source_cancels(source, yes, NULL);
	assert_int_equal(source_read_sha256(source, 0, &error), -1);
	assert_int_equal(error->cls, ERROR_CANCELLED);
	source_free(source);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(it_is_read_once),
		TEST(an_index_keeps_what_no_run_looks_at),
		TEST(what_has_changed_has_none),
		TEST(reading_can_be_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
