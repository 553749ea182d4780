#include "config.h"

#include "tests/unit/oci_world.h"

#include "engine/oci/files_folder.h"
#include "engine/oci/files_tar.h"
#include "engine/oci/image_files.h"
#include "engine/oci/tar_head.h"

/* The files of images: real tars, and such as no builder makes. */

#define LAYERS_MAX 4

/* An image of the layers "1.tar", "2.tar" ... */
static void put_image(struct layout *layout, size_t len, char ret_digest[DIGEST_LEN + 1])
{
	cleanup_buf struct buf config = { 0 }, manifest = { 0 };
	char digests[LAYERS_MAX][DIGEST_LEN + 1], config_digest[DIGEST_LEN + 1];
	uint64_t sizes[LAYERS_MAX];

	buf_str(&config, "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *name = mem_printf("%zu.tar", i + 1), *path = NULL;

		ok(digest_file(name, digests[i], &sizes[i], err));
		path = layout_blob_path(layout, digests[i]);
		assert_int_equal(shell("cp %s %s", name, path), 0);
		buf_printf(&config, "%s\"%s\"", i ? "," : "", digests[i]);
	}
	buf_str(&config, "]}}");
	ok(layout_write(layout, config.data, config.len, config_digest, err));
	buf_printf(&manifest,
		   "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST_TYPE
		   "\",\"config\":{\"mediaType\":\"" OCI_CONFIG_TYPE "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[",
		   config_digest, config.len);
	for (size_t i = 0; i < len; i++)
		buf_printf(&manifest, "%s{\"mediaType\":\"" OCI_LAYER_TYPE "\",\"digest\":\"%s\",\"size\":%llu}",
			   i ? "," : "", digests[i], (unsigned long long)sizes[i]);
	buf_str(&manifest, "]}");
	ok(layout_write(layout, manifest.data, manifest.len, ret_digest, err));
}

static int write_to(struct layout *layout, const char *digest, const struct files_out *out, struct error **err)
{
	return image_files_write(&(struct image_files){ .layout = layout, .digest = digest }, out, err);
}

/* Writes the image's files into "out" in the working folder; NULL, or the error's text. malloc'd. */
static char *unpack(struct layout *layout, const char *digest, struct files_folder **ret)
{
	cleanup_free char *here = getcwd(NULL, 0), *to = path_join(here, "out");
	struct error *error = NULL;
	char *text = NULL;

	if (files_folder_new(to, "", "test", -1, ret, &error) < 0 ||
	    write_to(layout, digest, files_folder_out(*ret), &error) < 0)
		text = mem_strdup(error->message);
	error_free(error);
	return text;
}

static void must_unpack(struct layout *layout, const char *digest)
{
	cleanup_files_folder struct files_folder *folder = NULL;
	cleanup_free char *failed = unpack(layout, digest, &folder);

	if (failed)
		fail_msg("%s", failed);
}

static void expect_refused(struct layout *layout, const char *digest, const char *why)
{
	cleanup_files_folder struct files_folder *folder = NULL;
	cleanup_free char *failed = unpack(layout, digest, &folder);

	if (!failed || !strstr(failed, why))
		fail_msg("expected \"%s\": %s", why, failed ? failed : "no error");
}

