#ifndef ENGINE_STATE_DB_H
#define ENGINE_STATE_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/*
 * The one place that knows SQLite. A database is a cache of what was done: one that is damaged is put
 * aside and begun anew, whenever that shows, and the operation in hand runs again on the new one.
 */
struct db;

struct db_format {
	uint32_t application_id;
	int version;         /* user_version; the schema keeps it in a table `format` as well */
	const char *schema;  /* makes the tables and fills `format` */
	int oldest;          /* version that is read as it is, and is brought to the present one for writing */
	const char *upgrade; /* makes what the oldest lacks, and is harmless where that is there */
};

int db_open(const char *path, bool read_only, const struct db_format *format, struct db **ret, struct error **err);
/* One that was opened for reading is opened again, for writing too. */
int db_allow_writing(struct db *db, struct error **err);
void db_free(struct db *db); /* NULL-safe */
bool db_repaired(const struct db *db);
const char *db_path(const struct db *db);
/* An older version that was opened for reading: it lacks what came since. */
bool db_is_old(const struct db *db);

/* A statement inside an operation. Failures are kept in the db: every call after the first failed one does
 * nothing and returns -1, and so must the operation. */
struct query;
typedef int db_op(struct db *db, void *arg);

/* Runs `op`; a second time on a new database when the first was damaged, so it begins with clean outputs. Reading
 * from a database that is missing (read_only) does not call `op` at all. ERROR_STATE. */
int db_read(struct db *db, db_op *op, void *arg, struct error **err);
/* The same in a transaction that is durable when this returns. */
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
