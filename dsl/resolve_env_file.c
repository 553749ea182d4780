#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "dsl/dotenv.h"
#include "dsl/interp.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/node.h"
#include "dsl/outside.h"
#include "dsl/resolve.h"
#include "dsl/scope.h"
#include "dsl/unit.h"

/* Env files of services. Only those of services that a check starts are read: people who only build may not have
 * them. */

#define ENV_FILE_MAX (1024 * 1024) /* bytes */

/* Marks the service and everything that runs beside it. */
static void mark_running(const struct manifest *manifest, size_t index, bool *runs)
{
	const struct service *service = &manifest->services[index];

	if (runs[index])
		return;
	runs[index] = true;
	for (size_t i = 0; i < service->depends_len; i++)
		if (service->depends[i].service != RESOLVE_NONE)
			mark_running(manifest, service->depends[i].service, runs);
}

static const struct pair *find_pair(const struct pairs *pairs, const char *name)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (!strcmp(pairs->items[i].key.s, name))
			return &pairs->items[i];
	return NULL;
}

/* The value with its variables filled in: from outside, then from the lines above it. NULL: none, or a complaint. */
static const char *value_of(struct resolve *r, const struct env_file *file, const struct dotenv_var *var)
{
	if (!var->value)
		return scope_environ(r->scope, var->name, file->path.pos);
	return file->raw ? var->value : scope_env_value(r->scope, var);
}

static void take_values(struct resolve *r, const struct env_file *file, const struct dotenv_var *vars, size_t len,
			struct map *values)
{
	for (size_t i = 0; i < len; i++) {
		const char *value = value_of(r, file, &vars[i]);

		if (!value)
			continue;
		map_set(values, vars[i].name, (void *)value);
		scope_add_file_value(r->scope, vars[i].name, value);
	}
}

static void read_file(struct resolve *r, const struct env_file *file, struct map *values)
{
	struct unit *unit = unit_at(r->units, file->path.pos);
	const char *path = file->full;
	cleanup_free char *joined = NULL, *shown = NULL;
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;
	struct dotenv_var *vars;
	size_t len;
	bool found;
	uint32_t source;

	if (outside_refuse(r->options->inside, path, &error) < 0) {
		diags_add(r->diags, file->path.pos, error->remedy, "the env file cannot be read: %s", error->message);
		return;
	}
	if (fs_read_if(path, ENV_FILE_MAX, &text, &found, &error) < 0) {
		if (error_unreadable(error))
			error_move(r->unread, &error);
		else
			diags_add(r->diags, file->path.pos, NULL, "the env file cannot be read: %s", error->message);
		return;
	}
	if (!found && !file->optional)
		diags_add(r->diags, file->path.pos, "{path: ..., required: false} allows it to be missing",
			  "there is no env file \"%s\"", file->path.s);
	if (!found || !text.len)
		return;
	joined = path_join(unit->shown, file->path.s);
	shown = path_clean(joined);
	source = diags_source(r->diags, shown, text.data, text.len);
	diags_hide(r->diags, source, NULL);
	unit_add_text(r->units, unit, source);
	if (memchr(text.data, '\0', text.len)) {
		diags_add(r->diags, diags_pos_at(r->diags, source, strlen(text.data)), NULL,
			  "the file contains a NUL byte");
		return;
	}
	dotenv_parse(r->arena, r->diags, source, text.data, text.len, &vars, &len);
	take_values(r, file, vars, len, values);
}

static int compare_names(const void *left, const void *right)
{
	return strcmp(((const struct pair *)left)->key.s, ((const struct pair *)right)->key.s);
}

static void read_files(struct resolve *r, struct service *service)
{
	struct map *values cleanup_map = map_new();
	struct pairs *own = &service->file_environment;

	for (size_t i = 0; i < service->env_files_len; i++)
		read_file(r, &service->env_files[i], values);
	scope_forget_file_values(r->scope);
	own->items = arena_array(r->arena, map_len(values), sizeof(*own->items));
	for (size_t i = 0; i < map_len(values); i++) {
		const char *name = arena_strdup(r->arena, map_key(values, i));

		if (!find_pair(&service->environment, name))
			own->items[own->len++] =
				(struct pair){ .key = { .s = name }, .value = { .s = map_value(values, i) } };
	}
	qsort(own->items, own->len, sizeof(*own->items), compare_names);
}

/* Marks the services that will be started according to the options. */
static void mark_started(const struct manifest *manifest, const char *const *names, bool *runs)
{
	for (size_t i = 0; i < manifest->services_len && !names[0]; i++)
		if (manifest->services[i].active)
			mark_running(manifest, i, runs);
	for (; names[0]; names++) {
		const struct group *group = manifest_group(manifest, names[0]);
		long service = manifest_service(manifest, names[0]);
		const char *const none[] = { NULL };

		if (!strcmp(names[0], "all"))
			mark_started(manifest, none, runs);
		if (service >= 0)
			mark_running(manifest, (size_t)service, runs);
		for (size_t i = 0; group && i < group->services_len; i++)
			mark_running(manifest, group->services[i], runs);
	}
}

void resolve_env_files(struct resolve *r)
{
	struct manifest *manifest = &r->loaded->manifest;
	bool *runs = arena_array(r->arena, manifest->services_len, sizeof(*runs));

	for (size_t i = 0; i < manifest->services_len; i++)
		if (verify_asks(&manifest->services[i].verify))
			mark_running(manifest, i, runs);
	if (r->options->starts)
		mark_started(manifest, r->options->starts, runs);
	for (size_t i = 0; i < manifest->services_len; i++)
		for (size_t j = 0; j < manifest->services[i].env_files_len; j++)
			manifest->services[i].env_files[j].full =
				resolve_text(r, &manifest->services[i].env_files[j].path);
	for (size_t i = 0; i < manifest->services_len; i++)
		if (runs[i] && manifest->services[i].env_files_len)
			read_files(r, &manifest->services[i]);
}
