#ifndef CLI_REMOTES_H
#define CLI_REMOTES_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct load_place;
struct loop;
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
/* Why nothing of that is fetched by a command that uses no network: always negative, ERROR_REGISTRY. */
int remotes_refuse(const struct remotes *remotes, struct error **err);
/* Fetches all of that; .cbuild exists. */
int remotes_fetch(struct remotes *remotes, struct loop *loop, struct urls *urls, struct error **err);

#endif
