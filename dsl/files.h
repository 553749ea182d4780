#ifndef DSL_FILES_H
#define DSL_FILES_H

#include <stddef.h>
#include <stdbool.h>

#include "base/diag.h"

struct arena;
struct diags;
struct error;
struct map;
struct yaml_node;
struct scope;
struct text;
struct unit;
struct units;

#define FILES_MAX 1000     /* manifests that one is made of */
#define FILES_DEPTH_MAX 16 /* manifests that include one another */

/* The files that a manifest is made of. YAML_BYTES_MAX and YAML_NODES_MAX are for all of them together. */
struct files {
	struct arena *arena;
	struct diags *diags;
	struct scope *scope;
	struct units *units;
	struct map *included; /* what `include` has read -> its unit */
	size_t count, nodes, bytes;
	const char **paths; /* absolute: everything that was looked for */
	size_t paths_len, paths_cap;
	const char *inside;   /* as in load_options */
	bool given;           /* the same */
	struct error *unread; /* the first file that is there and cannot be read: it ends the load */
};

void files_cleanup(struct files *files);
#define cleanup_files __attribute__((cleanup(files_cleanup)))

/*
 * Reads one more manifest of `unit` over `*tree` (NULL: it is the first), as compose merges files (compose-spec,
 * 13-merge), with all that it includes. `shown`: its name in complaints.
 *
 * 0: *tree is the tree, or still NULL after a complaint. Negative: it could not be read (ERROR_USAGE, ERROR_STATE).
 */
int files_add(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **tree,
	      struct error **err);
/* One manifest by itself; *ret NULL after a complaint. ERROR_USAGE. */
int files_read(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **ret,
	       struct error **err);
/* Reads an env file for `unit`; one that is `optional` need not be there. Errors as above. */
int files_add_env(struct files *files, struct unit *unit, const char *path, const char *shown, bool optional,
		  struct error **err);
/* The tree with what the manifests bring that its `include` names (dsl/include.c). What cannot be done is complained
 * about. */
struct yaml_node *files_include(struct files *files, struct unit *unit, struct yaml_node *tree);
/* The manifest that a service extends with "extends: {file: ...}" at `name`: its own names and nothing of it become
 * known; what it includes is not read. NULL after a complaint. */
const struct unit *files_extend(struct files *files, const struct text *name);

/* Shared by everything that names a file. */
const char *files_join(struct files *files, const char *dir, const char *path);
/* True when `name` is no URL; `key` is what names it. */
bool files_local(struct files *files, const struct text *name, const char *key);
/* True when `from` may have one more file below it. */
bool files_allow(struct files *files, const struct unit *from, struct pos pos);
/* Where a unit's paths start: in `dir`, or (NULL) beside its first file; both as its parent names them. */
void files_place(struct files *files, struct unit *unit, const char *first, const char *dir);
/* Says that the `what` called `name`, at `path`, cannot be read, and why. Takes the error. */
void files_unread(struct files *files, const struct text *name, const char *path, const char *what, struct error *error);

#endif
