#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/xxh3.h"
#include "engine/oci/image.h"

/* The canonical form of a config: image-spec config.md, plus the docker fields that BuildKit keeps. */

static const char *const image_members[] = { "architecture", "author",     "created", "os",
					     "os.features",  "os.version", "variant" };
static const char *const config_members[] = { "ArgsEscaped", "Cmd",         "Entrypoint", "Env",     "ExposedPorts",
					      "Healthcheck", "Labels",      "MemorySwap", "OnBuild", "Shell",
					      "StopSignal",  "StopTimeout", "User",       "Volumes", "WorkingDir" };
static const char *const history_members[] = { "author", "created", "empty_layer" };

/* Missing and empty mean the same. */
static bool is_empty(const struct json *object, const char *name)
{
	const struct json *value = json_get(object, name);
	const char *text = json_text(value);

	if (text || json_is_array(value) || json_is_object(value))
		return text ? !*text : json_len(value) == 0;
	return json_number(value) == 0 && !json_bool(object, name);
}

static void copy_members(struct json *to, const struct json *from, const char *const *names, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_empty(from, names[i]))
			json_set(to, names[i], json_clone(json_get(from, names[i])));
	}
}

#define COPY(to, from, names) copy_members(to, from, names, sizeof(names) / sizeof((names)[0]))

/* The length of an IMAGE_STEP_KEY and its hash at `step`, or 0. */
static size_t key_length(const char *step)
{
	size_t len = strlen(IMAGE_STEP_KEY);

	if (strncmp(step, IMAGE_STEP_KEY, len) != 0 || strspn(step + len, "0123456789abcdef") != HASH_HEX)
		return 0;
	return len + HASH_HEX;
}

/* buildah records what a COPY or ADD copied as "file:<digest>", "dir:..." or "multi:...". The digest covers times,
 * so it differs between equal layers: drop it. */
static struct json *canonical_step(const char *step)
{
	static const char *const kinds[] = { "file:", "dir:", "multi:" };
	cleanup_buf struct buf out = { 0 };

	while (*step) {
		size_t kind = 0, key = key_length(step);

		while (kind < 3 && strncmp(step, kinds[kind], strlen(kinds[kind])) != 0)
			kind++;
		if (kind < 3 && strspn(step + strlen(kinds[kind]), "0123456789abcdef") == DIGEST_HEX) {
			buf_add(&out, kinds[kind], strlen(kinds[kind]) - 1);
			step += strlen(kinds[kind]) + DIGEST_HEX;
		} else if (key > 0) {
			step += key;
		} else {
			buf_char(&out, *step++);
		}
	}
	return json_new_string(out.data ? out.data : "");
}

static struct json *canonical_history(const struct json *history)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < json_len(history); i++) {
		struct json *entry = json_new_object();
		const char *comment = json_str(json_at(history, i), "comment");
		const char *step = json_str(json_at(history, i), "created_by");

		COPY(entry, json_at(history, i), history_members);
		if (step)
			json_set(entry, "created_by", canonical_step(step));
		/* buildah records the id of the intermediate image here. */
		if (comment && strncmp(comment, "FROM ", strlen("FROM ")) != 0)
			json_set_str(entry, "comment", comment);
		json_append(list, entry);
	}
	return list;
}

int image_canonical_config(const char *text, size_t len, const char *name, struct buf *ret, struct error **err)
{
	cleanup_json struct json *from = NULL;
	cleanup_json struct json *to = json_new_object();
	struct json *config;

	if (json_parse(text, len, name, &from, err) < 0)
		return -1;
	if (!json_is_object(from) || !json_is_object(json_get(from, "rootfs")))
		return error_make(err, ERROR_STATE, "%s is not the config of an image: it has no rootfs", name);
	COPY(to, from, image_members);
	config = json_new_object();
	COPY(config, json_get(from, "config"), config_members);
	json_set(to, "config", config);
	json_set(to, "rootfs", json_clone(json_get(from, "rootfs")));
	if (json_get(from, "history"))
		json_set(to, "history", canonical_history(json_get(from, "history")));
	json_dump(to, JSON_CANONICAL, ret);
	return 0;
}
