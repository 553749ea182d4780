#include "config.h"

#include "base/buf.h"
#include "base/error.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/up/up_internal.h"

/* Starts the services: each as soon as those that it depends on are as it wants them. */

struct starting {
	struct up *up;
	void (*output_ended)(struct up *up);
};

/* A service without a check cannot be called healthy. */
static void tell_healthy(struct up *up, const struct actor *actor)
{
	if (!verify_asks(&actor->part->service->verify) && !actor->check.test)
		return;
	up_tell(up,
		&(struct up_event){ .kind = UP_HEALTHY, .service = actor->name, .took_ms = loop_now_ms() - up->start_ms });
}

/* False: that failed, and is among the findings. */
static bool begin_part(void *data, struct actor *actor)
{
	struct starting *starting = data;
	struct up *up = starting->up;
	struct error *error = NULL;
	size_t at = (size_t)(actor - up->stack.actors);

	if (start_one(up, actor, &error) < 0) {
		stack_report(&up->stack, actor->name, &error);
		return false;
	}
	if (!up->resumed[at])
		up_tell(up, &(struct up_event){ .kind = up->kept[at] ? UP_KEPT : UP_STARTED, .service = actor->name });
	if (!up->job->detach)
		tell_output(up, actor, up->resumed[at], starting->output_ended);
	return true;
}

/* Without a check, it must at least not have failed. */
static bool check_running(struct up *up, struct actor *actor)
{
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;
	bool running = true;
	int status = 0;

	if (container_state(actor->container, &running, &status, &error) < 0) {
		stack_report(&up->stack, actor->name, &error);
		return false;
	}
	if (running || status == 0)
		return true;
	buf_printf(&text, "%s: it ended with status %d\n", actor->name, status);
	stack_add_logs(actor->container, &text);
	findings_fail(up->findings, ERROR_HEALTH, "%s", text.data);
	return false;
}

/* Waits until it is as others want it; where nobody does, until it is healthy. */
static bool wait_part(void *data, struct actor *actor)
{
	struct starting *starting = data;
	struct up *up = starting->up;
	int condition = actor->part->condition;
	bool *well = &up->well[actor - up->stack.actors];

	if (*well)
		return true;
	if (condition != DEPENDS_STARTED) {
		if (!stack_wait(&up->stack, actor, condition, actor->name))
			return false;
	} else if (!stack_wait(&up->stack, actor, DEPENDS_HEALTHY, actor->name) || !check_running(up, actor)) {
		return false;
	}
	if (condition != DEPENDS_COMPLETED)
		tell_healthy(up, actor);
	*well = true;
	return true;
}

bool start_all(struct up *up, void (*output_ended)(struct up *up))
{
	struct starting starting = { up, output_ended };

	if (!stack_begin(&up->stack, &(struct stack_begin){ begin_part, wait_part, &starting }))
		return false;
	for (size_t i = 0; i < up->stack.len; i++)
		tell_ports(up, &up->stack.actors[i]);
	up_tell(up, &(struct up_event){ .kind = UP_READY, .up = up });
	return true;
}
