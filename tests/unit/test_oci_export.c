#include "config.h"

#include "tests/unit/oci_world.h"

static void test_layout(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_layout struct layout *other = NULL;
	cleanup_free char *path = NULL;
	char index[DIGEST_LEN + 1], unrelated[DIGEST_LEN + 1];
	struct layout_ref *refs;
	struct stat st;
	size_t len;

	(void)state;
	make_index(layout, index);
	make_image(layout, &amd64, "another", unrelated);
	ok(layout_export(layout, index, "ghcr.io/x/y:1", "out", err));
	ok(layout_open("out", false, &other, err));
	assert_true(layout_complete(other, index));
	assert_false(layout_has(other, unrelated, UINT64_MAX));
	ok(layout_refs(other, &refs, &len, err));
	assert_int_equal(len, 1);
	assert_string_equal(refs[0].reference, "ghcr.io/x/y:1");
	assert_string_equal(refs[0].digest, index);
	layout_refs_free(refs, len);
	path = layout_blob_path(other, index);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_nlink, 2);
	ok(layout_export(layout, index, "ghcr.io/x/y:1", "out", err));
}

/* Where links cannot be, copies are made. */
static void test_other_file_system(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_layout struct layout *other = NULL;
	char dir[] = "/dev/shm/test-oci-XXXXXX";
	char index[DIGEST_LEN + 1];

	(void)state;
	if (!mkdtemp(dir))
		skip();
	make_index(layout, index);
	ok(layout_export(layout, index, "x:1", dir, err));
	ok(layout_open(dir, false, &other, err));
	assert_true(layout_complete(other, index));
	ok(fs_remove_tree(dir, err));
}

static void test_refuses(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *path = NULL;
	char index[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];

	(void)state;
	make_index(layout, index);
	refused(layout_export_tar(layout, index, NULL, 0, LAYOUT_TAR_WHOLE, "/dev/full", err),
		"/dev/full: cannot write the tar: No space left on device");
	digest_of("the bytes for arm64", layer);
	path = layout_blob_path(layout, layer);
	assert_int_equal(unlink(path), 0);
	refused(layout_export(layout, index, "x:1", "out", err), layer);
	refused(layout_export_tar(layout, index, NULL, 0, LAYOUT_TAR_WHOLE, "tar", err), layer);
	assert_false(fs_exists("out"));
}

static void test_tar(void **state)
{
	static const char *const names[] = { "ghcr.io/x/y:1", "fustli/ml-controller" };
	cleanup_layout struct layout *layout = open_store();
	cleanup_layout struct layout *other = NULL;
	cleanup_free char *index_json = NULL;
	char index[DIGEST_LEN + 1];

	(void)state;
	make_index(layout, index);
	ok(layout_export_tar(layout, index, names, 2, LAYOUT_TAR_WHOLE, "out.tar", err));
	ok(layout_export_tar(layout, index, names, 2, LAYOUT_TAR_WHOLE, "again.tar", err));
	assert_int_equal(shell("cmp out.tar again.tar && mkdir out && tar -C out -xf out.tar"), 0);
	index_json = read_all_text("out/index.json");
	assert_non_null(strstr(index_json, "\"io.containerd.image.name\":\"ghcr.io/x/y:1\""));
	assert_non_null(strstr(index_json, "\"org.opencontainers.image.ref.name\":\"ghcr.io/x/y:1\""));
	assert_non_null(strstr(index_json, "\"io.containerd.image.name\":\"docker.io/fustli/ml-controller:latest\""));
	ok(layout_open("out", false, &other, err));
	assert_true(layout_complete(other, index));
}

static void test_docker_manifest(void **state)
{
	static const char *const names[] = { "ghcr.io/x/y:1", "plain:2" };
	cleanup_layout struct layout *layout = open_store();
	cleanup_image struct image *image = NULL;
	cleanup_free char *docker = NULL;
	cleanup_free char *config = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	make_image(layout, &arm64, "x", digest);
	ok(layout_export_tar(layout, digest, names, 2, LAYOUT_TAR_WHOLE, "out.tar", err));
	assert_int_equal(shell("mkdir out && tar -C out -xf out.tar"), 0);
	docker = read_all_text("out/manifest.json");
	ok(image_read(layout, digest, &image, err));
	config = mem_printf(
		"[{\"Config\":\"blobs/sha256/%s\",\"Layers\":[\"blobs/sha256/%s\"],\"RepoTags\":[\"ghcr.io/x/y:1\",\"docker.io/library/plain:2\"]}]",
		digest_hex(image->config.digest), digest_hex(image->layers[0].digest));
	assert_string_equal(docker, config);
	/* Alone, it is no layout: then podman takes it for docker's. */
	ok(layout_export_tar(layout, digest, NULL, 0, LAYOUT_TAR_DOCKER, "alone.tar", err));
	assert_int_equal(
		shell("tar -xOf alone.tar manifest.json | grep -q '\"RepoTags\":\\[\\]' && ! tar -tf alone.tar | grep -qx -e "
		      "index.json -e oci-layout"),
		0);
}

