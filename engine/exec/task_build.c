#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/builder/own_image.h"
#include "engine/exec/fleet.h"
#include "engine/exec/task.h"
#include "engine/exec/task_urls.h"
#include "engine/io/loop.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/registry/base_config.h"
#include "engine/registry/bases.h"
#include "engine/registry/signed_base.h"
#include "engine/source/context.h"
#include "engine/source/replica.h"

/* Pauses before retrying after a transient failure (a lost connection, a busy registry). */
static const unsigned retry_pauses_ms[] = { 1000, 3000 };
enum { RETRIES = sizeof(retry_pauses_ms) / sizeof(retry_pauses_ms[0]) };

/* A build job and the arrays it points to. */
struct build_draft {
	struct build_job job;
	struct build_image *images;
	struct build_context *contexts;
	struct build_pair *args, *labels, *ssh;
	struct build_secret_source *secrets;
	const char **hosts, **ulimits, **entitlements, **no_cache_filter, **cache_from, **cache_to;
	struct base_pull *pulls; /* one for each image; empty for those made here */
	struct own_image *owns;  /* one for each image: what the engine has, if that is taken */
	size_t pulls_len;
	char *ignore_file;
	char **replicas; /* one for each context, or NULL */
	size_t replicas_len;
	struct arena *arena;
	struct build_file **files; /* one for each context, or NULL */
	struct json *details;      /* parsed records that `images` point into */
};

static void draft_cleanup(struct build_draft *draft)
{
	for (size_t i = 0; draft->files && i < draft->replicas_len; i++)
		free(draft->files[i]);
	free(draft->files);
	arena_free(draft->arena);
	for (size_t i = 0; i < draft->pulls_len; i++)
		base_pull_free(&draft->pulls[i]);
	for (size_t i = 0; draft->owns && i < draft->pulls_len; i++)
		own_image_free(&draft->owns[i]);
	free(draft->pulls);
	free(draft->owns);
	free(draft->images);
	free(draft->contexts);
	free(draft->args);
	free(draft->labels);
	free(draft->ssh);
	free(draft->secrets);
	free(draft->hosts);
	free(draft->ulimits);
	free(draft->entitlements);
	free(draft->no_cache_filter);
	free(draft->cache_from);
	free(draft->cache_to);
	free(draft->ignore_file);
	for (size_t i = 0; i < draft->replicas_len; i++)
		free(draft->replicas[i]);
	free(draft->replicas);
	json_free(draft->details);
}

static struct build_pair *build_pairs(const struct plan_arg *args, size_t len)
{
	struct build_pair *list = mem_array(len + 1, sizeof(*list));

	for (size_t i = 0; i < len; i++)
		list[i] = (struct build_pair){ .key = args[i].key, .value = args[i].value };
	return list;
}

/* The id of an image in its builder's storage, from the record's detail. */
static const char *own_id(struct build_draft *draft, const struct result *result, const char *name, struct error **err)
{
	struct json *detail = NULL;
	const char *id;

	if (result->detail && json_parse(result->detail, strlen(result->detail), name, &detail, err) < 0)
		return NULL;
	json_append(draft->details, detail);
	id = json_str(detail, "id");
	if (!id)
		error_make(err, ERROR_STATE, "the record of %s does not say its name in %s", name, result->place);
	return id;
}

/* One note a base and run. */
static void tell_own(struct task *task, const struct plan_image *from, const char *why)
{
	const char *name = builder_info(task->builder)->name;

	if (bases_say_once(task->env->bases, from->reference))
		task_tell(task, mem_printf("%s is taken as %s has it: %s", from->reference, name, why));
}

/* The engine's own image goes by its name. As its tool would have it: docker's comes before a registry's, buildah's after it; and
 * nobody waits for a registry that cannot be reached. What a named context says is asked for by BuildKit, too. */
