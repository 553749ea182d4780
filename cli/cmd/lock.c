#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan.h"
#include "engine/registry/base_config.h"
#include "engine/registry/bases.h"
#include "engine/registry/urls.h"

/* services.lock: brings it in line with the images that Dockerfiles name. */

/* A base that builds name, and the platforms they need it for. */
struct lock_wanted {
	char *reference;     /* normalised as in the lock */
	const char *written; /* as in a Dockerfile */
	const char *service;
	struct platform *platforms;
	size_t len, cap;
};

/* What a build fetches. */
struct lock_file {
	const struct plan_url *url;
	const char *service;
};

struct lock_work {
	struct session *session;
	struct lock_file *files; /* by their URL */
	size_t files_len, files_cap;
	struct plan_url *included;
	struct arena *arena; /* of these */
	struct lock_wanted *wanted;
	size_t len, cap;
	const struct lockfile *old; /* NULL: there is none */
	struct lockfile *made;
	struct buf out;    /* one line for each difference, */
	struct json *list; /* and an object */
	size_t differences;
};

/* ---- the bases in use ---- */

static void want_platform(struct lock_wanted *wanted, const struct platform *platform)
{
	for (size_t i = 0; i < wanted->len; i++) {
		if (platform_equal(&wanted->platforms[i], platform))
			return;
	}
	mem_reserve(&wanted->platforms, &wanted->cap, wanted->len + 1, sizeof(*wanted->platforms));
	wanted->platforms[wanted->len++] = *platform;
}

static void lock_want(struct lock_work *work, const char *service, const struct plan_image *image)
{
	cleanup_free char *reference = image->node == NO_NODE ? lock_reference(image->reference) : NULL;
	size_t i = 0;

	if (!reference)
		return;
	while (i < work->len && strcmp(work->wanted[i].reference, reference) != 0)
		i++;
	if (i == work->len) {
		mem_reserve(&work->wanted, &work->cap, work->len + 1, sizeof(*work->wanted));
		work->wanted[work->len++] = (struct lock_wanted){ .reference = steal_ptr(reference),
								  .written = image->reference,
								  .service = service };
	}
	want_platform(&work->wanted[i], &image->mention->platform);
}

/* Each once; what is pinned, or not known before the build, is not the lock's. */
static void lock_want_url(struct lock_work *work, const char *service, const struct plan_url *url)
{
	if (!url->url || url->pinned)
		return;
	for (size_t i = 0; i < work->files_len; i++)
		if (strcmp(work->files[i].url->shown, url->shown) == 0)
			return;
	mem_reserve(&work->files, &work->files_cap, work->files_len + 1, sizeof(*work->files));
	work->files[work->files_len++] = (struct lock_file){ url, service };
}

static int by_url(const void *a, const void *b)
{
	return strcmp(((const struct lock_file *)a)->url->shown, ((const struct lock_file *)b)->url->shown);
}

static int by_reference(const void *a, const void *b)
{
	return strcmp(((const struct lock_wanted *)a)->reference, ((const struct lock_wanted *)b)->reference);
}

/* The manifests that it includes. */
static void lock_want_included(struct lock_work *work)
{
	const struct texts *remotes = &work->session->manifest->remotes;

	work->included = arena_array(work->arena, remotes->len + 1, sizeof(*work->included));
	for (size_t i = 0; i < remotes->len; i++) {
		work->included[i] = plan_remote_url(work->arena, &remotes->items[i], "include", work->old);
		lock_want_url(work, work->session->manifest->path, &work->included[i]);
	}
}

static void lock_collect(struct lock_work *work)
{
	struct plan *plan = work->session->plan;

	lock_want_included(work);

	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);
		const char *service = work->session->manifest->services[node->service].name.s;

		for (size_t j = 0; node->kind == NODE_BUILD && j < node->build->images_len; j++)
			lock_want(work, service, &node->build->images[j]);
		for (size_t j = 0; node->kind == NODE_BUILD && j < node->build->urls_len; j++)
			lock_want_url(work, service, &node->build->urls[j]);
		for (size_t j = 0; node->kind == NODE_BUILD && j < node->build->fetched_len; j++)
			lock_want_url(work, service, &node->build->fetched[j]);
	}
	if (work->files_len)
		qsort(work->files, work->files_len, sizeof(*work->files), by_url);
	if (work->len)
		qsort(work->wanted, work->len, sizeof(*work->wanted), by_reference);
}

