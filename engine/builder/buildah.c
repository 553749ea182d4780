#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/builder/args.h"
#include "engine/builder/buildah.h"
#include "engine/builder/emulation.h"
#include "engine/builder/failure.h"
#include "engine/builder/leftover.h"
#include "engine/builder/ops.h"
#include "engine/builder/proof.h"
#include "engine/builder/result_import.h"
#include "engine/builder/rewrite.h"
#include "engine/builder/step.h"
#include "engine/builder/step_times.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/oci/storage.h"
#include "engine/registry/authfile.h"

#define EPOCH "SOURCE_DATE_EPOCH"
#define USING_CACHE "--> Using cache " /* follows the line of such a step */
#define ID_LEN 64                      /* hex digits of an image's id */
#define ID_SHOWN 12                    /* of them */
#define PLACE_PREFIX "containers-storage:"

struct buildah {
	struct loop *loop;
	struct layout *layout;
	char *program, *place, *detail;
	struct state *state;
	struct buildah_facts facts; /* its flags: under `facts_lock` */
	pthread_mutex_t facts_lock;
	struct platform platforms[EMULATION_MAX];
	atomic_uint builds;    /* builds started so far: numbers the marks of their working containers */
	struct keylock *bring; /* so that two builds do not load the same base at once */
};

/* A job in progress. */
struct work {
	struct buildah *self;
	const struct build_job *job;
	struct argv env;
	struct argv ids;      /* of the job's images, 64 hex digits each, as written into the generated Dockerfile */
	struct output output; /* the job's, which also reports steps found in the lines */
	size_t step;          /* the current one's number in the output's times */
};

void buildah_argv(const struct buildah_command *command, const struct build_job *job, struct argv *argv, struct argv *env)
{
	char platform[PLATFORM_TEXT], host[PLATFORM_TEXT];
	cleanup_buf struct buf file = { 0 };

	platform_text(&job->platform, platform);
	platform_text(command->host, host);
	buildah_begin(command->program, command->flags, argv);
	argv_addf(argv, "--platform=%s", platform);
	argv_addf(argv, "--iidfile=%s", command->iidfile);
	argv_add(argv, "--layers");
	argv_add(argv, "--force-rm");      /* leave no container behind when a step fails */
	argv_add(argv, "--format=docker"); /* an OCI config has no HEALTHCHECK */
	argv_add(argv, "--identity-label=false");
	argv_add(argv, "--pull=never");
	buildah_add_flags(command->program, command->flags, argv);
	if (command->no_cache)
		argv_add(argv, "--no-cache");
	if (job->has_epoch)
		argv_addf(argv, "--timestamp=%" PRId64, job->epoch);
	/* like BuildKit; only if declared, because buildah complains about unused arguments */
	if (job->has_epoch && job->text_len > 0 && memmem(job->text, job->text_len, EPOCH, strlen(EPOCH)))
		argv_addf(argv, "--build-arg=" EPOCH "=%" PRId64, job->epoch);
	argv_addf(argv, "--build-arg=BUILDPLATFORM=%s", host);
	args_common(job, argv, env);
	for (size_t i = 0; i < job->images_len; i++)
		if (job->images[i].length == 0)
			argv_addf(argv, "--build-context=%s=docker-image://%s", job->images[i].name, command->ids[i]);
	for (size_t i = 0; i < job->urls_len; i++)
		if (job->urls[i].folder)
			argv_addf(argv, "--build-context=%s=%s", job->urls[i].context, job->urls[i].folder);
	argv_addf(argv, "--secret=%s", command->mark);
	args_csv(&file, command->files->dockerfile); /* it accepts several, separated by commas */
	argv_addf(argv, "--file=%s", file.data);
	argv_addf(argv, "--ignorefile=%s", command->files->ignore);
	argv_add(argv, job->context);
}

static size_t hex_digits(const char *at, const char *end)
{
	size_t len = 0;

	while (at + len < end && isxdigit((unsigned char)at[len]))
		len++;
	return len;
}

