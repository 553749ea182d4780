#ifndef ENGINE_SOURCE_DOCKERFILE_FACTS_H
#define ENGINE_SOURCE_DOCKERFILE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dockerfile;

/* What a Dockerfile says about the container of its last stage. Values with variables are skipped. */
struct dockerfile_facts {
	uint16_t *ports; /* of EXPOSE, TCP only, in the order written */
	size_t ports_len;
	const char *health; /* of HEALTHCHECK, as written after its flags; NULL: none, or NONE */
	const char *user;   /* of USER, or NULL */
	bool runs;          /* it has CMD or ENTRYPOINT */
};

/* Everything in `ret` lives in the arena or the Dockerfile. */
void dockerfile_facts(const struct dockerfile *dockerfile, struct arena *arena, struct dockerfile_facts *ret);

#endif
