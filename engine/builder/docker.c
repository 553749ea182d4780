#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/args.h"
#include "engine/builder/bake.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/docker.h"
#include "engine/builder/failure.h"
#include "engine/builder/ops.h"
#include "engine/builder/proof.h"
#include "engine/builder/result_import.h"
#include "engine/builder/rewrite.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"

struct docker {
	struct buildkit kit;
	char *store;    /* the layout's folder, absolute */
	char *instance; /* a builder of buildx's, */
	char *host;     /* or a daemon; both NULL: the one that is in use */
	struct docker_facts facts;
};

/* What is said by default differs on every run. */
static void add_attestations(const struct build_job *job, struct argv *argv)
{
	argv_addf(argv, "--provenance=%s%s", job->provenance ? "mode=" : "", job->provenance ? job->provenance : "false");
	if (job->sbom_generator)
		argv_addf(argv, "--sbom=generator=%s", job->sbom_generator);
	else
		argv_addf(argv, "--sbom=%s", job->sbom ? "true" : "false");
}

int docker_argv(const struct docker_command *command, const struct build_job *job, struct argv *argv, struct argv *env,
		struct error **err)
{
	char platform[PLATFORM_TEXT];

	platform_text(&job->platform, platform);
	for (size_t i = 0; i < command->buildx->len; i++)
		argv_add(argv, command->buildx->items[i]);
	argv_add(argv, "build");
	if (command->instance)
		argv_addf(argv, "--builder=%s", command->instance);
	argv_addf(argv, "--platform=%s", platform);
	buildkit_add_output(job, command->tar, argv);
	add_attestations(job, argv);
	argv_add(argv, "--progress=plain");
	if (job->no_cache)
		argv_add(argv, "--no-cache");
	if (job->pull)
		argv_add(argv, "--pull");
	for (size_t i = 0; job->cache_from && job->cache_from[i]; i++)
		argv_addf(argv, "--cache-from=%s", job->cache_from[i]);
	for (size_t i = 0; job->cache_to && job->cache_to[i]; i++)
		argv_addf(argv, "--cache-to=%s", job->cache_to[i]);
	args_common(job, argv, env);
	if (buildkit_add_images(command->store, job, command->aliases, argv, err) < 0)
		return -1;
	argv_addf(argv, "--file=%s", command->files->dockerfile);
	argv_add(argv, command->context);
	return 0;
}

static struct docker_where where_of(const struct docker *self)
{
	return (struct docker_where){ self->instance, self->host };
}

static void docker_environment(const struct docker *self, const struct build_job *job, struct argv *env)
{
	const struct docker_where where = where_of(self);

	args_environment(job, NULL, env);
	docker_where_env(&where, env);
}

static int run(struct docker *self, const struct build_job *job, const struct docker_command *command, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct proc_spec spec = { .output = job->output };

	docker_environment(self, job, &env);
	if (docker_argv(command, job, &argv, &env, err) < 0)
		return -1;
	spec.argv = (const char *const *)argv.items;
	spec.env = (const char *const *)env.items;
	if (proc_run(self->kit.loop, &spec, &result, err) < 0)
		return -1;
	if (result.status != 0)
		return failure_make("docker buildx", result.status, result.tail, job, &self->facts.platforms[0], err);
	return 0;
}

static int import(struct docker *self, const struct build_job *job, const char *tar, struct build_result *result,
		  struct error **err)
{
	cleanup_fd int fd = open(tar, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", tar);
	if (buildkit_import(&self->kit, job, fd, tar, result, err) < 0)
		return -1;
	return unlink(tar) < 0 ? error_errno(err, ERROR_STATE, errno, "%s", tar) : 0;
}

static int build_one(struct docker *self, const struct build_job *job, struct build_result *result, struct error **err)
{
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	cleanup_free char *tar = path_join(job->staging, "image.tar");
	cleanup_free char *context = buildkit_context(job, err);
	cleanup_argv struct argv aliases = { 0 };
	struct docker_command command = {
		.context = context,
		.buildx = self->facts.command,
		.instance = self->instance,
		.store = self->store,
		.files = &files,
		.tar = tar,
	};

	for (size_t i = 0; i < job->images_len; i++) {
		cleanup_free char *alias = buildkit_alias(job->images[i].name, i);

		argv_add(&aliases, alias);
	}
	command.aliases = (const char *const *)aliases.items;
	if (!context || rewrite_files(job, command.aliases, NULL, &files, err) < 0 || run(self, job, &command, err) < 0)
		return -1;
	return import(self, job, tar, result, err);
}

/* One client for all of them. */
static int bake_command(void *data, const struct buildkit_target *targets, size_t len, struct argv *argv,
			struct argv *env, struct error **err)
{
	const struct docker *self = data;
	cleanup_free char *file = path_join(targets[0].job->staging, "bake.json");
	cleanup_buf struct buf text = { 0 };

