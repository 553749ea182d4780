#include "config.h"

#include "tests/unit/oci_world.h"

#include "base/base64.h"
#include "engine/oci/convert.h"

/* Real tars, made by tar(1), as layers of an image in the store; what comes out is read by gzip, zstd and tar. */

/* Files of every kind: long names, links, a fifo, extended attributes, a sparse size, more than one chunk of content. */
static const char tree[] = "umask 022; mkdir -p t/bin t/empty && cd t && printf hello >bin/hello && : >bin/nothing && "
			   "ln -s hello bin/link && "
			   "ln bin/hello bin/hard && mkfifo bin/fifo && chmod 4755 bin/hello && printf x >'a name with "
			   "\"quotes\" and \\ ' && "
			   "n=$(printf 'long%.0s' $(seq 60)) && printf long >$n && ln -s $n$n to-long && head -c "
			   "9000000 /dev/zero | "
			   "tr '\\0' z >big && head -c 512 /dev/zero >block && printf '\\303\\244' >$(printf "
			   "'\\303\\244')";

static void make_layer(const char *pack, const char *tar_options)
{
	assert_int_equal(shell("%s", tree), 0);
	assert_int_equal(
		shell("tar -C t %s --sort=name --mtime=@1700000000 --owner=ann:7 --group=team:70000 -cf layer.tar . && %s layer.tar >layer",
		      tar_options, pack),
		0);
}

/* An image of one layer, the file "layer"; its diff id is that of "layer.tar". */
static void put_image(struct layout *layout, const char *layer_type, char ret_digest[DIGEST_LEN + 1])
{
	char layer[DIGEST_LEN + 1], diff_id[DIGEST_LEN + 1], config[DIGEST_LEN + 1];
	cleanup_free char *config_text = NULL, *manifest = NULL, *path = NULL;
	uint64_t size;

	ok(digest_file("layer.tar", diff_id, NULL, err));
	ok(digest_file("layer", layer, &size, err));
	path = layout_blob_path(layout, layer);
	assert_int_equal(shell("cp layer %s", path), 0);
	config_text = mem_printf(
		"{\"os\":\"linux\",\"config\":{\"User\":\"7\"},\"architecture\":\"amd64\",\"rootfs\":{\"diff_ids\":[\"%s\"],\"type\":\"layers\"}}",
		diff_id);
	ok(layout_write(layout, config_text, strlen(config_text), config, err));
	manifest = mem_printf(
		"{\"schemaVersion\":2,\"mediaType\":\"" OCI_MANIFEST_TYPE "\",\"config\":{\"mediaType\":\"" OCI_CONFIG_TYPE
		"\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%llu}]}",
		config, strlen(config_text), layer_type, layer, (unsigned long long)size);
	ok(layout_write(layout, manifest, strlen(manifest), ret_digest, err));
}

static struct converted convert(struct layout *layout, const char *digest, enum convert_form form,
				struct convert_memory *memory)
{
	const struct convert job = { .layout = layout, .memory = memory, .digest = digest, .form = form };
	struct converted made;

	ok(convert_image(&job, &made, err));
	return made;
}

/* Puts the one layer of the image to "made", uncompressed to "made.tar". */
static struct image *take(struct layout *layout, const char *digest, const char *unpack)
{
	cleanup_free char *path = NULL;
	char found[DIGEST_LEN + 1];
	struct image *image;

	ok(image_read(layout, digest, &image, err));
	assert_int_equal(image->layers_len, 1);
	path = layout_blob_path(layout, image->layers[0].digest);
	assert_int_equal(shell("cp %s made && chmod u+w made && %s made >made.tar", path, unpack), 0);
	ok(digest_file("made.tar", found, NULL, err));
	assert_string_equal(found, image->diff_ids[0]);
	return image;
}

