#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "engine/builder/csv.h"

void csv_add(struct buf *out, const char *field)
{
	bool quoted = strpbrk(field, ",\"\n") != NULL;

	if (out->len > 0)
		buf_char(out, ',');
	if (quoted)
		buf_char(out, '"');
	for (; *field; field++) {
		if (*field == '"')
			buf_char(out, '"');
		buf_char(out, *field);
	}
	if (quoted)
		buf_char(out, '"');
}
