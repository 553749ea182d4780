#ifndef DSL_HCL_CURSOR_H
#define DSL_HCL_CURSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "dsl/hcl/value.h"

struct diags;
struct hcl_expr;

/* A place in a text that is read, and the words of HCL there. */

#define HCL_DEPTH_MAX 64 /* levels of brackets and templates in one another */

struct hcl_cursor {
	struct hcl_heap *heap;
	struct diags *diags; /* NULL: nobody is told */
	uint32_t file;
	const char *text; /* ends with NUL, and has no other */
	size_t at;
	unsigned depth;
	unsigned inside; /* brackets in which a newline is a blank */
	bool plain;      /* texts of JSON are no templates */
	bool fixed;      /* everything stands at `place`: the text is a decoded string of a JSON file */
	struct hcl_place place;
	const struct hcl_expr **open; /* items of lists that are being read */
	size_t open_len, open_cap;
};

struct hcl_place hcl_cursor_place(const struct hcl_cursor *c, size_t at);
/* Complains about the byte `at`. Returns NULL. */
__attribute__((format(printf, 4, 5))) void *hcl_complain(struct hcl_cursor *c, size_t at, const char *hint,
							 const char *fmt, ...);
/* Complains that something else was expected at the cursor. Returns NULL. */
void *hcl_expected(struct hcl_cursor *c, const char *what);
/* Skips blanks and comments; newlines, too, inside of brackets. Returns the next byte; 0 at the end. */
char hcl_peek(struct hcl_cursor *c);
/* The same, with newlines always. */
char hcl_peek_line(struct hcl_cursor *c);
/* Takes `word` when it comes next. */
bool hcl_take(struct hcl_cursor *c, const char *word);
bool hcl_is_name_start(char c);
/* The name at the cursor, or NULL; there is nothing before it. */
const char *hcl_take_name(struct hcl_cursor *c);
/* Takes the name when it is exactly `word`. */
bool hcl_take_keyword(struct hcl_cursor *c, const char *word);
/* One more level; false after a complaint when there are too many. */
bool hcl_enter(struct hcl_cursor *c);

/* The items of a list that is being read: pushed one by one, then taken from `first` on. */
void hcl_push(struct hcl_cursor *c, const struct hcl_expr *item);
const struct hcl_expr *const *hcl_pop(struct hcl_cursor *c, size_t first, size_t *ret_len);

#endif
