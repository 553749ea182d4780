#ifndef CLI_REPORT_HTML_H
#define CLI_REPORT_HTML_H

#include <stddef.h>
#include <stdint.h>

#define SHOWN_MS 50 /* a shorter time would read "0.0s" */

struct buf;
struct past;
struct run_info;

/* The report of a run: one self-contained HTML document, without network or scripts. */

struct html_size {
	int64_t when_ms;
	uint64_t bytes;
};
/* An image's sizes, the oldest first. */
struct html_image {
	const char *name; /* "web linux/amd64" */
	const struct html_size *sizes;
	size_t len;
};
/* The log of a failed node. */
struct html_log {
	size_t node;
	const char *path;
	const char *text; /* raw bytes, or NULL: the log is gone */
	size_t len;
};
struct html_page {
	const char *project; /* or NULL */
	const struct run_info *run;
	const struct past *past;
	const struct html_image *images;
	size_t images_len;
	const struct html_log *logs;
	size_t logs_len;
	const struct buf *steps; /* one for each node: what its builder told of a Dockerfile's steps, as JSON; or empty */
};

void html_make(const struct html_page *page, struct buf *out);

/* html_escape.c */
/* Appends arbitrary text: safe in content and in quoted attributes of HTML and XML. Newlines stay. */
void html_text(struct buf *out, const char *text);
void html_bytes(struct buf *out, const char *text, size_t len);
/* The same for a program's output: without terminal colour codes. */
void html_output(struct buf *out, const char *text, size_t len);

/* The page's parts, each in the file of its name. Nodes link to "#nodeN", services to "#serviceN". */
void html_timeline(const struct past *past, struct buf *out);
void html_graph(const struct past *past, struct buf *out);
void html_path(const struct past *past, struct buf *out);
void html_sizes(const struct html_image *image, struct buf *out);
void html_steps(const char *text, size_t len, struct buf *out);
void html_nodes(const struct html_page *page, struct buf *out);

#endif
