#include "config.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

/* format() and formatlist(): cty's dialect of Go's verbs. */

#define FORMAT_WIDTH_MAX 10000

struct format_verb {
	char letter;
	bool zero, sharp, plus, minus, space;
	long width, precision; /* -1: not given */
	size_t arg;            /* of the values, from 0 */
};

static size_t runes_in(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

/* A sign and a text, padded to the width; zeros go between both. */
static void put_padded(struct buf *out, const struct format_verb *verb, const char *sign, const char *text)
{
	size_t len = strlen(sign) + runes_in(text, strlen(text));
	int pad = verb->width > (long)len ? (int)(verb->width - (long)len) : 0;

	if (!verb->minus && !verb->zero)
		buf_printf(out, "%*s", pad, "");
	buf_str(out, sign);
	for (int i = 0; i < pad && verb->zero && !verb->minus; i++)
		buf_char(out, '0');
	buf_str(out, text);
	if (verb->minus)
		buf_printf(out, "%*s", pad, "");
}

static const char *sign_of(const struct format_verb *verb, long double number)
{
	return number < 0 ? "-" : verb->plus ? "+" : verb->space ? " " : "";
}

static void digits_of(struct buf *out, long double number, unsigned base, bool upper)
{
	char digits[LDBL_MANT_DIG + 64];
	size_t len = sizeof(digits);

	digits[--len] = '\0';
	do {
		unsigned digit = (unsigned)fmodl(number, base);

		digits[--len] = (upper ? "0123456789ABCDEF" : "0123456789abcdef")[digit];
		number = floorl(number / base);
	} while (number > 0 && len > 0);
	buf_str(out, digits + len);
}

static bool put_integer(struct hcl_call *c, struct buf *out, const struct format_verb *verb, long double number)
{
	struct buf digits cleanup_buf = { 0 };
	unsigned base = verb->letter == 'b' ? 2 : verb->letter == 'o' ? 8 : verb->letter == 'd' ? 10 : 16;

	if (number != floorl(number))
		return hcl_refuse(c, verb->arg + 1, "%%%c needs a whole number", verb->letter);
	if (fabsl(number) > 0x1p64L)
		return hcl_refuse(c, verb->arg + 1, "the number is too large for %%%c", verb->letter);
	if (verb->sharp && base == 16)
		buf_str(&digits, verb->letter == 'X' ? "0X" : "0x");
	digits_of(&digits, fabsl(number), base, verb->letter == 'X');
	put_padded(out, verb, sign_of(verb, number), digits.data);
	return true;
}

/* The shortest digits, as Go's big numbers have them: with an exponent from 1e+06 on. */
static void put_shortest(struct buf *out, long double number, bool upper)
{
	char text[64];
	int precision = 0;
	long exponent;

	for (; precision <= LDBL_DECIMAL_DIG; precision++) {
		snprintf(text, sizeof(text), "%.*Le", precision, number);
		if (strtold(text, NULL) == number)
			break;
	}
	exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
	if (number != 0 && (exponent < -4 || exponent >= 6)) {
		if (upper)
			*strchr(text, 'e') = 'E';
		buf_str(out, text);
	} else {
		hcl_number_text(out, number);
	}
}

static void number_text(char *text, size_t size, char letter, int precision, long double number)
{
	if (letter == 'f')
		snprintf(text, size, "%.*Lf", precision, number);
	else if (letter == 'e')
		snprintf(text, size, "%.*Le", precision, number);
	else if (letter == 'E')
		snprintf(text, size, "%.*LE", precision, number);
	else if (letter == 'g')
		snprintf(text, size, "%.*Lg", precision, number);
	else
		snprintf(text, size, "%.*LG", precision, number);
}

static bool put_decimal(struct hcl_call *c, struct buf *out, const struct format_verb *verb, long double number)
{
	struct buf digits cleanup_buf = { 0 };
	int precision = verb->precision < 0 ? 6 : (int)verb->precision;
	char text[512];
	bool general = verb->letter == 'g' || verb->letter == 'G';

	if (verb->precision > 100 || fabsl(number) > 1e300L)
		return hcl_refuse(c, verb->arg + 1, "the number is too large for %%%c", verb->letter);
	number_text(text, sizeof(text), verb->letter, precision, fabsl(number));
	if (general && verb->precision < 0)
		put_shortest(&digits, fabsl(number), verb->letter == 'G');
	else
		buf_str(&digits, text);
	put_padded(out, verb, sign_of(verb, number), digits.data);
	return true;
}

/* cty pads texts with zeros in front, too. */
static void put_padded_text(struct buf *out, const struct format_verb *verb, const char *text)
{
	put_padded(out, verb, "", text);
}

static void put_as_is(struct buf *out, const struct format_verb *verb, const struct hcl_value *value)
{
	struct buf text cleanup_buf = { 0 };

	if (!verb->sharp && value->kind == HCL_STRING) {
		buf_str(&text, value->text);
	} else if (!verb->sharp && value->kind == HCL_NUMBER) {
		if (value->number < 0)
			buf_char(&text, '-');
		put_shortest(&text, fabsl(value->number), false);
	} else {
		hcl_json(&text, value);
	}
	put_padded_text(out, verb, text.data ? text.data : "");
}

static bool put_string(struct hcl_call *c, struct buf *out, const struct format_verb *verb, const struct hcl_value *value)
{
	struct buf text cleanup_buf = { 0 };
	const char *single = hcl_single_text(c->e->heap, value);
	size_t len = 0;

	if (!single)
		return hcl_refuse(c, verb->arg + 1, "%%%c needs a string, but this is %s", verb->letter,
				  hcl_kind_name(value));
	for (long i = 0; single[len] && (verb->precision <= 0 || i < verb->precision); i++)
		for (len++; ((unsigned char)single[len] & 0xc0) == 0x80;)
			len++;
	if (verb->letter == 'q') {
		cleanup_free char *cut = mem_strndup(single, len);

		hcl_json_text(&text, cut);
	} else {
		buf_add(&text, single, len);
	}
	put_padded_text(out, verb, text.data ? text.data : "");
	return true;
}

static bool put_formatted(struct hcl_call *c, struct buf *out, const struct format_verb *verb,
			  const struct hcl_value *value)
{
	struct hcl_place place = value->place.file ? value->place : c->place;
	long double number;
	bool truth;

	if (verb->letter == 'v') {
		put_as_is(out, verb, value);
		return true;
	}
	if (value->kind == HCL_NULL)
		return hcl_refuse(c, verb->arg + 1, "%%%c does not take null", verb->letter);
	if (verb->letter == 't') {
		if (!hcl_to_bool(c->e, value, place, &truth))
			return false;
		buf_str(out, truth ? "true" : "false");
		return true;
	}
	if (verb->letter == 's' || verb->letter == 'q')
		return put_string(c, out, verb, value);
	if (!hcl_to_number(c->e, value, place, &number))
		return false;
	return strchr("bdoxX", verb->letter) ? put_integer(c, out, verb, number) : put_decimal(c, out, verb, number);
}

static bool take_width(struct hcl_call *c, const char **s, long *ret)
{
	char *end;

	*ret = strtol(*s, &end, 10);
	*s = end;
	return *ret <= FORMAT_WIDTH_MAX || hcl_refuse(c, 0, "a width may be %d at most", FORMAT_WIDTH_MAX);
}

/* What is behind a "%"; false after a complaint. */
static bool parse_verb(struct hcl_call *c, const char **s, struct format_verb *verb, size_t *next)
{
	*verb = (struct format_verb){ .width = -1, .precision = -1 };
	for (; **s && strchr(" +-0#", **s); ++*s) {
		verb->space |= **s == ' ';
		verb->plus |= **s == '+';
		verb->minus |= **s == '-';
		verb->zero |= **s == '0';
		verb->sharp |= **s == '#';
	}
	if (**s >= '1' && **s <= '9' && !take_width(c, s, &verb->width))
		return false;
	if (**s == '.') {
		++*s;
		if (**s < '0' || **s > '9')
			return hcl_refuse(c, 0, "a number is missing behind the point of a verb");
		if (!take_width(c, s, &verb->precision))
			return false;
	}
	if (**s == '[') {
		long index;

		++*s;
		if (!take_width(c, s, &index) || index < 1 || **s != ']')
			return hcl_refuse(c, 0, "\"[\" in a verb needs the number of an argument, from 1");
		++*s;
		*next = (size_t)index - 1;
	}
	verb->letter = **s;
	if (!verb->letter || !strchr("vtbdoxXeEfgGsq", verb->letter))
		return hcl_refuse(c, 0, "there is no verb \"%%%.1s\"", *s);
	++*s;
	verb->arg = (*next)++;
	return true;
}

/* The format with values in it; NULL after a complaint. */
static const struct hcl_value *format_values(struct hcl_call *c, const struct hcl_value *const *values, size_t len)
{
	struct buf out cleanup_buf = { 0 };
	size_t next = 0, most = 0;

	for (const char *s = c->args[0]->text; *s;) {
		struct format_verb verb;

		if (*s != '%' || s[1] == '%') {
			buf_char(&out, *s);
			s += *s == '%' ? 2 : 1;
			continue;
		}
		s++;
		if (!parse_verb(c, &s, &verb, &next))
			return NULL;
		if (verb.arg >= len)
			return hcl_refuse(c, 0, "a verb asks for value %zu, and there are %zu", verb.arg + 1, len);
		if (!put_formatted(c, &out, &verb, values[verb.arg]))
			return NULL;
		if (out.len > HCL_TEXT_MAX)
			return hcl_refuse(c, 0, "the text is longer than %u MiB", HCL_TEXT_MAX >> 20);
		most = next > most ? next : most;
	}
	if (most < len)
		return hcl_refuse(c, most + 1, "the format takes %zu values, and there are %zu", most, len);
	return hcl_string_take(c->e->heap, &out);
}

static const struct hcl_value *fn_format(struct hcl_call *c)
{
	return format_values(c, c->args + 1, c->len - 1);
}

static const struct hcl_value *fn_formatlist(struct hcl_call *c)
{
	const struct hcl_value **row = arena_array(c->e->heap->arena, c->len, sizeof(*row)), **items;
	size_t len = SIZE_MAX;

	for (size_t i = 1; i < c->len; i++) {
		if (!hcl_is_sequence(c->args[i]))
			continue;
		if (len != SIZE_MAX && c->args[i]->len != len)
			return hcl_refuse(c, i, "the lists have different lengths");
		len = c->args[i]->len;
	}
	len = len == SIZE_MAX ? 1 : len;
	items = arena_array(c->e->heap->arena, len, sizeof(*items));
	for (size_t j = 0; j < len; j++) {
		for (size_t i = 1; i < c->len; i++)
			row[i - 1] = hcl_is_sequence(c->args[i]) ? c->args[i]->items[j] : c->args[i];
		items[j] = format_values(c, row, c->len - 1);
		if (!items[j])
			return NULL;
	}
	return hcl_sequence(c->e->heap, HCL_LIST, items, len);
}

const struct hcl_function_row hcl_format_functions[] = {
	{ "format", fn_format, "s?." },
	{ "formatlist", fn_formatlist, "s?." },
	{ 0 },
};
