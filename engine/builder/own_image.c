#include "config.h"

#include "engine/builder/own_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "engine/io/socket.h"
#include "engine/oci/image.h"
#include "engine/oci/storage.h"
#include "engine/source/dockerfile.h"

#define ASK_MS 5000

static const char STORAGE[] = "containers-storage:";

void own_image_free(struct own_image *image)
{
	base_config_free(&image->config);
	free(image->user);
	*image = (struct own_image){ 0 };
}

static bool is_for(const struct json *answer, const struct platform *platform)
{
	const char *os = json_str(answer, "Os"), *arch = json_str(answer, "Architecture");
	const char *variant = json_str(answer, "Variant");
	cleanup_free char *text = mem_printf("%s/%s%s%s", os ? os : "", arch ? arch : "",
					     variant && *variant ? "/" : "", variant ? variant : "");
	struct platform own;

	return platform_parse(text, &own) && platform_equal(&own, platform);
}

/* The strings are the list's; what is none of them is not told. free() the array. */
static char **own_image_list(const struct json *list)
{
	char **items = mem_array(json_len(list) + 1, sizeof(*items));

	for (size_t i = 0; i < json_len(list); i++) {
		const char *text = json_text(json_at(list, i));

		items[i] = (char *)(text ? text : DOCKERFILE_UNTOLD);
	}
	return items;
}

static bool own_image_take(const struct buf *text, const struct platform *platform, struct own_image *ret)
{
	cleanup_json struct json *answer = NULL;
	const struct json *config;
	char **onbuild, **env;
	const char *id;

	if (json_parse(text->data ? text->data : "", text->len, "docker", &answer, NULL) < 0)
		return false;
	id = json_str(answer, "Id");
	if (!id || !digest_valid(id) || !is_for(answer, platform))
		return false;
	memcpy(ret->id, id, DIGEST_LEN + 1);
	config = json_get(answer, "Config");
	onbuild = own_image_list(json_get(config, "OnBuild"));
	env = own_image_list(json_get(config, "Env"));
	base_config_make(onbuild, env, &ret->config);
	ret->user = mem_strdup(json_str(config, "User") ? json_str(config, "User") : "");
	free(onbuild);
	free(env);
	return true;
}

/* Engine API 1.49 and newer look for the platform; older ones show the image for the machine's own. */
static bool find_in_docker(const char *socket, const char *reference, const struct platform *platform,
			   struct own_image *ret)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *target = mem_printf("/images/%s/json?platform=%%7B%%22os%%22%%3A%%22%s%%22%%2C%%22architecture"
					       "%%22%%3A%%22%s%%22%%2C%%22variant%%22%%3A%%22%s%%22%%7D",
					       reference, platform->os, platform->arch, platform->variant);

	return socket_get(socket, target, ASK_MS, &text, NULL) == 0 && own_image_take(&text, platform, ret);
}

static bool find_in_storage(const char *root, const char *reference, const struct platform *platform,
			    struct own_image *ret)
{
	cleanup_storage struct storage *storage = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf config = { 0 };
	const char *identity = storage_open(root, &storage, NULL) == 0 ? storage_find(storage, reference) : NULL;

	if (!identity || storage_config(storage, identity, &config, NULL) < 0 ||
	    image_read_config(config.data, config.len, identity, &image, NULL) < 0 ||
	    !platform_equal(&image->platform, platform))
		return false;
	memcpy(ret->id, identity, DIGEST_LEN + 1);
	base_config_make(image->onbuild, image->env, &ret->config);
	ret->user = mem_strdup(image->user);
	return true;
}

bool own_image_find(const char *engine, const char *reference, const struct platform *platform, struct own_image *ret)
{
	*ret = (struct own_image){ 0 };
	if (!engine)
		return false;
	if (engine[0] == '/')
		return find_in_docker(engine, reference, platform, ret);
	return strncmp(engine, STORAGE, strlen(STORAGE)) == 0 &&
	       find_in_storage(engine + strlen(STORAGE), reference, platform, ret);
}