static bool takes_own(struct task *task, const struct plan_image *from, struct own_image *own, bool pull)
{
	const struct builder_info *info = builder_info(task->builder);
	cleanup_error struct error *error = NULL;

	if (from->digest || pull || strchr(from->reference, '@') ||
	    signed_base_wanted(plan_manifest(task->env->plan), from->reference) ||
	    !own_image_find(info->engine, from->reference, &from->mention->platform, own))
		return false;
	if (info->own_first && !from->mention->context) {
		tell_own(task, from, "--pull takes its registry's");
		return true;
	}
	if (bases_reach(task->env->bases, from->reference, &error) == 0 || error->cls != ERROR_REGISTRY) {
		own_image_free(own);
		return false;
	}
	tell_own(task, from, error->message);
	return true;
}

/* No registry has it or can be asked, but the engine may. */
static bool left_to_engine(struct task *task, const struct plan_image *from, struct own_image *own,
			   const struct error *error)
{
	const struct builder_info *info = builder_info(task->builder);

	if (!info->own_images || from->digest || error->cls != ERROR_REGISTRY ||
	    signed_base_wanted(plan_manifest(task->env->plan), from->reference))
		return false;
	own_image_find(info->engine, from->reference, &from->mention->platform, own);
	tell_own(task, from, error->message);
	return true;
}

static int check_signed(struct task *task, const struct plan_image *from, const struct base_pull *pull, struct error **err)
{
	const struct signed_base base = {
		.registry = task->env->registry,
		.bases = task->env->bases,
		.manifest = plan_manifest(task->env->plan),
		.lock = plan_lock(task->env->plan),
		.reference = from->reference,
		.pulled = pull->reference,
	};

	return signed_base_check(&base, err);
}

/* A base from elsewhere: by its digest for the stage's platform, because tags move. */
static int draft_base(struct task *task, const struct plan_image *from, struct build_image *image,
		      struct base_pull *pull, struct own_image *own, struct error **err)
{
	const struct service *service = &plan_manifest(task->env->plan)->services[task->node->service];
	struct error *error = NULL;

	image->reference = from->reference;
	if (takes_own(task, from, own, task->env->pull || service->build.pull))
		return 0;
	if (bases_pull(task->env->bases, from->reference, &from->mention->platform, from->digest, pull, &error) < 0) {
		if (!left_to_engine(task, from, own, error))
			return error_move(err, &error);
		error_free(error);
		return 0;
	}
	if (check_signed(task, from, pull, err) < 0)
		return -1;
	image->reference = pull->reference;
	image->plain = pull->trust.plain;
	image->ca = pull->trust.ca;
	image->cert = pull->trust.cert;
	image->key = pull->trust.key;
	image->login = pull->login;
	return 0;
}

/* The plan used what the last build found if neither the lock nor this run knew better; check that. (No digest: it is
 * the engine's own image.) */
static void check_config(struct task *task, const struct plan_image *from, const char *digest,
			 const struct base_config *own)
{
	const struct base_config *now = own->onbuild ? own : &BASE_UNTOLD;
	bool onbuild = !(from->settled && digest);
	/* what is not known was taken for anything */
	bool env = from->env && from->mention->env_read && !(from->env_settled && digest);
	cleanup_error struct error *error = NULL;

	if (from->mention->use != IMAGE_FROM || (!onbuild && !env) || text_same(from->onbuild, BASE_UNTOLD.onbuild))
		return;
	if (digest)
		bases_config(task->env->bases, from->reference, &from->mention->platform, digest, &now, &error);
	if (!task->doubt && (error || (onbuild && !text_same(now->onbuild, from->onbuild)) ||
			     (env && !(now->env && strcmp(now->env, from->env) == 0))))
		task->doubt = mem_printf("the ONBUILD or the variables of %s were unknown when this was planned",
					 from->reference);
}

/* Into the store, where every builder finds it. */
static int draft_layout(struct task *task, const struct build_draft *draft, const struct plan_image *from,
			struct build_image *image, struct error **err)
{
	cleanup_layout struct layout *layout = NULL;
	cleanup_image struct image *read = NULL;

