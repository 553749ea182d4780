#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/builder/docker.h"
#include "engine/builder/emulation.h"
#include "engine/io/dockerd.h"
#include "engine/io/proc.h"
#include "engine/io/socket.h"
#include "engine/state/state.h"

#define FACT "docker.buildx"
#define CURRENT_MAX 4096 /* bytes of the file that names buildx's builder in use */

static void hash_config(struct hasher *hasher, const char *name)
{
	cleanup_free char *path = dockerd_config(name);

	hasher_file(hasher, path);
}

/* Which builder is in use. buildx writes the file anew each time. */
static void hash_current(struct hasher *hasher)
{
	cleanup_free char *path = dockerd_config("buildx/current");
	cleanup_buf struct buf text = { 0 };
	bool found = false;

	if (path && fs_read_if(path, CURRENT_MAX, &text, &found, NULL) == 0 && found)
		hasher_field(hasher, "current", text.data ? text.data : "", text.len);
	hash_config(hasher, "buildx/defaults");
}

/* A daemon that was started since has a new socket, or at least a new file with its process. */
static void hash_daemon(struct hasher *hasher, const char *socket)
{
	cleanup_free char *dir = path_dir(socket);
	cleanup_free char *pid = path_join(dir, "docker.pid");

	hasher_file(hasher, socket);
	hasher_file(hasher, pid);
	hasher_file(hasher, "/etc/docker/daemon.json");
}

static void hash_emulators(struct hasher *hasher)
{
	struct platform platforms[EMULATION_MAX];
	size_t len = emulation_platforms(EMULATION_DIR, platforms);

	for (size_t i = 0; i < len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&platforms[i], text);
		hasher_text(hasher, "platform", text);
	}
}

static bool is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value && *value;
}

char *docker_memory_stamp(const struct docker_where *where, const struct argv *command)
{
	cleanup_free char *endpoint = where->host ? mem_strdup(where->host) : dockerd_endpoint();
	const char *socket = dockerd_socket(endpoint);
	cleanup_hasher struct hasher *hasher = NULL;
	uint64_t user = geteuid();
	char hex[HASH_HEX + 1];

	if (where->instance || (!where->host && is_set("BUILDX_BUILDER")) || is_set("BUILDX_CONFIG") ||
	    command->len != 1 || !socket || !socket_listens(socket))
		return NULL;
	hasher = hasher_new();
	hasher_text(hasher, "layout", "2"); /* of what is remembered */
	hasher_text(hasher, "plugin", command->items[0]);
	hasher_file(hasher, command->items[0]);
	hasher_field(hasher, "user", &user, sizeof(user));
	hash_config(hasher, "config.json");
	hash_current(hasher);
	hash_daemon(hasher, socket);
	hash_emulators(hasher);
	hash_hex(hasher_done(hasher), hex);
	return mem_strdup(hex);
}

/* False when it is not as it was written. */
static bool take_platforms(const struct json *list, int64_t native, struct docker_facts *facts)
{
	facts->platforms_len = json_len(list);
	if (facts->platforms_len > DOCKER_PLATFORMS_MAX || native < 1 || (uint64_t)native > facts->platforms_len)
		return false;
	facts->native_len = (size_t)native;
	for (size_t i = 0; i < facts->platforms_len; i++) {
		const char *text = json_text(json_at(list, i));

		if (!text || !platform_parse(text, &facts->platforms[i]))
			return false;
	}
	return true;
}

int docker_memory_recall(struct state *state, const char *stamp, struct docker_facts *ret, bool *ret_known,
			 struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_json struct json *json = NULL;
	const char *known, *version, *detail;

	*ret_known = false;
	if (state_fact(state, FACT, &text, err) < 0)
		return -1;
	if (!text || json_parse(text, strlen(text), FACT, &json, NULL) < 0)
		return 0;
	known = json_str(json, "stamp");
	version = json_str(json, "version");
	detail = json_str(json, "detail");
	if (!known || strcmp(known, stamp) != 0 || !version || !detail ||
	    !take_platforms(json_get(json, "platforms"), json_int(json, "native"), ret) ||
	    docker_facts_version(ret, version, NULL) < 0)
		return 0;
	ret->detail = mem_strdup(detail);
	ret->abilities = (unsigned)json_int(json, "abilities");
	ret->lasting = *ret_known = true;
	return 0;
}

int docker_memory_keep(struct state *state, const char *stamp, const struct docker_facts *facts, struct error **err)
{
	cleanup_json struct json *json = json_new_object();
	struct json *platforms = json_new_array();
	cleanup_buf struct buf text = { 0 };

	json_set_str(json, "stamp", stamp);
	json_set_str(json, "version", facts->version);
	json_set_str(json, "detail", facts->detail);
	json_set_int(json, "abilities", facts->abilities);
	json_set_int(json, "native", (int64_t)facts->native_len);
	json_set(json, "platforms", platforms);
	for (size_t i = 0; i < facts->platforms_len; i++) {
		char platform[PLATFORM_TEXT];

		platform_text(&facts->platforms[i], platform);
		json_append(platforms, json_new_string(platform));
	}
	json_dump(json, JSON_CANONICAL, &text);
	return state_set_fact(state, FACT, text.data, err);
}
