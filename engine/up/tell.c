#include "config.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
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

static void deliver_line(void *arg)
{
	struct letter *letter = arg;
	char *text = (char *)letter->event.text;

	deliver(letter);
	free(text);
}

void tell_line(struct up *up, const char *service, const char *text, size_t len)
{
	struct letter *letter = mem_alloc(sizeof(*letter));

	letter->up = up;
	letter->event =
		(struct up_event){ .kind = UP_LINE, .service = service, .text = mem_strndup(text, len), .len = len };
	loop_post(up->job->loop, deliver_line, letter);
}

void tell_ports(struct up *up, const struct actor *actor)
{
	struct container_port ports[PORTS_MAX];
	size_t len = container_ports(actor->container, ports, PORTS_MAX);

	for (size_t i = 0; i < len; i++) {
		ports[i].host = arena_strdup(actor->arena, ports[i].host);
		up_tell(up, &(struct up_event){ .kind = UP_PORT, .service = actor->name, .port = ports[i] });
	}
}

/* A reader of one container's output. */
struct follower {
	struct up *up;
	size_t number; /* of the actor */
	const char *service;
	struct container *container;
	bool again;            /* of a container that was followed before */
	size_t turn;           /* up->turns when it began: only the newest reader notes what was shown */
	struct up_shown since; /* what was shown before */
	size_t passed;         /* lines without a time */
	unsigned lines;
	void (*done)(struct up *up);
	struct output output;
};

static bool is_newest(const struct follower *follower)
{
	return follower->turn == follower->up->turns[follower->number];
}

/* Cuts off the line's time. False: it was shown before. What the command itself complains of has no time. */
static bool take_stamp(struct follower *follower, const char **line, size_t *len)
{
	const char *blank = memchr(*line, ' ', *len < STAMP_MAX ? *len : STAMP_MAX), *since = follower->since.stamp;
	size_t stamp = blank ? (size_t)(blank - *line) : 0;
	char *last = follower->up->shown[follower->number].stamp;

	if (stamp == 0 || !isdigit((unsigned char)**line))
		return true;
	if (strlen(since) == stamp && memcmp(*line, since, stamp) <= 0)
		return false;
	if (is_newest(follower)) {
		memcpy(last, *line, stamp);
		last[stamp] = '\0';
	}
	*line += stamp + 1;
	*len -= stamp + 1;
	return true;
}

/* The same where lines have no time. */
static bool take_count(struct follower *follower)
{
	if (++follower->passed <= follower->since.lines)
		return false;
	if (is_newest(follower))
		follower->up->shown[follower->number].lines = follower->passed;
	return true;
}

/* The run that goes on with its output shows what comes after the cancel, whose last line may be a part of one. */
static bool is_for_next(const struct follower *follower)
{
	const struct up_job *job = follower->up->job;

	return job->left && loop_cancelled(job->loop);
}

static void tell_on_line(void *data, const char *line, size_t len)
{
	struct follower *follower = data;

	if (is_for_next(follower) ||
	    !(container_stamps(follower->container) ? take_stamp(follower, &line, &len) : take_count(follower)))
		return;
	tell_now(follower->up,
		 &(struct up_event){ .kind = UP_LINE, .service = follower->service, .text = line, .len = len });
}

static void tell_follow(void *arg)
{
	struct follower *follower = arg;

	const struct container_output what = { .follow = true,
					       .stamped = container_stamps(follower->container),
					       .lines = follower->lines,
					       .since = *follower->since.stamp ? follower->since.stamp : NULL };

	/* A failure to show its output is ignored: its health is what counts. */
	container_print(follower->container, &what, &follower->output, NULL);
}

static void follow_done(void *arg)
{
	struct follower *follower = arg;

	atomic_fetch_sub(&follower->up->readers[follower->number], 1);
	atomic_fetch_sub(&follower->up->followers, 1);
	follower->done(follower->up);
	free(follower);
}

/* Of one that is shown from now on: if it prints nothing before it is started again, what it prints then was not shown. */
static void stamp_now(char ret[STAMP_MAX])
{
	uint64_t now = clock_unix_ns();
	time_t seconds = (time_t)(now / CLOCK_SECOND);
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(ret, STAMP_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(ret + len, STAMP_MAX - len, ".%09uZ", (unsigned)(now % CLOCK_SECOND));
}

static void follow_begin(void *arg)
{
	struct follower *follower = arg;
	struct up_shown *shown = &follower->up->shown[follower->number];

	follower->turn = ++follower->up->turns[follower->number];
	if (!follower->again)
		*shown = (struct up_shown){ 0 };
	follower->since = *shown;
	if (follower->lines == 0)
		stamp_now(shown->stamp);
	if (loop_task(follower->up->job->loop, tell_follow, follow_done, follower, NULL) < 0)
		follow_done(follower);
}

void tell_output(struct up *up, const struct actor *actor, bool again, void (*done)(struct up *up))
{
	struct follower *follower = mem_alloc(sizeof(*follower));
	size_t number = (size_t)(actor - up->stack.actors);

	*follower = (struct follower){
		.up = up,
		.number = number,
		.service = actor->name,
		.container = actor->container,
		.again = again,
		.lines = up->kept[number] && !again ? 0 : ALL_LINES,
		.done = done,
		.output = { .log_fd = -1, .line = tell_on_line, .data = follower },
	};
	atomic_fetch_add(&up->followers, 1);
	atomic_fetch_add(&up->readers[number], 1);
	loop_post(up->job->loop, follow_begin, follower);
}
