#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/text.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/plan/read_ahead.h"
#include "engine/plan/trail.h"
#include "engine/source/ignore.h"

#define UNFETCHED "FROM scratch\n" /* in the place of a Dockerfile that is not here: of its build nothing is known */

#define DOCKERFILE_MAX (8u << 20) /* bytes */
#define AHEAD_LEAST 64            /* services: with fewer, threads do not pay off */

/* Turns an error about a file of this service into a complaint at `pos`, unless it is the disk's. */
static void plan_files_complain(struct plan *plan, struct pos pos, struct error **error)
{
	if (error_unreadable(*error)) {
		error_move(&plan->unread, error);
		return;
	}
	diags_add(plan->diags, pos, (*error)->remedy, "%s", (*error)->message);
	error_free(*error);
	*error = NULL;
}

/* As fs_read_if. */
static int plan_files_read_text(struct plan *plan, const char *path, struct buf *ret, bool *ret_found, struct error **err)
{
	if (read_ahead_take(plan->ahead, path, ret, ret_found))
		return 0;
	return fs_read_if(path, DOCKERFILE_MAX, ret, ret_found, err);
}

uint32_t plan_dockerfile_source(struct plan *plan, size_t service)
{
	const struct build_spec *build = &plan->manifest->services[service].build;
	struct plan_service *own = &plan->services[service];
	cleanup_free char *inside =
		mem_printf("services.%s.build.dockerfile_inline", plan->manifest->services[service].name.s);
	const char *shown = build->inline_text.s ? inside : plan_dockerfile_shown(plan, build);

	if (!own->shown)
		own->shown = diags_source(plan->diags, shown, own->text, own->text_len);
	return own->shown;
}

/* Lines of a file that is probably none, such as a planted link to a secret, are not shown. */
static bool looks_like_dockerfile(const struct plan_service *service)
{
	return service->text_len > 5 && (strncmp(service->text, "FROM ", 5) == 0 || strstr(service->text, "\nFROM "));
}

/* What is wrong in a line of a Dockerfile is shown there, once for all services that have it. */
static void complain_in_dockerfile(struct plan *plan, size_t service, struct error **error)
{
	const struct build_spec *build = &plan->manifest->services[service].build;
	const char *text;
	unsigned line = dockerfile_error_line((*error)->message, build->dockerfile.s, &text);

	if (!line) {
		plan_files_complain(plan, build->dockerfile.pos, error);
		return;
	}
	diags_add(plan->diags, (struct pos){ .file = plan_dockerfile_source(plan, service), .line = line, .column = 1 },
		  (*error)->remedy, "%s", text);
	if (!(*error)->remedy && !looks_like_dockerfile(&plan->services[service]))
		diags_hide(plan->diags, plan->services[service].shown, NULL);
	error_free(*error);
	*error = NULL;
}

static bool plan_files_read_dockerfile(struct plan *plan, const struct build_spec *build, struct plan_service *service)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;
	bool found;

	found = build->inline_text.s != NULL;
	if (found)
		buf_str(&text, build->inline_text.s);
	else if (plan_files_read_text(plan, build->dockerfile.s, &text, &found, &error) < 0) {
		plan_files_complain(plan, build->dockerfile.pos, &error);
		return false;
	}
	if (!found && service->unfetched) {
		service->blank = true;
		buf_str(&text, UNFETCHED);
	} else if (!found) {
		diags_add(plan->diags, build->dockerfile.pos,
			  fs_exists(build->context.s) ? "`dockerfile:` names another one, relative to the context"
						      : "the context folder does not exist",
			  "cannot find Dockerfile: %s", plan_dockerfile_shown(plan, build));
		return false;
	}
	service->text_len = text.len;
	service->text = buf_steal(&text);
	if (dockerfile_parse(service->text, service->text_len, build->dockerfile.s, &service->dockerfile, &error) < 0) {
		complain_in_dockerfile(plan, (size_t)(service - plan->services), &error);
		return false;
	}
	return true;
}

static int parse_ignore(struct plan *plan, struct plan_ignore *file, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (plan_files_read_text(plan, path, &text, &file->found, err) < 0)
		return -1;
	if (!file->found)
		return 0;
	file->len = text.len;
	file->text = buf_steal(&text);
	return ignore_parse(file->text, file->len, path, &file->ignore, err);
}

/* NULL with *err set. A failure is not remembered, so that each service reports it. */
static const struct plan_ignore *load_ignore(struct plan *plan, const char *path, struct error **err)
{
	struct plan_ignore *file = map_get(plan->ignores, path);

	if (file)
		return file;
	file = arena_alloc(plan->arena, sizeof(*file));
	if (parse_ignore(plan, file, path, err) < 0) {
		free(file->text);
		return NULL;
	}
	map_set(plan->ignores, arena_strdup(plan->arena, path), file);
	return file;
}

const struct ignore *plan_exclude(struct plan *plan, const char *text)
{
	const char *name = text ? arena_join(plan->arena, "--exclude ", text, NULL) : NULL; /* no path looks like that */
	struct plan_ignore *file = text ? map_get(plan->ignores, name) : NULL;

	if (!text || file)
		return file ? file->ignore : NULL;
	file = arena_alloc(plan->arena, sizeof(*file));
	if (ignore_parse(text, strlen(text), "--exclude", &file->ignore, NULL) < 0)
		file->ignore = NULL; /* nothing is excluded */
	map_set(plan->ignores, name, file);
	return file->ignore;
}

