#include "config.h"

#include "base/scan.h"
#include "engine/oci/storage.h"
#include "engine/oci/storage_index.h"
#include "tests/unit/oci_world.h"

/* A storage as buildah and podman write it: "root/overlay-images" with one image that has these names. */
static void make_storage(const char *config, const char *names, char identity[DIGEST_LEN + 1])
{
	cleanup_free char *index = NULL;

	digest_of(config, identity);
	index = mem_printf(
		"[{\"id\":\"%s\",\"names\":%s,\"layer\":\"x\",\"big-data-names\":[\"%s\",\"manifest\"]},{\"id\":\"short\"},{}]",
		digest_hex(identity), names, identity);
	ok(fs_mkdirs("root/overlay-images", 0755, err));
	write_text("root/overlay-images/images.json", index);
}

static void put_config(const char *identity, const char *text)
{
	cleanup_free char *dir = mem_printf("root/overlay-images/%s", digest_hex(identity));

	ok(fs_mkdirs(dir, 0755, err));
	assert_int_equal(shell("printf %%s '%s' > \"%s/=$(printf %%s %s | base64 -w0)\"", text, dir, identity), 0);
}

static void test_has(void **state)
{
	cleanup_storage struct storage *storage = NULL;
	char identity[DIGEST_LEN + 1];

	(void)state;
	make_storage("{}", "null", identity);
	ok(storage_open("root", &storage, err));
	assert_true(storage_has(storage, identity));
	assert_false(storage_has(storage, digest_hex(identity)));
	assert_false(storage_has(storage, "sha256:short"));
	assert_false(storage_has(storage, ""));
}

static void test_names(void **state)
{
	cleanup_storage struct storage *storage = NULL;
	char identity[DIGEST_LEN + 1];

	(void)state;
	make_storage(
		"{}",
		"[\"ghcr.io/aic-sos/agent:latest\",\"localhost/own:1\",\"docker.io/library/debian:12\",\"docker.io/fustli/ml-controller:latest\"]",
		identity);
	ok(storage_open("root", &storage, err));
	assert_string_equal(storage_find(storage, "ghcr.io/aic-sos/agent"), identity);
	assert_string_equal(storage_find(storage, "own:1"), identity);
	assert_string_equal(storage_find(storage, "localhost/own:1"), identity);
	assert_string_equal(storage_find(storage, "debian:12"), identity);
	assert_string_equal(storage_find(storage, "fustli/ml-controller"), identity);
	assert_null(storage_find(storage, "docker.io/library/own:1"));
	assert_null(storage_find(storage, "debian"));
	assert_null(storage_find(storage, "not a reference"));
	assert_true(storage_has_name(storage, identity, "own:1"));
	assert_false(storage_has_name(storage, "sha256:x", "own:1"));
	assert_false(storage_has_name(storage, identity, "own:2"));
}

/* podman, too, looks below localhost/ first. */
static void test_own_image_wins(void **state)
{
	cleanup_storage struct storage *storage = NULL;
	cleanup_free char *index = NULL;
	char own[DIGEST_LEN + 1], pulled[DIGEST_LEN + 1];

	(void)state;
	digest_of("own", own);
	digest_of("pulled", pulled);
	index = mem_printf("[{\"id\":\"%s\",\"names\":[\"localhost/"
			   "debian:latest\"],\"big-data-names\":[\"manifest\",\"%s\"]},"
			   "{\"id\":\"%s\",\"names\":[\"docker.io/library/"
			   "debian:latest\"],\"big-data-names\":[\"manifest\",\"%s\"]}]",
			   digest_hex(own), own, digest_hex(pulled), pulled);
	ok(fs_mkdirs("root/overlay-images", 0755, err));
	write_text("root/overlay-images/images.json", index);
	ok(storage_open("root", &storage, err));
	assert_string_equal(storage_find(storage, "debian"), own);
	assert_string_equal(storage_find(storage, "docker.io/library/debian"), pulled);
}

static void test_config(void **state)
{
	static const char config[] = "{\"architecture\":\"arm64\"}";
	cleanup_storage struct storage *storage = NULL;
	cleanup_buf struct buf text = { 0 };
	char identity[DIGEST_LEN + 1];

	(void)state;
	make_storage(config, "null", identity);
	put_config(identity, config);
	ok(storage_open("root", &storage, err));
	ok(storage_config(storage, identity, &text, err));
	assert_string_equal(text.data, config);
	refused(storage_config(storage, "sha256:0", &text, err), "not in the storage");
	put_config(identity, "{\"architecture\":\"amd64\"}");
	refused(storage_config(storage, identity, &text, err), "another digest");
	assert_int_equal(shell("rm root/overlay-images/*/*"), 0);
	refused(storage_config(storage, identity, &text, err), "root/overlay-images/");
}

