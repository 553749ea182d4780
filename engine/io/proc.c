#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <uv.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/io_trace.h"
#include "engine/io/lines.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"

/* A process that the child left behind (a daemon) may hold its pipes open; after the child has ended, they are read
 * for this long. */
#define PROC_DRAIN_MS 1000
#define PROC_TAIL_BYTES (16u * 1024)
#define PROC_READ (64u * 1024)

enum stream { OUT, ERR, STREAMS };

struct child {
	struct loop *loop;
	struct procs *procs;
	struct child *next, *prev;
	const struct proc_spec *spec;
	struct proc_result *ret;
	struct error *error;

	uv_process_t process;
	uv_pipe_t in, pipes[STREAMS];
	uv_write_t write;
	uv_timer_t deadline, drain;
	unsigned handles; /* not closed yet */
	bool exited, ended_by_us, timed_out, log_failed;
	struct reap_set told; /* processes that were asked to end */
	unsigned open_streams;

	struct buf line[STREAMS];
	char *tail[PROC_TAIL_LINES];
	size_t tail_next, tail_bytes;
	char *scratch; /* PROC_READ bytes */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
};

struct procs {
	struct child *first;
	int journal_fd;
	char *journal_path;
};

static void journal_write(struct procs *procs, pid_t pid)
{
	char text[64];
	int len;

	if (procs->journal_fd < 0)
		return;
	len = snprintf(text, sizeof(text), "%d %llu\n", (int)pid, reap_start_time(pid));
	/* Only the run after a kill needs this line; a full disk is reported elsewhere. */
	if (write(procs->journal_fd, text, (size_t)len) < 0)
		return;
}

static void cancel_all(struct procs *procs, int level)
{
	for (struct child *child = procs->first; child; child = child->next) {
		if (child->spec->cleanup || child->exited)
			continue;
		child->ended_by_us = true;
		reap_tree(child->process.pid, level > 1 ? SIGKILL : SIGTERM, &child->told);
	}
}

static void end_journal(struct procs *procs)
{
	if (procs->journal_fd < 0)
		return;
	close(procs->journal_fd);
	unlink(procs->journal_path);
	free(procs->journal_path);
	procs->journal_fd = -1;
	procs->journal_path = NULL;
}

static void free_procs(struct procs *procs)
{
	if (!procs)
		return;
	end_journal(procs);
	free(procs);
}

/* On the loop's thread. */
static struct procs *procs_of(struct loop *loop)
{
	struct procs **slot = loop_procs(loop);

	if (!*slot) {
		*slot = mem_alloc(sizeof(**slot));
		(*slot)->journal_fd = -1;
		loop_set_hooks(loop, cancel_all, free_procs);
	}
	return *slot;
}

int proc_journal(struct loop *loop, const char *path, struct error **err)
{
	struct procs *procs = procs_of(loop);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot write %s", path);
	procs->journal_fd = fd;
	procs->journal_path = mem_strdup(path);
	return 0;
}

void proc_journal_close(struct loop *loop)
{
	struct procs *procs = *loop_procs(loop);

	if (procs)
		end_journal(procs);
}

static void proc_finish(struct child *child)
{
	struct buf tail = { 0 };

	for (size_t i = 0; i < PROC_TAIL_LINES; i++) {
		size_t at = (child->tail_next + i) % PROC_TAIL_LINES;

		if (!child->tail[at])
			continue;
		buf_str(&tail, child->tail[at]);
		buf_char(&tail, '\n');
		free(child->tail[at]);
	}
	child->ret->tail = buf_steal(&tail);
	for (int i = 0; i < STREAMS; i++)
		buf_free(&child->line[i]);
	free(child->scratch);
	if (child->prev)
		child->prev->next = child->next;
	else
		child->procs->first = child->next;
	if (child->next)
		child->next->prev = child->prev;
	pthread_mutex_lock(&child->lock);
	child->done = true;
	pthread_cond_signal(&child->changed);
	pthread_mutex_unlock(&child->lock);
}

