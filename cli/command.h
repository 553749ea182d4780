#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

struct error;
struct option;
struct options;

/* What the arguments of a command are, for completion. */
enum command_takes { TAKES_NOTHING, TAKES_TARGETS, TAKES_SERVICE, TAKES_TOPIC, TAKES_SHELL, TAKES_FILE, TAKES_EXPORT };

/* A command. A table of them ends with a NULL name; help, the manual page and completion are generated from it. */
struct command {
	const char *name;
	const char *arguments; /* for help, or NULL */
	const char *summary;   /* a line */
	/* Returns the exit status, or a negative number with *err set. */
	int (*run)(const struct options *options, struct error **err);
	const char *heading; /* of the first of a group, for help */
	enum command_takes takes;
	bool alone;           /* needs no manifest */
	const char *formats;  /* values of --format, separated by blanks, the default first; NULL: only "text" */
	const char *detail;   /* paragraphs, separated by empty lines; literal text in `...` */
	const char *examples; /* one per line: the command, a tab, what it is for */
};

/* The command of that name in a table; NULL when there is none. */
const struct command *command_find(const struct command *commands, const char *name);
/* The names of all; NULL-terminated, malloc'd. */
const char **command_names(const struct command *commands);
/* The command whose name is nearest to a word that was misspelt, or NULL. */
const char *command_near(const struct command *commands, const char *word);
/* Whether the command supports the option. */
bool command_reads(const struct command *command, const struct option *option);

#endif
