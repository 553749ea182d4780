#ifndef ENGINE_SOURCE_DOCKERFILE_FACTS_H
#define ENGINE_SOURCE_DOCKERFILE_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct dockerfile;

/* What a Dockerfile says of the container that its last stage becomes. Values with variables are left out. */
struct dockerfile_facts {
	uint16_t *ports; /* of EXPOSE, TCP only, in the order written */
	size_t ports_len;
	const char *health; /* of HEALTHCHECK, as written behind its flags; NULL: there is none, or NONE */
	const char *user;   /* of USER, or NULL */
	bool runs;          /* it has CMD or ENTRYPOINT */
};

/* Everything in `ret` lives in the arena or the Dockerfile. */
void dockerfile_facts(const struct dockerfile *dockerfile, struct arena *arena, struct dockerfile_facts *ret);

#endif
