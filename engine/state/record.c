#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/mem.h"
#include "engine/state/db.h"
#include "engine/state/state.h"
#include "engine/state/state_internal.h"

#define RECORDS_KEPT 64 /* per node: returning to an earlier state of the sources rebuilds nothing */
#define COLUMNS "r.node, r.key, r.identity, r.digest, r.place, r.builder, r.detail, r.size, r.when_ms, r.took_ms, r.sum"

static void clear(struct record *record)
{
	free(record->node);
	free(record->identity);
	free(record->digest);
	free(record->place);
	free(record->builder);
	free(record->detail);
}

void record_free(struct record *record)
{
	if (!record)
		return;
	clear(record);
	free(record);
}

void record_cleanup(struct record **record)
{
	record_free(*record);
}

void records_free(struct record *records, size_t len)
{
	for (size_t i = 0; records && i < len; i++)
		clear(&records[i]);
	free(records);
}

/* ---- rows ---- */

static void checksum(const struct record *record, char out[HASH_HEX + 1])
{
	cleanup_hasher struct hasher *hasher = hasher_new();
	const int64_t numbers[] = { (int64_t)record->size, record->when_ms, record->took_ms };

	hasher_text(hasher, "node", record->node);
	hasher_text(hasher, "key", record->key);
	hasher_text(hasher, "identity", record->identity);
	hasher_text(hasher, "digest", record->digest);
	hasher_text(hasher, "place", record->place);
	hasher_text(hasher, "builder", record->builder);
	hasher_text(hasher, "detail", record->detail);
	hasher_field(hasher, "numbers", numbers, sizeof(numbers));
	hash_hex(hasher_done(hasher), out);
}

static char *record_take_text(struct query *query, int column)
{
	const char *s = query_text(query, column);

	return s ? mem_strdup(s) : NULL;
}

/* False when the row was changed since it was written; then *ret is empty. */
static bool read_row(struct query *query, struct record *ret)
{
	const char *key = query_text(query, 1);
	const char *sum = query_text(query, 10);
	struct record record = { 0 };
	char expected[HASH_HEX + 1];

	if (!key || !sum || strlen(key) > HASH_HEX)
		return false;
	memcpy(record.key, key, strlen(key) + 1);
	record.node = record_take_text(query, 0);
	record.identity = record_take_text(query, 2);
	record.digest = record_take_text(query, 3);
	record.place = record_take_text(query, 4);
	record.builder = record_take_text(query, 5);
	record.detail = record_take_text(query, 6);
	record.size = (uint64_t)query_int(query, 7);
	record.when_ms = query_int(query, 8);
	record.took_ms = query_int(query, 9);
	checksum(&record, expected);
	if (!record.node || strcmp(sum, expected) != 0) {
		clear(&record);
		return false;
	}
	*ret = record;
	return true;
}

/* ---- reading ---- */

struct record_wanted {
	const char *sql;
	const char *node;
	const char *key; /* or NULL */
	struct record *ret;
};

static int record_read_one(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct record_wanted *wanted = arg;
	struct record record;
	int r;

	record_free(steal_ptr(wanted->ret));
	if (query_new(db, wanted->sql, &query) < 0)
		return -1;
	query_set_text(query, 1, wanted->node);
	if (wanted->key)
		query_set_text(query, 2, wanted->key);
	r = query_step(query);
	if (r > 0 && read_row(query, &record)) {
		wanted->ret = mem_alloc(sizeof(record));
		*wanted->ret = record;
	}
	return r < 0 ? -1 : 0;
}

static int record_find(struct state *state, struct record_wanted *wanted, struct record **ret, struct error **err)
{
	if (db_read(state->db, record_read_one, wanted, err) < 0) {
		record_free(wanted->ret);
		return -1;
	}
	*ret = wanted->ret;
	return 0;
}

int state_find(struct state *state, const char *node, const char *key, struct record **ret, struct error **err)
{
	struct record_wanted wanted = { "SELECT " COLUMNS " FROM record r WHERE r.node = ? AND r.key = ?", node, key,
					NULL };

	return record_find(state, &wanted, ret, err);
}

