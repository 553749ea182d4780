#include "config.h"

#include "engine/exec/task_urls.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/exec/task.h"
#include "engine/io/proc.h"
#include "engine/registry/urls.h"

/* A name that stands for itself in a Dockerfile's word. */
static bool is_plain_name(const char *name)
{
	return *name && *name != '.' && *name != '-' &&
	       !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-")];
}

/* What builders call the file: the last part of the URL's path. */
static const char *name_of(struct arena *arena, const char *url)
{
	const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : url;
	size_t len = strcspn(host, "?#"), start = len;

	while (start > 0 && host[start - 1] != '/')
		start--;
	return start > 0 ? arena_strndup(arena, host + start, len - start) : "";
}

/* A builder that would take whatever is there. */
static int cannot_hold(const struct task *task, const struct plan_url *from, struct error **err)
{
	error_make(err, ERROR_TOOL, "%s: %s cannot be held to the version locked for %s", from->place,
		   builder_info(task->builder)->name, from->shown);
	error_remedy(err,
		     "build it with BuildKit (--builder=docker); buildah can where an ADD of its own, without brackets, "
		     "has the URL of a file with a plain name");
	return -1;
}

/* An ADD of one that the builder cannot be held to becomes a COPY of a folder that has it. */
static int fetch_file(struct task *task, struct arena *arena, const struct plan_url *from, struct build_url *url,
		      struct error **err)
{
	const char *staging = task_staging(task, err), *name = name_of(arena, from->url);
	cleanup_free char *path = NULL;

	if (!staging)
		return -1;
	if (from->mention->length == 0 || !is_plain_name(name))
		return cannot_hold(task, from, err);
	url->folder = arena_printf(arena, "%s/url-%zu", staging, from->mention->offset);
	url->file = name;
	url->context = arena_printf(arena, "cbuild-url-%zu", from->mention->offset);
	url->copy = arena_printf(arena, "COPY --from=%s", url->context);
	url->add = from->mention->add;
	url->add_len = strlen("ADD");
	url->offset = from->mention->offset;
	url->length = from->mention->length;
	path = path_join(url->folder, name);
	if (fs_remove_tree(url->folder, err) < 0 || fs_mkdirs(url->folder, 0755, err) < 0)
		return -1;
	task_note(task, "fetching %s for %s", from->shown, from->place);
	return urls_fetch(task->env->urls, from->url, from->pin, path, err);
}

/* As a builder does with an archive that is a context. */
static int fetch_context(struct task *task, struct arena *arena, const struct plan_url *from, const char **ret,
			 struct error **err)
{
	const char *staging = task_staging(task, err);
	cleanup_free char *archive = staging ? mem_printf("%s/archive", staging) : NULL;
	cleanup_proc struct proc_result result = { 0 };
	char *folder;

	if (!staging)
		return -1;
	folder = arena_printf(arena, "%s/fetched-%s", staging, from->context);
	for (char *c = folder + strlen(staging) + 1; *c; c++)
		*c = *c == '/' || *c == ':' ? '-' : *c;
	if (fs_remove_tree(folder, err) < 0 || fs_remove_tree(archive, err) < 0 || fs_mkdirs(folder, 0755, err) < 0)
		return -1;
	task_note(task, "fetching %s for %s", from->shown, from->place);
	if (urls_fetch(task->env->urls, from->url, from->pin, archive, err) < 0)
		return -1;
	{
		const char *argv[] = { "tar",  "--extract", "--no-same-owner", "--file", archive, "--directory",
				       folder, NULL };

		if (proc_check(task->env->loop, &(struct proc_spec){ .argv = argv, .output = &task->output },
			       ERROR_BUILD, &result, err) < 0)
			return error_wrap(err, "%s of %s", from->place, from->shown);
	}
	*ret = folder;
	return 0;
}

/* "URL#main:folder" of the commit. */
static const char *at_commit(struct arena *arena, const char *url, const char *pin)
{
	size_t end = strcspn(url, "#"), ref = url[end] ? strcspn(url + end + 1, ":") + 1 : 0;

	return arena_printf(arena, "%.*s#%s%s", (int)end, url, strchr(pin, ':') + 1, url + end + ref);
}

static int settle_context(struct task *task, struct arena *arena, const struct plan_url *from, struct build_url *url,
			  struct build_context *context, struct error **err)
{
	if (from->git) {
		context->value = at_commit(arena, from->url, from->pin);
		url->url = context->value;
		url->pin = NULL; /* it says so itself */
		return 0;
	}
	if (!(builder_info(task->builder)->abilities & ABILITY_PIN))
		return cannot_hold(task, from, err);
	if (builder_info(task->builder)->holds_urls)
		return 0;
	url->pin = NULL;
	return fetch_context(task, arena, from, &context->value, err);
}

static struct build_context *task_find_context(struct task *task, const char *name, struct build_context *contexts)
{
	const struct plan_build *build = task->node->build;

	for (size_t i = 1; i < build->contexts_len; i++)
		if (strcmp(build->contexts[i].name, name) == 0)
			return &contexts[i - 1];
	return NULL;
}

/* So that the next --pull can tell whether it is another one. What cannot be asked is not in the record, and counts as another one. */
static int ask_state(struct task *task, const struct plan_url *from, struct error **err)
{
	cleanup_error struct error *error = NULL;
	const char *state;

	if (urls_state(task->env->urls, from->url, from->git, &state, &error) < 0 && error->cls == ERROR_CANCELLED)
		return error_move(err, &error);
	return 0;
}

static int settle_url(struct task *task, struct arena *arena, const struct plan_url *from, struct build_url *url,
		      struct build_context *contexts, struct error **err)
{
	*url = (struct build_url){ .url = from->url, .git = from->git, .pin = from->pin };
	if (!from->url || from->pinned)
		return 0;
	if (!from->pin)
		return ask_state(task, from, err);
	if (from->context)
		return settle_context(task, arena, from, url, task_find_context(task, from->context, contexts), err);
	if (!(builder_info(task->builder)->abilities & ABILITY_PIN))
		return cannot_hold(task, from, err);
	if (from->git || builder_info(task->builder)->holds_urls)
		return 0;
	return fetch_file(task, arena, from, url, err);
}

int task_urls(struct task *task, struct arena *arena, struct build_job *job, struct build_context *contexts,
	      struct error **err)
{
	const struct plan_build *build = task->node->build;
	struct build_url *urls = arena_array(arena, build->urls_len + 1, sizeof(*urls));

	for (size_t i = 0; i < build->urls_len; i++)
		if (settle_url(task, arena, &build->urls[i], &urls[i], contexts, err) < 0)
			return -1;
	job->urls = urls;
	job->urls_len = build->urls_len;
	return 0;
}

struct json *task_urls_kept(const struct task *task)
{
	const struct plan_build *build = task->node->build;
	struct json *kept = NULL;

	for (size_t i = 0; i < build->urls_len; i++) {
		const struct plan_url *from = &build->urls[i];
		const char *state = from->pin;

		if (!from->url || from->pinned ||
		    (!state && urls_state(task->env->urls, from->url, from->git, &state, NULL) < 0))
			continue;
		if (!kept)
			kept = json_new_object();
		json_set_str(kept, from->shown, state);
	}
	return kept;
}
