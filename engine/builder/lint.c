#include "config.h"

#include "engine/builder/lint.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/solve_attrs.h"
#include "engine/buildkit/ask.h"
#include "engine/buildkit/login.h"
#include "engine/buildkit/control.h"
#include "engine/buildkit/filesync.h"
#include "engine/buildkit/buildkit_session.h"

#define LINT_MS 120000 /* a foreign frontend is an image that must be pulled */

static unsigned lint_line(const struct json *finding, const char *which)
{
	const struct json *range = json_at(json_get(json_get(finding, "location"), "ranges"), 0);
	int64_t line = json_int(json_get(range, which), "line");

	return line > 0 && line <= INT_MAX ? (unsigned)line : 0;
}

static void tell_finding(const struct json *json, const char *text, builder_found *found, void *data)
{
	const struct builder_finding finding = {
		.rule = json_str(json, "ruleName"),
		.text = text,
		.url = json_str(json, "url"),
		.line = lint_line(json, "start"),
		.last_line = lint_line(json, "end"),
	};

	found(data, &finding);
}

int lint_read(const char *text, size_t len, builder_found *found, void *data, struct error **err)
{
	cleanup_json struct json *answer = NULL;
	const struct json *warnings, *failure;

	if (json_parse(text, len, "BuildKit's answer", &answer, err) < 0)
		return -1;
	warnings = json_get(answer, "warnings");
	for (size_t i = 0; i < json_len(warnings); i++) {
		const struct json *warning = json_at(warnings, i);
		const char *detail = json_str(warning, "detail"), *what = json_str(warning, "description");

		if (detail || what)
			tell_finding(warning, detail ? detail : what, found, data);
	}
	failure = json_get(answer, "buildError");
	if (json_str(failure, "message"))
		tell_finding(failure, json_str(failure, "message"), found, data);
	return 0;
}

/* The folders are empty: their content does not matter here. */
static int ask_in(struct daemon *daemon, struct buildkit_session *session, const struct build_job *job,
		  struct buf *text, struct error **err)
{
	struct arena *arena = arena_new();
	struct control_solve solve = { .ref = NULL };
	struct ask ask = { .session = buildkit_session_id(session),
			   .frontend = "dockerfile.v0",
			   .request = "frontend.lint" };
	int r;

	solve_attrs(arena, job, NULL, &solve);
	ask.attrs = solve.attrs;
	ask.attrs_len = solve.attrs_len;
	r = ask_frontend(daemon, &ask, LINT_MS, text, err);
	arena_free(arena);
	return r;
}

int lint_check(struct logins *logins, struct daemon *daemon, const struct build_job *job, builder_found *found,
	       void *data, struct error **err)
{
	const struct hash128 digest = hash_bytes(job->text, job->text_len);
	struct filesync_entry entry = {
		.path = path_base(job->dockerfile),
		.mode = S_IFREG | 0644,
		.size = job->text_len,
		.mtime = (int64_t)(digest.lo >> 2),
		.data = job->text,
		.digest = digest,
	};
	struct arena *arena = arena_new();
	struct filesync_folder *folders = arena_array(arena, job->contexts_len + 2, sizeof(*folders));
	struct filesync *filesync = filesync_new(folders, job->contexts_len + 2);
	const struct grpc_method methods[] = { filesync_method(filesync), login_method(logins) };
	/* The text's time encodes its content, so all texts may share one key. */
	const struct buildkit_session_spec spec = { "check", "cbuild-check", methods, 2 };
	struct buildkit_session *session = NULL;
	cleanup_buf struct buf text = { 0 };
	int r;

	folders[0] = (struct filesync_folder){ .name = "dockerfile", .entries = &entry, .len = 1 };
	folders[1] = (struct filesync_folder){ .name = "context" };
	for (size_t i = 0; i < job->contexts_len; i++)
		folders[i + 2] = (struct filesync_folder){ .name = arena_printf(arena, SOLVE_FOLDER, i) };
	r = buildkit_session_open(daemon, &spec, &session, err);

	if (r == 0)
		r = ask_in(daemon, session, job, &text, err);
	buildkit_session_free(session);
	filesync_free(filesync);
	arena_free(arena);
	return r < 0 ? -1 : lint_read(text.data, text.len, found, data, err);
}
