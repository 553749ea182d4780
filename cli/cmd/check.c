#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/cmd/check.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/findings.h"
#include "cli/cmd/own_checks.h"
#include "cli/options.h"
#include "cli/complaints.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/builder/own_image.h"
#include "engine/oci/image.h"
#include "engine/plan/plan.h"
#include "engine/source/dockerfile.h"
#include "engine/source/dockerfile_check.h"
#include "engine/state/state.h"

/* Finds probable mistakes in the targets' Dockerfiles and in the manifest's settings for them. Builds nothing. */

struct check_look {
	struct session *session;
	struct arena *arena;
	const struct node *node;
	struct builder *builder; /* a builder that has checks of its own, or NULL */
	size_t found;            /* what these found */
	const char *engine;      /* where bases are looked for, or NULL */
	bool incomplete;         /* it failed to answer at least once */
};

/* An image that another service makes, or a named context. */
static bool check_is_ours(void *data, const char *name)
{
	const struct check_look *look = data;
	const struct service *service = &look->session->manifest->services[look->node->service];
	const struct plan_build *build = look->node->build;

	for (size_t i = 0; i < service->build.contexts_len; i++)
		if (strcmp(service->build.contexts[i].name.s, name) == 0)
			return true;
	for (size_t i = 0; i < build->images_len; i++)
		if (build->images[i].node != NO_NODE && strcmp(build->images[i].mention->name, name) == 0)
			return true;
	return false;
}

/* Of a service's image, if it is up to date. */
static char *user_of_result(const struct check_look *look, const struct node *node)
{
	const char *digest = node->state == NODE_FRESH ? node->result.digest : NULL;
	cleanup_image struct image *image = NULL;

	if (!digest || !look->session->layout || image_read(look->session->layout, digest, &image, NULL) < 0)
		return NULL;
	return mem_strdup(image->user);
}

/* By its digest: the locked one, else the one of the last build; else by its name. */
static const char *name_here(const struct check_look *look, const struct plan_image *image)
{
	cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);
	cleanup_record struct record *record = NULL;
	cleanup_json struct json *detail = NULL;
	const char *digest = image->digest, *whole = image->reference;
	struct ref ref;

	if (!digest && state_last(look->session->state, look->node->id, &record, NULL) == 0 && record &&
	    record->detail && json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) == 0)
		digest = json_str(json_get(detail, "bases"), name);
	if (!digest || !ref_parse(image->reference, &ref, NULL))
		return whole;
	whole = arena_join(look->arena, ref.domain, "/", ref.repository, "@", digest, NULL);
	ref_free(&ref);
	return whole;
}

static char *check_user_of(void *data, const char *name)
{
	const struct check_look *look = data;
	const struct plan_build *build = look->node->build;
	__attribute__((cleanup(own_image_free))) struct own_image own = { 0 };

	for (size_t i = 0; i < build->images_len; i++) {
		const struct plan_image *image = &build->images[i];

		if (image->mention->use != IMAGE_FROM || strcmp(image->mention->name, name) != 0)
			continue;
		if (image->node != NO_NODE)
			return user_of_result(look, plan_node(look->session->plan, image->node));
		if (own_image_find(look->engine, name_here(look, image), &image->mention->platform, &own))
			return steal_ptr(own.user);
	}
	return NULL;
}

static uint32_t source_of(const struct check_look *look)
{
	return plan_dockerfile_source(look->session->plan, look->node->service);
}

/* An argument that nothing uses: either the manifest or the Dockerfile is wrong. */
static void check_args(const struct check_look *look, const struct dockerfile *dockerfile)
{
	const struct service *service = &look->session->manifest->services[look->node->service];

	for (size_t i = 0; i < service->build.args.len; i++) {
		const struct text *key = &service->build.args.items[i].key;

		if (dockerfile_declares(dockerfile, key->s))
			continue;
		diags_warn(look->session->diags, key->pos, "declare it there: ARG NAME",
			   "the Dockerfile of %s never declares ARG %s", service->name.s, key->s);
		diags_rule(look->session->diags, "undeclared-arg");
	}
}

static struct pos url_pos(struct check_look *look, const struct dockerfile_url *mention)
{
	if (mention->length > 0)
		return diags_pos_at(look->session->diags, source_of(look), mention->offset);
	return (struct pos){ .file = source_of(look), .line = mention->line, .column = 1 };
}

static void warn_unpinned(struct check_look *look, const struct plan_url *url, struct pos pos, const char *how)
{
	if (url->pinned || url->pin)
		return;
	diags_warn(look->session->diags, pos, how, "%s is not pinned and can change at any time; only --pull notices",
		   url->shown);
	diags_rule(look->session->diags, "unpinned-url");
}

