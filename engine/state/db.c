#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/bug.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/state/db.h"

#define BUSY_MS 30000 /* a transaction of another cbuild takes milliseconds; a slow disk's fsync, seconds */
#define ATTEMPTS_MAX 3

struct db {
	sqlite3 *handle;      /* NULL: read-only, and the file does not exist */
	pthread_mutex_t lock; /* held by the operation that is running */
	char *path;
	const struct db_format *format;
	bool read_only;
	bool repaired;
	struct error *unseen; /* why it is unknown whether the file exists */
	bool old;             /* has an older version */
	bool whole;           /* was checked in full, before the first write */
	int code;             /* of the first failed call of this operation, or SQLITE_OK */
	char *why;            /* SQLite's message for it */
};

struct query {
	struct db *db;
	sqlite3_stmt *statement;
};

/* ---- statements ---- */

static int failed(struct db *db, int code)
{
	if ((code & 0xff) == SQLITE_NOMEM)
		mem_exhausted();
	if (db->code != SQLITE_OK)
		return -1;
	db->code = code;
	free(db->why);
	db->why = mem_strdup(db->handle ? sqlite3_errmsg(db->handle) : sqlite3_errstr(code));
	return -1;
}

static void forget_failure(struct db *db)
{
	db->code = SQLITE_OK;
	free(steal_ptr(db->why));
	error_free(steal_ptr(db->unseen));
}

int query_new(struct db *db, const char *sql, struct query **ret)
{
	sqlite3_stmt *statement;
	struct query *query;
	int r;

	bug_if(pthread_mutex_trylock(&db->lock) == 0, "%s is used outside of an operation", db->path);
	if (db->code != SQLITE_OK)
		return -1;
	r = sqlite3_prepare_v2(db->handle, sql, -1, &statement, NULL);
	if (r != SQLITE_OK) {
		failed(db, r);
		return -1;
	}
	query = mem_alloc(sizeof(*query));
	query->db = db;
	query->statement = statement;
	*ret = query;
	return 0;
}

void query_free(struct query *query)
{
	if (!query)
		return;
	sqlite3_finalize(query->statement);
	free(query);
}

void query_cleanup(struct query **query)
{
	query_free(*query);
}

static void bound(struct query *query, int r)
{
	if (r != SQLITE_OK)
		failed(query->db, r);
}

void query_set_text(struct query *query, int i, const char *s)
{
	bound(query, sqlite3_bind_text(query->statement, i, s, -1, SQLITE_STATIC));
}

void query_set_blob(struct query *query, int i, const void *data, size_t len)
{
	bound(query, sqlite3_bind_blob64(query->statement, i, data ? data : "", len, SQLITE_STATIC));
}

void query_set_int(struct query *query, int i, int64_t n)
{
	bound(query, sqlite3_bind_int64(query->statement, i, n));
}

int query_step(struct query *query)
{
	int r;

	if (query->db->code != SQLITE_OK)
		return -1;
	r = sqlite3_step(query->statement);
	if (r == SQLITE_ROW)
		return 1;
	return r == SQLITE_DONE ? 0 : failed(query->db, r);
}

int query_run(struct query *query)
{
	int r;

	do {
		r = query_step(query);
	} while (r > 0);
	return r;
}

const char *query_text(struct query *query, int i)
{
	return (const char *)sqlite3_column_text(query->statement, i);
}

const void *query_blob(struct query *query, int i, size_t *ret_len)
{
	const void *data = sqlite3_column_blob(query->statement, i);

	*ret_len = (size_t)sqlite3_column_bytes(query->statement, i);
	return data ? data : "";
}

int64_t query_int(struct query *query, int i)
{
	return sqlite3_column_int64(query->statement, i);
}

int64_t db_last_id(struct db *db)
{
	return sqlite3_last_insert_rowid(db->handle);
}

static int execute(struct db *db, const char *sql)
{
	int r;

	if (db->code != SQLITE_OK)
		return -1;
	r = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
	return r == SQLITE_OK ? 0 : failed(db, r);
}