/* What buildah prints, as it would for the Dockerfile as it was written: with names where the generated one has ids. For a stage that is built on, buildah shows an
 * id of its own, which is shortened. */
static void add_with_names(const struct work *work, const char *text, size_t text_len, struct buf *out)
{
	const char *at = text, *end = at + text_len;

	while (at < end) {
		size_t len = hex_digits(at, end), i = 0;

		if (len < ID_LEN) {
			buf_add(out, at, len ? len : 1);
			at += len ? len : 1;
			continue;
		}
		while (i < work->ids.len && memcmp(at, work->ids.items[i], ID_LEN) != 0)
			i++;
		if (i < work->ids.len)
			buf_str(out, work->job->images[i].name);
		else
			buf_add(out, at, ID_SHOWN);
		at += ID_LEN;
	}
}

/* A step ends where the next one begins. */
static void time_step(struct work *work, const struct progress *progress)
{
	struct step_times *times = work->job->output->times;
	cleanup_free char *label =
		progress->stages > 1 ? mem_printf("stage %u, %u/%u", progress->stage, progress->step, progress->steps)
				     : mem_printf("%u/%u", progress->step, progress->steps);

	step_times_end(times, work->step);
	work->step = step_times_begin(times, label, strlen(label), progress->name, progress->name_len);
}

/* On the loop's thread. */
static void take_line(void *data, const char *line, size_t len)
{
	struct work *work = data;
	const struct output *output = work->job->output;
	struct progress progress;

	if (output->line)
		output->line(output->data, line, len);
	if (step_parse(line, len, &progress)) {
		cleanup_buf struct buf name = { 0 };

		add_with_names(work, progress.name, progress.name_len, &name);
		progress.name = name.data;
		progress.name_len = name.len;
		time_step(work, &progress);
		if (output->progress)
			output->progress(output->data, &progress);
	} else if (len > strlen(USING_CACHE) && memcmp(line, USING_CACHE, strlen(USING_CACHE)) == 0) {
		step_times_cached(output->times, work->step);
	}
}

/* Runs buildah once; a status other than 0 is an error. */
static int run_buildah(struct work *work, const struct argv *argv, bool capture, struct proc_result *ret,
		       struct error **err)
{
	struct proc_spec spec = {
		.argv = (const char *const *)argv->items,
		.env = (const char *const *)work->env.items,
		.capture = capture,
		.output = work->job->output ? &work->output : NULL,
	};
	cleanup_buf struct buf tail = { 0 };
	int r = proc_run(work->self->loop, &spec, ret, err);

	if (spec.output)
		step_times_end(work->job->output->times, work->step);
	if (r < 0)
		return -1;
	if (ret->status == 0)
		return 0;
	add_with_names(work, ret->tail, strlen(ret->tail), &tail);
	return failure_make(path_base(work->self->program), ret->status, tail.data ? tail.data : "", work->job,
			    &work->self->platforms[0], err);
}

static bool stored(const struct buildah *self, const char *identity)
{
	cleanup_storage struct storage *storage = NULL;

	return storage_open(self->facts.root, &storage, NULL) == 0 && storage_has(storage, identity);
}

static int link_certificate(const char *file, const char *dir, const char *name, struct error **err)
{
	cleanup_free char *path = path_join(dir, name);

	if (symlink(file, path) < 0 && errno != EEXIST)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return 0;
}

/* The manifest's certificates for a registry, in a folder of the layout that buildah expects. */
static int certificates(struct work *work, const struct build_image *image, struct argv *argv, struct error **err)
{
	cleanup_free char *dir = NULL;
	size_t authorities = 0;

	if (!image->ca && !image->cert)
		return 0;
	dir = mem_printf("%s/certs-%zu", work->job->staging, (size_t)(image - work->job->images));
	if (fs_mkdirs(dir, 0700, err) < 0)
		return -1;
	for (const char *const *ca = image->ca; ca && *ca; ca++) {
		cleanup_free char *name = mem_printf("%zu.crt", authorities++);

		if (link_certificate(*ca, dir, name, err) < 0)
			return -1;
	}
	if (image->cert && (link_certificate(image->cert, dir, "client.cert", err) < 0 ||
			    link_certificate(image->key, dir, "client.key", err) < 0))
		return -1;
	argv_addf(argv, "--cert-dir=%s", dir);
	return 0;
}

