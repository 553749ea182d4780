#include "config.h"

#include "engine/source/chosen.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/source/context.h"
#include "engine/source/walk.h"

#define DIGEST_LAYOUT "cbuild context 1" /* change it when the digest covers something else */
#define NAME_BYTES 256

static const struct view *view_of(const struct dir *dir, const struct selector *selector, size_t depth)
{
	for (size_t i = 0; i < dir->views_len; i++)
		if (dir->views[i].selector == selector && dir->views[i].prefix == depth)
			return &dir->views[i];
	return NULL;
}

static void add(struct chosen *chosen, const struct node *node, size_t depth)
{
	bool link = S_ISLNK(node->mode), file = S_ISREG(node->mode);

	mem_reserve(&chosen->entries, &chosen->cap, chosen->len + 1, sizeof(*chosen->entries));
	mem_reserve(&chosen->nodes, &chosen->nodes_cap, chosen->len + 1, sizeof(*chosen->nodes));
	chosen->entries[chosen->len] = (struct entry){
		.path = node->path + depth,
		.type = link   ? 'l'
			: file ? 'f'
			       : 'd',
		.mode = node->mode & 07777,
		.size = file ? node->stamp.size : 0,
		.link = node->link,
	};
	chosen->nodes[chosen->len++] = node;
}

/* True when what is below the folder `name` comes before `other` (which follows `name` among the names). */
static bool below_first(const char *name, const char *other)
{
	size_t len = strlen(name);
	int order = strncmp(name, other, len);

	return order < 0 || (order == 0 && (unsigned char)other[len] > '/');
}

/* Names are sorted, but "a-b" stands between "a" and "a/b": what is below a folder waits until its turn has come. */
static void collect(struct chosen *chosen, const struct dir *dir, const struct view *view)
{
	const struct node *waiting[NAME_BYTES]; /* each name is the beginning of the next: no more than a name has bytes */
	size_t waiting_len = 0;

	for (size_t i = 0; i <= dir->len; i++) {
		const struct node *node = &dir->nodes[i];

		while (waiting_len > 0 && (i == dir->len || below_first(waiting[waiting_len - 1]->path + dir->prefix,
									node->path + dir->prefix))) {
			const struct dir *below = waiting[--waiting_len]->dir;

			collect(chosen, below, view_of(below, view->selector, view->prefix));
		}
		if (i == dir->len)
			return;
		if (view->all || (view->counts[i / 8] >> i % 8 & 1))
			add(chosen, node, view->prefix);
		if (node->dir && view_of(node->dir, view->selector, view->prefix))
			waiting[waiting_len++] = node;
	}
}

void chosen_collect(struct chosen *chosen, const struct top *top, const struct selector *selector)
{
	const struct view *view = view_of(top->dir, selector, top->depth);

	if (view)
		collect(chosen, top->dir, view);
}

static void add_number(struct buf *buf, uint64_t number)
{
	unsigned char bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (unsigned char)(number >> 8 * i);
	buf_add(buf, bytes, sizeof(bytes));
}

static void add_text(struct buf *buf, const char *s)
{
	size_t len = strlen(s);

	add_number(buf, len);
	buf_add(buf, s, len);
}

void chosen_digest(struct chosen *chosen)
{
	cleanup_buf struct buf buf = { 0 };

	add_text(&buf, DIGEST_LAYOUT);
	for (size_t i = 0; i < chosen->len; i++) {
		struct entry *entry = &chosen->entries[i];

		if (entry->type != 'd')
			entry->digest = chosen->nodes[i]->digest;
		if (entry->type == 'f')
			entry->size = chosen->nodes[i]->stamp.size;
		add_text(&buf, entry->path);
		add_number(&buf, (uint64_t)(unsigned char)entry->type << 32 | entry->mode);
		if (entry->type == 'l')
			add_text(&buf, entry->link);
		else if (entry->type == 'f') {
			add_number(&buf, entry->digest.lo);
			add_number(&buf, entry->digest.hi);
		}
	}
	chosen->digest = hash_bytes(buf.data, buf.len);
}

void chosen_free(struct chosen *chosen)
{
	free(chosen->entries);
	free(chosen->nodes);
}

static bool same(const struct node *a, const struct node *b)
{
	if (a->mode != b->mode)
		return false;
	if (S_ISDIR(a->mode))
		return true; /* its times change with what does not count in it */
	return a->stamp.size == b->stamp.size && a->stamp.mtime == b->stamp.mtime && a->stamp.ctime == b->stamp.ctime &&
	       a->stamp.inode == b->stamp.inode;
}

const char *chosen_differ(const struct chosen *before, const struct chosen *now)
{
	for (size_t i = 0; i < before->len || i < now->len; i++) {
		const char *a = i < before->len ? before->entries[i].path : NULL;
		const char *b = i < now->len ? now->entries[i].path : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a, b);

		if (order != 0)
			return order < 0 ? a : b;
		if (!same(before->nodes[i], now->nodes[i]))
			return a;
	}
	return NULL;
}
