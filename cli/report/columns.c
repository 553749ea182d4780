#include "config.h"

#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <wchar.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/report/columns.h"

#define EMOJI_STYLE 0xFE0F /* variation selector 16: the character before it takes two columns */
#define WIDE_FROM 0x1100   /* no character below is wide: for systems without a UTF-8 locale */

struct columns {
	locale_t locale; /* (locale_t)0: none */
};

struct columns *columns_new(void)
{
	static const char *const names[] = { "C.UTF-8", "UTF-8", "en_US.UTF-8" };
	struct columns *columns = mem_alloc(sizeof(*columns));

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !columns->locale; i++)
		columns->locale = newlocale(LC_CTYPE_MASK, names[i], (locale_t)0);
	return columns;
}

void columns_free(struct columns *columns)
{
	if (!columns)
		return;
	if (columns->locale)
		freelocale(columns->locale);
	free(columns);
}

static size_t rune_columns(const struct columns *columns, uint32_t rune)
{
	int width;

	if (rune < 0x20 || rune == EMOJI_STYLE)
		return 1;
	if (rune < 0x7F)
		return 1;
	width = columns->locale ? wcwidth((wchar_t)rune) : -1;
	if (width >= 0)
		return (size_t)width;
	return rune < WIDE_FROM ? 1 : 2;
}

/* Walks until more than `max` columns are taken: the bytes that fit, and their columns. */
static size_t columns_walk(const struct columns *columns, const char *text, size_t len, size_t max, size_t *ret_columns)
{
	locale_t before = columns->locale ? uselocale(columns->locale) : (locale_t)0;
	size_t taken = 0, at = 0;

	while (at < len) {
		uint32_t rune = 0;
		size_t bytes = text_rune(text + at, len - at, &rune);
		size_t width = bytes ? rune_columns(columns, rune) : 1;

		if (taken + width > max)
			break;
		taken += width;
		at += bytes ? bytes : 1;
	}
	if (columns->locale)
		uselocale(before);
	*ret_columns = taken;
	return at;
}

size_t columns_count(const struct columns *columns, const char *text, size_t len)
{
	size_t taken;

	columns_walk(columns, text, len, SIZE_MAX, &taken);
	return taken;
}

size_t columns_fit(const struct columns *columns, const char *text, size_t len, size_t max)
{
	size_t taken;

	return columns_walk(columns, text, len, max, &taken);
}

size_t columns_cut(const struct columns *columns, const char *text, size_t len, size_t max, bool unicode, struct buf *out)
{
	size_t taken, fits = columns_walk(columns, text, len, max, &taken);

	if (fits < len && unicode && max > 0) {
		fits = columns_walk(columns, text, len, max - 1, &taken);
		buf_add(out, text, fits);
		buf_str(out, "\u2026");
		return taken + 1;
	}
	buf_add(out, text, fits);
	return taken;
}
