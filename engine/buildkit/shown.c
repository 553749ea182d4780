#include "config.h"

#include "engine/buildkit/shown.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/buildkit/filesync.h"

#define FILE_LIMIT ((uint64_t)1 << 30) /* bytes of the remembered items: some thirty million files */
/* Entries of deleted files are dropped when there are more than this many */
#define OLD_TIMES 8 /* times as many as current ones, and */
#define OLD_MORE 4096
#define MAGIC "cbldshw1"

/* What identifies a file for the daemon, and its content. */
struct shown_item {
	struct hash128 look, content;
};

/* Header of the file that stores them; the sorted items follow. */
struct shown_head {
	char magic[8];
	struct hash128 checksum; /* of everything after it */
	char key[HASH_HEX];
	uint64_t items;
};
#define CHECKED offsetof(struct shown_head, key)

struct memory {
	struct shown_head head;
	struct shown_item *items; /* sorted by look */
	size_t len;
	struct shown_item *added; /* not sorted */
	size_t added_len, added_cap;
};

static struct shown_item describe_entry(const char *folder, const struct filesync_entry *entry)
{
	const struct {
		uint64_t size;
		int64_t mtime;
		uint64_t mode;
	} shown = { S_ISREG(entry->mode) ? entry->size : 0, S_ISDIR(entry->mode) ? 0 : entry->mtime,
		    S_ISDIR(entry->mode) ? S_IFDIR : entry->mode };
	cleanup_buf struct buf look = { 0 };
	struct shown_item item = { .content = entry->digest };

	buf_add(&look, folder, strlen(folder) + 1);
	buf_add(&look, entry->path, strlen(entry->path) + 1);
	buf_add(&look, &shown, sizeof(shown));
	item.look = hash_bytes(look.data, look.len);
	if (S_ISDIR(entry->mode))
		item.content = (struct hash128){ .lo = entry->mode };
	else if (S_ISLNK(entry->mode))
		item.content = hash_bytes(entry->link, strlen(entry->link));
	return item;
}

