#include "config.h"

#include "tests/unit/oci_world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#define WRITERS 16

static void test_create(void **state)
{
	struct layout *layout = open_store();
	cleanup_free char *marker = read_all_text("store/oci-layout");
	cleanup_free char *index = NULL;

	(void)state;
	assert_string_equal(marker, "{\"imageLayoutVersion\":\"1.0.0\"}");
	ok(layout_mend_tags(layout, NULL, 0, err));
	index = read_all_text("store/index.json");
	assert_non_null(strstr(index, "\"},\"manifests\":[],\"mediaType\":\"" OCI_INDEX_TYPE "\",\"schemaVersion\":2}"));
	assert_string_equal(layout_dir(layout), "store");
	layout_free(layout);
	layout = NULL;
	ok(layout_open("store", false, &layout, err));
	layout_free(layout);
}

static void test_open_refuses(void **state)
{
	struct layout *layout = NULL;

	(void)state;
	refused(layout_open("nowhere", false, &layout, err), "nowhere");
	assert_false(fs_exists("nowhere"));
	write_text("file", "");
	refused(layout_open("file/store", true, &layout, err), "file");
}

static void test_write_and_read(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL;
	char digest[DIGEST_LEN + 1], again[DIGEST_LEN + 1];
	struct stat st;

	(void)state;
	ok(layout_write(layout, "hello", 5, digest, err));
	assert_string_equal(digest, "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	ok(layout_write(layout, "hello", 5, again, err));
	assert_string_equal(digest, again);
	ok(layout_read(layout, digest, &text, err));
	assert_string_equal(text.data, "hello");
	path = layout_blob_path(layout, digest);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(count_files("store/blobs"), 1);
	assert_int_equal(count_files("store/tmp"), 0);
	ok(layout_write(layout, "", 0, digest, err));
	buf_reset(&text);
	ok(layout_read(layout, digest, &text, err));
	assert_int_equal(text.len, 0);
}

static void test_has(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	ok(layout_write(layout, "hello", 5, digest, err));
	assert_true(layout_has(layout, digest, 5));
	assert_true(layout_has(layout, digest, UINT64_MAX));
	assert_false(layout_has(layout, digest, 4));
	assert_false(layout_has(layout, "sha256:../../index.json", UINT64_MAX));
	assert_false(layout_has(layout, "", UINT64_MAX));
}

/* A link in the place of a blob is not a blob. */
static void test_link_is_no_blob(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *path = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	digest_of("hello", digest);
	write_text("outside", "hello");
	path = layout_blob_path(layout, digest);
	assert_int_equal(symlink("../../../outside", path), 0);
	assert_false(layout_has(layout, digest, 5));
	assert_false(layout_has(layout, digest, UINT64_MAX));
}

static void test_bad_digests(void **state)
{
	static const char *const bad[] = { "",
					   "sha256:",
					   "sha256:../../index.json",
					   "sha512:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
					   "sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
					   "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b98241" };
	cleanup_layout struct layout *layout = open_store();

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_buf struct buf text = { 0 };

		refused(layout_read(layout, bad[i], &text, err), "not a digest");
		assert_false(layout_complete(layout, bad[i]));
	}
}

/* What was damaged on the disk is noticed when it is read, and mended when it is written again. */
static void test_damaged_blob(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *path = NULL;
	char digest[DIGEST_LEN + 1];

	(void)state;
	ok(layout_write(layout, "hello", 5, digest, err));
	path = layout_blob_path(layout, digest);
	write_text(path, "hallo");
	refused(layout_read(layout, digest, &text, err), digest_hex(digest));
	ok(layout_write(layout, "hello", 5, digest, err));
	buf_reset(&text);
	ok(layout_read(layout, digest, &text, err));
}

static void test_too_large(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_free char *data = mem_alloc(LAYOUT_MANIFEST_MAX + 1);
	cleanup_buf struct buf text = { 0 };
	char digest[DIGEST_LEN + 1];

	(void)state;
	ok(layout_write(layout, data, LAYOUT_MANIFEST_MAX + 1, digest, err));
	refused(layout_read(layout, digest, &text, err), "longer than");
}

static void remove_blob(struct layout *layout, const char *digest)
{
	cleanup_free char *path = layout_blob_path(layout, digest);

	assert_int_equal(unlink(path), 0);
}