static void layers_are_merged_as_a_container_sees_them(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_files_tar struct files_tar *tar = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(
		shell("umask 022; mkdir -p a/kept a/gone a/opaque a/file && echo 1 >a/kept/one && echo 1 >a/gone/x && "
		      "echo 1 >a/opaque/low && echo 1 >a/file/was && ln -s kept/one a/link && ln a/kept/one a/hard && "
		      ": >a/empty && chmod 755 a/kept/one && tar -C a --mtime=@1700000000 --owner=ann:7 "
		      "--group=team:70000 -cf 1.tar ."),
		0);
	assert_int_equal(
		shell("mkdir -p b/kept b/opaque && echo two >b/kept/two && : >b/.wh.gone && : >b/opaque/.wh..wh..opq && "
		      "echo 2 >b/opaque/high && : >b/.wh.file && tar -C b -cf 2.tar . && mkdir -p c && echo 3 >c/file && "
		      "tar -C c --mtime=@1600000000 -cf 3.tar ./file"),
		0);
	put_image(layout, 3, digest);
	must_unpack(layout, digest);
	assert_int_equal(
		shell("mkdir want && tar -C want -xf 1.tar && rm -r want/gone want/opaque want/file && "
		      "mkdir want/opaque && echo 2 >want/opaque/high && echo two >want/kept/two && echo 3 >want/file && "
		      "diff -r --no-dereference want out"),
		0);
	assert_int_equal(
		shell("test \"$(readlink out/link)\" = kept/one && test out/hard -ef out/kept/one && "
		      "test \"$(stat -c '%%a %%Y' out/kept/one)\" = '755 1700000000' && "
		      "test \"$(stat -c %%Y out/file)\" = 1600000000 && test -z \"$(find out -name '.wh*' -o -name '.cbuild*')\""),
		0);
	/* The same as a tar, with owners. */
	ok(files_tar_new("out.tar", "test", 5, &tar, err));
	ok(write_to(layout, digest, files_tar_out(tar, "linux_amd64"), err));
	ok(files_tar_end(tar, err));
	assert_int_equal(shell("mkdir x && tar -C x -xf out.tar && diff -r --no-dereference want x/linux_amd64 && "
			       "test x/linux_amd64/hard -ef x/linux_amd64/kept/one && "
			       "tar --numeric-owner --utc -tvf out.tar | grep -Eq "
			       "'^-rwxr-xr-x 7/70000 +2 1970-01-01 00:00 linux_amd64/(kept/one|hard)$'"),
			 0);
}

static void what_was_there_stays(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_files_folder struct files_folder *folder = NULL;
	char digest[DIGEST_LEN + 1];
	size_t len;

	(void)state;
	assert_int_equal(
		shell("mkdir -p a/old a/new/deep && echo 1 >a/old/mine && echo 1 >a/old/added && echo 1 >a/new/deep/x && "
		      "tar -C a -cf 1.tar old new && mkdir -p out/old && echo theirs >out/old/theirs && "
		      "echo theirs >out/old/mine"),
		0);
	put_image(layout, 1, digest);
	assert_null(unpack(layout, digest, &folder));
	assert_int_equal(shell("test \"$(cat out/old/theirs)\" = theirs && test \"$(cat out/old/mine)\" = 1"), 0);
	files_folder_written(folder, &len);
	assert_int_equal(len, 3);
	/* "new" and "old/added" */
	files_folder_created(folder, &len);
	assert_int_equal(len, 2);
}

/* An entry with this name and link text, of that type, in "1.tar". */
static void hostile(const char *name, char type, const char *link)
{
	char block[TAR_BLOCK] = { 0 }, end[2 * TAR_BLOCK] = { 0 };
	FILE *file = fopen("1.tar", "w");
	unsigned sum = 0;

	assert_non_null(file);
	tar_head_make(name, '0', type == '0' ? 4 : 0, block);
	block[156] = type;
	if (link)
		snprintf(block + 157, 100, "%s", link);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	assert_int_equal(fwrite(block, 1, sizeof(block), file), sizeof(block));
	memset(block, 0, sizeof(block));
	memcpy(block, "evil", 4);
	if (type == '0')
		assert_int_equal(fwrite(block, 1, sizeof(block), file), sizeof(block));
	assert_int_equal(fwrite(end, 1, sizeof(end), file), sizeof(end));
	assert_int_equal(fclose(file), 0);
}

static void nothing_is_written_elsewhere(void **state)
{
	static const struct {
		const char *name;
		char type;
		const char *link, *why;
	} cases[] = {
		{ "../escape", '0', NULL, "it leaves the image" },
		{ "a/../../escape", '0', NULL, "it leaves the image" },
		{ "a", '1', "../outside/secret", "it leaves the image" },
		{ "a", '1', "/etc/passwd", "it is a hard link to a file that is not in the same layer" },
		{ "null", '3', NULL, "a device or FIFO" },
		{ "disk", '4', NULL, "a device or FIFO" },
		{ "pipe", '6', NULL, "a device or FIFO" },
	};
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(shell("mkdir -p outside out && echo secret >outside/secret"), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hostile(cases[i].name, cases[i].type, cases[i].link);
		put_image(layout, 1, digest);
		expect_refused(layout, digest, cases[i].why);
	}
	assert_int_equal(shell("test \"$(cat outside/secret)\" = secret && ! test -e escape && ! test -e ../escape && "
			       "test -z \"$(find out -type f)\""),
			 0);
	/* An absolute name is one below the folder. */
	hostile("/etc/evil", '0', NULL);
	put_image(layout, 1, digest);
	must_unpack(layout, digest);
	assert_int_equal(shell("test \"$(cat out/etc/evil)\" = evil && ! test -e /etc/evil"), 0);
}

