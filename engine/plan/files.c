#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "dsl/late.h"
#include "dsl/manifest.h"
#include "engine/plan/internal.h"
#include "engine/source/ignore.h"

#define DOCKERFILE_MAX (8u << 20) /* bytes */

/* An error of a lower room about a file of this service becomes a complaint at `pos`. */
static void complain(struct plan *plan, struct pos pos, struct error **error)
{
	diags_add(plan->diags, pos, (*error)->remedy, "%s", (*error)->message);
	error_free(*error);
	*error = NULL;
}

static bool read_dockerfile(struct plan *plan, const struct build_spec *build, struct plan_service *service)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;
	bool found;

	found = build->inline_text.s != NULL;
	if (found)
		buf_str(&text, build->inline_text.s);
	else if (fs_read_if(build->dockerfile.s, DOCKERFILE_MAX, &text, &found, &error) < 0) {
		complain(plan, build->dockerfile.pos, &error);
		return false;
	}
	if (!found) {
		const char *shown = path_relative(plan->manifest->dir, build->dockerfile.s);

		diags_add(plan->diags, build->dockerfile.pos,
			  fs_exists(build->context.s) ? "`dockerfile:` names another one, relative to the context"
						      : "the context folder does not exist",
			  "cannot find Dockerfile: %s", shown ? shown : build->dockerfile.s);
		return false;
	}
	service->text_len = text.len;
	service->text = buf_steal(&text);
	if (dockerfile_parse(service->text, service->text_len, build->dockerfile.s, &service->dockerfile, &error) < 0) {
		complain(plan, build->dockerfile.pos, &error);
		return false;
	}
	return true;
}

/* "<Dockerfile>.dockerignore" comes before the context's own ".dockerignore", as in BuildKit. */
static bool read_ignore(struct plan *plan, const struct build_spec *build, struct plan_service *service)
{
	cleanup_free char *beside = mem_printf("%s.dockerignore", build->dockerfile.s);
	cleanup_free char *inside = path_join(build->context.s, ".dockerignore");
	const char *path = beside;
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;
	bool found;

	if (fs_read_if(path, DOCKERFILE_MAX, &text, &found, &error) == 0 && !found) {
		path = inside;
		fs_read_if(path, DOCKERFILE_MAX, &text, &found, &error);
	}
	if (!error && found) {
		service->ignore_len = text.len;
		service->ignore_text = buf_steal(&text);
		ignore_parse(service->ignore_text, service->ignore_len, path, &service->ignore, &error);
	}
	if (error) {
		complain(plan, build->context.pos, &error);
		return false;
	}
	return true;
}

bool plan_load_service(struct plan *plan, size_t index)
{
	struct plan_service *service = &plan->services[index];
	const struct build_spec *build = &plan->manifest->services[index].build;

	if (!service->loaded) {
		service->loaded = true;
		service->failed = !read_dockerfile(plan, build, service) || !read_ignore(plan, build, service);
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

const char *const *plan_except(struct plan *plan, const char *root, size_t *ret_len)
{
	const char **except = NULL;
	size_t len = 0;

	for (size_t i = 0; i < plan->outputs_len; i++) {
		const char *relative = path_relative(root, plan->outputs[i]);

		if (!relative || strcmp(relative, ".") == 0)
			continue;
		if (!except)
			except = arena_array(plan->arena, plan->outputs_len, sizeof(*except));
		except[len++] = relative;
	}
	*ret_len = len;
	return except;
}
