#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cmd/commands.h"
#include "cli/convert/import_bake.h"
#include "cli/convert/emit.h"
#include "cli/options.h"
#include "cli/output.h"

int cmd_import(const struct options *options, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	struct json *document;

	if (options->targets_len == 0)
		return error_make(err, ERROR_USAGE, "`cbuild import` takes bake files, or - for standard input");
	if (import_bake((const char *const *)options->targets, &document, err) < 0)
		return -1;
	buf_str(&out, "# Made by `cbuild import` of a bake file. `cbuild help manifest` explains every key.\n\n");
	emit_yaml(&out, document);
	json_free(document);
	return output_file(options->output, out.data, out.len, err);
}