static void links_are_not_followed(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	/* A link of one layer, and a file behind it in another one. */
	assert_int_equal(shell("mkdir -p outside a b/door && ln -s $PWD/outside a/door && echo evil >b/door/file && "
			       "tar -C a -cf 1.tar . && tar -C b -cf 2.tar ./door/file"),
			 0);
	put_image(layout, 2, digest);
	must_unpack(layout, digest);
	assert_int_equal(shell("test \"$(cat out/door/file)\" = evil && ! test -e outside/file && ! test -L out/door"),
			 0);
	/* In one layer. */
	assert_int_equal(shell("cp 1.tar both.tar && tar --concatenate -f both.tar 2.tar && mv both.tar 1.tar"), 0);
	put_image(layout, 1, digest);
	expect_refused(layout, digest, "a component of its path is not a folder");
	/* A link that is there already, to a folder and to a file. */
	assert_int_equal(
		shell("rm -rf out a && mkdir -p out a/door && echo evil >a/door/file && echo evil >a/link && "
		      "echo secret >outside/secret && ln -s ../outside out/door && ln -s ../outside/secret out/link && "
		      "tar -C a -cf 1.tar door/file link"),
		0);
	put_image(layout, 1, digest);
	must_unpack(layout, digest);
	assert_int_equal(shell("! test -e outside/file && test \"$(cat outside/secret)\" = secret && ! test -L out/link && "
			       "! test -L out/door"),
			 0);
}

static void a_folder_is_not_replaced_by_a_file(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(
		shell("mkdir -p a out/name && echo mine >out/name/mine && echo 1 >a/name && tar -C a -cf 1.tar name"), 0);
	put_image(layout, 1, digest);
	expect_refused(layout, digest, "out/name: it is a folder, and the build makes a file of that name");
	assert_int_equal(shell("test -e out/name/mine && test -z \"$(find out -name '.cbuild*')\""), 0);
}

static void a_damaged_layer_is_told(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_files_tar struct files_tar *tar = NULL;
	cleanup_free char *path = NULL;
	char digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];
	struct error *error = NULL;

	(void)state;
	assert_int_equal(shell("mkdir a && echo 1 >a/file && tar -C a -cf 1.tar file"), 0);
	put_image(layout, 1, digest);
	ok(digest_file("1.tar", layer, NULL, err));
	path = layout_blob_path(layout, layer);
	assert_int_equal(shell("printf 2 | dd of=%s bs=1 seek=512 conv=notrunc status=none && echo old >out.tar", path),
			 0);
	expect_refused(layout, digest, "but the config says");
	ok(files_tar_new("out.tar", "test", -1, &tar, err));
	assert_true(write_to(layout, digest, files_tar_out(tar, ""), &error) < 0);
	error_free(error);
	files_tar_free(tar);
	tar = NULL;
	assert_int_equal(
		shell("test \"$(cat out.tar)\" = old && test -z \"$(find . -maxdepth 1 -name '.cbuild-tmp*')\""), 0);
}

static void what_a_kill_left_is_removed(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_files_tar struct files_tar *tar = NULL;
	cleanup_free char *left = files_temporary("test");
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(shell("mkdir -p a/inner out/inner && echo 1 >a/inner/file && tar -C a -cf 1.tar . && "
			       "echo half >out/inner/%s && echo half >%s",
			       left, left),
			 0);
	put_image(layout, 1, digest);
	must_unpack(layout, digest);
	ok(files_tar_new("out.tar", "test", -1, &tar, err));
	ok(write_to(layout, digest, files_tar_out(tar, ""), err));
	ok(files_tar_end(tar, err));
	assert_int_equal(shell("test -z \"$(find . -name '.cbuild*')\" && tar -tf out.tar | grep -q inner/file"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(layers_are_merged_as_a_container_sees_them),
		TEST(what_was_there_stays),
		TEST(nothing_is_written_elsewhere),
		TEST(links_are_not_followed),
		TEST(a_folder_is_not_replaced_by_a_file),
		TEST(a_damaged_layer_is_told),
		TEST(what_a_kill_left_is_removed),
	};

	return cmocka_run_group_tests_name("oci_files", tests, NULL, NULL);
}
