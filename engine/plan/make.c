#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/oci/lockfile.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"

#define EPOCH "SOURCE_DATE_EPOCH"
#define EPOCH_DIGITS 18

/* A build that is being added, and which build asked for it: the chain shows cycles. */
struct build_frame {
	const struct build_frame *up;
	size_t service;
	const struct platform *platform;
	struct pos pos; /* where this build is asked for */
};

static size_t make_add_build(struct plan *plan, const struct build_frame *frame);
static size_t make_add_output(struct plan *plan, const struct build_frame *up, size_t service, struct pos pos);

static bool is_cycle(struct plan *plan, const struct build_frame *frame)
{
	const struct build_frame *start = frame->up;
	cleanup_buf struct buf path = { 0 };
	bool told = true;

	while (start && !(start->service == frame->service && platform_equal(start->platform, frame->platform)))
		start = start->up;
	if (!start)
		return false;
	/* Each circle is told once, wherever it is entered. */
	for (const struct build_frame *step = frame; step != start; step = step->up) {
		told &= plan->services[step->service].in_circle;
		plan->services[step->service].in_circle = true;
	}
	if (told)
		return true;
	for (const struct build_frame *step = frame; step != start; step = step->up) {
		cleanup_free char *rest = buf_steal(&path);

		buf_printf(&path, " -> %s%s", plan->manifest->services[step->service].name.s, rest);
	}
	diags_add(plan->diags, frame->pos, NULL, "builds depend on each other: %s%s",
		  plan->manifest->services[start->service].name.s, path.data);
	for (const struct build_frame *step = frame->up; step != start; step = step->up)
		diags_note(plan->diags, step->pos, "%s is needed here", plan->manifest->services[step->service].name.s);
	return true;
}

/* A target of a bake file that cbuild does not build. Some may be a base of others, and count where nothing is made. */
static bool is_refused(struct plan *plan, size_t number, bool base)
{
	const struct service *service = &plan->manifest->services[number];

	if (!service->refused.s || ((base || plan->options.unpublished) && service->refused_alone))
		return false;
	diags_add(plan->diags, service->refused.pos,
		  arena_printf(plan->arena, "`docker buildx bake %s` does it", service->name.s),
		  "%s cannot be built: %s", service->name.s, service->refused.s);
	return true;
}

/* A published service that has none of the platforms that are asked for. As the base of a stage it may have the stage's. */
static bool is_unasked(struct plan *plan, size_t number, const struct platform *platform, bool base)
{
	const struct build_spec *build = &plan->manifest->services[number].build;

	for (size_t i = 0; base && i < build->declared_len; i++)
		if (platform_equal(&build->declared[i], platform))
			return false;
	if (build->unasked.s)
		diags_add(plan->diags, build->unasked.pos, NULL, "%s", build->unasked.s);
	return build->unasked.s;
}

static size_t need_service(struct plan *plan, const struct build_frame *up, size_t service,
			   const struct platform *platform, struct pos pos)
{
	const struct build_frame frame = { .up = up,
					   .service = plan->manifest->services[service].maker,
					   .platform = platform,
					   .pos = pos };
	size_t found;

	if (!plan->manifest->services[service].has_build) {
		diags_add(plan->diags, pos, NULL, "%s is needed for a build, but has no `build:` itself",
			  plan->manifest->services[service].name.s);
		return NO_NODE;
	}
	if (is_refused(plan, service, up != NULL) || is_unasked(plan, service, platform, up != NULL))
		return NO_NODE;
	found = plan_find_node(plan, NODE_BUILD, frame.service, platform);
	if (found != NO_NODE)
		return found;
	return is_cycle(plan, &frame) ? NO_NODE : make_add_build(plan, &frame);
}

static const struct named_context *find_context(const struct build_spec *build, const char *name)
{
	for (size_t i = 0; i < build->contexts_len; i++) {
		if (strcasecmp(build->contexts[i].name.s, name) == 0)
			return &build->contexts[i];
	}
	return NULL;
}