	if (layout_open(from->layout, false, &layout, err) < 0 ||
	    layout_copy(task->env->layout, layout, from->digest, err) < 0 ||
	    image_read(task->env->layout, from->digest, &read, err) < 0)
		return -1;
	image->where = IMAGE_STORE;
	image->digest = from->digest;
	image->identity = arena_strdup(draft->arena, read->config.digest);
	return 0;
}

static int draft_images(struct task *task, struct build_draft *draft, struct error **err)
{
	const struct plan_build *build = task->node->build;
	const struct builder_info *info = builder_info(task->builder);

	draft->images = mem_array(build->images_len + 1, sizeof(*draft->images));
	draft->pulls = mem_array(build->images_len + 1, sizeof(*draft->pulls));
	draft->owns = mem_array(build->images_len + 1, sizeof(*draft->owns));
	draft->pulls_len = build->images_len;
	for (size_t i = 0; i < build->images_len; i++) {
		const struct plan_image *from = &build->images[i];
		struct build_image *image = &draft->images[i];
		const struct result *result;

		*image = (struct build_image){
			.name = from->mention->name,
			.offset = from->mention->offset,
			.length = from->mention->length,
			.from = from->mention->use == IMAGE_FROM,
			.base = from->mention->base,
			.platform = from->mention->platform,
			.where = IMAGE_REMOTE,
		};
		if (from->layout) {
			if (draft_layout(task, draft, from, image, err) < 0)
				return -1;
			continue;
		}
		if (from->node == NO_NODE) {
			if (draft_base(task, from, image, &draft->pulls[i], &draft->owns[i], err) < 0)
				return -1;
			check_config(task, from, draft->pulls[i].digest, &draft->owns[i].config);
			continue;
		}
		result = &plan_node(task->env->plan, from->node)->result;
		image->identity = result->identity;
		if (strcmp(result->place, "store") == 0) {
			image->where = IMAGE_STORE;
			image->digest = result->digest;
		} else if (info->place && strcmp(result->place, info->place) == 0) {
			image->where = IMAGE_LOCAL;
			image->id = own_id(draft, result, from->mention->name, err);
			if (!image->id)
				return -1;
		} else {
			return error_make(err, ERROR_TOOL, "%s is in %s, which %s cannot read", from->mention->name,
					  result->place, info->name);
		}
	}
	/* A base's steps are not in the text, so they cannot be rewritten. */
	draft->job.no_cache |= build->use.base_mounts;
	draft->job.images = draft->images;
	draft->job.images_len = build->images_len;
	return 0;
}

static void draft_contexts(struct task *task, struct build_draft *draft)
{
	const struct plan_build *build = task->node->build;
	size_t len = 0;

	draft->contexts = mem_array(build->contexts_len + 1, sizeof(*draft->contexts));
	draft->replicas = mem_array(build->contexts_len + 1, sizeof(*draft->replicas));
	draft->replicas_len = build->contexts_len;
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];

		if (!context->name)
			draft->job.context = context->root;
		else
			draft->contexts[len++] = (struct build_context){
				.name = context->given,
				.value = context->root,
			};
	}
	draft->job.contexts = draft->contexts;
	draft->job.contexts_len = len;
}

/* For builders that must be told which files count. */
static int list_files(struct task *task, struct build_draft *draft, struct error **err)
{
	const struct plan_build *build = task->node->build;
	size_t named = 0;

	if (!builder_info(task->builder)->sends_files)
		return 0;
	draft->files = mem_array(build->contexts_len + 1, sizeof(*draft->files));
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		size_t len = 0;

		if (task_list(task, i, draft->arena, &draft->files[i], &len, err) < 0)
			return -1;
		if (context->name) {
			draft->contexts[named].files = draft->files[i];
			draft->contexts[named++].files_len = len;
		} else {
			draft->job.files = draft->files[i];
			draft->job.files_len = len;
		}
	}
	return 0;
}

