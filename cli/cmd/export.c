#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/convert/export_values.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "dsl/manifest.h"

static void export_show_notes(const struct buf *notes)
{
	for (const char *line = notes->data; line && *line; line += strcspn(line, "\n") + 1)
		output_note("%.*s", (int)strcspn(line, "\n"), line);
}

static int print_export(struct session *session, struct error **err)
{
	const struct options *options = session->options;
	bool bake = strcmp(options->targets[0], "bake") == 0;
	cleanup_buf struct buf out = { 0 }, notes = { 0 };

	if ((bake ? export_bake : export_compose)(session->plan, &out, &notes, err) < 0)
		return -1;
	export_show_notes(&notes);
	return output_file(options->output, out.data, out.len, err);
}

/* All services, including those with profiles: the file gets the whole manifest. */
static int plan_everything(struct session *session, bool bake, struct error **err)
{
	const struct manifest *manifest = session->manifest;
	cleanup_free const char **names = mem_array(manifest->services_len + 1, sizeof(*names));
	struct session_plan want = { .targets = names, .unpublished = true };
	size_t len = 0;

	for (size_t i = 0; i < manifest->services_len; i++) {
		if (manifest->services[i].has_build)
			names[len++] = manifest->services[i].name.s;
	}
	if (len == 0 && bake)
		return error_make(err, ERROR_USAGE, "no service has a `build:`");
	return session_plan(session, &want, err);
}

int cmd_export(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (options->targets_len != 1 ||
	    (strcmp(options->targets[0], "bake") != 0 && strcmp(options->targets[0], "compose") != 0))
		return error_make(err, ERROR_USAGE, "`cbuild export` takes bake or compose");
	r = session_open(&session, options, err);
	if (r == 0)
		r = plan_everything(&session, strcmp(options->targets[0], "bake") == 0, err);
	if (r == 0)
		r = print_export(&session, err);
	session_close(&session);
	return r;
}