static void test_complete(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char index[DIGEST_LEN + 1], layer[DIGEST_LEN + 1];

	(void)state;
	make_index(layout, index);
	assert_true(layout_complete(layout, index));
	digest_of("the bytes for arm64", layer);
	remove_blob(layout, layer);
	assert_false(layout_complete(layout, index));
	ok(layout_write(layout, "the bytes for arm64", 19, layer, err));
	assert_true(layout_complete(layout, index));
	remove_blob(layout, index);
	assert_false(layout_complete(layout, index));
}

static void replace_blob(struct layout *layout, const char *digest, const char *text)
{
	cleanup_free char *path = layout_blob_path(layout, digest);

	ok(fs_replace(path, text, strlen(text), 0444, err));
}

/* Each part of an image by itself: missing, of another size, and there again. */
static void test_complete_image(void **state)
{
	static const char layer[] = "the bytes for arm64";
	cleanup_free char *config = config_text(&arm64, layer, "\"User\":\"1000\"");
	cleanup_layout struct layout *layout = open_store();
	char image[DIGEST_LEN + 1], part[DIGEST_LEN + 1];
	const char *texts[] = { layer, config };

	(void)state;
	make_image(layout, &arm64, layer, image);
	for (size_t i = 0; i < 2; i++) {
		assert_true(layout_complete(layout, image));
		digest_of(texts[i], part);
		replace_blob(layout, part, "x");
		assert_false(layout_complete(layout, image));
		remove_blob(layout, part);
		assert_false(layout_complete(layout, image));
		replace_blob(layout, part, texts[i]);
	}
	assert_true(layout_complete(layout, image));
	remove_blob(layout, image);
	assert_false(layout_complete(layout, image));
}

/* Manifests that are none: what is told quickly and what is told at length is the same. */
static void test_complete_forms(void **state)
{
	static const struct {
		const char *from, *to;
		bool complete;
	} forms[] = {
		{ "\"schemaVersion\":2", "\"schemaVersion\": 2", true },
		{ "\"schemaVersion\":2", "\"schemaVersion\":1", false },
		{ "\"schemaVersion\":2", "\"schemaVersion\":2,\"manifests\":[]", false },
		{ "\"schemaVersion\":2", "\"schemaVersion\":2,\"annotations\":{\"layers\":[{}]}", true },
		{ "\"schemaVersion\":2", "\"schemaVersion\":2,\"schemaVersion\":2", false },
		{ "\"layers\"", "\"layer\"", false },
		{ "\"layers\"", "\"l\\u0061yers\"", true },
		{ OCI_LAYER_TYPE, "application/vnd.oci.image.layer.nondistributable.v1.tar", false },
		{ OCI_CONFIG_TYPE, "text/plain", false },
		{ OCI_MANIFEST_TYPE, OCI_INDEX_TYPE, false },
		{ "\"size\":", "\"size\":-", false },
		{ "\"size\":", "\"size\":1", false },
	};
	cleanup_free char *config = config_text(&arm64, "layer", "\"User\":\"1000\"");
	cleanup_free char *manifest = manifest_text(OCI_MANIFEST_TYPE, OCI_CONFIG_TYPE, OCI_LAYER_TYPE, config, "layer");
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	make_image(layout, &arm64, "layer", digest);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const char *at = strstr(manifest, forms[i].from);
		cleanup_free char *text = NULL;

		assert_non_null(at);
		text = mem_printf("%.*s%s%s", (int)(at - manifest), manifest, forms[i].to, at + strlen(forms[i].from));
		ok(layout_write(layout, text, strlen(text), digest, err));
		if (layout_complete(layout, digest) != forms[i].complete)
			fail_msg("%s", text);
	}
}

static void test_equal_input_equal_index(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char image[DIGEST_LEN + 1], one[DIGEST_LEN + 1], two[DIGEST_LEN + 1];
	struct layout_member member = { image, arm64, NULL };
	struct layout_annotation ab[] = { { "a", "1" }, { "b", "2" } };
	struct layout_annotation ba[] = { { "b", "2" }, { "a", "1" } };
	cleanup_buf struct buf text = { 0 };
	uint64_t size;

	(void)state;
	make_image(layout, &arm64, "x", image);
	ok(layout_write_index(layout, &member, 1, ab, 2, one, &size, err));
	ok(layout_write_index(layout, &member, 1, ba, 2, two, NULL, err));
	assert_string_equal(one, two);
	ok(layout_read(layout, one, &text, err));
	assert_int_equal(text.len, size);
	assert_non_null(
		strstr(text.data, "{\"annotations\":{\"a\":\"1\",\"b\":\"2\"},\"manifests\":[{\"digest\":\"sha256:"));
	assert_non_null(strstr(text.data, "\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\"}"));
	member.digest = one;
	refused(layout_write_index(layout, &member, 1, NULL, 0, two, NULL, err), "an index cannot be");
}

