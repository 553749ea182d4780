#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/http.h"
#include "engine/registry/url.h"
#include "engine/runtime/runtime_ops.h"

#define HOST "http://docker" /* only the socket matters */
#define CONNECT_MS 20000
#define ASK_MS 20000        /* for a query; transferring images has no limit */
#define BODY_MAX (1u << 20) /* bytes of an answer */
#define DO_MS 120000        /* to start a container, and whatever is shorter */
#define MISSING_STATUS 404

static struct http_request request_to(const struct runtime *runtime, const char *method, const char *url)
{
	return (struct http_request){
		.method = method,
		.url = url,
		.unix_socket = runtime->socket,
		.body_fd = -1,
		.connect_ms = CONNECT_MS,
		.body_max = BODY_MAX,
	};
}

static int docker_api_ask(struct runtime *runtime, const struct http_request *request, struct http_response *ret,
			  struct error **err)
{
	struct error *error = NULL;

	if (http_do(runtime->loop, request, ret, &error) == 0)
		return 0;
	if (error->cls == ERROR_HEALTH)
		error->cls = ERROR_TOOL;
	error_wrap(&error, "docker");
	return error_move(err, &error);
}

/* {"message": "..."} */
static int docker_api_refused(const struct http_response *response, struct error **err)
{
	cleanup_json struct json *json = NULL;
	const char *message = NULL;

	if (response->body->data && json_parse(response->body->data, response->body->len, "docker", &json, NULL) == 0)
		message = json_str(json, "message");
	return error_make(err, ERROR_TOOL, "docker answers with status %ld%s%s", response->status, message ? ": " : "",
			  message ? message : "");
}

static int api_send(struct runtime *runtime, struct http_request *request, const char *path, const struct json *body,
		    struct buf *ret, struct error **err)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	cleanup_free char *url = mem_printf(HOST "%s", path);
	cleanup_buf struct buf text = { 0 };
	cleanup_http struct http_response response = { 0 };
	bool gone = strcmp(request->method, "DELETE") == 0;

	if (body) {
		json_dump(body, JSON_COMPACT, &text);
		request->headers = headers;
		request->body = text.data;
		request->body_len = text.len;
	}
	request->url = url;
	if (docker_api_ask(runtime, request, &response, err) < 0)
		return -1;
	if ((response.status < 200 || response.status > 299) && !(gone && response.status == MISSING_STATUS))
		return docker_api_refused(&response, err);
	if (ret)
		buf_add(ret, response.body->data, response.body->len);
	return 0;
}

int docker_api_do(struct runtime *runtime, const char *method, const char *path, const struct json *body,
		  struct buf *ret, struct error **err)
{
	struct http_request request = request_to(runtime, method, NULL);

	request.total_ms = DO_MS;
	request.cleanup = true;
	return api_send(runtime, &request, path, body, ret, err);
}

int docker_api_wait(struct runtime *runtime, const char *method, const char *path, const struct json *body, uint64_t ms,
		    struct buf *ret, struct error **err)
{
	struct http_request request = request_to(runtime, method, NULL);

	request.total_ms = ms;
	return api_send(runtime, &request, path, body, ret, err);
}

int docker_api_stream(struct runtime *runtime, const char *method, const char *path, const char *const *headers,
		      http_take *take, void *data, struct error **err)
{
	cleanup_free char *url = mem_printf(HOST "%s", path);
	struct http_request request = request_to(runtime, method, url);
	cleanup_http struct http_response response = { 0 };

	request.headers = headers;
	request.take = take;
	request.take_data = data;
	if (docker_api_ask(runtime, &request, &response, err) < 0)
		return -1;
	return response.status == 200 ? 0 : docker_api_refused(&response, err);
}

