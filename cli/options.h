#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;

/* The command line. Strings point into argv or are owned by the options. */
struct options {
	const char *command;  /* "build" when none is given */
	const char **targets; /* NULL-terminated */
	size_t targets_len;
	const char *dir;       /* -C, or NULL */
	const char *file;      /* the first -f, or NULL */
	const char **overlays; /* the others, NULL-terminated; or NULL */
	const char *env_file;
	const char **sets;      /* NULL-terminated; NULL when not given (the same below) */
	const char **platforms; /* comma lists taken apart */
	const char **tags;
	const char **profiles;
	const char *builder;
	const char *runtime;
	const char *keep_storage; /* a size, or NULL */
	const char *since;        /* a commit, or NULL */
	const char *format;       /* "text" when not given */
	const char *progress;     /* "auto", "tty", "plain" */
	size_t jobs;              /* 0: not given */
	double max_load;          /* 0: none */
	bool dry_run, force, keep_going, quiet, verbose, exit_code, no_load, no_verify;
	bool null_separated; /* -0 */
	bool long_list;      /* -l of `context` */
	bool help, version;
	char *words;  /* the command line as typed, for the history */
	void **owned; /* what options_free frees */
	size_t owned_len, owned_cap;
};

/* ERROR_USAGE for what is not understood, with "did you mean". */
int options_parse(struct options *options, int argc, char **argv, struct error **err);
void options_free(struct options *options);
/* The table of options as text, for help. */
void options_help(struct buf *out);

#endif
