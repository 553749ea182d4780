#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"
#include "engine/plan/plan_internal.h"
#include "engine/registry/base_config.h"

/* Images in OCI image layouts that are contexts: "oci-layout://FOLDER". */

static bool has_tag(const struct json *entry, const char *tag)
{
	const struct json *annotations = json_get(entry, "annotations");
	const char *name = json_str(annotations, OCI_REF_NAME), *full = json_str(annotations, OCI_CONTAINERD_NAME);
	const char *colon = name ? strrchr(name, ':') : NULL;

	return text_same(name, tag) || text_same(full, tag) || (colon && strcmp(colon + 1, tag) == 0);
}

/* The entry of index.json: that with the tag, else "latest", else the only one. In the document. */
static const char *layout_entry(const struct json *index, const char *tag)
{
	const struct json *list = json_get(index, "manifests");

	for (size_t i = 0; i < json_len(list); i++)
		if (has_tag(json_at(list, i), tag ? tag : "latest"))
			return json_str(json_at(list, i), "digest");
	return !tag && json_len(list) == 1 ? json_str(json_at(list, 0), "digest") : NULL;
}

static int find_digest(const struct named_context *context, char ret[DIGEST_LEN + 1], struct error **err)
{
	cleanup_free char *path = path_join(context->value.s, "index.json");
	cleanup_json struct json *index = NULL;
	cleanup_buf struct buf text = { 0 };
	const char *digest = context->image;

	if (!digest || !digest_valid(digest)) {
		if (fs_read(path, LAYOUT_MANIFEST_MAX, &text, err) < 0 ||
		    json_parse(text.data ? text.data : "", text.len, path, &index, err) < 0)
			return -1;
		digest = layout_entry(index, context->image);
	}
	if (!digest || !digest_valid(digest))
		return error_make(err, ERROR_USAGE, "%s has no image \"%s\"", context->value.s,
				  context->image ? context->image : "latest");
	memcpy(ret, digest, DIGEST_LEN + 1);
	return 0;
}

/* An image alone says in its config which platform it is for. */
static int read_for(struct layout *layout, const char *digest, const struct platform *platform, struct image **ret,
		    struct error **err)
{
	char picked[DIGEST_LEN + 1], attestation[DIGEST_LEN + 1], wanted[PLATFORM_TEXT], found[PLATFORM_TEXT];

	if (pick_stored(layout, digest, platform, picked, attestation, err) < 0 ||
	    image_read(layout, picked, ret, err) < 0)
		return -1;
	if (platform_equal(&(*ret)->platform, platform))
		return 0;
	platform_text(platform, wanted);
	platform_text(&(*ret)->platform, found);
	image_free(*ret);
	*ret = NULL;
	return error_make(err, ERROR_STATE, "%s: no image for %s; found: %s", layout_dir(layout), wanted, found);
}

/* As a base of a registry: of the platform, or else of an older variant that runs on it. The error is about the platform itself. */
static int read_layout(const struct named_context *context, const struct platform *platform, struct image **ret,
		       struct error **err)
{
	cleanup_layout struct layout *layout = NULL;
	struct platform older = *platform;
	char digest[DIGEST_LEN + 1];

	if (layout_open(context->value.s, false, &layout, err) < 0 || find_digest(context, digest, err) < 0)
		return -1;
	if (read_for(layout, digest, platform, ret, err) == 0)
		return 0;
	while (platform_weaker(&older))
		if (read_for(layout, digest, &older, ret, NULL) == 0) {
			error_free(steal_ptr(*err));
			return 0;
		}
	return -1;
}

bool plan_find_layout(struct plan *plan, const struct named_context *context, struct plan_image *image)
{
	cleanup_image struct image *found = NULL;
	cleanup_error struct error *error = NULL;
	struct base_config config;

	if (read_layout(context, &image->mention->platform, &found, &error) < 0) {
		diags_add(plan->diags, context->value.pos, error->remedy, "the image layout cannot be used: %s",
			  error->message);
		return false;
	}
	base_config_make(found->onbuild, found->env, &config);
	image->layout = context->value.s;
	image->reference = arena_join(plan->arena, "oci-layout://", context->value.s, NULL);
	image->digest = arena_strdup(plan->arena, found->manifest.digest);
	image->onbuild = arena_strdup(plan->arena, config.onbuild);
	image->env = arena_strdup(plan->arena, config.env);
	image->settled = true;
	image->env_settled = image->env != NULL;
	base_config_free(&config);
	return true;
}
