#ifndef ENGINE_OCI_TAR_HEAD_H
#define ENGINE_OCI_TAR_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct error;

/* Parses the header of a tar entry from its bytes (POSIX ustar and pax, GNU's long names and numbers): for code
 * that must know the offset of an entry in the tar. Errors are ERROR_STATE. */

#define TAR_BLOCK 512

struct tar_xattr {
	char *name;
	char *value; /* of `len` bytes */
	size_t len;
};

struct tar_head {
	char type; /* '0' for any regular file */
	struct buf name, link, user, group;
	uint64_t size; /* of the content; 0 for entries without content */
	int64_t mode, uid, gid, mtime, major, minor;
	struct tar_xattr *xattrs;
	size_t xattrs_len, xattrs_cap;
	/* what came before the entry's own block */
	struct buf pax, long_name, long_link;
};

/* Whether a block is all zeros: the end of the tar. */
bool tar_head_is_end(const char block[TAR_BLOCK]);
/* Reads a block. 1: it is the entry itself; 0: the `size` bytes that follow describe the next entry and must be
 * passed to tar_head_extend. */
int tar_head_read(struct tar_head *head, const char block[TAR_BLOCK], struct error **err);
/* Takes the bytes that follow an extension block. */
int tar_head_extend(struct tar_head *head, const char *data, size_t len, struct error **err);
/* Resets it for the next entry. */
void tar_head_reset(struct tar_head *head);
void tar_head_free(struct tar_head *head); /* what it holds, not the struct */
#define cleanup_tar_head __attribute__((cleanup(tar_head_free)))

/* Makes the header block of a file (type '0', mode 0444) or folder ('5', 0755) owned by root, without a time.
 * `name` must be shorter than 100 bytes. */
void tar_head_make(const char *name, char type, uint64_t size, char ret_block[TAR_BLOCK]);
/* The number of zero bytes after content of `size` bytes. */
size_t tar_head_padding(uint64_t size);

#endif
