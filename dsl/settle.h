#ifndef DSL_SETTLE_H
#define DSL_SETTLE_H

struct files;
struct yaml_node;
struct unit;

/* A compose file by itself, before it is merged with others: the services' variables filled in, and what they extend taken
 * in. */
struct yaml_node *settle_file(struct files *files, const struct unit *unit, struct yaml_node *tree);

#endif
