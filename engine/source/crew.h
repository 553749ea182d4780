#ifndef ENGINE_SOURCE_CREW_H
#define ENGINE_SOURCE_CREW_H

#include <stdbool.h>
#include <stddef.h>

struct dir;
struct top;

/* Threads that share a stack of folders to walk. Threads are started only when there is enough to do. */
struct crew;

struct crew_task {
	struct top *top;
	struct dir *dir; /* NULL: the top itself */
	const char *path;
	struct top **inner;
	size_t inner_len;
	int fd;
	unsigned depth;
};

struct crew *crew_new(unsigned threads); /* at most so many */
void crew_free(struct crew *crew);
void crew_push(struct crew *crew, const struct crew_task *task);
/* True when another thread is idle and would take a folder. */
bool crew_hungry(struct crew *crew);
/* Reports how many entries the caller has seen so far; the other threads are started when there are many. */
void crew_note(struct crew *crew, size_t entries);
/* Calls `work` for every task that has been or will be pushed. `expected` is an estimate of the number of entries. */
void crew_run(struct crew *crew, size_t expected,
	      void (*work)(void *data, const struct crew_task *task, unsigned worker), void *data);

#endif
