#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cbuild_version.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/redact.h"
#include "base/text.h"
#include "base/thread.h"
#include "cli/cmd/doctor_report.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/sources.h"
#include "dsl/manifest.h"
#include "engine/state/state.h"

#define FILE_MAX_BYTES (64u << 20) /* of a log or trace */
#define SECRET_MAX (64u << 10)     /* bytes of a file with a secret */
#define RELEASE_MAX (64u << 10)
#define LOG_LINES 40
#define TRACE_LINES 100

extern char **environ;

struct bug_report {
	const struct options *options;
	struct redactor *redactor;
	struct buf *out;
};

static void bug_report_title(struct bug_report *report, const char *title)
{
	buf_printf(report->out, "\n## %s\n", title);
}

static void bug_report_text(struct bug_report *report, const char *text)
{
	cleanup_buf struct buf hidden = { 0 };

	redactor_text(report->redactor, text, false, &hidden);
	text_safe_lines(report->out, hidden.data ? hidden.data : "", hidden.len);
}

static void bug_report_line(struct bug_report *report, const char *name, const char *text)
{
	buf_printf(report->out, "%s: ", name);
	bug_report_text(report, text);
	buf_char(report->out, '\n');
}

/* The offset of the last `lines` lines of a text. */
static const char *report_last_lines(const struct buf *text, size_t lines)
{
	size_t at = text->len;

	while (at > 0 && (text->data[at - 1] != '\n' || at == text->len || --lines > 0))
		at--;
	return text->data ? text->data + at : "";
}

static void report_file(struct bug_report *report, const char *path, size_t lines)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;

	if (fs_read(path, FILE_MAX_BYTES, &text, &error) < 0)
		bug_report_text(report, error->message);
	else
		bug_report_text(report, report_last_lines(&text, lines));
	if (report->out->data[report->out->len - 1] != '\n')
		buf_char(report->out, '\n');
}

static void report_release(struct bug_report *report)
{
	cleanup_buf struct buf text = { 0 };
	const char *at;

	if (fs_read("/etc/os-release", RELEASE_MAX, &text, NULL) < 0)
		return;
	at = text.data ? strstr(text.data, "PRETTY_NAME=") : NULL;
	if (at) {
		cleanup_free char *name = mem_strndup(at + 12, strcspn(at + 12, "\n"));

		bug_report_line(report, "system", name);
	}
}

static void report_versions(struct bug_report *report)
{
	static const char *const opened[] = { CBUILD_LIBCRYPTO,  CBUILD_LIBSSL,  CBUILD_LIBPCRE2,   CBUILD_LIBGIT2,
					      CBUILD_LIBARCHIVE, CBUILD_LIBCURL, CBUILD_LIBNGHTTP2, CBUILD_LIBPROTOBUF_C };
	const struct module_symbol none = { 0 };
	struct utsname name;

	buf_printf(report->out, "cbuild: %s, compiled by %s\n", cbuild_version, __VERSION__);
	if (uname(&name) == 0)
		buf_printf(report->out, "kernel: %s %s %s\n", name.sysname, name.release, name.machine);
	report_release(report);
	buf_printf(report->out, "processors: %zu, user: %s, container: %s\n", thread_processors(),
		   geteuid() == 0 ? "root" : "not root",
		   fs_exists("/.dockerenv") || fs_exists("/run/.containerenv") ? "yes" : "not known");
	for (size_t i = 0; i < sizeof(opened) / sizeof(opened[0]); i++) {
		cleanup_error struct error *error = NULL;

		bug_report_line(report, opened[i], module_open(opened[i], &none, &error) == 0 ? "there" : error->message);
	}
}

/* Variables that cbuild, or a tool that it runs, reads. */
static bool is_setting(const char *variable)
{
	static const char *const starts[] = { "BUILDAH_",
					      "BUILDKIT_",
					      "BUILDX_",
					      "BUILD_PLATFORMS=",
					      "CBUILD_",
					      "CI=",
					      "COMPOSE_",
					      "CONTAINERD_",
					      "CONTAINERS_",
					      "DOCKER_",
					      "GITHUB_ACTIONS=",
					      "HTTP_PROXY=",
					      "HTTPS_PROXY=",
					      "NO_PROXY=",
					      "http_proxy=",
					      "https_proxy=",
					      "no_proxy=",
					      "MAKEFLAGS=",
					      "SOURCE_DATE_EPOCH=",
					      "SSL_CERT_",
					      "STORAGE_",
					      "TERM=",
					      "TMPDIR=",
					      "XDG_RUNTIME_DIR=" };

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (strncmp(variable, starts[i], strlen(starts[i])) == 0)
			return true;
	return false;
}

