#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct command;
struct error;
struct options;

/* An option of the command line. Parsing, help, the manual page and completion share one table. */
struct option {
	char letter; /* or 0 */
	const char *name;
	const char *placeholder; /* of its argument, or NULL */
	const char *help;
	const char *commands; /* that support it, separated by blanks; NULL: every command that reads the manifest */
	const char *choices;  /* valid arguments, separated by blanks; or NULL */
	/* Stores the argument, NULL without a placeholder. ERROR_USAGE. */
	int (*take)(struct options *options, const struct option *option, const char *value, struct error **err);
	size_t offset; /* of the member of struct options that it sets, for `take` functions that several options share */
	bool less;     /* it asks for less: no command does more for ignoring it */
};

/* The command line. Strings point into argv or are owned by the options. */
struct options {
	const struct command *commands; /* the table that `command` is in */
	const char *command;            /* "build" by default, with --help "help" */
	const char **targets;           /* NULL-terminated */
	size_t targets_len;
	const char *dir;        /* -C, or NULL */
	const char *file;       /* the first -f, or NULL */
	struct buf *input;      /* what standard input holds, where a file is "-"; or NULL */
	const char **overlays;  /* the others, NULL-terminated; or NULL */
	const char **env_files; /* NULL-terminated; or NULL */
	const char *project;    /* -p, or NULL */
	const char **sets;      /* NULL-terminated; NULL when not given (the same below) */
	const char **platforms; /* comma lists taken apart */
	const char **tags;
	const char **profiles;
	const char *builder;
	const char *runtime;
	const char *keep_storage;                 /* a size, or NULL */
	const char *username;                     /* of login, or NULL */
	const char *to;                           /* where `load` puts images, or NULL */
	const char *key;                          /* a public key's file, of verify-signature; or NULL */
	const char *type;                         /* of attach, or NULL */
	const char *since;                        /* a commit, or NULL */
	const char *format;                       /* by default the command's first */
	const char *progress;                     /* "auto", "tty", "plain", "json" or "quiet", which is as -q */
	const char *trace;                        /* a file, or NULL */
	const char *output;                       /* -o, or NULL */
	size_t jobs;                              /* 0: not given */
	double max_load;                          /* 0: none */
	bool partial, merge_platforms, by_digest; /* of pushes */
	bool dry_run, force, keep_going, quiet, verbose, exit_code, no_load, no_verify, push;
	bool pull;
	bool no_cache_read;
	bool remote; /* of `images` */
	bool password_stdin;
	bool update, check;  /* of `lock` */
	bool null_separated; /* -0 */
	bool long_list;      /* -l of `context` */
	bool to_stdout;      /* --stdout */
	bool help, version;
	bool detach;
	bool watch; /* of `up` */
	bool follow;      /* -f of `logs` */
	const char *tail; /* of `logs`, or NULL */
	bool allow_outside; /* manifests may name files outside of the project */
	bool run;           /* --run of `watch` */
	bool report;        /* --report of `doctor` */
	bool starts; /* not an option: targets are started on this machine, so env files count and nothing is published */
	bool silent;                 /* not an option: complaints are not shown (cli/cmd/look.h) */
	const struct option **given; /* all options, in the order of the command line */
	size_t given_len, given_cap;
	char *words;  /* the command line as typed, for the history */
	void **owned; /* what options_free frees */
	size_t owned_len, owned_cap;
};

/* ERROR_USAGE for an invalid command line, with "did you mean". options_free is needed even on failure. */
int options_parse(struct options *options, const struct command *commands, int argc, char **argv, struct error **err);
void options_free(struct options *options);
/* Another folder becomes the current one: files that were named in `from` are still those. */
void options_moved(struct options *options, const char *from);

const struct option *option_table(void);                        /* ends with a NULL name */
const struct option *option_find(const char *name, size_t len); /* by its long name; NULL when there is none */
const struct option *option_letter(char letter);

#endif
