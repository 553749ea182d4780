#include "config.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cmd/commands.h"
#include "cli/doc/jsonschema.h"
#include "cli/options.h"
#include "cli/output.h"

int cmd_schema(const struct options *options, struct error **err)
{
	cleanup_json struct json *schema = jsonschema_new();
	cleanup_buf struct buf out = { 0 };

	if (options->targets_len > 0)
		return error_make(err, ERROR_USAGE, "`cbuild schema` takes no target");
	json_dump(schema, JSON_INDENT, &out);
	buf_char(&out, '\n');
	return output_data(out.data, out.len, err);
}
