#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

#include "base/bug.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/io/loop.h"

struct post {
	struct post *next;
	void (*fn)(void *arg);
	void *arg;
};

static const int signums[] = { SIGINT, SIGTERM, SIGHUP };

enum {
	SIGNALS = sizeof(signums) / sizeof(signums[0]),
	LOOP_DESCRIPTORS = 4, /* of a loop: epoll, two of a pipe, an event */
};

struct loop {
	uv_loop_t uv;
	pthread_t owner;
	uv_async_t wake;
	uv_timer_t ticker;
	uv_timer_t grace; /* from the first cancel to SIGKILL */
	uv_signal_t signals[SIGNALS];
	uv_signal_t resize;

	pthread_mutex_t lock; /* guards the posts; also the mutex of `cancelled` */
	pthread_cond_t cancelled;
	struct post *first, **last;
	atomic_int cancels;
	int cancels_seen; /* on the loop's thread: how many cancels the hook was called for */

	unsigned tasks;
	bool stopped;
	struct loop_busy longest;

	void (*tick)(void *arg);
	void *tick_arg;
	bool held; /* loop_hold_signals was called before loop_signals */
	void (*on_signal)(void *arg, int signum);
	void *signal_arg;
	void (*on_resize)(void *arg);
	void *resize_arg;

	struct procs *procs;
	void (*cancel_procs)(struct procs *procs, int level);
	void (*free_procs)(struct procs *procs);
};

struct loop_job {
	struct loop *loop;
	pthread_t thread;
	void (*work)(void *arg);
	void (*done)(void *arg);
	void *arg;
};

static void check_owner(const struct loop *loop, const char *what)
{
	bug_if(!loop_is_owner(loop), "a loop is %s by another thread than its own", what);
}

static void on_grace(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	if (loop->cancel_procs)
		loop->cancel_procs(loop->procs, 2);
}

static void tell_children(struct loop *loop)
{
	int cancels = atomic_load(&loop->cancels);

	while (loop->cancels_seen < cancels) {
		loop->cancels_seen++;
		if (loop->cancels_seen == 1)
			uv_timer_start(&loop->grace, on_grace, CANCEL_GRACE_MS, 0);
		if (loop->cancel_procs)
			loop->cancel_procs(loop->procs, loop->cancels_seen);
	}
}

static void on_wake(uv_async_t *wake)
{
	struct loop *loop = wake->data;

	for (;;) {
		struct post *post;

		pthread_mutex_lock(&loop->lock);
		post = loop->first;
		if (post) {
			loop->first = post->next;
			if (!loop->first)
				loop->last = &loop->first;
		}
		pthread_mutex_unlock(&loop->lock);
		if (!post)
			break;
		post->fn(post->arg);
		free(post);
	}
	tell_children(loop);
}

static void init_locks(struct loop *loop)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&loop->lock, NULL);
	pthread_condattr_init(&attr);
#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
#endif
	pthread_cond_init(&loop->cancelled, &attr);
	pthread_condattr_destroy(&attr);
}