static void proc_on_close(uv_handle_t *handle)
{
	struct child *child = handle->data;

	bug_if(child->handles == 0, "%s: more handles were closed than opened", child->spec->argv[0]);
	if (--child->handles == 0)
		proc_finish(child);
}

static void close_one(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, proc_on_close);
}

static void close_all(struct child *child)
{
	close_one((uv_handle_t *)&child->in);
	close_one((uv_handle_t *)&child->deadline);
	close_one((uv_handle_t *)&child->drain);
	for (int i = 0; i < STREAMS; i++)
		close_one((uv_handle_t *)&child->pipes[i]);
	if (child->process.data)
		close_one((uv_handle_t *)&child->process);
}

static void proc_take_line(void *data, const char *line, size_t len)
{
	struct child *child = data;
	const struct output *output = child->spec->output;
	char **slot = &child->tail[child->tail_next];

	child->tail_next = (child->tail_next + 1) % PROC_TAIL_LINES;
	free(*slot);
	*slot = mem_strndup(line, len < PROC_TAIL_BYTES ? len : PROC_TAIL_BYTES);
	if (output && output->line)
		output->line(output->data, line, len);
}

static void on_grace_over(uv_timer_t *timer)
{
	struct child *child = timer->data;

	if (!child->exited)
		reap_tree(child->process.pid, SIGKILL, NULL);
}

/* SIGTERM first, then SIGKILL. */
static void proc_end_child(struct child *child)
{
	child->ended_by_us = true;
	reap_tree(child->process.pid, SIGTERM, &child->told);
	uv_timer_start(&child->deadline, on_grace_over, CANCEL_GRACE_MS, 0);
}

static bool is_stopped(const struct child *child)
{
	return child->spec->stop && atomic_load(child->spec->stop);
}

/* On the loop's thread. */
static void stop_children(void *arg)
{
	struct procs *procs = procs_of(arg);

	for (struct child *child = procs->first; child; child = child->next)
		if (is_stopped(child) && !child->exited && !child->ended_by_us)
			proc_end_child(child);
}

void proc_stop(struct loop *loop, atomic_bool *stop)
{
	atomic_store(stop, true);
	loop_post(loop, stop_children, loop);
}

static void write_log(struct child *child, const char *data, size_t len)
{
	const struct output *output = child->spec->output;

	if (!output || output->log_fd < 0 || child->log_failed)
		return;
	if (fs_write_all(output->log_fd, data, len, "the log", &child->error) < 0) {
		child->log_failed = true;
		proc_end_child(child);
	}
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct child *child = handle->data;

	(void)suggested;
	*buf = uv_buf_init(child->scratch, PROC_READ);
}

static void stream_ended(struct child *child, enum stream stream)
{
	lines_finish(&child->line[stream], proc_take_line, child);
	close_one((uv_handle_t *)&child->pipes[stream]);
	bug_if(child->open_streams == 0, "%s: more streams ended than were opened", child->spec->argv[0]);
	if (--child->open_streams == 0 && child->exited)
		close_all(child);
}

static void on_read(uv_stream_t *handle, ssize_t len, const uv_buf_t *buf)
{
	struct child *child = handle->data;
	enum stream stream = handle == (uv_stream_t *)&child->pipes[OUT] ? OUT : ERR;

	if (len < 0) {
		stream_ended(child, stream);
	} else if (stream == OUT && child->spec->capture) {
		if (child->ret->out->len + (size_t)len <= PROC_CAPTURE_MAX) {
			buf_add(child->ret->out, buf->base, (size_t)len);
		} else if (!child->error) {
			error_make(&child->error, ERROR_TOOL, "%s printed more than %u MiB", child->spec->argv[0],
				   PROC_CAPTURE_MAX >> 20);
			proc_end_child(child);
		}
	} else {
		write_log(child, buf->base, (size_t)len);
		lines_split(&child->line[stream], buf->base, (size_t)len, proc_take_line, child);
	}
}

