#ifndef ENGINE_OCI_BLOB_H
#define ENGINE_OCI_BLOB_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"

struct error;

/*
 * How bytes get into the store; for the files of this room only. A blob is written to a file of this
 * process's own folder below tmp/, hashed on the way, synced and renamed into blobs/sha256/: under a
 * blob's name there is never anything but the whole blob. The folder is held by a flock, so what a
 * killed process left is found and removed by the next one that writes.
 */
struct layout {
	char *dir;
	char *blobs;          /* dir/blobs/sha256 */
	pthread_mutex_t lock; /* for the three below */
	char *session;        /* our folder below tmp/; NULL until something is written */
	int session_fd;       /* holds its lock */
	struct error *unseen; /* layout_seen */
	atomic_bool damaged;  /* oci-layout or index.json */
	atomic_uint serial;   /* for the names in it */
};

/* Remembers for layout_seen what could not be looked at, or read; frees what only says that it is not there, or not right. */
void layout_note(struct layout *layout, struct error *error);
/* A fresh path in our folder below tmp/ (malloc'd; nothing is created there). */
int blob_temp_path(struct layout *layout, char **ret, struct error **err);
/* Removes the folders below `tmp` of processes that were killed (`dry`: only counts them); returns their bytes. */
uint64_t blob_session_sweep(const char *tmp, bool dry);
/* Removes our folder below tmp/. */
void blob_session_end(struct layout *layout);

struct blob_writer;
int blob_writer_new(struct layout *layout, struct blob_writer **ret, struct error **err);
void blob_writer_free(struct blob_writer *writer); /* NULL-safe; what was not published is removed */
int blob_writer_add(struct blob_writer *writer, const void *data, size_t len, struct error **err);
/* Puts what was written into blobs/. Another digest than `expected` (NULL: any) is an error, and `from`
 * is where the bytes came from. Durable after blob_sync. */
int blob_writer_publish(struct blob_writer *writer, const char *expected, const char *from,
			char ret_digest[DIGEST_LEN + 1], struct error **err);

/* Takes the file `path` into the store, by rename when that is possible and the file has no other name, else
 * by copying. Hashed first, unless the store has that blob already. Durable after blob_sync. */
int blob_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err);
/* Syncs the folder of the blobs. */
int blob_sync(struct layout *layout, struct error **err);

void blob_writer_cleanup(struct blob_writer **writer);
#define cleanup_blob_writer __attribute__((cleanup(blob_writer_cleanup)))

#endif