/* libuv aborts when it cannot make its first pipe. */
static int check_descriptors(struct error **err)
{
	int fds[LOOP_DESCRIPTORS] = { -1, -1, -1, -1 };
	int r = pipe(fds);

	for (size_t i = 2; i < LOOP_DESCRIPTORS && r == 0; i++)
		r = (fds[i] = dup(fds[0])) < 0 ? -1 : 0;
	if (r < 0)
		error_errno(err, ERROR_STATE, errno, "cannot create an event loop");
	for (size_t i = 0; i < LOOP_DESCRIPTORS; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	return r;
}

int loop_new(struct loop **ret, struct error **err)
{
	struct loop *loop;
	int r;

	if (check_descriptors(err) < 0)
		return -1;
	loop = mem_alloc(sizeof(*loop));
	r = uv_loop_init(&loop->uv);
	if (r == 0) {
		uv_loop_configure(&loop->uv, UV_METRICS_IDLE_TIME);
		r = uv_async_init(&loop->uv, &loop->wake, on_wake);
		if (r < 0)
			uv_loop_close(&loop->uv);
	}
	if (r < 0) {
		free(loop);
		return error_errno(err, ERROR_STATE, -r, "cannot create an event loop");
	}
	loop->owner = pthread_self();
	loop->wake.data = loop;
	uv_timer_init(&loop->uv, &loop->ticker);
	uv_timer_init(&loop->uv, &loop->grace);
	loop->ticker.data = loop;
	loop->grace.data = loop;
	loop->last = &loop->first;
	init_locks(loop);
	/* When a reader goes away (cbuild | head), fail in write instead of dying. */
	signal(SIGPIPE, SIG_IGN);
	*ret = loop;
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_other(uv_handle_t *handle, void *arg)
{
	if (uv_handle_get_type(handle) != UV_SIGNAL)
		close_handle(handle, arg);
}

static void note_signal(void *arg, int signum)
{
	*(int *)arg = signum;
}

/* A signal that arrived after the loop's last turn and was not handled. */
static int unseen_signal(struct loop *loop)
{
	int signum = 0;

	if (!loop->on_signal)
		return 0;
	loop->on_signal = note_signal;
	loop->signal_arg = &signum;
	uv_walk(&loop->uv, close_other, NULL);
	uv_run(&loop->uv, UV_RUN_NOWAIT);
	return signum;
}

void loop_free(struct loop *loop)
{
	int signum;

	if (!loop)
		return;
	check_owner(loop, "freed");
	bug_if(loop->tasks > 0, "a loop is freed while %u tasks run", loop->tasks);
	if (loop->free_procs)
		loop->free_procs(loop->procs);
	if (loop->held)
		loop_hold_signals(true);
	signum = unseen_signal(loop);
	uv_walk(&loop->uv, close_handle, NULL);
	while (uv_run(&loop->uv, UV_RUN_DEFAULT) != 0)
		;
	uv_loop_close(&loop->uv);
	pthread_cond_destroy(&loop->cancelled);
	pthread_mutex_destroy(&loop->lock);
	free(loop);
	/* Raise it again, with its usual effect unless signals are held. */
	if (signum)
		raise(signum);
}

static uint64_t thread_us(void)
{
	struct timespec spent;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent) < 0)
		return 0;
	return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}

static uint64_t longer(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static void measured_turn(struct loop *loop)
{
	uint64_t cpu = thread_us(), wall = uv_hrtime(), idle = uv_metrics_idle_time(&loop->uv);

	uv_run(&loop->uv, UV_RUN_ONCE);
	idle = uv_metrics_idle_time(&loop->uv) - idle;
	wall = uv_hrtime() - wall;
	loop->longest.cpu_us = longer(loop->longest.cpu_us, thread_us() - cpu);
	loop->longest.wall_us = longer(loop->longest.wall_us, (wall > idle ? wall - idle : 0) / 1000);
}

void loop_longest(const struct loop *loop, struct loop_busy *ret)
{
	*ret = loop->longest;
}

int loop_run(struct loop *loop, struct error **err)
{
	(void)err;
	check_owner(loop, "run");
	/* loop_stop may already have been called. */
	while (!loop->stopped || loop->tasks > 0)
		measured_turn(loop);
	loop->stopped = false;
	uv_timer_stop(&loop->ticker);
	return 0;
}

void loop_stop(struct loop *loop)
{
	loop->stopped = true;
	uv_async_send(&loop->wake);
}

void loop_turn(struct loop *loop)
{
	check_owner(loop, "turned");
	uv_run(&loop->uv, UV_RUN_ONCE);
}

void loop_post(struct loop *loop, void (*fn)(void *arg), void *arg)
{
	struct post *post = mem_alloc(sizeof(*post));

	post->fn = fn;
	post->arg = arg;
	pthread_mutex_lock(&loop->lock);
	*loop->last = post;
	loop->last = &post->next;
	pthread_mutex_unlock(&loop->lock);
	uv_async_send(&loop->wake);
}

static void task_done(void *arg)
{
	struct loop_job *task = arg;

	pthread_join(task->thread, NULL);
	bug_if(task->loop->tasks == 0, "more tasks ended than were started");
	task->loop->tasks--;
	task->done(task->arg);
	free(task);
}

static void *task_main(void *arg)
{
	struct loop_job *task = arg;

	task->work(task->arg);
	loop_post(task->loop, task_done, task);
	return NULL;
}

int loop_task(struct loop *loop, void (*work)(void *arg), void (*done)(void *arg), void *arg, struct error **err)
{
	struct loop_job *task = mem_alloc(sizeof(*task));
	int r;

	check_owner(loop, "given a task");
	*task = (struct loop_job){ .loop = loop, .work = work, .done = done, .arg = arg };
	r = thread_start(&task->thread, task_main, task);
	if (r != 0) {
		free(task);
		return error_errno(err, ERROR_STATE, r, "cannot start a thread");
	}
	loop->tasks++;
	return 0;
}

static void on_tick(uv_timer_t *timer)
{
	struct loop *loop = timer->data;

	loop->tick(loop->tick_arg);
}

void loop_ticker(struct loop *loop, uint64_t ms, void (*tick)(void *arg), void *arg)
{
	loop->tick = tick;
	loop->tick_arg = arg;
	uv_timer_start(&loop->ticker, on_tick, ms, ms);
}

void loop_cancel(struct loop *loop)
{
	if (atomic_fetch_add(&loop->cancels, 1) > 1)
		atomic_store(&loop->cancels, 2);
	pthread_mutex_lock(&loop->lock);
	pthread_cond_broadcast(&loop->cancelled);
	pthread_mutex_unlock(&loop->lock);
	uv_async_send(&loop->wake);
}

bool loop_cancelled(const struct loop *loop)
{
	return atomic_load(&loop->cancels) > 0;
}

int loop_cancels(const struct loop *loop)
{
	return atomic_load(&loop->cancels);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct loop *loop = handle->data;

	loop->on_signal(loop->signal_arg, signum);
}

static void mask_signals(int how, sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < SIGNALS; i++)
		sigaddset(&set, signums[i]);
	pthread_sigmask(how, &set, ret_before);
}

