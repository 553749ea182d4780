#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

/* The lexical half of fs.h: only path_absolute looks at the disk. */

char *path_join(const char *dir, const char *name)
{
	size_t len = strlen(dir), name_len = strlen(name);
	char *path;

	if (*name == '/' || len == 0)
		return mem_strdup(name);
	if (!*name)
		return mem_strdup(dir);
	path = mem_alloc(len + name_len + 2);
	memcpy(path, dir, len);
	if (dir[len - 1] != '/')
		path[len++] = '/';
	memcpy(path + len, name, name_len);
	return path;
}

/* Drops the last component of `out` but leaves its first `keep` bytes alone. */
static size_t drop_component(const char *out, size_t len, size_t keep)
{
	do
		len--;
	while (len > keep && out[len] != '/');
	return len;
}

char *path_clean(const char *path)
{
	bool rooted = *path == '/';
	char *out = mem_alloc(strlen(path) + 2);
	size_t len = rooted ? 1 : 0;
	size_t keep = len; /* the root, or ".." at the front */

	out[0] = '/';
	while (*path) {
		size_t n = (size_t)(strchrnul(path, '/') - path);
		bool up = n == 2 && memcmp(path, "..", 2) == 0;

		if (up && len > keep) {
			len = drop_component(out, len, keep);
		} else if (n > 0 && !(n == 1 && *path == '.') && !(up && rooted)) {
			if (len > (rooted ? 1 : 0))
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
			if (up)
				keep = len;
		}
		path += n;
		while (*path == '/')
			path++;
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

char *path_absolute(const char *path, struct error **err)
{
	cleanup_free char *joined = NULL;
	cleanup_free char *cwd = NULL;

	if (*path == '/')
		return path_clean(path);
	cwd = getcwd(NULL, 0);
	if (!cwd) {
		error_errno(err, ERROR_STATE, errno, "cannot read the working directory");
		return NULL;
	}
	joined = path_join(cwd, path);
	return path_clean(joined);
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *path_dir(const char *path)
{
	cleanup_free char *dir = mem_strndup(path, (size_t)(path_base(path) - path));

	return path_clean(dir);
}

static bool goes_up(const char *path)
{
	return strncmp(path, "..", 2) == 0 && (path[2] == '/' || path[2] == '\0');
}

const char *path_relative(const char *dir, const char *path)
{
	size_t len = strlen(dir);

	if (strcmp(dir, path) == 0)
		return ".";
	if (strcmp(dir, ".") == 0)
		return *path == '/' || goes_up(path) ? NULL : path;
	if (strncmp(dir, path, len) != 0)
		return NULL;
	if (len > 0 && dir[len - 1] == '/')
		return path + len;
	if (path[len] != '/' || goes_up(path + len + 1))
		return NULL;
	return path + len + 1;
}

bool path_inside(const char *dir, const char *path)
{
	return path_relative(dir, path) != NULL;
}
