#include "config.h"

#include "engine/source/handed.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/source/chosen.h"
#include "engine/source/context.h"
#include "engine/source/select.h"
#include "engine/source/walk.h"

#define FILE_LIMIT ((uint64_t)1 << 30) /* bytes of what is remembered: some thirty million files */
/* Entries of deleted files are dropped above this number. */
#define OLD_TIMES 8 /* as many as there are now, and */
#define OLD_MORE 4096

/* A file: what the builder tells it by, and what tells its bytes. A folder: its path, and its mode. */
struct item {
	struct hash128 name, bytes;
};

/* The head of the file that remembers them; the items, sorted by name, follow it. */
struct head {
	char magic[8];
	struct hash128 checksum; /* of everything behind it */
	char name[HANDED_NAME];
	uint64_t items;
};
#define HANDED_MAGIC "cbldhan1"
#define HANDED_MAGIC_BYTES                             \
	{                                              \
		'c', 'b', 'l', 'd', 'h', 'a', 'n', '1' \
	}
#define CHECKED offsetof(struct head, name)

struct handed {
	struct item *items;
	size_t len, cap;
};

struct handed *handed_new(void)
{
	return mem_alloc(sizeof(struct handed));
}

void handed_free(struct handed *handed)
{
	if (!handed)
		return;
	free(handed->items);
	free(handed);
}

void handed_cleanup(struct handed **handed)
{
	handed_free(*handed);
}

static void add(struct handed *handed, const char *context, const char *path, const struct stamp *stamp,
		struct hash128 digest)
{
	const struct {
		uint64_t size;
		int64_t mtime;
	} shown = { stamp->size, stamp->mtime };
	const struct {
		struct hash128 digest;
		int64_t ctime;
		uint64_t inode;
	} bytes = { digest, stamp->ctime, stamp->inode };
	cleanup_buf struct buf name = { 0 };

	buf_add(&name, context, strlen(context) + 1);
	buf_add(&name, path, strlen(path) + 1);
	buf_add(&name, &shown, sizeof(shown));
	mem_reserve(&handed->items, &handed->cap, handed->len + 1, sizeof(*handed->items));
	handed->items[handed->len++] = (struct item){
		.name = hash_bytes(name.data, name.len),
		.bytes = hash_bytes(&bytes, sizeof(bytes)),
	};
}

/* The builder would give its copy the new mode, and go on using what it has built with the old one. */
static void add_folder(struct handed *handed, const char *context, const char *path, uint32_t mode)
{
	const struct stamp stamp = { .size = UINT64_MAX };

	mode &= 07777;
	add(handed, context, path, &stamp, hash_bytes(&mode, sizeof(mode)));
}

void handed_add(struct handed *handed, const char *context, struct source *source, size_t selection)
{
	size_t len;
	const struct source_entry *entries = source_entries(source, selection, &len);

	for (size_t i = 0; i < len; i++) {
		const struct source_entry *entry = &entries[i];

		if (entry->type == 'f')
			add(handed, context, entry->path, source_stamp(source, selection, i), entry->digest);
		else if (entry->type == 'd')
			add_folder(handed, context, entry->path, entry->mode);
	}
}

static int add_below(struct handed *handed, const char *context, const char *path, const char *relative,
		     struct error **err)
{
	static const struct filter everything = { .whole = true };
	static const struct hash128 none;
	struct selector *selector = selector_new(&everything);
	struct top top = { .path = path, .selectors = (const struct selector *[]){ selector }, .selectors_len = 1 };
	struct walk walk = { .base = path, .tops = (struct top *[]){ &top }, .tops_len = 1, .threads = 1 };
	struct chosen chosen = { 0 };
	int status = walk_run(&walk, err);

	if (status == 0 && top.dir)
		chosen_collect(&chosen, &top, selector);
	for (size_t i = 0; i < chosen.len; i++) {
		const struct walk_node *node = chosen.nodes[i];
		cleanup_free char *inner = path_join(relative, node->path + chosen.depth);

		if (S_ISREG(node->mode))
			add(handed, context, inner, &node->stamp, none);
		else if (S_ISDIR(node->mode))
			add_folder(handed, context, inner, node->mode);
	}
	chosen_free(&chosen);
	walk_free(&walk);
	selector_free(selector);
	return status;
}

