#include "config.h"

#include <string.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/load.h"
#include "dsl/loaded.h"
#include "dsl/resolve.h"
#include "dsl/unit.h"

static const char *const common[] = {
	"linux/amd64",   "linux/arm64",   "linux/arm/v7", "linux/arm/v6",  "linux/386",
	"linux/riscv64", "linux/ppc64le", "linux/s390x",  "linux/loong64",
};

/* platform_parse accepts any word as an architecture; catch misspelt ones here. */
bool resolve_platform(struct resolve *r, const struct text *text, const char *where, struct platform *ret)
{
	struct platform known;
	const char *nearest;

	if (platform_parse(text->s, ret) && platform_parse(ret->arch, &known) && !strcmp(known.arch, ret->arch) &&
	    platform_parse(ret->os, &known) && !strcmp(known.os, ret->os))
		return true;
	nearest = text_nearest(text->s, common, sizeof(common) / sizeof(common[0]));
	diags_add(r->diags, text->pos,
		  nearest ? arena_printf(r->arena, "did you mean \"%s\"?", nearest)
			  : "platforms are written \"linux/amd64\"",
		  "\"%s\" is not a platform%s", text->s, where);
	return false;
}

static size_t parse_platforms(struct resolve *r, const struct texts *texts, const char *where, struct platform **ret)
{
	struct texts limited = *texts;
	struct platform *platforms;
	size_t len = 0;

	resolve_limit(r, &limited, RESOLVE_PLATFORMS_MAX, "platforms");
	platforms = arena_array(r->arena, limited.len, sizeof(*platforms));

	for (size_t i = 0; i < limited.len; i++) {
		size_t j = 0;

		if (!resolve_platform(r, &limited.items[i], where, &platforms[len]))
			continue;
		while (j < len && !platform_equal(&platforms[j], &platforms[len]))
			j++;
		len += j == len;
	}
	*ret = platforms;
	return len;
}

void resolve_platforms(struct resolve *r, struct unit *unit)
{
	const struct unit *first = r->units->items[0];
	bool option = r->options->platforms && r->options->platforms[0];

	unit->declared_len = parse_platforms(r, &unit->draft->platforms, "", &unit->declared);
	unit->platforms = unit->declared;
	unit->platforms_len = unit->declared_len;
	if (unit->parent && !unit->declared_len) {
		unit->declared = unit->parent->declared;
		unit->declared_len = unit->parent->declared_len;
	}
	if (r->asked_platforms.len && unit == first)
		unit->platforms_len = parse_platforms(
			r, &r->asked_platforms, option ? " (--platforms)" : " (BUILD_PLATFORMS)", &unit->platforms);
	else if (unit->parent && (r->asked_platforms.len || !unit->platforms_len)) {
		unit->platforms = unit->parent->platforms;
		unit->platforms_len = unit->parent->platforms_len;
	}
}

static const char *platforms_text(struct resolve *r, const struct platform *platforms, size_t len)
{
	const char *text = "";

	for (size_t i = 0; i < len && i < 8; i++) {
		char one[PLATFORM_TEXT];

		platform_text(&platforms[i], one);
		text = arena_printf(r->arena, "%s%s%s", text, i ? ", " : "", one);
	}
	return text;
}

static bool has_platform(const struct platform *platforms, size_t len, const struct platform *platform)
{
	for (size_t i = 0; i < len; i++)
		if (platform_equal(&platforms[i], platform))
			return true;
	return false;
}

/* Several platforms and attestations are held together by an index. */
static void check_bare(struct resolve *r, const struct service *service)
{
	if (!service->bare || !service->publish)
		return;
	if (service->build.platforms_len > 1)
		diags_add(r->diags, service->pos, "one platform can be asked for with --platforms",
			  "\"index: never\" is for an image of one platform, and \"%s\" is for %s", service->name.s,
			  platforms_text(r, service->build.platforms, service->build.platforms_len));
	if (service_attests(service))
		diags_add(r->diags, service->pos, NULL,
			  "\"index: never\" leaves no place for the provenance and SBOM of \"%s\"", service->name.s);
}

/* Neither attestations nor all compressions have a type of Docker's. */
static void check_docker(struct resolve *r, const struct service *service)
{
	if (service->docker && service_attests(service))
		diags_add(r->diags, service->pos, NULL,
			  "Docker's format (\"media_types: docker\") has no place for the provenance and SBOM of \"%s\"",
			  service->name.s);
}

/* The requested platforms that the service has. */
static void build_platforms(struct resolve *r, const struct draft_rest *rest, struct service *service)
{
	const struct draft_build *draft = &rest->build;
	struct texts runs_on = { (struct text *)&rest->platform, rest->platform.s != NULL };
	const struct texts *said = draft->platforms.len ? &draft->platforms : &runs_on;
	struct pos pos = draft->platforms.len ? draft->platforms_pos : rest->platform.pos;
	const struct unit *unit = unit_at(r->units, service->pos);
	struct build_spec *build = &service->build;
	struct platform *own, *both;
	size_t own_len = parse_platforms(r, said, "", &own), len = 0;

	build->declared = own_len ? own : unit->declared;
	build->declared_len = own_len ? own_len : unit->declared_len;
	build->platforms = own_len ? own : unit->platforms;
	build->platforms_len = own_len ? own_len : unit->platforms_len;
	if (!own_len || !r->asked_platforms.len)
		return;
	both = arena_array(r->arena, unit->platforms_len, sizeof(*both));
	for (size_t i = 0; i < unit->platforms_len; i++)
		if (has_platform(own, own_len, &unit->platforms[i]))
			both[len++] = unit->platforms[i];
	if (len) {
		build->platforms = both;
		build->platforms_len = len;
	} else if (service->publish && unit->platforms_len) {
		build->unasked.s = arena_printf(r->arena, "the service \"%s\" is for %s only, and %s %s asked for",
						service->name.s, platforms_text(r, own, own_len),
						platforms_text(r, unit->platforms, unit->platforms_len),
						unit->platforms_len == 1 ? "is" : "are");
		build->unasked.pos = pos;
	}
}

