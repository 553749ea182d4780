#include "config.h"

#include "tests/unit/oci_world.h"

#include <fcntl.h>

#include "engine/oci/archive.h"

#define LAYER "the bytes of a layer"

/* ---- what builders deliver ---- */

/* A folder as `buildah push ID dir:X` leaves it. Returns the config's digest. */
static void make_dir(const char *dir, const char *layer_type, char config_digest[DIGEST_LEN + 1])
{
	cleanup_free char *config = config_text(&amd64, LAYER, "\"Healthcheck\":{\"Test\":[\"CMD\",\"/x\"]}");
	cleanup_free char *manifest = manifest_text(DOCKER_MANIFEST_TYPE, DOCKER_CONFIG_TYPE, layer_type, config, LAYER);
	cleanup_free char *path = path_join(dir, "manifest.json");

	ok(fs_mkdirs(dir, 0755, err));
	put_blob(dir, LAYER);
	put_blob(dir, config);
	write_text(path, manifest);
	digest_of(config, config_digest);
}

/* A layout folder; `index` is its index.json with %s for the entries. */
static void make_layout(const char *dir, const char *entries)
{
	cleanup_free char *blobs = mem_printf("%s/blobs/sha256", dir);
	cleanup_free char *marker = path_join(dir, "oci-layout");
	cleanup_free char *index_path = path_join(dir, "index.json");
	cleanup_free char *index = mem_printf("{\"schemaVersion\":2,\"manifests\":[%s]}", entries);

	ok(fs_mkdirs(blobs, 0755, err));
	write_text(marker, "{\"imageLayoutVersion\":\"1.0.0\"}");
	write_text(index_path, index);
}

/* An image's blobs below dir/blobs/sha256; returns its entry for an index. `more` is added to the descriptor. */
static char *put_image(const char *dir, const struct platform *platform, const char *layer, const char *more)
{
	cleanup_free char *blobs = mem_printf("%s/blobs/sha256", dir);
	cleanup_free char *config = config_text(platform, layer, "");
	cleanup_free char *manifest = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, config, layer);
	char digest[DIGEST_LEN + 1];

	ok(fs_mkdirs(blobs, 0755, err));
	put_blob(blobs, layer);
	put_blob(blobs, config);
	put_blob(blobs, manifest);
	digest_of(manifest, digest);
	return mem_printf("{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"digest\":\"%s\",\"size\":%zu%s}", digest,
			  strlen(manifest), more);
}

static void image_config(struct layout *layout, const char *digest, char ret[DIGEST_LEN + 1], struct platform *platform)
{
	struct image *image = NULL;

	ok(image_read(layout, digest, &image, err));
	memcpy(ret, image->config.digest, DIGEST_LEN + 1);
	*platform = image->platform;
	image_free(image);
}

/* ---- dir ---- */

static void test_dir(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *staging = NULL;
	cleanup_buf struct buf text = { 0 };
	char config[DIGEST_LEN + 1], digest[DIGEST_LEN + 1], again[DIGEST_LEN + 1];
	struct image *image = NULL;

	(void)state;
	ok(layout_staging(layout, &staging, err));
	make_dir(staging, DOCKER_LAYER_TYPE, config);
	ok(layout_import_dir(layout, staging, &amd64, digest, err));
	ok(image_read(layout, digest, &image, err));
	ok(layout_read(layout, image->config.digest, &text, err));
	assert_null(strstr(text.data, "container"));
	buf_reset(&text);
	assert_string_equal(image->manifest.media_type, OCI_MANIFEST_TYPE);
	assert_string_equal(image->config.media_type, OCI_CONFIG_TYPE);
	assert_string_equal(image->layers[0].media_type, OCI_LAYER_TYPE "+gzip");
	assert_string_equal(image->healthcheck, "{\"Test\":[\"CMD\",\"/x\"]}");
	image_free(image);
	/* The layer was moved: manifest.json and the config as it was delivered are left. */
	assert_int_equal(count_files(staging), 2);
	ok(layout_read(layout, digest, &text, err));
	assert_memory_equal(text.data, "{\"config\":{\"digest\":", 20);
	make_dir("again", DOCKER_LAYER_TYPE, config);
	ok(layout_import_dir(layout, "again", &amd64, again, err));
	assert_string_equal(digest, again);
}