/* Positions in a Dockerfile, for complaints about edges that come from it. */
static struct pos mention_pos(struct plan *plan, const struct service *service, const struct dockerfile_image *mention)
{
	size_t number = (size_t)(service - plan->manifest->services);

	return diags_pos_at(plan->diags, plan_dockerfile_source(plan, number), mention->offset);
}

/* The digest of a base image in services.lock, or NULL. */
static const char *locked_digest(const struct plan *plan, const char *reference, const struct platform *platform)
{
	cleanup_free char *name = plan->options.lock ? lock_reference(reference) : NULL;
	const struct lock_entry *entry = name ? lockfile_find(plan->options.lock, name) : NULL;

	return entry ? lock_entry_find(entry, platform) : NULL;
}

/* Which image a mention means: another service's, or one from elsewhere. False after a complaint. */
static bool resolve_mention(struct plan *plan, const struct build_frame *frame, const struct dockerfile_image *mention,
			    struct plan_image *ret)
{
	const struct service *service = &plan->manifest->services[frame->service];
	const struct named_context *context = find_context(&service->build, mention->name);
	size_t wanted = NO_NODE;

	*ret = (struct plan_image){ .mention = mention, .node = NO_NODE, .reference = mention->name };
	if (context && context->kind == CONTEXT_LAYOUT)
		return plan_find_layout(plan, context, ret);
	if (context && context->kind == CONTEXT_SERVICE)
		wanted = context->service;
	else if (context && context->kind == CONTEXT_IMAGE)
		ret->reference = context->value.s;
	if (wanted == NO_NODE) {
		wanted = plan_find_image(plan, frame->service, ret->reference);
		if (wanted == NO_NODE) {
			ret->digest = locked_digest(plan, ret->reference, &mention->platform);
			if (mention->use == IMAGE_FROM)
				plan_find_base(plan,
					       plan_node_id(plan, NODE_BUILD, frame->service, NULL, frame->platform),
					       ret);
			return true;
		}
	}
	ret->node = need_service(plan, frame, wanted, &mention->platform,
				 context ? context->name.pos : mention_pos(plan, service, mention));
	return ret->node != NO_NODE;
}

struct base_asker {
	struct plan *plan;
	const struct build_frame *frame;
};

/* False for a context, and after a complaint. */
static bool find_parent(const struct base_asker *asker, const struct dockerfile_image *base, struct plan_image *ret)
{
	const struct service *service = &asker->plan->manifest->services[asker->frame->service];
	const struct named_context *context = find_context(&service->build, base->name);

	return !(context && context->kind == CONTEXT_PATH) && resolve_mention(asker->plan, asker->frame, base, ret);
}

/* As dockerfile_options.triggers. */
static const char *triggers_of(void *data, const struct dockerfile_image *base)
{
	const struct base_asker *asker = data;
	struct plan_image image;

	if (!find_parent(asker, base, &image))
		return NULL;
	return image.node != NO_NODE ? asker->plan->nodes[image.node]->build->use.triggers : image.onbuild;
}

/* As dockerfile_options.variable. */
static bool variable_of(void *data, const struct dockerfile_image *base, const char *name, const char **ret)
{
	const struct base_asker *asker = data;
	struct plan_image image;

	return find_parent(asker, base, &image) &&
	       plan_base_variable(asker->plan,
				  plan_node_id(asker->plan, NODE_BUILD, asker->frame->service, NULL,
					       asker->frame->platform),
				  &image, name, ret);
}