static void test_zstd(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_image struct image *image = NULL;
	cleanup_image struct image *plain = NULL;
	struct converted made, again;
	char digest[DIGEST_LEN + 1];

	(void)state;
	if (!have("zstd"))
		skip();
	make_layer("gzip -c", "");
	put_image(layout, OCI_LAYER_TYPE "+gzip", digest);
	made = convert(layout, digest, CONVERT_ZSTD, NULL);
	image = take(layout, made.digest, "zstd -qdcf <");
	assert_string_equal(image->layers[0].media_type, OCI_LAYER_TYPE "+zstd");
	assert_int_equal(shell("test \"$(head -c 4 made | od -An -tx1)\" = ' 28 b5 2f fd' && cmp layer.tar made.tar"), 0);
	ok(image_read(layout, digest, &plain, err));
	assert_string_equal(image->config.digest, plain->config.digest);
	assert_int_equal(made.size, image->size);
	/* Equal in, equal out; what is zstd already stays. */
	again = convert(layout, digest, CONVERT_ZSTD, NULL);
	assert_string_equal(again.digest, made.digest);
	free(again.detail);
	again = convert(layout, made.digest, CONVERT_ZSTD, NULL);
	assert_string_equal(again.digest, made.digest);
	free(again.detail);
	free(made.detail);
}

/* The table of contents of "made", to "toc". */
static struct json *read_table(const struct descriptor *layer, uint64_t *ret_offset)
{
	char digest[DIGEST_LEN + 1], offset[17];
	cleanup_free char *text = NULL;
	struct json *toc;
	struct stat st;
	FILE *file;

	(void)layer;
	assert_int_equal(stat("made", &st), 0);
	assert_int_equal(
		shell("tail -c 51 made >footer && gzip -t footer && test \"$(head -c 16 footer | od -An -tx1 | tr -d ' \\n')\" = 1f8b08040000000000ff1a0053471600"),
		0);
	file = fopen("footer", "r");
	assert_non_null(file);
	assert_int_equal(fseek(file, 16, SEEK_SET), 0);
	assert_int_equal(fread(offset, 1, 16, file), 16);
	offset[16] = '\0';
	fclose(file);
	*ret_offset = strtoull(offset, NULL, 16);
	assert_int_equal(
		shell("grep -q STARGZ footer && tail -c +%llu made | gzip -dc 2>/dev/null | tar -xOf - stargz.index.json >toc",
		      (unsigned long long)*ret_offset + 1),
		0);
	text = read_all_text("toc");
	ok(digest_bytes(text, strlen(text), digest, err));
	ok(json_parse(text, strlen(text), "toc", &toc, err));
	assert_int_equal(json_int(toc, "version"), 1);
	assert_int_equal(shell("test %s = \"$(cat annotation)\"", digest), 0);
	return toc;
}

static const struct json *find(const struct json *toc, const char *name, const char *type)
{
	const struct json *entries = json_get(toc, "entries");

	for (size_t i = 0; i < json_len(entries); i++)
		if (strcmp(json_str(json_at(entries, i), "name"), name) == 0 &&
		    (!type || strcmp(json_str(json_at(entries, i), "type"), type) == 0))
			return json_at(entries, i);
	fail_msg("%s is not in the table", name);
	return NULL;
}

/* The content that begins at the gzip member which an entry names. */
static void check_content(const struct json *entry, uint64_t size)
{
	assert_int_equal(
		shell("test \"$(tail -c +%lld made | gzip -dc 2>/dev/null | head -c %llu | sha256sum | cut -c 1-64)\" = %s",
		      (long long)json_int(entry, "offset") + 1, (unsigned long long)size,
		      json_str(entry, "chunkDigest") + 7),
		0);
}

static void annotation(struct layout *layout, const char *digest)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *manifest = NULL;
	const struct json *annotations;

	ok(layout_read(layout, digest, &text, err));
	ok(json_parse(text.data, text.len, digest, &manifest, err));
	annotations = json_get(json_at(json_get(manifest, "layers"), 0), "annotations");
	write_text("annotation", json_str(annotations, "containerd.io/snapshot/stargz/toc.digest"));
	assert_int_equal(shell("test %s = $(stat -c %%s made.tar)",
			       json_str(annotations, "io.containers.estargz.uncompressed-size")),
			 0);
}

