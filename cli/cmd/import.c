#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "cli/cmd/commands.h"
#include "cli/convert/bake.h"
#include "cli/convert/emit.h"
#include "cli/options.h"
#include "cli/output.h"

#define BAKE_MAX (10 * 1024 * 1024)

static int read_bake(const char *path, struct json **ret, struct error **err)
{
	bool standard_input = strcmp(path, "-") == 0;
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;

	if (fs_read(standard_input ? "/dev/stdin" : path, BAKE_MAX, &text, &error) < 0) {
		error->cls = ERROR_USAGE;
		return error_move(err, &error);
	}
	return bake_read(text.data ? text.data : "", text.len, standard_input ? "standard input" : path, ret, err);
}

int cmd_import(const struct options *options, struct error **err)
{
	cleanup_buf struct buf out = { 0 };
	struct json *document;

	if (options->targets_len != 1)
		return error_make(err, ERROR_USAGE,
				  "`cbuild import` takes one bake file in JSON, or - for standard input");
	if (read_bake(options->targets[0], &document, err) < 0)
		return -1;
	buf_str(&out, "# Made by `cbuild import` of a bake file. `cbuild help manifest` explains every key.\n\n");
	emit_yaml(&out, document);
	json_free(document);
	return output_file(options->output, out.data, out.len, err);
}