/* The login as a file of this run: buildah does not read all places and forms that we do. */
static int hand_login(struct work *work, const struct build_image *image, struct argv *argv, struct error **err)
{
	cleanup_free char *path =
		mem_printf("%s/login-%zu.json", work->job->staging, (size_t)(image - work->job->images));
	cleanup_free char *domain = mem_strndup(image->reference, strcspn(image->reference, "/"));
	cleanup_json struct json *file = NULL;
	bool had;

	file = authfile_with(NULL, domain, image->login, &had);
	if (authfile_write(path, file, err) < 0)
		return -1;
	argv_addf(argv, "--authfile=%s", path);
	return 0;
}

/* Pulls `source`; appends the image's id, 64 hex digits. */
static int pull(struct work *work, const struct build_image *image, const char *source, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	char platform[PLATFORM_TEXT];
	const char *id;
	size_t len;

	platform_text(&image->platform, platform);
	argv_add(&argv, work->self->program);
	argv_add(&argv, "pull");
	argv_add(&argv, "--quiet");
	if (!buildah_is_podman(work->self->program)) /* podman always pulls */
		argv_add(&argv, "--policy=always");
	argv_addf(&argv, "--platform=%s", platform);
	if (image->plain)
		argv_add(&argv, "--tls-verify=false");
	if (certificates(work, image, &argv, err) < 0)
		return -1;
	if (image->login && hand_login(work, image, &argv, err) < 0)
		return -1;
	argv_add(&argv, source);
	if (run_buildah(work, &argv, true, &result, err) < 0) {
		if (err && *err && (*err)->transient)
			(*err)->cls = ERROR_REGISTRY;
		return error_wrap(err, "%s for %s", image->name, platform);
	}
	id = result.out->data ? result.out->data : "";
	len = strspn(id, "0123456789abcdef");
	if (len != DIGEST_HEX)
		return error_make(err, ERROR_TOOL, "%s pull %s did not print an image id", work->self->program, source);
	argv_addf(&work->ids, "%.*s", (int)len, id);
	return 0;
}

/* Loads an image of the store into buildah's storage, as a "dir:" folder with a docker manifest: from an OCI
 * layout, buildah would drop HEALTHCHECK and ONBUILD. The blobs are links. */
static int bring_from_store(struct work *work, const struct build_image *image, size_t number, struct error **err)
{
	cleanup_free char *dir = mem_printf("%s/base-%zu", work->job->staging, number);
	cleanup_free char *source = mem_printf("dir:%s", dir);
	int status;

	if (import_stage_dir(work->self->layout, image->digest, dir, err) < 0)
		return -1;
	status = pull(work, image, source, err);
	if (fs_remove_tree(dir, status == 0 ? err : NULL) < 0)
		return -1;
	return status;
}

/* The image that currently has the name ("sha256:..."), malloc'd, or NULL. */
static char *named(const struct buildah *self, const char *reference)
{
	cleanup_storage struct storage *storage = NULL;
	const char *identity;

	if (storage_open(self->facts.root, &storage, NULL) < 0)
		return NULL;
	identity = storage_find(storage, reference);
	return identity ? mem_strdup(identity) : NULL;
}

/* buildah names a pulled image after its reference. The user's name for an image of this machine's platform must
 * not move to one of another platform. */
static int pull_remote(struct work *work, const struct build_image *image, struct error **err)
{
	cleanup_free char *source = import_pull_reference(image->reference);
	const char *name = source + strlen("docker://");
	cleanup_free char *before = named(work->self, name);
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };

	if (pull(work, image, source, err) < 0)
		return -1;
	if (!before || strcmp(digest_hex(before), work->ids.items[work->ids.len - 1]) == 0 ||
	    platform_equal(&image->platform, &work->self->platforms[0]))
		return 0;
	argv_add(&argv, work->self->program);
	argv_add(&argv, "tag");
	argv_add(&argv, digest_hex(before));
	argv_add(&argv, name);
	return run_buildah(work, &argv, false, &result, err);
}

