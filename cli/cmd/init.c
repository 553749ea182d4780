#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/convert/import_bake.h"
#include "cli/convert/compose.h"
#include "cli/convert/emit.h"
#include "cli/convert/proposal.h"
#include "cli/convert/skaffold.h"
#include "cli/convert/survey.h"
#include "cli/doc/jsonschema.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sources.h"

#define SCHEMA_PATH ".cbuild/schema.json"
#define BAKE_MAX (10 * 1024 * 1024)

struct init_draft {
	struct survey survey;
	struct json *root;
	struct json *services; /* borrowed: in `root` once it is complete */
	bool *named;           /* Dockerfiles that a service builds already */
	unsigned comments;
	const char *taken_from; /* the file that the services come from, or NULL */
	bool has_services;      /* some are in included files */
	bool schema;            /* editors find the schema next to it */
};

static void init_add_comment(struct init_draft *draft, struct json *object, const char *text)
{
	cleanup_free char *key = mem_printf("#%u", draft->comments++);

	json_set_str(object, key, text);
}

static void init_add_head(struct init_draft *draft)
{
	struct json *root = draft->root;

	if (draft->schema)
		init_add_comment(draft, root, "yaml-language-server: $schema=" SCHEMA_PATH);
	init_add_comment(draft, root,
			 "What cbuild builds here. Written by `cbuild init` from what it found; it is yours now.");
	init_add_comment(draft, root,
			 "`cbuild help manifest` explains every key, `cbuild -n` says what would be done, and why.");
	if (draft->taken_from) {
		cleanup_free char *text = mem_printf(
			"The services are those of %s; this file is now read instead of it.", draft->taken_from);

		init_add_comment(draft, root, text);
	}
	init_add_comment(draft, root, "");
	json_set_str(root, "project", draft->survey.project);
	init_add_comment(draft, root, "registry: ghcr.io/acme                # before the names of the images");
	init_add_comment(draft, root, "platforms: [linux/amd64, linux/arm64] # the machine's own, without this");
	init_add_comment(draft, root, "");
}

/* A dependency without an image would keep checks from ever passing. */
static bool waits_for_image(const struct json *services, const struct json *service)
{
	const struct json *depends = json_get(service, "depends_on");

	for (size_t i = 0; i < json_len(depends) && json_is_array(depends); i++) {
		if (!json_get(json_get(services, json_text(json_at(depends, i))), "build"))
			return true;
	}
	for (const void *it = json_is_object(depends) ? json_first(depends) : NULL; it; it = json_next(depends, it)) {
		if (!json_get(json_get(services, json_key(it)), "build"))
			return true;
	}
	return false;
}

/* Services of another file, with checks if their Dockerfiles suggest any. */
static void take_services(struct init_draft *draft, const struct json *services, const struct json *builds)
{
	for (const void *it = json_first(services); it; it = json_next(services, it)) {
		struct json *service = json_clone(json_member(it));
		const struct json *build = builds ? json_get(builds, json_key(it)) : service;
		size_t number = proposal_dockerfile(&draft->survey, build);

		if (number < draft->survey.len) {
			draft->named[number] = true;
			if (!json_get(service, "verify") && !waits_for_image(services, service))
				proposal_verify(service, &draft->survey.items[number].facts);
		}
		json_set(draft->services, json_key(it), service);
	}
}

/* Included services are not written again: they only get checks from their Dockerfiles. */
static void take_included(struct init_draft *draft, const struct json *builds)
{
	for (const void *it = json_first(builds); it; it = json_next(builds, it)) {
		size_t number = proposal_dockerfile(&draft->survey, json_member(it));
		struct json *service;

		if (number == draft->survey.len)
			continue;
		draft->named[number] = true;
		service = json_new_object();
		proposal_verify(service, &draft->survey.items[number].facts);
		if (json_len(service) > 0)
			json_set(draft->services, json_key(it), service);
		else
			json_free(service);
	}
}

/* A file that cannot be used is mentioned in the manifest; the survey replaces it. */
static void note_problem(struct init_draft *draft, const char *path, struct error *problem)
{
	cleanup_free char *text =
		mem_printf("%s was not used: %.*s", path, (int)strcspn(problem->message, "\n"), problem->message);

	output_note("%s", text);
	init_add_comment(draft, draft->root, text);
	error_free(problem);
}

static bool take_compose(struct init_draft *draft)
{
	const struct options none = { 0 };
	struct sources sources cleanup_sources = sources_find(&none);
	struct json *compose cleanup_json = NULL, *builds cleanup_json = NULL;
	struct error *problem = NULL;

	if (!fs_exists(sources.path) || !sources.overlays || sources.bake)
		return false;
	if (compose_read(&sources, &compose, &builds, &problem) < 0) {
		note_problem(draft, sources.path, problem);
		return false;
	}
	draft->taken_from = sources.path;
	draft->survey.project = arena_strdup(draft->survey.arena, json_str(builds, "project"));
	init_add_head(draft);
	if (json_get(compose, "include")) {
		json_set(draft->root, "include", json_clone(json_get(compose, "include")));
		draft->has_services = true;
		take_included(draft, json_get(builds, "services"));
		return true;
	}
	json_set(draft->root, "secrets", json_get(compose, "secrets") ? json_clone(json_get(compose, "secrets")) : NULL);
	take_services(draft, json_get(compose, "services"), json_get(builds, "services"));
	return true;
}

