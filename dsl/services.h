#ifndef DSL_SERVICES_H
#define DSL_SERVICES_H

struct decode;
struct draft;
struct merge;
struct yaml_node;

/* The services of a tree and the groups and templates beside them: each service is interpolated, merged with what
 * it extends, multiplied by its matrix and decoded into the draft. Complaints go to the decoder's diags. */
struct services {
	struct decode *decode;
	struct merge *merge;
	struct draft *draft;
};

/* `services` and the others are maps, or NULL. Each matrix also makes a group. */
void services_decode(struct services *s, const struct yaml_node *services);
/* Checks templates that no service extends for faults. */
void services_check_templates(struct services *s, const struct yaml_node *templates);
/* Appended after the groups of matrices. */
void services_decode_groups(struct services *s, const struct yaml_node *groups);

#endif
