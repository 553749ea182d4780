#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Removes secrets from texts that people pass on: the debug trace, `cbuild doctor --report`. */

/* Whether a variable, argument or option of that name probably holds a secret: "NPM_TOKEN", "dbPassword". */
bool redact_is_secret(const char *name);

/* A set of values to hide wherever they appear. Read-only once threads share it. */
struct redactor;

/* Adds the values of those variables in `environ` ("NAME=value", NULL-terminated) whose names sound like secrets. */
struct redactor *redactor_new(const char *const *environ);
void redactor_free(struct redactor *redactor); /* NULL-safe */
/* Adds one value; copied. Values shorter than REDACT_MIN bytes are not hidden: they would match everywhere. */
#define REDACT_MIN 6
void redactor_add(struct redactor *redactor, const char *value);

/*
 * Appends the text with "***" in place of: the known values, logins in URLs, values in URLs' queries but for those that
 * registries are asked with, what follows "Authorization:", "Bearer " and "Basic ", and values of names of secrets ("TOKEN=x",
 * "TOKEN: x", "\"token\": \"x\""). In a `word` of a command line such a value goes to its end.
 */
void redactor_text(const struct redactor *redactor, const char *text, bool word, struct buf *out);

#endif
