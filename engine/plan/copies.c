#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/diag.h"
#include "base/fs.h"
#include "base/glob.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/dockerfile.h"
#include "engine/source/ignore.h"

#define NEIGHBOURS_MAX 1000

/* What a Dockerfile names and is not there, told before a builder is started. */

/* Steps and builds that have yet to run may also make files that they do not declare. */
static bool steps_run(const struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes_len; i++)
		if ((plan->nodes[i]->kind == NODE_PREPARE || plan->nodes[i]->kind == NODE_OUTPUT) &&
		    plan->nodes[i]->state != NODE_FRESH)
			return true;
	return false;
}

/* False only when it certainly is not there: what is behind a link is not looked at. */
static bool may_be_there(const char *root, const char *relative)
{
	cleanup_free char *path = path_join(root, relative);
	size_t len = strlen(root);

	for (char *slash = path + len;; *slash = '/') {
		struct stat st;

		slash = strchr(slash + 1, '/');
		if (slash)
			*slash = '\0';
		if (lstat(path, &st) < 0)
			return errno != ENOENT && errno != ENOTDIR;
		if (S_ISLNK(st.st_mode) || !slash)
			return true;
	}
}

static const struct plan_context *context_named(const struct plan_build *build, const char *name)
{
	for (size_t i = 0; i < build->contexts_len; i++) {
		const char *other = build->contexts[i].name;

		if (name ? other && strcasecmp(other, name) == 0 : !other)
			return &build->contexts[i];
	}
	return NULL;
}

static struct pos source_pos(struct plan *plan, size_t service, const struct dockerfile_source *source)
{
	uint32_t file = plan_dockerfile_source(plan, service);

	if (source->offset != SIZE_MAX)
		return diags_pos_at(plan->diags, file, source->offset);
	return (struct pos){ .file = file, .line = source->line, .column = 1 };
}

/* Something in the same folder with nearly the same name; NULL: nothing, or too many to look at. */
static const char *neighbour(struct plan *plan, const char *root, const char *relative)
{
	cleanup_free char *path = path_join(root, relative), *folder = path_dir(path);
	const char *name = path_base(path), *names[NEIGHBOURS_MAX], *near;
	const struct dirent *entry;
	size_t len = 0;
	DIR *dir = opendir(folder);

	if (!dir)
		return NULL;
	while (len < NEIGHBOURS_MAX && (entry = readdir(dir)))
		names[len++] = arena_strdup(plan->arena, entry->d_name);
	closedir(dir);
	near = text_nearest(name, names, len);
	return near ? arena_join(plan->arena, "did you mean \"", near, "\"?", NULL) : NULL;
}

static void check_copy(struct plan *plan, const struct node *node, const struct dockerfile_source *source)
{
	const struct plan_context *context = context_named(node->build, source->context);
	const struct plan_ignore *own = source->context ? NULL : plan->services[node->service].ignore;
	const struct ignore *ignore = own ? own->ignore : NULL;

	if (!context || !source->line || source->parents || glob_has_magic(source->pattern))
		return;
	if (!may_be_there(context->root, source->pattern)) {
		cleanup_free char *prefix = plan_prefix(plan, context);

		diags_add(plan->diags, source_pos(plan, node->service, source),
			  neighbour(plan, context->root, source->pattern), "there is no %s%s", prefix, source->pattern);
		diags_rule(plan->diags, "missing-source");
	} else if (ignore_matches(ignore, source->pattern) && !ignore_descend(ignore, source->pattern)) {
		diags_add(plan->diags, source_pos(plan, node->service, source),
			  "include it with a \"!\" pattern, or do not copy it",
			  "the ignore file leaves \"%s\" out of the context", source->pattern);
		diags_rule(plan->diags, "ignored-source");
	}
}

/* An image without registry, repository or tag that has nearly the name of a stage. */
static void warn_of_name(struct plan *plan, const struct node *node, const struct plan_image *image)
{
	const struct plan_service *own = &plan->services[node->service];
	const struct dockerfile_image *mention = image->mention;
	const char *name = mention->name, *stage;

	if (image->node != NO_NODE || mention->context || mention->length == 0 || strpbrk(name, "/:@."))
		return;
	stage = dockerfile_stage_like(own->dockerfile, name);
	if (!stage && name[strspn(name, "0123456789")])
		return;
	diags_warn(plan->diags, diags_pos_at(plan->diags, plan_dockerfile_source(plan, node->service), mention->offset),
		   stage ? arena_join(plan->arena, "did you mean \"", stage, "\"?", NULL) : NULL,
		   "there is no stage \"%s\", so this names an image of a registry", name);
	diags_rule(plan->diags, "unknown-stage");
}

void plan_check_copies(struct plan *plan, bool all)
{
	bool steps = steps_run(plan);

	for (size_t i = 0; i < plan->nodes_len; i++) {
		const struct node *node = plan->nodes[i];

		if (node->kind != NODE_BUILD || (!all && node->state == NODE_FRESH) ||
		    plan->services[node->service].unfetched)
			continue;
		for (size_t j = 0; j < node->build->use.sources_len && !steps; j++)
			check_copy(plan, node, &node->build->use.sources[j]);
		for (size_t j = 0; j < node->build->images_len; j++)
			warn_of_name(plan, node, &node->build->images[j]);
	}
}