/* Borrowed from the draft; NULL with *err set. */
static const char *replicate(struct task *task, struct build_draft *draft, size_t number, struct error **err)
{
	const char *staging = task_staging(task, err);
	char *replica = staging ? mem_printf("%s/context%zu", staging, number) : NULL;

	draft->replicas[number] = replica;
	return replica && task_replicate(task, number, replica, err) == 0 ? replica : NULL;
}

/* A step that mounts the context may see only what counts: if the builder would show all of it, give it a copy. */
static int replicate_what_counts(struct task *task, struct build_draft *draft, struct error **err)
{
	const struct builder_info *info = builder_info(task->builder);
	const struct plan_build *build = task->node->build;

	if (!info->mounts_ignored || build->use.mounts_len == 0 || !draft->ignore_file)
		return 0;
	draft->job.context = replicate(task, draft, 0, err);
	return draft->job.context ? 0 : -1;
}

/* The ignore file as it was hashed, with cbuild's own folder and the build's own files excluded as well: what is not hashed is not built. */
static int write_ignore_file(struct task *task, struct build_draft *draft, struct error **err)
{
	const struct plan_build *build = task->node->build;
	const char *own = path_relative(draft->job.context, task->env->state_dir);
	const char *staging = task_staging(task, err);
	cleanup_buf struct buf text = { 0 };

	if (!staging)
		return -1;
	if (!build->ignore && !own && !build->own_len)
		return 0;
	if (build->ignore)
		buf_add(&text, build->ignore, build->ignore_len);
	if (own)
		buf_printf(&text, "\n/%s\n", own);
	for (size_t i = 0; i < build->own_len; i++) {
		cleanup_free char *pattern = glob_escape(build->own[i]);

		buf_printf(&text, "\n/%s\n", pattern);
	}
	draft->ignore_file = path_join(staging, "ignore");
	draft->job.ignore_file = draft->ignore_file;
	return fs_replace(draft->ignore_file, text.data ? text.data : "", text.len, 0644, err);
}

static const char **words(const struct texts *texts)
{
	const char **list = mem_array(texts->len + 1, sizeof(*list));

	for (size_t i = 0; i < texts->len; i++)
		list[i] = texts->items[i].s;
	list[texts->len] = NULL;
	return list;
}

static int draft_secrets(const struct service *service, struct build_draft *draft, struct error **err)
{
	const struct build_spec *spec = &service->build;
	struct stat st;

	draft->secrets = mem_array(spec->secrets_len + 1, sizeof(*draft->secrets));
	for (size_t i = 0; i < spec->secrets_len; i++) {
		const struct build_secret *secret = &spec->secrets[i];

		int there = secret->file.s ? fs_find(secret->file.s, &st, err) : 1;

		if (there < 0)
			return -1;
		if (!there)
			return error_make(err, ERROR_USAGE, "the secret %s of %s: there is no file %s", secret->id.s,
					  service->name.s, secret->file.s);
		if (!secret->file.s && !secret->value)
			return error_make(err, ERROR_USAGE, "the secret %s of %s: the variable %s is not set",
					  secret->id.s, service->name.s, secret->variable.s);
		draft->secrets[i] = (struct build_secret_source){ secret->id.s, secret->file.s, secret->value };
	}
	draft->job.secrets = draft->secrets;
	draft->job.secrets_len = spec->secrets_len;
	return 0;
}

