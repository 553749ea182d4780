#ifndef DSL_SERVICES_H
#define DSL_SERVICES_H

struct decode;
struct draft;
struct merge;
struct yaml_node;

/* The services of a tree, and what names them: each interpolated with what it extends, multiplied by its matrix, decoded
 * into the draft. All complain to the decoder's diags. */
struct services {
	struct decode *decode;
	struct merge *merge;
	struct draft *draft;
};

/* `services` and the others are maps, or NULL. Each matrix makes a group, too. */
void services_decode(struct services *s, const struct yaml_node *services);
/* Looks for the faults of templates that no service extends. */
void services_check_templates(struct services *s, const struct yaml_node *templates);
/* Behind the groups of matrices. */
void services_decode_groups(struct services *s, const struct yaml_node *groups);

#endif
