#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/builder/tail.h"

void tail_add(struct tail *tail, const char *line, size_t len)
{
	char **slot = &tail->lines[tail->next];

	tail->next = (tail->next + 1) % TAIL_LINES;
	free(*slot);
	*slot = mem_strndup(line, len < TAIL_LINE_MAX ? len : TAIL_LINE_MAX);
}

char *tail_text(const struct tail *tail)
{
	struct buf text = { 0 };

	buf_str(&text, "");
	for (size_t i = 0; i < TAIL_LINES; i++) {
		const char *line = tail->lines[(tail->next + i) % TAIL_LINES];

		if (line)
			buf_printf(&text, "%s\n", line);
	}
	return buf_steal(&text);
}

void tail_free(struct tail *tail)
{
	for (size_t i = 0; i < TAIL_LINES; i++)
		free(tail->lines[i]);
	*tail = (struct tail){ 0 };
}
