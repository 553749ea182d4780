#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "dsl/manifest.h"
#include "engine/oci/image.h"
#include "engine/runtime/runtime.h"
#include "engine/stack/findings.h"
#include "engine/stack/stack.h"

static int built_image(struct stack *stack, struct actor *actor, struct runtime_image *ret, struct error **err)
{
	cleanup_image struct image *image = NULL;

	*ret = (struct runtime_image){ .identity = actor->part->identity, .digest = actor->part->digest };
	if (!ret->digest) /* a base that was left in its builder's storage */
		return own_test_take(actor, NULL, err);
	if (image_read(stack->layout, ret->digest, &image, err) < 0)
		return -1;
	if (image->ports && image->ports[0] && !image->ports[1])
		actor->exposed = (uint16_t)strtoul(image->ports[0], NULL, 10);
	return own_test_take(actor, image->healthcheck, err);
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
	*ret = (struct runtime_image){ .identity = arena_strdup(actor->arena, pulled.id) };
	actor->exposed = pulled.port;
	r = own_test_take(actor, pulled.healthcheck, err);
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