static void test_tag(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	const char *names[] = { "ghcr.io/x/y:1", "ghcr.io/x/y:latest", "ghcr.io/x/y:1" };
	const char *gone[] = { "ghcr.io/x/y:1", "never/was:there" };
	char one[DIGEST_LEN + 1], two[DIGEST_LEN + 1];
	struct layout_ref *refs;
	size_t len;

	(void)state;
	make_image(layout, &amd64, "one", one);
	make_image(layout, &amd64, "two", two);
	ok(layout_tag(layout, one, names, 3, err));
	ok(layout_tag(layout, two, names + 1, 1, err));
	ok(layout_refs(layout, &refs, &len, err));
	assert_int_equal(len, 2);
	assert_string_equal(refs[0].reference, "ghcr.io/x/y:1");
	assert_string_equal(refs[0].digest, one);
	assert_string_equal(refs[1].reference, "ghcr.io/x/y:latest");
	assert_string_equal(refs[1].digest, two);
	layout_refs_free(refs, len);
	ok(layout_untag(layout, gone, 2, err));
	ok(layout_refs(layout, &refs, &len, err));
	assert_int_equal(len, 1);
	layout_refs_free(refs, len);
}

static void test_tag_refuses(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	const char *bad[] = { "ghcr.io/x/y:1\n" };
	const char *good[] = { "ghcr.io/x/y:1" };
	char digest[DIGEST_LEN + 1];

	(void)state;
	make_image(layout, &amd64, "one", digest);
	refused(layout_tag(layout, digest, bad, 1, err), "is not a reference");
	digest_of("one", digest);
	refused(layout_tag(layout, digest, good, 1, err), "sha256:");
	digest_of("nothing", digest);
	refused(layout_tag(layout, digest, good, 1, err), digest_hex(digest));
}

