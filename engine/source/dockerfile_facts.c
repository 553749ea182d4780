#include "config.h"

#include "engine/source/dockerfile_facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "engine/source/dockerfile_stage.h"

#define PORTS_MAX 64 /* reported for one image */

static void dockerfile_facts_add_port(struct dockerfile_facts *facts, const char *word, size_t len)
{
	char *end;
	unsigned long port = strtoul(word, &end, 10);

	if (port == 0 || port > 65535 || facts->ports_len == PORTS_MAX)
		return;
	/* Of a range, the first port is enough. */
	if (end != word + len && *end != '-' && strncasecmp(end, "/tcp", 4) != 0)
		return;
	for (size_t i = 0; i < facts->ports_len; i++) {
		if (facts->ports[i] == port)
			return;
	}
	facts->ports[facts->ports_len++] = (uint16_t)port;
}

static void dockerfile_facts_add_ports(struct dockerfile_facts *facts, const char *rest)
{
	while (*rest) {
		size_t len = strcspn(rest, " \t");

		dockerfile_facts_add_port(facts, rest, len);
		rest += len;
		rest += strspn(rest, " \t");
	}
}

static void add_instruction(struct dockerfile_facts *facts, const struct instruction *in)
{
	if (strcmp(in->name, "EXPOSE") == 0)
		dockerfile_facts_add_ports(facts, in->rest);
	else if (strcmp(in->name, "HEALTHCHECK") == 0)
		facts->health = strncasecmp(in->rest, "NONE", 4) == 0 ? NULL : in->rest;
	else if (strcmp(in->name, "USER") == 0)
		facts->user = strchr(in->rest, '$') ? NULL : in->rest;
	else if (strcmp(in->name, "CMD") == 0 || strcmp(in->name, "ENTRYPOINT") == 0)
		facts->runs = true;
}

/* The number of the stage that `stage` is FROM, or its own when that is an image. */
static size_t base_of(const struct dockerfile *dockerfile, size_t stage)
{
	for (size_t i = stage; i > 0; i--) {
		const char *name = dockerfile->stages[i - 1].name;

		if (name && strcasecmp(name, dockerfile->stages[stage].base->text) == 0)
			return i - 1;
	}
	return stage;
}

static void dockerfile_facts_add_stage(const struct dockerfile *dockerfile, size_t number, struct dockerfile_facts *facts)
{
	const struct stage *stage = &dockerfile->stages[number];
	size_t base = base_of(dockerfile, number);

	if (base != number)
		dockerfile_facts_add_stage(dockerfile, base, facts);
	for (size_t i = 0; i < stage->body_len; i++)
		add_instruction(facts, &stage->body[i]);
}

void dockerfile_facts(const struct dockerfile *dockerfile, struct arena *arena, struct dockerfile_facts *ret)
{
	*ret = (struct dockerfile_facts){ .ports = arena_array(arena, PORTS_MAX, sizeof(*ret->ports)) };
	if (dockerfile->stages_len > 0)
		dockerfile_facts_add_stage(dockerfile, dockerfile->stages_len - 1, ret);
}
