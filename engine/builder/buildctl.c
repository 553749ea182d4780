#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/args.h"
#include "engine/builder/buildctl.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/failure.h"
#include "engine/builder/ops.h"
#include "engine/builder/rewrite.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/layout.h"

#define ASK_TIMEOUT_MS 20000 /* for one question to the daemon */
#define LAYOUT_NAME "cbuild" /* what the store is called in a command line */

struct buildctl {
	struct buildkit kit;
	char *program, *addr, *ca, *cert, *key, *store, *version;
	struct platform platforms[BUILDCTL_PLATFORMS_MAX];
	size_t platforms_len, native_len;
	unsigned abilities;
};

void buildctl_address_argv(const struct buildctl_address *address, struct argv *argv)
{
	argv_add(argv, address->program);
	argv_addf(argv, "--addr=%s", address->addr);
	if (address->ca)
		argv_addf(argv, "--tlscacert=%s", address->ca);
	if (address->cert)
		argv_addf(argv, "--tlscert=%s", address->cert);
	if (address->key)
		argv_addf(argv, "--tlskey=%s", address->key);
}

/* A folder gets a name of its own, which the frontend is told. */
static void add_contexts(const struct build_job *job, struct argv *argv)
{
	for (size_t i = 0; i < job->contexts_len; i++) {
		const struct build_context *context = &job->contexts[i];

		if (context->value[0] != '/') {
			argv_addf(argv, "--opt=context:%s=%s", context->name, context->value);
			continue;
		}
		argv_addf(argv, "--local=folder%zu=%s", i, context->value);
		argv_addf(argv, "--opt=context:%s=local:folder%zu", context->name, i);
	}
}

static int add_images(const char *store, const struct buildkit_target *target, struct argv *argv, struct error **err)
{
	const struct build_job *job = target->job;
	bool layout = false;

	for (size_t i = 0; i < job->images_len; i++) {
		cleanup_free char *place = NULL;

		if (buildkit_place(LAYOUT_NAME, job, &job->images[i], &place, err) < 0)
			return -1;
		if (job->images[i].where == IMAGE_STORE && !layout)
			argv_addf(argv, "--oci-layout=" LAYOUT_NAME "=%s", store);
		layout = layout || job->images[i].where == IMAGE_STORE;
		argv_addf(argv, "--opt=context:%s=%s", target->aliases[i], place);
	}
	return 0;
}

static void add_hosts(const struct build_job *job, struct argv *argv)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; job->hosts && job->hosts[i]; i++) {
		size_t len = strcspn(job->hosts[i], ":");

		buf_printf(&text, "%s%.*s=%s", i ? "," : "", (int)len, job->hosts[i],
			   job->hosts[i][len] ? job->hosts[i] + len + 1 : "");
	}
	if (text.len > 0)
		argv_addf(argv, "--opt=add-hosts=%s", text.data);
}

static void add_options(const struct build_job *job, struct argv *argv)
{
	if (job->target)
		argv_addf(argv, "--opt=target=%s", job->target);
	for (size_t i = 0; i < job->args_len; i++)
		argv_addf(argv, "--opt=build-arg:%s=%s", job->args[i].key, job->args[i].value);
	if (job->has_epoch)
		argv_addf(argv, "--opt=build-arg:SOURCE_DATE_EPOCH=%" PRId64, job->epoch);
	for (size_t i = 0; i < job->labels_len; i++)
		argv_addf(argv, "--opt=label:%s=%s", job->labels[i].key, job->labels[i].value);
	if (job->network && strcmp(job->network, "default") != 0)
		argv_addf(argv, "--opt=force-network-mode=%s", job->network);
	if (job->network && strcmp(job->network, "host") == 0)
		argv_add(argv, "--allow=network.host");
	if (job->shm_size)
		argv_addf(argv, "--opt=shm-size=%" PRIu64, job->shm_size);
	if (job->provenance)
		argv_addf(argv, "--opt=attest:provenance=mode=%s", job->provenance);
	if (job->sbom)
		argv_addf(argv, "--opt=attest:sbom=%s%s", job->sbom_generator ? "generator=" : "",
			  job->sbom_generator ? job->sbom_generator : "");
	add_hosts(job, argv);
	if (job->pull)
		argv_add(argv, "--opt=image-resolve-mode=pull");
	if (job->no_cache)
		argv_add(argv, "--no-cache");
	for (size_t i = 0; job->cache_from && job->cache_from[i]; i++)
		argv_addf(argv, "--import-cache=%s", job->cache_from[i]);
	for (size_t i = 0; job->cache_to && job->cache_to[i]; i++)
		argv_addf(argv, "--export-cache=%s", job->cache_to[i]);
}