static bool resolve_dockerfile(struct plan *plan, const struct build_frame *frame, struct plan_build *build)
{
	const struct service *service = &plan->manifest->services[frame->service];
	struct plan_service *own = &plan->services[frame->service];
	struct dockerfile_arg *args = arena_array(plan->arena, build->args_len + 2, sizeof(*args));
	const char **names = arena_array(plan->arena, service->build.contexts_len + 1, sizeof(*names));
	struct dockerfile_options options = {
		.args = args,
		.args_len = build->args_len,
		.target = plan->services[frame->service].blank ? NULL : service->build.target.s,
		.platform = *frame->platform,
		.build_platform = plan->options.host,
		.contexts = names,
		.contexts_len = service->build.contexts_len,
		.triggers = triggers_of,
		.variable = variable_of,
		.data = &(struct base_asker){ plan, frame },
		.asks = service->only_asked && service->call == CALL_OUTLINE,
	};
	cleanup_error struct error *error = NULL;

	for (size_t i = 0; i < build->args_len; i++)
		args[i] = (struct dockerfile_arg){ .name = build->args[i].key, .value = build->args[i].value };
	if (build->has_epoch)
		args[options.args_len++] = (struct dockerfile_arg){
			.name = EPOCH,
			.value = arena_printf(plan->arena, "%" PRId64, build->epoch),
		};
	for (size_t i = 0; i < service->build.contexts_len; i++)
		names[i] = service->build.contexts[i].name.s;
	if (dockerfile_resolve(own->dockerfile, &options, plan->arena, &build->use, &error) == 0)
		return true;
	diags_add(plan->diags, service->build.target.s ? service->build.target.pos : service->build.dockerfile.pos,
		  error->remedy, "%s", error->message);
	return false;
}

static bool make_add_images(struct plan *plan, const struct build_frame *frame, struct plan_build *build)
{
	const struct service *service = &plan->manifest->services[frame->service];
	bool good = true;

	build->images = arena_array(plan->arena, build->use.images_len, sizeof(*build->images));
	for (size_t i = 0; i < build->use.images_len; i++) {
		const struct dockerfile_image *mention = &build->use.images[i];
		const struct named_context *context = find_context(&service->build, mention->name);
		struct plan_image *image = &build->images[build->images_len];

		if (context && context->kind == CONTEXT_PATH)
			continue;
		if (!resolve_mention(plan, frame, mention, image)) {
			good = false;
			continue;
		}
		plan_read_env(plan, plan_node_id(plan, NODE_BUILD, frame->service, NULL, frame->platform), image);
		build->images_len++;
	}
	return good;
}

static void add_context(struct plan *plan, struct plan_build *build, const struct named_context *named,
			const char *root, const struct text *url)
{
	struct plan_context *context = &build->contexts[build->contexts_len++];

	*context = (struct plan_context){ .name = named ? named->name.s : NULL, .root = root };
	if (url->s) {
		cleanup_free char *shown = text_without_login(url->s);

		context->origin = arena_strdup(plan->arena, shown);
	}
}

/* The builder ignores contexts that the Dockerfile does not name. */
static bool is_named(const struct dockerfile_use *use, const char *context)
{
	for (size_t i = 0; i < use->images_len; i++) {
		if (use->images[i].context && strcmp(use->images[i].name, context) == 0)
			return true;
	}
	return plan_whole(use, context);
}

static size_t plain_length(const char *name)
{
	const char *platform = strstr(name, "::");

	return platform ? (size_t)(platform - name) : strlen(name);
}

/* A build is for one platform, so there is usually one context of a name, and the builder need not know about
 * platforms in names. */
static const char *given_name(struct plan *plan, const struct plan_build *build, const char *name)
{
	size_t len = plain_length(name), same = 0;

	for (size_t i = 0; i < build->contexts_len; i++) {
		const char *other = build->contexts[i].name;

		same += other && plain_length(other) == len && strncasecmp(other, name, len) == 0;
	}
	return same > 1 ? name : arena_strndup(plan->arena, name, len);
}

static void make_add_contexts(struct plan *plan, const struct build_frame *frame, struct plan_build *build)
{
	const struct build_spec *spec = &plan->manifest->services[frame->service].build;

	build->contexts = arena_array(plan->arena, spec->contexts_len + 1, sizeof(*build->contexts));
	add_context(plan, build, NULL, spec->context.s, &spec->context_url);
	for (size_t i = 0; i < spec->contexts_len; i++) {
		if (!is_named(&build->use, spec->contexts[i].name.s))
			continue;
		if (spec->contexts[i].kind == CONTEXT_PATH)
			add_context(plan, build, &spec->contexts[i], spec->contexts[i].value.s, &spec->contexts[i].url);
	}
	for (size_t i = 1; i < build->contexts_len; i++)
		build->contexts[i].given = given_name(plan, build, build->contexts[i].name);
	plan_find_urls(plan, frame->service, build);
}

