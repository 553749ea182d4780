#include "config.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
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

void csv_add_output(const struct build_job *job, const char *dest, struct buf *out)
{
	cleanup_free char *field = mem_printf("dest=%s", dest);

	csv_add(out, "type=oci");
	csv_add(out, field);
	/* A base's layers end up in what is built on it: compressed, but quickly. */
	if (job->keep)
		csv_add(out, "compression-level=1");
	if (job->has_epoch)
		csv_add(out, "rewrite-timestamp=true");
}