static void on_drained(uv_timer_t *timer)
{
	struct child *child = timer->data;

	for (int i = 0; i < STREAMS; i++) {
		if (!uv_is_closing((uv_handle_t *)&child->pipes[i]))
			stream_ended(child, (enum stream)i);
	}
}

static void on_ended(uv_process_t *process, int64_t status, int signum)
{
	struct child *child = process->data;

	child->exited = true;
	child->ret->signal = signum;
	child->ret->status = signum ? 128 + signum : (int)status;
	child_trace_end(process->pid, child->ret);
	if (child->ended_by_us) { /* what it started and left behind */
		reap_tree(process->pid, SIGKILL, NULL);
		reap_told(&child->told);
	}
	if (child->open_streams == 0)
		close_all(child);
	else
		uv_timer_start(&child->drain, on_drained, PROC_DRAIN_MS, 0);
}

static void on_deadline(uv_timer_t *timer)
{
	struct child *child = timer->data;

	if (child->exited)
		return;
	child->timed_out = true;
	proc_end_child(child);
}

static void on_written(uv_write_t *write, int status)
{
	struct child *child = write->data;

	(void)status; /* a child that does not read its input reports that itself */
	close_one((uv_handle_t *)&child->in);
}

static void set_up_handles(struct child *child)
{
	uv_loop_t *uv = loop_uv(child->loop);

	uv_pipe_init(uv, &child->in, 0);
	uv_pipe_init(uv, &child->pipes[OUT], 0);
	uv_pipe_init(uv, &child->pipes[ERR], 0);
	uv_timer_init(uv, &child->deadline);
	uv_timer_init(uv, &child->drain);
	child->in.data = child->pipes[OUT].data = child->pipes[ERR].data = child;
	child->deadline.data = child->drain.data = child;
	child->handles = 5;
}

static int proc_spawn(struct child *child)
{
	const struct proc_spec *spec = child->spec;
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->pipes[OUT] },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE, .data.stream = (uv_stream_t *)&child->pipes[ERR] },
	};
	uv_process_options_t options = {
		.exit_cb = on_ended,
		.file = spec->argv[0],
		.args = (char **)spec->argv,
		.env = (char **)spec->env,
		.cwd = spec->cwd,
		.flags = UV_PROCESS_DETACHED,
		.stdio_count = 3,
		.stdio = stdio,
	};

	if (spec->input) {
		stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
		stdio[0].data.stream = (uv_stream_t *)&child->in;
	}
	child->handles++;
	child->process.data = child;
	return uv_spawn(loop_uv(child->loop), &child->process, &options);
}

static void start_child(void *arg)
{
	struct child *child = arg;
	const struct proc_spec *spec = child->spec;
	int r;

	child->procs = procs_of(child->loop);
	child->next = child->procs->first;
	if (child->next)
		child->next->prev = child;
	child->procs->first = child;
	child->scratch = mem_alloc(PROC_READ);
	set_up_handles(child);
	if (is_stopped(child) || (loop_cancels(child->loop) > 0 && !spec->cleanup)) {
		error_make(&child->error, ERROR_CANCELLED, "interrupted");
		close_all(child);
		return;
	}
	r = proc_spawn(child);
	if (r < 0) {
		error_errno(&child->error, ERROR_TOOL, -r, "cannot run %s%s%s", spec->argv[0], spec->cwd ? " in " : "",
			    spec->cwd ? spec->cwd : "");
		/* It is not the tool's fault. */
		if (r == UV_EMFILE || r == UV_ENFILE || r == UV_EAGAIN || r == UV_ENOMEM)
			child->error->cls = ERROR_STATE;
		close_all(child);
		return;
	}
	journal_write(child->procs, child->process.pid);
	child_trace_start(child->process.pid, spec);
	child->open_streams = STREAMS;
	for (int i = 0; i < STREAMS; i++)
		uv_read_start((uv_stream_t *)&child->pipes[i], give_room, on_read);
	if (spec->timeout_ms > 0)
		uv_timer_start(&child->deadline, on_deadline, spec->timeout_ms, 0);
	if (spec->input) {
		uv_buf_t buf = uv_buf_init((char *)spec->input, (unsigned)spec->input_len);

		child->write.data = child;
		uv_write(&child->write, (uv_stream_t *)&child->in, &buf, 1, on_written);
	}
}

