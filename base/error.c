#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

static bool wanted(struct error **err)
{
	return err && !*err;
}

/* Takes `message`. */
static int set(struct error **err, enum error_class cls, char *message)
{
	struct error *error = mem_alloc(sizeof(*error));

	error->cls = cls;
	error->message = message;
	*err = error;
	return -1;
}

int error_make(struct error **err, enum error_class cls, const char *fmt, ...)
{
	va_list args;

	if (!wanted(err))
		return -1;
	va_start(args, fmt);
	set(err, cls, mem_vprintf(fmt, args));
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

int error_errno(struct error **err, enum error_class cls, int errnum, const char *fmt, ...)
{
	cleanup_free char *message = NULL;
	char reason[128];
	va_list args;

	if (!wanted(err))
		return -1;
	errno_text(errnum, reason, sizeof(reason));
	va_start(args, fmt);
	message = mem_vprintf(fmt, args);
	va_end(args);
	return set(err, cls, mem_printf("%s: %s", message, reason));
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
	va_start(args, fmt);
	(*err)->remedy = mem_vprintf(fmt, args);
	va_end(args);
}

int error_move(struct error **to, struct error **from)
{
	if (to == from)
		return -1;
	if (wanted(to))
		*to = *from;
	else
		error_free(*from);
	*from = NULL;
	return -1;
}

int error_copy(struct error **to, const struct error *from)
{
	if (!wanted(to) || !from)
		return -1;
	set(to, from->cls, mem_strdup(from->message));
	(*to)->transient = from->transient;
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
