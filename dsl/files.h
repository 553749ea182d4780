#ifndef DSL_FILES_H
#define DSL_FILES_H

#include <stddef.h>
#include <stdbool.h>

#include "base/diag.h"
#include "dsl/manifest.h"

struct arena;
struct bake;
struct diags;
struct error;
struct load_options;
struct map;
struct yaml_node;
struct scope;
struct text;
struct unit;
struct units;

#define FILES_MAX 1000     /* files that one manifest may consist of */
#define FILES_DEPTH_MAX 16 /* levels of manifests that include one another */

/* The files that a manifest consists of. YAML_BYTES_MAX and YAML_NODES_MAX apply to all of them together. */
struct files {
	struct arena *arena;
	struct diags *diags;
	struct scope *scope;
	struct units *units;
	struct map *included; /* files read by `include` -> their unit */
	size_t count, nodes, bytes;
	const char **paths; /* absolute: every file that was looked for */
	size_t paths_len, paths_cap;
	struct texts remotes; /* URLs of those that were included */
	size_t remotes_cap;
	struct bake *bake; /* the bake files among those of the first unit; NULL: there are none */
	const struct load_options *options;
	const char *inside;   /* as in load_options */
	bool given;           /* the same */
	struct error *unread; /* the first file that exists but cannot be read: it ends the load */
};

void files_cleanup(struct files *files);
#define cleanup_files __attribute__((cleanup(files_cleanup)))

/*
 * Reads one more manifest of `unit`, with everything it includes, and merges it over `*tree` (NULL: it is the first)
 * as compose merges files (compose-spec, 13-merge). `shown`: its name in complaints.
 *
 * 0: *tree is the tree, or still NULL after a complaint. Negative: it could not be read (ERROR_USAGE, ERROR_STATE).
 */
int files_add(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **tree,
	      struct error **err);
/* Reads one manifest alone; *ret is NULL after a complaint. ERROR_USAGE. */
int files_read(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **ret,
	       struct error **err);
/* Reads an env file for `unit`; an `optional` one may be missing. Errors as above. */
int files_add_env(struct files *files, struct unit *unit, const char *path, const char *shown, bool optional,
		  struct error **err);
/* The tree with what the manifests named by its `include` contribute (dsl/include.c). Conflicts are complained
 * about. */
struct yaml_node *files_include(struct files *files, struct unit *unit, struct yaml_node *tree);
/* The manifest that a service extends with "extends: {file: ...}" at `name`: only its own names become known, and
 * what it includes is not read. NULL after a complaint. */
const struct unit *files_extend(struct files *files, const struct text *name);

/* Helpers for everything that names a file. */
const char *files_join(struct files *files, const char *dir, const char *path);
/* Complains when `name` is a URL; `key` is the key that has it. */
bool files_local(struct files *files, const struct text *name, const char *key);
/* True when `from` may include one more level. */
bool files_allow(struct files *files, const struct unit *from, struct pos pos);
/* The folder in which a unit's relative paths start: `dir`, or (NULL) the folder of its first file; both as its
 * parent names them. */
void files_place(struct files *files, struct unit *unit, const char *first, const char *dir);
/* Complains that the `what` called `name`, at `path`, cannot be read, and why. Takes ownership of the error. */
void files_unread(struct files *files, const struct text *name, const char *path, const char *what, struct error *error);

#endif
