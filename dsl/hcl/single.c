#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dsl/hcl/coerce.h"
#include "dsl/hcl/evaluate.h"

const char *hcl_single_text(struct hcl_heap *heap, const struct hcl_value *value)
{
	struct buf text cleanup_buf = { 0 };

	if (value->kind == HCL_STRING)
		return value->text;
	if (value->kind == HCL_BOOL)
		return value->truth ? "true" : "false";
	if (value->kind != HCL_NUMBER)
		return NULL;
	hcl_number_text(&text, value->number);
	hcl_heap_spend(heap, text.len);
	return arena_strdup(heap->arena, text.data);
}

const char *hcl_to_text(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place)
{
	const char *text = hcl_single_text(e->heap, value);

	if (!text)
		hcl_fail(e, place, NULL, "a string is needed here, but this is %s", hcl_kind_name(value));
	return text;
}

bool hcl_to_number(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place, long double *ret)
{
	if (value->kind == HCL_NUMBER) {
		*ret = value->number;
		return true;
	}
	if (value->kind == HCL_STRING && hcl_number_parse(value->text, ret))
		return true;
	if (value->kind == HCL_STRING)
		return hcl_fail(e, place, NULL, "a number is needed here, and \"%s\" is not one", value->text);
	return hcl_fail(e, place, NULL, "a number is needed here, but this is %s", hcl_kind_name(value));
}

bool hcl_to_bool(struct hcl_eval *e, const struct hcl_value *value, struct hcl_place place, bool *ret)
{
	if (value->kind == HCL_BOOL) {
		*ret = value->truth;
		return true;
	}
	if (value->kind == HCL_STRING) {
		*ret = !strcmp(value->text, "true") || !strcmp(value->text, "1");
		if (*ret || !strcmp(value->text, "false") || !strcmp(value->text, "0"))
			return true;
		return hcl_fail(e, place, NULL, "true or false is needed here, and \"%s\" is neither", value->text);
	}
	return hcl_fail(e, place, NULL, "true or false is needed here, but this is %s", hcl_kind_name(value));
}
