#include "config.h"

#include "tests/unit/oci_world.h"

#include "engine/oci/blob_files.h"

static void test_list_and_check(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1], other[DIGEST_LEN + 1];
	cleanup_free char *path = NULL;
	struct blob_file *files;
	size_t len, blobs = 0;
	bool good = false;

	(void)state;
	ok(layout_write(layout, "hello", 5, digest, err));
	ok(layout_write(layout, "other", 5, other, err));
	write_text("store/blobs/sha256/stray", "x");
	ok(fs_mkdirs("store/blobs/sha256/folder/deep", 0755, err));
	/* The name of a blob, and none. */
	assert_int_equal(symlink("stray",
				 "store/blobs/sha256/00000000000000000000000000000000000000000000000000000000000000ff"),
			 0);
	path = layout_blob_path(layout, other);
	assert_int_equal(chmod(path, 0644), 0);
	write_text(path, "otheR");

	ok(blob_files_list(layout, &files, &len, err));
	assert_int_equal(len, 5);
	for (size_t i = 0; i < len; i++) {
		assert_true(i == 0 || strcmp(files[i - 1].name, files[i].name) < 0);
		if (files[i].digest[0]) {
			blobs++;
			assert_int_equal(files[i].size, 5);
			ok(blob_files_check(layout, &files[i], &good, err));
			assert_int_equal(good, strcmp(files[i].digest, digest) == 0);
		}
		if (!files[i].digest[0] || !good)
			ok(blob_files_remove(layout, &files[i], err));
	}
	assert_int_equal(blobs, 2);
	blob_files_free(files, len);
	ok(blob_files_list(layout, &files, &len, err));
	assert_int_equal(len, 1);
	assert_string_equal(files[0].digest, digest);
	blob_files_free(files, len);
}

static void test_sweep(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_layout struct layout *second = NULL;
	cleanup_free char *staging = NULL;

	(void)state;
	ok(layout_staging(layout, &staging, err));
	ok(layout_open("store", false, &second, err));
	ok(fs_mkdirs("store/tmp/left", 0755, err));
	write_text("store/tmp/left/file", "what a killed process had begun");
	assert_true(blob_files_sweep(second, true) > 0);
	assert_true(fs_exists("store/tmp/left/file"));
	assert_true(blob_files_sweep(second, false) > 0);
	assert_false(fs_exists("store/tmp/left"));
	/* Of a process that lives. */
	assert_true(fs_exists(staging));
}

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(test_list_and_check), TEST(test_sweep) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
