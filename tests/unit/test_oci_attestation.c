#include "config.h"

#include "tests/unit/oci_world.h"

#include "engine/oci/reach.h"

/* What a builder says about an image, as BuildKit delivers it: a manifest beside the image's, for no platform. */

#define STATEMENT "{\"_type\":\"https://in-toto.io/Statement/v0.1\"}"
#define SAYS                                                                                \
	",\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"},\"annotations\":{" \
	"\"vnd.docker.reference.type\":\"attestation-manifest\",\"vnd.docker.reference.digest\":\"%s\"}"

/* Puts a manifest with its blobs below "in" and returns its descriptor, with `more`; its digest in `ret`. */
static char *put(const char *config, const char *layer_type, const char *layer, const char *more,
		 char ret[DIGEST_LEN + 1])
{
	cleanup_free char *manifest = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, layer_type, config, layer);

	ok(fs_mkdirs("in/blobs/sha256", 0755, err));
	put_blob("in/blobs/sha256", layer);
	put_blob("in/blobs/sha256", config);
	put_blob("in/blobs/sha256", manifest);
	digest_of(manifest, ret);
	return mem_printf("{\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"digest\":\"%s\",\"size\":%zu%s}", ret,
			  strlen(manifest), more);
}

static char *put_attestation(const char *about, char ret[DIGEST_LEN + 1])
{
	static const struct platform unknown = { .os = "unknown", .arch = "unknown" };
	cleanup_free char *config = config_text(&unknown, STATEMENT, "");
	cleanup_free char *says = mem_printf(SAYS, about);

	return put(config, "application/vnd.in-toto+json", STATEMENT, says, ret);
}

/* A layout whose index.json has these entries. */
static void deliver(const char *one, const char *two)
{
	cleanup_free char *index = mem_printf("{\"schemaVersion\":2,\"manifests\":[%s,%s]}", one, two);

	write_text("in/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	write_text("in/index.json", index);
}

static void test_import(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *config = config_text(&amd64, "layer", ""), *image = NULL, *says = NULL, *other = NULL;
	char wanted[DIGEST_LEN + 1], said[DIGEST_LEN + 1], digest[DIGEST_LEN + 1], attestation[DIGEST_LEN + 1];

	(void)state;
	image = put(config, OCI_LAYER_TYPE, "layer", "", wanted);
	says = put_attestation(wanted, said);
	deliver(says, image);
	ok(import_layout(layout, "in", &amd64, digest, attestation, err));
	assert_string_equal(digest, wanted);
	assert_string_equal(attestation, said);
	assert_true(layout_complete(layout, attestation));
	/* What is about another image is nothing to this one. */
	other = put_attestation(said, said);
	deliver(other, image);
	ok(import_layout(layout, "in", &amd64, digest, attestation, err));
	assert_string_equal(digest, wanted);
	assert_string_equal(attestation, "");
}

/* The index has it behind the images, and everything that walks the index finds it. */
static void test_index(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_layout struct layout *out = NULL;
	cleanup_free char *config = config_text(&amd64, "layer", ""), *image = NULL, *says = NULL;
	char digest[DIGEST_LEN + 1], said[DIGEST_LEN + 1], index[DIGEST_LEN + 1], bare[DIGEST_LEN + 1];
	struct layout_member member = { .digest = digest, .platform = amd64 };
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *json = NULL;
	const struct json *entry;
	struct reach reach = { 0 };

	(void)state;
	image = put(config, OCI_LAYER_TYPE, "layer", "", digest);
	says = put_attestation(digest, said);
	deliver(image, says);
	ok(import_layout(layout, "in", &amd64, digest, said, err));
	ok(layout_write_index(layout, &member, 1, NULL, 0, bare, NULL, err));
	member.attestation = said;
	ok(layout_write_index(layout, &member, 1, NULL, 0, index, NULL, err));
	assert_string_not_equal(index, bare);
	ok(layout_read(layout, index, &text, err));
	ok(json_parse(text.data, text.len, "index", &json, err));
	assert_int_equal(json_len(json_get(json, "manifests")), 2);
	entry = json_at(json_get(json, "manifests"), 1);
	assert_string_equal(json_str(entry, "digest"), said);
	assert_string_equal(json_str(json_get(entry, "platform"), "os"), "unknown");
	assert_string_equal(json_str(json_get(entry, "platform"), "architecture"), "unknown");
	assert_string_equal(json_str(json_get(entry, "annotations"), "vnd.docker.reference.type"),
			    "attestation-manifest");
	assert_string_equal(json_str(json_get(entry, "annotations"), "vnd.docker.reference.digest"), digest);
	ok(reach_collect(layout, index, REACH_VERIFY, &reach, err));
	assert_int_equal(reach.len, 7);
	reach_free(&reach);
	ok(layout_export(layout, index, "acme/web:1", "out", err));
	ok(layout_open("out", false, &out, err));
	assert_true(layout_complete(out, said));
	assert_true(layout_complete(out, digest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_import),
		TEST(test_index),
	};

	return cmocka_run_group_tests_name("oci attestation", tests, NULL, NULL);
}
