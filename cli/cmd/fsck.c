#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "engine/exec/tidy.h"

struct fsck_findings {
	struct buf text;
	struct json *list;
	size_t len;
};

static void add_trouble(void *data, const char *what, const char *why)
{
	struct fsck_findings *findings = data;
	struct json *problem = json_new_object();

	json_set(problem, "what", json_new_string(what));
	json_set(problem, "why", json_new_string(why));
	json_append(findings->list, problem);

	text_safe(&findings->text, what, strlen(what));
	buf_str(&findings->text, ": ");
	text_safe(&findings->text, why, strlen(why));
	buf_char(&findings->text, '\n');
	findings->len++;
}

static int print_findings(struct fsck_findings *findings, size_t blobs, uint64_t bytes, struct error **err)
{
	buf_printf(&findings->text, "%zu blobs of ", blobs);
	text_size(&findings->text, bytes);
	if (findings->len)
		buf_printf(&findings->text, " read, %zu problems: what is missing is made again when it is needed\n",
			   findings->len);
	else
		buf_str(&findings->text, " read, all is well\n");
	return output_data(findings->text.data, findings->text.len, err);
}

static int fsck_check(struct session *session, struct error **err)
{
	struct fsck_findings findings = { .list = json_new_array() };
	cleanup_json struct json *document = json_new_object();
	uint64_t bytes = 0;
	size_t blobs = 0;
	int r = session_alone(session, err);

	json_set_int(document, "version", 1);
	json_set(document, "problems", findings.list);
	if (session->mended)
		add_trouble(&findings, "oci-layout or index.json", "was damaged; rebuilt");
	if (r == 0)
		r = tidy_check(session->layout, session->state, add_trouble, &findings, &blobs, &bytes, err);
	json_set_int(document, "blobs", (int64_t)blobs);
	json_set_int(document, "bytes", (int64_t)bytes);
	if (r == 0)
		r = strcmp(session->options->format, "json") == 0 ? output_json(document, err)
								  : print_findings(&findings, blobs, bytes, err);
	buf_free(&findings.text);
	return r < 0 ? -1 : findings.len ? ERROR_STATE : 0;
}

int cmd_fsck(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (options->targets_len > 0)
		return error_make(err, ERROR_USAGE, "`cbuild fsck` takes no target: it checks the whole store");
	r = session_open(&session, options, err);
	if (r == 0)
		r = fsck_check(&session, err);
	session_close(&session);
	return r;
}