void loop_hold_signals(bool hold)
{
	mask_signals(hold ? SIG_BLOCK : SIG_UNBLOCK, NULL);
}

int loop_signals(struct loop *loop, void (*fn)(void *arg, int signum), void *arg, struct error **err)
{
	bool watched = loop->on_signal != NULL;
	sigset_t before;

	loop->on_signal = fn;
	loop->signal_arg = arg;
	if (watched)
		return 0;
	for (int i = 0; i < SIGNALS; i++) {
		int r = uv_signal_init(&loop->uv, &loop->signals[i]);

		loop->signals[i].data = loop;
		if (r == 0)
			r = uv_signal_start(&loop->signals[i], on_signal, signums[i]);
		if (r < 0)
			return error_errno(err, ERROR_STATE, -r, "cannot watch signals");
	}
	mask_signals(SIG_UNBLOCK, &before);
	loop->held = sigismember(&before, SIGINT);
	return 0;
}

static void on_winch(uv_signal_t *handle, int signum)
{
	struct loop *loop = handle->data;

	(void)signum;
	loop->on_resize(loop->resize_arg);
}

int loop_on_resize(struct loop *loop, void (*fn)(void *arg), void *arg, struct error **err)
{
	int r = uv_signal_init(&loop->uv, &loop->resize);

	loop->on_resize = fn;
	loop->resize_arg = arg;
	loop->resize.data = loop;
	if (r == 0)
		r = uv_signal_start(&loop->resize, on_winch, SIGWINCH);
	if (r < 0)
		return error_errno(err, ERROR_STATE, -r, "cannot watch the terminal's size");
	return 0;
}

int loop_pause(struct loop *loop, uint64_t ms, struct error **err)
{
	return loop_pause_unless(loop, ms, NULL, err);
}

static bool must_stop(const struct loop *loop, const atomic_bool *stop)
{
	return loop_cancelled(loop) || (stop && atomic_load(stop));
}

int loop_pause_unless(struct loop *loop, uint64_t ms, const atomic_bool *stop, struct error **err)
{
	struct timespec until;
	int r = 0;

#ifdef HAVE_PTHREAD_CONDATTR_SETCLOCK
	clock_gettime(CLOCK_MONOTONIC, &until);
#else
	clock_gettime(CLOCK_REALTIME, &until);
#endif
	until.tv_sec += (time_t)(ms / 1000);
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_nsec -= 1000000000;
		until.tv_sec++;
	}
	pthread_mutex_lock(&loop->lock);
	while (!must_stop(loop, stop) && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&loop->cancelled, &loop->lock, &until);
	pthread_mutex_unlock(&loop->lock);
	if (must_stop(loop, stop))
		return error_make(err, ERROR_CANCELLED, "interrupted");
	return 0;
}

void loop_wake(struct loop *loop)
{
	pthread_mutex_lock(&loop->lock);
	pthread_cond_broadcast(&loop->cancelled);
	pthread_mutex_unlock(&loop->lock);
}

uint64_t loop_now_ms(void)
{
	return uv_hrtime() / 1000000;
}

struct uv_loop_s *loop_uv(struct loop *loop)
{
	return &loop->uv;
}

bool loop_is_owner(const struct loop *loop)
{
	return pthread_equal(loop->owner, pthread_self());
}

struct procs **loop_procs(struct loop *loop)
{
	return &loop->procs;
}

void loop_set_hooks(struct loop *loop, void (*cancel)(struct procs *procs, int level),
		    void (*free_procs)(struct procs *procs))
{
	loop->cancel_procs = cancel;
	loop->free_procs = free_procs;
}
