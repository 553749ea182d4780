/*
 * A library to preload: makes calls fail in the process that it was given to, not in its children.
 *
 *     FAULT="KIND[,KIND...] ERRNO N[+] [PART]" FAULT_LOG=FILE LD_PRELOAD=faults.so cbuild ...
 *
 * The N-th call of these kinds fails, with "+" all from there on. With PART only calls are counted whose path has it as a part: the path that
 * was given, or that of the open file. What failed is a line in FAULT_LOG. Kinds:
 *
 *     open stat read write readdir readlink mkdir rename unlink link truncate chmod fsync lock poll fork thread load
 *     create   opening that creates or empties a file
 *     pipe     what makes descriptors without a path
 *     socket connect send receive
 *     alloc    PART is the library that allocates ("libyaml")
 *
 * Instead of an errno: SHORT (half of it is read or written), KILL (SIGKILL comes before the call), COUNT (nothing fails, and FAULT_LOG
 * gets a line for every call).
 *
 * With FAULT_SYNCED=FOLDER and FAULT_STATE=DIR, what an fsync below DIR makes durable is copied to FOLDER: a file's bytes to INODE.file,
 * a folder's names to INODE.folder.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define ERRNO_MAX 134 /* one more than the highest */
#define FRAMES 24     /* of the backtrace of a point */

enum effect { NONE, FAIL, HALVE, KILL, COUNT };

static struct {
	char kinds[256], part[128], log[PATH_MAX], synced[PATH_MAX], state[PATH_MAX];
	enum effect effect;
	long first;
	bool on; /* from the first one on */
	int errnum;
	pid_t pid;
	atomic_long calls;
} fault;

/* This library's own calls do not count. */
static _Thread_local bool inside;

static void take_effect(const char *name)
{
	if (strcmp(name, "SHORT") == 0) {
		fault.effect = HALVE;
	} else if (strcmp(name, "KILL") == 0) {
		fault.effect = KILL;
	} else if (strcmp(name, "COUNT") == 0) {
		fault.effect = COUNT;
	}
	for (int i = 1; i < ERRNO_MAX; i++) {
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0) {
			fault.errnum = i;
			fault.effect = FAIL;
		}
	}
}

static void take_path(const char *variable, char *ret)
{
	const char *value = getenv(variable);

	if (value)
		snprintf(ret, PATH_MAX, "%s", value);
	unsetenv(variable);
}

/* Ready before any other constructor calls something. */
__attribute__((constructor(101))) static void begin(void)
{
	const char *spec = getenv("FAULT");
	char name[24] = "", plus = '\0', count[24] = "";
	void *frame;

	if (!spec || sscanf(spec, "%255s %23s %23s %127s", fault.kinds, name, count, fault.part) < 3 ||
	    sscanf(count, "%ld%c", &fault.first, &plus) < 1)
		return;
	inside = true;
	backtrace(&frame, 1); /* loads a library the first time */
	inside = false;
	fault.on = plus == '+';
	fault.pid = (pid_t)syscall(SYS_getpid);
	take_path("FAULT_LOG", fault.log);
	take_path("FAULT_SYNCED", fault.synced);
	take_path("FAULT_STATE", fault.state);
	unsetenv("LD_PRELOAD");
	take_effect(name);
	unsetenv("FAULT");
}

