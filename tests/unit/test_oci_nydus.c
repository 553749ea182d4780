#include "config.h"

#include "tests/unit/oci_world.h"

#include "base/map.h"
#include "base/mem.h"
#include "engine/oci/nydus_blob.h"
#include "engine/oci/rafs.h"
#include "engine/oci/tar_stream.h"

/* Blobs and file trees of nydus images, packed from tars made here. That other tools read them is shown in nydus.bats. */

struct sink {
	int fd;
	struct sha256 *sha;
};

static int take(void *data, const void *bytes, size_t len, struct error **ret_err)
{
	struct sink *sink = data;

	sha256_add(sink->sha, bytes, len);
	return fs_write_all(sink->fd, bytes, len, "blob", ret_err);
}

/* A tar, made entry by entry, goes into the blob at once. */
struct tar_packing {
	struct sink sink;
	struct nydus_blob *blob;
	struct error *error; /* the first */
	char digest[DIGEST_LEN + 1];
};

static void begin(struct tar_packing *p, const char *path)
{
	memset(p, 0, sizeof(*p));
	p->sink.fd = open(path, O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC, 0644);
	assert_true(p->sink.fd >= 0);
	ok(sha256_new(&p->sink.sha, err));
	ok(nydus_blob_new(take, &p->sink, &p->blob, err));
}

static void add(struct tar_packing *p, const void *data, size_t len)
{
	if (!p->error)
		nydus_blob_add(p->blob, data, len, &p->error);
}

/* A header, with a type and a link's target put into the block that tar_head_make makes. */
static void add_head(struct tar_packing *p, const char *name, char type, const char *link, uint64_t size)
{
	char block[TAR_BLOCK];
	unsigned sum = 0;

	tar_head_make(name, type, size, block);
	strcpy(block + 157, link);
	memset(block + 148, ' ', 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += (unsigned char)block[i];
	snprintf(block + 148, 8, "%06o", sum);
	add(p, block, sizeof(block));
}

static void add_file(struct tar_packing *p, const char *name, const char *content)
{
	static const char zeros[TAR_BLOCK];
	size_t len = strlen(content);

	add_head(p, name, '0', "", len);
	add(p, content, len);
	add(p, zeros, tar_head_padding(len));
}

static int end(struct tar_packing *p, struct error **ret_err)
{
	static const char zeros[2 * TAR_BLOCK];
	int r;

	add(p, zeros, sizeof(zeros));
	r = p->error ? error_move(ret_err, &p->error) : nydus_blob_end(p->blob, ret_err);
	sha256_done(p->sink.sha, p->digest);
	sha256_free(p->sink.sha);
	nydus_blob_free(p->blob);
	close(p->sink.fd);
	return r;
}

static struct rafs_inode *child(struct rafs_inode *folder, const char *name)
{
	const struct rafs_node *node = map_get(folder->children, name);

	return node ? node->inode : NULL;
}

/* Content is stored once, in pieces of 1 MiB; equal tars give equal blobs; a path that comes twice is the later one. */
static void test_blob(void **state)
{
	struct arena *arena = arena_new();
	cleanup_rafs struct rafs *rafs = NULL;
	struct tar_packing p, again;
	struct rafs_inode *a;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(i ? &again : &p, i ? "again" : "blob");
		add_file(i ? &again : &p, "./a/b", "first");
		add_file(i ? &again : &p, "a/b", "second");
		add_file(i ? &again : &p, "/c", "second");
		add_head(i ? &again : &p, "a/link", '1', "./c", 0);
		add_head(i ? &again : &p, "a/", '5', "", 0);
		ok(end(i ? &again : &p, err));
	}
	assert_string_equal(p.digest, again.digest);
	ok(nydus_blob_read("blob", p.digest, arena, &rafs, err));
	a = child(rafs->root, "a");
	assert_true(rafs->root->implied);
	assert_false(a->implied);
	assert_ptr_equal(child(a, "link"), child(rafs->root, "c"));
	assert_int_equal(child(a, "b")->size, 6);
	assert_int_equal(child(a, "b")->chunks[0], child(rafs->root, "c")->chunks[0]);
	assert_int_equal(rafs->blobs_len, 1);
	assert_int_equal(rafs->blobs[0]->chunks_len, 2);
	assert_string_equal(rafs->blobs[0]->id, digest_hex(p.digest));
	rafs_free(steal_ptr(rafs));
	arena_free(arena);
}

