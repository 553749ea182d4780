#include "config.h"

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"

/* In pixels. */
#define WIDTH 260
#define HEIGHT 64
#define PADDING 8

/* Of several sizes. The axis starts at 0: otherwise small changes would look large. */
static void add_curve(const struct html_image *image, struct buf *out)
{
	uint64_t most = 1;
	double step = (double)(WIDTH - 2 * PADDING) / (double)(image->len - 1);
	cleanup_buf struct buf points = { 0 };

	for (size_t i = 0; i < image->len; i++)
		most = image->sizes[i].bytes > most ? image->sizes[i].bytes : most;
	for (size_t i = 0; i < image->len; i++)
		buf_printf(&points, "%s%.1f,%.1f", i ? " " : "", PADDING + step * (double)i,
			   HEIGHT - PADDING - (double)image->sizes[i].bytes * (HEIGHT - 2 * PADDING) / (double)most);
	buf_printf(out,
		   "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-hidden=\"true\">"
		   "<line class=\"grid\" x1=\"0\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/><polyline class=\"size\" "
		   "points=\"%s\"/>",
		   WIDTH, HEIGHT, HEIGHT - PADDING, WIDTH, HEIGHT - PADDING, points.data);
	buf_printf(out, "<circle class=\"size\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/></svg>",
		   PADDING + step * (double)(image->len - 1),
		   HEIGHT - PADDING - (double)image->sizes[image->len - 1].bytes * (HEIGHT - 2 * PADDING) / (double)most);
}

void html_sizes(const struct html_image *image, struct buf *out)
{
	buf_str(out, "<figure><figcaption>");
	html_text(out, image->name);
	buf_str(out, " <b>");
	text_size(out, image->sizes[image->len - 1].bytes);
	buf_str(out, "</b>");
	if (image->len > 1) {
		buf_str(out, " <span class=\"small\">from ");
		text_size(out, image->sizes[0].bytes);
		buf_printf(out, ", %zu builds</span>", image->len);
	}
	buf_str(out, "</figcaption>");
	if (image->len > 1)
		add_curve(image, out);
	buf_str(out, "</figure>\n");
}