/* A base by its reference, a file by its URL. */
static bool is_called(const char *word, const char *name)
{
	return strstr(name, "://") ? strcmp(word, name) == 0 : ref_same(word, name);
}

/* The words behind --update name bases, or what is fetched. */
static int lock_check_words(const struct lock_work *work, struct error **err)
{
	const struct options *options = work->session->options;
	cleanup_free const char **names = mem_array(work->len + work->files_len + 1, sizeof(*names));

	if (options->targets_len > 0 && !options->update)
		return error_make(err, ERROR_USAGE, "lock takes names only with --update: cbuild lock --update %s",
				  options->targets[0]);
	for (size_t i = 0; i < work->len; i++)
		names[i] = work->wanted[i].reference;
	for (size_t i = 0; i < work->files_len; i++)
		names[work->len + i] = work->files[i].url->shown;
	for (size_t i = 0; i < options->targets_len; i++) {
		const char *word = options->targets[i];
		const char *nearest = text_nearest(word, names, work->len + work->files_len);
		bool found = false;

		for (size_t j = 0; j < work->len + work->files_len; j++)
			found |= is_called(word, names[j]);
		if (found)
			continue;
		error_make(err, ERROR_USAGE, "no build is made from \"%s\"", word);
		if (nearest)
			error_remedy(err, "did you mean \"%s\"?", nearest);
		return -1;
	}
	return 0;
}

static bool is_asked_again(const struct lock_work *work, const char *name)
{
	const struct options *options = work->session->options;
	bool named = options->targets_len == 0;

	for (size_t i = 0; i < options->targets_len; i++)
		named |= is_called(options->targets[i], name);
	return options->update && named;
}

/* ---- their digests ---- */

__attribute__((format(printf, 3, 4))) static void differs(struct lock_work *work, const char *name, const char *fmt, ...)
{
	struct json *difference = json_new_object();
	cleanup_free char *change = NULL;
	va_list args;

	va_start(args, fmt);
	change = mem_vprintf(fmt, args);
	va_end(args);
	buf_printf(&work->out, "%s  %s\n", name, change);
	json_set(difference, "name", json_new_string(name));
	json_set(difference, "change", json_new_string(change));
	json_append(work->list, difference);
	work->differences++;
}

static const struct platform *lacks(const struct lock_entry *entry, const struct lock_wanted *wanted)
{
	for (size_t i = 0; i < wanted->len; i++) {
		if (!lock_entry_find(entry, &wanted->platforms[i]))
			return &wanted->platforms[i];
	}
	return NULL;
}

static void lock_compare(struct lock_work *work, const struct lock_entry *was, const struct lock_entry *now)
{
	if (!was) {
		differs(work, now->reference, "added  %s", now->digest);
		return;
	}
	if (strcmp(was->digest, now->digest) != 0)
		differs(work, now->reference, "%s -> %s", was->digest, now->digest);
	else if (was->len != now->len)
		differs(work, now->reference, "%zu platforms -> %zu", was->len, now->len);
}

/* The base's ONBUILD and variables, for the platforms that are built. */
static int lock_config(struct lock_work *work, const struct lock_wanted *wanted, const struct lock_entry *was,
		       struct error **err)
{
	struct lock_entry *entry = (struct lock_entry *)lockfile_find(work->made, wanted->reference);
	char platform[PLATFORM_TEXT];

	for (size_t i = 0; i < wanted->len; i++) {
		const struct platform *own = &wanted->platforms[i];
		const char *digest = lock_entry_find(entry, own);
		const struct base_config *config;

		if (lock_entry_onbuild(entry, own) && lock_entry_env(entry, own))
			continue;
		if (session_registry(work->session, err) < 0 ||
		    bases_config(work->session->bases, wanted->written, own, digest, &config, err) < 0)
			return error_wrap(err, "the base of %s", wanted->service);
		lock_entry_set(entry, own, config->onbuild, config->env);
		platform_text(own, platform);
		if (was && strcmp(was->digest, entry->digest) == 0)
			differs(work, wanted->reference, "its ONBUILD and variables for %s", platform);
	}
	return 0;
}