/* A file of 4 GiB, of one chunk repeated and a last one; a folder with 100,000 names. Little of it is ever held. */
static void test_large(void **state)
{
	const uint64_t size = ((uint64_t)4 << 30) + 7;
	struct arena *arena = arena_new();
	cleanup_rafs struct rafs *rafs = NULL;
	char *zeros = mem_alloc(1 << 20);
	struct rafs_inode *large;
	struct tar_packing p;
	char name[40];
	struct stat st;

	(void)state;
	begin(&p, "blob");
	add_head(&p, "large", '0', "", size);
	for (uint64_t at = 0; at < size; at += 1 << 20)
		add(&p, zeros, size - at < 1 << 20 ? (size_t)(size - at) : 1 << 20);
	add(&p, zeros, tar_head_padding(size));
	for (unsigned i = 0; i < 100000; i++) {
		snprintf(name, sizeof(name), "crowd/%u", i * 7919 % 100003);
		add_head(&p, name, '0', "", 0);
	}
	ok(end(&p, err));
	assert_int_equal(stat("blob", &st), 0);
	assert_true(st.st_size < 4 << 20);
	ok(nydus_blob_read("blob", p.digest, arena, &rafs, err));
	large = child(rafs->root, "large");
	assert_int_equal(large->size, size);
	assert_int_equal(large->chunks_len, 4097);
	assert_int_equal(large->chunks[0], large->chunks[4095]);
	assert_int_equal(large->chunks[4096], 1);
	assert_int_equal(map_len(child(rafs->root, "crowd")->children), 100000);
	rafs_free(steal_ptr(rafs));
	arena_free(arena);
	free(zeros);
}

static void refuse(void (*make)(struct tar_packing *p), const char *why)
{
	struct tar_packing p;

	begin(&p, "blob");
	make(&p);
	refused(end(&p, err), why);
}

static void leaves(struct tar_packing *p)
{
	add_file(p, "a/../../b", "x");
}

static void links_elsewhere(struct tar_packing *p)
{
	add_head(p, "a", '1', "b", 0);
}

static void links_folder(struct tar_packing *p)
{
	add_head(p, "d/", '5', "", 0);
	add_head(p, "a", '1', "d", 0);
}

static void is_below_a_file(struct tar_packing *p)
{
	add_file(p, "a", "x");
	add_file(p, "a/b", "x");
}

static void is_unknown(struct tar_packing *p)
{
	add_head(p, "a", 'S', "", 0);
}

static void is_root(struct tar_packing *p)
{
	add_file(p, "./", "x");
}

static void ends_early(struct tar_packing *p)
{
	add_head(p, "a", '0', "", 5000);
}

static void is_deep(struct tar_packing *p)
{
	struct buf record = { 0 };
	char size[8];

	/* A pax header with a path of a thousand folders. */
	buf_str(&record, "2011 path=");
	for (size_t i = 0; i < 1000; i++)
		buf_str(&record, "d/");
	buf_str(&record, "\n");
	snprintf(size, sizeof(size), "%zu", record.len);
	assert_int_equal(record.len, 2011);
	add_head(p, "x", 'x', "", record.len);
	add(p, record.data, record.len);
	add(p, (const char[TAR_BLOCK]){ 0 }, tar_head_padding(record.len));
	add_head(p, "short", '5', "", 0);
	buf_free(&record);
}

static void test_refuses(void **state)
{
	(void)state;
	refuse(leaves, "\"a/../../b\" in the image is refused: it leaves the image");
	refuse(links_elsewhere, "\"a\" in the image is refused: it is a hard link to a file that is not in the same layer");
	refuse(links_folder, "it is a hard link to a file that is not in the same layer");
	refuse(is_below_a_file, "\"a/b\" in the image is refused: a component of its path is not a folder");
	refuse(is_unknown, "\"a\" in the image is refused: it has an unknown type");
	refuse(is_root, "the root must be a folder");
	refuse(ends_early, "the layer's tar ends within an entry");
	refuse(is_deep, "it is too deep");
}

/* Whiteouts hide what is below them alone, wherever they stand in their layer; a folder that has no entry keeps the attributes it
 * has below. */
