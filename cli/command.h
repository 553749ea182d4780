#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

struct error;
struct options;

/* The commands: one table, a file each. A command returns its exit status, or a negative number with *err set. */
struct command {
	const char *name;
	const char *arguments; /* for help */
	const char *summary;
	int (*run)(const struct options *options, struct error **err);
};

const struct command *command_find(const char *name); /* NULL when there is none */
const struct command *command_table(void);            /* ends with a NULL name */

int cmd_build(const struct options *options, struct error **err);
int cmd_verify(const struct options *options, struct error **err);
int cmd_images(const struct options *options, struct error **err);
int cmd_why(const struct options *options, struct error **err);
int cmd_hash(const struct options *options, struct error **err);
int cmd_affected(const struct options *options, struct error **err);
int cmd_context(const struct options *options, struct error **err);
int cmd_list(const struct options *options, struct error **err);
int cmd_log(const struct options *options, struct error **err);
int cmd_clean(const struct options *options, struct error **err);
int cmd_prune(const struct options *options, struct error **err);
int cmd_fsck(const struct options *options, struct error **err);
int cmd_version(const struct options *options, struct error **err);
int cmd_help(const struct options *options, struct error **err);

#endif
