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
 * How bytes get into the store; for the files of this room only. A blob is written to a file in this process's own
 * folder below tmp/, hashed on the way, synced and renamed into blobs/sha256/: a blob's name only ever refers to the
 * complete blob. The folder is held by a flock, so that the next process that writes finds and removes what a killed
 * one left.
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

/* Remembers for layout_seen that something could not be examined or read; frees errors that only say it is missing
 * or wrong. */
void layout_note(struct layout *layout, struct error *error);
/* A fresh path in our folder below tmp/ (malloc'd; nothing is created there). */
int blob_temp_path(struct layout *layout, char **ret, struct error **err);
/* Removes the folders below `tmp` that killed processes left (`dry`: only counts them); returns their bytes. */
uint64_t blob_session_sweep(const char *tmp, bool dry);
/* Removes our folder below tmp/. */
void blob_session_end(struct layout *layout);

struct blob_writer;
int blob_writer_new(struct layout *layout, struct blob_writer **ret, struct error **err);
void blob_writer_free(struct blob_writer *writer); /* NULL-safe; an unpublished blob is removed */
int blob_writer_add(struct blob_writer *writer, const void *data, size_t len, struct error **err);
/* Moves the written file into blobs/. A digest other than `expected` (NULL: any) is an error that names `from`, the
 * source of the bytes. Durable after blob_sync. */
int blob_writer_publish(struct blob_writer *writer, const char *expected, const char *from,
			char ret_digest[DIGEST_LEN + 1], struct error **err);

/* Adds the file `path` to the store: by rename if possible and it has no other hard link, else by copying. It is
 * hashed first unless the store already has the blob. Durable after blob_sync. */
int blob_adopt(struct layout *layout, const char *path, const char *digest, uint64_t size, struct error **err);
/* Syncs the folder of the blobs. */
int blob_sync(struct layout *layout, struct error **err);

void blob_writer_cleanup(struct blob_writer **writer);
#define cleanup_blob_writer __attribute__((cleanup(blob_writer_cleanup)))

#endif