static void report_settings(struct bug_report *report)
{
	bug_report_title(report, "settings");
	for (char **variable = environ; *variable; variable++) {
		cleanup_buf struct buf line = { 0 };

		if (!is_setting(*variable))
			continue;
		redactor_text(report->redactor, *variable, true, &line);
		text_safe(report->out, line.data, line.len);
		buf_char(report->out, '\n');
	}
}

/* The secrets of the manifest's builds: their logs may show them. */
static void learn_secrets(struct bug_report *report, const struct build_spec *build)
{
	for (size_t i = 0; i < build->secrets_len; i++) {
		const struct build_secret *secret = &build->secrets[i];
		cleanup_buf struct buf text = { 0 };

		if (secret->value)
			redactor_add(report->redactor, secret->value);
		if (!secret->file.s || fs_read(secret->file.s, SECRET_MAX, &text, NULL) < 0 || !text.data)
			continue;
		for (char *rest = text.data, *line = strsep(&rest, "\r\n"); line; line = strsep(&rest, "\r\n"))
			redactor_add(report->redactor, line);
	}
}

static void learn_pairs(struct bug_report *report, const struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->len; i++)
		if (pairs->items[i].value.s && redact_is_secret(pairs->items[i].key.s))
			redactor_add(report->redactor, pairs->items[i].value.s);
}

static void learn_manifest(struct bug_report *report, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->services_len; i++) {
		const struct service *service = &manifest->services[i];

		learn_secrets(report, &service->build);
		learn_pairs(report, &service->build.args);
		learn_pairs(report, &service->environment);
		for (size_t j = 0; j < service->file_environment.len; j++)
			if (service->file_environment.items[j].value.s)
				redactor_add(report->redactor, service->file_environment.items[j].value.s);
	}
}

static int report_failures(struct bug_report *report, struct state *state, int64_t run, struct error **err)
{
	struct run_step *steps;
	size_t len;

	if (state_steps(state, run, &steps, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (strcmp(steps[i].outcome, STATE_FAILED) != 0)
			continue;
		bug_report_line(report, "failed", steps[i].node);
		if (steps[i].log)
			report_file(report, steps[i].log, LOG_LINES);
	}
	steps_free(steps, len);
	return 0;
}

static int report_last_run(struct bug_report *report, struct state *state, struct error **err)
{
	struct run_info *runs;
	size_t len;
	int r = 0;

	if (state_runs(state, 0, 1, &runs, &len, err) < 0)
		return -1;
	if (len == 0)
		buf_str(report->out, "none yet\n");
	for (size_t i = 0; r == 0 && i < len; i++) {
		bug_report_line(report, "command", runs[i].command ? runs[i].command : "");
		buf_printf(report->out, "status: %d, nodes: %lld, done: %lld, failed: %lld\n", runs[i].status,
			   (long long)runs[i].nodes, (long long)runs[i].done, (long long)runs[i].failed);
		r = report_failures(report, state, runs[i].id, err);
	}
	runs_free(runs, len);
	return r;
}

/* Complaints about a manifest are left out: they quote its lines. */
static void report_project(struct bug_report *report)
{
	struct options silent = *report->options;
	struct error *error = NULL;
	struct session session;

	silent.silent = true;
	bug_report_title(report, "last run");
	if (!sources_exist(&silent)) {
		buf_str(report->out, "there is no manifest here\n");
		return;
	}
	if (session_open(&session, &silent, &error) == 0) {
		learn_manifest(report, session.manifest);
		buf_printf(report->out, "services: %zu\n", session.manifest->services_len);
		report_last_run(report, session.state, &error);
	} else if (!error) {
		buf_str(report->out, "the manifest is not valid: `cbuild list` says why\n");
	}
	session_close(&session);
	if (error)
		bug_report_line(report, "error", error->message);
	error_free(error);
}

static void report_trace(struct bug_report *report)
{
	const char *path = getenv("CBUILD_TRACE");

	bug_report_title(report, "trace");
	if (path && *path && strcmp(path, "0") != 0 && strcmp(path, "1") != 0)
		report_file(report, path, TRACE_LINES);
	else
		buf_str(report->out, "none: run it again with CBUILD_TRACE=FILE, then this with the same\n");
}

void doctor_report(const struct options *options, const char *tools, struct buf *out)
{
	struct bug_report report = {
		.options = options,
		.redactor = redactor_new((const char *const *)environ),
		.out = out,
	};

	report_versions(&report);
	bug_report_title(&report, "tools");
	bug_report_text(&report, tools);
	report_settings(&report);
	report_project(&report);
	report_trace(&report);
	redactor_free(report.redactor);
}