static int by_look(const void *a, const void *b)
{
	const struct hash128 *x = &((const struct shown_item *)a)->look, *y = &((const struct shown_item *)b)->look;

	if (x->hi != y->hi)
		return x->hi < y->hi ? -1 : 1;
	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

static const struct shown_item *find_shown(const struct memory *memory, const struct shown_item *item)
{
	return memory->len > 0 ? bsearch(item, memory->items, memory->len, sizeof(*item), by_look) : NULL;
}

/* False: it cannot be shown under this key. */
static bool settle(struct memory *memory, const char *folder, struct filesync_entry *entry)
{
	for (;;) {
		struct shown_item item = describe_entry(folder, entry);
		const struct shown_item *known = find_shown(memory, &item);

		if (known && hash_equal(known->content, item.content))
			return true;
		if (!known) {
			mem_reserve(&memory->added, &memory->added_cap, memory->added_len + 1, sizeof(item));
			memory->added[memory->added_len++] = item;
			return true;
		}
		if (S_ISDIR(entry->mode))
			return false;
		entry->mtime++;
	}
}

static int new_key(struct memory *memory, struct error **err)
{
	struct hash128 random;
	char hex[HASH_HEX + 1];

	if (getentropy(&random, sizeof(random)) < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot get random bytes for a key");
	hash_hex(random, hex);
	memcpy(memory->head.magic, MAGIC, sizeof(memory->head.magic));
	memcpy(memory->head.key, hex, HASH_HEX);
	memory->len = memory->added_len = 0;
	return 0;
}

static bool recall(struct memory *memory, const struct buf *file)
{
	if (file->len < sizeof(memory->head))
		return false;
	memcpy(&memory->head, file->data, sizeof(memory->head));
	memory->len = (file->len - sizeof(memory->head)) / sizeof(*memory->items);
	if (memcmp(memory->head.magic, MAGIC, sizeof(memory->head.magic)) != 0 || memory->head.items != memory->len ||
	    (file->len - sizeof(memory->head)) % sizeof(*memory->items) != 0 ||
	    !hash_equal(memory->head.checksum, hash_bytes(file->data + CHECKED, file->len - CHECKED)))
		return false;
	memory->items = mem_array(memory->len + 1, sizeof(*memory->items));
	memcpy(memory->items, file->data + sizeof(memory->head), memory->len * sizeof(*memory->items));
	return true;
}

static void write_memory(struct memory *memory, struct buf *out)
{
	size_t len = memory->len + memory->added_len;
	cleanup_free struct shown_item *all = mem_array(len + 1, sizeof(*all));

	if (memory->len > 0)
		memcpy(all, memory->items, memory->len * sizeof(*all));
	if (memory->added_len > 0)
		memcpy(all + memory->len, memory->added, memory->added_len * sizeof(*all));
	qsort(all, len, sizeof(*all), by_look);
	memory->head.items = len;
	buf_add(out, &memory->head, sizeof(memory->head));
	buf_add(out, all, len * sizeof(*all));
	memory->head.checksum = hash_bytes(out->data + CHECKED, out->len - CHECKED);
	memcpy(out->data, &memory->head, sizeof(memory->head));
}

static bool settle_all(struct memory *memory, struct filesync_folder *folders, size_t len)
{
	size_t entries = 0;

	for (size_t i = 0; i < len; i++) {
		entries += folders[i].len;
		for (size_t j = 0; j < folders[i].len; j++)
			if (!settle(memory, folders[i].name, &folders[i].entries[j]))
				return false;
	}
	return memory->len + memory->added_len <= entries * OLD_TIMES + OLD_MORE;
}

/* A copy of the checkout includes this file, which does not apply to it: so the folder's location is part of it. */
static int complete_key(const struct memory *memory, const char *dir, char ret[SHOWN_KEY + 1], struct error **err)
{
	char hex[HASH_HEX + 1];
	struct stat st;
	struct {
		uint64_t device, inode;
	} place;

	if (stat(dir, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", dir);
	place.device = (uint64_t)st.st_dev;
	place.inode = (uint64_t)st.st_ino;
	hash_hex(hash_bytes(&place, sizeof(place)), hex);
	memcpy(ret, memory->head.key, HASH_HEX);
	ret[HASH_HEX] = '-';
	memcpy(ret + HASH_HEX + 1, hex, HASH_HEX + 1);
	return 0;
}

static int settle_in(struct memory *memory, const char *path, struct filesync_folder *folders, size_t len,
		     struct error **err)
{
	cleanup_buf struct buf file = { 0 }, out = { 0 };
	bool found;

	if (fs_read_if(path, FILE_LIMIT, &file, &found, NULL) < 0 || !recall(memory, &file) ||
	    !settle_all(memory, folders, len)) {
		if (new_key(memory, err) < 0)
			return -1;
		settle_all(memory, folders, len);
	}
	write_memory(memory, &out);
	if (out.len == file.len && memcmp(out.data, file.data, out.len) == 0)
		return 0;
	return fs_replace(path, out.data, out.len, 0644, err);
}

int shown_settle(const char *dir, const char *name, struct filesync_folder *folders, size_t len,
		 char ret[SHOWN_KEY + 1], struct error **err)
{
	char hex[HASH_HEX + 1];
	cleanup_free char *lock = path_join(dir, "lock"), *path = NULL;
	cleanup_fd int fd = -1;
	struct memory memory = { .len = 0 };
	int r;

	hash_hex(hash_bytes(name, strlen(name)), hex);
	path = path_join(dir, hex);
	if (fs_mkdirs(dir, 0755, err) < 0 || fs_lock(lock, true, &fd, err) < 0)
		return -1;
	r = settle_in(&memory, path, folders, len, err);
	if (r == 0)
		r = complete_key(&memory, dir, ret, err);
	free(memory.items);
	free(memory.added);
	return r;
}