	docker_environment(self, targets[0].job, env);
	if (bake_text(self->store, targets, len, &text, env, err) < 0 ||
	    fs_replace(file, text.data, text.len, 0600, err) < 0)
		return -1;
	for (size_t i = 0; i < self->facts.command->len; i++)
		argv_add(argv, self->facts.command->items[i]);
	bake_argv(self->instance, file, targets, len, argv);
	return 0;
}

static void docker_build(void *data, const struct build_job *jobs, size_t len, build_done *done, void *done_data)
{
	struct docker *self = data;

	if (self->facts.bakes) {
		buildkit_batch(&self->kit, jobs, len, done, done_data);
		return;
	}
	for (size_t i = 0; i < len; i++) {
		struct build_result result = { 0 };

		build_one(self, &jobs[i], &result, &result.error);
		done(done_data, i, &result);
	}
}

static void docker_free(void *data)
{
	struct docker *self = data;

	free(self->store);
	free(self->instance);
	free(self->host);
	docker_facts_free(&self->facts);
	free(self);
}

static int docker_answers(void *data, struct error **err)
{
	const struct docker *self = data;
	const struct docker_where where = where_of(self);

	return docker_facts_ask(self->kit.loop, &where, &self->facts, err);
}

static int look_over(void *data, const struct build_job *job, builder_found *found, void *found_data, struct error **err)
{
	const struct docker *self = data;
	const struct docker_where where = where_of(self);

	return docker_check(self->kit.loop, &self->facts, &where, job, found, found_data, err);
}

/* What is written as an address is where a daemon is. */
static void take_instance(struct docker *self, const char *instance)
{
	if (instance && strstr(instance, "://"))
		self->host = mem_strdup(instance);
	else if (instance)
		self->instance = mem_strdup(instance);
}

/* Not a BuildKit of its own: "driver docker", and not "driver docker-container". */
static bool is_engine(const char *detail)
{
	static const char engine[] = "driver docker";

	return strncmp(detail, engine, strlen(engine)) == 0 && detail[strlen(engine)] != '-';
}

static int docker_open(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	struct docker *self = mem_alloc(sizeof(*self));
	struct docker_where where;

	take_instance(self, given->instance);
	where = where_of(self);
	if (given->layout)
		self->store = path_absolute(layout_dir(given->layout), err);
	if ((given->layout && !self->store) ||
	    docker_facts_find(given->loop, given->state, &where, &self->facts, err) < 0) {
		docker_free(self);
		return -1;
	}
	self->kit = (struct buildkit){
		.tool = "docker buildx",
		.loop = given->loop,
		.layout = given->layout,
		.native = &self->facts.platforms[0],
		.command = bake_command,
		.self = self,
	};
	info->version = self->facts.version;
	info->detail = self->facts.detail;
	info->place = NULL;
	info->keeps_contexts = true;
	info->own_images = is_engine(self->facts.detail);
	info->batch = self->facts.bakes ? DOCKER_BATCH : 1;
	info->platforms = self->facts.platforms;
	info->platforms_len = self->facts.platforms_len;
	info->native_len = self->facts.native_len;
	info->abilities = self->facts.abilities | (self->facts.checks ? ABILITY_CHECK : 0);
	*ret = self;
	return 0;
}

const struct builder_ops builder_docker = {
	.name = "docker",
	.instances = true,
	.open = docker_open,
	.free = docker_free,
	.answers = docker_answers,
	.check = look_over,
	.build = docker_build,
};