int state_last(struct state *state, const char *node, struct record **ret, struct error **err)
{
	struct record_wanted wanted = { "SELECT " COLUMNS
					" FROM latest l JOIN record r ON r.id = l.record WHERE l.node = ?",
					node, NULL, NULL };

	return record_find(state, &wanted, ret, err);
}

struct records {
	const char *node; /* only its records; NULL: the newest of every node */
	struct record *items;
	size_t len, cap;
};

static int read_many(struct db *db, void *arg)
{
	/* CROSS JOIN fixes the join order, whatever the planner estimates. */
	static const char newest[] = "SELECT " COLUMNS
				     " FROM latest l CROSS JOIN record r ON r.id = l.record ORDER BY l.node";
	static const char of_node[] = "SELECT " COLUMNS " FROM record r WHERE r.node = ? ORDER BY r.id DESC";
	cleanup_query struct query *query = NULL;
	struct records *records = arg;
	int r;

	records_free(steal_ptr(records->items), records->len);
	records->len = records->cap = 0;
	if (query_new(db, records->node ? of_node : newest, &query) < 0)
		return -1;
	if (records->node)
		query_set_text(query, 1, records->node);
	while ((r = query_step(query)) > 0) {
		mem_reserve(&records->items, &records->cap, records->len + 1, sizeof(*records->items));
		if (read_row(query, &records->items[records->len]))
			records->len++;
	}
	return r;
}

static int find_many(struct state *state, const char *node, struct record **ret, size_t *ret_len, struct error **err)
{
	struct records records = { .node = node };

	if (db_read(state->db, read_many, &records, err) < 0) {
		records_free(records.items, records.len);
		return -1;
	}
	*ret = records.items;
	*ret_len = records.len;
	return 0;
}

int state_all_last(struct state *state, struct record **ret, size_t *ret_len, struct error **err)
{
	return find_many(state, NULL, ret, ret_len, err);
}

int state_all_of(struct state *state, const char *node, struct record **ret, size_t *ret_len, struct error **err)
{
	return find_many(state, node, ret, ret_len, err);
}

struct record_inputs {
	const char *node;
	char *ret;
	size_t len;
};

static int read_inputs(struct db *db, void *arg)
{
	cleanup_query struct query *query = NULL;
	struct record_inputs *inputs = arg;
	char expected[HASH_HEX + 1];
	const void *data;
	size_t len;
	int r;

	free(steal_ptr(inputs->ret));
	if (query_new(db, "SELECT content, sum FROM inputs WHERE node = ?", &query) < 0)
		return -1;
	query_set_text(query, 1, inputs->node);
	r = query_step(query);
	if (r <= 0)
		return r;
	data = query_blob(query, 0, &len);
	hash_hex(hash_bytes(data, len), expected);
	if (!query_text(query, 1) || strcmp(query_text(query, 1), expected) != 0)
		return 0;
	inputs->ret = mem_alloc(len + 1);
	memcpy(inputs->ret, data, len);
	inputs->len = len;
	return 0;
}

int state_inputs(struct state *state, const char *node, char **ret, size_t *ret_len, struct error **err)
{
	struct record_inputs inputs = { .node = node };

	if (db_read(state->db, read_inputs, &inputs, err) < 0) {
		free(inputs.ret);
		return -1;
	}
	*ret = inputs.ret;
	*ret_len = inputs.len;
	return 0;
}

/* ---- writing ---- */

struct put {
	const struct record *record;
	const char *inputs;
	size_t inputs_len;
};

