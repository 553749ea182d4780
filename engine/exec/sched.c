#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "engine/exec/sched.h"

struct sched_item {
	enum sched_state state;
	size_t waits_for; /* dependencies that are not done */
	size_t *dependents;
	size_t dependents_len, dependents_cap;
	uint64_t cost;
	uint64_t path; /* cost of the longest path that begins here */
	size_t slot;
};

struct sched {
	struct sched_item *items;
	size_t len;
	size_t *heap; /* ready nodes, the longest path on top; for equal ones the smaller number */
	size_t heap_len;
	size_t slots, running; /* slots in use */
	size_t *users;         /* of each slot */
	bool keep_going, stopped;
};

static bool before(const struct sched *sched, size_t a, size_t b)
{
	if (sched->items[a].path != sched->items[b].path)
		return sched->items[a].path > sched->items[b].path;
	return a < b;
}

static void swap(size_t *heap, size_t a, size_t b)
{
	size_t node = heap[a];

	heap[a] = heap[b];
	heap[b] = node;
}

static void push(struct sched *sched, size_t node)
{
	size_t at = sched->heap_len++;

	bug_if(at >= sched->len, "more nodes are ready than there are");
	bug_if(sched->items[node].waits_for > 0, "node %zu is ready and waits for %zu others", node,
	       sched->items[node].waits_for);
	sched->items[node].state = SCHED_READY;
	sched->heap[at] = node;
	while (at > 0 && before(sched, sched->heap[at], sched->heap[(at - 1) / 2])) {
		swap(sched->heap, at, (at - 1) / 2);
		at = (at - 1) / 2;
	}
}

static void sink(struct sched *sched, size_t at)
{
	for (;;) {
		size_t best = at;

		for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < sched->heap_len; child++) {
			if (before(sched, sched->heap[child], sched->heap[best]))
				best = child;
		}
		if (best == at)
			return;
		swap(sched->heap, at, best);
		at = best;
	}
}

static size_t pop(struct sched *sched)
{
	size_t top = sched->heap[0];

	bug_if(sched->heap_len == 0, "no node is ready");
	sched->heap[0] = sched->heap[--sched->heap_len];
	sink(sched, 0);
	return top;
}

static void sched_start(struct sched *sched, size_t node, size_t slot)
{
	bug_if(sched->items[node].state != SCHED_READY, "node %zu starts in state %d", node,
	       (int)sched->items[node].state);
	bug_if(slot >= sched->slots, "slot %zu of %zu", slot, sched->slots);
	sched->items[node].state = SCHED_RUNNING;
	sched->items[node].slot = slot;
	sched->running += sched->users[slot]++ == 0;
}

static void sched_end(struct sched *sched, size_t node, enum sched_state state)
{
	bug_if(sched->items[node].state != SCHED_RUNNING, "node %zu ends in state %d", node,
	       (int)sched->items[node].state);
	bug_if(sched->users[sched->items[node].slot] == 0, "slot %zu is released twice", sched->items[node].slot);
	sched->items[node].state = state;
	sched->running -= --sched->users[sched->items[node].slot] == 0;
}

struct sched *sched_new(const struct sched_node *nodes, size_t len, size_t slots, bool keep_going)
{
	struct sched *sched = mem_alloc(sizeof(*sched));

	*sched = (struct sched){ .len = len, .slots = slots ? slots : 1, .keep_going = keep_going };
	sched->items = mem_array(len + 1, sizeof(*sched->items));
	sched->heap = mem_array(len + 1, sizeof(*sched->heap));
	sched->users = mem_array(sched->slots, sizeof(*sched->users));
	for (size_t i = 0; i < len; i++) {
		sched->items[i].waits_for = nodes[i].needs_len;
		for (size_t j = 0; j < nodes[i].needs_len; j++) {
			struct sched_item *need = &sched->items[nodes[i].needs[j]];

			bug_if(nodes[i].needs[j] >= i, "node %zu needs %zu, which comes later", i, nodes[i].needs[j]);
			mem_reserve(&need->dependents, &need->dependents_cap, need->dependents_len + 1, sizeof(size_t));
			need->dependents[need->dependents_len++] = i;
		}
	}
	for (size_t i = len; i-- > 0;) {
		struct sched_item *item = &sched->items[i];

		for (size_t j = 0; j < item->dependents_len; j++) {
			uint64_t path = sched->items[item->dependents[j]].path;

			item->path = path > item->path ? path : item->path;
		}
		item->cost = nodes[i].cost;
		item->path += nodes[i].cost;
	}
	for (size_t i = 0; i < len; i++) {
		if (sched->items[i].waits_for == 0)
			push(sched, i);
	}
	return sched;
}

void sched_free(struct sched *sched)
{
	if (!sched)
		return;
	for (size_t i = 0; i < sched->len; i++)
		free(sched->items[i].dependents);
	free(sched->items);
	free(sched->heap);
	free(sched->users);
	free(sched);
}

void sched_widen(struct sched *sched, size_t slots)
{
	size_t *users = mem_array(slots, sizeof(*users));

	bug_if(slots < sched->slots, "%zu slots become %zu", sched->slots, slots);
	memcpy(users, sched->users, sched->slots * sizeof(*users));
	free(sched->users);
	sched->users = users;
	sched->slots = slots;
}

bool sched_ready(const struct sched *sched)
{
	return !sched->stopped && sched->heap_len > 0 && sched->running < sched->slots;
}

