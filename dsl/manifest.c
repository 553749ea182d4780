#include "config.h"

#include <string.h>

#include <stddef.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/loaded.h"

const char *const watch_action_names[] = { "sync", "sync+restart", "sync+exec", "restart", "rebuild" };
TABLE_COMPLETE(watch_action_names, WATCH_ACTIONS);

/* The manifest is the first member of the struct that the loader allocated. */
static struct loaded *loaded_of(const struct manifest *manifest)
{
	return (struct loaded *)((char *)manifest - offsetof(struct loaded, manifest));
}

void manifest_free(struct manifest *manifest)
{
	struct loaded *loaded;

	if (!manifest)
		return;
	loaded = loaded_of(manifest);
	map_free(loaded->services);
	map_free(loaded->groups);
	arena_free(loaded->arena); /* `loaded` is in it */
}

const char *manifest_maker(const struct manifest *manifest, const struct service *service)
{
	return manifest->services[service->maker].name.s;
}

long manifest_service(const struct manifest *manifest, const char *name)
{
	const struct service *service = map_get(loaded_of(manifest)->services, name);

	return service ? service - manifest->services : -1;
}

const struct group *manifest_group(const struct manifest *manifest, const char *name)
{
	return map_get(loaded_of(manifest)->groups, name);
}

uint16_t service_port(const struct service *service)
{
	for (size_t i = 0; i < service->ports_len; i++)
		if (!service->ports[i].udp)
			return service->ports[i].inner;
	return 0;
}

bool verify_asks(const struct verify_spec *verify)
{
	return verify->has_http || verify->has_tcp || verify->has_grpc || verify->has_exec;
}

bool service_unchecked(const struct service *service)
{
	const struct healthcheck *check = &service->healthcheck;

	return !verify_asks(&service->verify) &&
	       (check->disable || (check->test.len > 0 && strcmp(check->test.items[0].s, "NONE") == 0));
}

bool build_wants_rights(const struct build_spec *build)
{
	for (size_t i = 0; i < build->entitlements.len; i++)
		if (strcmp(build->entitlements.items[i].s, "network.host") != 0)
			return true;
	return false;
}

bool service_attests(const struct service *service)
{
	return service->publish && (service->build.provenance || service->build.sbom);
}

bool service_annotates(const struct service *service)
{
	return !service->bare && !service->docker;
}

size_t build_place(const struct build_spec *build, const struct platform *platform)
{
	size_t place = 0;

	while (place < build->declared_len && !platform_equal(&build->declared[place], platform))
		place++;
	return place;
}

bool annotation_is_for(const struct annotation *annotation, const struct platform *platform)
{
	return annotation->manifest && (!annotation->has_platform || platform_equal(&annotation->platform, platform));
}

bool service_makes_files(const struct service *service)
{
	for (size_t i = 0; i < service->build.outputs_len; i++)
		if (service->build.outputs[i].kind == OUTPUT_LOCAL || service->build.outputs[i].kind == OUTPUT_TAR)
			return true;
	return false;
}

bool service_is_made(const struct service *service)
{
	return service->has_build && (service->publish || service->build.outputs_len > 0);
}