int buildctl_argv(const struct buildctl_address *address, const char *store, const struct buildkit_target *target,
		  struct argv *argv, struct argv *env, struct error **err)
{
	const struct build_job *job = target->job;
	cleanup_free char *dir = path_dir(target->files->dockerfile);
	char platform[PLATFORM_TEXT];

	platform_text(&job->platform, platform);
	buildctl_address_argv(address, argv);
	argv_add(argv, "build");
	argv_add(argv, "--frontend=dockerfile.v0");
	argv_add(argv, "--progress=rawjson");
	argv_addf(argv, "--opt=platform=%s", platform);
	buildkit_add_output(job, target->output, argv);
	add_options(job, argv);
	args_secrets(job, argv, env);
	add_contexts(job, argv);
	if (add_images(store, target, argv, err) < 0)
		return -1;
	argv_addf(argv, "--local=context=%s", target->context);
	argv_addf(argv, "--local=dockerfile=%s", dir);
	argv_addf(argv, "--opt=filename=%s", path_base(target->files->dockerfile));
	return 0;
}

static bool is_known(const struct platform *list, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++)
		if (platform_equal(&list[i], platform))
			return true;
	return false;
}

static bool take_platform(const struct json *json, struct platform *ret)
{
	const char *os = json_str(json, "os"), *arch = json_str(json, "architecture"), *variant;
	cleanup_free char *text = NULL;

	variant = json_str(json, "variant");
	if (!os || !arch)
		return false;
	/* linux/amd64/v3 is how far a processor goes, not another platform to build for. */
	if (!variant || strcmp(arch, "amd64") == 0)
		variant = "";
	text = mem_printf("%s/%s%s%s", os, arch, *variant ? "/" : "", variant);
	return platform_parse(text, ret);
}

size_t buildctl_workers(const char *text, size_t len, struct platform ret[BUILDCTL_PLATFORMS_MAX], size_t *ret_native)
{
	cleanup_json struct json *workers = NULL;
	size_t found = 0;

	*ret_native = 0;
	if (json_parse(text, len, "buildctl debug workers", &workers, NULL) < 0)
		return 0;
	/* First each worker's own platform, then the others. */
	for (int native = 1; native >= 0; native--) {
		for (size_t i = 0; i < json_len(workers); i++) {
			const struct json *list = json_get(json_at(workers, i), "platforms");

			for (size_t j = native ? 0 : 1; j < (native ? 1 : json_len(list)); j++) {
				struct platform platform;

				if (found < BUILDCTL_PLATFORMS_MAX && take_platform(json_at(list, j), &platform) &&
				    !is_known(ret, found, &platform))
					ret[found++] = platform;
			}
		}
		if (native)
			*ret_native = found;
	}
	return found;
}

static struct buildctl_address address_of(const struct buildctl *self)
{
	return (struct buildctl_address){
		.program = self->program,
		.addr = self->addr,
		.ca = self->ca,
		.cert = self->cert,
		.key = self->key,
	};
}

static int command(void *data, const struct buildkit_target *targets, size_t len, struct argv *argv, struct argv *env,
		   struct error **err)
{
	const struct buildctl *self = data;
	const struct buildctl_address address = address_of(self);

	(void)len; /* 1: info.batch */
	args_environment(targets[0].job, NULL, env);
	return buildctl_argv(&address, self->store, &targets[0], argv, env, err);
}

/* "buildctl github.com/moby/buildkit v0.12.5 bac3f2b" */
static int find_version(struct buildctl *self, struct error **err)
{
	const char *const argv[] = { self->program, "--version", NULL };
	const struct proc_spec spec = { .argv = argv, .capture = true, .timeout_ms = ASK_TIMEOUT_MS };
	cleanup_proc struct proc_result result = { 0 };
	unsigned major, minor, patch;
	const char *text;

	if (proc_check(self->kit.loop, &spec, ERROR_TOOL, &result, err) < 0)
		return -1;
	text = strstr(result.out->data, " v");
	if (!text || sscanf(text, " v%u.%u.%u", &major, &minor, &patch) != 3)
		return error_make(err, ERROR_TOOL, "buildctl --version: not understood: %.80s", result.out->data);
	self->version = mem_printf("%u.%u.%u", major, minor, patch);
	return 0;
}

/* What the daemon can do. One that cannot be asked for its version is older than 0.11, which brought the question. */
static int find_abilities(const struct buildctl *self, unsigned *ret, struct error **err)
{
	static const char before[] = "v0.10";
	const struct buildctl_address address = address_of(self);
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = ASK_TIMEOUT_MS };
	const char *version;

	buildctl_address_argv(&address, &argv);
	argv_add(&argv, "debug");
	argv_add(&argv, "info");
	spec.argv = (const char *const *)argv.items;
	if (proc_run(self->kit.loop, &spec, &result, err) < 0)
		return -1;
	version = result.status == 0 && result.out->data ? strstr(result.out->data, " v") : NULL;
	*ret = buildkit_abilities(result.status != 0 ? before : version ? version + 1 : NULL);
	return 0;
}

