#ifndef CLI_CONVERT_NODE_JSON_H
#define CLI_CONVERT_NODE_JSON_H

#include <stdbool.h>

struct json;
struct yaml_node;

/* A part of a manifest as JSON. `literal`: its texts have no variables, so each "$" in them is doubled. The caller
 * owns it. */
struct json *tree_json(const struct yaml_node *node, bool literal);

#endif
