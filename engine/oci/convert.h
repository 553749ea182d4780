#ifndef ENGINE_OCI_CONVERT_H
#define ENGINE_OCI_CONVERT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"

struct error;
struct layout;

/*
 * An image of the store in another form: the same files in layers that are compressed otherwise. Each layer is read from
 * the store, proved to be what the config says (its diff id), and packed anew; nothing is built. A layer that has the form
 * already stays as it is.
 */

enum convert_form {
	CONVERT_ZSTD,    /* the config, and so the image's id, stays the same */
	CONVERT_ESTARGZ, /* estargz.h: the layers have other diff ids, so the config differs in these */
	CONVERT_NYDUS,   /* nydus.h: likewise, and there is one more layer */
	CONVERT_FORMS
};

/* ERROR_TOOL when this machine's libraries cannot do it. */
int convert_possible(enum convert_form form, struct error **err);

/* Which layers were packed before, and what came of it: those of a base are packed once. Thread-safe. */
struct convert_memory;
struct convert_memory *convert_memory_new(void);
void convert_memory_free(struct convert_memory *memory); /* NULL-safe */
/* Takes what an earlier conversion told of itself; a text of another form is none. */
void convert_memory_learn(struct convert_memory *memory, const char *detail);

struct convert {
	struct layout *layout;
	struct convert_memory *memory; /* or NULL */
	const char *digest;            /* of the manifest */
	enum convert_form form;
	bool (*cancelled)(void *data); /* asked again and again; true ends it with ERROR_CANCELLED. May be NULL */
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