static void check_table(const struct json *toc, bool xattrs)
{
	const struct json *hello = find(toc, "./bin/hello", NULL), *big = find(toc, "./big", "reg"), *chunk;
	cleanup_free char *name = mem_alloc(300);
	struct buf xattr = { 0 };

	strcpy(name, "./");
	for (size_t i = 0; i < 60; i++)
		strcat(name, "long");
	check_content(find(toc, name, "reg"), 4);
	check_content(find(toc, "./a name with \"quotes\" and \\ ", "reg"), 1);
	check_content(find(toc, "./\303\244", "reg"), 2);
	check_content(find(toc, "./block", "reg"), 512);
	check_content(find(toc, ".no.prefetch.landmark", "reg"), 1);
	assert_int_equal(json_int(hello, "mode"), 04755);
	assert_int_equal(json_int(hello, "uid"), 7);
	assert_int_equal(json_int(hello, "gid"), 70000);
	assert_string_equal(json_str(hello, "userName"), "ann");
	assert_string_equal(json_str(hello, "modtime"), "2023-11-14T22:13:20Z");
	assert_string_equal(json_str(find(toc, "./bin/link", "symlink"), "linkName"), "hello");
	assert_int_equal(strlen(json_str(find(toc, "./to-long", "symlink"), "linkName")), 480);
	assert_null(json_get(find(toc, "./bin/nothing", "reg"), "offset"));
	find(toc, "./bin/fifo", "fifo");
	find(toc, "./empty/", "dir");
	/* 9,000,000 bytes are three chunks. */
	assert_int_equal(json_int(big, "size"), 9000000);
	assert_int_equal(json_int(big, "chunkSize"), 4 << 20);
	check_content(big, 4 << 20);
	chunk = find(toc, "./big", "chunk");
	assert_int_equal(json_int(chunk, "chunkOffset"), 4 << 20);
	assert_int_equal(json_int(chunk, "chunkSize"), 4 << 20);
	check_content(chunk, 4 << 20);
	if (xattrs) {
		assert_true(base64_decode(json_str(json_get(hello, "xattrs"), "user.cbuild"), &xattr));
		assert_string_equal(xattr.data, "it");
		buf_free(&xattr);
	}
}

static void estargz_of(const char *pack, const char *type, const char *tar_options)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_image struct image *image = NULL;
	cleanup_json struct json *toc = NULL;
	struct converted made, again;
	char digest[DIGEST_LEN + 1];
	uint64_t offset;

	make_layer(pack, tar_options);
	put_image(layout, type, digest);
	made = convert(layout, digest, CONVERT_ESTARGZ, NULL);
	image = take(layout, made.digest, "gzip -dc");
	assert_string_equal(image->layers[0].media_type, OCI_LAYER_TYPE "+gzip");
	assert_string_equal(image->user, "7");
	annotation(layout, made.digest);
	toc = read_table(&image->layers[0], &offset);
	check_table(toc, strstr(tar_options, "xattr") != NULL);
	/* All other entries are what they were. */
	assert_int_equal(shell("list() { tar --numeric-owner --full-time -tvf $1 2>/dev/null | tr -s ' ' | grep -vE "
			       "' (.no.prefetch.landmark|stargz.index.json)$'; }; list layer.tar >was; list made.tar "
			       ">is; "
			       "cmp was is && test $(wc -l <is) -gt 12 && mkdir -p x && tar -C x -xf made.tar "
			       "2>/dev/null && "
			       "diff -r --no-dereference -x fifo -x .no.prefetch.landmark -x stargz.index.json t x"),
			 0);
	/* An eStargz layer is made into the same one, not wrapped in another. */
	again = convert(layout, made.digest, CONVERT_ESTARGZ, NULL);
	assert_string_equal(again.digest, made.digest);
	free(again.detail);
	free(made.detail);
}

static void test_estargz_gnu(void **state)
{
	(void)state;
	estargz_of("gzip -c", OCI_LAYER_TYPE "+gzip", "--format=gnu");
}

static void test_estargz_pax(void **state)
{
	(void)state;
	if (!have("zstd"))
		skip();
	estargz_of("zstd -qc", OCI_LAYER_TYPE "+zstd", "--format=pax --xattrs --pax-option=SCHILY.xattr.user.cbuild:=it");
}

static void test_estargz_plain(void **state)
{
	(void)state;
	estargz_of("cat", OCI_LAYER_TYPE, "--format=gnu -b 1");
}