static size_t expand_pairs(struct plan *plan, const struct platform *platform, const struct pairs *pairs,
			   struct plan_arg **ret)
{
	struct plan_arg *list = arena_array(plan->arena, pairs->len + 1, sizeof(*list));
	size_t len = 0;

	for (size_t i = 0; i < pairs->len; i++) {
		if (pairs->items[i].value.s)
			list[len++] = (struct plan_arg){
				.key = pairs->items[i].key.s,
				.value = plan_expand(plan, platform, pairs->items[i].value.s),
			};
	}
	*ret = list;
	return len;
}

static struct pos make_pos_of(const struct pairs *pairs, const char *key)
{
	for (size_t i = 0; i < pairs->len; i++) {
		if (strcmp(pairs->items[i].key.s, key) == 0)
			return pairs->items[i].value.pos;
	}
	return (struct pos){ 0 };
}

/* BuildKit uses the argument of that name as the image's time, and also passes it to the Dockerfile; do both with
 * every builder. */
static void take_epoch(struct plan *plan, const struct build_spec *spec, struct plan_build *build)
{
	size_t kept = 0;

	build->has_epoch = plan->manifest->has_epoch;
	build->epoch = plan->manifest->epoch;
	for (size_t i = 0; i < build->args_len; i++) {
		const char *value = build->args[i].value;
		size_t len = strlen(value);

		if (strcmp(build->args[i].key, EPOCH) != 0 || len == 0) {
			build->args[kept++] = build->args[i];
			continue;
		}
		if (strspn(value, "0123456789") != len || len > EPOCH_DIGITS)
			diags_add(plan->diags, make_pos_of(&spec->args, EPOCH), NULL,
				  "the argument " EPOCH " is \"%s\", which is not a number of seconds", value);
		if (!build->has_epoch)
			build->epoch = strtoll(value, NULL, 10);
		build->has_epoch = true;
	}
	build->args_len = kept;
}

static struct plan_build *build_new(struct plan *plan, const struct build_frame *frame)
{
	const struct build_spec *spec = &plan->manifest->services[frame->service].build;
	const struct plan_service *own = &plan->services[frame->service];
	struct plan_build *build = arena_alloc(plan->arena, sizeof(*build));

	build->dockerfile = spec->dockerfile.s;
	if (spec->dockerfile_url.s || spec->context_url.s)
		build->dockerfile_origin = plan_dockerfile_shown(plan, spec);
	build->text = own->text;
	build->text_len = own->text_len;
	build->ignore = own->ignore ? own->ignore->text : NULL;
	build->ignore_len = own->ignore ? own->ignore->len : 0;
	build->args_len = expand_pairs(plan, frame->platform, &spec->args, &build->args);
	take_epoch(plan, spec, build);
	build->labels_len = expand_pairs(plan, frame->platform, &spec->labels, &build->labels);
	return build;
}

/* What `needs` names: its build, and the files that it makes. */
static bool make_add_need(struct plan *plan, const struct build_frame *frame, size_t number, size_t *needs, size_t *len)
{
	const struct service *service = &plan->manifest->services[frame->service];
	size_t other = service->needs_index[number];
	struct pos pos = service->needs.items[number].pos;

	needs[*len] = need_service(plan, frame, other, frame->platform, pos);
	if (needs[*len] == NO_NODE)
		return false;
	(*len)++;
	if (!service_makes_files(&plan->manifest->services[other]))
		return true;
	needs[*len] = make_add_output(plan, frame, other, pos);
	return needs[(*len)++] != NO_NODE;
}

static bool is_above(const struct build_frame *frame, size_t service)
{
	while (frame && frame->service != service)
		frame = frame->up;
	return frame;
}

/* A context that has the files has this folder: now, or its key would be another one the next time. If it cannot be made, whoever makes the
 * files says why. */
static void make_folder_of(const struct plan *plan, const struct plan_made *made)
{
	cleanup_free char *folder = path_dir(made->path);

	if (plan->options.runs)
		fs_mkdirs(folder, 0755, NULL);
}