/* The same tags again change no byte and no inode. */
static void test_tag_again_writes_nothing(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	const char *names[] = { "b:1", "a:1" };
	char digest[DIGEST_LEN + 1];
	struct stat before, after;

	(void)state;
	make_image(layout, &amd64, "one", digest);
	ok(layout_tag(layout, digest, names, 2, err));
	assert_int_equal(stat("store/index.json", &before), 0);
	ok(layout_tag(layout, digest, names, 2, err));
	assert_int_equal(stat("store/index.json", &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
}

/* As a disk may leave it. */
static void write_bytes(const char *path, const void *data, size_t len)
{
	cleanup_fd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
}

/* Opens the store anew: read only, then to write. */
static void expect_marker_mended(void)
{
	struct layout *layout;
	cleanup_free char *text = NULL;

	ok(layout_open("store", false, &layout, err));
	assert_true(layout_damaged(layout));
	layout_free(layout);
	ok(layout_open("store", true, &layout, err));
	assert_false(layout_damaged(layout));
	layout_free(layout);
	text = read_all_text("store/oci-layout");
	assert_string_equal(text, "{\"imageLayoutVersion\":\"1.0.0\"}");
}

static void test_damaged_marker(void **state)
{
	static const char whole[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	static const char *const others[] = { "",
					      "\n",
					      "{}",
					      "[]",
					      "{\"imageLayoutVersion\":\"2.0.0\"}",
					      "{\"imageLayoutVersion\":1}",
					      "{\"imageLayoutVersion\":\"1.0.0\"}\n",
					      "nonsense" };
	cleanup_buf struct buf large = { 0 };
	char text[sizeof(whole)];

	(void)state;
	layout_free(open_store());
	for (size_t i = 0; i < sizeof(whole) - 1; i++) {
		for (int bit = 0; bit < 8; bit += 4) {
			memcpy(text, whole, sizeof(whole));
			text[i] = (char)(text[i] ^ 1 << bit);
			write_bytes("store/oci-layout", text, sizeof(whole) - 1);
			expect_marker_mended();
		}
		write_bytes("store/oci-layout", whole, i);
		expect_marker_mended();
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		write_text("store/oci-layout", others[i]);
		expect_marker_mended();
	}
	memset(buf_room(&large, 1 << 20), ' ', 1 << 20);
	write_bytes("store/oci-layout", large.data, 1 << 20);
	expect_marker_mended();
	assert_int_equal(unlink("store/oci-layout"), 0);
	expect_marker_mended();
	assert_int_equal(unlink("store/oci-layout"), 0);
	assert_int_equal(mkdir("store/oci-layout", 0755), 0);
	expect_marker_mended();
	assert_int_equal(unlink("store/oci-layout"), 0);
	assert_int_equal(symlink("nowhere", "store/oci-layout"), 0);
	expect_marker_mended();
	assert_int_equal(unlink("store/oci-layout"), 0);
	assert_int_equal(mkfifo("store/oci-layout", 0644), 0);
	expect_marker_mended();
}

/* What is there now is noticed as damage, and what `refs` say is made of it. */
static void expect_index_mended(struct layout *layout, const struct layout_ref *refs, size_t len, const char *whole)
{
	cleanup_free char *text = NULL;
	struct layout_ref *found;
	size_t found_len;

	ok(layout_refs(layout, &found, &found_len, err));
	layout_refs_free(found, found_len);
	assert_true(layout_damaged(layout));
	assert_int_equal(layout_mend_tags(layout, refs, len, NULL), 1);
	assert_false(layout_damaged(layout));
	text = read_all_text("store/index.json");
	assert_string_equal(text, whole);
}

static void test_damaged_index(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	const char *names[] = { "a:1", "example.org/x/web:latest" };
	struct layout_ref refs[3] = { { .reference = (char *)(uintptr_t)names[0] },
				      { .reference = (char *)(uintptr_t)names[1] },
				      { .reference = (char[]){ "gone:1" } } };
	cleanup_free char *whole = NULL;
	size_t len;

	(void)state;
	make_image(layout, &amd64, "one", refs[0].digest);
	memcpy(refs[1].digest, refs[0].digest, DIGEST_LEN + 1);
	digest_of("nothing", refs[2].digest);
	ok(layout_tag(layout, refs[0].digest, names, 2, err));
	whole = read_all_text("store/index.json");
	len = strlen(whole);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *text = mem_strdup(whole);

		text[i] = (char)(text[i] ^ 1 << i % 8);
		write_bytes("store/index.json", text, len);
		expect_index_mended(layout, refs, 3, whole);
		if (i % 16 > 0)
			continue;
		write_bytes("store/index.json", whole, i);
		expect_index_mended(layout, refs, 3, whole);
	}
	assert_true(fs_exists("store/index.json.damaged"));
	/* A tag that nobody made. */
	write_text("store/index.json", "{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_INDEX_TYPE
				       "\",\"digest\":\"what\",\"size\":1}]}");
	expect_index_mended(layout, refs, 3, whole);
	assert_int_equal(unlink("store/index.json"), 0);
	assert_int_equal(mkdir("store/index.json", 0755), 0);
	expect_index_mended(layout, refs, 3, whole);
	assert_int_equal(unlink("store/index.json"), 0);
	assert_int_equal(layout_mend_tags(layout, refs, 3, NULL), 0);
	ok(layout_tag(layout, refs[0].digest, names, 2, err));
}

/* One process of many: opens the store for itself, makes an image and tags it several times. */
static int writer(int number)
{
	struct layout *layout = NULL;

	if (layout_open("store", true, &layout, NULL) < 0)
		return 1;
	for (int i = 0; i < 4; i++) {
		char digest[DIGEST_LEN + 1];
		cleanup_free char *layer = mem_printf("layer %d", number);
		cleanup_free char *name = mem_printf("example.org/n%d:t%d", number, i);
		const char *names[] = { name };

		make_image(layout, &amd64, layer, digest);
		if (layout_tag(layout, digest, names, 1, NULL) < 0)
			return 1;
	}
	layout_free(layout);
	return 0;
}

static void test_many_processes(void **state)
{
	pid_t children[WRITERS];
	struct layout_ref *refs;
	cleanup_layout struct layout *layout = NULL;
	size_t len;

	(void)state;
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(writer(i));
	}
	for (int i = 0; i < WRITERS; i++) {
		int status;

		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	layout = open_store();
	ok(layout_refs(layout, &refs, &len, err));
	assert_int_equal(len, WRITERS * 4);
	for (size_t i = 0; i < len; i++)
		assert_true(layout_complete(layout, refs[i].digest));
	layout_refs_free(refs, len);
	assert_int_equal(count_files("store/tmp"), 0);
}

/* What a killed process left below tmp/ goes with the next write; what a living one has there stays. */
/* What stops it is told: a folder that cannot be locked is not one that another process has. */
static void test_no_descriptor(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	refused(layout_write(layout, "hello", 5, digest, err), strerror(EMFILE));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	ok(layout_write(layout, "hello", 5, digest, err));
	assert_int_equal(count_files("store/tmp"), 0);
}

static void test_sweep(void **state)
{
	cleanup_layout struct layout *living = open_store();
	cleanup_layout struct layout *layout = NULL;
	cleanup_free char *staging = NULL;
	char digest[DIGEST_LEN + 1];
	struct stat st;
	pid_t child;
	int status;

	(void)state;
	ok(layout_staging(living, &staging, err));
	child = fork();
	if (child == 0) {
		struct layout *other = open_store();
		char *left;

		if (layout_staging(other, &left, NULL) < 0 || shell("echo x > %s/file", left) != 0)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(count_files("store/tmp"), 1);
	layout = open_store();
	ok(layout_write(layout, "x", 1, digest, err));
	assert_int_equal(count_files("store/tmp"), 0);
	assert_int_equal(stat(staging, &st), 0);
}

/* kill -9 at any moment leaves blobs that are whole, and an index.json that can be read. */
static void test_kill(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		cleanup_layout struct layout *layout = NULL;
		struct layout_ref *refs;
		size_t len;
		pid_t child = fork();
		int status;

		if (child == 0) {
			for (int n = 0;; n++)
				writer(n);
		}
		usleep(1000 * (useconds_t)i);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		layout = open_store();
		ok(layout_refs(layout, &refs, &len, err));
		for (size_t n = 0; n < len; n++)
			assert_true(layout_complete(layout, refs[n].digest));
		layout_refs_free(refs, len);
		assert_false(fs_exists("store/index.json.damaged"));
		assert_int_equal(
			shell("cd store/blobs/sha256 && for f in *; do [ -e \"$f\" ] || continue; [ \"$(sha256sum < $f)\" = \"$f  -\" ] || exit 1; done"),
			0);
	}
}

static void test_skopeo(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	const char *names[] = { "ghcr.io/aic-sos/control-plane:1.0", "localhost:5000/x:y", "plain" };
	char index[DIGEST_LEN + 1], found[DIGEST_LEN + 1];

	(void)state;
	if (!have("skopeo"))
		skip();
	make_index(layout, index);
	ok(layout_tag(layout, index, names, 3, err));
	for (size_t i = 0; i < 3; i++) {
		cleanup_free char *raw = NULL;

		assert_int_equal(shell("skopeo inspect --raw oci:store:%s > raw", names[i]), 0);
		raw = read_all_text("raw");
		digest_of(raw, found);
		assert_string_equal(found, index);
		assert_int_equal(
			shell("skopeo inspect --config --override-arch arm64 oci:store:%s | grep -q '\"architecture\": \"arm64\"'",
			      names[i]),
			0);
	}
	assert_int_equal(shell("skopeo copy -q --insecure-policy --all oci:store:%s dir:copied", names[0]), 0);
	assert_int_equal(shell("cmp copied/manifest.json raw"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_create),
		TEST(test_open_refuses),
		TEST(test_write_and_read),
		TEST(test_has),
		TEST(test_link_is_no_blob),
		TEST(test_bad_digests),
		TEST(test_damaged_blob),
		TEST(test_too_large),
		TEST(test_complete),
		TEST(test_complete_image),
		TEST(test_complete_forms),
		TEST(test_equal_input_equal_index),
		TEST(test_tag),
		TEST(test_tag_refuses),
		TEST(test_tag_again_writes_nothing),
		TEST(test_damaged_marker),
		TEST(test_damaged_index),
		TEST(test_many_processes),
		TEST(test_no_descriptor),
		TEST(test_sweep),
		TEST(test_kill),
		TEST(test_skopeo),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
