#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/state/db.h"
#include "engine/state/state.h"
#include "engine/state/state_internal.h"

#define APPLICATION_ID 0x6362756cu /* "cbul" */
#define STATE_FORMAT 2
#define STATE_FORMAT_TEXT "2"
#define STATE_OLDEST 1

/* `latest` lets a run with nothing to do read every node's newest record by walking one small table. Large texts
 * that are needed only for explanations are kept apart in `inputs`. `sum` is a checksum over all other columns:
 * SQLite notices a damaged page only if it cannot be parsed. */
#define RUN_PLAN_TABLE                                                                                             \
	"CREATE TABLE IF NOT EXISTS run_plan(run INTEGER PRIMARY KEY, nodes INTEGER NOT NULL, builds INTEGER NOT " \
	"NULL,"                                                                                                    \
	" plan TEXT) STRICT"
static const char schema[] =
	"CREATE TABLE format(version INTEGER NOT NULL) STRICT;"
	"INSERT INTO format VALUES(" STATE_FORMAT_TEXT ");"
	"CREATE TABLE record(id INTEGER PRIMARY KEY, node TEXT NOT NULL, key TEXT NOT NULL, identity TEXT,"
	" digest TEXT, place TEXT, builder TEXT, detail TEXT, size INTEGER NOT NULL, when_ms INTEGER NOT NULL,"
	" took_ms INTEGER NOT NULL, sum TEXT NOT NULL, UNIQUE(node, key)) STRICT;"
	"CREATE TABLE latest(node TEXT PRIMARY KEY, record INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE inputs(node TEXT PRIMARY KEY, content BLOB NOT NULL, sum TEXT NOT NULL) STRICT;"
	"CREATE TABLE run(id INTEGER PRIMARY KEY, command TEXT, begin_ms INTEGER NOT NULL, end_ms INTEGER,"
	" status INTEGER) STRICT;"
	"CREATE TABLE run_node(id INTEGER PRIMARY KEY, run INTEGER NOT NULL, node TEXT NOT NULL, service TEXT NOT NULL,"
	" outcome TEXT, start_ms INTEGER NOT NULL, took_ms INTEGER NOT NULL, log TEXT) STRICT;" RUN_PLAN_TABLE ";"
	"CREATE INDEX run_node_run ON run_node(run);"
	"CREATE INDEX run_node_node ON run_node(node);"
	"CREATE INDEX run_node_service ON run_node(service);"
	"CREATE TABLE fact(name TEXT PRIMARY KEY, value TEXT) STRICT, WITHOUT ROWID";

/* Version 2 has the plans of runs. */
static const struct db_format format = { APPLICATION_ID, STATE_FORMAT, schema, STATE_OLDEST, RUN_PLAN_TABLE };

/* The folder of a database that will be created. */
static int state_make_folder(const char *path, struct error **err)
{
	cleanup_free char *dir = path_dir(path);

	return fs_exists(path) || fs_mkdirs(dir, 0755, err) == 0 ? 0 : -1;
}

int state_open(const char *path, bool read_only, struct state **ret, struct error **err)
{
	struct state *state;
	struct db *db;

	if (!read_only && state_make_folder(path, err) < 0)
		return -1;
	if (db_open(path, read_only, &format, &db, err) < 0)
		return -1;
	state = mem_alloc(sizeof(*state));
	state->db = db;
	*ret = state;
	return 0;
}

int state_allow_writing(struct state *state, struct error **err)
{
	return state_make_folder(db_path(state->db), err) < 0 ? -1 : db_allow_writing(state->db, err);
}

void state_free(struct state *state)
{
	if (!state)
		return;
	db_free(state->db);
	free(state);
}

void state_cleanup(struct state **state)
{
	state_free(*state);
}

bool state_repaired(const struct state *state)
{
	return db_repaired(state->db);
}

/* ---- facts ---- */

struct fact {
	const char *name;
	const char *value;
	char *ret;
};

static int read_fact(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct fact *fact = arg;
	int r;

	free(steal_ptr(fact->ret));
	if (query_new(db, "SELECT value FROM fact WHERE name = ?", &query) < 0)
		return -1;
	query_set_text(query, 1, fact->name);
	r = query_step(query);
	if (r > 0 && query_text(query, 0))
		fact->ret = mem_strdup(query_text(query, 0));
	return r < 0 ? -1 : 0;
}

int state_fact(struct state *state, const char *name, char **ret, struct error **err)
{
	struct fact fact = { .name = name };

	if (db_read(state->db, read_fact, &fact, err) < 0) {
		free(fact.ret);
		return -1;
	}
	*ret = fact.ret;
	return 0;
}

static int write_fact(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	const struct fact *fact = arg;

	if (query_new(db, "INSERT OR REPLACE INTO fact(name, value) VALUES(?, ?)", &query) < 0)
		return -1;
	query_set_text(query, 1, fact->name);
	query_set_text(query, 2, fact->value);
	return query_run(query);
}

int state_set_fact(struct state *state, const char *name, const char *value, struct error **err)
{
	struct fact fact = { .name = name, .value = value };

	return db_write(state->db, write_fact, &fact, err);
}