/* A writer that was ended: the record is there, but not what it needs. */
static void test_half_written(void **state)
{
	cleanup_storage struct storage *storage = NULL;
	cleanup_free char *index = NULL;
	char identity[DIGEST_LEN + 1];

	(void)state;
	digest_of("half", identity);
	index = mem_printf("[{\"id\":\"%s\",\"names\":[\"localhost/half:1\"],\"big-data-names\":[\"%s\"]}]",
			   digest_hex(identity), identity);
	ok(fs_mkdirs("root/overlay-images", 0755, err));
	write_text("root/overlay-images/images.json", index);
	ok(storage_open("root", &storage, err));
	assert_false(storage_has(storage, identity));
	assert_null(storage_find(storage, "half:1"));
}

static void test_nothing_there(void **state)
{
	cleanup_storage struct storage *none = NULL, *empty = NULL;
	char identity[DIGEST_LEN + 1];

	(void)state;
	digest_of("", identity);
	ok(storage_open("nowhere", &none, err));
	assert_false(storage_has(none, identity));
	ok(fs_mkdirs("root/overlay-images", 0755, err));
	ok(storage_open("root", &empty, err));
	assert_false(storage_has(empty, identity));
}

static void add_found(void *data, const struct storage_image *image)
{
	struct buf *out = data;

	buf_printf(out, "%.*s:", (int)image->id_len, image->id);
	for (size_t i = 0; i < image->names_len; i++)
		buf_printf(out, "%.*s,", (int)image->names[i].len, image->names[i].text);
	buf_str(out, image->whole ? "+" : "");
	buf_char(out, ';');
}

/* What the scanner takes and what it leaves to the parser give the same. */
static void test_index_forms(void **state)
{
	static const struct {
		const char *text, *expected; /* NULL: refused */
	} forms[] = {
		{ "[]", "" },
		{ " [ ] \n", "" },
		{ "[{\"id\":\"a\"}]", "a:;" },
		{ "[{\"id\":\"a\",\"names\":null},{\"names\":[\"x\", \"y\"],\"id\":\"b\"}]", "a:;b:x,y,;" },
		{ "[{\"metadata\":\"{\\\"id\\\":\\\"no\\\"}\",\"id\":\"a\",\"m\":{\"id\":\"in\",\"n\":[1,[2,{}]]},\"z\":-1.5e3}]",
		  "a:;" },
		{ "[{\"id\":\"a\",\"path\":\"c:\\\\\",\"names\":[\"x\"]}]", "a:x,;" },
		{ "[{\"id\":\"\\u0061\",\"names\":[\"x\\/y\"]}]", "a:x/y,;" },
		{ "[{\"id\":\"a\",\"big-data-names\":[\"manifest\",\"sha256:a\"],\"names\":[\"x\"]},"
		  "{\"id\":\"b\",\"big-data-names\":[\"sha256:b\"]},{\"id\":\"c\",\"big-data-names\":[\"manifest\"]},"
		  "{\"id\":\"d\",\"big-data-names\":[\"manifest\",\"sha256:a\"]},{\"id\":\"e\"}]",
		  "a:x,+;b:;c:;d:;e:;" },
		{ "[{\"id\":\"\\u0061\",\"big-data-names\":[\"manifest\",\"sha256:a\"]},{\"id\":\"b\"}]", "a:+;b:;" },
		{ "[{\"id\":\"a\"", NULL },
		{ "[{\"id\":\"a\"}] x", NULL },
		{ "[{\"id\":\"a\",\"n\":[}]", NULL },
		{ "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cleanup_buf struct buf out = { 0 };
		int r;

		buf_str(&out, "");
		r = storage_index_read(forms[i].text, strlen(forms[i].text), "index", add_found, &out, NULL);
		if ((r < 0) != !forms[i].expected || (r == 0 && strcmp(out.data, forms[i].expected) != 0))
			fail_msg("%s: %d, %s", forms[i].text, r, out.data);
	}
	assert_true(storage_index_read("[{\"n\":[\0]}]", 11, "index", add_found, NULL, NULL) < 0);
}

static void test_damaged(void **state)
{
	struct storage *storage = NULL;

	(void)state;
	ok(fs_mkdirs("root/vfs-images", 0755, err));
	write_text("root/vfs-images/images.json", "[{\"id\":");
	refused(storage_open("root", &storage, err), "root/vfs-images/images.json");
	assert_null(storage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_has),           TEST(test_names),   TEST(test_own_image_wins), TEST(test_config),
		TEST(test_nothing_there), TEST(test_damaged), TEST(test_index_forms),    TEST(test_half_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
