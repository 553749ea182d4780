#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/image.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/registry_internal.h"
#include "engine/registry/transport.h"
#include "engine/registry/url.h"

/*
 * Uploads a blob. First in one request, which every registry supports and which is fastest. If the connection fails on
 * the way, or a proxy finds the request too large, it continues in pieces, each from where the last one ended.
 */

#define PIECE (8u << 20)
#define PIECE_MIN (64u << 10)
#define BINARY "Content-Type: application/octet-stream"

struct upload {
	struct registry *registry;
	struct spot spot;
	const struct ref *ref;
	const struct descriptor *blob;
	const char *from;
	int fd;
	registry_sent *sent;
	void *data;
	char *location;   /* of the registry's session, or NULL */
	char *answered;   /* where the last answer came from, a URL, or NULL */
	bool pieces;      /* one piece did not work */
	bool only_whole;  /* the registry does not support pieces */
	uint64_t piece;   /* bytes of one, but for the last */
	uint64_t least;   /* that the registry takes as one, but for the last */
	uint64_t arrived; /* in pieces */
	int64_t told;     /* bytes reported to `sent` */
	uint64_t asked_ms;
};

static void upload_note_sent(void *data, int64_t bytes)
{
	struct upload *upload = data;

	upload->told += bytes;
	if (upload->sent)
		upload->sent(upload->data, bytes);
}

static void take_back(struct upload *upload, uint64_t keep)
{
	int64_t extra = upload->told - (int64_t)keep;

	if (extra != 0)
		upload_note_sent(upload, -extra);
}

/* One request of the upload; `expected` answers are the caller's. */
static int request(struct upload *upload, struct exchange *exchange, struct http_response *ret, struct error **err)
{
	free(steal_ptr(upload->answered));
	exchange->ret_url = &upload->answered;
	exchange->want = upload->spot.want;
	exchange->once = &upload->asked_ms;
	return transport_do(upload->spot.endpoint, exchange, ret, err);
}

static int take_location(struct upload *upload, const struct http_response *response, struct error **err)
{
	char *location;

	if (transport_location(upload->spot.endpoint, upload->answered, response, &location, err) < 0)
		return -1;
	free(upload->location);
	upload->location = location;
	return 0;
}

/* OCI-Chunk-Min-Length (distribution-spec, "Pushing a blob in chunks"). */
static void take_least(struct upload *upload, const struct http_response *response)
{
	cleanup_free char *value = http_header(response, "OCI-Chunk-Min-Length", 0);

	upload->least = value && isdigit((unsigned char)*value) ? strtoull(value, NULL, 10) : 0;
	if (upload->piece < upload->least)
		upload->piece = upload->least;
}

/* 1: a session was begun; 0: the registry mounted the blob. */
static int begin_session(struct upload *upload, const char *path, struct error **err)
{
	cleanup_http struct http_response response = { 0 };
	struct exchange exchange = { .method = "POST", .path = path, .body_fd = -1 };

	if (request(upload, &exchange, &response, err) < 0)
		return -1;
	if (response.status == 201 && upload->from)
		return 0;
	if (response.status != 202)
		return transport_refuse(upload->spot.endpoint, &upload->spot.want, &response, "starting an upload", err);
	upload->arrived = 0;
	take_least(upload, &response);
	return take_location(upload, &response, err) < 0 ? -1 : 1;
}

/* A mount is only an optimisation: if the registry refuses it for whatever reason, the blob is sent with the login
 * for its own repository alone. If only the answer was lost, it may have been mounted all the same. */
static int upload_without_mount(struct upload *upload, struct error *refused, struct error **err)
{
	enum error_class cls = refused->cls;

	if (cls == ERROR_CANCELLED)
		return error_move(err, &refused);
	error_free(refused);
	upload->from = NULL;
	spot_free(&upload->spot);
	if (spot_find(upload->registry, upload->ref, true, NULL, &upload->spot, err) < 0)
		return -1;
	return registry_has_blob(upload->registry, upload->ref, true, upload->blob->digest, upload->blob->size, err);
}

