#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "dsl/draft.h"
#include "dsl/manifest.h"
#include "dsl/resolve.h"

/* Annotations of what is pushed, in buildx's notation: "index,manifest[linux/arm64]:NAME". */

#define PLACES \
	"write \"index:\", \"manifest:\", \"manifest[linux/arm64]:\" or \"index,manifest:\" before the name, or only the name"

/* "manifest[PLATFORM]", with its brackets. */
static bool take_annotated_platform(struct resolve *r, const char *text, size_t len, struct annotation *annotation)
{
	const char *platform;

	if (len < 3 || text[0] != '[' || text[len - 1] != ']')
		return false;
	platform = arena_strndup(r->arena, text + 1, len - 2);
	annotation->has_platform = true;
	return platform_parse(platform, &annotation->platform);
}

/* One of the places before the colon. */
static bool take_annotated(struct resolve *r, const char *text, size_t len, struct annotation *annotation)
{
	static const char manifest[] = "manifest";
	size_t word = strlen(manifest);

	if (len == strlen("index") && strncmp(text, "index", len) == 0) {
		annotation->index = true;
		return true;
	}
	if (len < word || strncmp(text, manifest, word) != 0)
		return false;
	annotation->manifest = true;
	return len == word || take_annotated_platform(r, text + word, len - word, annotation);
}

static bool parse_annotation(struct resolve *r, const struct pair *pair, struct annotation *ret)
{
	const char *at = pair->key.s, *colon = strchr(at, ':');

	*ret = (struct annotation){ .key = pair->key, .value = pair->value, .manifest = !colon };
	if (!colon)
		return *at != '\0';
	ret->key.s = arena_strdup(r->arena, colon + 1);
	while (at < colon) {
		size_t len = strcspn(at, ",:");

		if (!take_annotated(r, at, len, ret))
			return false;
		at += len + (at[len] == ',');
	}
	return *ret->key.s != '\0' && colon > pair->key.s && colon[-1] != ',';
}

/* What has no place for it. */
static void check_annotation(struct resolve *r, const struct service *service, const struct annotation *annotation)
{
	if (service->docker)
		diags_add(r->diags, annotation->key.pos, NULL,
			  "Docker's format (\"media_types: docker\") has no annotations such as \"%s\"",
			  annotation->key.s);
	else if (annotation->index && service->bare)
		diags_add(r->diags, annotation->key.pos, NULL,
			  "\"index: never\" leaves no index for the annotation \"%s\"", annotation->key.s);
	else if (annotation->manifest && service_attests(service))
		diags_add(r->diags, annotation->key.pos,
			  arena_printf(r->arena, "annotate the index: \"index:%s\"", annotation->key.s),
			  "the attestations of \"%s\" name its manifests, which the annotation \"%s\" would change",
			  service->name.s, annotation->key.s);
}

void resolve_annotations(struct resolve *r, const struct draft_build *draft, struct service *service)
{
	struct build_spec *build = &service->build;

	build->annotations = arena_array(r->arena, draft->annotations.len, sizeof(*build->annotations));
	for (size_t i = 0; i < draft->annotations.len; i++) {
		const struct pair *pair = &draft->annotations.items[i];
		struct annotation *annotation = &build->annotations[build->annotations_len];

		if (!parse_annotation(r, pair, annotation)) {
			diags_add(r->diags, pair->key.pos, PLACES, "\"%s\" is not the name of an annotation",
				  pair->key.s);
			continue;
		}
		check_annotation(r, service, annotation);
		build->annotations_len++;
	}
}
