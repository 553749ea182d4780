#include "config.h"

#include "engine/source/statindex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/source/sha.h"
#include "engine/source/walk.h"

#define DEPTH_MAX 4096 /* folders: more than any path can have */

struct index_writer {
	const struct statindex *old;
	bool *taken; /* of the old index's folders: written already */
	int64_t limit;
	struct range *dirs;
	size_t dirs_len, dirs_cap;
	struct stat_record *records;
	size_t records_len, records_cap;
	struct buf names, shas;
	uint32_t shas_len;
};

/* A walked folder, and the path that remains between the current folder and it. */
struct mount_point {
	const char *rest;
	const struct dir *dir;
};

/* An entry for a name in the current folder. */
struct claim {
	const char *name;
	size_t len;
	const struct stat_record *old;
	const struct walk_node *node;
	const struct other *other;
	struct mount_point mount; /* a top whose path continues through the name */
};

struct name_claims {
	struct claim *items;
	size_t len, cap;
};

static void add_claim(struct name_claims *claims, const struct claim *claim)
{
	mem_reserve(&claims->items, &claims->cap, claims->len + 1, sizeof(*claims->items));
	claims->items[claims->len++] = *claim;
}

static int statindex_write_by_name(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;
	int order = memcmp(x->name, y->name, x->len < y->len ? x->len : y->len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

static void claim_mount(struct name_claims *claims, const struct mount_point *mount)
{
	const char *end = strchrnul(mount->rest, '/');

	if (*mount->rest) {
		add_claim(claims, &(struct claim){ .name = mount->rest,
						   .len = (size_t)(end - mount->rest),
						   .mount = { *end ? end + 1 : end, mount->dir } });
		return;
	}
	for (size_t i = 0; i < mount->dir->len; i++) {
		const struct walk_node *node = &mount->dir->nodes[i];
		const char *name = node->path + mount->dir->prefix;

		add_claim(claims,
			  &(struct claim){ .name = name, .len = strlen(name), .node = node, .mount = { "", node->dir } });
	}
	for (size_t i = 0; i < mount->dir->others_len; i++) {
		const struct other *other = &mount->dir->others[i];

		add_claim(claims, &(struct claim){ .name = other->name, .len = strlen(other->name), .other = other });
	}
}

/* Entries of the old index stay unless a walk saw that the file is gone. */
static void claim_old(struct name_claims *claims, const struct statindex *old, uint32_t dir, bool walked)
{
	struct range range = statindex_range(old, dir);

	for (uint32_t i = range.first; i < range.first + range.count; i++) {
		const struct stat_record *record = statindex_record(old, i);
		const char *name = statindex_text(old, record->name);

		if (!walked || statindex_seen(old, i))
			add_claim(claims, &(struct claim){ .name = name, .len = strlen(name), .old = record });
	}
}

static uint32_t add_name(struct index_writer *w, const char *name, size_t len)
{
	size_t at = w->names.len;

	buf_add(&w->names, name, len);
	buf_char(&w->names, '\0');
	return (uint32_t)at;
}

/* The value of `link` for a file. */
static uint32_t add_sha(struct index_writer *w, const unsigned char *sha256)
{
	if (!sha256)
		return 0;
	buf_add(&w->shas, sha256, SHA_BYTES);
	return ++w->shas_len;
}

static bool storable(const struct index_writer *w, const struct walk_node *node)
{
	return node->known && node->stamp.mtime <= w->limit && node->stamp.ctime <= w->limit;
}

static struct stat_record record_of(struct index_writer *w, const struct walk_node *node)
{
	return (struct stat_record){
		.size = node->stamp.size,
		.mtime = node->stamp.mtime,
		.ctime = node->stamp.ctime,
		.inode = node->stamp.inode,
		.digest_lo = node->digest.lo,
		.digest_hi = node->digest.hi,
		.mode = node->mode,
		.link = node->link ? add_name(w, node->link, strlen(node->link)) : add_sha(w, node->sha256),
	};
}

/* A folder below the current one, to be written when that one is complete. */
struct below {
	size_t record;
	uint32_t old;
	struct mount_point *mounts;
	size_t len;
};

/* Merges the entries for one name. */
struct merged {
	const struct stat_record *old;
	const struct walk_node *node;
	const struct other *other;
};

/* The current type of the name, S_IFMT bits; 0 when unknown. */
static uint32_t type_of(const struct merged *merged, bool folder)
{
	if (merged->node && merged->node->mode)
		return merged->node->mode & S_IFMT;
	if (merged->other)
		return merged->other->type;
	if (merged->old && !merged->node)
		return merged->old->mode & S_IFMT;
	return folder ? S_IFDIR : 0; /* or a link to one: its parent was not read */
}

static struct stat_record record_of_name(struct index_writer *w, const struct merged *merged, uint32_t type)
{
	struct stat_record record = { .mode = type };

	if (merged->node && merged->node->known) {
		if (storable(w, merged->node))
			record = record_of(w, merged->node);
	} else if (merged->old && (merged->old->mode & S_IFMT) == type) { /* a folder on the way is not examined */
		const char *link = S_ISLNK(type) ? statindex_text(w->old, merged->old->link) : "";

		record = *merged->old;
		record.link = *link ? add_name(w, link, strlen(link)) : add_sha(w, statindex_sha256(w->old, merged->old));
		record.dir = 0;
	}
	return record;
}

/* Takes a folder of the old index, once: in a forged index many names may lead to it. */
static uint32_t take_old(struct index_writer *w, uint32_t dir)
{
	if (dir >= statindex_dirs(w->old) || w->taken[dir])
		return STATINDEX_NONE;
	w->taken[dir] = true;
	return dir;
}

/* Merges all entries for a name into one; true when there is a folder below it. */
static bool statindex_write_merge(struct index_writer *w, const struct claim *claims, size_t len, struct below *below)
{
	struct merged merged = { 0 };
	struct stat_record record;
	uint32_t type;

	*below = (struct below){ .old = STATINDEX_NONE, .mounts = mem_array(len, sizeof(*below->mounts)) };
	for (size_t i = 0; i < len; i++) {
		if (claims[i].old)
			merged.old = claims[i].old;
		if (claims[i].other)
			merged.other = claims[i].other;
		if (claims[i].node &&
		    (!merged.node || !merged.node->known || (claims[i].node->known && claims[i].node->sha256)))
			merged.node = claims[i].node;
		if (claims[i].mount.dir)
			below->mounts[below->len++] = claims[i].mount;
	}
	type = type_of(&merged, below->len > 0);
	record = record_of_name(w, &merged, type);
	if (merged.old && merged.old->dir && (merged.old->mode & S_IFMT) == type)
		below->old = take_old(w, merged.old->dir);
	record.name = add_name(w, claims[0].name, claims[0].len);
	mem_reserve(&w->records, &w->records_cap, w->records_len + 1, sizeof(*w->records));
	below->record = w->records_len;
	w->records[w->records_len++] = record;
	return below->len > 0 || below->old != STATINDEX_NONE;
}

/* The stamp at which the folder had the names being written: that of the walks that read it if they agree; that of
 * the old index if none did. */
static struct range stamp_of(const struct index_writer *w, uint32_t old, const struct mount_point *mounts, size_t len)
{
	struct range stamp = { 0 };
	bool walked = false;

	for (size_t i = 0; i < len; i++) {
		const struct dir *dir = mounts[i].dir;

		if (*mounts[i].rest || dir->partial)
			continue;
		if (!dir->complete || dir->stamp.mtime > w->limit || dir->stamp.ctime > w->limit ||
		    (walked && (stamp.inode != dir->stamp.inode || stamp.mtime != dir->stamp.mtime ||
				stamp.ctime != dir->stamp.ctime)))
			return (struct range){ 0 };
		stamp = (struct range){ .mtime = dir->stamp.mtime, .ctime = dir->stamp.ctime, .inode = dir->stamp.inode };
		walked = true;
	}
	return walked ? stamp : statindex_range(w->old, old);
}

static uint32_t statindex_write_add_dir(struct index_writer *w)
{
	mem_reserve(&w->dirs, &w->dirs_cap, w->dirs_len + 1, sizeof(*w->dirs));
	return (uint32_t)w->dirs_len++;
}

static void write_dir(struct index_writer *w, uint32_t number, uint32_t old, const struct mount_point *mounts,
		      size_t len, unsigned depth)
{
	struct name_claims claims = { 0 };
	struct below *below;
	size_t below_len = 0, first = w->records_len;
	bool walked = false;

	if (depth > DEPTH_MAX)
		return;
	for (size_t i = 0; i < len; i++) {
		walked |= !*mounts[i].rest && !mounts[i].dir->partial;
		claim_mount(&claims, &mounts[i]);
	}
	claim_old(&claims, w->old, old, walked);
	if (claims.len > 0)
		qsort(claims.items, claims.len, sizeof(*claims.items), statindex_write_by_name);
	below = mem_array(claims.len + 1, sizeof(*below));
	for (size_t i = 0, end; i < claims.len; i = end) {
		for (end = i + 1; end < claims.len && statindex_write_by_name(&claims.items[i], &claims.items[end]) == 0;)
			end++;
		if (statindex_write_merge(w, &claims.items[i], end - i, &below[below_len]))
			below_len++;
		else
			free(below[below_len].mounts);
	}
	w->dirs[number] = stamp_of(w, old, mounts, len);
	w->dirs[number].first = (uint32_t)first;
	w->dirs[number].count = (uint32_t)(w->records_len - first);
	for (size_t i = 0; i < below_len; i++) {
		uint32_t child = statindex_write_add_dir(w);

		w->records[below[i].record].dir = child;
		write_dir(w, child, below[i].old, below[i].mounts, below[i].len, depth + 1);
		free(below[i].mounts);
	}
	free(below);
	free(claims.items);
}

/* Not synced: a torn file fails its checksum and counts as empty. */
static int replace(const char *path, const struct buf *out, struct error **err)
{
	cleanup_free char *temporary = mem_printf("%s.%ld.tmp", path, (long)getpid()), *dir = path_dir(path);
	cleanup_fd int fd = -1;

	if (fs_refuse_link(dir, err) < 0)
		return -1;
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be written", path);
	if (fs_write_all(fd, out->data, out->len, path, err) < 0) {
		unlink(temporary);
		return -1;
	}
	if (rename(temporary, path) < 0) {
		error_errno(err, ERROR_STATE, errno, "%s: cannot be replaced", path);
		unlink(temporary);
		return -1;
	}
	return 0;
}

static void assemble(const struct index_writer *w, struct buf *out)
{
	struct statindex_header header = {
		.magic = STATINDEX_MAGIC_BYTES,
		.version = STATINDEX_VERSION,
		.dirs = (uint32_t)w->dirs_len,
		.entries = (uint32_t)w->records_len,
		.names = (uint32_t)w->names.len,
		.shas = w->shas_len,
	};
	size_t checked = offsetof(struct statindex_header, version);

	buf_add(out, &header, sizeof(header));
	buf_add(out, w->dirs, w->dirs_len * sizeof(*w->dirs));
	if (w->records_len > 0)
		buf_add(out, w->records, w->records_len * sizeof(*w->records));
	if (w->shas_len > 0)
		buf_add(out, w->shas.data, w->shas.len);
	buf_add(out, w->names.data, w->names.len);
	header.checksum = hash_bytes(out->data + checked, out->len - checked);
	memcpy(out->data, &header, sizeof(header));
}

int statindex_write(const char *path, const char *base, const struct statindex *old, struct top *const *tops,
		    size_t tops_len, int64_t limit, struct error **err)
{
	cleanup_free bool *taken = mem_array(statindex_dirs(old) + 1, sizeof(*taken));
	struct index_writer w = { .old = old, .taken = taken, .limit = limit };
	struct mount_point *inside = mem_array(tops_len + 1, sizeof(*inside)),
			   *outside = mem_array(tops_len + 1, sizeof(*outside));
	size_t inside_len = 0, outside_len = 0;
	cleanup_buf struct buf out = { 0 };

	for (size_t i = 0; i < tops_len; i++) {
		const char *rest = path_relative(base, tops[i]->path);

		if (!tops[i]->dir || tops[i]->host != tops[i])
			continue;
		if (rest)
			inside[inside_len++] = (struct mount_point){ strcmp(rest, ".") == 0 ? "" : rest, tops[i]->dir };
		else
			outside[outside_len++] = (struct mount_point){ tops[i]->path + 1, tops[i]->dir };
	}
	buf_char(&w.names, '\0'); /* offset 0: no text */
	statindex_write_add_dir(&w);
	statindex_write_add_dir(&w);
	write_dir(&w, 0, take_old(&w, 0), inside, inside_len, 0);
	write_dir(&w, 1, take_old(&w, 1), outside, outside_len, 0);
	free(inside);
	free(outside);
	assemble(&w, &out);
	free(w.dirs);
	free(w.records);
	buf_free(&w.names);
	buf_free(&w.shas);
	return replace(path, &out, err);
}
