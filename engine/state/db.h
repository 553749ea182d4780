#ifndef ENGINE_STATE_DB_H
#define ENGINE_STATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/*
 * The only file that uses SQLite. The database is a cache of finished work: a damaged one is put aside and a new one
 * begun, whenever the damage shows, and the current operation runs again on the new one. Operations of several threads run one after the
 * other; opening, reopening and freeing it is for one thread alone.
 */
struct db;

struct db_format {
	uint32_t application_id;
	int version;         /* user_version; the schema also stores it in the table `format` */
	const char *schema;  /* makes the tables and fills `format` */
	int oldest;          /* oldest version that can be read; it is upgraded before the first write */
	const char *upgrade; /* adds what the oldest version lacks; harmless where it exists already */
};

int db_open(const char *path, bool read_only, const struct db_format *format, struct db **ret, struct error **err);
/* Reopens a read-only database for writing. */
int db_allow_writing(struct db *db, struct error **err);
void db_free(struct db *db); /* NULL-safe */
bool db_repaired(const struct db *db);
const char *db_path(const struct db *db);
/* True when an older version was opened read-only: it lacks newer tables. */
bool db_is_old(const struct db *db);

/* A statement inside an operation. The db remembers failures: after the first one, every call does nothing and
 * returns -1, and so must the operation. */
struct query;
typedef int db_op(struct db *db, void *arg);

/* Runs `op`, and once more on a new database if the first was damaged, so `op` must reset its outputs. If the
 * database does not exist (read_only), `op` is not called at all. ERROR_STATE. */
int db_read(struct db *db, db_op *op, void *arg, struct error **err);
/* The same in a transaction, durable on return. */
int db_write(struct db *db, db_op *op, void *arg, struct error **err);

int query_new(struct db *db, const char *sql, struct query **ret);
void query_free(struct query *query); /* NULL-safe */
/* Parameters count from 1. Texts and blobs are borrowed until the query is freed; NULL is SQL's NULL. */
void query_set_text(struct query *query, int i, const char *s);
void query_set_blob(struct query *query, int i, const void *data, size_t len);
void query_set_int(struct query *query, int i, int64_t n);
int query_step(struct query *query); /* 1 a row, 0 done */
/* Steps to the end. */
int query_run(struct query *query);
/* Columns count from 0. Texts live until the next step; NULL for SQL's NULL. */
const char *query_text(struct query *query, int i);
const void *query_blob(struct query *query, int i, size_t *ret_len);
int64_t query_int(struct query *query, int i);
int64_t db_last_id(struct db *db); /* of the row inserted last */

void query_cleanup(struct query **query);
#define cleanup_query __attribute__((cleanup(query_cleanup)))

#endif