static void test_dir_refuses(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char config[DIGEST_LEN + 1], digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];
	cleanup_free char *layer_path = NULL;

	(void)state;
	refused(layout_import_dir(layout, "nowhere", &amd64, digest, err), "nowhere");
	make_dir("foreign", "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", config);
	refused(layout_import_dir(layout, "foreign", &amd64, digest, err), "foreign");
	make_dir("unknown", "application/vnd.docker.image.rootfs.diff.tar.xz", config);
	refused(layout_import_dir(layout, "unknown", &amd64, digest, err), "tar.xz");
	make_dir("other", DOCKER_LAYER_TYPE, config);
	refused(layout_import_dir(layout, "other", &arm64, digest, err), "is for linux/amd64, not for linux/arm64");

	assert_int_equal(fs_remove_tree("store", NULL), 0);
	layout_free(layout);
	layout = open_store();
	make_dir("wrong", DOCKER_LAYER_TYPE, config);
	digest_of(LAYER, layer);
	layer_path = path_join("wrong", digest_hex(layer));
	write_text(layer_path, "the bytes of a Layer");
	refused(layout_import_dir(layout, "wrong", &amd64, digest, err), digest_hex(layer));
	assert_false(layout_has(layout, layer, UINT64_MAX));
	write_text(layer_path, "short");
	refused(layout_import_dir(layout, "wrong", &amd64, digest, err), "its descriptor says 20");
	assert_int_equal(unlink(layer_path), 0);
	refused(layout_import_dir(layout, "wrong", &amd64, digest, err), digest_hex(layer));
	assert_int_equal(mkfifo(layer_path, 0600), 0);
	refused(layout_import_dir(layout, "wrong", &amd64, digest, err), "not a regular file");
	assert_int_equal(unlink(layer_path), 0);
	write_text("secret", LAYER);
	assert_int_equal(symlink("../secret", layer_path), 0);
	refused(layout_import_dir(layout, "wrong", &amd64, digest, err), digest_hex(layer));
}

/* A manifest.json that is not one, by its text. */
static void test_dir_bad_manifests(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "manifest.json" },
		{ "[]", "not a JSON object" },
		{ "{\"schemaVersion\":1}", "schemaVersion" },
		{ "{\"schemaVersion\":2}", "descriptor is missing" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", "both an index and a manifest" },
		{ "{\"schemaVersion\":2,\"manifests\":[],\"config\":{}}", "both an index and a manifest" },
		{ "{\"schemaVersion\":2,\"manifests\":[]}", "found a list" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX_TYPE "\",\"config\":{},\"layers\":[]}", "media type" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"manifests\":[]}", "media type" },
		{ "{\"schemaVersion\":2,\"mediaType\":\"a\\u001b[2J\",\"config\":{},\"layers\":[]}", "a\\x1b[2J" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" DOCKER_CONFIG_TYPE
		  "\",\"digest\":\"sha256:../../x\",\"size\":1},\"layers\":[]}",
		  "\"sha256:../../x\" is not a digest" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" DOCKER_CONFIG_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":-1},\"layers\":[]}",
		  "invalid size" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" DOCKER_CONFIG_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"},\"layers\":[]}",
		  "invalid size" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" DOCKER_CONFIG_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1.5},\"layers\":[]}",
		  "invalid size" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"text/html\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1},\"layers\":[]}",
		  "text/html" },
		{ "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"" DOCKER_CONFIG_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":1},\"layers\":{}}",
		  "not a list" },
		{ "{\"schemaVersion\":2,\"schemaVersion\":2}", "duplicate" },
	};
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(mkdir("bad", 0755), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_text("bad/manifest.json", bad[i].text);
		refused(layout_import_dir(layout, "bad", &amd64, digest, err), bad[i].why);
	}
	assert_int_equal(count_files("store/blobs"), 0);
}

static void test_dir_huge_manifest(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	assert_int_equal(mkdir("huge", 0755), 0);
	write_text("huge/manifest.json", "");
	assert_int_equal(truncate("huge/manifest.json", 1ll << 40), 0);
	refused(layout_import_dir(layout, "huge", &amd64, digest, err), "longer than");
}

/* From another file system, and with a second name: copied, and the source stays. */
static void test_copies(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char config[DIGEST_LEN + 1], digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];
	char other[] = "/dev/shm/test-oci-XXXXXX";
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL;

	(void)state;
	digest_of(LAYER, layer);
	if (mkdtemp(other)) {
		make_dir(other, DOCKER_LAYER_TYPE, config);
		ok(layout_import_dir(layout, other, &amd64, digest, err));
		assert_int_equal(count_files(other), 3);
		assert_true(layout_complete(layout, digest));
		ok(fs_remove_tree(other, err));
		ok(fs_remove_tree("store", err));
		layout_free(layout);
		layout = open_store();
	}
	make_dir("linked", DOCKER_LAYER_TYPE, config);
	path = path_join("linked", digest_hex(layer));
	assert_int_equal(link(path, "second"), 0);
	ok(layout_import_dir(layout, "linked", &amd64, digest, err));
	write_text("second", "changed");
	assert_int_equal(shell("echo changed > %s", path), 0);
	ok(layout_read(layout, layer, &text, err));
}

