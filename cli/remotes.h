#ifndef CLI_REMOTES_H
#define CLI_REMOTES_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct load_place;
struct loop;
struct manifest;
struct options;
struct remote_use;
struct urls;

/* What a session's manifest takes from elsewhere: found when it is loaded, fetched when the plan needs it. */
struct remotes;

/* `state_dir`: .cbuild; `lock`: path of services.lock. */
struct remotes *remotes_new(const struct options *options, const char *state_dir, const char *lock);
void remotes_free(struct remotes *remotes); /* NULL-safe */

/* Callbacks, with the remotes as data: load_options.place, and plan_options.lacks. */
void remotes_place(void *data, const char *url, struct load_place *ret);
void remotes_lacks(void *data, const struct remote_use *use);

/* The number of URLs that the plan lacked. */
size_t remotes_lacking(const struct remotes *remotes);
/* Whether the command fetches anything: ERROR_REGISTRY, which names the URL, when it only looks. */
int remotes_allowed(const struct remotes *remotes, const char *url, struct error **err);
/* Fetches one, or all that the plan lacked; .cbuild exists. */
int remotes_get(struct remotes *remotes, struct loop *loop, struct urls *urls, const char *url, struct error **err);
int remotes_fetch(struct remotes *remotes, struct loop *loop, struct urls *urls, struct error **err);

/* The names in .cbuild/sources of what a manifest uses, NULL-terminated. The list is malloc'd, its texts live as long as the remotes. */
const char **remotes_used(struct remotes *remotes, const struct manifest *manifest);

#endif
