#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/debug_trace.h"

extern char **environ;

/* Written once, under `once`, and only read afterwards; but for what a line that cannot be written changes. */
static struct {
	pthread_once_t once;
	int fd; /* -1: off */
	const char *path;
	struct error *error;
	struct redactor *redactor;
	struct timespec begun;
	atomic_int failed; /* errno of the first line that was not written */
} trace = { .once = PTHREAD_ONCE_INIT, .fd = -1 };

static void trace_open(void)
{
	const char *path = getenv("CBUILD_TRACE");

	if (!path || !*path || strcmp(path, "0") == 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &trace.begun);
	trace.path = path;
	trace.redactor = redactor_new((const char *const *)environ);
	trace.fd = strcmp(path, "1") == 0 ? STDERR_FILENO : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (trace.fd < 0)
		error_errno(&trace.error, ERROR_USAGE, errno, "CBUILD_TRACE: cannot write %s", path);
}

int trace_start(struct error **err)
{
	pthread_once(&trace.once, trace_open);
	return trace.error ? error_copy(err, trace.error) : 0;
}

bool trace_on(void)
{
	pthread_once(&trace.once, trace_open);
	return trace.fd >= 0;
}

int trace_stop(struct error **err)
{
	int failed = atomic_load(&trace.failed);

	return failed ? error_errno(err, ERROR_STATE, failed, "CBUILD_TRACE: %s is not complete", trace.path) : 0;
}

int64_t trace_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)(now.tv_sec - trace.begun.tv_sec) * 1000000 + (now.tv_nsec - trace.begun.tv_nsec) / 1000;
}

struct json *trace_begin(const char *event)
{
	struct json *line = json_new_object();

	json_set_int(line, "us", trace_now());
	json_set_str(line, "event", event);
	return line;
}

static char *trace_safe(const char *text, bool word)
{
	cleanup_buf struct buf out = { 0 };

	redactor_text(trace.redactor, text, word, &out);
	return buf_steal(&out);
}

void trace_str(struct json *line, const char *name, const char *text)
{
	cleanup_free char *safe = text ? trace_safe(text, false) : NULL;

	json_set_str(line, name, safe);
}

void trace_error(struct json *line, const struct error *error)
{
	cleanup_free char *first = error ? mem_strndup(error->message, strcspn(error->message, "\n")) : NULL;

	trace_str(line, "error", first);
}

static void trace_append(struct json *line, const char *name, const char *text)
{
	/* What the line has is ours: the getter only borrows it as const. */
	struct json *list = (struct json *)json_get(line, name);

	if (!list) {
		list = json_new_array();
		json_set(line, name, list);
	}
	json_append(list, json_new_string(text));
}

void trace_add(struct json *line, const char *name, const char *text)
{
	cleanup_free char *safe = trace_safe(text, false);

	trace_append(line, name, safe);
}

/* "--password hunter2", "-u name:hunter2" */
static bool hides_next(const char *word)
{
	return strcmp(word, "-u") == 0 || (word[0] == '-' && !strchr(word, '=') && redact_is_secret(word));
}

void trace_words(struct json *line, const char *name, const char *const *words)
{
	for (size_t i = 0; words[i]; i++) {
		bool hidden = i > 0 && words[i][0] != '-' && hides_next(words[i - 1]);
		cleanup_free char *safe = hidden ? mem_strdup("***") : trace_safe(words[i], true);

		trace_append(line, name, safe);
	}
}

void trace_end(struct json *line)
{
	cleanup_buf struct buf out = { 0 };
	struct error *error = NULL;
	int none = 0;

	json_dump(line, JSON_COMPACT, &out);
	json_free(line);
	buf_char(&out, '\n');
	/* One write a line: those of several threads, and of several processes, do not mix. */
	if (fs_write_all(trace.fd, out.data, out.len, trace.path, &error) < 0)
		atomic_compare_exchange_strong(&trace.failed, &none, error->errnum ? error->errnum : EIO);
	error_free(error);
}
