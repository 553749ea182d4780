#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/report/html.h"

#define ESCAPE 0x1b

void html_bytes(struct buf *out, const char *text, size_t len)
{
	cleanup_buf struct buf safe = { 0 };

	text_safe_lines(&safe, text, len);
	for (size_t i = 0; i < safe.len; i++) {
		switch (safe.data[i]) {
		case '&':
			buf_str(out, "&amp;");
			break;
		case '<':
			buf_str(out, "&lt;");
			break;
		case '>':
			buf_str(out, "&gt;");
			break;
		case '"':
			buf_str(out, "&quot;");
			break;
		case '\'':
			buf_str(out, "&#39;");
			break;
		default:
			/* U+FFFE and U+FFFF are not valid in XML. */
			if (safe.len - i >= 3 && memcmp(safe.data + i, "\xef\xbf", 2) == 0 &&
			    ((unsigned char)safe.data[i + 2] | 1) == 0xbf) {
				buf_str(out, "\xef\xbf\xbd");
				i += 2;
			} else {
				buf_char(out, safe.data[i]);
			}
		}
	}
}

void html_text(struct buf *out, const char *text)
{
	html_bytes(out, text, strlen(text));
}

/* The length of "ESC [ numbers m" at `text`, or 0. */
static size_t color_code(const char *text, size_t len)
{
	size_t i = 2;

	if (len < 3 || text[0] != ESCAPE || text[1] != '[')
		return 0;
	while (i < len && strchr("0123456789;", text[i]) && text[i])
		i++;
	return i < len && text[i] == 'm' ? i + 1 : 0;
}

void html_output(struct buf *out, const char *text, size_t len)
{
	cleanup_buf struct buf plain = { 0 };

	for (size_t i = 0; i < len;) {
		size_t code = color_code(text + i, len - i);

		if (!code)
			buf_char(&plain, text[i]);
		i += code ? code : 1;
	}
	html_bytes(out, plain.data ? plain.data : "", plain.len);
}
