#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/oci/storage_unused.h"
#include "engine/runtime/runtime_ops.h"

/* Images that lost their names to newer ones. Whether a container or another image uses them is for the engine to say: without
 * force it then refuses, or leaves the image. */

#define SINGLE_MAX 64 /* images that docker is asked about one by one */
#define PASSES_MAX 3  /* of a removal: an image goes only after those that were built on it */
#define REMOVE_MS 20  /* for docker to forget an image; what it waits for then is its collection of garbage */

static bool is_former(const struct runtime *runtime, const struct runtime_former *former, const char *id)
{
	for (size_t i = 0; id && i < former->len; i++)
		if (strcmp(runtime_image_id(runtime, &former->images[i]), id) == 0)
			return true;
	return false;
}

/* Status 1 or 2 says that some could not be removed. */
static void remove_ids(struct runtime *runtime, const char *const *ids)
{
	cleanup_argv struct argv args = { 0 };

	argv_add(&args, "rmi");
	argv_add(&args, "--no-prune");
	for (; *ids; ids++)
		argv_add(&args, *ids);
	runtime_command(runtime, (const char *const *)args.items, NULL, true, NULL, NULL);
}

/* An engine that is elsewhere, through its command. */
static int discard_by_command(struct runtime *runtime, const struct runtime_former *former, bool dry,
			      struct runtime_freed *ret, struct error **err)
{
	static const char *const list[] = { "image", "ls", "--all", "--quiet", "--no-trunc", "--filter=dangling=true",
					    NULL };
	cleanup_buf struct buf out = { 0 };
	cleanup_argv struct argv ids = { 0 };
	char *rest = NULL;

	if (runtime_command(runtime, list, NULL, true, &out, err) < 0)
		return -1;
	for (char *id = out.data ? strtok_r(out.data, "\n", &rest) : NULL; id; id = strtok_r(NULL, "\n", &rest))
		if (is_former(runtime, former, id))
			argv_add(&ids, id);
	if (ids.len > 0 && !dry)
		remove_ids(runtime, (const char *const *)ids.items);
	if (ret)
		ret->count = ids.len;
	return 0;
}

static int find_discarded(const struct runtime *runtime, const struct runtime_former *former,
			  struct storage_unused *ret, struct error **err)
{
	cleanup_free const char **identities = mem_array(former->len + 1, sizeof(*identities));

	for (size_t i = 0; i < former->len; i++)
		identities[i] = former->images[i].identity;
	return storage_unused_find(runtime->root, identities, former->kept, ret, err);
}

/* Which were used after all shows when one looks again. */
int discard_podman(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		   struct error **err)
{
	struct storage_unused before, left = { 0 };
	int r = 0;

	if (!runtime->root)
		return discard_by_command(runtime, former, dry, ret, err);
	if (find_discarded(runtime, former, &before, err) < 0)
		return -1;
	for (size_t passes = 0, len = before.len; r == 0 && !dry && len > 0 && passes < PASSES_MAX; passes++) {
		remove_ids(runtime, (const char *const *)(passes == 0 ? before.ids : left.ids));
		storage_unused_free(&left);
		r = find_discarded(runtime, former, &left, err);
		if (left.len == len)
			break;
		len = left.len;
	}
	if (r == 0 && ret)
		*ret = (struct runtime_freed){ before.len - left.len, before.bytes - left.bytes };
	storage_unused_free(&before);
	storage_unused_free(&left);
	return r;
}

static bool lists_names(const struct json *names)
{
	for (size_t i = 0; i < json_len(names); i++)
		if (json_text(json_at(names, i)) && strncmp(json_text(json_at(names, i)), "<none>", 6) != 0)
			return true;
	return false;
}

/* docker also lists images as dangling that have lost one of several names, and then removes all of them by the id. A digest under
 * which an image was pulled or pushed is a name, too. */
static bool still_named(struct runtime *runtime, const char *id)
{
	cleanup_free char *path = mem_printf("/images/%s/json", id);
	cleanup_json struct json *image = NULL;
	cleanup_buf struct buf text = { 0 };

	return docker_api_do(runtime, "GET", path, NULL, &text, NULL) < 0 ||
	       json_parse(text.data ? text.data : "", text.len, "docker", &image, NULL) < 0 ||
	       lists_names(json_get(image, "RepoTags")) || lists_names(json_get(image, "RepoDigests"));
}

/*
 * The image is gone at once, but the answer comes after containerd's next collection of garbage, which may wait for 50 times as long as
 * the last ones took. Who does not want to know what is freed need not wait for that: docker finishes without a caller.
 */
static int remove_image(struct runtime *runtime, const char *id, bool freed)
{
	cleanup_free char *removal = mem_printf("/images/%s?noprune=1", id), *look = mem_printf("/images/%s/json", id);

	if (!freed && (docker_api_wait(runtime, "DELETE", removal, NULL, REMOVE_MS, NULL, NULL) == 0 ||
		       docker_api_do(runtime, "GET", look, NULL, NULL, NULL) < 0))
		return 0;
	return docker_api_do(runtime, "DELETE", removal, NULL, NULL, NULL);
}

/* To list what has no name takes docker much longer than to say something of a few images. */
static void discard_latest(struct runtime *runtime, const struct runtime_former *former)
{
	for (size_t i = 0; i < former->latest_len; i++) {
		const char *id = runtime_image_id(runtime, &former->latest[i]);

		if (!still_named(runtime, id))
			remove_image(runtime, id, false);
	}
}

static void discard_one(struct runtime *runtime, const struct json *image, bool dry, struct runtime_freed *ret)
{
	int64_t size = json_int(image, "Size"), shared = json_int(image, "SharedSize");

	if ((!dry && remove_image(runtime, json_str(image, "Id"), ret) < 0) || !ret)
		return;
	ret->count++;
	ret->bytes += size > shared && shared >= 0 ? (uint64_t)(size - shared) : 0;
}

int discard_docker(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		   struct error **err)
{
	cleanup_free char *path = mem_printf("/images/json?filters=%%7B%%22dangling%%22:%%5B%%22true%%22%%5D%%7D%s",
					     ret ? "&shared-size=1" : "");
	cleanup_json struct json *images = NULL;
	cleanup_buf struct buf text = { 0 };

	if (!runtime->socket)
		return discard_by_command(runtime, former, dry, ret, err);
	if (!ret && !dry && former->latest_len <= SINGLE_MAX) {
		discard_latest(runtime, former);
		return 0;
	}
	if (docker_api_do(runtime, "GET", path, NULL, &text, err) < 0 ||
	    json_parse(text.data ? text.data : "", text.len, "docker", &images, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(images); i++) {
		const char *id = json_str(json_at(images, i), "Id");

		if (is_former(runtime, former, id) && !still_named(runtime, id))
			discard_one(runtime, json_at(images, i), dry, ret);
	}
	return 0;
}
