#ifndef DSL_CHOICE_H
#define DSL_CHOICE_H

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct diags;
struct text;

/* A value that is one of a few words. The complaint about another one is `before`, the word in quotes, `after`. */
struct word_choice {
	const char *const *names;
	size_t len;
	const char *before, *after; /* "there is no format ", "" */
	const char *help;           /* where no word is similar */
};

/* *ret is the word's number. False after a complaint. */
bool choice_find(const struct word_choice *choice, const struct text *text, struct diags *diags, struct arena *arena,
		 size_t *ret);

#endif