/* An image by its own name, from this storage only. */
static int bring_own(struct work *work, const struct build_image *image, struct error **err)
{
	cleanup_free char *identity = named(work->self, image->reference);

	if (!identity)
		return error_make(err, ERROR_REGISTRY, "%s is not in %s either", image->reference, work->self->place);
	argv_add(&work->ids, digest_hex(identity));
	return 0;
}

static int bring_missing(struct work *work, const struct build_image *image, size_t number, struct error **err)
{
	switch (image->where) {
	case IMAGE_STORE:
		return bring_from_store(work, image, number, err);
	case IMAGE_REMOTE:
		return strchr(image->reference, '@') ? pull_remote(work, image, err) : bring_own(work, image, err);
	case IMAGE_LOCAL:
		break;
	}
	error_make(err, ERROR_TOOL, "%s: image %s is gone from %s", image->name, image->id, work->self->place);
	error_remedy(err, "run cbuild again: it will be rebuilt");
	return -1;
}

static int bring(struct work *work, size_t number, struct error **err)
{
	const struct build_image *image = &work->job->images[number];
	const char *id = image->where == IMAGE_LOCAL ? image->id : image->identity;
	/* What is pulled gets a name in the storage, whatever its platform. */
	const char *name = id ? id : image->reference;
	int status;

	keylock_take(work->self->bring, name);
	if (id && stored(work->self, id)) {
		argv_add(&work->ids, digest_hex(id));
		status = 0;
	} else {
		status = bring_missing(work, image, number, err);
	}
	keylock_give(work->self->bring, name);
	return status;
}

static int read_image(const struct buildah *self, const char *identity, struct image **ret, struct error **err)
{
	cleanup_storage struct storage *storage = NULL;
	cleanup_buf struct buf config = { 0 };

	if (storage_open(self->facts.root, &storage, err) < 0 || storage_config(storage, identity, &config, err) < 0)
		return -1;
	return image_read_config(config.data, config.len, identity, ret, err);
}

/* Runs the build; if it is cancelled, removes what it was working on. */
static int run_build(struct work *work, const struct argv *argv, unsigned number, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	int status = run_buildah(work, argv, false, &result, err);

	if (status < 0 && loop_cancelled(work->self->loop))
		leftover_remove(work->self->loop, work->self->program, work->self->facts.root, number);
	return status;
}

/* The flags of RUN steps (malloc'd), and whether they are only assumed to work here. */
static char *flags_now(struct buildah *self, bool *ret_assumed)
{
	char *flags;

	pthread_mutex_lock(&self->facts_lock);
	flags = mem_strdup(self->facts.flags);
	*ret_assumed = self->facts.assumed;
	pthread_mutex_unlock(&self->facts_lock);
	return flags;
}

struct tried {
	struct state *state;
	char *program;
	struct buildah_facts facts;
};

/* On the loop's thread. */
static void keep_tried(void *arg)
{
	struct tried *tried = arg;

	/* If it cannot be stored, it is tried out again. */
	buildah_facts_remember(tried->program, tried->state, &tried->facts, NULL);
	buildah_facts_free(&tried->facts);
	free(tried->program);
	free(tried);
}

static void post_tried(struct buildah *self)
{
	struct tried *tried = mem_alloc(sizeof(*tried));

	*tried = (struct tried){
		.state = self->state,
		.program = mem_strdup(self->program),
		.facts = { .version = mem_strdup(self->facts.version),
			   .engine = mem_strdup(self->facts.engine),
			   .root = mem_strdup(self->facts.root),
			   .flags = mem_strdup(self->facts.flags) },
	};
	loop_post(self->loop, keep_tried, tried);
}

/* A build has failed with flags that were only assumed: 1 when others work, so that it is to be tried again, 0 when it was not their
 * fault, negative when none work. */