/* All files that bake reads by default. */
static int init_read_bake(const char *path, struct json **ret, struct error **err)
{
	const char *paths[SOURCES_BAKE + 1];

	(void)path;
	sources_bake(paths);
	return import_bake(paths, ret, err);
}

/* Converts another tool's file to a manifest. */
static bool take_converted(struct init_draft *draft, const char *path,
			   int (*read)(const char *path, struct json **ret, struct error **err))
{
	struct error *problem = NULL;
	struct json *document;

	if (!fs_exists(path))
		return false;
	if (read(path, &document, &problem) < 0) {
		note_problem(draft, path, problem);
		return false;
	}
	draft->taken_from = path;
	init_add_head(draft);
	for (const void *it = json_first(document); it; it = json_next(document, it)) {
		if (strcmp(json_key(it), "services") != 0)
			json_set(draft->root, json_key(it), json_clone(json_member(it)));
	}
	take_services(draft, json_get(document, "services"), NULL);
	json_free(document);
	return true;
}

static bool take_bake_files(struct init_draft *draft)
{
	const char *paths[SOURCES_BAKE + 1];

	sources_bake(paths);
	return paths[0] && take_converted(draft, paths[0], init_read_bake);
}

/* Services of another file keep their names. */
static void make_way(struct init_draft *draft)
{
	for (size_t i = 0; i < draft->survey.len; i++) {
		struct found *found = &draft->survey.items[i];

		if (!draft->named[i] && json_get(draft->services, found->name))
			found->name = arena_printf(draft->survey.arena, "%s-image", found->name);
	}
}

static void init_add_found(struct init_draft *draft)
{
	make_way(draft);
	for (size_t i = 0; i < draft->survey.len; i++) {
		const struct found *found = &draft->survey.items[i];
		cleanup_free char *text = found->problem ? mem_printf("%s was left out: %s", found->path, found->problem)
							 : mem_printf("from %s", found->path);

		if (draft->named[i])
			continue;
		init_add_comment(draft, draft->services, text);
		if (!found->problem && !json_get(draft->services, found->name))
			json_set(draft->services, found->name, proposal_service(&draft->survey, i));
	}
}

static bool has_service(const struct json *services)
{
	for (const void *it = json_first(services); it; it = json_next(services, it)) {
		if (json_key(it)[0] != '#')
			return true;
	}
	return false;
}

static int draft_manifest(bool schema, struct buf *out, struct error **err)
{
	struct init_draft draft = { .root = json_new_object(), .services = json_new_object(), .schema = schema };
	int r = survey_new(".", &draft.survey, err);

	draft.named = mem_array(draft.survey.len + 1, sizeof(*draft.named));
	if (r == 0) {
		if (!take_compose(&draft) && !take_bake_files(&draft) && !take_converted(&draft, "skaffold.yaml", skaffold_read))
			init_add_head(&draft);
		init_add_found(&draft);
		r = draft.has_services || has_service(draft.services)
			    ? 0
			    : error_make(err, ERROR_USAGE, "there is no Dockerfile here or below");
		json_set(draft.root, "services", draft.services);
		draft.services = NULL;
		emit_yaml(out, draft.root);
	}
	json_free(draft.services);
	json_free(draft.root);
	survey_free(&draft.survey);
	mem_cleanup(&draft.named);
	return r < 0 ? -1 : 0;
}

/* The path in the manifest's first line. */
static int write_schema(struct error **err)
{
	cleanup_json struct json *schema = jsonschema_new();
	cleanup_buf struct buf text = { 0 };

	json_dump(schema, JSON_INDENT, &text);
	buf_char(&text, '\n');
	if (fs_refuse_link(".cbuild", err) < 0 || fs_mkdirs(".cbuild", 0755, err) < 0)
		return -1;
	return fs_replace(SCHEMA_PATH, text.data, text.len, 0644, err);
}

int cmd_init(const struct options *options, struct error **err)
{
	const char *path = options->output ? options->output : "services.yaml";
	bool shows = options->to_stdout || strcmp(path, "-") == 0;
	cleanup_buf struct buf out = { 0 };

	if (options->targets_len > 0)
		return error_make(err, ERROR_USAGE, "`cbuild init` takes no words; -C DIR for another folder");
	if (!shows && fs_exists(path)) {
		error_make(err, ERROR_USAGE, "%s already exists", path);
		error_remedy(err, "`cbuild init --stdout` prints what would be written");
		return -1;
	}
	if (draft_manifest(!shows && !options->output, &out, err) < 0)
		return -1;
	if (shows)
		return output_data(out.data, out.len, err);
	if (output_new_file(path, out.data, out.len, err) < 0 || (!options->output && write_schema(err) < 0))
		return -1;
	output_note("wrote %s: review it, then run `cbuild -n`", path);
	return 0;
}