/* The lock's entry for a base, or its registry's answer; an error when it has no image for a platform that is built. */
static int find_entry(struct lock_work *work, const struct lock_wanted *wanted, struct error **err)
{
	const struct lock_entry *was = lockfile_find(work->old, wanted->reference), *now = was;
	const struct platform *lacking;
	char platform[PLATFORM_TEXT];

	if (!was || is_asked_again(work, wanted->reference) || lacks(was, wanted)) {
		if (session_registry(work->session, err) < 0 ||
		    bases_find(work->session->bases, wanted->written, &now, err) < 0)
			return error_wrap(err, "the base of %s", wanted->service);
	}
	lacking = lacks(now, wanted);
	if (lacking) {
		platform_text(lacking, platform);
		return error_make(err, ERROR_REGISTRY, "%s, the base of %s, has no image for %s", wanted->reference,
				  wanted->service, platform);
	}
	lock_compare(work, was, now);
	lockfile_put(work->made, lock_entry_copy(now));
	return lock_config(work, wanted, was, err);
}

static void find_unused(struct lock_work *work)
{
	for (size_t i = 0; work->old && i < work->old->len; i++) {
		const char *reference = work->old->entries[i]->reference;

		if (!lockfile_find(work->made, reference))
			differs(work, reference, "removed");
	}
	for (size_t i = 0; work->old && i < work->old->urls_len; i++)
		if (!lockfile_url(work->made, work->old->urls[i].url))
			differs(work, work->old->urls[i].url, "removed");
}

/* What the lock has for a file or a repository, or what is there now. */
static int find_file(struct lock_work *work, const struct lock_file *file, struct error **err)
{
	const struct plan_url *url = file->url;
	const char *was = lockfile_url(work->old, url->shown), *now = was;

	if (!was || is_asked_again(work, url->shown)) {
		if (session_registry(work->session, err) < 0 ||
		    urls_content(work->session->urls, url->url, url->git, &now, err) < 0)
			return error_wrap(err, "%s of %s", url->place, file->service);
	}
	if (!was)
		differs(work, url->shown, "added  %s", now);
	else if (strcmp(was, now) != 0)
		differs(work, url->shown, "%s -> %s", was, now);
	lockfile_put_url(work->made, url->shown, now);
	return 0;
}

static int make_lock(struct lock_work *work, struct error **err)
{
	for (size_t i = 0; i < work->len; i++) {
		if (find_entry(work, &work->wanted[i], err) < 0)
			return -1;
	}
	for (size_t i = 0; i < work->files_len; i++)
		if (find_file(work, &work->files[i], err) < 0)
			return -1;
	find_unused(work);
	return 0;
}

/* The plan did not know what one of the bases gives to builds. */
static bool is_news(const struct lock_entry *entry, const struct plan_image *image)
{
	const struct platform *platform = &image->mention->platform;
	const char *env = lock_entry_env(entry, platform);

	return image->mention->use == IMAGE_FROM &&
	       (!text_same(lock_entry_onbuild(entry, platform), image->onbuild) ||
		(image->mention->env_read && !(image->env && strcmp(env, image->env) == 0)));
}

static bool is_surprised(const struct lock_work *work)
{
	const struct plan *plan = work->session->plan;

	for (size_t i = 0; i < plan_len(plan); i++) {
		const struct node *node = plan_node(plan, i);

		for (size_t j = 0; node->kind == NODE_BUILD && j < node->build->images_len; j++) {
			const struct plan_image *image = &node->build->images[j];
			cleanup_free char *name = image->node == NO_NODE ? lock_reference(image->reference) : NULL;
			const struct lock_entry *entry = name ? lockfile_find(work->made, name) : NULL;

			if (entry && is_news(entry, image))
				return true;
		}
	}
	return false;
}

static void lock_forget(struct lock_work *work)
{
	for (size_t i = 0; i < work->len; i++) {
		free(work->wanted[i].reference);
		free(work->wanted[i].platforms);
	}
	work->len = work->files_len = work->differences = 0;
	buf_reset(&work->out);
	json_free(work->list);
	work->list = json_new_array();
	lockfile_free(work->made);
	work->made = lockfile_new();
}

/* A base's ONBUILD may name further images, which are locked as well. */
static int make_whole_lock(struct lock_work *work, struct error **err)
{
	for (;;) {
		if (make_lock(work, err) < 0)
			return -1;
		if (!is_surprised(work))
			return 0;
		if (session_replan(work->session, err) < 0)
			return -1;
		lock_forget(work);
		lock_collect(work);
	}
}

