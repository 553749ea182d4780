#ifndef ENGINE_EXEC_TASK_URLS_H
#define ENGINE_EXEC_TASK_URLS_H

#include <stddef.h>

struct arena;
struct build_job;
struct error;
struct json;
struct task;

/* What a build fetches, for its job; for engine/exec/ alone. */

/* Sets job->urls, in the arena: what is locked is held to it, fetched beforehand for a builder that cannot be told so; of the rest the
 * server is asked what tells it from another one, for the record. */
int task_urls(struct task *task, struct arena *arena, struct build_job *job, struct error **err);
/* What the record keeps: {"https://example.org/x": "etag ..."}; NULL when there is nothing. */
struct json *task_urls_kept(const struct task *task);

#endif
