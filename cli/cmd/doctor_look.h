#ifndef CLI_CMD_DOCTOR_LOOK_H
#define CLI_CMD_DOCTOR_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"

struct error;
struct loop;

/* The builders and runtimes of this machine, probed again; remembered facts are ignored. */

#define DOCTOR_PLATFORMS 16

/* A builder or a runtime. */
struct doctor_tool {
	const char *name;
	bool found;
	bool chosen;                                 /* a run would choose it by default */
	char *version;                               /* if found, like the following */
	char *detail;                                /* how it works here, or NULL */
	unsigned abilities;                          /* of a builder: enum builder_ability */
	struct platform platforms[DOCTOR_PLATFORMS]; /* native ones first; none for a runtime */
	size_t platforms_len, native_len;
	char *trouble, *remedy; /* if not found */
};

/* Something that works but could be better. */
struct doctor_advice {
	char *what, *remedy;
};

struct doctor {
	struct platform platforms[DOCTOR_PLATFORMS]; /* the machine's own, then the emulated ones */
	size_t platforms_len;
	bool zstd, estargz, nydus; /* the formats that this machine's libraries can make, with any builder */
	struct doctor_tool *builders, *runtimes;
	size_t builders_len, runtimes_len;
	struct doctor_advice *advice;
	size_t advice_len, advice_cap;
};

/* `wanted`: platforms to build for, NULL-terminated, or NULL: linux/amd64 and linux/arm64. `builder`: the requested
 * one, or NULL. Negative only when interrupted, or when `wanted` is invalid (ERROR_USAGE). */
int doctor_look(struct loop *loop, const char *const *wanted, const char *builder, struct doctor *ret,
		struct error **err);
void doctor_free(struct doctor *doctor); /* the contents */

#endif