static int put_record(struct db *db, const struct record *record)
{
	cleanup_query struct query *query = NULL;
	char sum[HASH_HEX + 1];

	if (query_new(db,
		      "INSERT OR REPLACE INTO record(node, key, identity, digest, place, builder, detail, size, when_ms, took_ms, sum) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		      &query) < 0)
		return -1;
	checksum(record, sum);
	query_set_text(query, 1, record->node);
	query_set_text(query, 2, record->key);
	query_set_text(query, 3, record->identity);
	query_set_text(query, 4, record->digest);
	query_set_text(query, 5, record->place);
	query_set_text(query, 6, record->builder);
	query_set_text(query, 7, record->detail);
	query_set_int(query, 8, (int64_t)record->size);
	query_set_int(query, 9, record->when_ms);
	query_set_int(query, 10, record->took_ms);
	query_set_text(query, 11, sum);
	return query_run(query);
}

static int put_latest(struct db *db, const char *node, int64_t id)
{
	cleanup_query struct query *query = NULL;

	if (query_new(db, "INSERT OR REPLACE INTO latest(node, record) VALUES(?, ?)", &query) < 0)
		return -1;
	query_set_text(query, 1, node);
	query_set_int(query, 2, id);
	return query_run(query);
}

static int put_inputs(struct db *db, const char *node, const char *inputs, size_t len)
{
	cleanup_query struct query *query = NULL;
	const char *data = inputs ? inputs : "";
	char sum[HASH_HEX + 1];

	if (query_new(db, "INSERT OR REPLACE INTO inputs(node, content, sum) VALUES(?, ?, ?)", &query) < 0)
		return -1;
	hash_hex(hash_bytes(data, len), sum);
	query_set_text(query, 1, node);
	query_set_blob(query, 2, data, len);
	query_set_text(query, 3, sum);
	return query_run(query);
}

static int record_drop_old(struct db *db, const char *node)
{
	cleanup_query struct query *query = NULL;

	if (query_new(db,
		      "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE node = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
		      &query) < 0)
		return -1;
	query_set_text(query, 1, node);
	query_set_int(query, 2, RECORDS_KEPT);
	return query_run(query);
}

static int record_put_all(struct db *db, void *arg)
{
	const struct put *put = arg;

	if (put_record(db, put->record) < 0 || put_latest(db, put->record->node, db_last_id(db)) < 0 ||
	    put_inputs(db, put->record->node, put->inputs, put->inputs_len) < 0)
		return -1;
	return record_drop_old(db, put->record->node);
}

int state_put(struct state *state, const struct record *record, const char *inputs, size_t inputs_len, struct error **err)
{
	struct put put = { record, inputs, inputs_len };

	bug_if(!record->node || !*record->node || !*record->key, "a record of no node, or without a key");
	return db_write(state->db, record_put_all, &put, err);
}

struct renewals {
	const struct renewal *items;
	size_t len;
};

/* The newest record has the highest id. *ret_id 0: there is no record with that key. */
static int raise_record(struct db *db, const struct renewal *item, int64_t *ret_id)
{
	cleanup_query struct query *query = NULL;
	int r;

	*ret_id = 0;
	if (query_new(db,
		      "UPDATE record SET id = (SELECT max(id) + 1 FROM record) WHERE node = ? AND key = ? RETURNING id",
		      &query) < 0)
		return -1;
	query_set_text(query, 1, item->node);
	query_set_text(query, 2, item->key);
	r = query_step(query);
	if (r > 0)
		*ret_id = query_int(query, 0);
	return r > 0 ? query_run(query) : r;
}

static int renew_all(struct db *db, void *arg)
{
	const struct renewals *renewals = arg;

	for (size_t i = 0; i < renewals->len; i++) {
		const struct renewal *item = &renewals->items[i];
		int64_t id;

		if (raise_record(db, item, &id) < 0)
			return -1;
		if (id != 0 && (put_latest(db, item->node, id) < 0 ||
				put_inputs(db, item->node, item->inputs, item->inputs_len) < 0))
			return -1;
	}
	return 0;
}

int state_renew(struct state *state, const struct renewal *items, size_t len, struct error **err)
{
	struct renewals renewals = { items, len };

	return db_write(state->db, renew_all, &renewals, err);
}

static int record_forget(struct db *db, void *arg)
{
	static const char *const statements[] = { "DELETE FROM record WHERE node = ?",
						  "DELETE FROM latest WHERE node = ?",
						  "DELETE FROM inputs WHERE node = ?" };
	const char *const *node = arg;

	for (size_t i = 0; i < sizeof(statements) / sizeof(statements[0]); i++) {
		cleanup_query struct query *query = NULL;

		if (query_new(db, statements[i], &query) < 0)
			return -1;
		query_set_text(query, 1, *node);
		if (query_run(query) < 0)
			return -1;
	}
	return 0;
}

int state_forget(struct state *state, const char *node, struct error **err)
{
	return db_write(state->db, record_forget, &node, err);
}
