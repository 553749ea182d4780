#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/oci/layout.h"
#include "engine/runtime/runtime_ops.h"

#define ENV_VALUE_MAX 16384 /* longer values exceed some readers' line buffers */

bool environment_plain(const char *value)
{
	size_t len = strlen(value);

	if (len > ENV_VALUE_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)value[i];

		if (c < 0x20 || c >= 0x7f || strchr("\"'`\\#$", c))
			return false;
	}
	return len == 0 || (value[0] != ' ' && value[len - 1] != ' ');
}

/* Names that affect the command itself, so they cannot be in its own environment. */
static bool steers(const char *key)
{
	static const char *const names[] = { "PATH",
					     "HOME",
					     "TMPDIR",
					     "DOCKER_HOST",
					     "DOCKER_CONFIG",
					     "DOCKER_CONTEXT",
					     "DOCKER_TLS",
					     "DOCKER_TLS_VERIFY",
					     "DOCKER_CERT_PATH",
					     "DOCKER_API_VERSION",
					     "CONTAINER_HOST",
					     "CONTAINER_CONNECTION" };
	static const char *const prefixes[] = { "LD_", "XDG_", "CONTAINERS_", "STORAGE_", "PODMAN_" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(key, names[i]) == 0)
			return true;
	}
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strncmp(key, prefixes[i], strlen(prefixes[i])) == 0)
			return true;
	}
	return false;
}

enum environment_way environment_way(const struct runtime_pair *pair)
{
	if (!pair->value)
		return ENVIRONMENT_NONE;
	if (environment_plain(pair->value))
		return ENVIRONMENT_FILE;
	return steers(pair->key) ? ENVIRONMENT_ARGUMENT : ENVIRONMENT_CHILD;
}

char **environment_child(const struct container_spec *spec)
{
	struct argv env = { 0 };
	size_t own;

	for (size_t i = 0; i < spec->environment_len; i++) {
		const struct runtime_pair *pair = &spec->environment[i];

		if (environment_way(pair) == ENVIRONMENT_CHILD)
			argv_addf(&env, "%s=%s", pair->key, pair->value);
	}
	own = env.len;
	if (own == 0)
		return NULL;
	for (char **old = environ; *old; old++) {
		size_t len = strcspn(*old, "=");
		bool shadowed = false;

		for (size_t i = 0; i < own && !shadowed; i++)
			shadowed = strncmp(env.items[i], *old, len) == 0 && env.items[i][len] == '=';
		if (!shadowed)
			argv_add(&env, *old);
	}
	return env.items;
}

void environment_free(char **env)
{
	for (size_t i = 0; env && env[i]; i++)
		free(env[i]);
	free(env);
}

int environment_file(struct runtime *runtime, const struct container_spec *spec, char **ret_dir, char **ret,
		     struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_fd int fd = -1;

	for (size_t i = 0; i < spec->environment_len; i++) {
		const struct runtime_pair *pair = &spec->environment[i];

		if (environment_way(pair) == ENVIRONMENT_FILE)
			buf_printf(&text, "%s=%s\n", pair->key, pair->value);
	}
	if (text.len == 0)
		return 0;
	if (layout_staging(runtime->layout, ret_dir, err) < 0)
		return -1;
	*ret = path_join(*ret_dir, "env");
	fd = open(*ret, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "cannot write %s", *ret);
	return fs_write_all(fd, text.data, text.len, *ret, err);
}
