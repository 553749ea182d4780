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
		      struct error **err)
{
	*url = (struct build_url){ .url = from->url, .git = from->git, .pin = from->pin };
	if (!from->url || from->pinned)
		return 0;
	if (!from->pin)
		return ask_state(task, from, err);
	if (!(builder_info(task->builder)->abilities & ABILITY_PIN))
		return cannot_hold(task, from, err);
	if (from->git || builder_info(task->builder)->holds_urls)
		return 0;
	return fetch_file(task, arena, from, url, err);
}

int task_urls(struct task *task, struct arena *arena, struct build_job *job, struct error **err)
{
	const struct plan_build *build = task->node->build;
	struct build_url *urls = arena_array(arena, build->urls_len + 1, sizeof(*urls));

	for (size_t i = 0; i < build->urls_len; i++)
		if (settle_url(task, arena, &build->urls[i], &urls[i], err) < 0)
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