/* One of them twice, under two names. */
static void test_bare(void **state)
{
	static const char *const x[] = { "ghcr.io/x/x:1", "x:2" }, *const y[] = { "y:3" }, *const z[] = { "z:4" };
	cleanup_layout struct layout *layout = open_store();
	cleanup_image struct image *image = NULL;
	char one[DIGEST_LEN + 1], other[DIGEST_LEN + 1];
	cleanup_free char *path = NULL;
	const struct layout_bare images[] = { { one, x, 2 }, { other, y, 1 }, { one, z, 1 } };

	(void)state;
	make_image(layout, &arm64, "x", one);
	make_image(layout, &arm64, "y", other);
	ok(image_read(layout, one, &image, err));
	ok(layout_export_bare(layout, images, 3, "texts.tar", err));
	assert_int_equal(shell("mkdir texts && tar -C texts -xf texts.tar && ! test -e texts/manifest.json && "
			       "test $(tar -tf texts.tar | grep -c '^blobs/sha256/.') = 4"),
			 0);
	assert_int_equal(shell("cd texts/blobs/sha256 && test -e %s && test -e %s && test -e %s && ! test -e %s",
			       digest_hex(one), digest_hex(other), digest_hex(image->config.digest),
			       digest_hex(image->layers[0].digest)),
			 0);
	assert_int_equal(shell("test $(grep -o %s texts/index.json | wc -l) = 3", one), 0);
	assert_int_equal(shell("test $(grep -o %s texts/index.json | wc -l) = 1", other), 0);
	assert_int_equal(shell("grep -qF docker.io/library/z:4 texts/index.json"), 0);
	path = layout_blob_path(layout, other);
	assert_int_equal(unlink(path), 0);
	refused(layout_export_bare(layout, images, 3, "texts.tar", err), digest_hex(other));
}

/* Two platforms, neither of them this machine's: there is no one image for manifest.json. */
static void test_foreign_platforms(void **state)
{
	struct platform s390x = { "linux", "s390x", "" }, riscv = { "linux", "riscv64", "" };
	cleanup_layout struct layout *layout = open_store();
	char one[DIGEST_LEN + 1], two[DIGEST_LEN + 1], index[DIGEST_LEN + 1];
	struct layout_member members[] = { { one, s390x, NULL }, { two, riscv, NULL } };

	(void)state;
	make_image(layout, &s390x, "one", one);
	make_image(layout, &riscv, "two", two);
	ok(layout_write_index(layout, members, 2, NULL, 0, index, NULL, err));
	ok(layout_export_tar(layout, index, NULL, 0, LAYOUT_TAR_WHOLE, "out.tar", err));
	assert_int_equal(shell("tar -tf out.tar | grep -q index.json && ! tar -tf out.tar | grep -q manifest.json"), 0);
}

/* A real layer, so that skopeo can look into it. */
static void test_skopeo(void **state)
{
	static const char *const names[] = { "ghcr.io/x/y:1" };
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *config = NULL;
	cleanup_free char *manifest = NULL;
	cleanup_free char *found = NULL;
	char digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];
	cleanup_buf struct buf tar = { 0 };

	(void)state;
	if (!have("skopeo"))
		skip();
	assert_int_equal(shell("echo hello > file && tar -cf layer.tar file"), 0);
	ok(fs_read("layer.tar", 1 << 20, &tar, err));
	ok(layout_write(layout, tar.data, tar.len, layer, err));
	config = mem_printf(
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"%s\"]}}",
		layer);
	ok(layout_write(layout, config, strlen(config), digest, err));
	manifest = mem_printf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST_TYPE
			      "\",\"config\":{\"mediaType\":\"" OCI_CONFIG_TYPE
			      "\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"" OCI_LAYER_TYPE
			      "\",\"digest\":\"%s\",\"size\":%zu}]}",
			      digest, strlen(config), layer, tar.len);
	ok(layout_write(layout, manifest, strlen(manifest), digest, err));
	ok(layout_export_tar(layout, digest, names, 1, LAYOUT_TAR_WHOLE, "out.tar", err));
	assert_int_equal(shell("skopeo copy -q --insecure-policy oci-archive:out.tar:ghcr.io/x/y:1 dir:oci"), 0);
	assert_int_equal(shell("skopeo copy -q --insecure-policy docker-archive:out.tar:ghcr.io/x/y:1 dir:docker"), 0);
	assert_int_equal(shell("skopeo inspect --config --raw docker-archive:out.tar:ghcr.io/x/y:1 > config"), 0);
	found = read_all_text("config");
	assert_string_equal(found, config);
	ok(layout_export(layout, digest, "x/y:1", "folder", err));
	assert_int_equal(shell("skopeo copy -q --insecure-policy oci:folder:x/y:1 dir:folder-out"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_layout),
		TEST(test_other_file_system),
		TEST(test_refuses),
		TEST(test_tar),
		TEST(test_docker_manifest),
		TEST(test_bare),
		TEST(test_foreign_platforms),
		TEST(test_skopeo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
