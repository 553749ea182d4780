#include "config.h"

#include "engine/source/statindex.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/sha.h"
#include "engine/source/walk.h"

#define SIZE_LIMIT ((uint64_t)1 << 30) /* bytes: some ten million files */
#define CHECKED offsetof(struct statindex_header, version)

struct statindex {
	struct buf file;
	struct statindex_header header; /* all zero: empty */
	const struct range *dirs;
	const struct stat_record *entries;
	const unsigned char *shas; /* SHA_BYTES each */
	const char *names;
	atomic_uchar *seen; /* a byte for each entry: its name still exists */
};

static bool statindex_valid(const struct buf *file, struct statindex_header *ret)
{
	struct statindex_header header;
	uint64_t size;
	const char *names;

	if (file->len < sizeof(header))
		return false;
	memcpy(&header, file->data, sizeof(header));
	if (memcmp(header.magic, STATINDEX_MAGIC, sizeof(header.magic)) != 0 || header.version != STATINDEX_VERSION)
		return false;
	size = sizeof(header) + (uint64_t)header.dirs * sizeof(struct range) +
	       (uint64_t)header.entries * sizeof(struct stat_record) + (uint64_t)header.shas * SHA_BYTES;
	if (size + header.names != file->len || header.dirs < 2 || header.names == 0)
		return false;
	if (!hash_equal(header.checksum, hash_bytes(file->data + CHECKED, file->len - CHECKED)))
		return false;
	names = file->data + size;
	*ret = header;
	return names[header.names - 1] == '\0';
}

struct statindex *statindex_open(const char *path)
{
	struct statindex *index = mem_alloc(sizeof(*index));
	bool found = false;

	if (!path || fs_read_if(path, SIZE_LIMIT, &index->file, &found, NULL) < 0 || !found ||
	    !statindex_valid(&index->file, &index->header)) {
		buf_free(&index->file);
		return index;
	}
	index->dirs = (const struct range *)(const void *)(index->file.data + sizeof(index->header));
	index->entries = (const struct stat_record *)(const void *)(index->dirs + index->header.dirs);
	index->shas = (const unsigned char *)(index->entries + index->header.entries);
	index->names = (const char *)index->shas + (size_t)index->header.shas * SHA_BYTES;
	index->seen = mem_array(index->header.entries + 1UL, sizeof(*index->seen));
	return index;
}

void statindex_free(struct statindex *index)
{
	if (!index)
		return;
	buf_free(&index->file);
	free(index->seen);
	free(index);
}

size_t statindex_entries(const struct statindex *index)
{
	return index ? index->header.entries : 0;
}

size_t statindex_dirs(const struct statindex *index)
{
	return index ? index->header.dirs : 0;
}

const char *statindex_text(const struct statindex *index, uint32_t offset)
{
	return offset < index->header.names ? index->names + offset : "";
}

const unsigned char *statindex_sha256(const struct statindex *index, const struct stat_record *record)
{
	if (!S_ISREG(record->mode) || record->link == 0 || record->link > index->header.shas)
		return NULL;
	return index->shas + (size_t)(record->link - 1) * SHA_BYTES;
}

struct range statindex_range(const struct statindex *index, uint32_t dir)
{
	struct range none = { 0 };

	if (!index || dir >= index->header.dirs)
		return none;
	if ((uint64_t)index->dirs[dir].first + index->dirs[dir].count > index->header.entries)
		return none;
	return index->dirs[dir];
}

bool statindex_lists(const struct statindex *index, uint32_t dir, const struct stamp *stamp, int64_t now)
{
	struct range range = statindex_range(index, dir);

	/* a time in the future may occur again */
	return range.inode != 0 && range.inode == stamp->inode && range.mtime == stamp->mtime &&
	       range.ctime == stamp->ctime && range.mtime <= now && range.ctime <= now;
}

const struct stat_record *statindex_record(const struct statindex *index, uint32_t entry)
{
	return &index->entries[entry];
}

bool statindex_seen(const struct statindex *index, uint32_t entry)
{
	return atomic_load_explicit(&index->seen[entry], memory_order_relaxed);
}

struct cursor statindex_cursor(const struct statindex *index, uint32_t dir)
{
	struct range range = statindex_range(index, dir);

	return (struct cursor){ .index = index, .at = range.first, .end = range.first + range.count };
}

const struct stat_record *statindex_next(struct cursor *cursor)
{
	if (cursor->at >= cursor->end)
		return NULL;
	atomic_store_explicit(&cursor->index->seen[cursor->at], 1, memory_order_relaxed);
	return &cursor->index->entries[cursor->at++];
}

const struct stat_record *statindex_seek(struct cursor *cursor, const char *name)
{
	for (; cursor->at < cursor->end; cursor->at++) {
		const struct stat_record *record = &cursor->index->entries[cursor->at];
		int order = strcmp(statindex_text(cursor->index, record->name), name);

		if (order > 0)
			return NULL;
		if (order == 0) {
			atomic_store_explicit(&cursor->index->seen[cursor->at++], 1, memory_order_relaxed);
			return record;
		}
		cursor->dropped = true;
	}
	return NULL;
}

void statindex_end(struct cursor *cursor)
{
	cursor->dropped |= cursor->at < cursor->end;
}

/* The folder of a name, or STATINDEX_NONE. Folders always come after their parent, so there can be no cycle. */
static uint32_t child(const struct statindex *index, uint32_t dir, const char *name, size_t len)
{
	struct range range = statindex_range(index, dir);
	uint32_t low = range.first, high = range.first + range.count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct stat_record *record = &index->entries[middle];
		const char *text = statindex_text(index, record->name);
		int order = strncmp(text, name, len);

		if (order == 0 && text[len])
			order = 1;
		if (order == 0)
			return record->dir > dir ? record->dir : STATINDEX_NONE;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return STATINDEX_NONE;
}

uint32_t statindex_find(const struct statindex *index, const char *base, const char *path)
{
	const char *relative = path_relative(base, path);
	uint32_t dir = relative ? 0 : 1;

	if (statindex_entries(index) == 0)
		return STATINDEX_NONE;
	if (!relative)
		relative = path + 1;
	else if (strcmp(relative, ".") == 0)
		relative = "";
	while (*relative && dir != STATINDEX_NONE) {
		const char *end = strchrnul(relative, '/');

		dir = child(index, dir, relative, (size_t)(end - relative));
		relative = *end ? end + 1 : end;
	}
	return dir;
}