static void check_image_context(struct resolve *r, const struct text *value)
{
	struct ref ref = { 0 };
	const char *why;

	if (!ref_parse(value->s, &ref, &why))
		diags_add(r->diags, value->pos, NULL, "\"%s\" is not an image reference: %s", value->s, why);
	ref_free(&ref);
}

/* As BuildKit's clients do, at the first "@", then at the first ":". */
static void resolve_layout(struct resolve *r, const char *s, struct named_context *ret)
{
	size_t path = strcspn(s, ":@");
	const char *digest = strchr(s, '@');

	ret->kind = CONTEXT_LAYOUT;
	if (digest && !digest_valid(digest + 1))
		diags_add(r->diags, ret->value.pos, NULL, "\"%s\" is not a digest", digest + 1);
	if (digest)
		ret->image = digest + 1;
	else if (s[path])
		ret->image = s + path + 1;
	ret->value.s = arena_strndup(r->arena, s, path);
	ret->value.s = resolve_text(r, &ret->value);
}

static void resolve_context(struct resolve *r, const struct pair *pair, struct service *service, struct named_context *ret)
{
	const char *s = pair->value.s;

	*ret = (struct named_context){ .name = pair->key,
				       .kind = CONTEXT_PATH,
				       .value = pair->value,
				       .service = RESOLVE_NONE };
	if (!strncmp(s, "service:", 8)) {
		ret->kind = CONTEXT_SERVICE;
		ret->value.s = s + 8;
		ret->service = resolve_service(r, &ret->value, "additional_contexts");
		if (!strcmp(ret->value.s, service->name.s))
			diags_add(r->diags, pair->value.pos, NULL,
				  "the service \"%s\" cannot be a context of its own build", service->name.s);
	} else if (!strncmp(s, "docker-image://", 15)) {
		ret->kind = CONTEXT_IMAGE;
		ret->value.s = s + 15;
		check_image_context(r, &ret->value);
	} else if (!strncmp(s, "oci-layout://", 13)) {
		resolve_layout(r, s + 13, ret);
	} else if (!strncmp(s, "target:", 7)) {
		diags_add(r->diags, pair->value.pos,
			  "write a folder, \"service:NAME\", \"docker-image://REFERENCE\", \"oci-layout://FOLDER\" or a URL",
			  "contexts of the form \"%s\" are not supported", s);
	} else if (resolve_is_remote(r, &pair->value)) {
		ret->url = pair->value;
		ret->value.s = resolve_remote(r, &service->build, &pair->value,
					      arena_join(r->arena, "additional_contexts ", pair->key.s, NULL))
				       ->path;
	} else {
		ret->value.s = resolve_text(r, &ret->value);
	}
}

/* Where the build's files are. */
static void resolve_where(struct resolve *r, const struct draft_build *from, struct build_spec *build)
{
	const struct remote_use *remote = NULL;
	const char *name = from->dockerfile.s;

	if (resolve_is_remote(r, &build->context)) {
		build->context_url = build->context;
		remote = resolve_remote(r, build, &build->context_url, "context");
		build->context.s = remote->path;
	} else {
		build->context.s = resolve_text(r, &build->context);
	}
	if (remote && remote->text)
		name = "context";
	if (name && (strncmp(name, "http://", 7) == 0 || strncmp(name, "https://", 8) == 0)) {
		build->dockerfile_url = from->dockerfile;
		build->dockerfile.s =
			resolve_path(r, resolve_remote(r, build, &build->dockerfile_url, "dockerfile")->path, "context");
		return;
	}
	build->dockerfile.s =
		name ? resolve_path(r, build->context.s, name)
		     : arena_join(r->arena, strcmp(build->context.s, "/") ? build->context.s : "", "/Dockerfile", NULL);
}

void resolve_build(struct resolve *r, const struct draft_rest *draft, struct service *service)
{
	struct build_spec *build = &service->build;
	const struct draft_build *from = &draft->build;

	*build = from->out;
	/* As in compose, the folder is relative to the service that inherits it, wherever the template is written. */
	build->context = from->context.s ? from->context
					 : (struct text){ ".", unit_at(r->units, service->pos)->compose ? service->pos
													: build->pos };
	build->dockerfile = from->dockerfile.s ? from->dockerfile : (struct text){ "Dockerfile", build->context.pos };
	build->remotes = arena_array(r->arena, from->contexts.len + 2, sizeof(*build->remotes));
	resolve_where(r, from, build);
	if (build->inline_text.s && from->dockerfile.s)
		diags_add(r->diags, build->inline_text.pos, NULL,
			  "a build has either \"dockerfile\" or \"dockerfile_inline\", not both");
	if (build->inline_text.s)
		build->dockerfile =
			(struct text){ resolve_path(r, build->context.s, "dockerfile_inline"), build->inline_text.pos };
	resolve_given(r, from, build);
	build_platforms(r, draft, service);
	check_bare(r, service);
	check_docker(r, service);
	resolve_annotations(r, &draft->build, service);
	build->contexts = arena_array(r->arena, from->contexts.len, sizeof(*build->contexts));
	for (size_t i = 0; i < from->contexts.len; i++) {
		const struct pair *pair = &from->contexts.items[i];

		if (pair->value.s && *pair->value.s)
			resolve_context(r, pair, service, &build->contexts[build->contexts_len++]);
	}
}
