#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"

static const char **fill_words(struct actor *actor, const struct texts *texts)
{
	const char **words;

	if (texts->len == 0)
		return NULL;
	words = arena_array(actor->arena, texts->len + 1, sizeof(*words));
	for (size_t i = 0; i < texts->len; i++)
		words[i] = texts->items[i].s;
	return words;
}

static void fill_environment(struct actor *actor, struct container_spec *spec)
{
	const struct service *service = actor->part->service;
	const struct pairs *pairs = &service->environment, *from_files = &service->file_environment;
	struct runtime_pair *environment = arena_array(actor->arena, pairs->len + from_files->len, sizeof(*environment));

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

/* The addresses of those that were started before, where the network does not resolve names. */
static void fill_hosts(struct stack *stack, struct actor *actor, struct container_spec *spec)
{
	struct runtime_pair *hosts;
	size_t len = 0;

	if (runtime_resolves(stack->runtime))
		return;
	for (size_t i = 0; i < stack->len; i++)
		len += 1 + stack->actors[i].part->service->aliases.len;
	hosts = arena_array(actor->arena, len + 1, sizeof(*hosts));
	for (size_t i = 0; i < stack->len; i++) {
		const struct actor *other = &stack->actors[i];
		const struct texts *aliases = &other->part->service->aliases;

		if (!other->ip)
			continue;
		hosts[spec->hosts_len++] = (struct runtime_pair){ other->name, other->ip };
		for (size_t j = 0; j < aliases->len; j++)
			hosts[spec->hosts_len++] = (struct runtime_pair){ aliases->items[j].s, other->ip };
	}
	spec->hosts = hosts;
}

static const char *const *fill_files(struct actor *actor)
{
	const struct service *service = actor->part->service;
	const char **volumes = arena_array(actor->arena, service->files_len + 1, sizeof(*volumes));

	for (size_t i = 0; i < service->files_len; i++)
		volumes[i] = arena_printf(actor->arena, "%s:%s:%s", service->files[i].source.s,
					  service->files[i].target, service->files[i].options);
	return volumes;
}

struct stack_settings {
	struct arena *arena;
	bool lasting;
	struct runtime_pair *items;
	size_t len, cap;
};

static void take_setting_pair(void *data, const char *key, const char *value)
{
	struct stack_settings *settings = data;
	struct arena *arena = settings->arena;

	if (!settings->lasting && strcmp(key, "restart") == 0)
		return;
	mem_reserve(&settings->items, &settings->cap, settings->len + 1, sizeof(*settings->items));
	settings->items[settings->len++] = (struct runtime_pair){ arena_strdup(arena, key), arena_strdup(arena, value) };
}

static void fill_settings(struct stack *stack, struct actor *actor, struct container_spec *spec)
{
	struct stack_settings settings = { .arena = actor->arena, .lasting = stack->lasting };
	struct runtime_pair *items;

	service_settings(actor->part->service, take_setting_pair, &settings);
	items = arena_array(actor->arena, settings.len + 1, sizeof(*items));
	if (settings.len > 0)
		memcpy(items, settings.items, settings.len * sizeof(*items));
	free(settings.items);
	spec->settings = items;
	spec->settings_len = settings.len;
}

/* The ports that are probed. */
static void fill_ports(struct actor *actor, struct container_spec *spec)
{
	const struct verify_spec *verify = &actor->part->service->verify;
	const uint16_t wanted[] = {
		verify->has_http ? health_port(actor, verify->http.port) : 0,
		verify->has_tcp ? health_port(actor, verify->tcp.port) : 0,
		verify->has_grpc ? health_port(actor, verify->grpc.port) : 0,
	};
	const size_t len = sizeof(wanted) / sizeof(wanted[0]);
	uint16_t *ports = arena_array(actor->arena, len, sizeof(*ports));

	for (size_t i = 0; i < len; i++) {
		size_t at = 0;

		while (at < spec->ports_len && ports[at] != wanted[i])
			at++;
		if (wanted[i] && at == spec->ports_len)
			ports[spec->ports_len++] = wanted[i];
	}
	spec->ports = ports;
}

int stack_spec(struct stack *stack, struct actor *actor, struct container_spec *ret_spec, struct error **err)
{
	const struct service *service = actor->part->service;
	struct container_spec spec = { .name = service->name.s, .network = stack->network };

	if (part_image(stack, actor, &spec.image, err) < 0)
		return -1;
	fill_environment(actor, &spec);
	fill_hosts(stack, actor, &spec);
	fill_ports(actor, &spec);
	spec.entrypoint = fill_words(actor, &service->entrypoint);
	spec.command = fill_words(actor, &service->command);
	spec.tmpfs = fill_words(actor, &service->tmpfs);
	spec.volumes = fill_files(actor);
	spec.aliases = fill_words(actor, &service->aliases);
	fill_settings(stack, actor, &spec);
	spec.user = service->user.s;
	spec.working_dir = service->working_dir.s;
	spec.stop_signal = service->stop_signal.s;
	spec.grace_s = (unsigned)((service->stop_grace_ms + 999) / 1000);
	*ret_spec = spec;
	return 0;
}

void stack_join(struct actor *actor, struct container *container)
{
	actor->container = container;
	actor->ip = container_ip(container);
}

int stack_run(struct stack *stack, struct actor *actor, const struct container_spec *spec, struct error **err)
{
	struct container *container;

	if (container_start(stack->runtime, spec, stack->output, &container, err) < 0)
		return -1;
	stack_join(actor, container);
	return 0;
}

int stack_start(struct stack *stack, struct actor *actor, struct error **err)
{
	struct container_spec spec;

	return stack_spec(stack, actor, &spec, err) < 0 ? -1 : stack_run(stack, actor, &spec, err);
}

/* Somebody waits for the health of a service without a check. */
static bool stack_complain_unchecked(struct stack *stack, const struct actor *actor)
{
	const struct manifest *manifest = stack->manifest;

	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		for (size_t j = 0; j < service->depends_len; j++) {
			const struct depends *depends = &service->depends[j];

			if (depends->condition == DEPENDS_HEALTHY &&
			    &manifest->services[depends->service] == actor->part->service)
				findings_fail(
					stack->findings, ERROR_USAGE,
					"%s: %s waits until %s is healthy, but neither %s nor its image has a health check",
					depends->place, service->name.s, actor->name, actor->name);
		}
	}
	return false;
}

