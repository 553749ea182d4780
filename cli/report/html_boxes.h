#ifndef CLI_REPORT_HTML_BOXES_H
#define CLI_REPORT_HTML_BOXES_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

/* Boxes with two lines of text, and arrows between them, as an SVG that scrolls when it is too wide. */

struct html_box {
	char *title, *first, *second; /* malloc'd; the title is shown under the pointer */
	char *state;                  /* "done": the box's class is "o-done"; malloc'd */
	char *href;                   /* malloc'd */
	bool critical;
};
struct html_arrow {
	size_t from, to; /* numbers of boxes, from < to */
	bool critical;
};

void html_boxes(const char *label, const struct html_box *boxes, size_t boxes_len, const struct html_arrow *arrows,
		size_t arrows_len, struct buf *out);
void html_boxes_free(struct html_box *boxes, size_t len); /* the array, too */

#endif