static void proc_wait_for(struct child *child)
{
	struct loop *loop = child->loop;

	if (loop_is_owner(loop)) {
		start_child(child);
		while (!child->done)
			loop_turn(loop);
		return;
	}
	loop_post(loop, start_child, child);
	pthread_mutex_lock(&child->lock);
	while (!child->done)
		pthread_cond_wait(&child->changed, &child->lock);
	pthread_mutex_unlock(&child->lock);
}

int proc_run(struct loop *loop, const struct proc_spec *spec, struct proc_result *ret, struct error **err)
{
	struct child child = { .loop = loop, .spec = spec, .ret = ret };
	struct error *error = NULL;

	bug_if(!spec->argv || !spec->argv[0], "a child without a command");
	*ret = (struct proc_result){ .out = mem_alloc(sizeof(struct buf)) };
	buf_add(ret->out, "", 0);
	pthread_mutex_init(&child.lock, NULL);
	pthread_cond_init(&child.changed, NULL);
	proc_wait_for(&child);
	pthread_cond_destroy(&child.changed);
	pthread_mutex_destroy(&child.lock);
	error = child.error;
	if (!error && child.timed_out) {
		error_make(&error, ERROR_BUILD, "%s did not end within %llu s", spec->argv[0],
			   (unsigned long long)(spec->timeout_ms + 999) / 1000);
		error->transient = true;
	} else if (!error && child.ended_by_us) {
		error_make(&error, ERROR_CANCELLED, "interrupted");
	}
	if (!error)
		return 0;
	proc_result_free(ret);
	return error_move(err, &error);
}

void proc_result_free(struct proc_result *result)
{
	if (result->out)
		buf_free(result->out);
	free(result->out);
	free(result->tail);
	*result = (struct proc_result){ 0 };
}

int proc_check(struct loop *loop, const struct proc_spec *spec, int cls, struct proc_result *ret, struct error **err)
{
	if (proc_run(loop, spec, ret, err) < 0)
		return -1;
	if (ret->status == 0)
		return 0;
	error_make(err, (enum error_class)cls, "%s%s%s failed with status %d%s%.*s", path_base(spec->argv[0]),
		   spec->argv[1] ? " " : "", spec->argv[1] ? spec->argv[1] : "", ret->status, ret->tail[0] ? ":\n" : "",
		   (int)(strlen(ret->tail) - (ret->tail[0] != '\0')), ret->tail);
	proc_result_free(ret);
	return -1;
}

char *proc_find(const char *name)
{
	const char *path = getenv("PATH");
	cleanup_free char *copy = mem_strdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
	char *dir, *rest = NULL;

	for (dir = strtok_r(copy, ":", &rest); dir; dir = strtok_r(NULL, ":", &rest)) {
		char *file = path_join(dir, name);
		struct stat st;

		if (stat(file, &st) == 0 && S_ISREG(st.st_mode) && access(file, X_OK) == 0)
			return file;
		free(file);
	}
	return NULL;
}

void argv_add(struct argv *argv, const char *arg)
{
	mem_reserve(&argv->items, &argv->cap, argv->len + 2, sizeof(*argv->items));
	argv->items[argv->len++] = mem_strdup(arg);
	argv->items[argv->len] = NULL;
}

void argv_addf(struct argv *argv, const char *fmt, ...)
{
	char text[4096];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (len >= 0 && (size_t)len < sizeof(text)) {
		argv_add(argv, text);
		return;
	}
	char *big = mem_alloc((size_t)len + 1);

	va_start(args, fmt);
	vsnprintf(big, (size_t)len + 1, fmt, args);
	va_end(args);
	argv_add(argv, big);
	free(big);
}

void argv_free(struct argv *argv)
{
	for (size_t i = 0; i < argv->len; i++)
		free(argv->items[i]);
	free(argv->items);
	*argv = (struct argv){ 0 };
}
