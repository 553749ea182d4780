#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Texts without the secrets in them, for what people pass on: the debug trace, `cbuild doctor --report`. */

/* Whether a variable, argument or option of that name is likely to hold a secret: "NPM_TOKEN", "dbPassword". */
bool redact_is_secret(const char *name);

/* Values that are hidden wherever they stand. Read-only once it is shared by threads. */
struct redactor;

/* Knows the values of the variables in `environ` ("NAME=value", NULL-terminated) whose names are those of secrets. */
struct redactor *redactor_new(const char *const *environ);
void redactor_free(struct redactor *redactor); /* NULL-safe */
/* One more value; copied. One shorter than REDACT_MIN bytes is not hidden: it would be found everywhere. */
#define REDACT_MIN 6
void redactor_add(struct redactor *redactor, const char *value);

/*
 * Appends the text with "***" in place of: the known values, logins in URLs, values in URLs' queries but for those that
 * registries are asked with, what follows "Authorization:", "Bearer " and "Basic ", and values of names of secrets ("TOKEN=x",
 * "TOKEN: x", "\"token\": \"x\""). In a `word` of a command line such a value goes to its end.
 */
void redactor_text(const struct redactor *redactor, const char *text, bool word, struct buf *out);

#endif