int handed_add_path(struct handed *handed, const char *context, const char *root, const char *relative, struct error **err)
{
	static const struct hash128 none;
	cleanup_free char *path = path_join(root, relative);
	struct stamp stamp;
	struct stat st;
	int there = fs_find(path, &st, err);

	if (there <= 0)
		return there < 0 ? -1 : error_make(err, ERROR_USAGE, "%s: is not there", path);
	if (S_ISDIR(st.st_mode)) {
		add_folder(handed, context, relative, st.st_mode);
		return add_below(handed, context, path, relative, err);
	}
	stamp = walk_stamp(&st);
	add(handed, context, relative, &stamp, none);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct hash128 *x = &((const struct item *)a)->name, *y = &((const struct item *)b)->name;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static bool valid(const struct buf *file)
{
	struct head head;

	if (file->len < sizeof(head))
		return false;
	memcpy(&head, file->data, sizeof(head));
	return memcmp(head.magic, HANDED_MAGIC, sizeof(head.magic)) == 0 &&
	       head.items == (file->len - sizeof(head)) / sizeof(struct item) &&
	       (file->len - sizeof(head)) % sizeof(struct item) == 0 &&
	       hash_equal(head.checksum, hash_bytes(file->data + CHECKED, file->len - CHECKED));
}

static int new_name(char name[HANDED_NAME], struct error **err)
{
	struct hash128 random;
	char hex[HASH_HEX + 1];

	if (getentropy(&random, sizeof(random)) < 0)
		return error_errno(err, ERROR_STATE, errno, "there is no random number for the name of a folder");
	hash_hex(random, hex);
	memcpy(name, hex, HANDED_NAME);
	return 0;
}

/* Adds what is new to what is remembered, both sorted. False when a file is not what it was, or too much is old. */
static bool merge(struct handed *handed, const struct item *old, size_t old_len, struct item *ret, size_t *ret_len)
{
	size_t len = 0, at = 0;

	for (size_t i = 0; i < handed->len; i++) {
		const struct item *item = &handed->items[i];

		while (at < old_len && by_name(&old[at], item) < 0)
			ret[len++] = old[at++];
		if (at < old_len && by_name(&old[at], item) == 0 && !hash_equal(old[at++].bytes, item->bytes))
			return false;
		if (len > 0 && by_name(&ret[len - 1], item) == 0 && !hash_equal(ret[len - 1].bytes, item->bytes))
			return false;
		if (len == 0 || by_name(&ret[len - 1], item) != 0)
			ret[len++] = *item;
	}
	while (at < old_len)
		ret[len++] = old[at++];
	*ret_len = len;
	return len <= handed->len * OLD_TIMES + OLD_MORE;
}

/* The file as it is to be: the old name with all that was known before, or a new one. */
static int next(struct handed *handed, const struct buf *file, struct buf *out, char ret[HANDED_NAME + 1],
		struct error **err)
{
	struct head head = { .magic = HANDED_MAGIC_BYTES };
	size_t old_len = file->len > 0 ? (file->len - sizeof(head)) / sizeof(struct item) : 0, len = 0;
	cleanup_free struct item *old = mem_array(old_len + 1, sizeof(*old));
	cleanup_free struct item *items = mem_array(handed->len + old_len + 1, sizeof(*items));

	if (file->len > 0) {
		memcpy(&head, file->data, sizeof(head));
		memcpy(old, file->data + sizeof(head), old_len * sizeof(*old));
	}
	if (file->len == 0 || !merge(handed, old, old_len, items, &len)) {
		len = handed->len;
		if (len > 0)
			memcpy(items, handed->items, len * sizeof(*items));
		if (new_name(head.name, err) < 0)
			return -1;
	}
	head.items = len;
	buf_add(out, &head, sizeof(head));
	buf_add(out, items, len * sizeof(*items));
	head.checksum = hash_bytes(out->data + CHECKED, out->len - CHECKED);
	memcpy(out->data, &head, sizeof(head));
	memcpy(ret, head.name, HANDED_NAME);
	ret[HANDED_NAME] = '\0';
	return 0;
}

int handed_name(struct handed *handed, const char *dir, const char *root, char ret[HANDED_NAME + 1], struct error **err)
{
	char hex[HASH_HEX + 1];
	cleanup_free char *lock = path_join(dir, "lock"), *path = NULL;
	cleanup_buf struct buf file = { 0 }, out = { 0 };
	cleanup_error struct error *error = NULL;
	cleanup_fd int fd = -1;
	bool found;

	hash_hex(hash_bytes(root, strlen(root)), hex);
	path = path_join(dir, hex);
	if (handed->len > 0)
		qsort(handed->items, handed->len, sizeof(*handed->items), by_name);
	if (fs_mkdirs(dir, 0755, err) < 0 || fs_lock(lock, true, &fd, err) < 0)
		return -1;
	if (fs_read_if(path, FILE_LIMIT, &file, &found, &error) < 0 && error_unreadable(error))
		return error_move(err, &error);
	if (!valid(&file))
		file.len = 0; /* lost: a new name */
	if (next(handed, &file, &out, ret, err) < 0)
		return -1;
	if (out.len == file.len && memcmp(out.data, file.data, out.len) == 0)
		return 0;
	return fs_replace(path, out.data, out.len, 0644, err);
}
