#include "config.h"

#include "engine/oci/rafs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"
#define WHITEOUT_META ".wh..wh." /* aufs's own files; they hide nothing */
#define NAME_LIMIT 255           /* bytes */
#define NAME_ROOM (NAME_LIMIT + 2)

/* ---- inodes and names ---- */

static struct rafs_inode *inode_new(struct rafs *rafs, uint32_t mode)
{
	struct rafs_inode *inode = arena_alloc(rafs->arena, sizeof(*inode));

	inode->mode = mode;
	if (S_ISDIR(mode)) {
		inode->children = map_new();
		mem_reserve(&rafs->folders, &rafs->folders_cap, rafs->folders_len + 1, sizeof(struct rafs_inode *));
		rafs->folders[rafs->folders_len++] = inode;
	}
	return inode;
}

struct rafs *rafs_new(struct arena *arena)
{
	struct rafs *rafs = mem_alloc(sizeof(*rafs));

	rafs->arena = arena;
	rafs->root = inode_new(rafs, S_IFDIR | 0755);
	rafs->root->implied = true;
	return rafs;
}

void rafs_free(struct rafs *rafs)
{
	if (!rafs)
		return;
	for (size_t i = 0; i < rafs->folders_len; i++)
		map_free(rafs->folders[i]->children);
	for (size_t i = 0; i < rafs->blobs_len; i++) {
		free(rafs->blobs[i]->chunks);
		free(rafs->blobs[i]);
	}
	free(rafs->folders);
	free(rafs->blobs);
	free(rafs);
}

void rafs_cleanup(struct rafs **rafs)
{
	rafs_free(*rafs);
}

struct rafs_blob *rafs_add_blob(struct rafs *rafs)
{
	mem_reserve(&rafs->blobs, &rafs->blobs_cap, rafs->blobs_len + 1, sizeof(struct rafs_blob *));
	return rafs->blobs[rafs->blobs_len++] = mem_alloc(sizeof(struct rafs_blob));
}

void rafs_link(struct rafs *rafs, struct rafs_inode *folder, const char *name, struct rafs_inode *inode)
{
	struct rafs_node *node = arena_alloc(rafs->arena, sizeof(*node));

	node->name = arena_strdup(rafs->arena, name);
	node->inode = inode;
	map_set(folder->children, node->name, node);
}

struct rafs_inode *rafs_put(struct rafs *rafs, struct rafs_inode *folder, const char *name, uint32_t mode)
{
	struct rafs_inode *inode = inode_new(rafs, mode);

	rafs_link(rafs, folder, name, inode);
	return inode;
}

static struct rafs_inode *rafs_child(const struct rafs_inode *folder, const char *name)
{
	const struct rafs_node *node = map_get(folder->children, name);

	return node ? node->inode : NULL;
}

/* ---- a layer's entries ---- */

static int rafs_refuse(const struct buf *path, const char *what, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, path->data, path->len);
	return error_make(err, ERROR_STATE, "\"%s\" in the image is refused: %s", safe.data, what);
}

/* The next part of a path. Skips "." parts; a part that is too long is cut just beyond the limit. */
static bool next_part(const char **at, char ret[NAME_ROOM])
{
	const char *part;
	size_t len;

	do {
		part = *at + strspn(*at, "/");
		len = strcspn(part, "/");
		*at = part + len;
	} while (len == 1 && *part == '.');
	if (len >= NAME_ROOM)
		len = NAME_ROOM - 1;
	memcpy(ret, part, len);
	ret[len] = '\0';
	return len > 0;
}

/* The folder that contains a path, and the path's last part ("": the root itself). With `make`, missing folders are
 * created; else *ret_folder is NULL. */
static int rafs_walk(struct rafs *rafs, const struct buf *path, bool make, struct rafs_inode **ret_folder,
		     char ret_name[NAME_ROOM], struct error **err)
{
	struct rafs_inode *folder = rafs->root;
	const char *at = path->data;
	char next[NAME_ROOM];

	*ret_folder = folder;
	if (!next_part(&at, ret_name))
		return 0;
	for (size_t depth = 0;; memcpy(ret_name, next, sizeof(next))) {
		if (strcmp(ret_name, "..") == 0)
			return rafs_refuse(path, "it leaves the image", err);
		if (strlen(ret_name) > NAME_LIMIT)
			return rafs_refuse(path, "a name is longer than 255 bytes", err);
		if (depth++ == RAFS_DEPTH)
			return rafs_refuse(path, "it is too deep", err);
		*ret_folder = folder;
		if (!next_part(&at, next))
			return 0;
		if (!rafs_child(folder, ret_name) && make)
			rafs_put(rafs, folder, ret_name, S_IFDIR | 0755)->implied = true;
		folder = rafs_child(folder, ret_name);
		if (!folder || !folder->children) {
			if (make)
				return rafs_refuse(path, "a component of its path is not a folder", err);
			*ret_folder = NULL;
			return 0;
		}
	}
}

static int add_link(struct rafs *rafs, struct rafs_inode *folder, const char *name, const struct tar_head *head,
		    struct rafs_inode **ret, struct error **err)
{
	struct rafs_inode *target_folder;
	char target[NAME_ROOM];

	if (rafs_walk(rafs, &head->link, false, &target_folder, target, err) < 0)
		return -1;
	*ret = target_folder && *target ? rafs_child(target_folder, target) : NULL;
	if (!*ret || (*ret)->children)
		return rafs_refuse(&head->name, "it is a hard link to a file that is not in the same layer", err);
	rafs_link(rafs, folder, name, *ret);
	return 0;
}

