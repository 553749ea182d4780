#include "config.h"

#include "engine/io/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"

void lines_split(struct buf *rest, const char *bytes, size_t len, line_take *take, void *data)
{
	while (len > 0) {
		const char *newline = memchr(bytes, '\n', len);
		size_t room = LINE_BYTES_MAX - rest->len;
		size_t part = newline ? (size_t)(newline - bytes) : len;

		if (part > room) {
			part = room;
			newline = NULL;
		}
		buf_add(rest, bytes, part);
		bytes += part + (newline != NULL);
		len -= part + (newline != NULL);
		if (newline || rest->len == LINE_BYTES_MAX) {
			take(data, rest->data ? rest->data : "", rest->len);
			buf_reset(rest);
		}
	}
}

void lines_finish(struct buf *rest, line_take *take, void *data)
{
	if (rest->len > 0)
		take(data, rest->data, rest->len);
	buf_reset(rest);
}

/* A line on its way to the loop's thread. */
struct posted_line {
	const struct output *output;
	size_t len;
	char text[];
};

static void show_posted(void *arg)
{
	struct posted_line *line = arg;

	line->output->line(line->output->data, line->text, line->len);
	free(line);
}

void lines_post(struct loop *loop, const struct output *output, const char *line, size_t len)
{
	struct posted_line *posted;

	if (!output || !output->line)
		return;
	posted = mem_alloc(sizeof(*posted) + len + 1);
	posted->output = output;
	posted->len = len;
	memcpy(posted->text, line, len);
	loop_post(loop, show_posted, posted);
}
