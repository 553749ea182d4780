#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/dockerd.h"

#define DEFAULT_ENDPOINT "unix:///var/run/docker.sock"
#define UNIX_SCHEME "unix://"
#define CONFIG_MAX (1u << 20) /* bytes of config.json */

char *dockerd_config(const char *name)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (dir && *dir)
		return path_join(dir, name);
	return home && *home ? mem_printf("%s/.docker/%s", home, name) : NULL;
}

struct json *dockerd_proxies(const char *endpoint)
{
	cleanup_free char *path = dockerd_config("config.json");
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *config = NULL;
	const struct json *all, *found;
	bool there = false;

	if (!path || fs_read_if(path, CONFIG_MAX, &text, &there, NULL) < 0 || !there ||
	    json_parse(text.data ? text.data : "", text.len, path, &config, NULL) < 0)
		return NULL;
	all = json_get(config, "proxies");
	found = json_get(all, endpoint) ? json_get(all, endpoint) : json_get(all, "default");
	return found ? json_clone(found) : NULL;
}

/* True when a docker context is in use: then only the docker command knows where its daemon is. */
static bool has_context(void)
{
	const char *context = getenv("DOCKER_CONTEXT");
	cleanup_free char *path = dockerd_config("config.json");
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *config = NULL;
	bool found = false;

	if (context && *context)
		return true;
	if (!path || fs_read_if(path, CONFIG_MAX, &text, &found, NULL) < 0 || !found)
		return false;
	/* A config.json that we cannot read may still name one. */
	if (json_parse(text.data ? text.data : "", text.len, path, &config, NULL) < 0)
		return true;
	return json_str(config, "currentContext") != NULL;
}

char *dockerd_endpoint(void)
{
	const char *host = getenv("DOCKER_HOST");

	if (host && *host)
		return mem_strdup(host);
	return has_context() ? NULL : mem_strdup(DEFAULT_ENDPOINT);
}

const char *dockerd_socket(const char *endpoint)
{
	if (!endpoint || strncmp(endpoint, UNIX_SCHEME, strlen(UNIX_SCHEME)) != 0)
		return NULL;
	return endpoint + strlen(UNIX_SCHEME);
}

bool dockerd_has_containerd_store(const struct json *info)
{
	const struct json *status = json_get(info, "DriverStatus");

	for (size_t i = 0; i < json_len(status); i++) {
		const char *key = json_text(json_at(json_at(status, i), 0));
		const char *value = json_text(json_at(json_at(status, i), 1));

		if (key && value && strcmp(key, "driver-type") == 0 &&
		    strncmp(value, "io.containerd.snapshotter", 25) == 0)
			return true;
	}
	return false;
}
