#include "config.h"

#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/io/lines.h"
#include "engine/io/proc.h"
#include "engine/registry/credentials.h"
#include "engine/registry/logins.h"
#include "engine/registry/url.h"
#include "engine/runtime/runtime_ops.h"

/* docker's daemon pulls, and gets the login from who asks. */

#define HUB_DOMAIN "docker.io"
#define HUB_ADDRESS "https://index.docker.io/v1/" /* as docker calls it */

/* The header with the login, malloc'd; NULL when there is none. It is base64 for URLs. */
static char *login_header(const struct credentials *login, const char *domain)
{
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf text = { 0 }, coded = { 0 };

	if (!credentials_any(login))
		return NULL;
	json_set_str(json, "serveraddress", strcmp(domain, HUB_DOMAIN) == 0 ? HUB_ADDRESS : domain);
	json_set_str(json, "username", login->username);
	json_set_str(json, "password", login->password);
	json_set_str(json, "identitytoken", login->identity_token);
	json_set_str(json, "registrytoken", login->registry_token);
	json_dump(json, JSON_COMPACT, &text);
	base64_encode(text.data, text.len, &coded);
	for (char *c = coded.data; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	return mem_printf("X-Registry-Auth: %s", coded.data);
}

/* A pull that is running: an object a line. */
struct pulling {
	struct loop *loop;
	const struct output *output;
	struct buf rest;
	struct error *error; /* what the daemon says, or the log */
};

static void say_status(struct pulling *pulling, const char *id, const char *status)
{
	cleanup_free char *line = id ? mem_printf("%s: %s\n", id, status) : mem_printf("%s\n", status);

	lines_post(pulling->loop, pulling->output, line, strlen(line) - 1);
	if (pulling->output && pulling->output->log_fd >= 0)
		fs_write_all(pulling->output->log_fd, line, strlen(line), "the log", &pulling->error);
}

static void pull_line(void *data, const char *line, size_t len)
{
	struct pulling *pulling = data;
	cleanup_json struct json *json = NULL;
	const char *status, *failure;

	if (pulling->error || json_parse(line, len, "docker", &json, NULL) < 0)
		return;
	failure = json_str(json, "error");
	status = json_str(json, "status");
	if (failure)
		error_make(&pulling->error, ERROR_TOOL, "docker: %s", failure);
	else if (status && !json_get(json_get(json, "progressDetail"), "current"))
		say_status(pulling, json_str(json, "id"), status);
}

static int take_pulled(void *data, const void *bytes, size_t len)
{
	struct pulling *pulling = data;

	lines_split(&pulling->rest, bytes, len, pull_line, pulling);
	return pulling->error ? -1 : 0;
}

static int pull_with(struct runtime *runtime, const struct ref *ref, const char *header, const struct output *output,
		     struct error **err)
{
	const char *const headers[] = { header, NULL };
	struct pulling pulling = { .loop = runtime->loop, .output = output };
	cleanup_free char *image = mem_printf("%s/%s", ref->domain, ref->repository);
	cleanup_buf struct buf path = { 0 };
	struct error *error = NULL;
	int r;

	buf_str(&path, "/images/create?fromImage=");
	url_escape(&path, image);
	buf_str(&path, "&tag=");
	url_escape(&path, ref->digest ? ref->digest : ref->tag);
	r = docker_api_stream(runtime, "POST", path.data, headers, take_pulled, &pulling, &error);
	lines_finish(&pulling.rest, pull_line, &pulling);
	buf_free(&pulling.rest);
	if (!pulling.error)
		return r < 0 ? error_move(err, &error) : 0;
	error_free(error);
	return error_move(err, &pulling.error);
}

int docker_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output, struct error **err)
{
	const struct credentials *login;
	cleanup_free char *header = NULL;
	struct ref ref;
	const char *why;
	int r;

	(void)insecure; /* the daemon has its own list */
	if (!ref_parse(name, &ref, &why))
		return error_make(err, ERROR_USAGE, "%s is not an image's name: %s", name, why);
	r = logins_find(runtime->logins, ref.domain, &login, err);
	if (r == 0) {
		header = login_header(login, ref.domain);
		r = pull_with(runtime, &ref, header, output, err);
	}
	ref_free(&ref);
	return r;
}
