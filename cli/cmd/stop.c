#include "config.h"

#include "base/error.h"
#include "base/fs.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/hurry.h"
#include "cli/cmd/running.h"
#include "cli/cmd/up_services.h"
#include "cli/output.h"
#include "engine/runtime/runtime.h"

/* `stop` and `restart`: both stop, side by side, and only one starts again. */

struct stopping {
	struct running_all *running;
	bool again;
};

static int stop_in_engines(void *arg, const atomic_bool *hurry, struct error **err)
{
	const struct running_all *running = ((struct stopping *)arg)->running;
	bool again = ((struct stopping *)arg)->again;

	for (size_t i = 0; i < running->len; i++) {
		const struct running_engine *engine = &running->engines[i];
		int r = again ? containers_restart(engine->containers, engine->len, hurry, err)
			      : containers_stop(engine->containers, engine->len, hurry, err);

		if (r < 0)
			return -1;
		for (size_t j = 0; j < engine->len; j++)
			output_note("%s is %s", container_name(engine->containers[j]),
				    again ? "started again" : "stopped");
	}
	return 0;
}

static int stop_or_restart(const struct options *options, bool again, struct error **err)
{
	struct running_all running;
	cleanup_fd int lock = -1;
	int r = running_open(&running, options, options->targets_len, err);

	if (r == 0)
		r = running_any(&running, err);
	if (r == 0)
		r = up_wait(&running.session, &lock, err);
	if (r == 0)
		r = hurry_run(running.session.loop, stop_in_engines, &(struct stopping){ &running, again }, err);
	running_close(&running);
	return r;
}

int cmd_stop(const struct options *options, struct error **err)
{
	return stop_or_restart(options, false, err);
}

int cmd_restart(const struct options *options, struct error **err)
{
	return stop_or_restart(options, true, err);
}