/* The heap index of the ready node that fits and has the longest path; heap_len when none fits. */
static size_t find_best(const struct sched *sched, bool (*fits)(void *data, size_t node), void *data)
{
	size_t best = sched->heap_len;

	for (size_t i = 0; i < sched->heap_len; i++) {
		if ((best == sched->heap_len || before(sched, sched->heap[i], sched->heap[best])) &&
		    fits(data, sched->heap[i]))
			best = i;
	}
	return best;
}

static size_t sched_take_out(struct sched *sched, size_t at)
{
	size_t node = sched->heap[at];

	/* The node that takes its place may belong further up or down, so restore the whole heap. */
	sched->heap[at] = sched->heap[--sched->heap_len];
	for (size_t i = sched->heap_len / 2 + 1; i-- > 0;)
		sink(sched, i);
	return node;
}

bool sched_next(struct sched *sched, bool (*fits)(void *data, size_t node), void *data, size_t *ret_node)
{
	size_t slot = 0, at;

	if (!sched_ready(sched))
		return false;
	/* Usually the first one fits. */
	at = !fits || fits(data, sched->heap[0]) ? 0 : find_best(sched, fits, data);
	if (at == sched->heap_len)
		return false;
	*ret_node = at == 0 ? pop(sched) : sched_take_out(sched, at);
	while (sched->users[slot] > 0)
		slot++;
	sched_start(sched, *ret_node, slot);
	return true;
}

size_t sched_slot(const struct sched *sched, size_t node)
{
	return sched->items[node].slot;
}

void sched_done(struct sched *sched, size_t node)
{
	struct sched_item *item = &sched->items[node];

	sched_end(sched, node, SCHED_DONE);
	for (size_t i = 0; i < item->dependents_len; i++) {
		struct sched_item *dependent = &sched->items[item->dependents[i]];

		bug_if(dependent->waits_for == 0, "node %zu waits for nothing, but %zu was done for it",
		       item->dependents[i], node);
		if (--dependent->waits_for == 0 && dependent->state == SCHED_WAITING)
			push(sched, item->dependents[i]);
	}
}

static void skip(struct sched *sched, size_t node, void (*skipped)(void *data, size_t node), void *data)
{
	struct sched_item *item = &sched->items[node];

	for (size_t i = 0; i < item->dependents_len; i++) {
		size_t dependent = item->dependents[i];

		if (sched->items[dependent].state != SCHED_WAITING)
			continue;
		sched->items[dependent].state = SCHED_SKIPPED;
		skipped(data, dependent);
		skip(sched, dependent, skipped, data);
	}
}

void sched_failed(struct sched *sched, size_t node, void (*skipped)(void *data, size_t node), void *data)
{
	sched_end(sched, node, SCHED_FAILED);
	if (!sched->keep_going)
		sched->stopped = true;
	skip(sched, node, skipped, data);
}

void sched_stop(struct sched *sched)
{
	sched->stopped = true;
}

bool sched_stopped(const struct sched *sched)
{
	return sched->stopped;
}

void sched_put_back(struct sched *sched, size_t node)
{
	sched_end(sched, node, SCHED_READY);
	push(sched, node);
}

bool sched_finished(const struct sched *sched)
{
	return sched->running == 0 && (sched->stopped || sched->heap_len == 0);
}

enum sched_state sched_state(const struct sched *sched, size_t node)
{
	return sched->items[node].state;
}

size_t sched_running(const struct sched *sched)
{
	return sched->running;
}

/* The running node that ends first, according to `ends`. */
static size_t first_to_end(const struct sched *sched, const uint64_t *ends)
{
	size_t first = sched->len;

	for (size_t i = 0; i < sched->len; i++) {
		if (sched->items[i].state == SCHED_RUNNING && (first == sched->len || ends[i] < ends[first]))
			first = i;
	}
	return first;
}

static uint64_t sched_play(struct sched *sched, uint64_t *ends)
{
	uint64_t now = 0;
	size_t node;

	for (;;) {
		while (sched_next(sched, NULL, NULL, &node))
			ends[node] = now + sched->items[node].cost;
		if (sched->running == 0)
			return now;
		node = first_to_end(sched, ends);
		now = ends[node];
		sched_done(sched, node);
	}
}

/* Simulates the rest of the run on a copy of the counters. */
uint64_t sched_remaining(const struct sched *sched, const uint64_t *spent)
{
	cleanup_free struct sched_item *items = mem_array(sched->len + 1, sizeof(*items));
	cleanup_free size_t *heap = mem_array(sched->len + 1, sizeof(*heap));
	cleanup_free size_t *users = mem_array(sched->slots, sizeof(*users));
	cleanup_free uint64_t *ends = mem_array(sched->len + 1, sizeof(*ends));
	struct sched copy = *sched;

	memcpy(items, sched->items, sched->len * sizeof(*items));
	memcpy(heap, sched->heap, sched->heap_len * sizeof(*heap));
	memcpy(users, sched->users, sched->slots * sizeof(*users));
	copy.items = items;
	copy.heap = heap;
	copy.users = users;
	for (size_t i = 0; i < sched->len; i++) {
		if (items[i].state == SCHED_RUNNING)
			ends[i] = items[i].cost > spent[i] ? items[i].cost - spent[i] : 0;
	}
	return sched_play(&copy, ends);
}
