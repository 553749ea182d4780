#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/runtime/runtime.h"
#include "engine/up/up_internal.h"

/* What runs on between two runs of one process (watch --run): so the next one need not ask an engine for what it knows. */

struct left_one {
	char *service;
	struct container *container; /* NULL: the next run has taken it over */
	struct up_shown shown;
	bool well;
	bool stands; /* the next run has found it running */
};

struct up_left {
	struct left_one *ones;
	size_t len, cap;
	char *place;   /* the runtime's */
	char *network; /* NULL: not known */
};

struct up_left *up_left_new(void)
{
	return mem_alloc(sizeof(struct up_left));
}

void left_clear(struct up_left *left)
{
	while (left->len > 0) {
		struct left_one *one = &left->ones[--left->len];

		container_leave(one->container);
		free(one->service);
	}
	free(steal_ptr(left->place));
	free(steal_ptr(left->network));
}

void up_left_free(struct up_left *left)
{
	if (!left)
		return;
	left_clear(left);
	free(left->ones);
	free(left);
}

static struct left_one *left_find(const struct up_left *left, const char *service)
{
	for (size_t i = 0; left && service && i < left->len; i++)
		if (strcmp(left->ones[i].service, service) == 0)
			return &left->ones[i];
	return NULL;
}

/* A job that has completed stays as it is. */
static bool left_goes_on(const struct left_one *one)
{
	bool running = false;
	int status = -1;

	return one->container && container_state(one->container, &running, &status, NULL) == 0 &&
	       (running || status == 0) && !container_renewed(one->container);
}

static bool left_suffices(const struct up *up)
{
	const struct up_left *left = up->job->left;

	for (size_t i = 0; i < up->job->len && !up->job->only_follow; i++)
		if (!left_find(left, up->job->parts[i].service->name.s))
			return false;
	for (size_t i = 0; i < left->len; i++)
		if (!left_goes_on(&left->ones[i]))
			return false;
	return left->len > 0;
}

bool left_take(struct up *up)
{
	struct up_left *left = up->job->left;

	if (!left || !left->place || strcmp(left->place, runtime_place(up->job->runtime)) != 0)
		return false;
	for (size_t i = 0; i < left->len; i++)
		if (left->ones[i].container)
			container_move(left->ones[i].container, up->job->runtime);
	if (!left_suffices(up))
		return false;
	up->standing = mem_array(left->len + 1, sizeof(struct container *));
	for (size_t i = 0; i < left->len; i++) {
		up->standing[up->standing_len++] = steal_ptr(left->ones[i].container);
		left->ones[i].stands = true;
	}
	up->stack.network = steal_ptr(left->network);
	return true;
}

void left_match(struct up *up)
{
	for (size_t i = 0; i < up->standing_len; i++) {
		const struct container *found = up->standing[i];
		struct left_one *one = left_find(up->job->left, container_service(found));

		if (!one || !one->container || !container_same(one->container, found))
			continue;
		one->stands = true;
		one->well = one->well && container_process(one->container) == container_process(found);
	}
}

void left_resume(struct up *up, size_t number)
{
	const struct left_one *one = left_find(up->job->left, up->stack.actors[number].name);

	if (!one || !one->stands)
		return;
	up->resumed[number] = true;
	up->shown[number] = one->shown;
	up->well[number] = one->well;
}

void left_add(struct up *up, size_t number)
{
	struct up_left *left = up->job->left;
	const struct actor *actor = &up->stack.actors[number];

	mem_reserve(&left->ones, &left->cap, left->len + 1, sizeof(*left->ones));
	left->ones[left->len++] = (struct left_one){
		.service = mem_strdup(actor->name),
		.container = actor->container,
		.shown = up->shown[number],
		.well = up->well[number],
	};
	if (!left->place)
		left->place = mem_strdup(runtime_place(up->job->runtime));
	if (!left->network && up->stack.network)
		left->network = mem_strdup(up->stack.network);
}
