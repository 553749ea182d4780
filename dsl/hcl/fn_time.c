#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* Functions of times: RFC 3339, and durations as Go writes them. */

static const char *const months[] = { "January", "February", "March",     "April",   "May",      "June",
				      "July",    "August",   "September", "October", "November", "December" };
static const char *const weekdays[] = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" };

/* A moment, with the offset of the zone that it is told in. */
struct moment {
	long long seconds; /* since 1970 */
	long offset;
};

struct calendar {
	long long year;
	int month, day, hour, minute, second, weekday, year_day; /* months, days from 1; weekdays from Sunday, 0 */
};

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
static long long days_from(long long year, int month, int day)
{
	long long era, year_of_era, day_of_year;

	year -= month <= 2;
	era = (year >= 0 ? year : year - 399) / 400;
	year_of_era = year - era * 400;
	day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static struct calendar calendar_of(const struct moment *moment)
{
	long long local = moment->seconds + moment->offset, days = local / 86400 - (local % 86400 < 0),
		  rest = local - days * 86400;
	long long z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, day = z - era * 146097;
	long long year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	long long of_year = day - (365 * year + year / 4 - year / 100), month = (5 * of_year + 2) / 153;
	struct calendar c = { .year = year + era * 400 + (month >= 10),
			      .month = (int)(month < 10 ? month + 3 : month - 9) };

	c.day = (int)(of_year - (153 * month + 2) / 5 + 1);
	c.hour = (int)(rest / 3600);
	c.minute = (int)(rest / 60 % 60);
	c.second = (int)(rest % 60);
	c.weekday = (int)(((days + 4) % 7 + 7) % 7);
	c.year_day = (int)(days - days_from(c.year, 1, 1) + 1);
	return c;
}

static bool take_digits(const char **s, size_t len, int *ret)
{
	*ret = 0;
	for (size_t i = 0; i < len; i++) {
		if ((*s)[i] < '0' || (*s)[i] > '9')
			return false;
		*ret = *ret * 10 + (*s)[i] - '0';
	}
	*s += len;
	return true;
}

static bool take_byte(const char **s, char byte)
{
	bool same = **s == byte;

	*s += same;
	return same;
}

static bool parse_zone(const char **s, long *ret_offset)
{
	int hours, minutes;
	char sign = **s;

	if (take_byte(s, 'Z'))
		return true;
	if (sign != '+' && sign != '-')
		return false;
	++*s;
	if (!take_digits(s, 2, &hours) || !take_byte(s, ':') || !take_digits(s, 2, &minutes) || hours > 24 || minutes > 59)
		return false;
	*ret_offset = (hours * 60L + minutes) * (sign == '-' ? -60 : 60);
	return true;
}

static bool parse_moment(const char *s, struct moment *ret)
{
	static const int lengths[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, hour, minute, second;

	*ret = (struct moment){ 0 };
	if (!take_digits(&s, 4, &year) || !take_byte(&s, '-') || !take_digits(&s, 2, &month) || !take_byte(&s, '-') ||
	    !take_digits(&s, 2, &day) || !take_byte(&s, 'T') || !take_digits(&s, 2, &hour) || !take_byte(&s, ':') ||
	    !take_digits(&s, 2, &minute) || !take_byte(&s, ':') || !take_digits(&s, 2, &second))
		return false;
	if (take_byte(&s, '.')) {
		if (!strspn(s, "0123456789"))
			return false;
		s += strspn(s, "0123456789");
	}
	if (!parse_zone(&s, &ret->offset) || *s || month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
	    hour > 23 || minute > 59 || second > 59 ||
	    (month == 2 && day == 29 && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
		return false;
	ret->seconds = days_from(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - ret->offset;
	return true;
}

static void put_zone(struct buf *out, long offset, const char *utc, bool colon)
{
	long minutes = labs(offset) / 60;

	if (!offset && utc)
		buf_str(out, utc);
	else
		buf_printf(out, "%c%02ld%s%02ld", offset < 0 ? '-' : '+', minutes / 60, colon ? ":" : "", minutes % 60);
}

static void put_moment(struct buf *out, const struct moment *moment)
{
	struct calendar t = calendar_of(moment);

	buf_printf(out, "%04lld-%02d-%02dT%02d:%02d:%02d", t.year, t.month, t.day, t.hour, t.minute, t.second);
	put_zone(out, moment->offset, "Z", true);
}

static void put_time_number(struct buf *out, long long number, size_t digits)
{
	buf_printf(out, "%0*lld", (int)digits, number);
}

/* A run of one letter; false when there is none of that length. */
static bool put_verb(struct buf *out, char letter, size_t len, const struct moment *moment)
{
	struct calendar t = calendar_of(moment);
	bool name = letter == 'M' || letter == 'E';
	const char *word = letter == 'M' ? months[t.month - 1] : weekdays[t.weekday];
	long long number = letter == 'M'   ? t.month
			   : letter == 'D' ? t.day
			   : letter == 'h' ? t.hour
			   : letter == 'H' ? (t.hour % 12 ? t.hour % 12 : 12)
			   : letter == 'm' ? t.minute
					   : t.second;

	if (letter == 'Y' && (len == 2 || len == 4))
		put_time_number(out, len == 2 ? t.year % 100 : t.year, len);
	else if (name && len == 3)
		buf_add(out, word, 3);
	else if (name && len == 4)
		buf_str(out, word);
	else if (letter != 'E' && strchr("MDhHms", letter) && len <= 2)
		put_time_number(out, number, len);
	else if ((letter == 'A' || letter == 'a') && len == 2)
		buf_str(out, letter == 'A' ? t.hour < 12 ? "AM" : "PM" : t.hour < 12 ? "am" : "pm");
	else if (letter == 'Z' && len != 2 && len <= 5)
		put_zone(out, moment->offset, len == 1 ? "Z" : len == 3 ? "UTC" : NULL, len == 1 || len == 5);
	else
		return false;
	return true;
}

/* Behind a quote: text up to the next one; two of them are one. NULL when it does not end. */
static const char *put_literal(struct buf *out, const char *s)
{
	if (*s == '\'') {
		buf_char(out, '\'');
		return s + 1;
	}
	for (; *s; s++) {
		if (*s == '\'' && s[1] != '\'')
			return s + 1;
		s += *s == '\'';
		buf_char(out, *s);
	}
	return NULL;
}

static const struct hcl_value *format_moment(struct hcl_call *c, const struct moment *moment)
{
	struct buf out cleanup_buf = { 0 };
	const char *s = c->args[0]->text;

	while (*s) {
		size_t len = 1;

		if (*s == '\'') {
			s = put_literal(&out, s + 1);
			if (!s)
				return hcl_refuse(c, 0, "a quote is not closed");
			continue;
		}
		if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))) {
			buf_char(&out, *s++);
			continue;
		}
		while (s[len] == *s)
			len++;
		if (!put_verb(&out, *s, len, moment))
			return hcl_refuse(c, 0, "there is no verb \"%.*s\" of dates", (int)(len < 40 ? len : 40), s);
		s += len;
	}
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_formatdate(struct hcl_call *c)
{
	struct moment moment;

	if (!parse_moment(c->args[1]->text, &moment))
		return hcl_refuse(c, 1, "\"%s\" is not a time such as 2006-01-02T15:04:05Z", c->args[1]->text);
	return format_moment(c, &moment);
}

#define UNIX_MAX 253402300799 /* the end of the year 9999 */

static const struct hcl_value *fn_formattimestamp(struct hcl_call *c)
{
	struct moment moment = { 0 };
	struct buf out = { 0 };
	long seconds;

	if (c->args[1]->kind == HCL_NUMBER) {
		if (!hcl_whole(c, 1, 0, UNIX_MAX, &seconds))
			return NULL;
		moment.seconds = seconds;
	} else if (c->args[1]->kind != HCL_STRING || !parse_moment(c->args[1]->text, &moment)) {
		return hcl_refuse(c, 1, "a time such as 2006-01-02T15:04:05Z, or a number of seconds, is needed");
	}
	if (strcmp(c->args[0]->text, "X") != 0)
		return format_moment(c, &moment);
	buf_printf(&out, "%lld", moment.seconds);
	return hcl_string_take(c->e->heap, &out);
}

/* "1h30m", "-1.5h": nanoseconds. */
static bool parse_duration(const char *s, long double *ret)
{
	static const char *const units[] = { "ns", "us", "\xc2\xb5s", "ms", "h", "m", "s" };
	static const long double sizes[] = { 1, 1e3L, 1e3L, 1e6L, 3600e9L, 60e9L, 1e9L };
	bool minus = *s == '-';

	s += *s == '-' || *s == '+';
	*ret = 0;
	if (!strcmp(s, "0"))
		return true;
	if (!*s)
		return false;
	while (*s) {
		size_t len = strspn(s, "0123456789."), unit = 0;
		cleanup_free char *digits = mem_strndup(s, len);
		long double number;

		if (!hcl_number_parse(digits, &number))
			return false;
		s += len;
		while (unit < sizeof(units) / sizeof(units[0]) && strncmp(s, units[unit], strlen(units[unit])) != 0)
			unit++;
		if (unit == sizeof(units) / sizeof(units[0]))
			return false;
		s += strlen(units[unit]);
		*ret += number * sizes[unit];
	}
	*ret = minus ? -*ret : *ret;
	return *ret < 9.2e18L && *ret > -9.2e18L;
}

static const struct hcl_value *fn_timeadd(struct hcl_call *c)
{
	struct moment moment;
	struct buf out = { 0 };
	long double ns;
	long long whole;

	if (!parse_moment(c->args[0]->text, &moment))
		return hcl_refuse(c, 0, "\"%s\" is not a time such as 2006-01-02T15:04:05Z", c->args[0]->text);
	if (!parse_duration(c->args[1]->text, &ns))
		return hcl_refuse(c, 1, "\"%s\" is not a duration such as 1h30m", c->args[1]->text);
	whole = (long long)ns;
	moment.seconds += whole / 1000000000 - (whole % 1000000000 < 0);
	put_moment(&out, &moment);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_timestamp(struct hcl_call *c)
{
	const struct moment now = { clock_unix_ms() / 1000, 0 };
	struct buf out = { 0 };

	put_moment(&out, &now);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_unixtimestampparse(struct hcl_call *c)
{
	static const char *const keys[] = { "year",    "year_day",     "day",     "month",  "month_name",
					    "weekday", "weekday_name", "hour",    "minute", "second",
					    "rfc3339", "iso_year",     "iso_week" };
	struct hcl_heap *heap = c->e->heap;
	const struct hcl_value *items[13];
	struct moment moment = { 0 }, thursday;
	struct calendar t, week;
	struct buf text = { 0 };
	long seconds;

	if (!hcl_whole(c, 0, 0, UNIX_MAX, &seconds))
		return NULL;
	moment.seconds = seconds;
	t = calendar_of(&moment);
	/* The week belongs to the year of its Thursday. */
	thursday = (struct moment){ seconds + (4 - (t.weekday ? t.weekday : 7)) * 86400L, 0 };
	week = calendar_of(&thursday);
	put_moment(&text, &moment);
	{
		const long long numbers[] = { t.year,
					      t.year_day,
					      t.day,
					      t.month,
					      -1,
					      t.weekday,
					      -1,
					      t.hour,
					      t.minute,
					      t.second,
					      -1,
					      week.year,
					      (week.year_day - 1) / 7 + 1 };

		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			items[i] = hcl_number(heap, (long double)numbers[i]);
	}
	items[4] = hcl_string(heap, months[t.month - 1]);
	items[6] = hcl_string(heap, weekdays[t.weekday]);
	items[10] = hcl_string_take(heap, &text);
	return hcl_mapping(heap, HCL_OBJECT, keys, items, 13);
}

const struct hcl_function_row hcl_time_functions[] = {
	{ "formatdate", fn_formatdate, "ss" },
	{ "formattimestamp", fn_formattimestamp, "sv" },
	{ "timeadd", fn_timeadd, "ss" },
	{ "timestamp", fn_timestamp, "" },
	{ "unixtimestampparse", fn_unixtimestampparse, "n" },
	{ 0 },
};
