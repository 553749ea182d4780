#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/args.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/emulation.h"
#include "engine/builder/nerdctl.h"
#include "engine/builder/ops.h"
#include "engine/builder/rewrite.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/layout.h"

#define ASK_TIMEOUT_MS 20000 /* for one question */
#define MAJOR_HOSTS 2        /* the first that has --add-host */

struct nerdctl {
	struct buildkit kit;
	struct nerdctl_command command;
	char *program, *namespace, *store, *version, *detail;
	struct platform platforms[EMULATION_MAX];
};

/* What its command line has no word for. */
static int check(const struct nerdctl_command *command, const struct build_job *job, struct error **err)
{
	const char *missing = NULL;

	if (job->shm_size)
		missing = "shm_size";
	if (job->hosts && job->hosts[0] && command->major < MAJOR_HOSTS)
		missing = "extra_hosts";
	if (!missing)
		return 0;
	error_make(err, ERROR_TOOL, "%s: nerdctl %u cannot be asked for %s", job->id, command->major, missing);
	error_remedy(err, "use BuildKit directly: --builder=buildctl; or another builder");
	return -1;
}

int nerdctl_argv(const struct nerdctl_command *command, const struct buildkit_target *target, struct argv *argv,
		 struct argv *env, struct error **err)
{
	const struct build_job *job = target->job;
	char platform[PLATFORM_TEXT];

	if (check(command, job, err) < 0)
		return -1;
	platform_text(&job->platform, platform);
	argv_add(argv, command->program);
	if (command->namespace)
		argv_addf(argv, "--namespace=%s", command->namespace);
	argv_add(argv, "build");
	argv_addf(argv, "--platform=%s", platform);
	buildkit_add_output(job, target->output, argv);
	argv_add(argv, "--progress=rawjson");
	if (job->no_cache)
		argv_add(argv, "--no-cache");
	if (job->pull)
		argv_add(argv, "--pull=true");
	if (job->network && strcmp(job->network, "host") == 0)
		argv_add(argv, "--allow=network.host");
	for (size_t i = 0; job->cache_from && job->cache_from[i]; i++)
		argv_addf(argv, "--cache-from=%s", job->cache_from[i]);
	for (size_t i = 0; job->cache_to && job->cache_to[i]; i++)
		argv_addf(argv, "--cache-to=%s", job->cache_to[i]);
	args_common(job, argv, env);
	if (job->has_epoch)
		argv_addf(argv, "--build-arg=SOURCE_DATE_EPOCH=%lld", (long long)job->epoch);
	if (buildkit_add_images(command->store, job, target->aliases, argv, err) < 0)
		return -1;
	argv_addf(argv, "--file=%s", target->files->dockerfile);
	argv_add(argv, target->context);
	return 0;
}

static int command(void *data, const struct buildkit_target *targets, size_t len, struct argv *argv, struct argv *env,
		   struct error **err)
{
	const struct nerdctl *self = data;

	(void)len; /* 1: info.batch */
	args_environment(targets[0].job, NULL, env);
	return nerdctl_argv(&self->command, &targets[0], argv, env, err);
}

/* "nerdctl version 1.7.7" */
static int find_version(struct nerdctl *self, struct error **err)
{
	const char *const argv[] = { self->program, "--version", NULL };
	const struct proc_spec spec = { .argv = argv, .capture = true, .timeout_ms = ASK_TIMEOUT_MS };
	cleanup_proc struct proc_result result = { 0 };
	unsigned minor, patch;

	if (proc_check(self->kit.loop, &spec, ERROR_TOOL, &result, err) < 0)
		return -1;
	if (sscanf(result.out->data, "nerdctl version %u.%u.%u", &self->command.major, &minor, &patch) != 3)
		return error_make(err, ERROR_TOOL, "nerdctl --version: not understood: %.80s", result.out->data);
	self->version = mem_printf("%u.%u.%u", self->command.major, minor, patch);
	return 0;
}

/* containerd must answer, and buildctl, which nerdctl builds with, must be there. */
static int find_daemon(const struct nerdctl *self, struct error **err)
{
	cleanup_free char *buildctl = proc_find("buildctl");
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = ASK_TIMEOUT_MS };

	if (!buildctl) {
		error_make(err, ERROR_TOOL, "nerdctl builds with buildctl, which is not installed");
		error_remedy(err, "install BuildKit (github.com/moby/buildkit, releases) and start buildkitd");
		return -1;
	}
	argv_add(&argv, self->program);
	if (self->namespace)
		argv_addf(&argv, "--namespace=%s", self->namespace);
	argv_add(&argv, "info");
	spec.argv = (const char *const *)argv.items;
	if (proc_check(self->kit.loop, &spec, ERROR_TOOL, &result, err) < 0) {
		error_remedy(err, "start containerd (systemctl start containerd); it may need root or "
				  "containerd-rootless-setuptool.sh");
		return -1;
	}
	return 0;
}

static int nerdctl_answers(void *data, struct error **err)
{
	return find_daemon(data, err);
}

static void nerdctl_free(void *data)
{
	struct nerdctl *self = data;

	free(self->program);
	free(self->namespace);
	free(self->store);
	free(self->version);
	free(self->detail);
	free(self);
}

static struct nerdctl *make(const struct builder_given *given, char *program)
{
	const char *namespace = getenv("CONTAINERD_NAMESPACE");
	struct nerdctl *self = mem_alloc(sizeof(*self));

	self->kit = (struct buildkit){
		.tool = "nerdctl",
		.loop = given->loop,
		.layout = given->layout,
		.native = &self->platforms[0],
		.command = command,
		.self = self,
	};
	self->program = program;
	self->namespace = given->instance ? mem_strdup(given->instance) : NULL;
	self->detail = mem_printf("namespace %s", given->instance           ? given->instance
						  : namespace && *namespace ? namespace
									    : "default");
	self->command.program = self->program;
	self->command.namespace = self->namespace;
	return self;
}

static int nerdctl_open(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	char *program = proc_find("nerdctl");
	struct nerdctl *self;

	if (!program) {
		error_make(err, ERROR_TOOL, "nerdctl is not installed");
		error_remedy(err, "install nerdctl with BuildKit (github.com/containerd/nerdctl, its \"full\" "
				  "release)");
		return -1;
	}
	self = make(given, program);
	if (given->layout)
		self->command.store = self->store = path_absolute(layout_dir(given->layout), err);
	if ((given->layout && !self->store) || find_version(self, err) < 0 || find_daemon(self, err) < 0) {
		nerdctl_free(self);
		return -1;
	}
	info->version = self->version;
	info->detail = self->detail;
	info->mixes_contexts = true;
	info->batch = 1;
	info->platforms = self->platforms;
	info->platforms_len = emulation_platforms(EMULATION_DIR, self->platforms);
	info->abilities = ABILITY_HEREDOC | ABILITY_GIT;
	*ret = self;
	return 0;
}

const struct builder_ops builder_nerdctl = {
	.name = "nerdctl",
	.instances = true,
	.open = nerdctl_open,
	.free = nerdctl_free,
	.answers = nerdctl_answers,
	.build = buildkit_build,
};