/* The single number that a query returns; -1 when there is no row. */
static int db_ask(struct db *db, const char *sql, int64_t *ret)
{
	cleanup_query struct query *query = NULL;
	int r;

	if (query_new(db, sql, &query) < 0)
		return -1;
	r = query_step(query);
	*ret = r > 0 ? query_int(query, 0) : -1;
	return r < 0 ? -1 : 0;
}

/* ---- opening ---- */

static void disconnect(struct db *db)
{
	sqlite3_close(db->handle);
	db->handle = NULL;
	db->whole = false;
}

static int connect_as(struct db *db, int flags)
{
	int r = sqlite3_open_v2(db->path, &db->handle, flags | SQLITE_OPEN_NOMUTEX, NULL);

	if (r != SQLITE_OK)
		return failed(db, r);
	sqlite3_extended_result_codes(db->handle, 1);
	sqlite3_busy_timeout(db->handle, BUSY_MS);
	/* The file may have come with a checkout: functions called by its schema must be harmless. */
	sqlite3_db_config(db->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
	return 0;
}

/* The version is not ours: is the file newer, empty or damaged? 1 newer, 0 empty, -1 failed. A flipped bit must not
 * look like a newer version, which is left alone, so the version is stored in a second place as well. */
static int db_judge(struct db *db, int64_t version)
{
	int64_t application, tables, second = -1;

	if (db_ask(db, "PRAGMA application_id", &application) < 0 ||
	    db_ask(db, "SELECT count(*) FROM sqlite_schema", &tables) < 0)
		return -1;
	if (version == 0 && application == 0 && tables == 0)
		return 0;
	if (version > db->format->version && (uint32_t)application == db->format->application_id &&
	    db_ask(db, "SELECT version FROM format", &second) < 0)
		return -1;
	return second == version ? 1 : failed(db, SQLITE_CORRUPT);
}

static int create_schema(struct db *db)
{
	cleanup_free char *sql = mem_printf("%s;PRAGMA application_id = %u;PRAGMA user_version = %d;COMMIT",
					    db->format->schema, db->format->application_id, db->format->version);
	int64_t version;
	int r;

	if (execute(db, "BEGIN IMMEDIATE") < 0 || db_ask(db, "PRAGMA user_version", &version) < 0)
		return -1;
	/* Another process may have created it meanwhile. */
	r = version == 0 ? execute(db, sql) : 0;
	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* Whether both places give an older version. */
static bool is_older(struct db *db, int64_t version)
{
	int64_t second = -1;

	return db->format->upgrade && version >= db->format->oldest && version < db->format->version &&
	       db_ask(db, "SELECT version FROM format", &second) == 0 && second == version;
}

static int db_upgrade(struct db *db)
{
	cleanup_free char *sql =
		mem_printf("BEGIN IMMEDIATE;%s;UPDATE format SET version = %d;PRAGMA user_version = %d;COMMIT",
			   db->format->upgrade, db->format->version, db->format->version);
	int r = execute(db, sql);

	if (!sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

/* 1: a newer version, which is left alone. */
static int db_begin(struct db *db)
{
	struct stat st;
	int64_t version;
	int r;

	db->old = false;
	r = db->read_only ? fs_find(db->path, &st, &db->unseen) : 1;
	if (r <= 0)
		return r;
	if (connect_as(db, db->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) < 0 ||
	    db_ask(db, "PRAGMA user_version", &version) < 0)
		return -1;
	if (version == db->format->version)
		return 0;
	if (is_older(db, version)) {
		db->old = db->read_only;
		return db->read_only ? 0 : db_upgrade(db);
	}
	r = db_judge(db, version);
	if (r != 0)
		return r;
	if (!db->read_only)
		return create_schema(db);
	disconnect(db);
	return 0;
}

/* ---- what can go wrong ---- */

static bool is_damage(const struct db *db)
{
	switch (db->code & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
	case SQLITE_ERROR: /* our statements are correct, so the schema is not */
		return true;
	case SQLITE_READONLY:
		/* Not the file mode: its header requires a format that can only be read. */
		return db->code == SQLITE_READONLY && !db->read_only && access(db->path, W_OK) == 0;
	default:
		return db->code == SQLITE_IOERR_SHORT_READ;
	}
}

/* SQLite's own check of every page. Done before the first write of a run, so that damage is not found later and
 * takes new records with it. */
static int check_whole(struct db *db)
{
	cleanup_query struct query *query = NULL;

	if (query_new(db, "PRAGMA integrity_check(1)", &query) < 0 || query_step(query) < 0)
		return -1;
	if (!query_text(query, 0) || strcmp(query_text(query, 0), "ok") != 0)
		return failed(db, SQLITE_CORRUPT);
	db->whole = true;
	return 0;
}

static void rename_part(const char *path, const char *suffix)
{
	cleanup_free char *from = mem_printf("%s%s", path, suffix);
	cleanup_free char *to = mem_printf("%s.damaged%s", path, suffix);

	if (rename(from, to) < 0 && errno == ENOENT)
		unlink(to); /* an earlier damaged one */
}

/* Is it still damaged now that we hold the lock? Another process may have put it aside already and begun a new one. */
static bool still_damaged(struct db *db)
{
	forget_failure(db);
	if (db_begin(db) != 0 || !db->handle || check_whole(db) < 0)
		return is_damage(db);
	return false;
}

/* For SQLite, a page that the disk does not give is a damaged one. */
static int look_readable(const char *path, struct error **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
	char data[16384];
	ssize_t n = 0;

	while (fd >= 0 && ((n = read(fd, data, sizeof(data))) > 0 || (n < 0 && errno == EINTR)))
		;
	if ((fd < 0 && errno != ENOENT) || n < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return 0;
}

/* Puts the database aside; one that was opened for reading stays, and counts as empty. With `surely`, even if it looks fine:
 * it has failed twice. */
static int put_aside(struct db *db, bool surely, struct error **err)
{
	cleanup_free char *lock_path = mem_printf("%s.lock", db->path);
	cleanup_fd int lock = -1;
	bool damaged;

	disconnect(db);
	if (look_readable(db->path, err) < 0)
		return -1;
	if (db->read_only) {
		db->repaired = surely || still_damaged(db);
		disconnect(db);
		return 0;
	}
	db->repaired = true;
	if (fs_lock(lock_path, true, &lock, err) < 0)
		return -1;
	damaged = still_damaged(db);
	disconnect(db);
	if (!damaged && !surely)
		return 0;
	/* The journal goes first: a new database must never meet an old journal. Processes that have the old file
	 * open get an error from SQLite on their next write. */
	rename_part(db->path, "-wal");
	rename_part(db->path, "-shm");
	rename_part(db->path, "-journal");
	return fs_put_aside(db->path, err);
}

static int refuse_newer(struct db *db, struct error **err)
{
	error_make(err, ERROR_STATE, "%s: written by a newer version of cbuild", db->path);
	error_remedy(err, "use that version, or remove the file: everything is then built again");
	return -1;
}

static int db_report(struct db *db, struct error **err)
{
	int errnum = db->handle ? sqlite3_system_errno(db->handle) : 0;
	int code = db->code & 0xff;
	const char *why = db->why ? db->why : "unknown reason";

	if (db->unseen)
		return error_move(err, &db->unseen);
	if (errnum)
		error_errno(err, ERROR_STATE, errnum, "%s: %s", db->path, why);
	else
		error_make(err, ERROR_STATE, "%s: %s", db->path, why);
	if (code == SQLITE_FULL)
		error_remedy(err, "free some disk space");
	else if (code == SQLITE_READONLY || code == SQLITE_CANTOPEN || code == SQLITE_PERM)
		error_remedy(err, "cbuild must be able to write to the folder of this file");
	else if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
		error_remedy(err, "another process has held it for %d seconds", BUSY_MS / 1000);
	return -1;
}

/* A writer was killed in the middle of a transaction: its journal must be rolled back before anyone can read, and
 * that needs a writable connection. Committed data is not changed. */
static int roll_back(struct db *db)
{
	int64_t version;
	int r;

	disconnect(db);
	forget_failure(db);
	r = connect_as(db, SQLITE_OPEN_READWRITE);
	if (r == 0)
		r = db_ask(db, "PRAGMA user_version", &version);
	if (r == 0)
		disconnect(db);
	return r;
}

/* After a failure: 0 when the operation may be tried again. */
static int recover(struct db *db, int attempt, struct error **err)
{
	int r;

	if (attempt < ATTEMPTS_MAX) {
		if (is_damage(db)) {
			if (put_aside(db, attempt > 1, err) < 0)
				return -1;
		} else if (db->code == SQLITE_READONLY_ROLLBACK || db->code == SQLITE_READONLY_RECOVERY) {
			if (roll_back(db) < 0)
				return db_report(db, err);
		} else if (db->code == SQLITE_READONLY_DBMOVED) {
			disconnect(db);
		} else {
			return db_report(db, err);
		}
		forget_failure(db);
		if (db->read_only && db->repaired)
			return 0;
		r = db_begin(db);
		if (r > 0)
			return refuse_newer(db, err);
		return r == 0 ? 0 : recover(db, attempt + 1, err);
	}
	return db_report(db, err);
}

static int begin_or_recover(struct db *db, struct error **err)
{
	int r = db_begin(db);

	if (r > 0)
		return refuse_newer(db, err);
	return r < 0 ? recover(db, 1, err) : 0;
}

/* Nobody else uses it yet. */
static int begin_alone(struct db *db, struct error **err)
{
	int r;

	pthread_mutex_lock(&db->lock);
	r = begin_or_recover(db, err);
	pthread_mutex_unlock(&db->lock);
	return r;
}

int db_open(const char *path, bool read_only, const struct db_format *format, struct db **ret, struct error **err)
{
	struct db *db = mem_alloc(sizeof(*db));

	db->path = mem_strdup(path);
	pthread_mutex_init(&db->lock, NULL);
	db->format = format;
	db->read_only = read_only;
	if (begin_alone(db, err) < 0) {
		db_free(db);
		return -1;
	}
	*ret = db;
	return 0;
}

int db_allow_writing(struct db *db, struct error **err)
{
	if (!db->read_only)
		return 0;
	disconnect(db);
	forget_failure(db);
	db->read_only = false;
	db->repaired = false;
	return begin_alone(db, err);
}

void db_free(struct db *db)
{
	if (!db)
		return;
	disconnect(db);
	pthread_mutex_destroy(&db->lock);
	free(db->path);
	free(db->why);
	error_free(db->unseen);
	free(db);
}

bool db_repaired(const struct db *db)
{
	return db->repaired;
}

bool db_is_old(const struct db *db)
{
	return db->old;
}

const char *db_path(const struct db *db)
{
	return db->path;
}

/* ---- operations ---- */

static int try_write(struct db *db, db_op *op, void *arg)
{
	int r = db->whole ? 0 : check_whole(db);

	if (r == 0)
		r = execute(db, "BEGIN IMMEDIATE");
	if (r == 0)
		r = op(db, arg);
	if (r == 0)
		r = execute(db, "COMMIT");
	if (db->handle && !sqlite3_get_autocommit(db->handle))
		sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int run_operation(struct db *db, bool write, db_op *op, void *arg, struct error **err)
{
	forget_failure(db);
	for (int attempt = 1;; attempt++) {
		if (!db->handle)
			return 0;
		if ((write ? try_write(db, op, arg) : op(db, arg)) == 0)
			return 0;
		if (recover(db, attempt, err) < 0)
			return -1;
	}
}

static int db_run(struct db *db, bool write, db_op *op, void *arg, struct error **err)
{
	int r;

	pthread_mutex_lock(&db->lock);
	r = run_operation(db, write, op, arg, err);
	pthread_mutex_unlock(&db->lock);
	return r;
}

int db_read(struct db *db, db_op *op, void *arg, struct error **err)
{
	return db_run(db, false, op, arg, err);
}

int db_write(struct db *db, db_op *op, void *arg, struct error **err)
{
	if (db->read_only)
		return error_make(err, ERROR_INTERNAL, "%s: was opened for reading", db->path);
	return db_run(db, true, op, arg, err);
}