/* The builder's options besides files. */
static int add_given(const struct service *service, struct build_draft *draft, struct error **err)
{
	const struct build_spec *spec = &service->build;

	draft->job.network = spec->network.s;
	draft->job.shm_size = spec->shm_size;
	draft->job.pull = spec->pull;
	draft->job.no_cache = spec->no_cache;
	draft->job.hosts = draft->hosts = words(&spec->hosts);
	draft->job.ulimits = draft->ulimits = words(&spec->ulimits);
	draft->job.cgroup_parent = spec->cgroup_parent.s;
	draft->job.entitlements = draft->entitlements = words(&spec->entitlements);
	draft->job.no_cache_filter = draft->no_cache_filter = words(&spec->no_cache_filter);
	draft->job.cache_from = draft->cache_from = words(&spec->cache_from);
	draft->job.cache_to = draft->cache_to = words(&spec->cache_to);
	draft->ssh = mem_array(spec->ssh.len + 1, sizeof(*draft->ssh));
	for (size_t i = 0; i < spec->ssh.len; i++)
		draft->ssh[i] = (struct build_pair){ spec->ssh.items[i].key.s, spec->ssh.items[i].value.s };
	draft->job.ssh = draft->ssh;
	draft->job.ssh_len = spec->ssh.len;
	return draft_secrets(service, draft, err);
}

/* A builder that lacks a feature may misread it and silently build the wrong thing. */
static int check_abilities(const struct task *task, struct error **err)
{
	const struct plan_build *build = task->node->build;
	const struct builder_info *info = builder_info(task->builder);
	const struct {
		unsigned line, ability;
		const char *what;
	} needs[] = {
		{ build->use.heredoc_line, ABILITY_HEREDOC, "here-documents" },
		{ build->use.git_line, ABILITY_GIT, "ADD of a git repository" },
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!needs[i].line || (info->abilities & needs[i].ability))
			continue;
		error_make(err, ERROR_TOOL, "%s:%u: %s %s does not know %s", path_base(build->dockerfile),
			   needs[i].line, info->name, info->version, needs[i].what);
		error_remedy(err, "build it with another builder: --builder=docker");
		return -1;
	}
	return 0;
}

static void add_attestations(const struct service *service, struct build_job *job)
{
	static const char *const modes[] = { NULL, "min", "max" };
	TABLE_COMPLETE(modes, PROVENANCES);

	if (!service_attests(service))
		return;
	job->provenance = modes[service->build.provenance];
	job->sbom = service->build.sbom;
	job->sbom_generator = service->build.sbom_generator;
}

static void tell_for_builder(void *task, char *text)
{
	task_tell(task, text);
}

static int make_draft(struct task *task, struct build_draft *draft, struct error **err)
{
	const struct manifest *manifest = plan_manifest(task->env->plan);
	const struct service *service = &manifest->services[task->node->service];
	const struct plan_build *build = task->node->build;

	draft->arena = arena_new();
	draft->job = (struct build_job){
		.id = task->node->id,
		.dockerfile = build->dockerfile,
		.text = build->text,
		.text_len = build->text_len,
		.key = task->node->key,
		.mounts = build->use.mounts,
		.mounts_len = build->use.mounts_len,
		.platform = task->node->platform,
		.target = service->build.target.s,
		.has_epoch = build->has_epoch,
		.epoch = build->epoch,
		.keep = !service->publish && !service_makes_files(service) && !fleet_shares(task->env->fleet) &&
			!(task->cache_key[0] && task->env->give_results),
		.output = &task->output,
		.tell = tell_for_builder,
		.tell_data = task,
	};
	add_attestations(service, &draft->job);
	if (check_abilities(task, err) < 0 || add_given(service, draft, err) < 0)
		return -1;
	for (size_t i = 0; i < task->node->reasons_len; i++)
		draft->job.no_cache = draft->job.no_cache || task->node->reasons[i].kind == REASON_FORCED;
	draft->job.no_cache = draft->job.no_cache || build->use.covers;
	draft->job.args = draft->args = build_pairs(build->args, build->args_len);
	draft->job.args_len = build->args_len;
	draft->job.labels = draft->labels = build_pairs(build->labels, build->labels_len);
	draft->job.labels_len = build->labels_len;
	draft_contexts(task, draft);
	if (draft_images(task, draft, err) < 0 || task_urls(task, draft->arena, &draft->job, err) < 0 ||
	    list_files(task, draft, err) < 0 || write_ignore_file(task, draft, err) < 0 ||
	    replicate_what_counts(task, draft, err) < 0)
		return -1;
	return 0;
}

