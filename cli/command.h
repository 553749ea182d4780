#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

struct error;
struct option;
struct options;

/* What the words behind a command name; completion offers these. */
enum command_takes { TAKES_NOTHING, TAKES_TARGETS, TAKES_SERVICE, TAKES_TOPIC, TAKES_SHELL, TAKES_FILE, TAKES_EXPORT };

/* The commands: one table, a file each. Help, the manual page and completion are made from it. A command returns its
 * exit status, or a negative number with *err set. */
struct command {
	const char *name;
	const char *arguments; /* for help, or NULL */
	const char *summary;   /* a line */
	int (*run)(const struct options *options, struct error **err);
	enum command_takes takes;
	bool alone;           /* it reads no manifest */
	const char *formats;  /* of --format, separated by blanks, the default first; NULL: "text" alone */
	const char *detail;   /* paragraphs, an empty line between; what is typed stands in `...` */
	const char *examples; /* a line each: the command, a tab, what it is for */
};

const struct command *command_find(const char *name); /* NULL when there is none */
const struct command *command_table(void);            /* ends with a NULL name */
/* The names, NULL-terminated; free() the list. */
const char **command_names(void);
/* Whether the command has a use for the option. */
bool command_reads(const struct command *command, const struct option *option);

int cmd_build(const struct options *options, struct error **err);
int cmd_tag(const struct options *options, struct error **err);
int cmd_lock(const struct options *options, struct error **err);
int cmd_push(const struct options *options, struct error **err);
int cmd_inspect(const struct options *options, struct error **err);
int cmd_login(const struct options *options, struct error **err);
int cmd_logout(const struct options *options, struct error **err);
int cmd_verify(const struct options *options, struct error **err);
int cmd_images(const struct options *options, struct error **err);
int cmd_why(const struct options *options, struct error **err);
int cmd_graph(const struct options *options, struct error **err);
int cmd_hash(const struct options *options, struct error **err);
int cmd_affected(const struct options *options, struct error **err);
int cmd_context(const struct options *options, struct error **err);
int cmd_list(const struct options *options, struct error **err);
int cmd_log(const struct options *options, struct error **err);
int cmd_history(const struct options *options, struct error **err);
int cmd_report(const struct options *options, struct error **err);
int cmd_up(const struct options *options, struct error **err);
int cmd_down(const struct options *options, struct error **err);
int cmd_watch(const struct options *options, struct error **err);
int cmd_stats(const struct options *options, struct error **err);
int cmd_clean(const struct options *options, struct error **err);
int cmd_prune(const struct options *options, struct error **err);
int cmd_fsck(const struct options *options, struct error **err);
int cmd_check(const struct options *options, struct error **err);
int cmd_load(const struct options *options, struct error **err);
int cmd_doctor(const struct options *options, struct error **err);
int cmd_schema(const struct options *options, struct error **err);
int cmd_init(const struct options *options, struct error **err);
int cmd_import(const struct options *options, struct error **err);
int cmd_export(const struct options *options, struct error **err);
int cmd_completion(const struct options *options, struct error **err);
int cmd_version(const struct options *options, struct error **err);
int cmd_help(const struct options *options, struct error **err);

#endif