/* Of the image's manifest: is everything there that it names? */
static bool says_available(const struct http_response *response, const char *id)
{
	cleanup_json struct json *json = NULL;
	const struct json *manifests;
	const char *text = response->body->data ? response->body->data : "";

	if (json_parse(text, response->body->len, "docker", &json, NULL) < 0)
		return false;
	manifests = json_get(json, "Manifests");
	for (size_t i = 0; i < json_len(manifests); i++)
		if (text_same(json_str(json_at(manifests, i), "ID"), id))
			return json_bool(json_at(manifests, i), "Available");
	return false;
}

int docker_api_has(struct runtime *runtime, const char *id, bool *ret, struct error **err)
{
	cleanup_free char *url = mem_printf(HOST "/images/%s/json%s", id, runtime->proves ? "?manifests=1" : "");
	struct http_request request = request_to(runtime, "GET", url);
	cleanup_http struct http_response response = { 0 };

	request.total_ms = ASK_MS;
	if (docker_api_ask(runtime, &request, &response, err) < 0)
		return -1;
	if (response.status != 200 && response.status != MISSING_STATUS)
		return docker_api_refused(&response, err);
	*ret = response.status == 200 && (!runtime->proves || says_available(&response, id));
	return 0;
}

int docker_api_tag(struct runtime *runtime, const char *id, const char *reference, struct error **err)
{
	const char *slash = strrchr(reference, '/'), *colon = strrchr(slash ? slash : reference, ':');
	cleanup_buf struct buf url = { 0 };
	cleanup_free char *repository = mem_strndup(reference, colon ? (size_t)(colon - reference) : strlen(reference));
	struct http_request request = request_to(runtime, "POST", NULL);
	cleanup_http struct http_response response = { 0 };

	buf_printf(&url, HOST "/images/%s/tag?repo=", id);
	url_escape(&url, repository);
	buf_str(&url, "&tag=");
	url_escape(&url, colon ? colon + 1 : "latest");
	request.url = url.data;
	request.total_ms = ASK_MS;
	if (docker_api_ask(runtime, &request, &response, err) < 0)
		return -1;
	return response.status == 201 ? 0 : docker_api_refused(&response, err);
}

int docker_api_put(struct container *container, int tar, uint64_t len, struct error **err)
{
	static const char *const headers[] = { "Content-Type: application/x-tar", NULL };
	cleanup_free char *url = mem_printf(HOST "/containers/%s/archive?path=/", container->name);
	struct http_request request = request_to(container->runtime, "PUT", url);
	cleanup_http struct http_response response = { 0 };

	request.headers = headers;
	request.body_fd = tar;
	request.body_fd_len = len;
	request.total_ms = DO_MS;
	if (docker_api_ask(container->runtime, &request, &response, err) < 0)
		return -1;
	return response.status == 200 ? 0 : docker_api_refused(&response, err);
}

/* The answer to a load: a sequence of objects, one of which may contain an error. */
static int check_loaded(const struct http_response *response, struct error **err)
{
	const char *at = response->body->data ? response->body->data : "";

	if (response->status != 200)
		return docker_api_refused(response, err);
	while (*at) {
		size_t len = strcspn(at, "\n");
		cleanup_json struct json *json = NULL;

		if (json_parse(at, len, "docker", &json, NULL) == 0 && json_str(json, "error"))
			return error_make(err, ERROR_TOOL, "docker cannot load the image: %s", json_str(json, "error"));
		at += len + (at[len] == '\n');
	}
	return 0;
}

int docker_api_load(struct runtime *runtime, const char *tar, struct error **err)
{
	static const char *const headers[] = { "Content-Type: application/x-tar", NULL };
	struct http_request request = request_to(runtime, "POST", HOST "/images/load?quiet=1");
	cleanup_http struct http_response response = { 0 };
	cleanup_fd int fd = open(tar, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", tar);
	request.headers = headers;
	request.body_fd = fd;
	request.body_fd_len = (uint64_t)st.st_size;
	if (docker_api_ask(runtime, &request, &response, err) < 0)
		return -1;
	return check_loaded(&response, err);
}
