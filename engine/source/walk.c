#include "config.h"

#include "engine/source/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/workers.h"
#include "base/xattr.h"
#include "engine/source/crew.h"
#include "engine/source/listing.h"
#include "engine/source/select.h"
#include "engine/source/statindex.h"

#define DEPTH_MAX 300 /* nesting of folders: each level holds a descriptor */
#define LINK_MAX_BYTES 4096
#define LOOKUP_BYTES 512 /* of path that are resolved once for all entries of a folder, before it is opened itself */
#define LOOKUP_MAX 1024  /* of path for one entry */

/* A thread's own state. */
struct hand {
	struct walk *walk;
	struct crew *crew;
	struct arena *arena;
	struct listing listing;
	struct verdict *verdicts; /* of each view of the current folder, about the current entry */
	size_t verdicts_cap;
	uint32_t *scratch;
	size_t scratch_cap;
	struct wanted *wanted;
	size_t wanted_len, wanted_cap;
	struct detour *detours;
	size_t detours_len, detours_cap;
	size_t entries;
	bool dropped, learned;
	struct error *error;
	char *error_path;
};

/* A folder that is being walked. */
struct place {
	struct hand *hand;
	struct top *host;
	struct dir *dir;
	const char *path;   /* within the host; "" for its own folder */
	struct top **inner; /* tops somewhere below it */
	size_t inner_len;
	int fd;
	size_t at; /* length of the part of a node's path that leads to the folder open at `fd`: this one or a parent of it */
	bool elsewhere; /* on another device than the host */
	unsigned depth;
	struct cursor cursor;
	char *names; /* where the name of the next node goes */
};

/* The length of a top's path with the slash after it, so that a name can follow. */
static size_t top_len(const struct top *top)
{
	return strcmp(top->path, "/") == 0 ? 0 : strlen(top->path);
}

/* Keeps the error of the first path in byte order, so that the same problem always gives the same message. */
static void walk_fail(struct hand *hand, const struct place *place, const char *name, int errnum, const char *what)
{
	cleanup_free char *path = mem_printf("%.*s%s%s%s%s", (int)top_len(place->host), place->host->path,
					     *place->path ? "/" : "", place->path, name ? "/" : "", name ? name : "");

	if (hand->error_path && strcmp(hand->error_path, path) <= 0)
		return;
	error_free(hand->error);
	hand->error = NULL;
	if (errnum)
		error_errno(&hand->error, ERROR_STATE, errnum, "%s: %s", path, what);
	else
		error_make(&hand->error, ERROR_USAGE, "%s: %s", path, what);
	free(hand->error_path);
	hand->error_path = steal_ptr(path);
}