bool stack_wait(struct stack *stack, const struct actor *actor, int condition, const char *what)
{
	if (condition == DEPENDS_COMPLETED)
		return health_completed(stack, actor, what);
	if (condition != DEPENDS_HEALTHY)
		return true;
	if (verify_asks(&actor->part->service->verify))
		return health_check(stack, actor, what);
	if (actor->check.test)
		return own_test_wait(stack, actor, what);
	return actor->part->condition != DEPENDS_HEALTHY || stack_complain_unchecked(stack, actor);
}

void stack_open(struct stack *stack, const struct stack_part *parts, size_t len)
{
	stack->actors = mem_array(len + 1, sizeof(*stack->actors));
	stack->len = len;
	for (size_t i = 0; i < len; i++)
		stack->actors[i] = (struct actor){
			.part = &parts[i],
			.name = parts[i].service->name.s,
			.arena = arena_new(),
		};
}

void stack_close(struct stack *stack)
{
	for (size_t i = 0; i < stack->len; i++)
		arena_free(stack->actors[i].arena);
	free(stack->actors);
	free(stack->network);
}

/* In reverse order: a service may use the others until it ends. */
void stack_clear(struct stack *stack)
{
	cleanup_free struct container **list = mem_array(stack->len + 1, sizeof(*list));
	struct error *error = NULL;
	size_t len = 0;

	for (size_t i = stack->len; i > 0; i--)
		if (stack->actors[i - 1].container)
			list[len++] = stack->actors[i - 1].container;
	containers_end(list, len, NULL, &error);
	if (stack->network)
		runtime_network_remove(stack->runtime, stack->network, &error);
	if (error)
		findings_error(stack->findings, "cannot clean up", &error);
	stack_close(stack);
}
