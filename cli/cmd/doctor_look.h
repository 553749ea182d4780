#ifndef CLI_CMD_DOCTOR_LOOK_H
#define CLI_CMD_DOCTOR_LOOK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/platform.h"

struct error;
struct loop;

/* The builders and runtimes of this machine, probed anew; remembered facts are ignored. */

#define DOCTOR_PLATFORMS 16

/* A builder or a runtime. */
struct doctor_tool {
	const char *name;
	bool found;
	bool chosen;                                 /* what a run would take here, when it is not told otherwise */
	char *version;                               /* when found, as what follows */
	char *detail;                                /* how it works here, or NULL */
	unsigned abilities;                          /* of a builder: enum builder_ability */
	struct platform platforms[DOCTOR_PLATFORMS]; /* native ones first; none of a runtime */
	size_t platforms_len, native_len;
	char *trouble, *remedy; /* when not found */
};

/* Something that works and could be better. */
struct doctor_advice {
	char *what, *remedy;
};

struct doctor {
	struct platform platforms[DOCTOR_PLATFORMS]; /* the machine's own, then those that it emulates */
	size_t platforms_len;
	bool zstd, estargz, nydus; /* the formats that this machine's libraries can make, with any builder */
	struct doctor_tool *builders, *runtimes;
	size_t builders_len, runtimes_len;
	struct doctor_advice *advice;
	size_t advice_len, advice_cap;
};

/* `wanted`: platforms that are to be built for, NULL-terminated, or NULL: linux/amd64 and linux/arm64. `builder`: the one
 * that is asked for, or NULL. Negative only when it was interrupted, or `wanted` is not understood (ERROR_USAGE). */
int doctor_look(struct loop *loop, const char *const *wanted, const char *builder, struct doctor *ret,
		struct error **err);
void doctor_free(struct doctor *doctor); /* the contents */

#endif
