#include "config.h"

#include "base/error.h"
#include "cli/cmd/hurry.h"
#include "engine/io/loop.h"

struct hurried_work {
	struct loop *loop;
	int (*work)(void *arg, const atomic_bool *hurry, struct error **err);
	void *arg;
	atomic_bool hurry;
	int r;
	struct error *error;
};

static void hurry_work(void *arg)
{
	struct hurried_work *job = arg;

	job->r = job->work(job->arg, &job->hurry, &job->error);
}

static void hurry_done(void *arg)
{
	loop_stop(((struct hurried_work *)arg)->loop);
}

static void hurry_on_signal(void *arg, int signum)
{
	(void)signum;
	atomic_store(&((struct hurried_work *)arg)->hurry, true);
}

int hurry_run(struct loop *loop, int (*work)(void *arg, const atomic_bool *hurry, struct error **err), void *arg,
	      struct error **err)
{
	struct hurried_work job = { .loop = loop, .work = work, .arg = arg };
	int r = loop_signals(loop, hurry_on_signal, &job, err);

	if (r == 0)
		r = loop_task(loop, hurry_work, hurry_done, &job, err);
	if (r == 0)
		r = loop_run(loop, err);
	if (r == 0 && job.r < 0)
		return error_move(err, &job.error);
	error_free(job.error);
	return r;
}
