#ifndef ENGINE_OCI_PACK_H
#define ENGINE_OCI_PACK_H

#include <stddef.h>

struct error;

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
