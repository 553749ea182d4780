#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stage/findings.h"
#include "engine/stage/stage.h"

static const char **fill_words(struct stage *stage, const struct texts *texts)
{
	const char **words;

	if (texts->len == 0)
		return NULL;
	words = arena_array(stage->arena, texts->len + 1, sizeof(*words));
	for (size_t i = 0; i < texts->len; i++)
		words[i] = texts->items[i].s;
	return words;
}

static void fill_environment(struct stage *stage, const struct service *service, struct container_spec *spec)
{
	const struct pairs *pairs = &service->environment, *from_files = &service->file_environment;
	struct runtime_pair *environment = arena_array(stage->arena, pairs->len + from_files->len, sizeof(*environment));

	for (size_t i = 0; i < pairs->len; i++) {
		environment[i].key = pairs->items[i].key.s;
		environment[i].value = pairs->items[i].value.s;
	}
	for (size_t i = 0; i < from_files->len; i++)
		environment[pairs->len + i] =
			(struct runtime_pair){ from_files->items[i].key.s, from_files->items[i].value.s };
	spec->environment = environment;
	spec->environment_len = pairs->len + from_files->len;
}

static void fill_hosts(struct stage *stage, struct container_spec *spec)
{
	struct runtime_pair *hosts = arena_array(stage->arena, stage->len + 1, sizeof(*hosts));

	for (size_t i = 0; i < stage->len; i++) {
		if (stage->actors[i].ip)
			hosts[spec->hosts_len++] = (struct runtime_pair){ stage->actors[i].name, stage->actors[i].ip };
	}
	spec->hosts = hosts;
}

/* The ports that are probed. */
static void fill_ports(struct stage *stage, const struct actor *actor, struct container_spec *spec)
{
	uint16_t *ports = arena_array(stage->arena, 2, sizeof(*ports));
	const struct verify_spec *verify = &actor->part->service->verify;
	uint16_t http = verify->has_http ? health_port(actor, verify->http.port) : 0;
	uint16_t tcp = verify->has_tcp ? health_port(actor, verify->tcp.port) : 0;

	if (http)
		ports[spec->ports_len++] = http;
	if (tcp && tcp != http)
		ports[spec->ports_len++] = tcp;
	spec->ports = ports;
}

int stage_spec(struct stage *stage, const struct stage_part *part, struct actor **ret, struct container_spec *ret_spec,
	       struct error **err)
{
	const struct service *service = part->service;
	struct container_spec spec = { .name = service->name.s, .network = stage->network };
	struct actor *actor = &stage->actors[stage->len];

	*actor = (struct actor){ .part = part, .name = service->name.s };
	if (part_image(stage, actor, &spec.image, err) < 0)
		return -1;
	fill_environment(stage, service, &spec);
	fill_hosts(stage, &spec);
	fill_ports(stage, actor, &spec);
	spec.entrypoint = fill_words(stage, &service->entrypoint);
	spec.command = fill_words(stage, &service->command);
	spec.tmpfs = fill_words(stage, &service->tmpfs);
	spec.user = service->user.s;
	spec.working_dir = service->working_dir.s;
	*ret = actor;
	*ret_spec = spec;
	return 0;
}

void stage_join(struct stage *stage, struct actor *actor, struct container *container)
{
	actor->container = container;
	actor->ip = container_ip(container);
	stage->len++;
}

int stage_run(struct stage *stage, struct actor *actor, const struct container_spec *spec, struct error **err)
{
	struct container *container;

	if (container_start(stage->runtime, spec, stage->output, &container, err) < 0)
		return -1;
	stage_join(stage, actor, container);
	return 0;
}

int stage_start(struct stage *stage, const struct stage_part *part, struct actor **ret, struct error **err)
{
	struct container_spec spec;

	if (stage_spec(stage, part, ret, &spec, err) < 0)
		return -1;
	return stage_run(stage, *ret, &spec, err);
}

bool stage_wait(struct stage *stage, const struct actor *actor, int condition, const char *what)
{
	const struct verify_spec *verify = &actor->part->service->verify;

	if (condition == DEPENDS_COMPLETED)
		return health_completed(stage, actor, what);
	if (condition != DEPENDS_HEALTHY)
		return true;
	if (verify->has_http || verify->has_tcp)
		return health_check(stage, actor, what);
	return !actor->test || health_own(stage, actor, what);
}

void stage_open(struct stage *stage, size_t parts)
{
	stage->arena = arena_new();
	stage->actors = arena_array(stage->arena, parts, sizeof(*stage->actors));
}

/* The last one first: it may talk to the others until it ends. */
void stage_clear(struct stage *stage)
{
	struct error *error = NULL;

	while (stage->len > 0)
		container_remove(stage->actors[--stage->len].container, &error);
	if (stage->network)
		runtime_network_remove(stage->runtime, stage->network, &error);
	free(stage->network);
	if (error)
		findings_error(stage->findings, "cannot clean up", &error);
	arena_free(stage->arena);
}
