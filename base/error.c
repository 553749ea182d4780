#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/bug.h"
#define ERROR_IMPLEMENTATION
#include "base/error.h"
#include "base/mem.h"

static bool error_wanted(struct error **err)
{
	return err && !*err;
}

/* Takes ownership of `message`. */
static int error_set(struct error **err, enum error_class cls, char *message)
{
	struct error *error = mem_alloc(sizeof(*error));

	bug_if(cls <= 0, "an error of class %d, whose exit status means success", (int)cls);
	error->cls = cls;
	error->message = message;
	*err = error;
	return -1;
}

int error_make(struct error **err, enum error_class cls, const char *fmt, ...)
{
	va_list args;

	if (!error_wanted(err))
		return -1;
	va_start(args, fmt);
	error_set(err, cls, mem_vprintf(fmt, args));
	va_end(args);
	return -1;
}

static void errno_text(int errnum, char *out, size_t size)
{
#ifdef __GLIBC__
	char room[128];

	snprintf(out, size, "%s", strerror_r(errnum, room, sizeof(room)));
#else
	if (strerror_r(errnum, out, size) != 0)
		snprintf(out, size, "error %d", errnum);
#endif
}

static unsigned long long limit_of(int resource)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) < 0 ? 0 : (unsigned long long)limit.rlim_cur;
}

static void name_limit(struct error **err, int errnum)
{
	if (errnum == EMFILE)
		error_remedy(err, "raise the limit of open files: ulimit -n is %llu", limit_of(RLIMIT_NOFILE));
	else if (errnum == ENFILE)
		error_remedy(err, "the system has no open files left: sysctl fs.file-max");
	else if (errnum == EAGAIN) /* of fork and pthread_create */
		error_remedy(
			err,
			"raise the limit of processes and threads: ulimit -u is %llu, and a container has a limit of its own",
			limit_of(RLIMIT_NPROC));
	else if (errnum == ENOSPC)
		error_remedy(err, "free some disk space");
}

bool error_unreadable(const struct error *error)
{
	switch (error->errnum) {
	case 0:
	case ENOENT:
	case ENOTDIR:
	case EISDIR:
	case ELOOP:
	case ENAMETOOLONG:
		return false;
	default:
		return true;
	}
}

int error_errno(struct error **err, enum error_class cls, int errnum, const char *fmt, ...)
{
	cleanup_free char *message = NULL;
	char reason[128];
	va_list args;

	if (!error_wanted(err))
		return -1;
	errno_text(errnum, reason, sizeof(reason));
	va_start(args, fmt);
	message = mem_vprintf(fmt, args);
	va_end(args);
	error_set(err, cls, mem_printf("%s: %s", message, reason));
	(*err)->errnum = errnum;
	name_limit(err, errnum);
	return -1;
}

int error_wrap(struct error **err, const char *fmt, ...)
{
	cleanup_free char *context = NULL;
	char *message;
	va_list args;

	if (!err || !*err)
		return -1;
	va_start(args, fmt);
	context = mem_vprintf(fmt, args);
	va_end(args);
	message = mem_printf("%s: %s", context, (*err)->message);
	free((*err)->message);
	(*err)->message = message;
	return -1;
}

void error_remedy(struct error **err, const char *fmt, ...)
{
	va_list args;

	if (!err || !*err || (*err)->remedy)
		return;
	bug_if(!*fmt, "\"%s\" gets a remedy without words", (*err)->message);
	va_start(args, fmt);
	(*err)->remedy = mem_vprintf(fmt, args);
	va_end(args);
}

int error_move(struct error **to, struct error **from)
{
	if (to == from)
		return -1;
	bug_if(!*from, "an error was passed on, but there is none");
	if (error_wanted(to))
		*to = *from;
	else
		error_free(*from);
	*from = NULL;
	return -1;
}

int error_copy(struct error **to, const struct error *from)
{
	if (!error_wanted(to) || !from)
		return -1;
	error_set(to, from->cls, mem_strdup(from->message));
	(*to)->transient = from->transient;
	(*to)->outdated = from->outdated;
	(*to)->errnum = from->errnum;
	if (from->remedy)
		(*to)->remedy = mem_strdup(from->remedy);
	return -1;
}

void error_free(struct error *error)
{
	if (!error)
		return;
	free(error->message);
	free(error->remedy);
	free(error);
}

void error_cleanup(struct error **error)
{
	error_free(*error);
}