static int flags_were_wrong(struct work *work, const char *used, struct error **err)
{
	struct buildah *self = work->self;
	int r = 0;

	pthread_mutex_lock(&self->facts_lock);
	if (self->facts.assumed) {
		if (work->job->tell)
			work->job->tell(work->job->tell_data,
					mem_printf("trying out %s, once: how it can run steps on this machine",
						   path_base(self->program)));
		r = buildah_facts_try(self->program, self->loop, self->layout, &self->facts, err);
		if (r == 0)
			post_tried(self);
	}
	if (r == 0)
		r = strcmp(self->facts.flags, used) != 0;
	pthread_mutex_unlock(&self->facts_lock);
	return r;
}

/* Runs one build with these flags and reads the id of the result. */
static int run_with_flags(struct work *work, const char *flags, const struct rewrite_files *files, bool no_cache,
			  char ret_identity[DIGEST_LEN + 1], struct error **err)
{
	unsigned number = atomic_fetch_add(&work->self->builds, 1) + 1;
	cleanup_free char *iidfile = path_join(work->job->staging, "iid");
	cleanup_free char *mark = leftover_mark(number);
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf id = { 0 };
	struct buildah_command command = {
		.program = work->self->program,
		.flags = flags,
		.host = &work->self->platforms[0],
		.files = files,
		.iidfile = iidfile,
		.mark = mark,
		.ids = (const char *const *)work->ids.items,
		.no_cache = no_cache,
	};

	if (unlink(iidfile) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "%s", iidfile);
	buildah_argv(&command, work->job, &argv, &work->env);
	if (run_build(work, &argv, number, err) < 0 || fs_read(iidfile, 2 * DIGEST_LEN, &id, err) < 0)
		return -1;
	if (!id.data || !digest_valid(id.data))
		return error_make(err, ERROR_TOOL, "%s wrote no image id for %s", work->self->program, work->job->id);
	memcpy(ret_identity, id.data, DIGEST_LEN + 1);
	return 0;
}

static int build(struct work *work, const struct rewrite_files *files, bool no_cache, char ret_identity[DIGEST_LEN + 1],
		 struct error **err)
{
	bool assumed;
	cleanup_free char *flags = flags_now(work->self, &assumed), *right = NULL;
	struct error *error = NULL;
	int r = run_with_flags(work, flags, files, no_cache, ret_identity, &error), wrong;

	if (r == 0 || !assumed || loop_cancelled(work->self->loop))
		return r == 0 ? 0 : error_move(err, &error);
	wrong = flags_were_wrong(work, flags, err);
	if (wrong == 0)
		return error_move(err, &error);
	error_free(error);
	if (wrong < 0)
		return -1;
	right = flags_now(work->self, &assumed);
	return run_with_flags(work, right, files, no_cache, ret_identity, err);
}

/* Sets *ret_fault when the image is not the requested one, *ret_dated to whether all of it has the requested date. */
static int prove(struct work *work, const char *identity, char **ret_fault, bool *ret_dated, struct error **err)
{
	const struct build_image *base = proof_base(work->job);
	cleanup_image struct image *image = NULL, *base_image = NULL;
	cleanup_free char *base_identity = NULL;

	if (base) {
		base_identity = mem_printf("sha256:%s", work->ids.items[base - work->job->images]);
		if (read_image(work->self, base_identity, &base_image, err) < 0)
			return -1;
	}
	if (read_image(work->self, identity, &image, err) < 0)
		return -1;
	*ret_fault = proof_fault(image, &work->job->platform, base_image);
	*ret_dated = !work->job->has_epoch || proof_dated(image, base_image, work->job->epoch);
	return 0;
}

/* buildah's cache ignores the platform, and the date: a wrong result is built again without the cache. */
static int build_proved(struct work *work, const struct rewrite_files *files, char ret_identity[DIGEST_LEN + 1],
			struct error **err)
{
	cleanup_free char *fault = NULL, *second = NULL;
	/* It has no way to leave out single stages. */
	bool no_cache = work->job->no_cache || (work->job->no_cache_filter && work->job->no_cache_filter[0]), dated;

