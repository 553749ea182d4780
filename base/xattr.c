#include "config.h"

#include "base/xattr.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/xattr.h>
#endif

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"

#ifdef __linux__

#define LIST_MAX 65536 /* bytes: the kernel's maximum, for names and for a value */

static bool is_carried(const char *name)
{
	return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
	       strcmp(name, "security.ima") == 0;
}

static int xattr_by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names to copy, sorted, in `list`; *ret is malloc'd. */
static int list_names(int fd, const char *path, char *list, const char ***ret, size_t *ret_len, struct error **err)
{
	ssize_t bytes = flistxattr(fd, list, LIST_MAX);
	const char **names;
	size_t len = 0;

	*ret = NULL;
	*ret_len = 0;
	if (bytes < 0 && errno != ENOTSUP)
		return error_errno(err, ERROR_STATE, errno, "%s: its attributes cannot be listed", path);
	if (bytes <= 0)
		return 0;
	names = mem_array((size_t)bytes, sizeof(*names));
	for (const char *name = list; name < list + bytes; name += strlen(name) + 1) {
		if (is_carried(name))
			names[len++] = name;
	}
	qsort(names, len, sizeof(*names), xattr_by_name);
	*ret = names;
	*ret_len = len;
	return 0;
}

static int xattr_read_value(int fd, const char *path, const char *name, char *value, size_t *ret_len, struct error **err)
{
	ssize_t bytes = fgetxattr(fd, name, value, LIST_MAX);

	/* removed meanwhile */
	if (bytes < 0 && errno != ENODATA)
		return error_errno(err, ERROR_STATE, errno, "%s: its attribute %s cannot be read", path, name);
	*ret_len = bytes < 0 ? 0 : (size_t)bytes;
	return 0;
}

static int xattr_each(int fd, const char *path,
		      int (*take)(void *data, const char *name, const char *value, size_t len, struct error **err),
		      void *data, struct error **err)
{
	cleanup_free char *list = NULL, *value = NULL;
	cleanup_free const char **names = NULL;
	size_t count = 0, len = 0;
	ssize_t any = flistxattr(fd, NULL, 0);

	/* Most files have none; allocate nothing for them. */
	if (any == 0 || (any < 0 && errno == ENOTSUP))
		return 0;
	list = mem_alloc(LIST_MAX);
	if (list_names(fd, path, list, &names, &count, err) < 0)
		return -1;
	value = count ? mem_alloc(LIST_MAX) : NULL;
	for (size_t i = 0; i < count; i++) {
		if (xattr_read_value(fd, path, names[i], value, &len, err) < 0 ||
		    take(data, names[i], value, len, err) < 0)
			return -1;
	}
	return 0;
}

static int xattr_own_collect(void *data, const char *name, const char *value, size_t len, struct error **err)
{
	uint64_t size = len;

	(void)err;
	buf_add(data, name, strlen(name) + 1);
	buf_add(data, &size, sizeof(size));
	buf_add(data, value, len);
	return 0;
}

int xattr_collect(int fd, const char *path, struct buf *ret, struct error **err)
{
	return xattr_each(fd, path, xattr_own_collect, ret, err);
}

struct target {
	int fd;
	const char *path;
};

static int xattr_set(void *data, const char *name, const char *value, size_t len, struct error **err)
{
	const struct target *target = data;

	if (fsetxattr(target->fd, name, value, len, 0) == 0)
		return 0;
	return error_errno(err, ERROR_STATE, errno, "%s: its attribute %s cannot be set", target->path, name);
}

int xattr_copy(int from, const char *from_path, int to, const char *to_path, struct error **err)
{
	struct target target = { to, to_path };

	return xattr_each(from, from_path, xattr_set, &target, err);
}

#else

int xattr_collect(int fd, const char *path, struct buf *ret, struct error **err)
{
	(void)fd;
	(void)path;
	(void)ret;
	(void)err;
	return 0;
}

int xattr_copy(int from, const char *from_path, int to, const char *to_path, struct error **err)
{
	(void)from;
	(void)from_path;
	(void)to;
	(void)to_path;
	(void)err;
	return 0;
}

#endif
