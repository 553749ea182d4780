#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

#define NEAREST_MAX 128 /* bytes of a word; the cost is the product of both lengths */

size_t text_rune(const char *data, size_t len, uint32_t *ret_rune)
{
	const unsigned char *s = (const unsigned char *)data;
	static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
	uint32_t rune;
	size_t need;

	if (len == 0)
		return 0;
	if (s[0] < 0x80) {
		*ret_rune = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	need = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (len < need)
		return 0;
	rune = s[0] & (0x7fU >> need);
	for (size_t i = 1; i < need; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		rune = rune << 6 | (s[i] & 0x3fU);
	}
	/* Overlong, a surrogate, or beyond Unicode. */
	if (rune < smallest[need] || (rune >= 0xd800 && rune <= 0xdfff) || rune > 0x10ffff)
		return 0;
	*ret_rune = rune;
	return need;
}

bool text_control(uint32_t rune)
{
	if (rune == '\t')
		return false;
	if (rune < 0x20 || (rune >= 0x7f && rune <= 0x9f))
		return true;
	/* Line and paragraph separators and characters that change the writing direction: they could make one name
	 * look like another. */
	return (rune >= 0x2028 && rune <= 0x202e) || (rune >= 0x2066 && rune <= 0x2069);
}

static void text_add_escaped(struct buf *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf_printf(out, "\\x%02x", (unsigned char)data[i]);
}

static bool ends_line(const char *data, size_t len)
{
	while (len > 0 && *data == '\r') {
		data++;
		len--;
	}
	return len == 0 || *data == '\n';
}

static void add_safe(struct buf *out, const char *data, size_t len, bool lines)
{
	size_t plain = 0; /* bytes before `data` that are still to be added */

	while (len > 0) {
		uint32_t rune = 0;
		size_t n = text_rune(data, len, &rune);
		bool keep = n > 0 && (!text_control(rune) || (lines && rune == '\n'));

		if (n == 0)
			n = 1;
		if (keep) {
			plain += n;
		} else {
			buf_add(out, data - plain, plain);
			plain = 0;
			if (*data != '\r' || !ends_line(data, len))
				text_add_escaped(out, data, n);
		}
		data += n;
		len -= n;
	}
	buf_add(out, data - plain, plain);
}

void text_safe(struct buf *out, const char *data, size_t len)
{
	add_safe(out, data ? data : "", len, false);
}

void text_safe_lines(struct buf *out, const char *data, size_t len)
{
	add_safe(out, data ? data : "", len, true);
}

bool text_utf8(const char *data, size_t len)
{
	while (len > 0) {
		uint32_t rune;
		size_t n = text_rune(data, len, &rune);

		if (n == 0 || rune == 0)
			return false;
		data += n;
		len -= n;
	}
	return true;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Optimal string alignment: insertions, deletions, changes, and neighbours swapped. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t rows[3][NEAREST_MAX + 1];
	size_t *before = rows[0];
	size_t *last = rows[1];
	size_t *now = rows[2];

	for (size_t j = 0; j <= b_len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t *free_row = before;

		now[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			now[j] = least(last[j], now[j - 1]) + 1;
			now[j] = least(now[j], last[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = free_row;
	}
	return last[b_len];
}

const char *text_nearest(const char *word, const char *const *candidates, size_t count)
{
	size_t len = strlen(word);
	size_t best_distance = len / 3 + 1;
	const char *best = NULL;

	if (len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		size_t other = candidates[i] ? strlen(candidates[i]) : SIZE_MAX;
		size_t apart = other > len ? other - len : len - other;
		size_t d;

		if (other > NEAREST_MAX || apart >= best_distance)
			continue;
		d = distance(word, len, candidates[i], other);
		if (d < best_distance) {
			best_distance = d;
			best = candidates[i];
		}
	}
	return best;
}

/* A decimal number: its value is units + fraction / scale. */
struct decimal {
	uint64_t units;
	uint64_t fraction;
	uint64_t scale;
};

/* Reads a number and moves `*s` past it; digits of the fraction after the 15th are dropped. */
static bool parse_decimal(const char **s, struct decimal *ret)
{
	const char *p = *s;
	struct decimal d = { .scale = 1 };
	bool digits = false;

	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(d.units, 10, &d.units) ||
		    __builtin_add_overflow(d.units, (uint64_t)(*p - '0'), &d.units))
			return false;
		digits = true;
	}
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			digits = true;
			if (d.scale >= UINT64_C(1000000000000000))
				continue;
			d.fraction = d.fraction * 10 + (uint64_t)(*p - '0');
			d.scale *= 10;
		}
	}
	if (!digits)
		return false;
	*s = p;
	*ret = d;
	return true;
}

