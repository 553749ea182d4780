#ifndef ENGINE_REGISTRY_FETCHED_H
#define ENGINE_REGISTRY_FETCHED_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct loop;
struct urls;

/*
 * What manifests take from elsewhere besides images: contexts, Dockerfiles and manifests in git repositories and behind http URLs. Each is
 * fetched once, into .cbuild/sources, under the name of what it is: "git-COMMIT/tree", "sha256-DIGEST/tree" of an archive, and
 * "sha256-DIGEST/text/context" of anything else, which is a Dockerfile (as BuildKit tells them apart and calls it). Such a folder
 * never changes. What a URL was when it was asked last is kept beside them ("at-HASH"), so that it is asked again only when somebody
 * wants that, or the lock says something else.
 *
 * Not thread-safe. URLs may carry a login, which no error, name or file has.
 */
struct fetched;

struct fetched_options {
	const char *state_dir; /* absolute path of .cbuild */
	const char *lock;      /* path of services.lock */
	/* Whether this run asks for a URL whatever is known of it; `pin`: what the lock has, or NULL. */
	bool (*again)(void *data, const char *shown, const char *pin);
	void *data;
};

struct fetched *fetched_new(const struct fetched_options *options);
void fetched_free(struct fetched *fetched); /* NULL-safe */

/* Where it is. Borrowed from `fetched`. */
struct fetched_place {
	const char *root; /* absolute folder; a name that nothing has, as long as it is not known what is there */
	bool text;        /* its one file, "context", is a Dockerfile */
	bool ready;       /* it is there, and this run has nothing to ask */
};
void fetched_find(struct fetched *fetched, const char *url, struct fetched_place *ret);

/* The names in .cbuild/sources of what is known of a URL, and of the folder that it is (NULL: not known). Borrowed from `fetched`. */
void fetched_names(struct fetched *fetched, const char *url, const char **ret_note, const char **ret_folder);

/* Asks what is there if need be, and fetches it if it is not here yet. .cbuild exists. In a task of the loop.
 * ERROR_REGISTRY, ERROR_TOOL, ERROR_STATE, ERROR_CANCELLED; ERROR_USAGE for an invalid lock. */
int fetched_get(struct fetched *fetched, struct loop *loop, struct urls *urls, const char *url, struct error **err);

#endif
