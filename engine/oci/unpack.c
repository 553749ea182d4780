#include "config.h"

#include "engine/oci/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/oci/archive.h"

#define BYTES_MAX ((uint64_t)16 << 30)
#define ENTRIES_MAX 1000000u
#define HEAD 512 /* a tar's first block */

/* A folder whose time is set at the end, after its files were written. */
struct unpacked_folder {
	char *path; /* relative */
	struct timespec time;
	mode_t mode;
};

struct unpack {
	const char *name;
	int root;
	uint64_t bytes;
	struct unpacked_folder *folders;
	size_t len, cap;
};

/* ---- what it is ---- */

/* A tar's first header has its own sum (POSIX.1-2017, pax, ustar interchange format). */
static bool is_tar(const unsigned char *head)
{
	unsigned long sum = 0, said;
	char text[9] = "";

	memcpy(text, head + 148, 8);
	said = strtoul(text, NULL, 8);
	for (size_t i = 0; i < HEAD; i++)
		sum += i >= 148 && i < 156 ? ' ' : head[i];
	return said > 0 && sum == said;
}

int unpack_is_archive(int fd, const char *name, struct error **err)
{
	static const struct {
		const char *bytes;
		size_t len;
	} magics[] = { { "\x42\x5A\x68", 3 }, { "\x1F\x8B\x08", 3 }, { "\xFD\x37\x7A\x58\x5A\x00", 6 } };
	unsigned char head[HEAD] = "";
	ssize_t got = pread(fd, head, sizeof(head), 0);

	if (got < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", name);
	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if ((size_t)got >= magics[i].len && memcmp(head, magics[i].bytes, magics[i].len) == 0)
			return 1;
	return got == HEAD && is_tar(head);
}

/* ---- where it goes ---- */

static int unpack_refused(const struct unpack *unpack, const char *path, const char *why, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe(&safe, path, strlen(path));
	return error_make(err, ERROR_REGISTRY, "%s: \"%s\" in the archive %s", unpack->name, safe.data, why);
}

static int unpack_unwritten(const struct unpack *unpack, const char *path, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };
	int number = errno;

	text_safe(&safe, path, strlen(path));
	return error_errno(err, ERROR_STATE, number, "%s: \"%s\" cannot be unpacked", unpack->name, safe.data);
}

/* A clean relative path (malloc'd), "." for the root; NULL: it leads out. */
static char *clean_inside(const char *path)
{
	const char *relative = path + strspn(path, "/");
	cleanup_free char *clean = path_clean(*relative ? relative : ".");

	if (strcmp(clean, "..") == 0 || strncmp(clean, "../", 3) == 0)
		return NULL;
	/* path_clean hides "a/../b", which means another place when `a` is a link. */
	for (const char *part = relative; *part; part += strcspn(part, "/"), part += strspn(part, "/"))
		if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
			return NULL;
	return steal_ptr(clean);
}

/* The folder that holds `path`, made where it is missing, never through a link; *ret_last points into `path`. */
static int open_parent(const struct unpack *unpack, const char *path, int *ret, const char **ret_last, struct error **err)
{
	cleanup_fd int at = fcntl(unpack->root, F_DUPFD_CLOEXEC, 0);
	const char *part = path;

	for (const char *slash; at >= 0 && (slash = strchr(part, '/')); part = slash + 1) {
		cleanup_free char *name = mem_strndup(part, (size_t)(slash - part));
		int next;

		if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
			return unpack_unwritten(unpack, path, err);
		next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 && (errno == ENOTDIR || errno == ELOOP))
			return unpack_refused(unpack, path, "is behind a link or a file", err);
		close(at);
		at = next;
	}
	if (at < 0)
		return unpack_unwritten(unpack, path, err);
	*ret = fd_steal(&at);
	*ret_last = part;
	return 0;
}

/* ---- each entry ---- */

static int put_folder(struct unpack *unpack, const struct tar_entry *entry, const char *path, int parent,
		      const char *last, struct error **err)
{
	struct stat st;
	bool there = fstatat(parent, last, &st, AT_SYMLINK_NOFOLLOW) == 0;

	if (there && !S_ISDIR(st.st_mode) && unlinkat(parent, last, 0) < 0)
		return unpack_unwritten(unpack, path, err);
	if ((!there || !S_ISDIR(st.st_mode)) && mkdirat(parent, last, 0755) < 0)
		return unpack_unwritten(unpack, path, err);
	mem_reserve(&unpack->folders, &unpack->cap, unpack->len + 1, sizeof(*unpack->folders));
	unpack->folders[unpack->len++] = (struct unpacked_folder){ mem_strdup(path), entry->mtime, entry->mode & 07777 };
	return 0;
}

/* What cannot be read was sent so. */
static int unpack_unread(struct error *error, struct error **err)
{
	if (error->cls == ERROR_STATE)
		error->cls = ERROR_REGISTRY;
	return error_move(err, &error);
}

static int put_bytes(struct tar_reader *reader, const char *path, int fd, struct error **err)
{
	struct error *error = NULL;
	const void *data;
	size_t len;
	int r;

	while ((r = tar_reader_data(reader, &data, &len, &error)) > 0)
		if (fs_write_all(fd, data, len, path, err) < 0)
			return -1;
	return error ? unpack_unread(error, err) : r;
}

