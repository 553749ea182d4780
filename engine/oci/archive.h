#ifndef ENGINE_OCI_ARCHIVE_H
#define ENGINE_OCI_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct error;

/* libarchive: uncompressed tars, and compressed streams. */

/* Uncompressed tars (libarchive, loaded on first use: ERROR_TOOL when that fails). `name` is used in errors; the
 * caller keeps the descriptor. */

struct tar_entry {
	const char *name; /* without a leading "./"; lives until the next entry */
	uint64_t size;
	bool regular;
	mode_t mode;          /* type and permissions */
	const char *link;     /* of a symbolic link, or NULL */
	const char *hardlink; /* the entry that it is another name of, or NULL */
	struct timespec mtime;
};

struct tar_reader;
int tar_reader_new(int fd, const char *name, struct tar_reader **ret, struct error **err);
/* The same for one that may be compressed: gzip, bzip2, xz. */
int tar_reader_new_packed(int fd, const char *name, struct tar_reader **ret, struct error **err);
void tar_reader_free(struct tar_reader *reader); /* NULL-safe */
/* 1 and the next entry, or 0 at the end. Entries whose name is not text are skipped. */
int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error **err);
/* 1 and the next bytes of the entry (valid until the next call), or 0 at its end. Sparse entries are an error: a
 * few bytes of tar could expand to any size. */
int tar_reader_data(struct tar_reader *reader, const void **ret, size_t *ret_len, struct error **err);

/* A file's attribute. */
struct tar_attribute {
	const char *name;
	const void *value;
	size_t len;
};

/* An entry with all that a tar can say of it. */
struct tar_item {
	const char *name;
	uint32_t mode; /* as st_mode; 0 for a hard link */
	uint32_t uid, gid;
	int64_t mtime;    /* seconds */
	uint64_t size;    /* of a regular file */
	const char *link; /* the text of a symbolic link, or the entry that a hard link is another name of; or NULL */
	uint32_t major, minor; /* of a device */
	const struct tar_attribute *attributes;
	size_t attributes_len;
};

/* Except for tar_writer_item, no times and no owners are written, so that equal calls write equal bytes. */
struct tar_writer;
int tar_writer_new(int fd, const char *name, struct tar_writer **ret, struct error **err);
void tar_writer_free(struct tar_writer *writer); /* NULL-safe; without tar_writer_end the tar is incomplete */
int tar_writer_folder(struct tar_writer *writer, const char *name, struct error **err);
int tar_writer_text(struct tar_writer *writer, const char *name, const void *data, size_t len, struct error **err);
/* The file at `path`, which must have `size` bytes. */
int tar_writer_file(struct tar_writer *writer, const char *name, const char *path, uint64_t size, struct error **err);
/* Begins an entry. A regular file's content follows by tar_writer_bytes. */
int tar_writer_item(struct tar_writer *writer, const struct tar_item *item, struct error **err);
int tar_writer_bytes(struct tar_writer *writer, const void *data, size_t len, struct error **err);
int tar_writer_end(struct tar_writer *writer, struct error **err);

void tar_reader_cleanup(struct tar_reader **reader);
#define cleanup_tar_reader __attribute__((cleanup(tar_reader_cleanup)))
void tar_writer_cleanup(struct tar_writer **writer);
#define cleanup_tar_writer __attribute__((cleanup(tar_writer_cleanup)))

/* Compressed streams (libarchive, loaded on first use: ERROR_TOOL when that fails). Equal input gives equal output
 * as long as the library is the same. Errors are ERROR_STATE. */

enum packing { PACKING_NONE, PACKING_GZIP, PACKING_ZSTD };

/* ERROR_TOOL when the installed library cannot write this form. */
int pack_possible(enum packing packing, struct error **err);

/* Receives bytes of the compressed stream. */
typedef int pack_sink(void *data, const void *bytes, size_t len, struct error **err);

/* Writes one gzip member or zstd frame (never PACKING_NONE). After packer_end the sink has all of it. */
struct packer;
int packer_new(enum packing packing, pack_sink *sink, void *data, struct packer **ret, struct error **err);
void packer_free(struct packer *packer); /* NULL-safe; without packer_end the stream is not whole */
int packer_add(struct packer *packer, const void *data, size_t len, struct error **err);
int packer_end(struct packer *packer, struct error **err);

/* Consecutive members or frames are read as one stream. `name` is used in errors; the caller keeps the descriptor. */
struct unpacker;
int unpacker_new(int fd, const char *name, enum packing packing, struct unpacker **ret, struct error **err);
/* Reads from memory, which the caller keeps. */
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