/* The number times `unit`, rounded down; false when it does not fit. */
static bool scale_decimal(struct decimal d, uint64_t unit, uint64_t *ret)
{
	unsigned __int128 value = (unsigned __int128)d.units * unit + (unsigned __int128)d.fraction * unit / d.scale;

	if (value > UINT64_MAX)
		return false;
	*ret = (uint64_t)value;
	return true;
}

/* Accepts "", "b", "k", "kb", "kib" and so on up to p, in either case; `step` is the value of "k". 0 when it is not
 * a unit. */
static uint64_t size_unit(const char *s, uint64_t step)
{
	static const char letters[] = "kmgtp";
	const char *letter = *s ? strchr(letters, *s | 0x20) : NULL;
	uint64_t unit = 1;

	if (letter) {
		s++;
		if ((*s == 'i' || *s == 'I') && (s[1] == 'b' || s[1] == 'B')) {
			step = 1024;
			s++;
		}
		for (const char *l = letters; l <= letter; l++)
			unit *= step;
	}
	if (*s == 'b' || *s == 'B')
		s++;
	return *s ? 0 : unit;
}

static bool parse_bytes(const char *s, uint64_t step, uint64_t *ret_bytes)
{
	struct decimal d;
	uint64_t unit;

	if (!parse_decimal(&s, &d))
		return false;
	if (*s == ' ')
		s++;
	unit = size_unit(s, step);
	return unit > 0 && scale_decimal(d, unit, ret_bytes);
}

bool text_parse_size(const char *s, uint64_t *ret_bytes)
{
	return parse_bytes(s, 1000, ret_bytes);
}

bool text_parse_memory(const char *s, uint64_t *ret_bytes)
{
	return parse_bytes(s, 1024, ret_bytes);
}

/* The unit at `*s` in nanoseconds, moving past it; 0 when there is no unit. */
static uint64_t duration_unit(const char **s)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "ns", 1 },
		{ "us", 1000 },
		{ "\xc2\xb5s", 1000 },
		{ "\xce\xbcs", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", UINT64_C(60000000000) },
		{ "h", UINT64_C(3600000000000) },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		size_t len = strlen(units[i].name);

		if (strncmp(*s, units[i].name, len) != 0)
			continue;
		*s += len;
		return units[i].ns;
	}
	return 0;
}

bool text_parse_duration(const char *s, uint64_t *ret_ms)
{
	uint64_t total = 0;

	do {
		struct decimal d;
		uint64_t unit;
		uint64_t ns;

		if (!parse_decimal(&s, &d))
			return false;
		unit = duration_unit(&s);
		if (unit == 0 || !scale_decimal(d, unit, &ns) || __builtin_add_overflow(total, ns, &total))
			return false;
	} while (*s);
	/* Rounded up, so that only zero becomes zero. */
	*ret_ms = total / 1000000 + (total % 1000000 > 0);
	return true;
}

void text_size(struct buf *out, uint64_t bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", "EB" };
	uint64_t unit = 1000;
	size_t i = 0;
	uint64_t tenths;

	if (bytes < 1000) {
		buf_printf(out, "%u B", (unsigned int)bytes);
		return;
	}
	/* 999,950 bytes would round to "1000.0 kB". */
	while (bytes / unit >= 999 && bytes >= unit * 1000 - unit / 20) {
		unit *= 1000;
		i++;
	}
	tenths = bytes / (unit / 10) + (bytes % (unit / 10) >= unit / 20);
	buf_printf(out, "%u.%u %s", (unsigned int)(tenths / 10), (unsigned int)(tenths % 10), units[i]);
}