	if (build(work, files, no_cache, ret_identity, err) < 0 || prove(work, ret_identity, &fault, &dated, err) < 0)
		return -1;
	if (!fault && (dated || no_cache))
		return 0;
	if (!no_cache) {
		if (build(work, files, true, ret_identity, err) < 0 || prove(work, ret_identity, &second, &dated, err) < 0)
			return -1;
		if (!second)
			return 0;
	}
	return error_make(err, ERROR_BUILD, "%s made a wrong image, also without its cache: %s",
			  path_base(work->self->program), second ? second : fault);
}

/* buildah writes ids and host names into its configs, which differ from run to run. */
static int canonical_identity(struct work *work, const char *id, char ret_identity[DIGEST_LEN + 1], struct error **err)
{
	cleanup_storage struct storage *storage = NULL;
	cleanup_buf struct buf config = { 0 }, canonical = { 0 };

	if (storage_open(work->self->facts.root, &storage, err) < 0 || storage_config(storage, id, &config, err) < 0 ||
	    image_canonical_config(config.data, config.len, id, &canonical, err) < 0)
		return -1;
	return digest_bytes(canonical.data, canonical.len, ret_identity, err);
}

/* Copies the image into the store. */
static int export(struct work *work, const char *id, struct build_result *result, struct error **err)
{
	cleanup_free char *dir = path_join(work->job->staging, "image");
	cleanup_proc struct proc_result pushed = { 0 };
	cleanup_argv struct argv argv = { 0 };

	argv_add(&argv, work->self->program);
	argv_add(&argv, "push");
	argv_add(&argv, "--quiet");
	argv_add(&argv, "--format=v2s2");
	argv_add(&argv, digest_hex(id));
	argv_addf(&argv, "dir:%s", dir);
	if (run_buildah(work, &argv, false, &pushed, err) < 0)
		return -1;
	if (layout_import_dir(work->self->layout, dir, &work->job->platform, result->digest, err) < 0)
		return -1;
	return import_finish(work->self->layout, result->identity, result, err);
}

static int check_contexts(const struct buildah *self, const struct build_job *job, struct error **err)
{
	for (size_t i = 0; i < job->contexts_len; i++) {
		if (!strstr(job->contexts[i].name, "::"))
			continue;
		error_make(err, ERROR_TOOL, "%s cannot take a different context for each platform: %s",
			   path_base(self->program), job->contexts[i].name);
		error_remedy(err, "build it with another builder: --builder=docker");
		return -1;
	}
	return 0;
}

static int build_one(struct work *work, struct build_result *result, struct error **err)
{
	/* buildah's cache considers only a step's text, not what it mounts: so add an optional secret that nobody
	 * provides, named after the key. It must be the last flag, because buildah 1.28 takes a mount without a
	 * type for one of the previous type. */
	cleanup_free char *flag = mem_printf(IMAGE_STEP_KEY "%s", work->job->key);
	cleanup_rewrite_files struct rewrite_files files = { 0 };
	char id[DIGEST_LEN + 1];

	if (check_contexts(work->self, work->job, err) < 0)
		return -1;
	for (size_t i = 0; i < work->job->images_len; i++)
		if (bring(work, i, err) < 0)
			return -1;
	if (rewrite_files(work->job, (const char *const *)work->ids.items, flag, &files, err) < 0 ||
	    build_proved(work, &files, id, err) < 0 || canonical_identity(work, id, result->identity, err) < 0)
		return -1;
	memcpy(result->id, id, sizeof(id));
	if (!work->job->keep)
		return export(work, id, result, err);
	result->place = mem_strdup(work->self->place);
	return 0;
}

/* buildah refuses to work if DOCKER_CONFIG names a folder without a config.json; docker does not. */
static const char *useless_variable(void)
{
	const char *dir = getenv("DOCKER_CONFIG");
	cleanup_free char *path = dir ? path_join(dir, "config.json") : NULL;

	return path && !fs_exists(path) ? "DOCKER_CONFIG=" : NULL;
}