/* 1: a session was begun; 0: the registry has the blob. */
static int upload_begin(struct upload *upload, struct error **err)
{
	cleanup_free char *path = mem_printf("/v2/%s/blobs/uploads/", upload->ref->repository);
	struct error *refused = NULL;
	int r;

	if (upload->from) {
		cleanup_buf struct buf mount = { 0 };

		buf_printf(&mount, "%s?mount=%s&from=", path, upload->blob->digest);
		url_escape(&mount, upload->from);
		r = begin_session(upload, mount.data, &refused);
		if (r >= 0)
			return r;
		r = upload_without_mount(upload, refused, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
	}
	return begin_session(upload, path, err);
}

static char *final_url(const struct upload *upload)
{
	return mem_printf("%s%cdigest=%s", upload->location, strchr(upload->location, '?') ? '&' : '?',
			  upload->blob->digest);
}

/* A session that the registry no longer knows, or whose position differs from ours, is started over. */
static int lost_session(struct upload *upload, const struct http_response *response, const char *what, struct error **err)
{
	cleanup_free char *code = transport_code(response);
	struct error *error = NULL;

	transport_refuse(upload->spot.endpoint, &upload->spot.want, response, what, &error);
	if (response->status == 416 || (code && strncmp(code, "BLOB_UPLOAD_", 12) == 0)) {
		error->transient = true;
		free(steal_ptr(upload->location));
	}
	return error_move(err, &error);
}

/* The registry has all of it: check the digest. */
static int check_taken(struct upload *upload, const struct http_response *response, struct error **err)
{
	cleanup_free char *said = http_header(response, "Docker-Content-Digest", 0);
	cleanup_free char *code = NULL;

	if (response->status == 200 || response->status == 202) {
		if (registry_has_blob(upload->registry, upload->ref, true, upload->blob->digest, upload->blob->size,
				      err) > 0)
			return 0;
	} else if (response->status == 201 || response->status == 204) {
		if (said && strcmp(said, upload->blob->digest) != 0)
			return error_make(err, ERROR_REGISTRY, "%s stored the blob %s under another digest",
					  upload->ref->domain, upload->blob->digest);
		return 0;
	}
	code = transport_code(response);
	lost_session(upload, response, upload->blob->digest, err);
	if (code && strcmp(code, "DIGEST_INVALID") == 0)
		error_remedy(err, "look for damage in the store with `cbuild fsck`");
	return -1;
}

static int upload_send_whole(struct upload *upload, struct error **err)
{
	static const char *const headers[] = { BINARY, NULL };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *url = final_url(upload);
	struct exchange exchange = {
		.method = "PUT",
		.url = url,
		.headers = headers,
		.body = upload->blob->size ? NULL : "",
		.body_fd = upload->blob->size ? upload->fd : -1,
		.body_fd_len = upload->blob->size,
		.bytes = upload->blob->size,
		.finishes = true,
		.sent = upload_note_sent,
		.sent_data = upload,
	};

	if (lseek(upload->fd, 0, SEEK_SET) < 0)
		return error_errno(err, ERROR_STATE, errno, "the blob %s cannot be read", upload->blob->digest);
	if (request(upload, &exchange, &response, err) < 0)
		return -1;
	if (response.status == 413) {
		struct error *error = NULL;

		transport_refuse(upload->spot.endpoint, &upload->spot.want, &response, upload->blob->digest, &error);
		error->transient = !upload->pieces; /* smaller pieces may fit */
		return error_move(err, &error);
	}
	return check_taken(upload, &response, err);
}

/* The number of bytes received, from a header "Range: 0-N". */
static uint64_t range_end(const struct http_response *response, uint64_t otherwise)
{
	cleanup_free char *range = http_header(response, "Range", 0);
	const char *dash = range ? strchr(range, '-') : NULL;
	uint64_t last = dash ? strtoull(dash + 1, NULL, 10) : 0;

	if (!dash)
		return otherwise;
	return last ? last + 1 : 0; /* an upload without any bytes says 0-0, too */
}

/* After a failure, asks how much has arrived. Negative: the session is gone. */
static int ask_arrived(struct upload *upload, struct error **err)
{
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *url = mem_strdup(upload->location);
	struct exchange exchange = { .method = "GET", .url = url, .body_fd = -1 };
	cleanup_free char *location = NULL;
	uint64_t arrived;

	if (request(upload, &exchange, &response, err) < 0)
		return -1;
	if (response.status != 204 && response.status != 202 && response.status != 200)
		return transport_refuse(upload->spot.endpoint, &upload->spot.want, &response, "going on with an upload",
					err);
	arrived = range_end(&response, 0);
	upload->arrived = arrived <= upload->blob->size ? arrived : 0;
	take_back(upload, upload->arrived);
	location = http_header(&response, "Location", 0);
	if (!location)
		return 0;
	return take_location(upload, &response, err);
}

/* Pieces are only a fallback. */
static int refused_piece(struct upload *upload, const struct http_response *response, struct error **err)
{
	struct error *error = NULL;

	lost_session(upload, response, "sending a piece of a blob", &error);
	if (response->status == 413 && upload->piece / 2 >= upload->least && upload->piece / 2 >= PIECE_MIN) {
		upload->piece /= 2;
		error->transient = true;
	} else if (response->status == 400 || response->status == 404 || response->status == 405 ||
		   response->status == 501) {
		upload->only_whole = upload->location != NULL;
		error->transient = true;
	}
	return error_move(err, &error);
}

static int send_piece(struct upload *upload, struct error **err)
{
	uint64_t left = upload->blob->size - upload->arrived, len = left < upload->piece ? left : upload->piece;
	cleanup_free char *range =
		mem_printf("Content-Range: %" PRIu64 "-%" PRIu64, upload->arrived, upload->arrived + len - 1);
	cleanup_free char *url = mem_strdup(upload->location);
	const char *const headers[] = { BINARY, range, NULL };
	cleanup_http struct http_response response = { 0 };
	struct exchange exchange = {
		.method = "PATCH",
		.url = url,
		.headers = headers,
		.body_fd = upload->fd,
		.body_fd_len = len,
		.bytes = len,
		.sent = upload_note_sent,
		.sent_data = upload,
	};

	if (lseek(upload->fd, (off_t)upload->arrived, SEEK_SET) < 0)
		return error_errno(err, ERROR_STATE, errno, "the blob %s cannot be read", upload->blob->digest);
	if (request(upload, &exchange, &response, err) < 0)
		return -1;
	if (response.status != 202)
		return refused_piece(upload, &response, err);
	len = range_end(&response, upload->arrived + len);
	if (len <= upload->arrived || len > upload->blob->size)
		return error_make(err, ERROR_REGISTRY, "%s claims to have bytes %s of a blob, which were not sent",
				  upload->ref->domain, len > upload->blob->size ? "past the end" : "fewer than before");
	upload->arrived = len;
	return take_location(upload, &response, err);
}

static int finish_pieces(struct upload *upload, struct error **err)
{
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *url = final_url(upload);
	struct exchange exchange = { .method = "PUT",
				     .url = url,
				     .body_fd = -1,
				     .bytes = upload->blob->size,
				     .finishes = true };

	if (request(upload, &exchange, &response, err) < 0)
		return -1;
	return check_taken(upload, &response, err);
}

static int send_pieces(struct upload *upload, struct error **err)
{
	while (upload->arrived < upload->blob->size) {
		if (send_piece(upload, err) < 0)
			return -1;
	}
	return finish_pieces(upload, err);
}

/* One attempt: 1 sent, 0 mounted. */
static int upload_attempt(struct upload *upload, struct error **err)
{
	struct error *lost = NULL;
	int r = 1;

	if (upload->location && upload->pieces && ask_arrived(upload, &lost) < 0) {
		error_free(lost);
		free(steal_ptr(upload->location));
	}
	if (!upload->location) {
		take_back(upload, 0);
		r = upload_begin(upload, err);
	}
	if (r <= 0)
		return r;
	return (upload->pieces ? send_pieces(upload, err) : upload_send_whole(upload, err)) < 0 ? -1 : 1;
}

/* All was sent, and only the answer is missing: the registry may have the blob. */
static bool is_arrived(struct upload *upload, const struct error *error)
{
	return error->transient && upload->told >= (int64_t)upload->blob->size &&
	       registry_has_blob(upload->registry, upload->ref, true, upload->blob->digest, upload->blob->size, NULL) > 0;
}

static int upload_run(struct upload *upload, struct error **err)
{
	struct retry retry = { 0 };

	for (;;) {
		struct error *error = NULL;
		int r = upload_attempt(upload, &error);

		if (r >= 0)
			return r;
		if (!upload->pieces || upload->only_whole)
			free(steal_ptr(upload->location)); /* it is unknown what a failed request left there */
		upload->pieces = !upload->only_whole &&
				 (upload->pieces || upload->told > 0 || upload->blob->size > PIECE);
		if (is_arrived(upload, error)) {
			error_free(error);
			return 1;
		}
		retry.asked_ms = upload->asked_ms;
		upload->asked_ms = 0;
		if (retry_pause(&retry, upload->spot.endpoint, &error, err) < 0)
			return -1;
	}
}

int registry_upload(struct registry *registry, const struct ref *ref, const struct descriptor *blob, int fd,
		    const char *from, registry_sent *sent, void *data, struct error **err)
{
	struct upload upload = {
		.registry = registry,
		.ref = ref,
		.blob = blob,
		.fd = fd,
		.from = from,
		.piece = PIECE,
		.sent = sent,
		.data = data,
	};
	int r;

	if (spot_find(registry, ref, true, from, &upload.spot, err) < 0)
		return -1;
	r = upload_run(&upload, err);
	free(upload.location);
	free(upload.answered);
	spot_free(&upload.spot);
	return r;
}

/* Ends a session that was begun instead of the mount. A registry that does not support it forgets the session later. */
static void end_session(struct upload *upload)
{
	cleanup_http struct http_response response = { 0 };
	cleanup_error struct error *ignored = NULL;
	struct exchange exchange = { .method = "DELETE", .url = upload->location, .body_fd = -1 };

	request(upload, &exchange, &response, &ignored);
}

int registry_mount(struct registry *registry, const struct ref *ref, const struct descriptor *blob, const char *from,
		   struct error **err)
{
	struct upload upload = { .registry = registry, .ref = ref, .blob = blob, .from = from, .fd = -1 };
	int r;

	if (spot_find(registry, ref, true, from, &upload.spot, err) < 0)
		return -1;
	r = upload_begin(&upload, err);
	if (r > 0)
		end_session(&upload);
	free(upload.location);
	free(upload.answered);
	spot_free(&upload.spot);
	return r < 0 ? -1 : r == 0;
}
