#include "config.h"

#include "base/buf.h"
#include "base/bug.h"
#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/up/up_internal.h"

/* Starts the services: each as soon as those that it depends on are as it wants them. */

struct starting {
	struct up *up;
	void (*output_ended)(struct up *up);
	struct actor **actors; /* of each part; NULL: not started yet */
	bool *waited;          /* of each part: it has been as the others want it */
};

/* A service without a check cannot be called healthy. */
static void tell_healthy(struct up *up, const struct actor *actor)
{
	if (!verify_asks(&actor->part->service->verify) && !actor->check.test)
		return;
	up_tell(up,
		&(struct up_event){ .kind = UP_HEALTHY, .service = actor->name, .took_ms = loop_now_ms() - up->start_ms });
}

/* Whether what the part depends on is as it wants it. */
static bool may_begin(const struct starting *starting, const struct stack_part *part)
{
	const struct up_job *job = starting->up->job;

	for (size_t i = 0; i < part->service->depends_len; i++) {
		const struct depends *depends = &part->service->depends[i];
		const struct service *service = &job->manifest->services[depends->service];

		for (size_t j = 0; j < job->len; j++) {
			if (job->parts[j].service == service &&
			    (!starting->actors[j] || (depends->condition != DEPENDS_STARTED && !starting->waited[j])))
				return false;
		}
	}
	return true;
}

/* False: that failed, and is among the findings. */
static bool begin_part(struct starting *starting, size_t number)
{
	struct up *up = starting->up;
	const struct stack_part *part = &up->job->parts[number];
	struct actor *actor = NULL;
	struct error *error = NULL;
	size_t at;

	if (start_one(up, part, &actor, &error) < 0) {
		findings_error(up->findings, part->service->name.s, &error);
		return false;
	}
	starting->actors[number] = actor;
	at = (size_t)(actor - up->stack.actors);
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
		findings_error(up->findings, actor->name, &error);
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
static bool wait_part(struct starting *starting, size_t number)
{
	struct up *up = starting->up;
	struct actor *actor = starting->actors[number];
	int condition = actor->part->condition;
	bool *well = &up->well[actor - up->stack.actors];

	starting->waited[number] = true;
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

/* Waits for the first one that has begun and for which others wait. */
static bool wait_for_one(struct starting *starting)
{
	const struct up_job *job = starting->up->job;

	for (size_t i = 0; i < job->len; i++) {
		if (starting->actors[i] && !starting->waited[i] && job->parts[i].condition != DEPENDS_STARTED)
			return wait_part(starting, i);
	}
	bug_if(true, "services wait for each other");
	return false;
}

static bool begin_all(struct starting *starting)
{
	const struct up_job *job = starting->up->job;

	for (size_t begun = 0; begun < job->len;) {
		size_t before = begun;

		for (size_t i = 0; i < job->len; i++) {
			if (starting->actors[i] || !may_begin(starting, &job->parts[i]))
				continue;
			if (!begin_part(starting, i))
				return false;
			begun++;
		}
		if (begun == before && !wait_for_one(starting))
			return false;
	}
	return true;
}

bool start_all(struct up *up, void (*output_ended)(struct up *up))
{
	cleanup_free struct actor **actors = mem_array(up->job->len + 1, sizeof(struct actor *));
	cleanup_free bool *waited = mem_array(up->job->len + 1, sizeof(*waited));
	struct starting starting = { up, output_ended, actors, waited };

	if (!begin_all(&starting))
		return false;
	for (size_t i = 0; i < up->job->len; i++) {
		if (!waited[i] && !wait_part(&starting, i))
			return false;
	}
	for (size_t i = 0; i < up->stack.len; i++)
		tell_ports(up, &up->stack.actors[i]);
	up_tell(up, &(struct up_event){ .kind = UP_READY });
	return true;
}