static void buildah_build(void *data, const struct build_job *jobs, size_t len, build_done *done, void *done_data)
{
	for (size_t i = 0; i < len; i++) {
		struct work work = { .self = data, .job = &jobs[i] };
		struct build_result result = { 0 };

		work.output = (struct output){
			.log_fd = work.job->output ? work.job->output->log_fd : -1,
			.line = take_line,
			.data = &work,
		};
		args_environment(work.job, useless_variable(), &work.env);
		build_one(&work, &result, &result.error);
		argv_free(&work.env);
		argv_free(&work.ids);
		done(done_data, i, &result);
	}
}

static void buildah_free(void *data)
{
	struct buildah *self = data;

	free(self->program);
	free(self->place);
	free(self->detail);
	buildah_facts_free(&self->facts);
	pthread_mutex_destroy(&self->facts_lock);
	keylock_free(self->bring);
	free(self);
}

/* The oldest version that supports here-documents. */
static bool knows_heredocs(const char *version)
{
	unsigned major = 0, minor = 0;

	return sscanf(version, "%u.%u", &major, &minor) == 2 && (major > 1 || minor >= 33);
}

static int open_program(const struct builder_given *given, const char *program, void **ret, struct builder_info *info,
			struct error **err)
{
	struct buildah_facts facts;
	struct buildah *self;

	if (buildah_facts_find(program, given->means.loop, given->means.state, given->means.layout, &facts, err) < 0)
		return -1;
	self = mem_alloc(sizeof(*self));
	self->loop = given->means.loop;
	self->state = given->means.state;
	pthread_mutex_init(&self->facts_lock, NULL);
	self->layout = given->means.layout;
	self->program = mem_strdup(program);
	self->facts = facts;
	self->place = mem_printf(PLACE_PREFIX "%s", facts.root);
	self->bring = keylock_new();
	info->version = self->facts.version;
	info->detail = self->detail = mem_strdup(self->facts.flags);
	info->place = self->place;
	info->mounts_ignored = true;
	info->own_images = true;
	info->engine = self->place;
	info->platforms = self->platforms;
	info->platforms_len = emulation_platforms(EMULATION_DIR, self->platforms);
	info->abilities = ABILITY_PIN | (knows_heredocs(self->facts.engine) ? ABILITY_HEREDOC : 0);
	leftover_remove(self->loop, self->program, self->facts.root, 0);
	leftover_remove_unnoted(self->loop, self->facts.root);
	*ret = self;
	return 0;
}

static int open_buildah(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	cleanup_free char *program = proc_find("buildah");

	if (program)
		return open_program(given, program, ret, info, err);
	error_make(err, ERROR_TOOL, "buildah is not installed");
	error_remedy(err, "apt-get install buildah runc (or your system's packages of that name)");
	return -1;
}

static int open_podman(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	cleanup_free char *program = proc_find("podman");

	if (program)
		return open_program(given, program, ret, info, err);
	error_make(err, ERROR_TOOL, "podman is not installed");
	error_remedy(err, "apt-get install podman runc (or your system's packages of that name)");
	return -1;
}

static char *known_root(const char *name, struct state *state)
{
	cleanup_free char *program = proc_find(name);
	cleanup_free char *root = program ? buildah_facts_root(program, state) : NULL;

	return root ? mem_printf(PLACE_PREFIX "%s", root) : NULL;
}

static char *buildah_known_place(struct state *state)
{
	return known_root("buildah", state);
}

static char *podman_known_place(struct state *state)
{
	return known_root("podman", state);
}

static char *buildah_known_engine(const char *instance, struct state *state)
{
	(void)instance;
	return buildah_known_place(state);
}

static char *podman_known_engine(const char *instance, struct state *state)
{
	(void)instance;
	return podman_known_place(state);
}

const struct builder_ops builder_buildah = {
	.known_place = buildah_known_place,
	.known_engine = buildah_known_engine,
	.open = open_buildah,
	.free = buildah_free,
	.build = buildah_build,
};

/* `podman build`: the same engine and storage, for machines without the buildah command. */
const struct builder_ops builder_podman = {
	.known_place = podman_known_place,
	.known_engine = podman_known_engine,
	.own_first = true,
	.open = open_podman,
	.free = buildah_free,
	.build = buildah_build,
};