static const char *ignore_beside(struct plan *plan, const struct build_spec *build)
{
	return arena_join(plan->arena, build->dockerfile.s, ".dockerignore", NULL);
}

static const char *ignore_inside(struct plan *plan, const char *root)
{
	return arena_join(plan->arena, strcmp(root, "/") == 0 ? "" : root, "/.dockerignore", NULL);
}

const struct ignore *plan_ignore_in(struct plan *plan, const char *root)
{
	const struct plan_ignore *file = load_ignore(plan, ignore_inside(plan, root), NULL);

	return file ? file->ignore : NULL;
}

const struct dockerfile *plan_dockerfile(const struct plan *plan, size_t service)
{
	return plan->services[service].dockerfile;
}

/* "<Dockerfile>.dockerignore" precedes the context's own ".dockerignore", as in BuildKit, which has neither for a context from
 * elsewhere. */
static bool read_ignore(struct plan *plan, const struct build_spec *build, struct plan_service *service)
{
	cleanup_error struct error *error = NULL;
	const struct plan_ignore *file;

	if (build->context_url.s)
		return true;
	file = load_ignore(plan, ignore_beside(plan, build), &error);
	if (file && !file->found)
		file = load_ignore(plan, ignore_inside(plan, build->context.s), &error);
	if (!file) {
		plan_files_complain(plan, build->context.pos, &error);
		return false;
	}
	service->ignore = file->found ? file : NULL;
	return true;
}

/* For services whose Dockerfile is a file; the others usually share an ignore file. */
void plan_read_ahead(struct plan *plan)
{
	size_t services = plan->manifest->services_len, len = 0;
	const char **paths = mem_array(3 * services + 1, sizeof(*paths));

	for (size_t i = 0; i < services; i++) {
		const struct build_spec *build = &plan->manifest->services[i].build;

		if (!plan->services[i].target || build->inline_text.s)
			continue;
		paths[len++] = build->dockerfile.s;
		paths[len++] = ignore_beside(plan, build);
		paths[len++] = ignore_inside(plan, build->context.s);
	}
	if (len >= 3 * (size_t)AHEAD_LEAST)
		plan->ahead = read_ahead_start(paths, len, DOCKERFILE_MAX);
	free(paths);
}

/* A link in what strangers made may lead anywhere. */
static bool plan_files_stay(struct plan *plan, const struct remote_use *use, const char *path)
{
	cleanup_free char *root = realpath(use->root, NULL), *real = root ? realpath(path, NULL) : NULL;
	cleanup_free char *shown = NULL;

	if (!root || !real || path_inside(root, real))
		return true;
	shown = text_without_login(use->url.s);
	diags_add(plan->diags, use->url.pos, NULL, "%s: \"%s\" is a link to what is outside", shown,
		  path_relative(use->root, path) ? path_relative(use->root, path) : path);
	return false;
}

static bool plan_files_check_paths(struct plan *plan, const struct build_spec *build, const struct remote_use *use)
{
	return plan_files_stay(plan, use, use->path) &&
	       (!path_inside(use->root, build->dockerfile.s) || plan_files_stay(plan, use, build->dockerfile.s));
}

/* What comes from elsewhere is here, and is what it seems to be. */
static bool plan_files_find_remotes(struct plan *plan, const struct build_spec *build, struct plan_service *service)
{
	bool good = true;

	for (size_t i = 0; i < build->remotes_len; i++) {
		const struct remote_use *use = &build->remotes[i];

		if (use->ready) {
			good = plan_files_check_paths(plan, build, use) && good;
			continue;
		}
		if (plan->options.unfetched) {
			cleanup_free char *shown = text_without_login(use->url.s);

			service->unfetched = arena_strdup(plan->arena, shown);
			continue;
		}
		if (plan->options.lacks)
			plan->options.lacks(plan->options.lacks_data, use);
		good = false;
	}
	return good;
}

bool plan_load_service(struct plan *plan, size_t index)
{
	struct plan_service *service = &plan->services[index];
	const struct build_spec *build = &plan->manifest->services[index].build;

	if (!service->loaded) {
		service->loaded = true;
		service->failed = !plan_files_find_remotes(plan, build, service) ||
				  !plan_files_read_dockerfile(plan, build, service) ||
				  !read_ignore(plan, build, service);
	}
	return !service->failed;
}

struct expansion {
	struct arena *arena;
	const struct platform *platform;
};

static const char *lookup_platform(void *data, const char *name)
{
	struct expansion *expansion = data;

	return late_platform(expansion->arena, expansion->platform, name);
}

const char *plan_expand(struct plan *plan, const struct platform *platform, const char *s)
{
	struct expansion expansion = { .arena = plan->arena, .platform = platform };

	return s && platform ? late_expand(plan->arena, s, lookup_platform, &expansion) : s;
}

char *plan_real_folder(const struct plan *plan, const char *path)
{
	char *real = plan->prepares ? realpath(path, NULL) : NULL;

	if (real)
		return real;
	return plan->prepares ? trail_real(path) : mem_strdup(path);
}
