#ifndef ENGINE_OCI_TAR_H
#define ENGINE_OCI_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* Uncompressed tars (libarchive, loaded on first use: ERROR_TOOL when that fails). `name` is shown in errors;
 * the descriptor stays the caller's. */

struct tar_entry {
	const char *name; /* without a leading "./"; lives until the next entry */
	uint64_t size;
	bool regular;
};

struct tar_reader;
int tar_reader_new(int fd, const char *name, struct tar_reader **ret, struct error **err);
void tar_reader_free(struct tar_reader *reader); /* NULL-safe */
/* 1 and the next entry, or 0 at the end. Entries whose name is no text are left out. */
int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error **err);
/* 1 and the next bytes of the entry (they live until the next call), or 0 at its end. A sparse entry is an
 * error: a few bytes of it can be any number. */
int tar_reader_data(struct tar_reader *reader, const void **ret, size_t *ret_len, struct error **err);

/* Equal calls write equal bytes: no times, no owners. */
struct tar_writer;
int tar_writer_new(int fd, const char *name, struct tar_writer **ret, struct error **err);
void tar_writer_free(struct tar_writer *writer); /* NULL-safe; without tar_writer_end the tar is not whole */
int tar_writer_folder(struct tar_writer *writer, const char *name, struct error **err);
int tar_writer_text(struct tar_writer *writer, const char *name, const void *data, size_t len, struct error **err);
/* The file at `path`, which must have `size` bytes. */
int tar_writer_file(struct tar_writer *writer, const char *name, const char *path, uint64_t size, struct error **err);
int tar_writer_end(struct tar_writer *writer, struct error **err);

void tar_reader_cleanup(struct tar_reader **reader);
#define cleanup_tar_reader __attribute__((cleanup(tar_reader_cleanup)))
void tar_writer_cleanup(struct tar_writer **writer);
#define cleanup_tar_writer __attribute__((cleanup(tar_writer_cleanup)))

#endif