static uint32_t mode_of(const struct tar_head *head)
{
	static const uint32_t types[] = { S_IFREG, 0, S_IFLNK, S_IFCHR, S_IFBLK, S_IFDIR, S_IFIFO };
	uint32_t type = head->type >= '0' && head->type <= '6' ? types[head->type - '0'] : 0;

	return type ? type | ((uint32_t)head->mode & 07777) : 0;
}

static uint32_t rdev_of(const struct tar_head *head)
{
	uint32_t major = (uint32_t)head->major & 0xfff, minor = (uint32_t)head->minor;

	return (minor & 0xff) | major << 8 | (minor & 0xfff00) << 12;
}

static void copy_xattrs(struct rafs *rafs, const struct tar_head *head, struct rafs_inode *inode)
{
	struct tar_xattr *copies = arena_array(rafs->arena, head->xattrs_len, sizeof(*copies));

	for (size_t i = 0; i < head->xattrs_len; i++) {
		copies[i].name = arena_strdup(rafs->arena, head->xattrs[i].name);
		copies[i].value = arena_strndup(rafs->arena, "", 0);
		copies[i].len = head->xattrs[i].len;
		if (copies[i].len) {
			copies[i].value = arena_alloc(rafs->arena, copies[i].len);
			memcpy(copies[i].value, head->xattrs[i].value, copies[i].len);
		}
	}
	inode->xattrs = copies;
	inode->xattrs_len = head->xattrs_len;
}

static void set_attributes(struct rafs *rafs, const struct tar_head *head, struct rafs_inode *inode)
{
	/* Linux has no permissions for links. */
	inode->mode = head->type == '2' ? S_IFLNK | 0777 : mode_of(head);
	inode->uid = (uint32_t)head->uid;
	inode->gid = (uint32_t)head->gid;
	inode->mtime = head->mtime;
	inode->implied = false;
	if (head->type == '3' || head->type == '4')
		inode->rdev = rdev_of(head);
	if (head->type == '2')
		inode->link = arena_strdup(rafs->arena, head->link.data);
	inode->xattrs_len = 0;
	if (head->xattrs_len)
		copy_xattrs(rafs, head, inode);
}

int rafs_add(struct rafs *rafs, const struct tar_head *head, struct rafs_inode **ret, struct error **err)
{
	struct rafs_inode *folder, *inode;
	uint32_t mode = mode_of(head);
	char name[NAME_ROOM];

	if (!mode && head->type != '1')
		return rafs_refuse(&head->name, "it has an unknown type", err);
	if ((head->type == '1' || head->type == '2') && !head->link.len)
		return rafs_refuse(&head->name, "it is a dangling link", err);
	if (rafs_walk(rafs, &head->name, true, &folder, name, err) < 0)
		return -1;
	if (!*name && !S_ISDIR(mode))
		return rafs_refuse(&head->name, "the root must be a folder", err);
	if (head->type == '1')
		return add_link(rafs, folder, name, head, ret, err);
	inode = *name ? rafs_child(folder, name) : rafs->root;
	if (*name && (!inode || !inode->children || !S_ISDIR(mode)))
		inode = rafs_put(rafs, folder, name, mode);
	set_attributes(rafs, head, inode);
	*ret = inode;
	return 0;
}

/* ---- merging layers ---- */

static bool rafs_starts_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

static void rafs_hide(struct rafs_inode *lower, const struct rafs_inode *upper)
{
	bool opaque = rafs_child(upper, OPAQUE) != NULL;

	for (size_t i = 0; opaque && i < map_len(lower->children); i++)
		map_set(lower->children, map_key(lower->children, i), NULL);
	for (size_t i = 0; i < map_len(upper->children); i++) {
		const char *name = map_key(upper->children, i);

		if (map_value(upper->children, i) && rafs_starts_with(name, WHITEOUT) &&
		    !rafs_starts_with(name, WHITEOUT_META) && map_get(lower->children, name + strlen(WHITEOUT)))
			map_set(lower->children, name + strlen(WHITEOUT), NULL);
	}
}

static void take_attributes(struct rafs_inode *lower, const struct rafs_inode *upper)
{
	if (upper->implied)
		return;
	lower->mode = upper->mode;
	lower->uid = upper->uid;
	lower->gid = upper->gid;
	lower->mtime = upper->mtime;
	lower->implied = false;
	lower->xattrs = upper->xattrs;
	lower->xattrs_len = upper->xattrs_len;
}

static void merge_folder(struct rafs *rafs, struct rafs_inode *lower, const struct rafs_inode *upper)
{
	take_attributes(lower, upper);
	rafs_hide(lower, upper);
	for (size_t i = 0; i < map_len(upper->children); i++) {
		const struct rafs_node *node = map_value(upper->children, i);
		struct rafs_inode *below;

		if (!node || rafs_starts_with(node->name, WHITEOUT))
			continue;
		if (!node->inode->children) {
			rafs_link(rafs, lower, node->name, node->inode);
			continue;
		}
		below = rafs_child(lower, node->name);
		if (!below || !below->children) {
			below = rafs_put(rafs, lower, node->name, node->inode->mode);
			below->implied = true;
		}
		merge_folder(rafs, below, node->inode);
	}
}

void rafs_merge(struct rafs *rafs, struct rafs *upper)
{
	merge_folder(rafs, rafs->root, upper->root);
	mem_reserve(&rafs->blobs, &rafs->blobs_cap, rafs->blobs_len + upper->blobs_len, sizeof(struct rafs_blob *));
	for (size_t i = 0; i < upper->blobs_len; i++)
		rafs->blobs[rafs->blobs_len++] = upper->blobs[i];
	upper->blobs_len = 0;
}
