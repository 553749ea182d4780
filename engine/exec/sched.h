#ifndef ENGINE_EXEC_SCHED_H
#define ENGINE_EXEC_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The scheduler decides which node runs next. Pure computation on its own arrays, which use the plan's node numbers;
 * each node depends only on smaller numbers.
 */
struct sched;

struct sched_node {
	const size_t *needs;
	size_t needs_len;
	uint64_t cost; /* estimated milliseconds: the longest path goes first */
};

enum sched_state { SCHED_WAITING, SCHED_READY, SCHED_RUNNING, SCHED_DONE, SCHED_FAILED, SCHED_SKIPPED };

struct sched *sched_new(const struct sched_node *nodes, size_t len, size_t slots, bool keep_going);
void sched_free(struct sched *sched); /* NULL-safe */
void sched_widen(struct sched *sched, size_t slots); /* more slots */

/* Takes the ready node with the longest path, among those that `fit` (NULL: all). False when there is none, every
 * slot is taken, or nothing may start any more after a failure (without keep_going) or sched_stop. */
bool sched_next(struct sched *sched, bool (*fits)(void *data, size_t node), void *data, size_t *ret_node);
/* Whether sched_next would find one. */
bool sched_ready(const struct sched *sched);
/* The slot of a node that runs or has run: the smallest that was free, from 0. */
size_t sched_slot(const struct sched *sched, size_t node);
/* Milliseconds until everything is done if each node takes its cost and nothing fails. `spent[node]`: how long a
 * running node has been running. */
uint64_t sched_remaining(const struct sched *sched, const uint64_t *spent);
/* A running node succeeded; nodes that waited only for it become ready. */
void sched_done(struct sched *sched, size_t node);
/* A running node failed: all its dependents are skipped. `skipped(data, node)` is called for each. */
void sched_failed(struct sched *sched, size_t node, void (*skipped)(void *data, size_t node), void *data);
/* Starts no more nodes. */
void sched_stop(struct sched *sched);
bool sched_stopped(const struct sched *sched); /* by that, or by a failure */
/* A node that sched_next returned has not started after all. */
void sched_put_back(struct sched *sched, size_t node);
/* True when no node is running and none can start. */
bool sched_finished(const struct sched *sched);
enum sched_state sched_state(const struct sched *sched, size_t node);
size_t sched_running(const struct sched *sched); /* slots in use */

#endif
