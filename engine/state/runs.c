#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "engine/state/db.h"
#include "engine/state/state.h"
#include "engine/state/state_internal.h"

/* Reading the history. */

static char *runs_copy(const char *text)
{
	return text ? mem_strdup(text) : NULL;
}

/* ---- runs ---- */

struct runs {
	int64_t run;
	size_t max;
	struct run_info *items;
	size_t len, cap;
};

void runs_free(struct run_info *runs, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(runs[i].command);
	free(runs);
}

static void runs_add_run(struct runs *runs, struct query *query)
{
	mem_reserve(&runs->items, &runs->cap, runs->len + 1, sizeof(*runs->items));
	runs->items[runs->len++] = (struct run_info){
		.id = query_int(query, 0),
		.command = runs_copy(query_text(query, 1)),
		.begin_ms = query_int(query, 2),
		.end_ms = query_int(query, 3),
		.status = (int)query_int(query, 4),
		.done = query_int(query, 5),
		.built = query_int(query, 6),
		.failed = query_int(query, 7),
		.nodes = query_int(query, 8),
		.builds = query_int(query, 9),
	};
}

#define RUN_COLUMNS                                                                                         \
	"SELECT run.id, command, begin_ms, ifnull(end_ms, 0), ifnull(status, -1),"                          \
	" (SELECT count(*) FROM run_node WHERE run = run.id AND outcome = 'done'),"                         \
	" (SELECT count(*) FROM run_node WHERE run = run.id AND outcome = 'done' AND node LIKE 'build:%')," \
	" (SELECT count(*) FROM run_node WHERE run = run.id AND outcome = '" STATE_FAILED "'),"
#define RUN_CHOICE " WHERE ?1 = 0 OR run.id = ?1 ORDER BY run.id DESC LIMIT ?2"

static int read_runs(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct runs *runs = arg;
	int r;

	runs_free(steal_ptr(runs->items), runs->len);
	runs->len = runs->cap = 0;
	if (query_new(db,
		      db_is_old(db) ? RUN_COLUMNS " -1, -1 FROM run" RUN_CHOICE
				    : RUN_COLUMNS
			      " ifnull(nodes, -1), ifnull(builds, -1) FROM run LEFT JOIN run_plan ON run_plan.run = run.id" RUN_CHOICE,
		      &query) < 0)
		return -1;
	query_set_int(query, 1, runs->run);
	query_set_int(query, 2, (int64_t)runs->max);
	while ((r = query_step(query)) > 0)
		runs_add_run(runs, query);
	return r;
}

int state_runs(struct state *state, int64_t run, size_t max, struct run_info **ret, size_t *ret_len, struct error **err)
{
	struct runs runs = { .run = run, .max = max };

	if (db_read(state->db, read_runs, &runs, err) < 0) {
		runs_free(runs.items, runs.len);
		return -1;
	}
	*ret = runs.items;
	*ret_len = runs.len;
	return 0;
}

/* ---- their nodes ---- */

struct steps {
	int64_t run;
	struct run_step *items;
	size_t len, cap;
};

void steps_free(struct run_step *steps, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		free(steps[i].node);
		free(steps[i].outcome);
		free(steps[i].log);
	}
	free(steps);
}

static int read_steps(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct steps *steps = arg;
	int r;

	steps_free(steal_ptr(steps->items), steps->len);
	steps->len = steps->cap = 0;
	if (query_new(db,
		      steps->run
			      ? "SELECT node, outcome, log, start_ms, took_ms FROM run_node WHERE run = ? ORDER BY id"
			      : "SELECT node, outcome, log, start_ms, took_ms FROM run_node WHERE outcome = 'done' AND ? = 0 ORDER BY id DESC",
		      &query) < 0)
		return -1;
	query_set_int(query, 1, steps->run);
	while ((r = query_step(query)) > 0) {
		mem_reserve(&steps->items, &steps->cap, steps->len + 1, sizeof(*steps->items));
		steps->items[steps->len++] = (struct run_step){
			.node = runs_copy(query_text(query, 0)),
			.outcome = runs_copy(query_text(query, 1)),
			.log = runs_copy(query_text(query, 2)),
			.start_ms = query_int(query, 3),
			.took_ms = query_int(query, 4),
		};
	}
	return r;
}

int state_steps(struct state *state, int64_t run, struct run_step **ret, size_t *ret_len, struct error **err)
{
	struct steps steps = { .run = run };

	if (db_read(state->db, read_steps, &steps, err) < 0) {
		steps_free(steps.items, steps.len);
		return -1;
	}
	*ret = steps.items;
	*ret_len = steps.len;
	return 0;
}

/* ---- plans ---- */

struct plan_text {
	int64_t run;
	char *ret;
};

static int read_plan(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct plan_text *plan = arg;
	int r;

	free(steal_ptr(plan->ret));
	if (db_is_old(db))
		return 0;
	if (query_new(db, "SELECT plan FROM run_plan WHERE run = ?", &query) < 0)
		return -1;
	query_set_int(query, 1, plan->run);
	r = query_step(query);
	if (r > 0)
		plan->ret = runs_copy(query_text(query, 0));
	return r < 0 ? -1 : 0;
}

int state_run_plan(struct state *state, int64_t run, char **ret, struct error **err)
{
	struct plan_text plan = { .run = run };

	if (db_read(state->db, read_plan, &plan, err) < 0) {
		free(plan.ret);
		return -1;
	}
	*ret = plan.ret;
	return 0;
}
