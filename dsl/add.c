#include "config.h"

#include "dsl/files.h"
#include "dsl/merge.h"
#include "dsl/node.h"
#include "dsl/schema.h"
#include "dsl/settle.h"
#include "dsl/unit.h"

/* Adds one more file to a manifest: reads it with everything it includes, then merges it over the files before it. */

int files_add(struct files *files, struct unit *unit, const char *path, const char *shown, struct yaml_node **tree,
	      struct error **err)
{
	struct yaml_node *node;

	if (files_read(files, unit, path, shown, &node, err) < 0)
		return -1;
	if (!node)
		return 0;
	if (unit->compose)
		node = settle_file(files, unit, node);
	node = files_include(files, unit, node);
	if (*tree)
		*tree = merge_nodes(files->arena, &schema_root, *tree, node);
	else if (unit->files_len == 1 || files->bake)
		*tree = node;
	return 0;
}
