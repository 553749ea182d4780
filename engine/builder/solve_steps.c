#include "config.h"

#include "engine/builder/solve_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/builder/step_times.h"
#include "engine/builder/tail.h"
#include "engine/buildkit/control.h"
#include "engine/io/lines.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"

#define STREAMS 3 /* 1 and 2 are used */

struct told_step {
	char *digest, *name;
	char *why; /* it failed, or NULL */
	bool started, cached;
	size_t time; /* its number in the output's times, once it has started */
	bool timed;
	struct buf line[STREAMS]; /* incomplete lines */
	struct tail tail;
};

struct solve_steps {
	struct loop *loop;
	const struct output *output;
	struct map *told; /* by digest */
	struct told_step *failed;
	struct error *error;
};

/* Progress on its way to the loop's thread. */
struct shown {
	const struct output *output;
	struct progress progress;
	char text[];
};

struct solve_steps *solve_steps_new(struct loop *loop, const struct output *output)
{
	struct solve_steps *steps = mem_alloc(sizeof(*steps));

	*steps = (struct solve_steps){ .loop = loop, .output = output, .told = map_new() };
	return steps;
}

void solve_steps_free(struct solve_steps *steps)
{
	if (!steps)
		return;
	for (size_t i = 0; i < map_len(steps->told); i++) {
		struct told_step *told = map_value(steps->told, i);

		free(told->digest);
		free(told->name);
		free(told->why);
		for (int stream = 0; stream < STREAMS; stream++)
			buf_free(&told->line[stream]);
		tail_free(&told->tail);
		free(told);
	}
	map_free(steps->told);
	error_free(steps->error);
	free(steps);
}

static void show(void *arg)
{
	struct shown *shown = arg;

	shown->progress.name = shown->text;
	if (shown->output->progress)
		shown->output->progress(shown->output->data, &shown->progress);
	free(shown);
}

/* The task that owns the output ends after this in the loop's queue. */
static void post(struct solve_steps *steps, struct progress progress, const char *text)
{
	size_t len = strlen(text);
	struct shown *shown = mem_alloc(sizeof(*shown) + len + 1);

	*shown = (struct shown){ .output = steps->output, .progress = progress };
	shown->progress.name_len = len;
	memcpy(shown->text, text, len);
	loop_post(steps->loop, show, shown);
}

/* To the log and to the display. */
static void log_line(struct solve_steps *steps, const char *before, const char *text, size_t len)
{
	cleanup_buf struct buf line = { 0 };

	if (!steps->output)
		return;
	buf_str(&line, before);
	buf_add(&line, text, len);
	lines_post(steps->loop, steps->output, line.data ? line.data : "", line.len);
	buf_char(&line, '\n');
	if (steps->output->log_fd >= 0 && !steps->error)
		fs_write_all(steps->output->log_fd, line.data, line.len, "the log", &steps->error);
}

/* "[build 2/5] RUN make": which step of how many. */
static void report_step(struct solve_steps *steps, struct told_step *told)
{
	const char *name = told->name;
	const char *end = *name == '[' ? strchr(name, ']') : NULL, *at = end;
	struct progress progress = { 0 };

	while (at && at > name && at[-1] != ' ' && at[-1] != '[')
		at--;
	if (!steps->output || !at || sscanf(at, "%u/%u]", &progress.step, &progress.steps) != 2)
		return; /* not from the Dockerfile */
	at = end + 1 + strspn(end + 1, " ");
	told->timed = true;
	told->time = step_times_begin(steps->output->times, name + 1, (size_t)(end - name - 1), at, strlen(at));
	if (!told->cached)
		post(steps, progress, at);
}

static struct told_step *find_step(struct solve_steps *steps, const char *digest)
{
	struct told_step *told = map_get(steps->told, digest);

	if (told)
		return told;
	told = mem_alloc(sizeof(*told));
	told->digest = mem_strdup(digest);
	told->name = mem_strdup("");
	map_set(steps->told, told->digest, told);
	return told;
}

/* A step's output. */
struct printed {
	struct solve_steps *steps;
	struct told_step *told;
};

static void take_printed(void *data, const char *line, size_t len)
{
	struct printed *printed = data;

	tail_add(&printed->told->tail, line, len);
	log_line(printed->steps, "", line, len);
}

/* A step that was only stopped because another one failed. */
static bool was_stopped(const char *text, size_t len)
{
	cleanup_free char *copy = mem_strndup(text, len);

	return strstr(copy, "context canceled") != NULL || strstr(copy, "graceful_stop") != NULL;
}

static void take_step(struct solve_steps *steps, struct told_step *told, const struct status_event *event)
{
	if (*event->name) {
		free(told->name);
		told->name = mem_strdup(event->name);
	}
	if (event->started && !told->started && !event->cached) {
		told->started = true;
		log_line(steps, "", told->name, strlen(told->name));
		report_step(steps, told);
	}
	if (event->cached && !told->cached) {
		told->cached = true;
		log_line(steps, "CACHED ", told->name, strlen(told->name));
		if (!told->timed)
			report_step(steps, told);
		if (told->timed)
			step_times_cached(steps->output->times, told->time);
	}
	if (event->completed && told->timed)
		step_times_end(steps->output->times, told->time);
	if (event->completed)
		for (int stream = 1; stream < STREAMS; stream++)
			lines_finish(&told->line[stream], take_printed, &(struct printed){ steps, told });
	if (!event->text || told->why || was_stopped(event->text, event->len))
		return;
	told->why = mem_strndup(event->text, event->len);
	log_line(steps, "ERROR: ", event->text, event->len);
	if (!steps->failed)
		steps->failed = told;
}

void solve_steps_take(void *data, const struct status_event *event)
{
	struct solve_steps *steps = data;
	struct told_step *told = find_step(steps, event->step);

	switch (event->kind) {
	case STATUS_STEP:
		take_step(steps, told, event);
		break;
	case STATUS_PRINT:
		lines_split(&told->line[event->stream == 1 ? 1 : 2], event->text, event->len, take_printed,
			    &(struct printed){ steps, told });
		break;
	case STATUS_WARNING:
		log_line(steps, "WARNING: ", event->text, event->len);
		break;
	case STATUS_BYTES:
		if (steps->output && event->current > 0)
			post(steps, (struct progress){ .bytes = event->current, .total = event->total }, event->name);
		break;
	}
}

const char *solve_steps_failed(const struct solve_steps *steps, const char **ret_why, char **ret_tail)
{
	*ret_why = steps->failed ? steps->failed->why : NULL;
	*ret_tail = steps->failed ? tail_text(&steps->failed->tail) : mem_strdup("");
	return steps->failed ? steps->failed->name : NULL;
}

int solve_steps_error(struct solve_steps *steps, struct error **err)
{
	return steps->error ? error_copy(err, steps->error) : 0;
}