/* Steps and builds whose outputs this build reads become nodes before it. Targets of bake that read each other's files are built as bake
 * does it, with what is there. */
static bool add_read_outputs(struct plan *plan, const struct build_frame *frame, struct node *draft)
{
	const struct service *service = &plan->manifest->services[frame->service];
	struct plan_build *build = draft->build;
	const struct plan_made *made;
	size_t at = 0;

	build->outputs = arena_array(plan->arena, plan->made_len, sizeof(*build->outputs));
	while ((made = plan_next_read(plan, draft, &at))) {
		size_t maker;

		if (made->files && !service->waits && is_above(frame, made->service))
			continue;
		maker = made->files ? make_add_output(plan, frame, made->service, made->pos)
				    : plan_prepare_node(plan, made->service, &made->platform);
		if (maker == NO_NODE)
			return false;
		build->outputs[build->outputs_len++] = (struct plan_output){ .node = maker, .path = made->output };
		node_need(draft, maker);
		make_folder_of(plan, made);
	}
	return true;
}

static size_t make_add_build(struct plan *plan, const struct build_frame *frame)
{
	const struct service *service = &plan->manifest->services[frame->service];
	struct plan_build *build;
	struct node *node, draft;
	size_t number, *needs = NULL, needs_len = 0;
	bool good;

	if (!plan_check_made(plan, frame->service) || !plan_load_service(plan, frame->service))
		return NO_NODE;
	build = build_new(plan, frame);
	if (!resolve_dockerfile(plan, frame, build))
		return NO_NODE;
	good = make_add_images(plan, frame, build);
	needs = arena_array(plan->arena, service->needs.len * 2 + 1, sizeof(*needs));
	for (size_t i = 0; i < service->needs.len; i++)
		good = make_add_need(plan, frame, i, needs, &needs_len) && good;
	if (!good)
		return NO_NODE;
	make_add_contexts(plan, frame, build);
	if (service->has_prepare) {
		plan_ask_outputs(plan, frame->service, frame->platform);
		plan_prepare_node(plan, frame->service, frame->platform);
	}
	draft = (struct node){ .service = frame->service, .build = build };
	plan_find_own(plan, &draft);
	if (!add_read_outputs(plan, frame, &draft)) {
		node_clear(&draft);
		return NO_NODE;
	}
	node = plan_add_node(plan, NODE_BUILD, frame->service, frame->platform, &number);
	node->needs = draft.needs;
	node->needs_len = draft.needs_len;
	node->needs_cap = draft.needs_cap;
	node->build = build;
	if (service->has_prepare)
		node_need(node, plan_prepare_node(plan, frame->service, frame->platform));
	for (size_t i = 0; i < build->images_len; i++) {
		if (build->images[i].node != NO_NODE)
			node_need(node, build->images[i].node);
	}
	for (size_t i = 0; i < needs_len; i++)
		node_need(node, needs[i]);
	return number;
}

static bool add_host_builds(struct plan *plan, size_t service, struct node *verify)
{
	const struct service *own = &plan->manifest->services[service];
	bool good = true;

	for (size_t i = 0; i < own->depends_len; i++) {
		size_t other = own->depends[i].service;
		size_t build;

		if (!plan->manifest->services[other].has_build)
			continue;
		build = need_service(plan, NULL, other, &plan->options.host, own->depends[i].name.pos);
		if (build == NO_NODE) {
			good = false;
			continue;
		}
		node_need(verify, build);
		good = add_host_builds(plan, other, verify) && good;
	}
	return good;
}

/* Whether its checks are a node's. */
static bool asks_anything(const struct plan *plan, const struct service *service)
{
	const struct verify_spec *verify = &service->verify;

	if (plan->options.only_images)
		return verify->user.s || verify->max_size || verify->entrypoint.len || verify->ports.len ||
		       verify->labels.len || verify->platforms.len || verify->run_len;
	return verify->pos.line != 0;
}

