#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/stack/findings.h"

__attribute__((format(printf, 2, 0))) static void add_line(struct buf *out, const char *fmt, va_list args)
{
	cleanup_free char *line = mem_vprintf(fmt, args);
	size_t len = strlen(line);

	while (len > 0 && line[len - 1] == '\n')
		len--;
	buf_add(out, line, len);
	buf_char(out, '\n');
}

void findings_pass(struct findings *findings, const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&findings->lock);
	va_start(args, fmt);
	add_line(findings->report, fmt, args);
	va_end(args);
	pthread_mutex_unlock(&findings->lock);
}

void findings_fail(struct findings *findings, int cls, const char *fmt, ...)
{
	va_list args;

	pthread_mutex_lock(&findings->lock);
	if (cls == ERROR_HEALTH)
		findings->health = true;
	else if (cls == ERROR_BUILD)
		findings->policy = true;
	else if (findings->other == 0)
		findings->other = cls;
	va_start(args, fmt);
	add_line(&findings->failures, fmt, args);
	va_end(args);
	pthread_mutex_unlock(&findings->lock);
}

void findings_error(struct findings *findings, const char *what, struct error **error)
{
	struct error *own = steal_ptr(*error);

	if (own->cls != ERROR_CANCELLED)
		findings_fail(findings, own->cls, "%s%s%s", what ? what : "", what ? ": " : "", own->message);
	pthread_mutex_lock(&findings->lock);
	if (own->remedy && !findings->remedy)
		findings->remedy = mem_strdup(own->remedy);
	if (own->cls == ERROR_CANCELLED)
		error_move(findings->cancelled ? NULL : &findings->cancelled, &own);
	pthread_mutex_unlock(&findings->lock);
	error_free(own);
}

int findings_result(struct findings *findings, struct error **err)
{
	struct error *error = steal_ptr(findings->cancelled);
	int cls = findings->other ? findings->other : findings->health ? ERROR_HEALTH : ERROR_BUILD;
	int r = 0;

	if (!error && findings->failures.len > 0) {
		error_make(&error, (enum error_class)cls, "%.*s", (int)(findings->failures.len - 1),
			   findings->failures.data);
		if (findings->remedy)
			error_remedy(&error, "%s", findings->remedy);
	}
	if (error)
		r = error_move(err, &error);
	buf_free(&findings->failures);
	free(steal_ptr(findings->remedy));
	return r;
}

void findings_quote(struct buf *out, const char *text, size_t len, size_t max)
{
	const char *end = text + (len < max ? len : max);

	for (const char *line = text; line < end;) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		const char *stop = newline ? newline : end;

		buf_str(out, "    ");
		text_safe(out, line, (size_t)(stop - line));
		buf_char(out, '\n');
		line = stop + 1;
	}
	if (len > max)
		buf_str(out, "    ...\n");
}
