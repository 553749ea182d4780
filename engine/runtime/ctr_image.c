#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "base/ref.h"
#include "engine/oci/image.h"
#include "engine/oci/pick.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

/* The names that a filter finds, a line each. */
static int find_names(struct runtime *runtime, const char *field, const char *value, struct buf *ret, struct error **err)
{
	cleanup_buf struct buf filter = { 0 };

	ctr_filter(&filter, field, value);
	return ctr_do(runtime, runtime->space, (const char *const[]){ "images", "list", "--quiet", filter.data, NULL },
		      CTR_CLEANS, NULL, ret, err);
}

int ctr_image_named(struct runtime *runtime, const char *digest, char **ret, struct error **err)
{
	cleanup_buf struct buf names = { 0 };

	*ret = NULL;
	if (find_names(runtime, "target.digest", digest, &names, err) < 0)
		return -1;
	if (names.len > 0)
		*ret = mem_strndup(names.data, strcspn(names.data, "\n"));
	return 0;
}

int ctr_image_target(struct runtime *runtime, const char *name, char **ret, struct error **err)
{
	cleanup_buf struct buf filter = { 0 }, table = { 0 };
	const char *at;

	*ret = NULL;
	ctr_filter(&filter, "name", name);
	if (ctr_do(runtime, runtime->space, (const char *const[]){ "images", "list", filter.data, NULL }, CTR_ASKS,
		   NULL, &table, err) < 0)
		return -1;
	/* A heading, then "NAME TYPE DIGEST ...". */
	at = table.data ? strstr(table.data, " sha256:") : NULL;
	if (at && strlen(at + 1) >= DIGEST_LEN)
		*ret = mem_strndup(at + 1, DIGEST_LEN);
	if (*ret && !digest_valid(*ret)) {
		free(*ret);
		*ret = NULL;
	}
	return 0;
}

static int read_content(void *data, const char *digest, struct buf *ret, struct error **err)
{
	struct runtime *runtime = data;

	if (!digest_valid(digest))
		return error_make(err, ERROR_TOOL, "containerd names an invalid digest");
	return ctr_do(runtime, runtime->space, (const char *const[]){ "content", "get", digest, NULL }, CTR_ASKS, NULL,
		      ret, err);
}

static int content_json(struct runtime *runtime, const char *digest, struct buf *text, struct json **ret,
			struct error **err)
{
	if (read_content(runtime, digest, text, err) < 0)
		return -1;
	return json_parse(text->data ? text->data : "", text->len, digest, ret, err);
}

/* The manifest for this machine: the document itself, or one of an index. */
static int content_manifest(struct runtime *runtime, const char *digest, struct json **ret, struct error **err)
{
	cleanup_json struct json *document = NULL;
	cleanup_buf struct buf text = { 0 }, picked = { 0 };
	struct descriptor image = { 0 };
	struct platform host;
	int r;

	if (content_json(runtime, digest, &text, &document, err) < 0)
		return -1;
	if (!json_is_array(json_get(document, "manifests"))) {
		*ret = steal_ptr(document);
		return 0;
	}
	platform_host(&host);
	r = pick_image(text.data, text.len, digest, &host, read_content, runtime, &image, NULL, err);
	free(image.media_type);
	return r < 0 ? -1 : content_json(runtime, image.digest, &picked, ret, err);
}

int ctr_image_config(struct runtime *runtime, const char *digest, struct json **ret, struct error **err)
{
	cleanup_json struct json *manifest = NULL;
	cleanup_buf struct buf text = { 0 };
	const char *config;

	if (content_manifest(runtime, digest, &manifest, err) < 0)
		return -1;
	config = json_str(json_get(manifest, "config"), "digest");
	if (!config)
		return error_make(err, ERROR_TOOL, "containerd's image %s has no config", digest);
	return content_json(runtime, config, &text, ret, err);
}

/* "docker.io/library/postgres:16", as containerd calls it. */
static char *whole_name(const char *name)
{
	struct ref ref;
	char *whole;

	if (!ref_parse(name, &ref, NULL))
		return mem_strdup(name);
	whole = ref.digest ? mem_printf("%s/%s@%s", ref.domain, ref.repository, ref.digest)
			   : mem_printf("%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return whole;
}

int ctr_describe(struct runtime *runtime, const char *name, struct runtime_pulled *ret, struct error **err)
{
	cleanup_free char *whole = whole_name(name), *digest = NULL;
	cleanup_json struct json *image = NULL;

	*ret = (struct runtime_pulled){ 0 };
	if (ctr_image_target(runtime, whole, &digest, err) < 0)
		return -1;
	if (!digest)
		return error_make(err, ERROR_TOOL, "%s has no image called %s", runtime->name, whole);
	if (ctr_image_config(runtime, digest, &image, err) < 0)
		return -1;
	ret->origin = mem_printf("%.*s@%s", (int)strcspn(whole, "@"), whole, digest);
	ret->id = steal_ptr(digest);
	pull_take_config(json_get(image, "config"), ret);
	return 0;
}

int ctr_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output, struct error **err)
{
	const char *const args[] = { "images", "pull", insecure ? "--plain-http" : name, insecure ? name : NULL, NULL };

	return ctr_do(runtime, runtime->space, args, CTR_MOVES, output, NULL, err);
}

/* Other names of the image are somebody else's. */
void ctr_forget(struct runtime *runtime, const char *id)
{
	cleanup_free char *name = mem_printf(CTR_GUEST "@%s", id);

	ctr_do(runtime, runtime->space, (const char *const[]){ "images", "remove", name, NULL }, CTR_CLEANS, NULL, NULL,
	       NULL);
}