static void note(const char *kind, const char *what)
{
	char line[PATH_MAX + 64];
	int len = snprintf(line, sizeof(line), "%s %s\n", kind, what), saved = errno;
	long fd = syscall(SYS_openat, AT_FDCWD, fault.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	void *frames[FRAMES];

	if (fd >= 0) {
		syscall(SYS_write, fd, line, len);
		if (fault.effect != COUNT) {
			inside = true;
			backtrace_symbols_fd(frames, backtrace(frames, FRAMES), (int)fd);
			inside = false;
		}
		syscall(SYS_close, fd);
	}
	errno = saved;
}

static bool is_meant(const char *kind)
{
	size_t len = strlen(kind);

	if (fault.effect == NONE || inside)
		return false;
	for (const char *p = fault.kinds; (p = strstr(p, kind)); p += len) {
		if ((p == fault.kinds || p[-1] == ',') && (p[len] == ',' || p[len] == '\0'))
			return true;
	}
	return false;
}

/* What becomes of this call; errno is set if it fails. A kill does not return. */
static enum effect judge(const char *kind, const char *what)
{
	long number;

	if (!is_meant(kind) || !strstr(what, fault.part) || syscall(SYS_getpid) != fault.pid)
		return NONE;
	number = atomic_fetch_add(&fault.calls, 1) + 1;
	if (number < fault.first || (number > fault.first && !fault.on))
		return NONE;
	note(kind, what);
	if (fault.effect == KILL)
		syscall(SYS_kill, fault.pid, SIGKILL);
	errno = fault.errnum;
	return fault.effect;
}

static bool fails(const char *kind, const char *what)
{
	return judge(kind, what) == FAIL;
}

static enum effect judge_fd(const char *kind, int fd)
{
	char link[32], path[PATH_MAX] = "";

	if (!is_meant(kind))
		return NONE;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	return judge(kind, path);
}

static bool fd_fails(const char *kind, int fd)
{
	return judge_fd(kind, fd) == FAIL;
}

static bool is_below_state(const char *path)
{
	size_t len = strlen(fault.state);

	return len > 0 && strncmp(path, fault.state, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Copies the bytes of a file, or the names in a folder with their inodes. */
static void copy_durable(const char *path, bool folder, FILE *to)
{
	char data[65536];
	size_t len;
	FILE *file = folder ? NULL : fopen(path, "re");
	DIR *dir = folder ? opendir(path) : NULL;
	const struct dirent *entry;

	while (file && (len = fread(data, 1, sizeof(data), file)) > 0)
		fwrite(data, 1, len, to);
	while (dir && (entry = readdir(dir)))
		fprintf(to, "%lu %s%c", (unsigned long)entry->d_ino, entry->d_name, '\0');
	if (file)
		fclose(file);
	if (dir)
		closedir(dir);
}

/* An fsync has succeeded. */
static void keep_durable(int fd)
{
	char link[32], path[PATH_MAX] = "", temp[PATH_MAX + 96], name[PATH_MAX + 32];
	struct stat st;
	FILE *file;

	if (!fault.synced[0] || inside || syscall(SYS_getpid) != fault.pid)
		return;
	inside = true;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, path, sizeof(path) - 1) > 0 && is_below_state(path) && fstat(fd, &st) == 0) {
		snprintf(name, sizeof(name), "%s/%lu.%s", fault.synced, (unsigned long)st.st_ino,
			 S_ISDIR(st.st_mode) ? "folder" : "file");
		snprintf(temp, sizeof(temp), "%s.%ld", name, syscall(SYS_gettid));
		file = fopen(temp, "we");
		if (file) {
			copy_durable(link, S_ISDIR(st.st_mode), file);
			fclose(file);
			rename(temp, name);
		}
	}
	inside = false;
}

/* What loses its name stays open, so that no new file gets its inode's number. */
static void hold_inode(int dir, const char *path)
{
	if (fault.synced[0] && !inside && syscall(SYS_getpid) == fault.pid)
		syscall(SYS_openat, dir, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

/* The next one of that name: the C library's. */
#define NEXT(name)                            \
	static __typeof__(name) *next_##name; \
	if (!next_##name)                     \
	next_##name = dlsym(RTLD_NEXT, #name)

#define BY_PATH(kind, type, name, parameters, arguments, path, failed)     \
	type name parameters                                               \
	{                                                                  \
		NEXT(name);                                                \
		return fails(kind, path) ? failed : next_##name arguments; \
	}

#define BY_FD(kind, type, name, parameters, arguments, fd, failed)          \
	type name parameters                                                \
	{                                                                   \
		NEXT(name);                                                 \
		return fd_fails(kind, fd) ? failed : next_##name arguments; \
	}

/* With `len` bytes, of which one stays. */
#define BY_BYTES(kind, type, name, parameters, arguments, fd, len)  \
	type name parameters                                        \
	{                                                           \
		enum effect effect = judge_fd(kind, fd);            \
		NEXT(name);                                         \
		if (effect == HALVE)                                \
			len = (len + 1) / 2;                        \
		return effect == FAIL ? -1 : next_##name arguments; \
	}

#define OPEN(name, parameters, path, ...)                                          \
	int name parameters                                                        \
	{                                                                          \
		va_list list;                                                      \
		mode_t mode;                                                       \
		NEXT(name);                                                        \
		va_start(list, flags);                                             \
		mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0; \
		va_end(list);                                                      \
		if ((flags & (O_CREAT | O_TRUNC)) && fails("create", path))        \
			return -1;                                                 \
		return fails("open", path) ? -1 : next_##name(__VA_ARGS__, mode);  \
	}

#define LOSES_NAME(kind, name, parameters, arguments, dir, lost, path) \
	int name parameters                                            \
	{                                                              \
		NEXT(name);                                            \
		if (fails(kind, path))                                 \
			return -1;                                     \
		hold_inode(dir, lost);                                 \
		return next_##name arguments;                          \
	}

#define SYNC(name)                         \
	int name(int fd)                   \
	{                                  \
		int r;                     \
		NEXT(name);                \
		if (fd_fails("fsync", fd)) \
			return -1;         \
		r = next_##name(fd);       \
		if (r == 0)                \
			keep_durable(fd);  \
		return r;                  \
	}

OPEN(open, (const char *path, int flags, ...), path, path, flags)
OPEN(open64, (const char *path, int flags, ...), path, path, flags)
OPEN(openat, (int dir, const char *path, int flags, ...), path, dir, path, flags)
OPEN(openat64, (int dir, const char *path, int flags, ...), path, dir, path, flags)
BY_PATH("create", int, mkstemp, (char *path), (path), path, -1)
BY_PATH("open", DIR *, opendir, (const char *path), (path), path, NULL)
BY_PATH("open", FILE *, fopen, (const char *path, const char *mode), (path, mode), path, NULL)
BY_PATH("open", FILE *, fopen64, (const char *path, const char *mode), (path, mode), path, NULL)
BY_FD("open", DIR *, fdopendir, (int fd), (fd), fd, NULL)
BY_PATH("stat", int, stat, (const char *path, struct stat *st), (path, st), path, -1)
BY_PATH("stat", int, lstat, (const char *path, struct stat *st), (path, st), path, -1)
BY_PATH("stat", int, stat64, (const char *path, struct stat64 *st), (path, st), path, -1)
BY_PATH("stat", int, lstat64, (const char *path, struct stat64 *st), (path, st), path, -1)
BY_PATH("stat", int, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags), path, -1)
BY_FD("stat", int, fstat, (int fd, struct stat *st), (fd, st), fd, -1)
BY_FD("stat", int, fstat64, (int fd, struct stat64 *st), (fd, st), fd, -1)
BY_BYTES("read", ssize_t, read, (int fd, void *data, size_t len), (fd, data, len), fd, len)
BY_BYTES("read", ssize_t, pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at), fd, len)
BY_BYTES("read", ssize_t, pread64, (int fd, void *data, size_t len, off64_t at), (fd, data, len, at), fd, len)
BY_BYTES("write", ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len), fd, len)
BY_BYTES("write", ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at), fd, len)
BY_FD("write", ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count), fd, -1)
SYNC(fsync)
SYNC(fdatasync)
BY_FD("readdir", struct dirent *, readdir, (DIR * dir), (dir), dirfd(dir), NULL)
BY_FD("readdir", struct dirent64 *, readdir64, (DIR * dir), (dir), dirfd(dir), NULL)
BY_FD("readdir", ssize_t, getdents64, (int fd, void *data, size_t len), (fd, data, len), fd, -1)
BY_PATH("readlink", ssize_t, readlink, (const char *path, char *text, size_t len), (path, text, len), path, -1)
BY_PATH("readlink", ssize_t, readlinkat, (int dir, const char *path, char *text, size_t len), (dir, path, text, len),
	path, -1)