/* ---- layout ---- */

static void test_layout(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *one =
		put_image("in", &amd64, "one", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}");
	cleanup_free char *two = put_image(
		"in", &arm64, "two", ",\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}");
	cleanup_free char *both = mem_printf("%s,%s", one, two);
	char digest[DIGEST_LEN + 1], config[DIGEST_LEN + 1];
	struct platform arm7 = { "linux", "arm", "v7" };
	struct platform found;

	(void)state;
	make_layout("in", both);
	ok(import_layout(layout, "in", &arm64, digest, NULL, err));
	image_config(layout, digest, config, &found);
	assert_true(platform_equal(&found, &arm64));
	ok(import_layout(layout, "in", &amd64, digest, NULL, err));
	image_config(layout, digest, config, &found);
	assert_true(platform_equal(&found, &amd64));
	refused(import_layout(layout, "in", &arm7, digest, NULL, err),
		"no image for linux/arm/v7; found: linux/amd64, linux/arm64");
}

/* As buildx leaves it: an index in the index, and attestations. */
static void test_nested_with_attestation(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *aside = put_image(
		"in", &amd64, "attestation",
		",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}");
	cleanup_free char *marked = put_image(
		"in", &amd64, "marked", ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}");
	cleanup_free char *image = put_image("in", &amd64, "image", "");
	cleanup_free char *nested = mem_printf("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX_TYPE
					       "\",\"manifests\":[%s,%s,%s]}",
					       aside, marked, image);
	cleanup_free char *entry = NULL;
	char digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];

	(void)state;
	put_blob("in/blobs/sha256", nested);
	digest_of(nested, digest);
	entry = mem_printf("{\"mediaType\":\"" OCI_INDEX_TYPE "\",\"digest\":\"%s\",\"size\":%zu}", digest,
			   strlen(nested));
	make_layout("in", entry);
	ok(import_layout(layout, "in", &amd64, digest, NULL, err));
	digest_of("image", layer);
	assert_true(layout_has(layout, layer, 5));
	assert_int_equal(count_files("store/blobs"), 10);
	refused(import_layout(layout, "in", &arm64, digest, NULL, err), "found: linux/amd64");
}

static void test_layout_refuses(void **state)
{
	static const struct {
		const char *entries, *why;
	} bad[] = {
		{ "", "found: none" },
		{ "{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"digest\":\"sha256:../../x\",\"size\":1}", "not a digest" },
		{ "{\"mediaType\":\"" OCI_MANIFEST_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":99999999999}",
		  "larger than" },
		{ "{\"mediaType\":\"" OCI_MANIFEST_TYPE
		  "\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":9}",
		  "0000" },
		{ "{\"mediaType\":\"text/html\",\"digest\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\"size\":9}",
		  "found: none" },
		{ "7", "descriptor" },
	};
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		make_layout("in", bad[i].entries);
		refused(import_layout(layout, "in", &amd64, digest, NULL, err), bad[i].why);
	}
}

/* An index that leads to itself, or to ever more of the same. */
static void test_index_loops(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *entry = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	ok(fs_mkdirs("in/blobs/sha256", 0755, err));
	entry = mem_strdup("");
	for (int depth = 0; depth < 6; depth++) {
		cleanup_buf struct buf text = { 0 };

		buf_str(&text, "{\"schemaVersion\":2,\"manifests\":[");
		for (int i = 0; i < 50 && *entry; i++)
			buf_printf(&text, "%s%s", i ? "," : "", entry);
		buf_str(&text, "]}");
		put_blob("in/blobs/sha256", text.data);
		digest_of(text.data, digest);
		free(entry);
		entry = mem_printf("{\"mediaType\":\"" OCI_INDEX_TYPE "\",\"digest\":\"%s\",\"size\":%zu}", digest,
				   text.len);
		if (depth == 3) {
			make_layout("in", entry);
			refused(import_layout(layout, "in", &amd64, digest, NULL, err), "more than");
		}
	}
	make_layout("in", entry);
	refused(import_layout(layout, "in", &amd64, digest, NULL, err), "nested deeper");
	/* In the store itself the same texts are walked once each. */
	assert_int_equal(shell("cp in/blobs/sha256/* store/blobs/sha256/"), 0);
	assert_false(layout_complete(layout, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_dir),
		TEST(test_dir_refuses),
		TEST(test_dir_bad_manifests),
		TEST(test_dir_huge_manifest),
		TEST(test_copies),
		TEST(test_layout),
		TEST(test_nested_with_attestation),

		TEST(test_layout_refuses),
		TEST(test_index_loops),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
