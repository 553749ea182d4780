#ifndef ENGINE_EXEC_SCHED_H
#define ENGINE_EXEC_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The scheduler: which node runs next. No I/O and no clock; arrays of its own, numbered as the plan's nodes.
 * Nodes are numbered so that each needs only smaller numbers.
 */
struct sched;

struct sched_node {
	const size_t *needs;
	size_t needs_len;
	uint64_t cost; /* milliseconds it is likely to take: the longest path goes first */
};

enum sched_state { SCHED_WAITING, SCHED_READY, SCHED_RUNNING, SCHED_DONE, SCHED_FAILED, SCHED_SKIPPED };

struct sched *sched_new(const struct sched_node *nodes, size_t len, size_t slots, bool keep_going);
void sched_free(struct sched *sched); /* NULL-safe */

/* Takes the ready node that begins the longest path, of those that `fit` (NULL: all). False when there is none, every slot
 * is taken, or no more may start after a failure (without keep_going) or sched_stop. */
bool sched_next(struct sched *sched, bool (*fits)(void *data, size_t node), void *data, size_t *ret_node);
/* Whether sched_next would take one. */
bool sched_ready(const struct sched *sched);
/* The slot of a node that runs or has run: the smallest that was free, from 0. */
size_t sched_slot(const struct sched *sched, size_t node);
/* Milliseconds until everything is done, when each node takes its cost and nothing fails. `spent[node]` is how long a
 * running node has run already. */
uint64_t sched_remaining(const struct sched *sched, const uint64_t *spent);
/* A running node ended well; what waited for it alone becomes ready. */
void sched_done(struct sched *sched, size_t node);
/* A running node failed: everything that needs it is skipped. `skipped(data, node)` is called for each. */
void sched_failed(struct sched *sched, size_t node, void (*skipped)(void *data, size_t node), void *data);
/* Starts no more nodes. */
void sched_stop(struct sched *sched);
/* No node is running and none can start. */
bool sched_finished(const struct sched *sched);
enum sched_state sched_state(const struct sched *sched, size_t node);
size_t sched_running(const struct sched *sched); /* slots in use */

#endif