/* The additional images of a published service: for each platform, made from the plain one. */
static void add_formats(struct plan *plan, size_t service, const size_t *builds, size_t len)
{
	const struct service *own = &plan->manifest->services[service];

	for (size_t i = 0; i < own->formats_len; i++) {
		const struct image_format *format = &own->formats[i];
		size_t *converts = arena_array(plan->arena, len, sizeof(*converts)), index;
		struct node *node;

		for (size_t j = 0; j < len; j++) {
			node = plan_add_format_node(plan, NODE_CONVERT, service, format,
						    &plan->nodes[builds[j]]->platform, &converts[j]);
			node_need(node, builds[j]);
		}
		node = plan_add_format_node(plan, NODE_INDEX, service, format, NULL, &index);
		for (size_t j = 0; j < len; j++)
			node_need(node, converts[j]);
	}
}

/* The nodes that depend on a published service's builds: index, local engine, checks. Services that share an image
 * have separate checks. */
static bool add_published(struct plan *plan, size_t service, const size_t *builds, size_t len)
{
	const struct service *own = &plan->manifest->services[service];
	struct node draft = { 0 };
	struct node *node;
	size_t index = NO_NODE, load = NO_NODE, verify;
	bool good;

	if (!plan->options.unpublished) {
		node = plan_add_node(plan, NODE_INDEX, own->maker, NULL, &index);
		for (size_t i = 0; i < len; i++)
			node_need(node, builds[i]);
	}
	for (size_t i = 0; i < len && plan->options.load; i++) {
		if (!platform_equal(&plan->nodes[builds[i]]->platform, &plan->options.host))
			continue;
		node = plan_add_node(plan, NODE_LOAD, own->maker, NULL, &load);
		node_need(node, builds[i]);
	}
	/* Not needed when only checks were requested. */
	if (!plan->options.verify_again && !plan->options.unpublished)
		add_formats(plan, own->maker, builds, len);
	if (!plan->options.verify || !asks_anything(plan, own))
		return true;
	good = add_host_builds(plan, service, &draft);
	node = plan_add_node(plan, NODE_VERIFY, service, NULL, &verify);
	node->needs = draft.needs;
	node->needs_len = draft.needs_len;
	node->needs_cap = draft.needs_cap;
	if (index != NO_NODE)
		node_need(node, index);
	if (load != NO_NODE)
		node_need(node, load);
	for (size_t i = 0; i < len; i++)
		node_need(node, builds[i]);
	return good;
}

/* The service's builds for its platforms. */
static size_t *add_builds(struct plan *plan, const struct build_frame *up, size_t service, struct pos pos, size_t *ret_len)
{
	const struct build_spec *build = &plan->manifest->services[service].build;
	const struct platform *platforms = build->platforms_len ? build->platforms : &plan->options.host;
	size_t len = build->platforms_len ? build->platforms_len : 1;
	size_t *builds = arena_array(plan->arena, len, sizeof(*builds));
	bool good = true;

	for (size_t i = 0; i < len; i++) {
		builds[i] = need_service(plan, up, service, &platforms[i], pos);
		good = good && builds[i] != NO_NODE;
	}
	*ret_len = len;
	return good ? builds : NULL;
}

/* The node that writes a service's files: those of all its platforms. */
static size_t make_add_output(struct plan *plan, const struct build_frame *up, size_t service, struct pos pos)
{
	size_t maker = plan->manifest->services[service].maker;
	size_t number = plan_find_node(plan, NODE_OUTPUT, maker, NULL), len;
	const size_t *builds;
	struct node *node;

	if (number != NO_NODE)
		return number;
	builds = add_builds(plan, up, service, pos, &len);
	if (!builds)
		return NO_NODE;
	node = plan_add_node(plan, NODE_OUTPUT, maker, NULL, &number);
	for (size_t i = 0; i < len; i++)
		node_need(node, builds[i]);
	return number;
}