void text_duration(struct buf *out, uint64_t ms)
{
	unsigned long long tenths = ms / 100 + (ms % 100 >= 50);
	unsigned long long seconds = ms / 1000 + (ms % 1000 >= 500);

	if (tenths < 600)
		buf_printf(out, "%llu.%llus", tenths / 10, tenths % 10);
	else if (seconds < 3600)
		buf_printf(out, "%llum%02llus", seconds / 60, seconds % 60);
	else
		buf_printf(out, "%lluh%02llum%02llus", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

/* True when the word needs no escapes. */
static bool text_printable(const char *word)
{
	size_t len = strlen(word);

	while (len > 0) {
		uint32_t rune = 0;
		size_t n = text_rune(word, len, &rune);

		if (n == 0 || rune == '\t' || text_control(rune))
			return false;
		word += n;
		len -= n;
	}
	return true;
}

/* $'...': what bash, zsh, ksh and newer POSIX shells read back as the same bytes. */
static void add_ansi_quoted(struct buf *out, const char *word)
{
	size_t len = strlen(word);

	buf_str(out, "$'");
	while (len > 0) {
		uint32_t rune = 0;
		size_t n = text_rune(word, len, &rune);

		if (n == 0 || rune == '\t' || text_control(rune)) {
			n = n ? n : 1;
			text_add_escaped(out, word, n);
		} else {
			if (rune == '\'' || rune == '\\')
				buf_char(out, '\\');
			buf_add(out, word, n);
		}
		word += n;
		len -= n;
	}
	buf_char(out, '\'');
}

void text_shell(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";

	if (*word && word[strspn(word, plain)] == '\0') {
		buf_str(out, word);
		return;
	}
	if (!text_printable(word)) {
		add_ansi_quoted(out, word);
		return;
	}
	buf_char(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_str(out, "'\\''");
		else
			buf_char(out, *word);
	}
	buf_char(out, '\'');
}

bool text_listed(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t part = strcspn(list, " ");

		if (part == len && memcmp(list, word, len) == 0)
			return true;
		list += part + strspn(list + part, " ");
	}
	return false;
}

/* The '@' behind a login in the URL whose "://" is at `mark`, or NULL. */
static const char *login_end(const char *s, const char *mark)
{
	const char *user = mark + 3;
	size_t len = strcspn(user, "/ \t\n\"'<>");
	const char *at = memchr(user, '@', len);
	bool web = (mark - s >= 4 && strncasecmp(mark - 4, "http", 4) == 0) ||
		   (mark - s >= 5 && strncasecmp(mark - 5, "https", 5) == 0);

	return at && at > user && (web || memchr(user, ':', (size_t)(at - user))) ? at : NULL;
}

bool text_has_login(const char *s)
{
	for (const char *mark = strstr(s, "://"); mark; mark = strstr(mark + 3, "://"))
		if (login_end(s, mark))
			return true;
	return false;
}

char *text_without_login(const char *url)
{
	const char *mark = strstr(url, "://"), *at = mark ? login_end(url, mark) : NULL;

	return at ? mem_printf("%.*s%s", (int)(mark + 3 - url), url, at + 1) : mem_strdup(url);
}

char *text_without_query(const char *url)
{
	return mem_strndup(url, strcspn(url, "?"));
}

bool text_same(const char *one, const char *other)
{
	return strcmp(one ? one : "", other ? other : "") == 0;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

void text_unescape(struct buf *out, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool escaped = data[i] == '%' && i + 2 < len && hex_digit(data[i + 1]) >= 0 &&
			       hex_digit(data[i + 2]) >= 0;

		buf_char(out, escaped ? (char)(hex_digit(data[i + 1]) * 16 + hex_digit(data[i + 2])) : data[i]);
		i += escaped ? 2 : 0;
	}
}
