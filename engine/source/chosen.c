#include "config.h"

#include "engine/source/chosen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/source/context.h"
#include "engine/source/walk.h"

#define DIGEST_LAYOUT "cbuild context 2" /* change it when the digest covers something else */
#define NAME_BYTES 256

static const struct view *view_of(const struct dir *dir, const struct selector *selector, size_t depth)
{
	for (size_t i = 0; i < dir->views_len; i++)
		if (dir->views[i].selector == selector && dir->views[i].prefix == depth)
			return &dir->views[i];
	return NULL;
}

static bool has_bit(const unsigned char *bits, size_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

/* True when the content of the folder `name` sorts before `other` (which follows `name` among the names). */
static bool below_first(const char *name, const char *other)
{
	size_t len = strlen(name);
	int order = strncmp(name, other, len);

	return order < 0 || (order == 0 && (unsigned char)other[len] > '/');
}

/* A receiver that gets the nodes one by one. */
struct taker {
	void (*take)(void *data, const struct walk_node *node, size_t depth, bool behind);
	void *data;
};

/* True when something in the node's folder, or below it, counts. */
static bool any_below(const struct walk_node *node, const struct view *above)
{
	const struct dir *dir = node->dir;
	const struct view *view = dir ? view_of(dir, above->selector, above->prefix) : NULL;

	for (size_t i = 0; view && i < dir->len; i++)
		if (view->all || (has_bit(view->counts, i) && !has_bit(view->ways, i) && !has_bit(view->behind, i)) ||
		    any_below(&dir->nodes[i], view))
			return true;
	return false;
}

/* True when the i-th node of the view's folder counts itself. */
static bool counts(const struct walk_node *node, const struct view *view, size_t i)
{
	return view->all || (has_bit(view->counts, i) && (!has_bit(view->ways, i) || any_below(node, view)));
}

/* Names are sorted, but "a-b" sorts between "a" and "a/b": the content of a folder waits until its turn comes. */
static void chosen_show(const struct taker *taker, const struct dir *dir, const struct view *view)
{
	const struct walk_node *waiting[NAME_BYTES]; /* each name is a prefix of the next, so there are no more than a name has bytes */
	size_t waiting_len = 0;

	for (size_t i = 0; i <= dir->len; i++) {
		const struct walk_node *node = &dir->nodes[i];

		while (waiting_len > 0 && (i == dir->len || below_first(waiting[waiting_len - 1]->path + dir->prefix,
									node->path + dir->prefix))) {
			const struct dir *below = waiting[--waiting_len]->dir;

			chosen_show(taker, below, view_of(below, view->selector, view->prefix));
		}
		if (i == dir->len)
			return;
		if (counts(node, view, i))
			taker->take(taker->data, node, view->prefix, !view->all && has_bit(view->behind, i));
		if (node->dir && view_of(node->dir, view->selector, view->prefix))
			waiting[waiting_len++] = node;
	}
}

static void show_all(const struct taker *taker, const struct top *top, const struct selector *selector)
{
	const struct view *view = view_of(top->dir, selector, top->depth);

	if (view)
		chosen_show(taker, top->dir, view);
}

/* ---- as a list ---- */

static void chosen_own_collect(void *data, const struct walk_node *node, size_t depth, bool behind)
{
	struct chosen *chosen = data;

	chosen->depth = depth;
	mem_reserve(&chosen->nodes, &chosen->cap, chosen->len + 1, sizeof(*chosen->nodes));
	mem_reserve(&chosen->behind, &chosen->behind_cap, chosen->len + 1, sizeof(*chosen->behind));
	chosen->behind[chosen->len] = behind;
	chosen->nodes[chosen->len++] = node;
}

void chosen_collect(struct chosen *chosen, const struct top *top, const struct selector *selector)
{
	show_all(&(struct taker){ chosen_own_collect, chosen }, top, selector);
}

void chosen_free(struct chosen *chosen)
{
	free(chosen->nodes);
	free(chosen->behind);
}

static struct source_entry entry_of(const struct walk_node *node, size_t depth)
{
	bool file = S_ISREG(node->mode);

	return (struct source_entry){
		.path = node->path + depth,
		.type = S_ISLNK(node->mode) ? 'l'
			: file              ? 'f'
					    : 'd',
		.mode = node->mode & 07777,
		.size = file ? node->stamp.size : 0,
		.link = node->link,
		.digest = node->digest,
	};
}

struct source_entry *chosen_entries(const struct chosen *chosen)
{
	struct source_entry *entries = chosen->len ? mem_array(chosen->len, sizeof(*entries)) : NULL;

	for (size_t i = 0; i < chosen->len; i++) {
		entries[i] = entry_of(chosen->nodes[i], chosen->depth);
		entries[i].behind = chosen->behind[i];
	}
	return entries;
}

/* ---- as a digest ---- */

/* Little-endian, in a form that compilers turn into a single store. */
static char *put_number(char *at, uint64_t n)
{
	const unsigned char bytes[] = { (unsigned char)n,         (unsigned char)(n >> 8),  (unsigned char)(n >> 16),
					(unsigned char)(n >> 24), (unsigned char)(n >> 32), (unsigned char)(n >> 40),
					(unsigned char)(n >> 48), (unsigned char)(n >> 56) };

	memcpy(at, bytes, sizeof(bytes));
	return at + sizeof(bytes);
}

static char *put_text(char *at, const char *s, size_t len)
{
	at = put_number(at, len);
	if (len > 0)
		memcpy(at, s, len);
	return at + len;
}

static void digest(void *data, const struct walk_node *node, size_t depth, bool behind)
{
	const struct source_entry entry = entry_of(node, depth);
	size_t path_len = strlen(entry.path), link_len = entry.link ? strlen(entry.link) : 0;
	struct buf *buf = data;
	/* at most: two texts with their lengths, type and mode, a digest */
	char *start = buf_room(buf, path_len + link_len + 5 * sizeof(uint64_t)), *at = start;

	(void)behind;
	at = put_text(at, entry.path, path_len);
	at = put_number(at, (uint64_t)(unsigned char)entry.type << 32 | entry.mode);
	if (entry.type == 'l') {
		at = put_text(at, entry.link, link_len);
	} else {
		at = put_number(at, entry.digest.lo);
		at = put_number(at, entry.digest.hi);
	}
	buf_filled(buf, (size_t)(at - start));
}

struct hash128 chosen_digest(const struct top *top, const struct selector *selector)
{
	cleanup_buf struct buf buf = { 0 };
	size_t len = strlen(DIGEST_LAYOUT);

	put_text(buf_room(&buf, sizeof(uint64_t) + len), DIGEST_LAYOUT, len);
	buf_filled(&buf, sizeof(uint64_t) + len);
	show_all(&(struct taker){ digest, &buf }, top, selector);
	return hash_bytes(buf.data, buf.len);
}

/* ---- compared ---- */

static bool same(const struct walk_node *a, const struct walk_node *b)
{
	if (a->mode != b->mode)
		return false;
	if (S_ISDIR(a->mode))
		return hash_equal(a->digest, b->digest); /* its times also change with files that do not count */
	return a->stamp.size == b->stamp.size && a->stamp.mtime == b->stamp.mtime && a->stamp.ctime == b->stamp.ctime &&
	       a->stamp.inode == b->stamp.inode;
}

const char *chosen_differ(const struct chosen *before, const struct chosen *now)
{
	for (size_t i = 0; i < before->len || i < now->len; i++) {
		const char *a = i < before->len ? before->nodes[i]->path + before->depth : NULL;
		const char *b = i < now->len ? now->nodes[i]->path + now->depth : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a, b);

		if (order != 0)
			return order < 0 ? a : b;
		if (!same(before->nodes[i], now->nodes[i]))
			return a;
	}
	return NULL;
}