static int64_t walk_nanoseconds(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

bool walk_settled(const struct stamp *stamp, int64_t now)
{
	return stamp->mtime <= now - RACY_TIME && stamp->ctime <= now - RACY_TIME;
}

struct stamp walk_stamp(const struct stat *st)
{
	return (struct stamp){ (uint64_t)st->st_size, walk_nanoseconds(st->st_mtim), walk_nanoseconds(st->st_ctim),
			       st->st_ino };
}

static bool same_stamp(const struct stat_record *record, const struct walk_node *node, int64_t now)
{
	/* a time in the future may occur again */
	return record->mode == node->mode && record->size == node->stamp.size && record->mtime == node->stamp.mtime &&
	       record->ctime == node->stamp.ctime && record->inode == node->stamp.inode && record->mtime <= now &&
	       record->ctime <= now;
}

static void want(struct hand *hand, struct walk_node *node, const char *top)
{
	mem_reserve(&hand->wanted, &hand->wanted_cap, hand->wanted_len + 1, sizeof(*hand->wanted));
	hand->wanted[hand->wanted_len++] = (struct wanted){ node, top };
}

/* Stats an entry, whose path begins at place->names. */
static int look(const struct place *place, const char *path, struct stat *st)
{
	return fstatat(place->fd, path + place->at, st, AT_SYMLINK_NOFOLLOW);
}

static void know(struct walk_node *node, const struct stat_record *record)
{
	node->digest = (struct hash128){ record->digest_lo, record->digest_hi };
	node->known = true;
}

static bool walk_link(struct place *place, struct walk_node *node, const char *name, const struct stat_record *record)
{
	char text[LINK_MAX_BYTES];
	ssize_t len;

	if (record) {
		node->link = statindex_text(place->hand->walk->index, record->link);
		know(node, record);
		return true;
	}
	len = readlinkat(place->fd, node->path + place->at, text, sizeof(text));
	if (len < 0) {
		if (errno != ENOENT && errno != EINVAL)
			walk_fail(place->hand, place, name, errno, "the link cannot be read");
		return false;
	}
	node->link = arena_strndup(place->hand->arena, text, (size_t)len);
	node->digest = hash_bytes(text, (size_t)len);
	node->known = node->fresh = true;
	place->hand->learned |= walk_settled(&node->stamp, place->hand->walk->now);
	return true;
}

/* Fills in a node that counts; false when it is gone or refused. */
static bool walk_fill(struct place *place, struct walk_node *node, const char *name, const struct stat *st,
		      const struct stat_record *record)
{
	struct hand *hand = place->hand;

	hand->entries++;
	node->mode = st->st_mode;
	node->stamp = walk_stamp(st);
	node->elsewhere = st->st_dev != place->host->device;
	if (record && !same_stamp(record, node, hand->walk->now))
		record = NULL;
	switch (st->st_mode & S_IFMT) {
	case S_IFDIR:
		if (record)
			know(node, record);
		return true;
	case S_IFLNK:
		return walk_link(place, node, name, record);
	case S_IFREG:
		if (record) {
			know(node, record);
			node->sha256 = statindex_sha256(hand->walk->index, record);
		} else {
			want(hand, node, place->host->path);
		}
		return true;
	case S_IFIFO:
		walk_fail(hand, place, name, 0,
			  "a named pipe cannot be part of a build context; list it in .dockerignore");
		return false;
	case S_IFSOCK:
		walk_fail(hand, place, name, 0, "a socket cannot be part of a build context; list it in .dockerignore");
		return false;
	default:
		walk_fail(hand, place, name, 0, "a device cannot be part of a build context; list it in .dockerignore");
		return false;
	}
}

/* Asks every view about an entry. */
static struct verdict judge(struct place *place, const char *path, const char *name, uint32_t type)
{
	struct hand *hand = place->hand;
	struct verdict any = { 0 };
	size_t room = 0;

	for (size_t i = 0; i < place->dir->views_len; i++) {
		const struct view *view = &place->dir->views[i];
		struct verdict *verdict = &hand->verdicts[i];

		selector_judge(view, path, name, type, hand->scratch + room, verdict);
		if (view->states_len > 0)
			room += selector_states(view->selector);
		any.counts |= verdict->counts;
		any.descend |= verdict->descend;
		any.detour |= verdict->detour;
	}
	return any;
}

static void reserve_verdicts(struct place *place)
{
	struct hand *hand = place->hand;
	size_t room = 0;

	for (size_t i = 0; i < place->dir->views_len; i++)
		if (place->dir->views[i].states_len > 0)
			room += selector_states(place->dir->views[i].selector);
	mem_reserve(&hand->scratch, &hand->scratch_cap, room + 1, sizeof(*hand->scratch));
	mem_reserve(&hand->verdicts, &hand->verdicts_cap, place->dir->views_len + 1, sizeof(*hand->verdicts));
}

/* The tops below `place` that are reached through the entry `name`. */
static size_t inner_of(const struct place *place, const char *name, struct top **ret)
{
	size_t skip = top_len(place->host) + 1 + place->dir->prefix, len = strlen(name), count = 0;

	for (size_t i = 0; i < place->inner_len; i++) {
		const char *rest = place->inner[i]->path + skip;

		if (strncmp(rest, name, len) == 0 && (!rest[len] || rest[len] == '/'))
			ret[count++] = place->inner[i];
	}
	return count;
}

static void begin_views(struct hand *hand, struct dir *dir, const struct top *top)
{
	for (size_t i = 0; i < top->selectors_len; i++)
		selector_begin(top->selectors[i], &dir->views[dir->views_len++], dir->prefix, hand->arena);
}

/* Creates the folder of a node that will be entered. */
static void make_dir(struct place *place, struct walk_node *node, const char *name, const struct stat_record *record)
{
	struct hand *hand = place->hand;
	struct dir *dir = arena_alloc(hand->arena, sizeof(*dir));
	struct top **inner = place->inner_len ? arena_array(hand->arena, place->inner_len, sizeof(*inner)) : NULL;
	size_t inner_len = place->inner_len ? inner_of(place, name, inner) : 0, views = place->dir->views_len;

	dir->prefix = (uint32_t)strlen(node->path) + 1;
	dir->index = record && record->dir ? record->dir : STATINDEX_NONE;
	for (size_t i = 0; i < inner_len; i++)
		views += inner[i]->selectors_len;
	dir->views = arena_array(hand->arena, views, sizeof(*dir->views));
	for (size_t i = 0; i < place->dir->views_len; i++)
		if (hand->verdicts[i].descend)
			selector_enter(&place->dir->views[i], &hand->verdicts[i], node->path,
				       &dir->views[dir->views_len++], hand->arena);
	for (size_t i = 0; i < inner_len; i++) {
		inner[i]->walked = true;
		if (strlen(inner[i]->path) != top_len(place->host) + dir->prefix)
			continue;
		inner[i]->host = place->host;
		inner[i]->dir = dir;
		inner[i]->depth = dir->prefix;
		begin_views(hand, dir, inner[i]);
	}
	node->dir = dir;
}

static void note_detours(struct place *place, const struct walk_node *node)
{
	struct hand *hand = place->hand;

	for (size_t i = 0; i < place->dir->views_len; i++) {
		const struct view *view = &place->dir->views[i];
		const struct verdict *verdict = &hand->verdicts[i];
		size_t count = verdict->detour ? verdict->states_len + verdict->named : 0;

		mem_reserve(&hand->detours, &hand->detours_cap, hand->detours_len + count + 1, sizeof(*hand->detours));
		for (size_t s = 0; s < count; s++)
			hand->detours[hand->detours_len++] = (struct detour){
				view->selector,
				node->path + view->prefix,
				node->link,
				s < verdict->states_len ? selector_rest(view->selector, verdict->states[s], hand->arena) : "",
				verdict->taken,
			};
	}
}

static void set_counts(struct dir *dir, const struct verdict *verdicts)
{
	for (size_t i = 0; i < dir->views_len; i++)
		if (dir->views[i].counts && verdicts[i].counts) {
			dir->views[i].counts[dir->len / 8] |= (unsigned char)(1U << dir->len % 8);
			dir->views[i].ways[dir->len / 8] |= (unsigned char)((unsigned)verdicts[i].way << dir->len % 8);
			dir->views[i].behind[dir->len / 8] |=
				(unsigned char)((unsigned)verdicts[i].behind << dir->len % 8);
		}
}

/* The index also keeps names that nobody asked for: so it knows all names of the folder. */
static void keep_other(struct place *place, const struct item *item, uint32_t type)
{
	struct dir *dir = place->dir;

	if (dir->complete && !dir->listed)
		dir->others[dir->others_len++] =
			(struct other){ arena_strndup(place->hand->arena, item->name, item->len), type };
}

static void visit(struct place *place, const struct item *item, const struct stat_record *record)
{
	struct hand *hand = place->hand;
	struct dir *dir = place->dir;
	struct walk_node *node = &dir->nodes[dir->len];
	uint32_t type = DTTOIF((uint32_t)item->type);
	struct verdict any;
	struct stat st;
	bool looked = false;

	memcpy(place->names, place->path, dir->prefix ? dir->prefix - 1 : 0);
	if (dir->prefix)
		place->names[dir->prefix - 1] = '/';
	memcpy(place->names + dir->prefix, item->name, item->len + 1);
	if (item->type == DT_UNKNOWN) {
		looked = look(place, place->names, &st) == 0;
		if (!looked)
			return;
		type = st.st_mode & S_IFMT;
	}
	any = judge(place, place->names, item->name, type);
	if (!any.counts && !any.descend && !any.detour) {
		keep_other(place, item, type);
		return;
	}
	node->path = place->names;
	if (any.counts || any.detour) {
		if (!looked && look(place, place->names, &st) < 0) {
			if (errno != ENOENT)
				walk_fail(hand, place, item->name, errno, "cannot be looked at");
			return;
		}
		if (!walk_fill(place, node, item->name, &st, record))
			return;
		any.descend &= S_ISDIR(st.st_mode);
	}
	if (any.detour && node->link)
		note_detours(place, node);
	if (any.descend)
		make_dir(place, node, item->name, record);
	set_counts(dir, hand->verdicts);
	place->names += dir->prefix + item->len + 1;
	dir->len++;
}

/* Tops that the walk did not reach are walked by themselves, together with those inside them. */
static void launch_inner(struct place *place)
{
	size_t here = top_len(place->host) + place->dir->prefix;

	for (size_t i = 0; i < place->inner_len; i++) {
		struct top *top = place->inner[i];

		if (!top->walked && strlen(top->outer->path) <= here)
			crew_push(place->hand->crew, &(struct crew_task){ .top = top, .fd = -1 });
	}
}

static void walk_dir(struct place *place);

/* Records the folder's state before it is read, and whether the index knows its names. */
static void date(struct place *place, struct walk_node *node)
{
	const struct walk *walk = place->hand->walk;
	struct dir *dir = node->dir;
	struct stat st;

	if (!walk->index || !place->host->dated)
		return;
	if (!node->mode) {
		if (look(place, node->path, &st) < 0 || !S_ISDIR(st.st_mode))
			return;
		node->stamp = walk_stamp(&st);
		node->elsewhere = st.st_dev != place->host->device;
	}
	if (node->elsewhere)
		return;
	dir->stamp = node->stamp;
	dir->complete = true;
	dir->listed = statindex_lists(walk->index, dir->index, &dir->stamp, walk->now);
}

/* True when the folder need not be read and its entries can be reached by short paths from the open one. */
static bool within_reach(const struct place *place, const struct dir *dir)
{
	size_t way = dir->prefix - place->at, count = statindex_range(place->hand->walk->index, dir->index).count;

	return way < LOOKUP_MAX && way * count < LOOKUP_BYTES;
}

/* False, with the descriptor closed, when the tree is too deep. */
static bool has_files(struct place *place, const char *name, int fd)
{
	if (!fs_is_made_up(fd))
		return true;
	walk_fail(place->hand, place, name, 0, "this folder is made by the kernel and cannot be part of an image");
	close(fd);
	return false;
}

/* Opens the folder of a node; false when it cannot be walked. */
static bool open_dir(struct place *place, const struct walk_node *node, struct place *below)
{
	below->fd = openat(place->fd, node->path + place->at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (below->fd < 0 && errno != ENOENT)
		walk_fail(place->hand, place, node->path + place->dir->prefix, errno, "the folder cannot be read");
	below->at = node->dir->prefix;
	return below->fd >= 0 && has_files(place, node->path + place->dir->prefix, below->fd);
}

/* The attributes of a folder that reach the image, other than its mode. */
static bool read_attributes(struct place *place, struct walk_node *node, int fd)
{
	cleanup_buf struct buf attributes = { 0 };
	struct error *why = NULL;

	if (xattr_collect(fd, node->path, &attributes, &why) < 0) {
		int errnum = errno;

		error_free(why);
		walk_fail(place->hand, place, node->path + place->dir->prefix, errnum,
			  "the folder's attributes cannot be read");
		return false;
	}
	if (attributes.len > 0)
		node->digest = hash_bytes(attributes.data, attributes.len);
	node->known = true;
	place->hand->learned |= walk_settled(&node->stamp, place->hand->walk->now);
	return true;
}

static void enter(struct place *place, struct walk_node *node)
{
	struct hand *hand = place->hand;
	const char *name = node->path + place->dir->prefix;
	bool share = crew_hungry(hand->crew), unread;
	struct place below = { .hand = hand,
			       .host = place->host,
			       .dir = node->dir,
			       .path = node->path,
			       .fd = place->fd,
			       .at = place->at,
			       .elsewhere = node->elsewhere,
			       .depth = place->depth + 1 };

	if (atomic_load(&hand->walk->ended))
		return;
	if (below.depth > DEPTH_MAX) {
		walk_fail(hand, place, name, 0, "folders are nested too deep");
		return;
	}
	date(place, node);
	unread = node->mode && !node->known;
	if ((share || unread || !node->dir->listed || !within_reach(place, node->dir)) && !open_dir(place, node, &below))
		return;
	if (unread && !read_attributes(place, node, below.fd)) {
		close(below.fd);
		return;
	}
	if (place->inner_len) {
		below.inner = arena_array(hand->arena, place->inner_len, sizeof(*below.inner));
		below.inner_len = inner_of(place, name, below.inner);
		for (size_t i = 0; i < below.inner_len; i++)
			if (below.inner[i]->dir == node->dir)
				below.inner[i--] = below.inner[--below.inner_len];
	}
	if (share) {
		crew_push(hand->crew, &(struct crew_task){ .top = below.host,
							   .fd = below.fd,
							   .dir = below.dir,
							   .path = below.path,
							   .inner = below.inner,
							   .inner_len = below.inner_len,
							   .depth = below.depth });
		return;
	}
	walk_dir(&below);
	if (below.fd != place->fd)
		close(below.fd);
}

/* Makes room for `count` entries whose names have `bytes` bytes in total. */
static void reserve(struct place *place, size_t count, size_t bytes)
{
	struct arena *arena = place->hand->arena;
	struct dir *dir = place->dir;

	dir->nodes = arena_array(arena, count + 1, sizeof(*dir->nodes));
	place->names = arena_alloc(arena, bytes + count * (dir->prefix + 1) + 1);
	for (size_t i = 0; i < dir->views_len; i++)
		if (!dir->views[i].all) {
			dir->views[i].counts = arena_alloc(arena, count / 8 + 1);
			dir->views[i].ways = arena_alloc(arena, count / 8 + 1);
			dir->views[i].behind = arena_alloc(arena, count / 8 + 1);
		}
	if (dir->complete && !dir->listed)
		dir->others = arena_array(arena, count + 1, sizeof(*dir->others));
	reserve_verdicts(place);
}

/* Takes the names from the index, because the folder has not changed. */
static void visit_listed(struct place *place)
{
	const struct statindex *index = place->hand->walk->index;
	struct range range = statindex_range(index, place->dir->index);
	const struct stat_record *record;
	size_t bytes = 0;

	for (uint32_t i = range.first; i < range.first + range.count; i++)
		bytes += strlen(statindex_text(index, statindex_record(index, i)->name));
	reserve(place, range.count, bytes);
	while ((record = statindex_next(&place->cursor))) {
		const char *name = statindex_text(index, record->name);

		visit(place, &(struct item){ .name = name, .len = (uint32_t)strlen(name), .type = IFTODT(record->mode) },
		      record);
	}
}

static bool visit_read(struct place *place)
{
	struct hand *hand = place->hand;
	size_t bytes = 0, count;

	if (listing_read(&hand->listing, place->fd) < 0) {
		walk_fail(hand, place, NULL, errno, "the folder cannot be read");
		return false;
	}
	count = hand->listing.len;
	for (size_t i = 0; i < count; i++)
		bytes += hand->listing.items[i].len;
	reserve(place, count, bytes);
	for (size_t i = 0; i < count; i++)
		visit(place, &hand->listing.items[i],
		      hand->walk->index ? statindex_seek(&place->cursor, hand->listing.items[i].name) : NULL);
	statindex_end(&place->cursor);
	hand->dropped |= place->cursor.dropped;
	hand->learned |= place->dir->complete && walk_settled(&place->dir->stamp, hand->walk->now);
	return true;
}

/* True when one of the folders in this one ends the walk. This is found out before any of them is entered: others may be large. */
static bool ends_here(struct place *place)
{
	const struct dir *dir = place->dir;

	for (size_t i = 0; i < dir->len && !place->elsewhere; i++) {
		struct place below = { .fd = -1 };

		if (!dir->nodes[i].dir || !dir->nodes[i].elsewhere)
			continue;
		if (!open_dir(place, &dir->nodes[i], &below) && place->hand->error)
			atomic_store(&place->hand->walk->ended, true);
		else if (below.fd >= 0)
			close(below.fd);
	}
	return atomic_load(&place->hand->walk->ended);
}

/* Walks the folder open at place->fd, or listed by the index. */
static void walk_dir(struct place *place)
{
	struct hand *hand = place->hand;
	struct dir *dir = place->dir;

	for (size_t i = 0; i < place->inner_len; i++)
		place->inner[i]->walked = false; /* until an entry leads to it */
	place->cursor = statindex_cursor(hand->walk->index, dir->index);
	if (dir->listed)
		visit_listed(place);
	else if (!visit_read(place))
		return;
	if (ends_here(place))
		return;
	launch_inner(place);
	crew_note(hand->crew, hand->entries);
	for (size_t i = 0; i < dir->len; i++)
		if (dir->nodes[i].dir)
			enter(place, &dir->nodes[i]);
}

/* A top's own folder has no entry to give its stamp. */
static void date_top(struct hand *hand, struct top *top, int fd)
{
	struct dir *dir = top->dir;
	struct stat st;

	if (!hand->walk->index || fstat(fd, &st) < 0)
		return;
	top->device = st.st_dev;
	top->dated = fs_dates_folders(fd);
	if (!top->dated)
		return;
	dir->stamp = walk_stamp(&st);
	dir->complete = true;
	dir->listed = statindex_lists(hand->walk->index, dir->index, &dir->stamp, hand->walk->now);
}

static void walk_top(struct hand *hand, struct top *top)
{
	struct place place = { .hand = hand, .host = top, .path = "", .inner = top->inner, .inner_len = top->inner_len };

	top->walked = true;
	top->host = top;
	place.fd = open(top->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (place.fd < 0) {
		walk_fail(hand, &place, NULL, errno == ENOENT || errno == ENOTDIR ? 0 : errno,
			  errno == ENOENT    ? "the folder does not exist"
			  : errno == ENOTDIR ? "this is not a folder"
					     : "the folder cannot be read");
		return;
	}
	if (!has_files(&place, NULL, place.fd))
		return;
	top->dir = place.dir = arena_alloc(hand->arena, sizeof(*place.dir));
	place.dir->index = hand->walk->index ? statindex_find(hand->walk->index, hand->walk->base, top->path)
					     : STATINDEX_NONE;
	place.dir->views = arena_array(hand->arena, top->selectors_len, sizeof(*place.dir->views));
	begin_views(hand, place.dir, top);
	date_top(hand, top, place.fd);
	walk_dir(&place);
	close(place.fd);
}

static void walk_work(void *data, const struct crew_task *task, unsigned worker)
{
	struct hand *hand = (struct hand *)data + worker;
	struct place place = { .hand = hand,
			       .host = task->top,
			       .dir = task->dir,
			       .path = task->path,
			       .inner = task->inner,
			       .inner_len = task->inner_len,
			       .fd = task->fd,
			       .at = task->dir ? task->dir->prefix : 0,
			       .depth = task->depth };

	if (task->dir) {
		walk_dir(&place);
		close(task->fd);
	} else if (!task->top->walked) {
		walk_top(hand, task->top);
	}
}

/* Merges the results of the threads. */
static void gather(struct walk *walk, struct hand *hand)
{
	size_t cap = walk->wanted_len, detours_cap = walk->detours_len;

	mem_reserve(&walk->wanted, &cap, walk->wanted_len + hand->wanted_len, sizeof(*walk->wanted));
	if (hand->wanted_len)
		memcpy(walk->wanted + walk->wanted_len, hand->wanted, hand->wanted_len * sizeof(*walk->wanted));
	walk->wanted_len += hand->wanted_len;
	mem_reserve(&walk->detours, &detours_cap, walk->detours_len + hand->detours_len, sizeof(*walk->detours));
	if (hand->detours_len)
		memcpy(walk->detours + walk->detours_len, hand->detours, hand->detours_len * sizeof(*walk->detours));
	walk->detours_len += hand->detours_len;
	walk->entries += hand->entries;
	walk->dropped |= hand->dropped;
	walk->learned |= hand->learned;
	walk->arenas[walk->arenas_len++] = hand->arena;
	listing_free(&hand->listing);
	free(hand->verdicts);
	free(hand->scratch);
	free(hand->wanted);
	free(hand->detours);
}

int walk_run(struct walk *walk, struct error **err)
{
	struct hand hands[WORKERS_MAX] = { { 0 } };
	struct hand *first = NULL;
	struct crew *crew = crew_new(walk->threads);

	walk->arenas = mem_array(WORKERS_MAX, sizeof(*walk->arenas));
	for (size_t i = walk->tops_len; i > 0; i--)
		if (!walk->tops[i - 1]->outer)
			crew_push(crew, &(struct crew_task){ .top = walk->tops[i - 1], .fd = -1 });
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		hands[i].walk = walk;
		hands[i].crew = crew;
		hands[i].arena = arena_new();
	}
	crew_run(crew, statindex_entries(walk->index), walk_work, hands);
	crew_free(crew);
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		gather(walk, &hands[i]);
		if (hands[i].error && (!first || strcmp(hands[i].error_path, first->error_path) < 0))
			first = &hands[i];
	}
	if (first) {
		walk->failed = steal_ptr(first->error_path);
		error_move(err, &first->error);
	}
	for (unsigned i = 0; i < WORKERS_MAX; i++) {
		error_free(hands[i].error);
		free(hands[i].error_path);
	}
	return first ? -1 : 0;
}

void walk_free(struct walk *walk)
{
	for (size_t i = 0; i < walk->arenas_len; i++)
		arena_free(walk->arenas[i]);
	free(walk->arenas);
	free(walk->wanted);
	free(walk->detours);
	free(walk->failed);
}
