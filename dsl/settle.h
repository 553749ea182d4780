#ifndef DSL_SETTLE_H
#define DSL_SETTLE_H

struct files;
struct yaml_node;
struct unit;

/* Prepares one compose file before it is merged with others: fills in the services' variables and resolves what
 * they extend. */
struct yaml_node *settle_file(struct files *files, const struct unit *unit, struct yaml_node *tree);

#endif