/* What a build fetches and may be another file tomorrow: neither locked nor pinned. */
static void check_urls(struct check_look *look)
{
	const struct plan_build *build = look->node->build;

	for (size_t i = 0; i < build->fetched_len; i++)
		warn_unpinned(look, &build->fetched[i], build->fetched[i].pos,
			      build->fetched[i].git ? "lock it with `cbuild lock`, or write what it has to be: #COMMIT"
						    : "lock it: cbuild lock");
	for (size_t i = 0; i < build->urls_len; i++) {
		const struct plan_url *url = &build->urls[i];
		const char *how = url->url ? "lock it with `cbuild lock`, or write what it has to be: "
					   : "write what it has to be: ";
		const char *pin = url->git ? "#COMMIT" : "ADD --checksum=sha256:...";

		warn_unpinned(look, url, url_pos(look, url->mention), arena_join(look->arena, how, pin, NULL));
	}
}

/* If the builder gives no answer, the other findings are still reported. */
static void ask_builder(struct check_look *look)
{
	cleanup_error struct error *error = NULL;

	size_t found;

	if (own_checks_add(look->builder, look->session, look->node, source_of(look), &found, &error) == 0) {
		look->found += found;
		return;
	}
	look->incomplete = true;
	output_error(error);
}

static int check_node(struct check_look *look, struct error **err)
{
	const struct plan_build *build = look->node->build;
	const struct service *service = &look->session->manifest->services[look->node->service];
	struct dockerfile *dockerfile;
	struct dockerfile_check check = { .target = service->build.target.s,
					  .is_ours = check_is_ours,
					  .user_of = check_user_of,
					  .data = look };

	if (dockerfile_parse(build->text, build->text_len, build->dockerfile, &dockerfile, err) < 0)
		return -1;
	dockerfile_check(dockerfile, &check, look->session->diags, source_of(look));
	check_args(look, dockerfile);
	check_urls(look);
	dockerfile_free(dockerfile);
	if (look->builder)
		ask_builder(look);
	return 0;
}

/* Each service once, not once for each platform. */
static int check_all(struct session *session, size_t *ret_found, bool *ret_incomplete, struct error **err)
{
	cleanup_free bool *seen = mem_array(session->manifest->services_len + 1, sizeof(*seen));
	struct check_look look = { .session = session, .arena = arena_new() };
	bool own_first;
	cleanup_free char *engine = builder_known_engine(session->builder, session->state, &own_first);
	int r = own_checks_open(session, &look.builder, err);

	look.engine = engine;
	plan_check_copies(session->plan, true);
	for (size_t i = 0; i < plan_len(session->plan) && r == 0; i++) {
		const struct node *node = plan_node(session->plan, i);

		if (node->kind != NODE_BUILD || seen[node->service] || !plan_is_target(session->plan, node->service))
			continue;
		seen[node->service] = true;
		look.node = node;
		r = check_node(&look, err);
	}
	*ret_found = look.found;
	*ret_incomplete = look.incomplete;
	builder_free(look.builder);
	arena_free(look.arena);
	return r;
}

static int check_show(struct session *session, struct error **err)
{
	const struct options *options = session->options;

	if (strcmp(options->format, "text") != 0)
		return findings_write(session->diags, strcmp(options->format, "sarif") == 0, err);
	if (diags_count(session->diags) + diags_warnings(session->diags) > 0)
		complaints_show(session->diags, session->options);
	else if (!options->quiet)
		output_note("no problems found");
	return 0;
}

/* `strict`: what BuildKit finds is a failure, warnings too. */
static int check_targets(const struct options *options, bool strict, struct error **err)
{
	/* Targets that are only for checks are built where nothing gets a name. */
	const struct session_plan want = { .unpublished = true };
	struct session session;
	bool incomplete = false;
	size_t found = 0;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = session_plan(&session, &want, err);
	if (r == 0)
		r = check_all(&session, &found, &incomplete, err);
	if (r == 0)
		r = check_show(&session, err);
	if (r == 0 && (diags_count(session.diags) > 0 || (strict && found)))
		r = ERROR_BUILD;
	else if (r == 0 && incomplete)
		r = ERROR_TOOL;
	session_close(&session);
	return r;
}

int cmd_check(const struct options *options, struct error **err)
{
	return check_targets(options, false, err);
}

int check_named(const struct options *options, const char **targets, size_t len, struct error **err)
{
	struct options named = *options;

	named.targets = targets;
	named.targets_len = len;
	named.format = "text";
	return check_targets(&named, true, err);
}
