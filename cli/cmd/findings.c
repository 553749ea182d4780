#include "config.h"

#include "cli/cmd/findings.h"

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "base/diag.h"
#include "base/json.h"
#include "cli/complaints.h"
#include "cli/output.h"

#define FINDINGS_VERSION 1 /* raise it when a field changes its meaning or is removed */

static void finding_json(void *list, const struct diag_view *diag)
{
	json_append(list, complaint_json(diag));
}

static struct json *sarif_message(const struct diag_view *diag)
{
	cleanup_buf struct buf text = { 0 };
	struct json *message = json_new_object();

	buf_str(&text, diag->message);
	if (diag->hint)
		buf_printf(&text, "\nhelp: %s", diag->hint);
	json_set_str(message, "text", text.data);
	return message;
}

static struct json *sarif_location(const struct diag_view *diag)
{
	struct json *location = json_new_object(), *place = json_new_object(), *file = json_new_object(),
		    *region = json_new_object();

	json_set_str(file, "uri", diag->file);
	json_set_int(region, "startLine", diag->line);
	json_set_int(region, "startColumn", diag->column);
	json_set(place, "artifactLocation", file);
	json_set(place, "region", region);
	json_set(location, "physicalLocation", place);
	return location;
}

static void finding_sarif(void *list, const struct diag_view *diag)
{
	struct json *result = json_new_object(), *locations = json_new_array();

	json_set_str(result, "ruleId", diag->rule ? diag->rule : "invalid");
	json_set_str(result, "level", diag->warning ? "warning" : "error");
	json_set(result, "message", sarif_message(diag));
	if (diag->file)
		json_append(locations, sarif_location(diag));
	json_set(result, "locations", locations);
	json_append(list, result);
}

static struct json *sarif_log(struct json *results)
{
	struct json *log = json_new_object(), *runs = json_new_array(), *run = json_new_object(),
		    *tool = json_new_object(), *driver = json_new_object();

	json_set_str(driver, "name", "cbuild");
	json_set_str(driver, "version", cbuild_version);
	json_set(tool, "driver", driver);
	json_set(run, "tool", tool);
	json_set(run, "results", results);
	json_append(runs, run);
	json_set_str(log, "$schema", "https://json.schemastore.org/sarif-2.1.0.json");
	json_set_str(log, "version", "2.1.0");
	json_set(log, "runs", runs);
	return log;
}

int findings_write(struct diags *diags, bool sarif, struct error **err)
{
	struct json *list = json_new_array();
	cleanup_json struct json *document = NULL;

	diags_each(diags, sarif ? finding_sarif : finding_json, list);
	if (sarif) {
		document = sarif_log(list);
	} else {
		document = json_new_object();
		json_set_int(document, "version", FINDINGS_VERSION);
		json_set(document, "findings", list);
	}
	return output_json(document, err);
}
