#include "config.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/io/lines.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"

static struct loop *loop;

static int set_up(void **state)
{
	(void)state;
	return loop_new(&loop, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

#define SH(script)                       \
	(const char *const[])            \
	{                                \
		"sh", "-c", script, NULL \
	}

static void output_and_status_come_back(void **state)
{
	struct proc_result result;

	(void)state;
	assert_int_equal(
		proc_run(loop, &(struct proc_spec){ .argv = SH("printf 'a\\nb'; echo e >&2; exit 7"), .capture = true },
			 &result, NULL),
		0);
	assert_int_equal(result.status, 7);
	assert_string_equal(result.out->data, "a\nb");
	assert_string_equal(result.tail, "e\n");
	proc_result_free(&result);
}

static void input_is_given_and_otherwise_empty(void **state)
{
	struct proc_result result;

	(void)state;
	assert_int_equal(
		proc_run(loop, &(struct proc_spec){ .argv = SH("cat"), .capture = true, .input = "in", .input_len = 2 },
			 &result, NULL),
		0);
	assert_string_equal(result.out->data, "in");
	proc_result_free(&result);
	assert_int_equal(proc_run(loop, &(struct proc_spec){ .argv = SH("cat"), .capture = true }, &result, NULL), 0);
	assert_string_equal(result.out->data, "");
	proc_result_free(&result);
}

struct lines {
	struct buf text;
	size_t longest;
};

static void take_line(void *data, const char *line, size_t len)
{
	struct lines *lines = data;

	lines->longest = len > lines->longest ? len : lines->longest;
	if (len < 100)
		buf_printf(&lines->text, "<%.*s>", (int)len, line);
}

static void lines_are_cut_and_bounded(void **state)
{
	struct lines lines = { .longest = 0 };
	struct output output = { .log_fd = -1, .line = take_line, .data = &lines };
	struct proc_result result;

	(void)state;
	assert_int_equal(
		proc_run(loop,
			 &(struct proc_spec){ .argv = SH("echo one; echo; head -c 200000 /dev/zero; printf '\\nlast'"),
					      .output = &output },
			 &result, NULL),
		0);
	assert_string_equal(lines.text.data, "<one><><last>");
	assert_int_equal(lines.longest, LINE_BYTES_MAX);
	buf_free(&lines.text);
	proc_result_free(&result);
}

static void the_tail_keeps_the_last_lines(void **state)
{
	struct proc_result result;

	(void)state;
	assert_int_equal(proc_run(loop,
				  &(struct proc_spec){
					  .argv = SH("i=0; while [ $i -lt 100 ]; do i=$((i+1)); echo line $i; done") },
				  &result, NULL),
			 0);
	assert_true(strncmp(result.tail, "line 61\n", 8) == 0);
	assert_string_equal(result.tail + strlen(result.tail) - 9, "line 100\n");
	proc_result_free(&result);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
	struct proc_result result;
	struct error *error = NULL;

	(void)state;
	assert_true(proc_run(loop, &(struct proc_spec){ .argv = (const char *const[]){ "no-such-program", NULL } },
			     &result, &error) < 0);
	assert_int_equal(error->cls, ERROR_TOOL);
	assert_non_null(strstr(error->message, "no-such-program"));
	error_free(error);
}

static void a_failure_shows_what_was_said(void **state)
{
	struct proc_result result;
	struct error *error = NULL;

	(void)state;
	assert_true(proc_check(loop, &(struct proc_spec){ .argv = SH("echo this went wrong; exit 3") }, ERROR_BUILD,
			       &result, &error) < 0);
	assert_int_equal(error->cls, ERROR_BUILD);
	assert_string_equal(error->message, "sh -c failed with status 3:\nthis went wrong");
	error_free(error);
}

static void a_child_is_ended_at_its_deadline(void **state)
{
	struct proc_result result;
	struct error *error = NULL;

	(void)state;
	assert_true(proc_run(loop, &(struct proc_spec){ .argv = SH("sleep 1000"), .timeout_ms = 50 }, &result, &error) <
		    0);
	assert_true(error->transient);
	assert_non_null(strstr(error->message, "did not end within"));
	error_free(error);
}

/* Deaf to SIGTERM, and without an end of its own. */
static void a_child_that_floods_is_ended(void **state)
{
	struct proc_result result;
	struct error *error = NULL;

	(void)state;
	assert_true(proc_run(loop, &(struct proc_spec){ .argv = SH("trap '' TERM; exec yes"), .capture = true },
			     &result, &error) < 0);
	assert_int_equal(error->cls, ERROR_TOOL);
	assert_string_equal(error->message, "sh printed more than 64 MiB");
	error_free(error);
}

static void a_child_whose_log_is_full_is_ended(void **state)
{
	struct output output = { .log_fd = open("/dev/full", O_WRONLY | O_CLOEXEC) };
	struct proc_result result;
	struct error *error = NULL;

	(void)state;
	assert_true(output.log_fd >= 0);
	assert_true(proc_run(loop, &(struct proc_spec){ .argv = SH("echo x; exec sleep 1000"), .output = &output },
			     &result, &error) < 0);
	assert_int_equal(error->cls, ERROR_STATE);
	assert_string_equal(error->message, "the log: cannot write: No space left on device");
	error_free(error);
	close(output.log_fd);
}

/* ---- tasks and cancelling ---- */

struct job {
	int ready[2]; /* the child says here that it runs */
	pid_t child, grandchild;
	struct error *error;
	bool cleanup_ran;
};

static void work(void *arg)
{
	struct job *job = arg;
	struct proc_result result;
	char script[256];

	/* A child with a grandchild in a session of its own, both deaf to SIGTERM. */
	snprintf(script, sizeof(script),
		 "trap '' TERM; setsid sh -c \"trap '' TERM; sleep 1000\" & echo $$ $! >/dev/fd/%d; wait; wait",
		 job->ready[1]);
	if (proc_run(loop, &(struct proc_spec){ .argv = SH(script) }, &result, &job->error) == 0)
		proc_result_free(&result);
	if (proc_run(loop, &(struct proc_spec){ .argv = SH("true"), .cleanup = true }, &result, NULL) == 0) {
		job->cleanup_ran = true;
		proc_result_free(&result);
	}
	if (proc_run(loop, &(struct proc_spec){ .argv = SH("true") }, &result, NULL) == 0) {
		job->cleanup_ran = false; /* nothing but clean-up starts now */
		proc_result_free(&result);
	}
}

static void done(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void *canceller(void *arg)
{
	struct job *job = arg;
	char text[64] = "";

	assert_true(read(job->ready[0], text, sizeof(text) - 1) > 0);
	sscanf(text, "%d %d", &job->child, &job->grandchild);
	loop_cancel(loop);
	loop_cancel(loop);
	return NULL;
}

static void await_death(pid_t pid)
{
	/* Reaped by init or by us; a zombie counts as dead. */
	for (int i = 0; i < 1000 && reap_start_time(pid) != 0; i++) {
		char path[64], text[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
		file = fopen(path, "r");
		if (!file)
			return;
		if (fgets(text, sizeof(text), file) && strstr(text, ") Z"))
			i = 1000;
		fclose(file);
		usleep(1000);
		if (i == 999)
			fail_msg("process %d lives on", (int)pid);
	}
}

static void a_second_cancel_ends_the_whole_tree_at_once(void **state)
{
	struct job job = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(job.ready), 0);
	assert_int_equal(loop_task(loop, work, done, &job, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, canceller, &job), 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(job.error->cls, ERROR_CANCELLED);
	assert_true(job.cleanup_ran);
	await_death(job.child);
	await_death(job.grandchild);
	error_free(job.error);
	close(job.ready[0]);
	close(job.ready[1]);
}

/* How many processes were started with exactly this command line. */
static int count_processes(const char *first, const char *second)
{
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	int found = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) {
		cleanup_free char *path = mem_printf("/proc/%s/cmdline", entry->d_name);
		char text[256] = "";
		int fd = isdigit((unsigned char)entry->d_name[0]) ? open(path, O_RDONLY) : -1;
		ssize_t len = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

		found += len > (ssize_t)strlen(first) && strcmp(text, first) == 0 &&
			 strcmp(text + strlen(first) + 1, second) == 0;
		if (fd >= 0)
			close(fd);
	}
	closedir(dir);
	return found;
}

/* The end of the thread that a child waits for. */
struct server {
	atomic_bool stop;
	char *fifo;
};

static void *fail_to_serve(void *arg)
{
	struct server *server = arg;
	int fd = open(server->fifo, O_RDONLY); /* until the child is there */

	proc_stop(loop, &server->stop);
	close(fd);
	return NULL;
}

static void a_child_ends_with_who_serves_it(void **state)
{
	struct server server = { .stop = false };
	const struct proc_spec spec = { .argv = SH("exec 9<>\"$0\"; echo >&9; sleep 1000"), .stop = &server.stop };
	cleanup_error struct error *error = NULL;
	char dir[] = "/tmp/cbuild-test-XXXXXX";
	struct proc_result result;
	const char *argv[5];
	pthread_t thread;

	(void)state;
	assert_non_null(mkdtemp(dir));
	server.fifo = path_join(dir, "fifo");
	assert_int_equal(mkfifo(server.fifo, 0600), 0);
	for (size_t i = 0; i < 3; i++)
		argv[i] = spec.argv[i];
	argv[3] = server.fifo;
	argv[4] = NULL;
	assert_int_equal(pthread_create(&thread, NULL, fail_to_serve, &server), 0);
	for (int i = 0; i < 2; i++) { /* one that runs, and one that starts later */
		struct proc_spec with = spec;

		with.argv = argv;
		assert_int_equal(proc_run(loop, &with, &result, &error), -1);
		assert_int_equal(error->cls, ERROR_CANCELLED);
		error_free(steal_ptr(error));
	}
	pthread_join(thread, NULL);
	assert_int_equal(proc_run(loop, &(struct proc_spec){ .argv = SH("true") }, &result, NULL), 0);
	proc_result_free(&result);
	unlink(server.fifo);
	rmdir(dir);
	free(server.fifo);
}

static void work_breeding(void *arg)
{
	struct job *job = arg;
	struct proc_result result;
	cleanup_free char *script =
		mem_printf("trap '' TERM; echo $$ 0 >/dev/fd/%d; while :; do setsid sleep 1000.%d & done",
			   job->ready[1], (int)getpid());

	if (proc_run(loop, &(struct proc_spec){ .argv = SH(script) }, &result, &job->error) == 0)
		proc_result_free(&result);
}

static void work_leaving(void *arg)
{
	struct job *job = arg;
	struct proc_result result;
	char script[256];

	/* The child ends at the first word; what it started in a session of its own is deaf to it. */
	snprintf(script, sizeof(script),
		 "setsid sh -c \"trap '' TERM; echo \\$PPID \\$\\$ >/dev/fd/%d; sleep 1000 & wait\" & wait",
		 job->ready[1]);
	if (proc_run(loop, &(struct proc_spec){ .argv = SH(script) }, &result, &job->error) == 0)
		proc_result_free(&result);
}

static void *cancel_once(void *arg)
{
	struct job *job = arg;
	char text[64] = "";

	assert_true(read(job->ready[0], text, sizeof(text) - 1) > 0);
	sscanf(text, "%d %d", &job->child, &job->grandchild);
	loop_cancel(loop);
	return NULL;
}

static void what_is_deaf_ends_when_its_parent_has(void **state)
{
	struct job job = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(job.ready), 0);
	assert_int_equal(loop_task(loop, work_leaving, done, &job, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, cancel_once, &job), 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(job.error->cls, ERROR_CANCELLED);
	await_death(job.child);
	await_death(job.grandchild);
	error_free(job.error);
	close(job.ready[0]);
	close(job.ready[1]);
}

/* What is started while the tree is being ended belongs to it, too, whatever session it gave itself. */
static void a_tree_that_grows_is_ended_whole(void **state)
{
	cleanup_free char *marker = mem_printf("1000.%d", (int)getpid());
	struct job job = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(pipe(job.ready), 0);
	assert_int_equal(loop_task(loop, work_breeding, done, &job, NULL), 0);
	assert_int_equal(pthread_create(&thread, NULL, canceller, &job), 0);
	assert_int_equal(loop_run(loop, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(job.error->cls, ERROR_CANCELLED);
	await_death(job.child);
	for (int i = 0; i < 1000 && count_processes("sleep", marker) > 0; i++)
		usleep(1000); /* those that were killed are reaped by init */
	assert_int_equal(count_processes("sleep", marker), 0);
	error_free(job.error);
	close(job.ready[0]);
	close(job.ready[1]);
}

/* ---- what a killed cbuild leaves ---- */

static void a_journal_ends_what_it_names_and_nothing_else(void **state)
{
	char path[] = "/tmp/cbuild-journal-XXXXXX";
	int fd = mkstemp(path), status;
	pid_t ours = fork(), other;

	(void)state;
	if (ours == 0) {
		setsid();
		execlp("sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	other = fork();
	if (other == 0) {
		setsid();
		execlp("sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	/* The second line names a process by an id that was used again since: another start time. */
	dprintf(fd, "%d %llu\n%d %llu\nnonsense\n", (int)ours, reap_start_time(ours), (int)other,
		reap_start_time(other) + 1);
	close(fd);
	assert_int_equal(proc_reap_journal(path, NULL), 0);
	assert_int_equal(waitpid(ours, &status, 0), ours);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(waitpid(other, &status, WNOHANG), 0);
	assert_false(fs_exists(path));
	kill(other, SIGKILL);
	waitpid(other, &status, 0);
}

static void tell_nobody(void *arg, int signum)
{
	(void)arg;
	(void)signum;
}

static void a_signal_that_comes_when_the_loop_has_ended_is_not_lost(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		struct loop *own = NULL;

		if (loop_new(&own, NULL) < 0 || loop_signals(own, tell_nobody, NULL, NULL) < 0)
			_exit(1);
		loop_stop(own);
		loop_run(own, NULL);
		raise(SIGTERM);
		loop_free(own);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void stop_at_signal(void *arg, int signum)
{
	(void)signum;
	loop_stop(arg);
}

static void a_signal_that_is_held_is_told_by_the_next_loop(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	if (child == 0) {
		struct loop *own = NULL;

		alarm(20);
		loop_hold_signals(true);
		for (int i = 0; i < 3; i++) {
			if (loop_new(&own, NULL) < 0 || loop_signals(own, stop_at_signal, own, NULL) < 0)
				_exit(1);
			if (i == 0)
				loop_stop(own);
			loop_run(own, NULL); /* from the second one on until the signal comes */
			if (i == 0)
				raise(SIGTERM);
			loop_free(own);
			if (i == 1)
				raise(SIGINT);
		}
		_exit(7);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		CASE(output_and_status_come_back),
		CASE(input_is_given_and_otherwise_empty),
		CASE(lines_are_cut_and_bounded),
		CASE(the_tail_keeps_the_last_lines),
		CASE(a_program_that_is_not_there_is_an_error),
		CASE(a_failure_shows_what_was_said),
		CASE(a_child_is_ended_at_its_deadline),
		CASE(a_child_that_floods_is_ended),
		CASE(a_child_whose_log_is_full_is_ended),
		CASE(a_child_ends_with_who_serves_it),
		CASE(a_second_cancel_ends_the_whole_tree_at_once),
		CASE(what_is_deaf_ends_when_its_parent_has),
		CASE(a_tree_that_grows_is_ended_whole),
		CASE(a_journal_ends_what_it_names_and_nothing_else),
		CASE(a_signal_that_comes_when_the_loop_has_ended_is_not_lost),
		CASE(a_signal_that_is_held_is_told_by_the_next_loop),
	};

	return cmocka_run_group_tests_name("io_proc", tests, NULL, NULL);
}