/* --check alone uses no network: does the lock have what the Dockerfiles need? */
static void lock_look_over(struct lock_work *work)
{
	char platform[PLATFORM_TEXT];

	for (size_t i = 0; i < work->len; i++) {
		const struct lock_wanted *wanted = &work->wanted[i];
		const struct lock_entry *entry = lockfile_find(work->old, wanted->reference);
		const struct platform *lacking = entry ? lacks(entry, wanted) : NULL;

		if (lacking) {
			platform_text(lacking, platform);
			differs(work, wanted->reference, "not locked for %s (%s)", platform, wanted->service);
		} else if (!entry) {
			differs(work, wanted->reference, "not locked (%s)", wanted->service);
		}
		for (size_t j = 0; entry && !lacking && j < wanted->len; j++) {
			if (lock_entry_onbuild(entry, &wanted->platforms[j]) &&
			    lock_entry_env(entry, &wanted->platforms[j]))
				continue;
			platform_text(&wanted->platforms[j], platform);
			differs(work, wanted->reference, "locked without its ONBUILD or variables for %s (%s)",
				platform, wanted->service);
		}
	}
	for (size_t i = 0; work->old && i < work->old->len; i++) {
		const struct lock_wanted key = { .reference = work->old->entries[i]->reference };

		if (!work->len || !bsearch(&key, work->wanted, work->len, sizeof(key), by_reference))
			differs(work, key.reference, "locked, but no build is made from it");
	}
	for (size_t i = 0; i < work->files_len; i++)
		if (!work->files[i].url->pin)
			differs(work, work->files[i].url->shown, "not locked (%s)", work->files[i].service);
	for (size_t i = 0; work->old && i < work->old->urls_len; i++) {
		const struct plan_url url = { .shown = work->old->urls[i].url };
		const struct lock_file key = { .url = &url };

		if (!work->files_len || !bsearch(&key, work->files, work->files_len, sizeof(key), by_url))
			differs(work, url.shown, "locked, but no build is made from it");
	}
}

/* ---- the command ---- */

static int write_lock(struct lock_work *work, struct error **err)
{
	cleanup_free char *path = path_join(work->session->manifest->dir, LOCKFILE_NAME);
	cleanup_buf struct buf text = { 0 };

	if (work->old && work->differences == 0)
		return 0;
	lockfile_text(work->made, &text);
	return fs_replace(path, text.data, text.len, 0644, err);
}

static int print_differences(struct lock_work *work, struct error **err)
{
	cleanup_json struct json *document = NULL;

	if (strcmp(work->session->options->format, "json") != 0)
		return output_data(work->out.data, work->out.len, err);
	document = json_new_object();
	json_set_int(document, "version", 1);
	json_set_bool(document, "check", work->session->options->check);
	json_set(document, "differences", steal_ptr(work->list));
	return output_json(document, err);
}

static int lock_run(struct lock_work *work, struct error **err)
{
	const struct options *options = work->session->options;

	lock_collect(work);
	if (lock_check_words(work, err) < 0)
		return -1;
	if (options->check && !options->update)
		lock_look_over(work);
	else if (make_whole_lock(work, err) < 0 || (!options->check && write_lock(work, err) < 0))
		return -1;
	if (print_differences(work, err) < 0)
		return -1;
	return options->check && work->differences > 0 ? 1 : 0;
}

/* The lock covers every service that is built, whatever profiles are active. */
static const char **every_service(const struct manifest *manifest)
{
	const char **names = mem_array(manifest->services_len + 1, sizeof(*names));
	size_t len = 0;

	for (size_t i = 0; i < manifest->services_len; i++) {
		if (manifest->services[i].has_build)
			names[len++] = manifest->services[i].name.s;
	}
	return names;
}

int cmd_lock(const struct options *options, struct error **err)
{
	cleanup_free const char **targets = NULL;
	struct session session;
	struct lock_work work = { .session = &session,
				  .made = lockfile_new(),
				  .list = json_new_array(),
				  .arena = arena_new() };
	int r = session_open(&session, options, err);

	if (r == 0) {
		targets = every_service(session.manifest);
		r = session_plan(&session, &(struct session_plan){ .targets = targets }, err);
	}
	work.old = session.lock;
	if (r == 0)
		r = lock_run(&work, err);
	lock_forget(&work);
	lockfile_free(work.made);
	arena_free(work.arena);
	json_free(work.list);
	free(work.wanted);
	free(work.files);
	buf_free(&work.out);
	session_close(&session);
	return r;
}