static void test_merge(void **state)
{
	struct arena *arena = arena_new();
	struct rafs *rafs = rafs_new(arena), *lower = NULL, *upper = NULL;
	struct tar_packing p;

	(void)state;
	begin(&p, "lower");
	add_file(&p, "a/x", "lower");
	add_file(&p, "b/x", "lower");
	add_file(&p, "c/x", "lower");
	add_file(&p, "c/y", "lower");
	add_head(&p, "c/", '5', "", 0);
	add_file(&p, "d", "lower");
	ok(end(&p, err));
	ok(nydus_blob_read("lower", p.digest, arena, &lower, err));
	child(lower->root, "c")->mode = S_IFDIR | 0700;
	begin(&p, "upper");
	add_file(&p, "a/new", "upper");
	add_file(&p, "a/.wh..wh..opq", "");
	add_file(&p, ".wh.b", "");
	add_file(&p, "b/new", "upper");
	add_file(&p, "c/.wh.x", "");
	add_file(&p, "c/.wh.x2", "");
	add_file(&p, "d/e", "upper");
	add_file(&p, ".wh..wh.plnk/1", "aufs");
	ok(end(&p, err));
	ok(nydus_blob_read("upper", p.digest, arena, &upper, err));
	rafs_merge(rafs, lower);
	rafs_merge(rafs, upper);
	assert_null(child(child(rafs->root, "a"), "x"));
	assert_non_null(child(child(rafs->root, "a"), "new"));
	assert_null(child(child(rafs->root, "b"), "x"));
	assert_non_null(child(child(rafs->root, "b"), "new"));
	assert_null(child(child(rafs->root, "c"), "x"));
	assert_null(child(child(rafs->root, "c"), ".wh.x2"));
	assert_non_null(child(child(rafs->root, "c"), "y"));
	assert_int_equal(child(rafs->root, "c")->mode, S_IFDIR | 0700);
	assert_non_null(child(child(rafs->root, "d"), "e"));
	assert_null(child(rafs->root, ".wh..wh.plnk"));
	assert_int_equal(rafs->blobs_len, 2);
	rafs_free(lower);
	rafs_free(upper);
	rafs_free(rafs);
	arena_free(arena);
}

/* Whatever byte of a blob is another one, reading it ends with an error or gives the same tree: nothing else. */
static void test_damage(void **state)
{
	cleanup_buf struct buf whole = { 0 };
	struct tar_packing p;

	(void)state;
	begin(&p, "blob");
	add_file(&p, "a/b", "content");
	add_head(&p, "l", '2', "a/b", 0);
	ok(end(&p, err));
	ok(fs_read("blob", 1 << 20, &whole, err));
	for (size_t i = 0; i < whole.len; i++) {
		struct arena *arena = arena_new();
		struct rafs *rafs = NULL;
		struct error *error = NULL;

		whole.data[i] ^= 0x55;
		ok(fs_replace("damaged", whole.data, whole.len, 0644, err));
		whole.data[i] ^= 0x55;
		if (nydus_blob_read("damaged", p.digest, arena, &rafs, &error) == 0)
			assert_int_equal(child(child(rafs->root, "a"), "b")->size, 7);
		else
			assert_int_equal(error->cls, ERROR_STATE);
		error_free(error);
		rafs_free(rafs);
		arena_free(arena);
	}
}

/* The file tree inside, with bytes changed behind its digest's back: bounds are checked by the reader itself. */
static void test_damaged_tree(void **state)
{
	struct arena *arena = arena_new();
	cleanup_rafs struct rafs *rafs = NULL;
	cleanup_buf struct buf tree = { 0 };
	struct tar_packing p;

	(void)state;
	begin(&p, "blob");
	add_file(&p, "a/b", "content");
	add_file(&p, "a/c", "more");
	add_head(&p, "l", '2', "a/b", 0);
	ok(end(&p, err));
	ok(nydus_blob_read("blob", p.digest, arena, &rafs, err));
	ok(rafs_write(rafs, true, &tree, err));
	for (size_t i = 0; i < tree.len; i++)
		for (unsigned change = 1; change < 256; change = change * 3 + 1) {
			struct arena *own = arena_new();
			struct rafs *read = NULL;
			struct error *error = NULL;

			tree.data[i] = (char)(tree.data[i] ^ change);
			if (rafs_read(tree.data, tree.len, "tree", own, &read, &error) < 0)
				assert_int_equal(error->cls, ERROR_STATE);
			tree.data[i] = (char)(tree.data[i] ^ change);
			error_free(error);
			rafs_free(read);
			arena_free(own);
		}
	for (size_t len = 0; len < tree.len; len += 97) {
		struct rafs *read = NULL;

		if (rafs_read(tree.data, len, "tree", arena, &read, NULL) == 0)
			rafs_free(read);
	}
	rafs_free(steal_ptr(rafs));
	arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_blob),  TEST(test_large),  TEST(test_refuses),
		TEST(test_merge), TEST(test_damage), TEST(test_damaged_tree),
	};

	return cmocka_run_group_tests_name("oci nydus", tests, NULL, NULL);
}
