#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/platform.h"
#include "engine/builder/builder.h"
#include "engine/builder/failure.h"

#define STEP_MAX 100       /* bytes of a step that are shown in the first line */
#define LINE_MAX_SHOWN 240 /* bytes of any other error that are shown */

/* A text that builders print when something other than a step failed. */
struct trouble {
	const char *text;
	enum error_class cls;
	bool transient;
	const char *remedy; /* or NULL */
};

static const struct trouble troubles[] = {
	{ "no space left on device", ERROR_STATE, false, "free some disk space: cbuild clean, podman image prune" },
	{ "permission denied while trying to connect", ERROR_TOOL, false,
	  "add yourself to the group \"docker\" (and log in again), or use --builder=buildah" },
	{ "failed to connect to the docker API", ERROR_TOOL, false,
	  "start it: systemctl start docker; or use --builder=buildah" },
	{ "Cannot connect to the Docker daemon", ERROR_TOOL, false,
	  "start it: systemctl start docker; or use --builder=buildah" },
	{ "OCI exporter is not supported", ERROR_TOOL, false,
	  "turn on docker's containerd image store (\"features\": {\"containerd-snapshotter\": true} in /etc/docker/daemon.json), or make a builder: docker buildx create --use; or use --builder=buildah" },
	{ "Unknown instruction: \"", ERROR_BUILD, false,
	  "if that is the text of a here-document (RUN <<EOF): buildah supports those from 1.33 on; use --builder=docker" },
	/* Another build removed an image while this one listed all of them (containers/buildah #5615). */
	{ "checking if cached image exists from a previous build", ERROR_TOOL, true, NULL },
	/* BuildKit in dockerd: two concurrent exports of shared layers; the other one has removed what this one
	 * needs. */
	{ "failed to stat active key during commit", ERROR_TOOL, true, NULL },
	{ "toomanyrequests", ERROR_REGISTRY, true, "log in to the registry for a higher limit" },
	{ "429 Too Many Requests", ERROR_REGISTRY, true, "log in to the registry for a higher limit" },
	{ "unauthorized", ERROR_REGISTRY, false, "log in to the registry: docker login or podman login" },
	{ "authentication required", ERROR_REGISTRY, false, "log in to the registry: docker login or podman login" },
	{ "pull access denied", ERROR_REGISTRY, false,
	  "check the image's name, and log in to its registry if it needs that" },
	{ "denied:", ERROR_REGISTRY, false, "check the image's name, and log in to its registry if it needs that" },
	{ "digest mismatch sha256:", ERROR_BUILD, false,
	  "the content at the URL differs from services.lock or from --checksum: cbuild lock --update" },
	{ "manifest unknown", ERROR_TOOL, false, "check the base image's name and tag" },
	{ "image not known", ERROR_TOOL, false, "the base image is gone from the builder's storage: run cbuild again" },
	{ "no image found in manifest list", ERROR_TOOL, false, "the base image does not exist for this platform" },
	{ "no match for platform", ERROR_TOOL, false, "the base image does not exist for this platform" },
	{ "code = Unavailable", ERROR_TOOL, true, NULL }, /* the daemon went away, or has not started yet */
	{ "connection reset by peer", ERROR_TOOL, true, NULL },
	{ "connection refused", ERROR_TOOL, true, NULL },
	{ "i/o timeout", ERROR_TOOL, true, NULL },
	{ "TLS handshake timeout", ERROR_TOOL, true, NULL },
	{ "Client.Timeout exceeded", ERROR_TOOL, true, NULL },
	{ "Temporary failure in name resolution", ERROR_TOOL, true, NULL },
	{ "server misbehaving", ERROR_TOOL, true, NULL },
	{ "no such host", ERROR_TOOL, true, "check the registry's name and the network" },
	{ "network is unreachable", ERROR_TOOL, true, NULL },
	{ "unexpected EOF", ERROR_TOOL, true, NULL },
	{ "500 Internal Server Error", ERROR_TOOL, true, NULL },
	{ "502 Bad Gateway", ERROR_TOOL, true, NULL },
	{ "503 Service Unavailable", ERROR_TOOL, true, NULL },
	{ "504 Gateway Time", ERROR_TOOL, true, NULL },
	{ "error reading server preface", ERROR_TOOL, true, NULL },
	{ "closing transport", ERROR_TOOL, true, NULL },
	{ "failed to resolve source metadata", ERROR_TOOL, false, "check the base image's name and tag" },
};

/* The last line that the builder marks as its error, without the mark; or NULL. */
static char *error_line(const char *tail)
{
	static const char *const marks[] = { "Error: ", "ERROR: ", "error: ", "error building" };
	const char *found = NULL;

	for (const char *line = tail; *line; line = line + strcspn(line, "\n"), line += *line == '\n')
		for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++)
			if (strncmp(line, marks[i], strlen(marks[i])) == 0)
				found = line + (marks[i][strlen(marks[i]) - 1] == ' ' ? strlen(marks[i]) : 0);
	return found ? mem_strndup(found, strcspn(found, "\n")) : NULL;
}

static char *shortened(const char *text, size_t len, size_t max)
{
	if (len <= max)
		return mem_strndup(text, len);
	len = max;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	return mem_printf("%.*s...", (int)len, text);
}

/* buildah: building at STEP "RUN go build": while running runtime: exit status 2. Quotes in the step are
 * not escaped. */
