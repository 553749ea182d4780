#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/draft.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"

/* compose's `deploy`, as docker compose applies it to a container (compose-spec, deploy.md). */

static void resolve_restart(struct resolve *r, const struct draft_restart *draft, struct text *ret)
{
	static const char *const others[][2] = { { "none", "no" }, { "any", "always" } };
	const char *policy = draft->condition.s;

	if (!policy)
		return;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(policy, others[i][0]) == 0)
			policy = others[i][1];
	if (strcmp(policy, "on-failure") == 0 && draft->max_attempts.s)
		policy = arena_join(r->arena, policy, ":", draft->max_attempts.s, NULL);
	*ret = (struct text){ policy, draft->condition.pos };
}

void resolve_deploy(struct resolve *r, const struct draft_deploy *draft, struct service *service)
{
	const struct draft_amounts *limits = &draft->resources.limits;
	struct run_spec *run = &service->run;

	if (limits->cpus.s)
		run->cpus = limits->cpus;
	if (limits->pids.s)
		run->pids_limit = limits->pids;
	if (limits->memory)
		run->mem_limit = limits->memory;
	if (draft->resources.reservations.memory)
		run->mem_reservation = draft->resources.reservations.memory;
	resolve_restart(r, &draft->restart, &run->restart);
	if (draft->replicas.s && strcmp(draft->replicas.s, "1") != 0)
		resolve_unused(r, service, "deploy.replicas", draft->replicas.pos);
	if (draft->resources.reservations.devices)
		resolve_unused(r, service, "deploy.resources.reservations.devices",
			       draft->resources.reservations.devices_pos);
}
