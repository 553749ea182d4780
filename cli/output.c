#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "cli/output.h"

int output_data(const char *data, size_t len, struct error **err)
{
	return fs_write_all(STDOUT_FILENO, data ? data : "", len, "standard output", err) < 0 ? -1 : 0;
}

int output_json(const struct json *document, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	json_dump(document, JSON_INDENT, &text);
	buf_char(&text, '\n');
	return output_data(text.data, text.len, err);
}

struct json *output_document(const char *name, const struct json *list)
{
	struct json *document = json_new_object();

	json_set_int(document, "version", 1);
	json_set(document, name, json_clone(list));
	return document;
}

int output_list(const char *name, const struct json *list, struct error **err)
{
	cleanup_json struct json *document = output_document(name, list);

	return output_json(document, err);
}

void output_add_reference(struct json *list, const struct ref *ref, const char *digest)
{
	cleanup_free char *reference =
		mem_printf("%s/%s%s%s", ref->domain, ref->repository, ref->tag ? ":" : "", ref->tag ? ref->tag : "");
	struct json *object = json_new_object();

	json_set_str(object, "reference", reference);
	json_set_str(object, "digest", digest);
	json_append(list, object);
}

int output_text(const char *text, size_t len, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	if (!isatty(STDOUT_FILENO))
		return output_data(text, len, err);
	text_safe_lines(&safe, text, len);
	return output_data(safe.data, safe.len, err);
}

int output_new_file(const char *path, const char *data, size_t len, struct error **err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int r;

	if (fd < 0)
		return error_errno(err, errno == EEXIST ? ERROR_USAGE : ERROR_STATE, errno, "cannot write %s", path);
	r = fs_write_all(fd, data, len, path, err) < 0 ? -1 : 0;
	if (close(fd) < 0 && r == 0)
		r = error_errno(err, ERROR_STATE, errno, "cannot write %s", path);
	if (r < 0)
		unlink(path);
	return r;
}

int output_file(const char *path, const char *data, size_t len, struct error **err)
{
	return path && strcmp(path, "-") != 0 ? output_new_file(path, data, len, err) : output_data(data, len, err);
}

void output_stderr(const struct buf *text)
{
	/* If this fails, there is nowhere to report it. */
	fs_write_all(STDERR_FILENO, text->data, text->len, "standard error", NULL);
}

bool output_color(void)
{
	const char *no_color = getenv("NO_COLOR");
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
}

bool output_live(void)
{
	const char *term = getenv("TERM");
	const char *ci = getenv("CI");

	return isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0 && !(ci && *ci);
}

bool output_github(void)
{
	const char *value = getenv("GITHUB_ACTIONS");

	return value && strcmp(value, "true") == 0;
}

void output_workflow_value(struct buf *out, const char *text)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe_lines(&safe, text, strlen(text));
	for (size_t i = 0; i < safe.len; i++) {
		if (strchr("%\r\n:,", safe.data[i]) && safe.data[i])
			buf_printf(out, "%%%02X", (unsigned)safe.data[i]);
		else
			buf_char(out, safe.data[i]);
	}
}

void output_error(const struct error *error)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "cbuild: %serror:%s ", output_color() ? "\x1b[1;31m" : "", output_color() ? "\x1b[0m" : "");
	text_safe_lines(&text, error->message, strlen(error->message));
	buf_char(&text, '\n');
	if (error->remedy) {
		buf_str(&text, "  help: ");
		text_safe_lines(&text, error->remedy, strlen(error->remedy));
		buf_char(&text, '\n');
	}
	output_stderr(&text);
}

void output_note(const char *fmt, ...)
{
	cleanup_buf struct buf text = { 0 };
	char line[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	buf_str(&text, "cbuild: ");
	text_safe_lines(&text, line, strlen(line));
	buf_char(&text, '\n');
	output_stderr(&text);
}
