#include "config.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/hcl/value.h"

bool hcl_heap_spend(struct hcl_heap *heap, size_t bytes)
{
	heap->left = bytes < heap->left ? heap->left - bytes : 0;
	return heap->left > 0;
}

static struct hcl_value *value_new(struct hcl_heap *heap, enum hcl_kind kind)
{
	struct hcl_value *value = arena_alloc(heap->arena, sizeof(*value));

	hcl_heap_spend(heap, sizeof(*value));
	value->kind = kind;
	return value;
}

const struct hcl_value *hcl_null(void)
{
	static const struct hcl_value null = { .kind = HCL_NULL };

	return &null;
}

const struct hcl_value *hcl_bool(bool truth)
{
	static const struct hcl_value truths[] = { { .kind = HCL_BOOL, .truth = false },
						   { .kind = HCL_BOOL, .truth = true } };

	return &truths[truth];
}

const struct hcl_value *hcl_number(struct hcl_heap *heap, long double number)
{
	struct hcl_value *value = value_new(heap, HCL_NUMBER);

	value->number = number;
	return value;
}

const struct hcl_value *hcl_text(struct hcl_heap *heap, const char *text, size_t len)
{
	struct hcl_value *value = value_new(heap, HCL_STRING);

	hcl_heap_spend(heap, len);
	value->text = arena_strndup(heap->arena, text, len);
	return value;
}

const struct hcl_value *hcl_string(struct hcl_heap *heap, const char *text)
{
	return hcl_text(heap, text, strlen(text));
}

const struct hcl_value *hcl_string_take(struct hcl_heap *heap, struct buf *text)
{
	const struct hcl_value *value = hcl_text(heap, text->data ? text->data : "", text->len);

	buf_free(text);
	return value;
}

static int compare_set_items(const void *a, const void *b)
{
	return hcl_compare(*(const struct hcl_value *const *)a, *(const struct hcl_value *const *)b);
}

const struct hcl_value *hcl_sequence(struct hcl_heap *heap, enum hcl_kind kind, const struct hcl_value *const *items,
				     size_t len)
{
	struct hcl_value *value = value_new(heap, kind);
	const struct hcl_value **copy = arena_array(heap->arena, len, sizeof(*copy));

	hcl_heap_spend(heap, len * sizeof(*copy));
	if (len)
		memcpy(copy, items, len * sizeof(*copy));
	if (kind == HCL_SET && len) {
		size_t kept = 1;

		qsort(copy, len, sizeof(*copy), compare_set_items);
		for (size_t i = 1; i < len; i++)
			if (hcl_compare(copy[kept - 1], copy[i]) != 0)
				copy[kept++] = copy[i];
		len = kept;
	}
	value->items = copy;
	value->len = len;
	return value;
}

struct keyed {
	const char *key;
	const struct hcl_value *item;
	size_t order;
};

static int compare_keyed(const void *a, const void *b)
{
	const struct keyed *one = a, *other = b;
	int order = strcmp(one->key, other->key);

	return order ? order : one->order < other->order ? -1 : 1;
}

const struct hcl_value *hcl_mapping(struct hcl_heap *heap, enum hcl_kind kind, const char *const *keys,
				    const struct hcl_value *const *items, size_t len)
{
	struct hcl_value *value = value_new(heap, kind);
	struct keyed *sorted = mem_array(len + 1, sizeof(*sorted));
	const struct hcl_value **copy = arena_array(heap->arena, len, sizeof(*copy));
	const char **names = arena_array(heap->arena, len, sizeof(*names));

	hcl_heap_spend(heap, len * (sizeof(*copy) + sizeof(*names)));
	for (size_t i = 0; i < len; i++)
		sorted[i] = (struct keyed){ keys[i], items[i], i };
	qsort(sorted, len, sizeof(*sorted), compare_keyed);
	for (size_t i = 0; i < len; i++) {
		if (i + 1 < len && !strcmp(sorted[i].key, sorted[i + 1].key))
			continue;
		names[value->len] = sorted[i].key;
		copy[value->len++] = sorted[i].item;
	}
	free(sorted);
	value->items = copy;
	value->keys = names;
	return value;
}

const struct hcl_value *hcl_placed(struct hcl_heap *heap, const struct hcl_value *value, struct hcl_place place)
{
	struct hcl_value *copy = value_new(heap, value->kind);

	*copy = *value;
	copy->place = place;
	return copy;
}

bool hcl_is_sequence(const struct hcl_value *value)
{
	return value->kind == HCL_TUPLE || value->kind == HCL_LIST || value->kind == HCL_SET;
}

bool hcl_is_mapping(const struct hcl_value *value)
{
	return value->kind == HCL_OBJECT || value->kind == HCL_MAP;
}

bool hcl_is_single(const struct hcl_value *value)
{
	return value->kind == HCL_BOOL || value->kind == HCL_NUMBER || value->kind == HCL_STRING;
}