static void take_result(void *data, size_t job, struct build_result *result)
{
	(void)job;
	*(struct build_result *)data = *result;
	*result = (struct build_result){ 0 };
}

static void set_filled(struct json *detail, const char *key, struct json *object)
{
	if (json_len(object) > 0)
		json_set(detail, key, object);
	else
		json_free(object);
}

/* What a record says of a build: what the builder's storage calls it, when it was kept there, the engine that has its layers; and of the bases from elsewhere, by
 * name and platform, what they are and what they give to builds; and what was fetched. */
static char *describe_result(const struct task *task, const struct build_draft *draft, const struct build_result *result)
{
	const struct plan_build *build = task->node->build;
	cleanup_json struct json *detail = json_new_object();
	struct json *bases = json_new_object(), *own = json_new_object(), *onbuild = json_new_object();
	struct json *env = json_new_object();
	struct json *urls = task_urls_kept(task);
	cleanup_buf struct buf text = { 0 };

	json_set_str(detail, "id", result->id[0] ? result->id : NULL);
	json_set_str(detail, "engine", builder_info(task->builder)->engine);
	json_set_str(detail, "attestation", result->attestation[0] ? result->attestation : NULL);
	json_set(detail, "bases", bases);
	for (size_t i = 0; i < draft->pulls_len; i++) {
		cleanup_free char *name = plan_base_name(draft->images[i].name, &draft->images[i].platform);

		if (draft->pulls[i].reference)
			json_set_str(bases, name, draft->pulls[i].digest);
		if (draft->owns[i].id[0])
			json_set_str(own, name, draft->owns[i].id);
		if (!text_same(build->images[i].onbuild, NULL))
			json_set_str(onbuild, name, build->images[i].onbuild);
		if (build->images[i].mention->env_read && build->images[i].env)
			json_set_str(env, name, build->images[i].env);
	}
	set_filled(detail, "own", own);
	set_filled(detail, "onbuild", onbuild);
	set_filled(detail, "env", env);
	if (urls)
		json_set(detail, "urls", urls);
	json_dump(detail, JSON_CANONICAL, &text);
	return buf_steal(&text);
}

/* Docker's format, or annotations: the manifest alone changes, the image is the same. One that stays in a builder's storage has none
 * here. */
static int finish_manifest(struct task *task, struct build_result *result, struct error **err)
{
	const struct service *service = &plan_manifest(task->env->plan)->services[task->node->service];
	char digest[DIGEST_LEN + 1];

	if (!result->digest[0])
		return 0;
	if (!service->docker)
		return task_annotate(task, result->digest, err);
	if (layout_write_schema2(task->env->layout, result->digest, digest, err) < 0)
		return -1;
	memcpy(result->digest, digest, sizeof(digest));
	return 0;
}

static int build_once(struct task *task, struct build_draft *draft, struct error **err)
{
	cleanup_free char *staging = path_join(task->staging, "out");
	struct build_result result = { 0 };

	if (fs_remove_tree(staging, err) < 0 || fs_mkdirs(staging, 0700, err) < 0)
		return -1;
	draft->job.staging = staging;
	builder_build(task->builder, &draft->job, 1, take_result, &result);
	if (result.error) {
		free(result.place);
		return error_move(err, &result.error);
	}
	if (finish_manifest(task, &result, err) < 0) {
		free(result.place);
		return -1;
	}
	task->identity = mem_strdup(result.identity);
	task->digest = result.digest[0] ? mem_strdup(result.digest) : NULL;
	task->place = result.place;
	task->size = result.size;
	task->detail = describe_result(task, draft, &result);
	return 0;
}

static int build_with_retries(struct task *task, struct build_draft *draft, struct error **err)
{
	for (unsigned attempt = 0;; attempt++) {
		struct error *error = NULL;

		if (build_once(task, draft, &error) == 0)
			return 0;
		if (!error->transient || attempt == RETRIES ||
		    loop_pause(task->env->loop, retry_pauses_ms[attempt], NULL) < 0)
			return error_move(err, &error);
		error_free(error);
	}
}

