#ifndef ENGINE_OCI_LOCKFILE_H
#define ENGINE_OCI_LOCKFILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/digest.h"
#include "base/platform.h"

struct buf;
struct error;

/*
 * services.lock: what the base images are. One entry a reference, with the digest that its tag had and the manifest of each
 * platform; sorted, so that equal locks are equal texts:
 *
 *     version 4
 *     docker.io/library/debian:12 sha256:...
 *       linux/amd64 sha256:...
 *         onbuild none
 *         env LANG=C.UTF-8
 *         env API_TOKEN
 *     docker.io/acme/on:1 sha256:...
 *       linux/amd64 sha256:...
 *         onbuild COPY payload /p
 *         onbuild ARG Z
 *         env none
 *
 * What a platform's image does on build (version 2) and its variables (version 4; without a value that is not told) stand there for the
 * platforms that are built. Behind the images, from version 3 on, what the builds fetch from elsewhere: the content of a URL, or the commit
 * of a git repository's ref.
 *
 *     url https://example.org/tool.tgz sha256:...
 *     url https://example.org/acme/common.git#main commit:...
 *
 * Lines that begin with '#' and empty ones say nothing.
 */
#define LOCKFILE_NAME "services.lock" /* beside the manifest */

struct lock_platform {
	struct platform platform;
	char digest[DIGEST_LEN + 1];
	char *onbuild; /* its ONBUILD instructions, one a line; "": none; NULL: not known */
	char *env;     /* its variables, likewise */
};

struct lock_entry {
	char *reference; /* normalised, with its tag */
	char digest[DIGEST_LEN + 1];
	struct lock_platform *platforms; /* sorted by their texts */
	size_t len, cap;
};

/* What a build fetches. */
struct lock_url {
	char *url;                /* without a login */
	char pin[DIGEST_LEN + 1]; /* "sha256:..." of its content, or "commit:..." */
};

struct lockfile {
	struct lock_entry **entries; /* sorted by reference */
	size_t len, cap;
	struct lock_url *urls; /* sorted */
	size_t urls_len, urls_cap;
};

struct lockfile *lockfile_new(void);
void lockfile_free(struct lockfile *lock); /* NULL-safe */
void lockfile_cleanup(struct lockfile **lock);
#define cleanup_lockfile __attribute__((cleanup(lockfile_cleanup)))

/* *ret is NULL when there is no such file. An invalid one is ERROR_USAGE with file and line. */
int lockfile_read(const char *path, struct lockfile **ret, struct error **err);
/* The same for a text; `name` is used in errors. */
int lockfile_parse(const char *text, size_t len, const char *name, struct lockfile **ret, struct error **err);
void lockfile_text(const struct lockfile *lock, struct buf *out);

const struct lock_entry *lockfile_find(const struct lockfile *lock, const char *reference); /* lock NULL: NULL */
/* Takes ownership of the entry; replaces one with the same reference. */
void lockfile_put(struct lockfile *lock, struct lock_entry *entry);

/* What the URL (without a login) is locked to, or NULL. */
const char *lockfile_url(const struct lockfile *lock, const char *url); /* lock NULL: NULL */
/* Adds it, or replaces what stands there. A URL that cannot stand in a line is left out. */
void lockfile_put_url(struct lockfile *lock, const char *url, const char *pin);
/* Whether a text is what a URL may be locked to. */
bool lock_pin_valid(const char *pin);

/* A reference as used in the lock: with registry and tag (malloc'd). NULL when it has a digest, and so needs no
 * lock, or is not a reference. */
char *lock_reference(const char *name);
struct lock_entry *lock_entry_new(const char *reference, const char *digest);
struct lock_entry *lock_entry_copy(const struct lock_entry *entry);
void lock_entry_free(struct lock_entry *entry);                                                     /* NULL-safe */
void lock_entry_add(struct lock_entry *entry, const struct platform *platform, const char *digest); /* once each */
/* The manifest for a platform, or NULL when the image has none for it. */
const char *lock_entry_find(const struct lock_entry *entry, const struct platform *platform);
/* Its ONBUILD instructions, or NULL when they are not known. */
const char *lock_entry_onbuild(const struct lock_entry *entry, const struct platform *platform);
/* Its variables, likewise. */
const char *lock_entry_env(const struct lock_entry *entry, const struct platform *platform);
void lock_entry_set(struct lock_entry *entry, const struct platform *platform, const char *onbuild,
		    const char *env); /* copied */

#endif