const struct hcl_value *hcl_get(const struct hcl_value *mapping, const char *key)
{
	size_t low = 0, high = mapping->len;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(mapping->keys[middle], key);

		if (!order)
			return mapping->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

int hcl_compare(const struct hcl_value *a, const struct hcl_value *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	switch (a->kind) {
	case HCL_NULL:
	case HCL_KINDS:
		return 0;
	case HCL_BOOL:
		return (int)a->truth - (int)b->truth;
	case HCL_NUMBER:
		return a->number < b->number ? -1 : a->number > b->number;
	case HCL_STRING:
		return strcmp(a->text, b->text);
	case HCL_TUPLE:
	case HCL_LIST:
	case HCL_SET:
	case HCL_OBJECT:
	case HCL_MAP:
		break;
	}
	for (size_t i = 0; i < a->len && i < b->len; i++) {
		int order = hcl_is_mapping(a) ? strcmp(a->keys[i], b->keys[i]) : 0;

		if (!order)
			order = hcl_compare(a->items[i], b->items[i]);
		if (order)
			return order;
	}
	return a->len < b->len ? -1 : a->len > b->len;
}

bool hcl_equal(const struct hcl_value *a, const struct hcl_value *b)
{
	return hcl_compare(a, b) == 0;
}

const char *hcl_kind_name(const struct hcl_value *value)
{
	static const char *const names[] = { "null",   "a bool", "a number",  "a string", "a list",
					     "a list", "a set",  "an object", "a map" };
	TABLE_COMPLETE(names, HCL_KINDS);

	return names[value->kind];
}

/* "d.ddde+x" without its exponent. */
static void unfold_exponent(struct buf *out, const char *digits)
{
	const char *e = strchr(digits, 'e');
	long exponent = strtol(e + 1, NULL, 10);
	char all[64];
	size_t len = 0;

	if (*digits == '-') {
		buf_char(out, '-');
		digits++;
	}
	for (const char *c = digits; c < e; c++)
		if (*c != '.')
			all[len++] = *c;
	while (len > 1 && all[len - 1] == '0')
		len--;
	if (exponent < 0) {
		buf_str(out, "0.");
		for (long i = -1; i > exponent; i--)
			buf_char(out, '0');
		buf_add(out, all, len);
		return;
	}
	for (size_t i = 0; i < len || i <= (size_t)exponent; i++) {
		if (i == (size_t)exponent + 1)
			buf_char(out, '.');
		buf_char(out, i < len ? all[i] : '0');
	}
}

void hcl_number_text(struct buf *out, long double number)
{
	char digits[64];

	if (number == 0) {
		buf_char(out, '0');
		return;
	}
	for (int precision = 0; precision <= LDBL_DECIMAL_DIG; precision++) {
		snprintf(digits, sizeof(digits), "%.*Le", precision, number);
		if (strtold(digits, NULL) == number)
			break;
	}
	unfold_exponent(out, digits);
}

bool hcl_number_parse(const char *text, long double *ret)
{
	const char *c = text + (*text == '-' || *text == '+');
	size_t whole = strspn(c, "0123456789"), part = 0;
	char *end;

	c += whole;
	if (*c == '.') {
		part = strspn(c + 1, "0123456789");
		c += part + 1;
	}
	if (!whole && !part)
		return false;
	if (*c == 'e' || *c == 'E') {
		c += 1 + (c[1] == '-' || c[1] == '+');
		part = strspn(c, "0123456789");
		if (!part || part > 4)
			return false;
		c += part;
	}
	*ret = strtold(text, &end);
	return !*c && end == c && isfinite(*ret);
}

void hcl_json_text(struct buf *out, const char *text)
{
	buf_char(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c == '\n' || c == '\r' || c == '\t')
			buf_printf(out, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
		else if (c < 0x20 || c == '<' || c == '>' || c == '&')
			buf_printf(out, "\\u%04x", c);
		else
			buf_char(out, (char)c);
	}
	buf_char(out, '"');
}

void hcl_json(struct buf *out, const struct hcl_value *value)
{
	bool mapping = hcl_is_mapping(value);

	if (value->kind == HCL_NULL)
		buf_str(out, "null");
	else if (value->kind == HCL_BOOL)
		buf_str(out, value->truth ? "true" : "false");
	else if (value->kind == HCL_NUMBER)
		hcl_number_text(out, value->number);
	else if (value->kind == HCL_STRING)
		hcl_json_text(out, value->text);
	if (!mapping && !hcl_is_sequence(value))
		return;
	buf_char(out, mapping ? '{' : '[');
	for (size_t i = 0; i < value->len && out->len < HCL_TEXT_MAX; i++) {
		buf_str(out, i ? "," : "");
		if (mapping) {
			hcl_json_text(out, value->keys[i]);
			buf_char(out, ':');
		}
		hcl_json(out, value->items[i]);
	}
	buf_char(out, mapping ? '}' : ']');
}

void hcl_put_rune(struct buf *out, uint32_t rune)
{
	if (rune < 0x80) {
		buf_char(out, (char)rune);
		return;
	}
	if (rune < 0x800) {
		buf_char(out, (char)(0xc0 | rune >> 6));
	} else {
		if (rune < 0x10000) {
			buf_char(out, (char)(0xe0 | rune >> 12));
		} else {
			buf_char(out, (char)(0xf0 | rune >> 18));
			buf_char(out, (char)(0x80 | (rune >> 12 & 0x3f)));
		}
		buf_char(out, (char)(0x80 | (rune >> 6 & 0x3f)));
	}
	buf_char(out, (char)(0x80 | (rune & 0x3f)));
}

bool hcl_word_rune(uint32_t rune)
{
	return (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z') || (rune >= '0' && rune <= '9') ||
	       rune == '_';
}