/* A context's file as shown to people: its path from the manifest's folder. */
static char *shown_path(struct task *task, const char *root, const char *path)
{
	cleanup_free char *whole = path_join(root, path);
	const char *relative = path_relative(plan_manifest(task->env->plan)->dir, whole);

	return mem_strdup(relative ? relative : whole);
}

/* The bytes that were hashed are the bytes that were built, or the result is not recorded. */
static int check_unchanged(struct task *task, struct error **err)
{
	const struct plan_build *build = task->node->build;

	for (size_t i = 0; i < build->contexts_len && !task->doubt; i++) {
		cleanup_free char *changed = NULL, *shown = NULL;

		changed = source_changed(task->env->source, build->contexts[i].selection);
		if (!changed)
			continue;
		shown = shown_path(task, build->contexts[i].root, changed);
		task->doubt = mem_printf("%s changed while it was built", shown);
	}
	for (size_t i = 0; i < build->outputs_len && !task->doubt; i++) {
		cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, build->outputs[i].path);
		const char *was = build->outputs[i].digest;
		char now[PLAN_OUTPUT + 1];
		bool found;

		if (plan_output_digest(task->env->source, path, now, &found, err) < 0)
			return -1;
		if (!found || !was || strcmp(was, now) != 0)
			task->doubt = mem_printf("%s changed while it was built", build->outputs[i].path);
	}
	return 0;
}

struct fleet_want task_want(const struct plan *plan, const struct node *node)
{
	const struct service *service = &plan_manifest(plan)->services[node->service];

	return (struct fleet_want){ &node->platform, (service_attests(service) ? ABILITY_ATTEST : 0u) |
							     (build_wants_rights(&service->build) ? ABILITY_RIGHTS : 0u) };
}

/* After a failure that may be the builder's own: if it no longer answers, the build goes to another one. True when
 * there is one; otherwise `*error` names the builder if it was the cause. */
static bool change_builder(struct task *task, struct error **error)
{
	const char *name = builder_info(task->builder)->name;
	cleanup_error struct error *why = NULL, *nobody = NULL;
	const struct fleet_want want = task_want(task->env->plan, task->node);
	struct fleet_seat *other = NULL;

	if (!fleet_shares(task->env->fleet) || (*error)->cls != ERROR_TOOL ||
	    builder_answers(task->builder, &why) == 0 || why->cls == ERROR_CANCELLED)
		return false;
	if (fleet_lose(task->env->fleet, task->builder))
		task_tell(task, mem_printf("the builder %s no longer answers and is left out: %s", name, why->message));
	if (fleet_take(task->env->fleet, &want, &other, &nobody) < 0) {
		error_wrap(error, "the builder %s no longer answers (%s)", name, nobody->message);
		return false;
	}
	fleet_give_back(task->seat);
	task->seat = other;
	task->builder = fleet_builder(other);
	error_free(steal_ptr(*error));
	return true;
}

static int build_with(struct task *task, struct error **err)
{
	__attribute__((cleanup(draft_cleanup))) struct build_draft draft = { .details = json_new_array() };

	return make_draft(task, &draft, err) < 0 ? -1 : build_with_retries(task, &draft, err);
}

int task_build(struct task *task, struct error **err)
{
	struct error *error = NULL;

	if (task_cache_key(task, err) < 0)
		return -1;
	if (task->cache_key[0] && !task->asked && task->env->take_results)
		task_cache_take(task);
	if (task->taken)
		return 0;
	while (build_with(task, &error) < 0) {
		if (!change_builder(task, &error))
			return error_move(err, &error);
	}
	if (check_unchanged(task, err) < 0)
		return -1;
	if (task->cache_key[0] && task->env->give_results && !task->doubt)
		task_cache_give(task);
	return 0;
}
