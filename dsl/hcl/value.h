#ifndef DSL_HCL_VALUE_H
#define DSL_HCL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

/* The values of HCL's expressions, with cty's kinds. A value never changes; it lives in the heap's arena. */

#define HCL_HEAP_MAX (64u * 1024 * 1024) /* bytes that all values of a load may take */
#define HCL_TEXT_MAX (4u * 1024 * 1024)  /* bytes of one text */

enum hcl_kind {
	HCL_NULL,
	HCL_BOOL,
	HCL_NUMBER,
	HCL_STRING,
	HCL_TUPLE,
	HCL_LIST,
	HCL_SET,
	HCL_OBJECT,
	HCL_MAP,
	HCL_KINDS
};

/* Where something stands: byte `at` of the source `file` (base/diag.h); file 0: nowhere. */
struct hcl_place {
	uint32_t file, at;
};

struct hcl_value {
	enum hcl_kind kind;
	struct hcl_place place; /* where it was written */
	size_t len;             /* of items */
	union {
		bool truth;
		long double number;
		const char *text;
		struct {
			const struct hcl_value *const *items;
			const char *const *keys; /* of HCL_OBJECT and HCL_MAP: sorted, as many as items */
		};
	};
};

struct hcl_heap {
	struct arena *arena;
	size_t left; /* bytes; 0: spent, and every evaluation fails */
};

/* Counts `bytes` as used. False when there are no more. */
bool hcl_heap_spend(struct hcl_heap *heap, size_t bytes);

const struct hcl_value *hcl_null(void);
const struct hcl_value *hcl_bool(bool truth);
const struct hcl_value *hcl_number(struct hcl_heap *heap, long double number);
const struct hcl_value *hcl_text(struct hcl_heap *heap, const char *text, size_t len);
const struct hcl_value *hcl_string(struct hcl_heap *heap, const char *text);
/* Takes the bytes of `text`, and empties it. */
const struct hcl_value *hcl_string_take(struct hcl_heap *heap, struct buf *text);
/* HCL_TUPLE, HCL_LIST, and HCL_SET (sorted, each value once). The array is copied. */
const struct hcl_value *hcl_sequence(struct hcl_heap *heap, enum hcl_kind kind, const struct hcl_value *const *items,
				     size_t len);
/* HCL_OBJECT and HCL_MAP. The arrays are copied; the last of equal keys wins. */
const struct hcl_value *hcl_mapping(struct hcl_heap *heap, enum hcl_kind kind, const char *const *keys,
				    const struct hcl_value *const *items, size_t len);
/* The same value, written elsewhere. */
const struct hcl_value *hcl_placed(struct hcl_heap *heap, const struct hcl_value *value, struct hcl_place place);

bool hcl_is_sequence(const struct hcl_value *value);
bool hcl_is_mapping(const struct hcl_value *value);
bool hcl_is_single(const struct hcl_value *value); /* neither of both, and not null */
/* The item of a mapping, or NULL. */
const struct hcl_value *hcl_get(const struct hcl_value *mapping, const char *key);
bool hcl_equal(const struct hcl_value *a, const struct hcl_value *b);
/* The order of a set's values. */
int hcl_compare(const struct hcl_value *a, const struct hcl_value *b);
/* "a string", "a list": for complaints. */
const char *hcl_kind_name(const struct hcl_value *value);

/* The shortest decimal digits that give the number again; no exponent. */
void hcl_number_text(struct buf *out, long double number);
bool hcl_number_parse(const char *text, long double *ret);
void hcl_json(struct buf *out, const struct hcl_value *value);
void hcl_json_text(struct buf *out, const char *text);
/* Appends a character as UTF-8. */
void hcl_put_rune(struct buf *out, uint32_t rune);
/* A letter or digit of ASCII, or "_". */
bool hcl_word_rune(uint32_t rune);

#endif
