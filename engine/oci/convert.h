#ifndef ENGINE_OCI_CONVERT_H
#define ENGINE_OCI_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;

/*
 * Converts an image of the store to another format: the same files in layers that are compressed differently. Each
 * layer is read from the store, checked against its diff id in the config, and packed again; nothing is built. A layer
 * that already has the format is kept.
 */

enum convert_form {
	CONVERT_ZSTD,    /* the config, and so the image id, stays the same */
	CONVERT_ESTARGZ, /* estargz.h: the layers' diff ids change, and with them the config */
	CONVERT_NYDUS,   /* nydus.h: likewise, with one additional layer */
	CONVERT_FORMS
};

/* ERROR_TOOL when this machine's libraries do not support it. */
int convert_possible(enum convert_form form, struct error **err);

/* Remembers which layers were packed and the result, so that the layers of a base are packed once. Thread-safe. */
struct convert_memory;
struct convert_memory *convert_memory_new(void);
void convert_memory_free(struct convert_memory *memory); /* NULL-safe */
/* Adds the `detail` of an earlier conversion; invalid text is ignored. */
void convert_memory_learn(struct convert_memory *memory, const char *detail);

struct convert {
	struct layout *layout;
	struct convert_memory *memory; /* or NULL */
	const char *digest;            /* of the manifest */
	enum convert_form form;
	bool (*cancelled)(void *data); /* polled; true ends the conversion with ERROR_CANCELLED. May be NULL */
	void (*progress)(void *data, uint64_t bytes, uint64_t total); /* of the layers read, compressed. May be NULL */
	void *data;
};

struct converted {
	char digest[DIGEST_LEN + 1]; /* of the new image's manifest */
	uint64_t size;               /* bytes of config and layers */
	char *detail;                /* JSON for convert_memory_learn; malloc'd */
};

/* ERROR_STATE, ERROR_TOOL. */
int convert_image(const struct convert *convert, struct converted *ret, struct error **err);

#endif
