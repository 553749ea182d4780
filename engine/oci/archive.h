#ifndef ENGINE_OCI_ARCHIVE_H
#define ENGINE_OCI_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

/* libarchive: uncompressed tars, and compressed streams. */

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

/* Compressed streams (libarchive, loaded on first use: ERROR_TOOL when that fails). Equal bytes in give equal bytes out, as
 * long as the library is the same. Errors are ERROR_STATE. */

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

/* ERROR_TOOL when the library that is here cannot write it. */
int pack_possible(enum packing packing, struct error **err);

/* Takes bytes of a stream that is written. */
typedef int pack_sink(void *data, const void *bytes, size_t len, struct error **err);

/* One gzip member or zstd frame, never PACKING_NONE. The sink has all of it after packer_end. */
struct packer;
int packer_new(enum packing packing, pack_sink *sink, void *data, struct packer **ret, struct error **err);
void packer_free(struct packer *packer); /* NULL-safe; without packer_end the stream is not whole */
int packer_add(struct packer *packer, const void *data, size_t len, struct error **err);
int packer_end(struct packer *packer, struct error **err);

/* Members or frames one behind the other are read as one. `name` is shown in errors; the descriptor stays the caller's. */
struct unpacker;
int unpacker_new(int fd, const char *name, enum packing packing, struct unpacker **ret, struct error **err);
/* Of bytes in memory, which stay the caller's. */
int unpacker_new_memory(const void *data, size_t len, const char *name, enum packing packing, struct unpacker **ret,
			struct error **err);
void unpacker_free(struct unpacker *unpacker); /* NULL-safe */
/* 1 and the next bytes (they live until the next call), or 0 at the end. */
int unpacker_read(struct unpacker *unpacker, const void **ret, size_t *ret_len, struct error **err);

void packer_cleanup(struct packer **packer);
#define cleanup_packer __attribute__((cleanup(packer_cleanup)))
void unpacker_cleanup(struct unpacker **unpacker);
#define cleanup_unpacker __attribute__((cleanup(unpacker_cleanup)))

#endif
