#ifndef ENGINE_UP_SYNC_TREE_H
#define ENGINE_UP_SYNC_TREE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct error;
struct plan;
struct service;
struct stack_part;
struct watch_rule;

/* The files that rules of `develop.watch` are about, as they were at one moment. As in compose, what the service's .dockerignore
 * leaves out, .git, and temporary files of editors do not count. */
struct sync_tree;

/* Of the parts' services, which are borrowed, as the plan. What does not exist has no files. ERROR_STATE with the path of what cannot be
 * read, ERROR_USAGE for an invalid pattern. */
int sync_tree_take(const struct plan *plan, const struct stack_part *parts, size_t len, struct sync_tree **ret,
		   struct error **err);
void sync_tree_free(struct sync_tree *tree); /* NULL-safe */
/* The folders in which changes matter: absolute, NULL-terminated, borrowed. */
const char *const *sync_tree_folders(const struct sync_tree *tree);
/* Whether the service's rules say what a change of `path` (absolute) does, if only that it does nothing, and none of them wants a
 * new image. */
bool sync_tree_covers(const struct sync_tree *tree, const char *service, const char *path);

struct sync_change {
	const struct service *service;
	const struct watch_rule *rule;
	const char *from; /* absolute */
	const char *to;   /* absolute, in the container; NULL: nothing is copied */
	bool removed, folder;
};

/* What has changed between two trees of the same services, folders before what is in them; with `before` NULL, all files that new
 * containers get (initial_sync). Texts live in `arena`, *ret is malloc'd. Returns the number. */
size_t sync_tree_changes(const struct sync_tree *before, const struct sync_tree *now, struct arena *arena,
			 struct sync_change **ret);

#endif
