#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/running.h"
#include "cli/output.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime.h"

/* All containers at once, each with a reader. */
struct logs {
	struct loop *loop;
	bool as_json, follow;
	unsigned lines;
	int width;
	size_t readers;
	int signum;
	struct error *error;
};

struct logs_reader {
	struct logs *logs;
	struct container *container;
	const char *service;
	struct output output;
	struct error *error;
};

static void logs_fail(struct logs *logs, struct error **error)
{
	error_move(logs->error ? NULL : &logs->error, error);
	loop_cancel(logs->loop);
}

static void logs_on_line(void *data, const char *line, size_t len)
{
	struct logs_reader *reader = data;
	cleanup_buf struct buf text = { 0 }, out = { 0 };
	struct error *error = NULL;

	text_safe(&text, line, len);
	if (reader->logs->as_json) {
		cleanup_json struct json *object = json_new_object();

		json_set_str(object, "service", reader->service);
		json_set_str(object, "text", text.data ? text.data : "");
		json_dump(object, JSON_COMPACT, &out);
	} else {
		buf_printf(&out, "%-*s | %s", reader->logs->width, reader->service, text.data ? text.data : "");
	}
	buf_char(&out, '\n');
	if (!reader->logs->error && output_data(out.data, out.len, &error) < 0)
		logs_fail(reader->logs, &error);
}

static void logs_read(void *arg)
{
	struct logs_reader *reader = arg;

	const struct container_output what = { .follow = reader->logs->follow, .lines = reader->logs->lines };

	container_print(reader->container, &what, &reader->output, &reader->error);
}

static void logs_read_done(void *arg)
{
	struct logs_reader *reader = arg;

	if (reader->error)
		logs_fail(reader->logs, &reader->error);
	if (--reader->logs->readers == 0)
		loop_stop(reader->logs->loop);
}

static void logs_on_signal(void *arg, int signum)
{
	struct logs *logs = arg;

	logs->signum = signum;
	loop_cancel(logs->loop);
}

static int logs_begin(struct logs *logs, struct container *container, struct logs_reader *reader, struct error **err)
{
	const char *service = container_service(container);

	*reader = (struct logs_reader){
		.logs = logs,
		.container = container,
		.service = service ? service : container_name(container),
		.output = { .log_fd = -1, .line = logs_on_line, .data = reader },
	};
	logs->width = (int)strlen(reader->service) > logs->width ? (int)strlen(reader->service) : logs->width;
	if (loop_task(logs->loop, logs_read, logs_read_done, reader, err) < 0)
		return -1;
	logs->readers++;
	return 0;
}

static int logs_show(struct running_all *running, struct logs *logs, struct error **err)
{
	cleanup_free struct logs_reader *readers = NULL;
	size_t count = 0, len = 0;
	int r = running_any(running, err);

	for (size_t i = 0; i < running->len; i++)
		count += running->engines[i].len;
	readers = mem_array(count + 1, sizeof(*readers));
	if (r == 0)
		r = loop_signals(logs->loop, logs_on_signal, logs, err);
	for (size_t i = 0; i < running->len; i++)
		for (size_t j = 0; r == 0 && j < running->engines[i].len; j++)
			r = logs_begin(logs, running->engines[i].containers[j], &readers[len++], err);
	if (r < 0)
		loop_cancel(logs->loop);
	if (logs->readers > 0 && loop_run(logs->loop, r < 0 ? NULL : err) < 0)
		r = -1;
	if (logs->signum)
		return 128 + logs->signum;
	return r < 0 ? -1 : logs->error ? error_move(err, &logs->error) : 0;
}

static int logs_lines(const char *tail, unsigned *ret, struct error **err)
{
	char *end = NULL;
	unsigned long lines = tail ? strtoul(tail, &end, 10) : 0;

	*ret = ALL_LINES;
	if (!tail || strcmp(tail, "all") == 0)
		return 0;
	if (*tail < '0' || *tail > '9' || *end || lines >= ALL_LINES)
		return error_make(err, ERROR_USAGE, "--tail takes a number, or \"all\", not \"%s\"", tail);
	*ret = (unsigned)lines;
	return 0;
}

int cmd_logs(const struct options *options, struct error **err)
{
	struct logs logs = { .follow = options->follow, .as_json = strcmp(options->format, "json") == 0 };
	struct running_all running;
	int r;

	if (logs_lines(options->tail, &logs.lines, err) < 0)
		return -1;
	r = running_open(&running, options, options->targets_len, err);
	logs.loop = running.session.loop;
	if (r == 0)
		r = logs_show(&running, &logs, err);
	error_free(logs.error);
	running_close(&running);
	return r;
}
