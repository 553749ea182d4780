/*
 * A library to preload: makes calls of one function fail in the process that it was given to, not in its children.
 *
 *     FAULT="FUNCTION ERRNO N[+] [PART]" FAULT_LOG=FILE LD_PRELOAD=faults.so cbuild ...
 *
 * The N-th call fails, with "+" all from there on. With PART only calls are counted whose path has it as a part: the path
 * that was given, or that of the open file. Functions stand for their kind: open, stat, read, write, readdir, readlink,
 * mkdir, rename, fsync, pipe (and what else makes descriptors without a path), thread, alloc, of which PART is the library
 * that allocates ("libyaml"). What failed is a line in FAULT_LOG.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ERRNO_MAX 134 /* one more than the highest */

static struct {
	char function[16], part[128], log[PATH_MAX];
	long first;
	bool on; /* from the first one on */
	int errnum;
	pid_t pid;
	atomic_long calls;
} fault;

/* Ready before any other constructor calls something. */
__attribute__((constructor(101))) static void begin(void)
{
	const char *spec = getenv("FAULT"), *log = getenv("FAULT_LOG");
	char name[24] = "", plus = '\0', count[24] = "";

	if (!spec || sscanf(spec, "%15s %23s %23s %127s", fault.function, name, count, fault.part) < 3 ||
	    sscanf(count, "%ld%c", &fault.first, &plus) < 1)
		return;
	for (int i = 1; i < ERRNO_MAX && !fault.errnum; i++) {
		if (strerrorname_np(i) && strcmp(strerrorname_np(i), name) == 0)
			fault.errnum = i;
	}
	fault.on = plus == '+';
	if (log)
		snprintf(fault.log, sizeof(fault.log), "%s", log);
	fault.pid = (pid_t)syscall(SYS_getpid);
	unsetenv("LD_PRELOAD");
	unsetenv("FAULT");
	unsetenv("FAULT_LOG");
}

static void note(const char *what)
{
	char line[PATH_MAX + 64];
	int len = snprintf(line, sizeof(line), "%s %s %s\n", fault.function, strerrorname_np(fault.errnum), what);
	long fd = syscall(SYS_openat, AT_FDCWD, fault.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	if (fd < 0)
		return;
	syscall(SYS_write, fd, line, len);
	syscall(SYS_close, fd);
}

/* Whether this call is to fail; errno is set. */
static bool fails(const char *function, const char *what)
{
	long number;

	if (!fault.errnum || strcmp(function, fault.function) != 0 || !strstr(what, fault.part) ||
	    syscall(SYS_getpid) != fault.pid)
		return false;
	number = atomic_fetch_add(&fault.calls, 1) + 1;
	if (number < fault.first || (number > fault.first && !fault.on))
		return false;
	note(what);
	errno = fault.errnum;
	return true;
}

/* Of what is open there. */
static bool fd_fails(const char *function, int fd)
{
	char link[32], path[PATH_MAX] = "";

	if (!fault.errnum || strcmp(function, fault.function) != 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof(path) - 1) < 0)
		path[0] = '\0';
	return fails(function, path);
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

#define OPEN(name, parameters, path, ...)                                          \
	int name parameters                                                        \
	{                                                                          \
		va_list list;                                                      \
		mode_t mode;                                                       \
		NEXT(name);                                                        \
		va_start(list, flags);                                             \
		mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0; \
		va_end(list);                                                      \
		return fails("open", path) ? -1 : next_##name(__VA_ARGS__, mode);  \
	}

OPEN(open, (const char *path, int flags, ...), path, path, flags)
OPEN(open64, (const char *path, int flags, ...), path, path, flags)
OPEN(openat, (int dir, const char *path, int flags, ...), path, dir, path, flags)
OPEN(openat64, (int dir, const char *path, int flags, ...), path, dir, path, flags)
BY_PATH("open", DIR *, opendir, (const char *path), (path), path, NULL)
BY_PATH("stat", int, stat, (const char *path, struct stat *st), (path, st), path, -1)
BY_PATH("stat", int, lstat, (const char *path, struct stat *st), (path, st), path, -1)
BY_PATH("stat", int, stat64, (const char *path, struct stat64 *st), (path, st), path, -1)
BY_PATH("stat", int, lstat64, (const char *path, struct stat64 *st), (path, st), path, -1)
BY_PATH("stat", int, fstatat, (int dir, const char *path, struct stat *st, int flags), (dir, path, st, flags), path, -1)
BY_FD("stat", int, fstat, (int fd, struct stat *st), (fd, st), fd, -1)
BY_FD("stat", int, fstat64, (int fd, struct stat64 *st), (fd, st), fd, -1)
BY_FD("read", ssize_t, read, (int fd, void *data, size_t len), (fd, data, len), fd, -1)
BY_FD("read", ssize_t, pread, (int fd, void *data, size_t len, off_t at), (fd, data, len, at), fd, -1)
BY_FD("read", ssize_t, pread64, (int fd, void *data, size_t len, off64_t at), (fd, data, len, at), fd, -1)
BY_FD("write", ssize_t, write, (int fd, const void *data, size_t len), (fd, data, len), fd, -1)
BY_FD("write", ssize_t, pwrite64, (int fd, const void *data, size_t len, off64_t at), (fd, data, len, at), fd, -1)
BY_FD("fsync", int, fsync, (int fd), (fd), fd, -1)
BY_FD("fsync", int, fdatasync, (int fd), (fd), fd, -1)
BY_FD("readdir", struct dirent *, readdir, (DIR * dir), (dir), dirfd(dir), NULL)
BY_FD("readdir", struct dirent64 *, readdir64, (DIR * dir), (dir), dirfd(dir), NULL)
BY_FD("readdir", ssize_t, getdents64, (int fd, void *data, size_t len), (fd, data, len), fd, -1)
BY_PATH("readlink", ssize_t, readlink, (const char *path, char *text, size_t len), (path, text, len), path, -1)
BY_PATH("readlink", ssize_t, readlinkat, (int dir, const char *path, char *text, size_t len), (dir, path, text, len),
	path, -1)
BY_PATH("mkdir", int, mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
BY_PATH("rename", int, rename, (const char *from, const char *to), (from, to), to, -1)
BY_PATH("pipe", int, pipe2, (int fds[2], int flags), (fds, flags), "pipe2", -1)
BY_PATH("pipe", int, socketpair, (int domain, int type, int protocol, int fds[2]), (domain, type, protocol, fds),
	"socketpair", -1)
BY_PATH("pipe", int, epoll_create1, (int flags), (flags), "epoll_create1", -1)
BY_PATH("pipe", int, eventfd, (unsigned count, int flags), (count, flags), "eventfd", -1)
BY_PATH("pipe", int, inotify_init1, (int flags), (flags), "inotify_init1", -1)
BY_PATH("thread", int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg), (thread, attr, start, arg),
	"", fault.errnum)

/* The library that called. */
static bool alloc_fails(const void *caller)
{
	static _Thread_local bool inside;
	bool failed = false;
	Dl_info info;

	if (inside || !fault.errnum || strcmp(fault.function, "alloc") != 0)
		return false;
	inside = true;
	if (dladdr(caller, &info))
		failed = fails("alloc", info.dli_fname);
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