static int unreachable(const struct buildctl *self, const struct proc_result *result, struct error **err)
{
	cleanup_error struct error *error = NULL;

	failure_make("buildctl", result->status, result->tail, NULL, NULL, &error);
	error_make(err, ERROR_TOOL, "BuildKit does not answer at %s: %.*s", self->addr,
		   (int)strcspn(error->message, "\n"), error->message);
	if (strstr(result->tail, "permission denied"))
		error_remedy(err, "no permission on the socket: become a member of its group, or run buildkitd "
				  "rootless "
				  "and set BUILDKIT_HOST");
	else
		error_remedy(err, "start it: buildkitd; or say where it is: BUILDKIT_HOST=tcp://host:1234, or "
				  "--builder=buildctl:tcp://host:1234");
	return -1;
}

static int find_workers(const struct buildctl *self, struct platform ret[BUILDCTL_PLATFORMS_MAX], size_t *ret_len,
			size_t *ret_native, struct error **err)
{
	const struct buildctl_address address = address_of(self);
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = ASK_TIMEOUT_MS };

	buildctl_address_argv(&address, &argv);
	argv_add(&argv, "debug");
	argv_add(&argv, "workers");
	argv_add(&argv, "--format={{json .}}");
	spec.argv = (const char *const *)argv.items;
	if (proc_run(self->kit.loop, &spec, &result, err) < 0) {
		if (err && *err && (*err)->cls == ERROR_BUILD)
			(*err)->cls = ERROR_TOOL; /* it did not end in time */
		return -1;
	}
	if (result.status != 0)
		return unreachable(self, &result, err);
	*ret_len = buildctl_workers(result.out->data, result.out->len, ret, ret_native);
	if (*ret_len == 0)
		return error_make(err, ERROR_TOOL, "BuildKit at %s has no worker", self->addr);
	return 0;
}

static int buildctl_answers(void *data, struct error **err)
{
	struct platform platforms[BUILDCTL_PLATFORMS_MAX];
	size_t len, native;

	return find_workers(data, platforms, &len, &native, err);
}

static void buildctl_free(void *data)
{
	struct buildctl *self = data;

	free(self->program);
	free(self->addr);
	free(self->ca);
	free(self->cert);
	free(self->key);
	free(self->store);
	free(self->version);
	free(self);
}

static struct buildctl *make(const struct builder_given *given, char *program)
{
	const char *host = getenv("BUILDKIT_HOST");
	const char *addr = given->instance ? given->instance : host && *host ? host : BUILDCTL_DEFAULT;
	struct buildctl *self = mem_alloc(sizeof(*self));

	self->kit = (struct buildkit){
		.tool = "buildctl",
		.loop = given->loop,
		.layout = given->layout,
		.native = &self->platforms[0],
		.command = command,
		.self = self,
	};
	self->program = program;
	self->addr = mem_strdup(addr);
	self->ca = given->ca ? mem_strdup(given->ca) : NULL;
	self->cert = given->cert ? mem_strdup(given->cert) : NULL;
	self->key = given->key ? mem_strdup(given->key) : NULL;
	return self;
}

static int buildctl_open(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	char *program = proc_find("buildctl");
	struct buildctl *self;

	if (!program) {
		error_make(err, ERROR_TOOL, "buildctl is not installed");
		error_remedy(err, "install BuildKit's client (github.com/moby/buildkit, releases)");
		return -1;
	}
	self = make(given, program);
	if (given->layout)
		self->store = path_absolute(layout_dir(given->layout), err);
	if ((given->layout && !self->store) || find_version(self, err) < 0 ||
	    find_workers(self, self->platforms, &self->platforms_len, &self->native_len, err) < 0 ||
	    find_abilities(self, &self->abilities, err) < 0) {
		buildctl_free(self);
		return -1;
	}
	info->version = self->version;
	info->detail = self->addr;
	info->mixes_contexts = true;
	info->batch = 1;
	info->platforms = self->platforms;
	info->platforms_len = self->platforms_len;
	info->native_len = self->native_len;
	info->abilities = self->abilities;
	*ret = self;
	return 0;
}

const struct builder_ops builder_buildctl = {
	.name = "buildctl",
	.instances = true,
	.open = buildctl_open,
	.free = buildctl_free,
	.answers = buildctl_answers,
	.build = buildkit_build,
};
