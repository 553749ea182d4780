#ifndef ENGINE_REGISTRY_URLS_H
#define ENGINE_REGISTRY_URLS_H

#include <stdbool.h>

struct error;
struct loop;

/* What builds fetch besides images: files over HTTP, and commits of git repositories (asked for by git itself, which has the logins and
 * keys). Each is asked for once; URLs may carry a login, which no answer and no error shows. Thread-safe. Errors are
 * ERROR_REGISTRY. */
struct urls;

struct urls *urls_new(struct loop *loop);
void urls_free(struct urls *urls); /* NULL-safe */

/* What tells whether something else is at the URL now: "etag ...", "modified ..., N bytes", where the server gives neither of them
 * "sha256:...", of git "commit:...". Borrowed from `urls`. */
int urls_state(struct urls *urls, const char *url, bool git, const char **ret, struct error **err);
/* What is there now: "sha256:..." of its bytes, or "commit:...". The same. */
int urls_content(struct urls *urls, const char *url, bool git, const char **ret, struct error **err);
/* Fetches a file that has to be `digest`, as a new file at `path`: mode 600, of the time that the server gives, as builders have it.
 * ERROR_REGISTRY when other bytes are there. */
int urls_fetch(struct urls *urls, const char *url, const char *digest, const char *path, struct error **err);
/* The same for whatever is there, which *ret tells as urls_content does. */
int urls_save(struct urls *urls, const char *url, const char *path, const char **ret, struct error **err);

#endif