BY_PATH("readlink", char *, realpath, (const char *path, char *ret), (path, ret), path, NULL)
BY_PATH("mkdir", int, mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
BY_PATH("mkdir", int, mkdirat, (int dir, const char *path, mode_t mode), (dir, path, mode), path, -1)
BY_PATH("mkdir", char *, mkdtemp, (char *path), (path), path, NULL)
LOSES_NAME("rename", rename, (const char *from, const char *to), (from, to), AT_FDCWD, to, to)
LOSES_NAME("rename", renameat, (int dir, const char *from, int there, const char *to), (dir, from, there, to), there,
	   to, to)
LOSES_NAME("unlink", unlink, (const char *path), (path), AT_FDCWD, path, path)
LOSES_NAME("unlink", rmdir, (const char *path), (path), AT_FDCWD, path, path)
LOSES_NAME("unlink", unlinkat, (int dir, const char *path, int flags), (dir, path, flags), dir, path, path)
BY_PATH("link", int, link, (const char *from, const char *to), (from, to), to, -1)
BY_PATH("link", int, linkat, (int dir, const char *from, int there, const char *to, int flags),
	(dir, from, there, to, flags), to, -1)
BY_PATH("link", int, symlink, (const char *text, const char *path), (text, path), path, -1)
BY_PATH("link", int, symlinkat, (const char *text, int dir, const char *path), (text, dir, path), path, -1)
BY_FD("truncate", int, ftruncate, (int fd, off_t len), (fd, len), fd, -1)
BY_FD("truncate", int, ftruncate64, (int fd, off64_t len), (fd, len), fd, -1)
BY_FD("chmod", int, fchmod, (int fd, mode_t mode), (fd, mode), fd, -1)
BY_FD("chmod", int, futimens, (int fd, const struct timespec times[2]), (fd, times), fd, -1)
BY_PATH("chmod", int, chmod, (const char *path, mode_t mode), (path, mode), path, -1)
BY_PATH("chmod", int, utimensat, (int dir, const char *path, const struct timespec times[2], int flags),
	(dir, path, times, flags), "", -1)
BY_FD("lock", int, flock, (int fd, int operation), (fd, operation), fd, -1)
BY_PATH("pipe", int, pipe, (int fds[2]), (fds), "pipe", -1)
BY_PATH("pipe", int, pipe2, (int fds[2], int flags), (fds, flags), "pipe2", -1)
BY_PATH("pipe", int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds),
	"socketpair", -1)
