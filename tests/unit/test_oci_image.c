#include "config.h"

#include "tests/unit/oci_world.h"

static const char full_config[] = "{\"architecture\":\"arm64\",\"variant\":\"v8\",\"os\":\"linux\",\"config\":{"
				  "\"User\":\"1000:1000\",\"Entrypoint\":[\"/app\",\"-x\"],\"Cmd\":[\"serve\"],"
				  "\"ExposedPorts\":{\"9000/tcp\":{},\"8000/tcp\":{}},"
				  "\"Labels\":{\"b\":\"2\",\"a\":\"1\"},\"OnBuild\":[\"RUN x\"],"
				  "\"Healthcheck\":{\"Test\":[\"CMD\",\"/health\"],\"Interval\":30000000000}},"
				  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[]}}";

static void test_config(void **state)
{
	cleanup_image struct image *image = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	ok(image_read_config(full_config, strlen(full_config), "config", &image, err));
	digest_of(full_config, digest);
	assert_string_equal(image->config.digest, digest);
	assert_int_equal(image->config.size, strlen(full_config));
	assert_true(platform_equal(&image->platform, &arm64));
	assert_string_equal(image->user, "1000:1000");
	assert_string_equal(image->entrypoint[0], "/app");
	assert_string_equal(image->entrypoint[1], "-x");
	assert_null(image->entrypoint[2]);
	assert_string_equal(image->cmd[0], "serve");
	assert_string_equal(image->ports[0], "8000/tcp");
	assert_string_equal(image->ports[1], "9000/tcp");
	assert_null(image->ports[2]);
	assert_string_equal(image->labels[0], "a");
	assert_string_equal(image->labels[1], "1");
	assert_string_equal(image->labels[2], "b");
	assert_string_equal(image->onbuild[0], "RUN x");
	assert_string_equal(image->healthcheck, "{\"Test\":[\"CMD\",\"/health\"],\"Interval\":30000000000}");
}

/* What Go writes for what is not there: null, or nothing. */
static void test_empty_config(void **state)
{
	static const char text[] = "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":null,"
				   "\"Entrypoint\":null,\"Labels\":null,\"ExposedPorts\":null,\"OnBuild\":null,"
				   "\"Healthcheck\":null},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":null}}";
	static const char bare[] = "{\"architecture\":\"amd64\",\"os\":\"linux\"}";
	const char *const texts[] = { text, bare };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		cleanup_image struct image *image = NULL;

		ok(image_read_config(texts[i], strlen(texts[i]), "config", &image, err));
		assert_string_equal(image->user, "");
		assert_null(image->entrypoint[0]);
		assert_null(image->cmd[0]);
		assert_null(image->ports[0]);
		assert_null(image->labels[0]);
		assert_null(image->onbuild[0]);
		assert_null(image->healthcheck);
		assert_int_equal(image->diff_ids_len, 0);
	}
}

static void test_bad_configs(void **state)
{
	static const struct {
		const char *text, *why;
	} bad[] = {
		{ "", "the name" },
		{ "[]", "object" },
		{ "{\"os\":\"linux\"}", "no os and architecture" },
		{ "{\"os\":\"linux\",\"architecture\":\"../..\"}", "no os and architecture" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":{\"a\":1}}}", "\"Cmd\"" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Cmd\":[1]}}", "\"Cmd\"" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Labels\":{\"a\":1}}}", "\"Labels\"" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"ExposedPorts\":[1]}}", "\"ExposedPorts\"" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"sha256:../x\"]}}",
		  "not a digest" },
		{ "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[7]}}", "not a digest" },
	};
	struct image *image = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(image_read_config(bad[i].text, strlen(bad[i].text), "the name", &image, err), bad[i].why);
}

static void test_read(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_image struct image *image = NULL;
	char digest[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];

	(void)state;
	make_image(layout, &amd64, "the layer", digest);
	ok(image_read(layout, digest, &image, err));
	digest_of("the layer", layer);
	assert_string_equal(image->manifest.digest, digest);
	assert_int_equal(image->layers_len, 1);
	assert_string_equal(image->layers[0].digest, layer);
	assert_int_equal(image->layers[0].size, 9);
	assert_string_equal(image->diff_ids[0], layer);
	assert_int_equal(image->size, image->config.size + 9);
	assert_string_equal(image->user, "1000");
}

static void write_blob(struct layout *layout, const char *text, char digest[DIGEST_LEN + 1])
{
	ok(layout_write(layout, text, strlen(text), digest, err));
}

static void test_read_refuses(void **state)
{
	static const char two_layers[] = "{\"os\":\"linux\",\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[]}}";
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *counts = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, two_layers, "x");
	cleanup_free char *sizes = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, full_config, "x");
	cleanup_free char *types = manifest_text(OCI_MANIFEST_TYPE, "text/html", OCI_LAYER_TYPE, full_config, "x");
	char digest[DIGEST_LEN + 1];
	struct image *image = NULL;

	(void)state;
	digest_of("nothing", digest);
	refused(image_read(layout, digest, &image, err), digest_hex(digest));
	refused(image_read(layout, "sha256:../../x", &image, err), "not a digest");
	make_index(layout, digest);
	refused(image_read(layout, digest, &image, err), "an index");
	write_blob(layout, two_layers, digest);
	write_blob(layout, counts, digest);
	refused(image_read(layout, digest, &image, err), "1 layers, but the config says 0");
	write_blob(layout, types, digest);
	refused(image_read(layout, digest, &image, err), "text/html");
	write_blob(layout, sizes, digest);
	refused(image_read(layout, digest, &image, err), "cannot open");
	write_blob(layout, full_config, digest);
	*strstr(strstr(sizes, "size\":"), "size\":") = 's';
	strstr(sizes, "\"size\":")[7] = '9';
	write_blob(layout, sizes, digest);
	refused(image_read(layout, digest, &image, err), "but the manifest");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_config), TEST(test_empty_config), TEST(test_bad_configs),
		TEST(test_read),   TEST(test_read_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