/* What was packed before is taken again, and packed anew when it is gone. */
static void test_memory(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	struct convert_memory *memory = convert_memory_new();
	cleanup_image struct image *image = NULL;
	cleanup_free char *path = NULL;
	struct converted made, again;
	char digest[DIGEST_LEN + 1];
	struct stat before, after;

	(void)state;
	make_layer("gzip -c", "");
	put_image(layout, OCI_LAYER_TYPE "+gzip", digest);
	made = convert(layout, digest, CONVERT_ESTARGZ, NULL);
	image = take(layout, made.digest, "gzip -dc");
	path = layout_blob_path(layout, image->layers[0].digest);
	assert_int_equal(stat(path, &before), 0);
	convert_memory_learn(memory, "{\"form\":\"estargz\",\"layers\":[{\"from\":\"../..\"}]}");
	convert_memory_learn(memory, made.detail);
	again = convert(layout, digest, CONVERT_ESTARGZ, memory);
	assert_string_equal(again.digest, made.digest);
	assert_string_equal(again.detail, made.detail);
	assert_int_equal(stat(path, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	free(again.detail);
	assert_int_equal(unlink(path), 0);
	again = convert(layout, digest, CONVERT_ESTARGZ, memory);
	assert_string_equal(again.digest, made.digest);
	assert_int_equal(stat(path, &after), 0);
	free(again.detail);
	free(made.detail);
	convert_memory_free(memory);
}

static void refuse(struct layout *layout, enum convert_form form, const char *digest, const char *why)
{
	const struct convert job = { .layout = layout, .digest = digest, .form = form };
	struct converted made;

	refused(convert_image(&job, &made, err), why);
}

static void test_refuses(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	char digest[DIGEST_LEN + 1];

	(void)state;
	/* A layer that is not what the config says. */
	make_layer("gzip -c", "");
	assert_int_equal(shell("printf x >>layer.tar"), 0);
	put_image(layout, OCI_LAYER_TYPE "+gzip", digest);
	refuse(layout, CONVERT_ZSTD, digest, "but the config says");
	refuse(layout, CONVERT_ESTARGZ, digest, "but the config says");
	/* One that ends too early, one that is no tar, and a name that no table can hold. */
	assert_int_equal(shell("head -c 100000 layer.tar >cut && mv cut layer.tar && cp layer.tar layer"), 0);
	put_image(layout, OCI_LAYER_TYPE, digest);
	refuse(layout, CONVERT_ESTARGZ, digest, "ends within an entry");
	assert_int_equal(shell("head -c 1024 /dev/zero | tr '\\0' 1 >layer.tar; cp layer.tar layer"), 0);
	put_image(layout, OCI_LAYER_TYPE, digest);
	refuse(layout, CONVERT_ESTARGZ, digest, "wrong checksum");
	assert_int_equal(
		shell("mkdir n && printf x >n/$(printf '\\377') && tar -C n -cf layer.tar . && cp layer.tar layer"), 0);
	put_image(layout, OCI_LAYER_TYPE, digest);
	refuse(layout, CONVERT_ESTARGZ, digest, "not UTF-8");
	assert_int_equal(
		shell("truncate -s 1M hole && printf x >>hole && tar -S --format=pax -cf layer.tar hole && cp layer.tar layer"),
		0);
	put_image(layout, OCI_LAYER_TYPE, digest);
	refuse(layout, CONVERT_ESTARGZ, digest, "a sparse file");
}

static bool always(void *data)
{
	(void)data;
	return true;
}

static void test_cancel(void **state)
{
	cleanup_layout struct layout *layout = open_store();
	cleanup_error struct error *error = NULL;
	struct convert job = { .layout = layout, .form = CONVERT_ESTARGZ, .cancelled = always };
	struct converted made;
	char digest[DIGEST_LEN + 1];

	(void)state;
	make_layer("gzip -c", "");
	put_image(layout, OCI_LAYER_TYPE "+gzip", digest);
	job.digest = digest;
	assert_int_equal(convert_image(&job, &made, &error), -1);
	assert_int_equal(error->cls, ERROR_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_zstd),   TEST(test_estargz_gnu), TEST(test_estargz_pax), TEST(test_estargz_plain),
		TEST(test_memory), TEST(test_refuses),     TEST(test_cancel),
	};

	return cmocka_run_group_tests_name("oci convert", tests, NULL, NULL);
}