static int put_file(struct unpack *unpack, struct tar_reader *reader, const struct tar_entry *entry, const char *path,
		    int parent, const char *last, struct error **err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };
	cleanup_fd int fd = -1;

	/* A reader gives no more than the entry says. */
	if (entry->size > BYTES_MAX - unpack->bytes)
		return error_make(err, ERROR_REGISTRY, "%s: unpacked, the archive has more than %llu GiB", unpack->name,
				  (unsigned long long)(BYTES_MAX >> 30));
	unpack->bytes += entry->size;
	fd = openat(parent, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return unpack_unwritten(unpack, path, err);
	if (put_bytes(reader, path, fd, err) < 0)
		return -1;
	if (fchmod(fd, entry->mode & 07777) < 0 || futimens(fd, times) < 0)
		return unpack_unwritten(unpack, path, err);
	return 0;
}

static int put_link(struct unpack *unpack, const struct tar_entry *entry, const char *path, int parent,
		    const char *last, struct error **err)
{
	const struct timespec times[2] = { entry->mtime, entry->mtime };

	if (symlinkat(entry->link, parent, last) < 0 || utimensat(parent, last, times, AT_SYMLINK_NOFOLLOW) < 0)
		return unpack_unwritten(unpack, path, err);
	return 0;
}

/* Another name of a file that is there. */
static int put_hardlink(struct unpack *unpack, const struct tar_entry *entry, const char *path, int parent,
			const char *last, struct error **err)
{
	cleanup_free char *target = clean_inside(entry->hardlink);
	cleanup_fd int from = -1;
	const char *name;

	if (!target)
		return unpack_refused(unpack, path, "is a link to a file outside", err);
	if (open_parent(unpack, target, &from, &name, err) < 0)
		return -1;
	if (linkat(from, name, parent, last, 0) < 0)
		return errno == ENOENT ? unpack_refused(unpack, path, "is a link to a file that it does not have", err)
				       : unpack_unwritten(unpack, path, err);
	return 0;
}

static int put_entry_at(struct unpack *unpack, struct tar_reader *reader, const struct tar_entry *entry,
			const char *path, int parent, const char *last, struct error **err)
{
	if (S_ISDIR(entry->mode) && !entry->hardlink)
		return put_folder(unpack, entry, path, parent, last, err);
	if (unlinkat(parent, last, 0) < 0 && errno != ENOENT)
		return unpack_unwritten(unpack, path, err);
	if (entry->hardlink)
		return put_hardlink(unpack, entry, path, parent, last, err);
	if (entry->link)
		return put_link(unpack, entry, path, parent, last, err);
	if (entry->regular)
		return put_file(unpack, reader, entry, path, parent, last, err);
	return unpack_refused(unpack, path, "is neither a file nor a folder nor a link", err);
}

static int unpack_entry(struct unpack *unpack, struct tar_reader *reader, const struct tar_entry *entry,
			struct error **err)
{
	cleanup_free char *path = clean_inside(entry->name);
	cleanup_fd int parent = -1;
	const char *last;

	if (!path)
		return unpack_refused(unpack, entry->name, "is outside of it", err);
	if (strcmp(path, ".") == 0)
		return 0;
	if (open_parent(unpack, path, &parent, &last, err) < 0)
		return -1;
	return put_entry_at(unpack, reader, entry, path, parent, last, err);
}

/* The inner ones first, because some may not be entered any more. */
static int settle_folders(struct unpack *unpack, struct error **err)
{
	for (size_t i = unpack->len; i-- > 0;) {
		const struct unpacked_folder *folder = &unpack->folders[i];
		const struct timespec times[2] = { folder->time, folder->time };
		cleanup_fd int parent = -1, fd = -1;
		const char *last;

		if (open_parent(unpack, folder->path, &parent, &last, err) < 0)
			return -1;
		fd = openat(parent, last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* A later entry may have replaced it. */
		if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
			continue;
		if (fd < 0 || fchmod(fd, folder->mode | 0700) < 0 || futimens(fd, times) < 0)
			return unpack_unwritten(unpack, folder->path, err);
	}
	return 0;
}

int unpack_tree(int fd, const char *name, const char *to, struct error **err)
{
	cleanup_tar_reader struct tar_reader *reader = NULL;
	cleanup_fd int root = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct unpack unpack = { .name = name, .root = root };
	struct tar_entry entry;
	struct error *error = NULL;
	unsigned entries = 0;
	int r;

	if (root < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", to);
	if (tar_reader_new_packed(fd, name, &reader, &error) < 0)
		return unpack_unread(error, err);
	while ((r = tar_reader_next(reader, &entry, &error)) > 0) {
		if (++entries > ENTRIES_MAX)
			r = error_make(err, ERROR_REGISTRY, "%s: the archive has more than %u entries", name,
				       ENTRIES_MAX);
		else
			r = unpack_entry(&unpack, reader, &entry, err);
		if (r < 0)
			break;
	}
	if (error)
		r = unpack_unread(error, err);
	if (r == 0)
		r = settle_folders(&unpack, err);
	for (size_t i = 0; i < unpack.len; i++)
		free(unpack.folders[i].path);
	free(unpack.folders);
	return r;
}
