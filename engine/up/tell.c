#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/up/up_internal.h"

#define PORTS_MAX 512 /* addresses of one service that are reported */

/* An event on its way to the loop's thread. */
struct letter {
	struct up *up;
	struct up_event event;
};

void tell_now(struct up *up, const struct up_event *event)
{
	struct error *error = NULL;

	if (up->job->event(up->job->data, event, &error) == 0)
		return;
	error_move(up->untold ? NULL : &up->untold, &error);
	loop_cancel(up->job->loop);
}

static void deliver(void *arg)
{
	struct letter *letter = arg;

	tell_now(letter->up, &letter->event);
	free(letter);
}

void up_tell(struct up *up, const struct up_event *event)
{
	struct letter *letter = mem_alloc(sizeof(*letter));

	/* The event points into the stack or the manifest, which outlive the loop's run. */
	*letter = (struct letter){ up, *event };
	loop_post(up->job->loop, deliver, letter);
}

void tell_ports(struct up *up, const struct actor *actor)
{
	struct container_port ports[PORTS_MAX];
	size_t len = container_ports(actor->container, ports, PORTS_MAX);

	for (size_t i = 0; i < len; i++) {
		ports[i].host = arena_strdup(up->stack.arena, ports[i].host);
		up_tell(up, &(struct up_event){ .kind = UP_PORT, .service = actor->name, .port = ports[i] });
	}
}

/* A reader of one container's output. */
struct follower {
	struct up *up;
	size_t number; /* of the actor */
	const char *service;
	struct container *container;
	bool from_first;
	void (*done)(struct up *up);
	struct output output;
};

static void tell_on_line(void *data, const char *line, size_t len)
{
	struct follower *follower = data;

	tell_now(follower->up,
		 &(struct up_event){ .kind = UP_LINE, .service = follower->service, .text = line, .len = len });
}

static void tell_follow(void *arg)
{
	struct follower *follower = arg;

	/* A failure to show its output is ignored: its health is what counts. */
	container_output(follower->container, true, follower->from_first ? START_LINES : 0, &follower->output, NULL);
}

static void follow_done(void *arg)
{
	struct follower *follower = arg;

	atomic_fetch_sub(&follower->up->readers[follower->number], 1);
	atomic_fetch_sub(&follower->up->followers, 1);
	follower->done(follower->up);
	free(follower);
}

static void follow_begin(void *arg)
{
	struct follower *follower = arg;

	if (loop_task(follower->up->job->loop, tell_follow, follow_done, follower, NULL) < 0)
		follow_done(follower);
}

void tell_output(struct up *up, const struct actor *actor, void (*done)(struct up *up))
{
	struct follower *follower = mem_alloc(sizeof(*follower));
	size_t number = (size_t)(actor - up->stack.actors);

	*follower = (struct follower){
		.up = up,
		.number = number,
		.service = actor->name,
		.container = actor->container,
		.from_first = !up->kept[number],
		.done = done,
		.output = { .log_fd = -1, .line = tell_on_line, .data = follower },
	};
	atomic_fetch_add(&up->followers, 1);
	atomic_fetch_add(&up->readers[number], 1);
	loop_post(up->job->loop, follow_begin, follower);
}
