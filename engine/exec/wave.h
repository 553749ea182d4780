#ifndef ENGINE_EXEC_WAVE_H
#define ENGINE_EXEC_WAVE_H

#include <stdbool.h>
#include <stddef.h>

struct build_job;
struct build_result;
struct builder;

/*
 * A wave: builds that are ready at the same time, and given to the builder together (a batch). Each member is a task
 * of its own that gets its job ready, hands it in and waits for its result; the wave is a further task, which calls the builder
 * when every member has handed in its job or left. A member must not wait for anything but itself before that: what
 * takes longer (another cbuild builds the same node) it does alone, having left.
 *
 * Members that were stopped because another one failed are built again without it, when its failure was a passing one (it
 * will try again by itself) or the run is to keep going.
 */
struct wave;

/* For at most `max` members. */
struct wave *wave_new(struct builder *builder, size_t max, bool keep_going);
struct builder *wave_builder(const struct wave *wave);
/* The wave's own task, and what lets go of it afterwards. */
void wave_work(void *wave);
void wave_free(void *wave);
/* One more member; before its task starts. It lets go with wave_leave. */
void wave_join(struct wave *wave);
/* No more members. Whoever made it must call this, or nothing is built. */
void wave_close(struct wave *wave);

/* A member's thread: hands the job in and waits for the result, which is the caller's. Once a member. */
void wave_build(struct wave *wave, const struct build_job *job, struct build_result *ret);
/* A member lets go; that may be instead of wave_build. */
void wave_leave(struct wave *wave, bool built);

#endif
