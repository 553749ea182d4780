#include "config.h"

#include <math.h>
#include <stdarg.h>

#include "base/mem.h"
#include "dsl/hcl/evaluate.h"
#include "dsl/hcl/functions.h"

void *hcl_refuse(struct hcl_call *c, size_t i, const char *fmt, ...)
{
	struct hcl_place place = i < c->len && c->args[i]->place.file ? c->args[i]->place : c->place;
	cleanup_free char *text = NULL;
	va_list args;

	va_start(args, fmt);
	text = mem_vprintf(fmt, args);
	va_end(args);
	return hcl_fail(c->e, place, NULL, "%s(): %s", c->name, text);
}

bool hcl_whole(struct hcl_call *c, size_t i, long low, long high, long *ret)
{
	long double number = c->args[i]->number;

	if (number != floorl(number))
		return hcl_refuse(c, i, "a whole number is needed");
	if (number < (long double)low || number > (long double)high)
		return hcl_refuse(c, i, "a number from %ld to %ld is needed", low, high);
	*ret = (long)number;
	return true;
}
