#ifndef DSL_DOTENV_H
#define DSL_DOTENV_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "base/diag.h"

struct arena;

/* One assignment of an env file. */
struct dotenv_var {
	const char *name;
	const char *value; /* with quotes and escapes removed; NULL: only a name, which takes the environment's value */
	bool expand;       /* not in single quotes: `value` may contain "$VAR" ("$$" is a dollar sign) */
	struct pos pos;    /* of the value */
};

/*
 * Parses an env file as compose does (compose-go, dotenv): comments, "export", NAME=value and NAME: value, single and
 * double quotes over several lines, escapes in double quotes. Expands nothing. Complaints go to `diags`, where `file`
 * is the text's id; the rest is still read. The array and its strings live in `arena`.
 */
void dotenv_parse(struct arena *arena, struct diags *diags, uint32_t file, const char *text, size_t len,
		  struct dotenv_var **ret_vars, size_t *ret_len);

#endif
