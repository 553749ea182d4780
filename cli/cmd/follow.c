#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/cmd/follow.h"
#include "cli/cmd/running.h"
#include "cli/report/up_report.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime.h"
#include "engine/up/up_run.h"

struct watch_reader {
	struct follow *follow;
	struct container *container;
	const char *service;
	size_t *shown; /* of its lines, in all loops */
	size_t passed; /* in this one */
	struct output output;
};

struct follow {
	struct arena *arena;
	struct map *shown; /* container and process -> number of lines */
	struct running_all running;
	struct stack_part *parts;
	struct watch_reader *readers;
	size_t len;
	struct standing *standing;
	struct error *error;
};

struct follow *follow_new(void)
{
	struct follow *follow = mem_alloc(sizeof(*follow));

	follow->arena = arena_new();
	follow->shown = map_new();
	return follow;
}

void follow_free(struct follow *follow)
{
	if (!follow)
		return;
	map_free(follow->shown);
	arena_free(follow->arena);
	free(follow);
}

static void follow_on_line(void *data, const char *line, size_t len)
{
	struct watch_reader *reader = data;
	struct follow *follow = reader->follow;
	struct error *error = NULL;

	if (++reader->passed <= *reader->shown)
		return;
	*reader->shown = reader->passed;
	if (standing_event(follow->standing,
			   &(struct up_event){ .kind = UP_LINE, .service = reader->service, .text = line, .len = len },
			   &error) == 0)
		return;
	error_move(follow->error ? NULL : &follow->error, &error);
	loop_stop(follow->running.session.loop);
	loop_cancel(follow->running.session.loop);
}

static void follow_read(void *arg)
{
	const struct container_output what = { .follow = true, .lines = ALL_LINES };
	struct watch_reader *reader = arg;

	/* A failure to show its output is ignored: that it runs is what counts. */
	container_print(reader->container, &what, &reader->output, NULL);
}

static void follow_read_done(void *arg)
{
	(void)arg;
}

/* What was shown of the container since it was started last. */
static size_t *shown_of(struct follow *follow, const struct container *container)
{
	char *key = arena_printf(follow->arena, "%s %d", container_name(container), container_process(container));
	size_t *shown = map_get(follow->shown, key);

	if (!shown) {
		shown = arena_array(follow->arena, 1, sizeof(*shown));
		map_set(follow->shown, key, shown);
	}
	return shown;
}

static void add_reader(struct follow *follow, struct container *container)
{
	const struct manifest *manifest = follow->running.session.manifest;
	const char *service = container_service(container);
	long number = service ? manifest_service(manifest, service) : -1;
	struct watch_reader *reader = &follow->readers[follow->len];

	if (number < 0)
		return;
	follow->parts[follow->len++].service = &manifest->services[number];
	*reader = (struct watch_reader){
		.follow = follow,
		.container = container,
		.service = service,
		.shown = shown_of(follow, container),
		.output = { .log_fd = -1, .line = follow_on_line, .data = reader },
	};
}

int follow_open(struct follow *follow, const struct options *options, struct loop **ret, struct error **err)
{
	struct options silent = *options;
	size_t count = 0;

	silent.silent = true;
	if (running_open(&follow->running, &silent, 0, err) < 0)
		return -1;
	for (size_t i = 0; i < follow->running.len; i++)
		count += follow->running.engines[i].len;
	follow->readers = mem_array(count + 1, sizeof(*follow->readers));
	follow->parts = mem_array(count + 1, sizeof(*follow->parts));
	for (size_t i = 0; i < follow->running.len; i++)
		for (size_t j = 0; j < follow->running.engines[i].len; j++)
			add_reader(follow, follow->running.engines[i].containers[j]);
	follow->standing = standing_new(follow->parts, follow->len, options->quiet, false, false);
	*ret = follow->running.session.loop;
	return 0;
}

int follow_show(struct follow *follow, struct error **err)
{
	for (size_t i = 0; i < follow->len; i++)
		if (loop_task(follow->running.session.loop, follow_read, follow_read_done, &follow->readers[i], err) < 0)
			return -1;
	return 0;
}

int follow_close(struct follow *follow, struct error **err)
{
	struct error *error = steal_ptr(follow->error);

	running_close(&follow->running);
	standing_free(follow->standing);
	free(follow->readers);
	free(follow->parts);
	follow->standing = NULL;
	follow->readers = NULL;
	follow->parts = NULL;
	follow->len = 0;
	return error ? error_move(err, &error) : 0;
}