BY_PATH("pipe", int, epoll_create1, (int flags), (flags), "epoll_create1", -1)
BY_PATH("pipe", int, eventfd, (unsigned count, int flags), (count, flags), "eventfd", -1)
BY_PATH("pipe", int, inotify_init1, (int flags), (flags), "inotify_init1", -1)
BY_PATH("poll", int, poll, (struct pollfd * fds, nfds_t count, int ms), (fds, count, ms), "poll", -1)
BY_PATH("poll", int, epoll_wait, (int fd, struct epoll_event *events, int max, int ms), (fd, events, max, ms),
	"epoll_wait", -1)
BY_PATH("poll", int, epoll_pwait, (int fd, struct epoll_event *events, int max, int ms, const sigset_t *mask),
	(fd, events, max, ms, mask), "epoll_pwait", -1)
BY_PATH("fork", pid_t, fork, (void), (), "fork", -1)
BY_PATH("fork", int, posix_spawnp,
	(pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
	 char *const arguments[], char *const environment[]),
	(pid, file, actions, attributes, arguments, environment), file, fault.errnum)
BY_PATH("thread", int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg), (thread, attr, start, arg),
	"", fault.errnum)
BY_PATH("socket", int, socket, (int domain, int type, int protocol), (domain, type, protocol), "socket", -1)
BY_FD("connect", int, connect, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len), fd, -1)
BY_BYTES("send", ssize_t, send, (int fd, const void *data, size_t len, int flags), (fd, data, len, flags), fd, len)
BY_FD("send", ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), fd, -1)
BY_BYTES("receive", ssize_t, recv, (int fd, void *data, size_t len, int flags), (fd, data, len, flags), fd, len)
BY_FD("receive", ssize_t, recvmsg, (int fd, struct msghdr *message, int flags), (fd, message, flags), fd, -1)

void *dlopen(const char *path, int flags)
{
	NEXT(dlopen);
	return fails("load", path ? path : "") ? NULL : next_dlopen(path, flags);
}

/* The library that called. */
static bool alloc_fails(const void *caller)
{
	bool failed = false;
	Dl_info info;

	if (!is_meant("alloc"))
		return false;
	inside = true;
	if (dladdr(caller, &info)) {
		inside = false;
		failed = fails("alloc", info.dli_fname);
	}
	inside = false;
	return failed;
}

/* dlsym allocates: not by NEXT. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
	return alloc_fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}