static bool make_add_target(struct plan *plan, size_t service)
{
	const struct service *own = &plan->manifest->services[service];
	const size_t *builds;
	size_t len;

	if (plan_only_asks(plan, service))
		return true;
	builds = add_builds(plan, NULL, service, own->pos, &len);
	if (!builds)
		return false;
	/* As with formats, not when only checks were requested. */
	if (service_makes_files(own) && !plan->options.verify_again && !plan->options.unpublished &&
	    make_add_output(plan, NULL, service, own->pos) == NO_NODE)
		return false;
	return !own->publish || plan->services[own->maker].nameless || add_published(plan, service, builds, len);
}

static void mark_target(struct plan *plan, const char *name)
{
	const struct manifest *manifest = plan->manifest;
	const struct group *group = manifest_group(manifest, name);
	long service = manifest_service(manifest, name);
	const char **names;
	cleanup_free char *hint = NULL;
	const char *const *words = plan->options.words;
	const char *nearest;
	size_t len = 0, words_len = 0;

	if (strcmp(name, "all") == 0 && !group && service < 0) {
		for (size_t i = 0; i < manifest->services_len; i++)
			plan->services[i].target = plan->services[i].target || (service_is_made(&manifest->services[i]) &&
										manifest->services[i].active);
		return;
	}
	for (size_t i = 0; group && i < group->services_len; i++)
		plan->services[group->services[i]].target = manifest->services[group->services[i]].has_build;
	if (service >= 0 && !group)
		plan->services[service].target = true;
	if (group || service >= 0)
		return;
	while (words && words[words_len])
		words_len++;
	names = mem_array(manifest->services_len + manifest->groups_len + words_len + 1, sizeof(*names));
	for (size_t i = 0; i < manifest->services_len; i++)
		names[len++] = manifest->services[i].name.s;
	for (size_t i = 0; i < manifest->groups_len; i++)
		names[len++] = manifest->groups[i].name.s;
	for (size_t i = 0; i < words_len; i++)
		names[len++] = words[i];
	nearest = text_nearest(name, names, len);
	if (nearest)
		hint = mem_printf("did you mean \"%s\"?", nearest);
	diags_add(plan->diags, (struct pos){ 0 }, hint, "no service or group is called \"%s\"", name);
	free(names);
}

/* Makes the nodes, up to the checks. */
static bool add_targets(struct plan *plan)
{
	bool good = plan_collect_outputs(plan) == 0;

	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		if (plan->services[i].target)
			good = make_add_target(plan, i) && good;
	}
	return good;
}

/* What is waited for only if it does not wait itself has to be a node for that to be known. */
static bool settle_waits(struct plan *plan)
{
	bool good = true;

	for (size_t i = 0; i < plan->waits_len && good; i++)
		good = make_add_output(plan, NULL, plan->waits[i].maker, plan->waits[i].pos) != NO_NODE;
	plan_settle_waits(plan);
	return good;
}

static void forget_nodes(struct plan *plan)
{
	for (size_t i = 0; i < plan->nodes_len; i++)
		node_clear(plan->nodes[i]);
	plan->nodes_len = 0;
	map_free(plan->by_id);
	plan->by_id = map_new();
}

int plan_make(struct plan *plan)
{
	size_t complaints = diags_count(plan->diags);
	bool good;

	if (!plan->options.nothing && (!plan->options.targets || !plan->options.targets[0]))
		mark_target(plan, plan->manifest->goal ? plan->manifest->goal : "all");
	for (size_t i = 0; plan->options.targets && plan->options.targets[i]; i++)
		mark_target(plan, plan->options.targets[i]);
	for (size_t i = 0; i < plan->manifest->services_len; i++) {
		if (plan->services[i].target && !plan_only_asks(plan, i))
			plan->services[plan->manifest->services[i].maker].made = true;
	}
	plan_name_images(plan);
	plan_read_ahead(plan);
	good = add_targets(plan);
	/* A step is needed for more platforms than known before: its outputs for these may be in any context. */
	while (good && (plan->asked_more || plan->waits_more)) {
		good = settle_waits(plan);
		forget_nodes(plan);
		good = good && add_targets(plan);
	}
	good = good && plan_check_images(plan);
	if (good && plan->options.push)
		good = plan_add_release(plan);
	plan_select(plan);
	return good && diags_count(plan->diags) == complaints ? 0 : -1;
}