static char *buildah_step(const char *line)
{
	static const char mark[] = "building at STEP \"";
	static const char *const ends[] = { "\": while running runtime: ", "\": exit status ", "\": " };
	const char *start = strstr(line, mark), *end = NULL;

	if (!start)
		return NULL;
	start += strlen(mark);
	for (size_t i = 0; !end && i < sizeof(ends) / sizeof(*ends); i++)
		end = strstr(start, ends[i]);
	return shortened(start, end ? (size_t)(end - start) : strlen(start), STEP_MAX);
}

/* BuildKit: a block that begins with " > [build 2/3] RUN go build:", before the error line. */
static char *buildkit_step(const char *tail)
{
	const char *line = strstr(tail, "\n > ["), *start;
	size_t len;

	if (!line)
		return NULL;
	line += strlen("\n > [");
	/* BuildKit's own steps, which are not in the Dockerfile. */
	if (strncmp(line, "internal]", 9) == 0 || strncmp(line, "context ", 8) == 0)
		return NULL;
	len = strcspn(line, "\n");
	start = memchr(line, ']', len);
	if (!start || start[1] != ' ')
		return NULL;
	start += 2;
	len -= (size_t)(start - line);
	while (len > 0 && (start[len - 1] == ':' || start[len - 1] == ' ' || start[len - 1] == '\r'))
		len--;
	return len > 0 ? shortened(start, len, STEP_MAX) : NULL;
}

/* The status of the step's process ("exit status 2", "exit code: 2"), or -1. */
static int step_status(const char *line)
{
	static const char *const marks[] = { "exit status ", "exit code: ", "exited with status " };

	for (size_t i = 0; i < sizeof(marks) / sizeof(*marks); i++) {
		const char *at = strstr(line, marks[i]);

		if (at)
			return atoi(at + strlen(marks[i]));
	}
	return -1;
}

/* The last FAILURE_LINES lines, without a newline at the end. */
static const char *last_lines(const char *tail, size_t *ret_len)
{
	size_t len = strlen(tail), lines = 0;
	const char *start;

	while (len > 0 && tail[len - 1] == '\n')
		len--;
	start = tail + len;
	while (start > tail && (start[-1] != '\n' || ++lines < FAILURE_LINES))
		start--;
	*ret_len = (size_t)(tail + len - start);
	return start;
}

static const struct trouble *find_trouble(const char *line)
{
	for (size_t i = 0; i < sizeof(troubles) / sizeof(*troubles); i++)
		if (strstr(line, troubles[i].text))
			return &troubles[i];
	return NULL;
}

static bool is_foreign(const struct build_job *job, const struct platform *native)
{
	if (strcmp(job->platform.arch, native->arch) != 0)
		return true;
	for (size_t i = 0; i < job->images_len; i++)
		if (strcmp(job->images[i].platform.arch, native->arch) != 0)
			return true;
	return false;
}

static int failure_own_make(enum error_class cls, bool transient, const char *first, const char *tail, struct error **err)
{
	cleanup_error struct error *error = NULL;
	size_t len;
	const char *lines = last_lines(tail, &len);

	if (len > 0)
		error_make(&error, cls, "%s\n%.*s", first, (int)len, lines);
	else
		error_make(&error, cls, "%s", first);
	error->transient = transient;
	return error_move(err, &error);
}

/* A step of the Dockerfile ran and failed. */
static int make_step(const char *step, int status, const char *tail, struct error **err)
{
	cleanup_free char *first = NULL;

	if (status > 0)
		first = mem_printf("step '%s' failed with status %d", step, status);
	else
		first = mem_printf("step '%s' failed", step);
	return failure_own_make(ERROR_BUILD, false, first, tail, err);
}

static void emulator_remedy(const struct build_job *job, struct error **err)
{
	char platform[PLATFORM_TEXT];

	platform_text(&job->platform, platform);
	error_remedy(
		err,
		"this machine cannot run programs for %s: apt-get install qemu-user-static binfmt-support (and mount binfmt_misc on /proc/sys/fs/binfmt_misc if it is not)",
		platform);
}

static bool is_process(const char *step)
{
	return strncasecmp(step, "RUN ", 4) == 0;
}

/* The first line of the message for other failures. */
static char *headline(const char *tool, int status, const char *line)
{
	cleanup_free char *text = line ? shortened(line, strlen(line), LINE_MAX_SHOWN) : NULL;

	return text ? mem_printf("%s: %s", tool, text) : mem_printf("%s failed with status %d", tool, status);
}

int failure_make(const char *tool, int status, const char *tail, const struct build_job *job,
		 const struct platform *native, struct error **err)
{
	cleanup_free char *line = error_line(tail), *step = NULL, *first = NULL;
	const struct trouble *trouble;

	if (job && strstr(tail, "exec format error") && is_foreign(job, native)) {
		failure_own_make(ERROR_TOOL, false, "a program for another processor cannot be run here", tail, err);
		emulator_remedy(job, err);
		return -1;
	}
	if (job && line)
		step = buildah_step(line);
	if (job && !step)
		step = buildkit_step(tail);
	/* The output of a RUN step is its own: a "connection refused" in it is no reason to retry. */
	if (step && is_process(step) && line && step_status(line) >= 0)
		return make_step(step, step_status(line), tail, err);
	first = headline(tool, status, line);
	trouble = line ? find_trouble(line) : NULL;
	if (trouble) {
		failure_own_make(trouble->cls, trouble->transient, first, tail, err);
		if (trouble->remedy)
			error_remedy(err, "%s", trouble->remedy);
		return -1;
	}
	if (step)
		return make_step(step, -1, tail, err);
	return failure_own_make(ERROR_BUILD, false, first, tail, err);
}
