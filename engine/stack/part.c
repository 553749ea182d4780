#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/oci/image.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"

/* The command of a check as written in compose files and images, or NULL: "NONE", or nothing to run. */
static const char *const *test_words(struct stack *stack, const char *const *test, size_t len)
{
	const char **words;
	size_t words_len = 0;

	if (len < 2 || strcmp(test[0], "NONE") == 0)
		return NULL;
	words = arena_array(stack->arena, len + 2, sizeof(*words));
	if (strcmp(test[0], "CMD-SHELL") == 0) {
		words[words_len++] = "/bin/sh";
		words[words_len++] = "-c";
	}
	for (size_t i = 1; i < len; i++)
		words[words_len++] = test[i];
	return words;
}

/* The check in the image's HEALTHCHECK: JSON, or NULL when it has none. */
static int image_test(struct stack *stack, const char *healthcheck, const char *const **ret, struct error **err)
{
	cleanup_json struct json *check = NULL;
	const struct json *test;
	const char **items;
	size_t len;

	*ret = NULL;
	if (!healthcheck)
		return 0;
	if (json_parse(healthcheck, strlen(healthcheck), "HEALTHCHECK", &check, err) < 0)
		return -1;
	test = json_get(check, "Test");
	len = json_len(test);
	items = arena_array(stack->arena, len + 1, sizeof(*items));
	for (size_t i = 0; i < len; i++) {
		const char *item = json_text(json_at(test, i));

		items[i] = arena_strdup(stack->arena, item ? item : "");
	}
	*ret = test_words(stack, items, len);
	return 0;
}

/* The service's own check takes precedence over the image's. */
static int take_test(struct stack *stack, struct actor *actor, const char *healthcheck, struct error **err)
{
	const struct healthcheck *own = &actor->part->service->healthcheck;
	const char **items = arena_array(stack->arena, own->test.len + 1, sizeof(*items));

	if (own->disable)
		return 0;
	if (own->test.len == 0)
		return image_test(stack, healthcheck, &actor->test, err);
	for (size_t i = 0; i < own->test.len; i++)
		items[i] = own->test.items[i].s;
	actor->test = test_words(stack, items, own->test.len);
	return 0;
}

static int built_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err)
{
	cleanup_image struct image *image = NULL;

	*ret = (struct runtime_image){ .identity = actor->part->identity, .digest = actor->part->digest };
	if (!ret->digest) /* a base that was left in its builder's storage */
		return take_test(stack, actor, NULL, err);
	if (image_read(stack->layout, ret->digest, &image, err) < 0)
		return -1;
	if (image->ports && image->ports[0] && !image->ports[1])
		actor->exposed = (uint16_t)strtoul(image->ports[0], NULL, 10);
	return take_test(stack, actor, image->healthcheck, err);
}

/* Whether the manifest allows plain HTTP for this registry. */
static bool is_insecure(const struct stack *stack, const char *reference)
{
	bool insecure = false;
	struct ref ref;

	if (!ref_parse(reference, &ref, NULL))
		return false;
	for (size_t i = 0; i < stack->manifest->registries_len; i++) {
		const struct registry_spec *spec = &stack->manifest->registries[i];

		insecure = insecure || (spec->insecure && strcmp(spec->host.s, ref.domain) == 0);
	}
	ref_free(&ref);
	return insecure;
}

static int pulled_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err)
{
	const struct service *service = actor->part->service;
	const struct runtime_wanted wanted = {
		.reference = service->reference.s,
		.when = (enum runtime_pull_when)service->pull.when,
		.insecure = is_insecure(stack, service->reference.s),
	};
	struct runtime_pulled pulled;
	int r;

	if (runtime_pull(stack->runtime, &wanted, stack->output, &pulled, err) < 0)
		return -1;
	findings_pass(stack->findings, "%s runs %s", service->name.s, pulled.origin);
	*ret = (struct runtime_image){ .identity = arena_strdup(stack->arena, pulled.id) };
	actor->exposed = pulled.port;
	r = take_test(stack, actor, pulled.healthcheck, err);
	runtime_pulled_free(&pulled);
	return r;
}

int part_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err)
{
	if (!actor->part->service->has_build)
		return pulled_image(stack, actor, ret, err);
	if (actor->part->identity)
		return built_image(stack, actor, ret, err);
	return error_make(err, ERROR_HEALTH, "there is no image of it for this machine");
}
