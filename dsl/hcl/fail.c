#include "config.h"

#include <stdarg.h>

#include "base/diag.h"
#include "base/mem.h"
#include "dsl/hcl/evaluate.h"

struct pos hcl_pos(const struct hcl_eval *e, struct hcl_place place)
{
	return place.file ? diags_pos_at(e->diags, place.file, place.at) : (struct pos){ 0 };
}

void *hcl_fail(struct hcl_eval *e, struct hcl_place place, const char *hint, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list args;

	if (e->quiet)
		return NULL;
	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	diags_add(e->diags, hcl_pos(e, place), hint, "%s", text);
	return NULL;
}
