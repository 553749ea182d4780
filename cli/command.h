#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stdbool.h>

struct error;
struct option;
struct options;

/* What the words behind a command name; completion offers these. */
enum command_takes { TAKES_NOTHING, TAKES_TARGETS, TAKES_SERVICE, TAKES_TOPIC, TAKES_SHELL, TAKES_FILE, TAKES_EXPORT };

/* A command. A table of them ends with a NULL name; help, the manual page and completion are made from it. */
struct command {
	const char *name;
	const char *arguments; /* for help, or NULL */
	const char *summary;   /* a line */
	/* Returns the exit status, or a negative number with *err set. */
	int (*run)(const struct options *options, struct error **err);
	const char *heading; /* of the first of a group, for help */
	enum command_takes takes;
	bool alone;           /* it reads no manifest */
	const char *formats;  /* of --format, separated by blanks, the default first; NULL: "text" alone */
	const char *detail;   /* paragraphs, an empty line between; what is typed stands in `...` */
	const char *examples; /* a line each: the command, a tab, what it is for */
};

/* The command of that name in a table; NULL when there is none. */
const struct command *command_find(const struct command *commands, const char *name);
/* The names of all; NULL-terminated, malloc'd. */
const char **command_names(const struct command *commands);
/* The command whose name is nearest to a word that was misspelt, or NULL. */
const char *command_near(const struct command *commands, const char *word);
/* Whether the command has a use for the option. */
bool command_reads(const struct command *command, const struct option *option);

#endif
