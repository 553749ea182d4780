#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/state/db.h"
#include "engine/state/state.h"
#include "engine/state/state_internal.h"

#define RUNS_KEPT 1000
#define PLANS_KEPT 100 /* runs whose whole plan is kept */

struct run_row {
	int64_t id;
	const char *command;
	int64_t when_ms;
	int status;
	const struct run_plan *plan;
};

struct node_row {
	int64_t run;
	const char *node, *outcome, *log;
	int64_t start_ms, took_ms;
};

/* Removes all but the last RUNS_KEPT runs. */
static int run_history_drop_old(struct db *db, int64_t newest)
{
	static const struct {
		const char *sql;
		int64_t kept;
	} statements[] = {
		{ "DELETE FROM run WHERE id <= ?", RUNS_KEPT },
		{ "DELETE FROM run_node WHERE run <= ?", RUNS_KEPT },
		{ "DELETE FROM run_plan WHERE run <= ?", RUNS_KEPT },
		{ "UPDATE run_plan SET plan = NULL WHERE run <= ? AND plan IS NOT NULL", PLANS_KEPT },
	};

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		cleanup_query struct query *query = NULL;

		if (query_new(db, statements[i].sql, &query) < 0)
			return -1;
		query_set_int(query, 1, newest - statements[i].kept);
		if (query_run(query) < 0)
			return -1;
	}
	return 0;
}

static int run_history_add_plan(struct db *db, const struct run_row *run)
{
	cleanup_query struct query *query = NULL;

	if (query_new(db, "INSERT INTO run_plan(run, nodes, builds, plan) VALUES(?, ?, ?, ?)", &query) < 0)
		return -1;
	query_set_int(query, 1, run->id);
	query_set_int(query, 2, (int64_t)run->plan->nodes);
	query_set_int(query, 3, (int64_t)run->plan->builds);
	query_set_text(query, 4, run->plan->text);
	return query_run(query);
}

static int begin_run(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct run_row *run = arg;

	if (query_new(db, "INSERT INTO run(command, begin_ms) VALUES(?, ?)", &query) < 0)
		return -1;
	query_set_text(query, 1, run->command);
	query_set_int(query, 2, run->when_ms);
	if (query_run(query) < 0)
		return -1;
	run->id = db_last_id(db);
	return run_history_add_plan(db, run) < 0 ? -1 : run_history_drop_old(db, run->id);
}

int state_run_begin(struct state *state, const char *command, const struct run_plan *plan, int64_t *ret_run,
		    struct error **err)
{
	struct run_row run = { .command = command, .when_ms = clock_unix_ms(), .plan = plan };

	if (db_write(state->db, begin_run, &run, err) < 0)
		return -1;
	*ret_run = run.id;
	return 0;
}

/* The second part of "kind:service:platform"; service names contain no colon. */
static char *run_history_service_of(const char *node)
{
	const char *start = strchr(node, ':');
	const char *end;

	if (!start)
		return mem_strdup(node);
	end = strchr(++start, ':');
	return end ? mem_strndup(start, (size_t)(end - start)) : mem_strdup(start);
}

static int run_history_add_node(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	const struct node_row *row = arg;
	cleanup_free char *service = run_history_service_of(row->node);

	if (query_new(db,
		      "INSERT INTO run_node(run, node, service, outcome, start_ms, took_ms, log) VALUES(?, ?, ?, ?, ?, ?, ?)",
		      &query) < 0)
		return -1;
	query_set_int(query, 1, row->run);
	query_set_text(query, 2, row->node);
	query_set_text(query, 3, service);
	query_set_text(query, 4, row->outcome);
	query_set_int(query, 5, row->start_ms);
	query_set_int(query, 6, row->took_ms);
	query_set_text(query, 7, row->log);
	return query_run(query);
}

int state_run_node(struct state *state, int64_t run, const char *node, const char *outcome, int64_t start_ms,
		   int64_t took_ms, const char *log, struct error **err)
{
	struct node_row row = { run, node, outcome, log, start_ms, took_ms };

	return db_write(state->db, run_history_add_node, &row, err);
}

static int end_run(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	const struct run_row *run = arg;

	if (query_new(db, "UPDATE run SET end_ms = ?, status = ? WHERE id = ?", &query) < 0)
		return -1;
	query_set_int(query, 1, run->when_ms);
	query_set_int(query, 2, run->status);
	query_set_int(query, 3, run->id);
	return query_run(query);
}

int state_run_end(struct state *state, int64_t run, int status, struct error **err)
{
	struct run_row row = { .id = run, .when_ms = clock_unix_ms(), .status = status };

	return db_write(state->db, end_run, &row, err);
}

struct history_range {
	int64_t first, last;
};

static int read_range(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct history_range *range = arg;

	*range = (struct history_range){ 0 };
	if (query_new(db, "SELECT ifnull(min(id), 0), ifnull(max(id), 0) FROM run", &query) < 0 || query_step(query) < 0)
		return -1;
	range->first = query_int(query, 0);
	range->last = query_int(query, 1);
	return 0;
}

int state_run_range(struct state *state, int64_t *ret_first, int64_t *ret_last, struct error **err)
{
	struct history_range range = { 0 };

	if (db_read(state->db, read_range, &range, err) < 0)
		return -1;
	*ret_first = range.first;
	*ret_last = range.last;
	return 0;
}

/* ---- logs ---- */

struct log {
	const char *node;
	char *ret;
};

static int read_path(struct db *db, const char *sql, struct log *log)
{
	cleanup_query struct query *query = NULL;
	int r;

	if (query_new(db, sql, &query) < 0)
		return -1;
	query_set_text(query, 1, log->node);
	r = query_step(query);
	if (r > 0)
		log->ret = mem_strdup(query_text(query, 0));
	return r < 0 ? -1 : 0;
}

static int read_log(struct db *db, void *arg)
{
	struct log *log = arg;

	free(steal_ptr(log->ret));
	if (read_path(db, "SELECT log FROM run_node WHERE node = ? AND log IS NOT NULL ORDER BY id DESC LIMIT 1", log) < 0)
		return -1;
	if (log->ret)
		return 0;
	return read_path(
		db,
		"SELECT log FROM run_node WHERE id IN (SELECT max(id) FROM run_node WHERE service = ? AND log IS NOT NULL GROUP BY node) ORDER BY outcome IS '" STATE_FAILED
		"' DESC, node LIKE 'build:%' DESC, id DESC LIMIT 1",
		log);
}

int state_log(struct state *state, const char *node, char **ret, struct error **err)
{
	struct log log = { .node = node };

	if (db_read(state->db, read_log, &log, err) < 0) {
		free(log.ret);
		return -1;
	}
	*ret = log.ret;
	return 0;
}
