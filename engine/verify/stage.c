#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/oci/image.h"
#include "engine/runtime/runtime.h"
#include "engine/verify/checks.h"

static const char **fill_words(struct stage *stage, const struct texts *texts)
{
	struct late_values values = { .job = stage->job };
	const char **words;

	if (texts->len == 0)
		return NULL;
	words = arena_array(stage->arena, texts->len + 1, sizeof(*words));
	for (size_t i = 0; i < texts->len; i++)
		words[i] = values_fill(stage->arena, texts->items[i].s, &values);
	return words;
}

static void fill_environment(struct stage *stage, const struct service *service, struct container_spec *spec)
{
	struct late_values values = { .job = stage->job };
	const struct pairs *pairs = &service->environment, *from_files = &service->file_environment;
	struct runtime_pair *environment = arena_array(stage->arena, pairs->len + from_files->len, sizeof(*environment));

	for (size_t i = 0; i < pairs->len; i++) {
		environment[i].key = pairs->items[i].key.s;
		environment[i].value = values_fill(stage->arena, pairs->items[i].value.s, &values);
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

static void fill_ports(struct stage *stage, const struct service *service, const char *digest, struct container_spec *spec)
{
	uint16_t *ports = arena_array(stage->arena, 2, sizeof(*ports));
	const struct verify_spec *verify = &service->verify;
	uint16_t http = verify->has_http ? health_port(stage, service, digest, verify->http.port) : 0;
	uint16_t tcp = verify->has_tcp ? health_port(stage, service, digest, verify->tcp.port) : 0;

	if (http)
		ports[spec->ports_len++] = http;
	if (tcp && tcp != http)
		ports[spec->ports_len++] = tcp;
	spec->ports = ports;
}

static int start(struct stage *stage, const struct service *service, const struct runtime_image *image,
		 struct actor **ret, struct error **err)
{
	struct container_spec spec = { .image = *image, .name = service->name.s, .network = stage->network };
	struct actor *actor = &stage->actors[stage->len];

	fill_environment(stage, service, &spec);
	fill_hosts(stage, &spec);
	fill_ports(stage, service, image->digest, &spec);
	spec.entrypoint = fill_words(stage, &service->entrypoint);
	spec.command = fill_words(stage, &service->command);
	spec.tmpfs = fill_words(stage, &service->tmpfs);
	spec.user = service->user.s;
	spec.working_dir = service->working_dir.s;
	if (container_start(stage->job->runtime, &spec, stage->job->output, &actor->container, err) < 0)
		return -1;
	actor->name = service->name.s;
	actor->ip = container_ip(actor->container);
	stage->len++;
	*ret = actor;
	return 0;
}

static bool has_healthcheck(struct stage *stage, const char *digest)
{
	struct image *image = NULL;
	bool has;

	if (!digest || image_read(stage->job->layout, digest, &image, NULL) < 0)
		return false;
	has = image->healthcheck && !strstr(image->healthcheck, "\"NONE\"");
	image_free(image);
	return has;
}

/* The service's own check comes before the image's. */
static bool is_checked(struct stage *stage, const struct verify_dependency *dependency)
{
	const struct healthcheck *check = &dependency->service->healthcheck;

	if (check->disable || (check->test.len && strcmp(check->test.items[0].s, "NONE") == 0))
		return false;
	return check->test.len || has_healthcheck(stage, dependency->digest);
}

/* Starts a dependency and waits for its condition. False: it failed, and that is reported. */
static bool start_dependency(struct stage *stage, const struct verify_dependency *dependency)
{
	const struct service *service = dependency->service;
	const struct runtime_image image = { dependency->identity, dependency->digest };
	const char *what = arena_printf(stage->arena, "depends_on %s", service->name.s);
	struct actor *actor = NULL;
	struct error *error = NULL;

	if (!dependency->identity) {
		findings_fail(stage->findings, ERROR_HEALTH, "%s: there is no image of it for this machine", what);
		return false;
	}
	if (start(stage, service, &image, &actor, &error) < 0) {
		findings_error(stage->findings, what, &error);
		return false;
	}
	if (dependency->condition == DEPENDS_COMPLETED)
		return health_completed(stage, actor, what);
	if (dependency->condition != DEPENDS_HEALTHY)
		return true;
	if (service->verify.has_http || service->verify.has_tcp)
		return health_check(stage, actor, service, dependency->digest, what);
	return !is_checked(stage, dependency) || health_own(stage, actor, &service->healthcheck, what);
}

static bool start_dependencies(struct stage *stage)
{
	const struct verify_job *job = stage->job;
	struct error *error = NULL;

	if (job->dependencies_len == 0)
		return true;
	if (runtime_network(job->runtime, &stage->network, job->output, &error) < 0) {
		findings_error(stage->findings, NULL, &error);
		return false;
	}
	for (size_t i = 0; i < job->dependencies_len; i++) {
		if (!start_dependency(stage, &job->dependencies[i]))
			return false;
	}
	return true;
}

static void play(struct stage *stage)
{
	const struct verify_job *job = stage->job;
	const struct verify_member *member = &job->members[job->host];
	const struct runtime_image image = { member->identity, member->digest };
	struct error *error = NULL;
	struct actor *actor = NULL;

	if (!start_dependencies(stage))
		return;
	if (start(stage, job->service, &image, &actor, &error) < 0)
		findings_error(stage->findings, NULL, &error);
	else
		health_check(stage, actor, job->service, member->digest, "");
}

/* The last one first: it may talk to the others until it ends. */
static void clear(struct stage *stage)
{
	struct error *error = NULL;

	while (stage->len > 0)
		container_remove(stage->actors[--stage->len].container, &error);
	if (stage->network)
		runtime_network_remove(stage->job->runtime, stage->network, &error);
	free(stage->network);
	if (error)
		findings_error(stage->findings, "cannot clean up", &error);
}

void stage_check(const struct verify_job *job, struct findings *findings)
{
	struct stage stage = { .job = job, .findings = findings };

	stage.arena = arena_new();
	stage.actors = arena_array(stage.arena, job->dependencies_len + 1, sizeof(*stage.actors));
	play(&stage);
	clear(&stage);
	arena_free(stage.arena);
}
