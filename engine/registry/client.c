#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "engine/io/http.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/registry/claims.h"
#include "engine/registry/endpoint.h"
#include "engine/registry/hosts_toml.h"
#include "engine/registry/place.h"
#include "engine/registry/registries_conf.h"
#include "engine/registry/registry_internal.h"
#include "engine/registry/transport.h"

/* Manifests. remote_blob.c reads blobs, upload.c writes them. */

static const char ACCEPT[] = "Accept: " OCI_INDEX ", " OCI_MANIFEST ", " DOCKER_LIST ", " DOCKER_MANIFEST;

struct registry {
	struct loop *loop;
	const struct manifest *manifest;
	struct http_pool *pool;
	pthread_mutex_t lock;
	struct map *endpoints; /* by domain */
	struct claims *claims;
	struct registry_files files;
};

struct registry *registry_new(struct loop *loop, const struct manifest *manifest)
{
	struct registry *registry = mem_alloc(sizeof(*registry));

	*registry = (struct registry){
		.loop = loop,
		.manifest = manifest,
		.pool = http_pool_new(),
		.endpoints = map_new(),
		.claims = claims_new(),
	};
	pthread_mutex_init(&registry->lock, NULL);
	return registry;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	for (size_t i = 0; i < map_len(registry->endpoints); i++)
		endpoint_free(map_value(registry->endpoints, i));
	map_free(registry->endpoints);
	claims_free(registry->claims);
	registries_conf_free(registry->files.conf);
	hosts_toml_free(registry->files.hosts);
	http_pool_free(registry->pool);
	pthread_mutex_destroy(&registry->lock);
	free(registry);
}

struct claims *registry_claims(struct registry *registry)
{
	return registry->claims;
}

/* The lock must be held. */
static int client_read_files(struct registry *registry, struct error **err)
{
	struct registry_files *files = &registry->files;

	if (!files->conf && registries_conf_read(&files->conf, err) < 0)
		return -1;
	return files->hosts ? 0 : hosts_toml_read(&files->hosts, err);
}

const struct registry_files *registry_files(struct registry *registry, struct error **err)
{
	int r;

	pthread_mutex_lock(&registry->lock);
	r = client_read_files(registry, err);
	pthread_mutex_unlock(&registry->lock);
	return r < 0 ? NULL : &registry->files;
}

static int client_add_endpoint(struct registry *registry, const char *domain, struct endpoint **ret, struct error **err)
{
	cleanup_host_settings struct host_settings settings = { 0 };
	const char *served = endpoint_host(domain);

	if (client_read_files(registry, err) < 0)
		return -1;
	registries_conf_settings(registry->files.conf, domain, &settings);
	hosts_toml_settings(registry->files.hosts, domain, &settings);
	if (strcmp(served, domain) != 0)
		hosts_toml_settings(registry->files.hosts, served, &settings);
	if (endpoint_new(registry->loop, domain, registry->manifest, &settings, registry->pool, ret, err) < 0)
		return -1;
	map_set(registry->endpoints, (*ret)->domain, *ret);
	return 0;
}

static int client_find_endpoint(struct registry *registry, const char *domain, struct endpoint **ret, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&registry->lock);
	*ret = map_get(registry->endpoints, domain);
	if (!*ret)
		r = client_add_endpoint(registry, domain, ret, err);
	pthread_mutex_unlock(&registry->lock);
	return r;
}

const struct registry_spec *registry_settings(const struct registry *registry, const char *domain)
{
	return endpoint_spec(registry->manifest, domain);
}

int registry_trust(struct registry *registry, const char *domain, struct registry_trust *ret, struct error **err)
{
	struct endpoint *endpoint;

	if (client_find_endpoint(registry, domain, &endpoint, err) < 0)
		return -1;
	*ret = (struct registry_trust){
		.plain = endpoint->insecure || endpoint->plain_origin || endpoint->tls.unverified,
		.ca = (const char *const *)endpoint->trust.ca,
		.cert = endpoint->trust.cert,
		.key = endpoint->trust.key,
	};
	return 0;
}

/* The endpoint of a repository that may be used. */
static int client_find_allowed(struct registry *registry, const struct ref *ref, struct endpoint **ret, struct error **err)
{
	const char *blocked;

	if (client_find_endpoint(registry, ref->domain, ret, err) < 0)
		return -1;
	blocked = registries_conf_blocks(registry->files.conf, ref);
	return blocked ? error_make(err, ERROR_REGISTRY, "%s/%s is blocked by %s", ref->domain, ref->repository, blocked)
		       : 0;
}

int registry_reach(struct registry *registry, const struct ref *ref, struct error **err)
{
	struct endpoint *endpoint;

	return client_find_allowed(registry, ref, &endpoint, err) < 0 ? -1 : transport_reach(endpoint, err);
}

int spot_find(struct registry *registry, const struct ref *ref, bool push, const char *from, struct spot *ret,
	      struct error **err)
{
	*ret = (struct spot){ 0 };
	if (client_find_allowed(registry, ref, &ret->endpoint, err) < 0)
		return -1;
	ret->scopes = mem_printf("repository:%s:%s%s%s%s", ref->repository, push ? "pull,push" : "pull",
				 from ? " repository:" : "", from ? from : "", from ? ":pull" : "");
	ret->want = (struct auth_want){ .repository = ref->repository, .scopes = ret->scopes, .push = push };
	return 0;
}

void spot_free(struct spot *spot)
{
	free(spot->scopes);
}

int registry_find_login(struct registry *registry, const struct ref *ref, const struct credentials **ret,
			struct error **err)
{
	const struct credentials *credentials;
	struct endpoint *endpoint;
	int r;

	*ret = NULL;
	if (client_find_endpoint(registry, ref->domain, &endpoint, err) < 0)
		return -1;
	pthread_mutex_lock(&endpoint->lock);
	r = endpoint_credentials(endpoint, ref->repository, &credentials, err);
	pthread_mutex_unlock(&endpoint->lock);
	if (r == 0 && credentials_any(credentials))
		*ret = credentials;
	return r;
}

int registry_prepare(struct registry *registry, const struct ref *ref, struct error **err)
{
	const struct credentials *ignored;

	return registry_find_login(registry, ref, &ignored, err);
}

/* ---- manifests ---- */

static const char *version_of(const struct ref *ref)
{
	return ref->digest ? ref->digest : ref->tag ? ref->tag : "latest";
}

static char *client_manifest_path(const struct ref *ref)
{
	return mem_printf("/v2/%s/manifests/%s", ref->repository, version_of(ref));
}

static char *client_shown(const struct ref *ref)
{
	return mem_printf("%s/%s%s%s", ref->domain, ref->repository, ref->digest ? "@" : ":", version_of(ref));
}

static int client_wrong(const struct ref *ref, struct error **err, const char *why)
{
	cleanup_free char *name = client_shown(ref);

	return error_make(err, ERROR_REGISTRY, "%s: %s", name, why);
}

/* Types that servers give to what they do not know: what the manifest says of itself counts. */
static bool type_is_generic(const char *type)
{
	return strcmp(type, "application/json") == 0 || strcmp(type, "application/octet-stream") == 0 ||
	       strcmp(type, "text/plain") == 0;
}

static int wrong_document(const char *type, struct error *error, struct error **err)
{
	cleanup_buf struct buf safe = { 0 };

	if (type)
		text_safe(&safe, type, strlen(type));
	error_make(err, ERROR_REGISTRY, "%s (Content-Type: %s)", error->message, type ? safe.data : "none");
	error_free(error);
	return -1;
}

typedef int client_parse(const char *text, size_t len, const char *media_type, const char *digest, const char *name,
			 struct document **ret, struct error **err);

static int client_manifest(struct registry *registry, const struct ref *ref, bool push, client_parse *parse,
			   struct buf *ret, struct document **ret_document, struct error **err)
{
	static const char *const headers[] = { ACCEPT, NULL };
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *path = client_manifest_path(ref), *name = client_shown(ref), *type = NULL, *said = NULL;
	char digest[DIGEST_LEN + 1];
	struct error *error = NULL;
	struct exchange exchange = { .method = "GET",
				     .path = path,
				     .headers = headers,
				     .body_fd = -1,
				     .body_max = LAYOUT_MANIFEST_MAX };

	if (spot_find(registry, ref, push, NULL, &spot, err) < 0)
		return -1;
	exchange.want = spot.want;
	if (transport_do(spot.endpoint, &exchange, &response, err) < 0)
		return error_wrap(err, "%s", name);
	if (response.status == 404)
		return 0;
	if (response.status != 200)
		return transport_refuse(spot.endpoint, &spot.want, &response, name, err);
	if (response.cut)
		return client_wrong(ref, err, "the manifest is larger than 4 MiB");
	if (digest_bytes(response.body->data, response.body->len, digest, err) < 0)
		return -1;
	said = http_header(&response, "Docker-Content-Digest", 0);
	if ((ref->digest && strcmp(ref->digest, digest) != 0) || (said && strcmp(said, digest) != 0))
		return client_wrong(ref, err, "what the registry sent has an unexpected digest");
	type = http_header(&response, "Content-Type", 0);
	if (type)
		type[strcspn(type, "; ")] = '\0';
	if (parse(response.body->data, response.body->len, type && type_is_generic(type) ? NULL : type, digest, name,
		  ret_document, &error) < 0)
		return wrong_document(type, error, err);
	buf_add(ret, response.body->data, response.body->len);
	return 1;
}

int registry_document(struct registry *registry, const struct ref *ref, struct buf *ret_text, struct document **ret,
		      struct error **err)
{
	return client_manifest(registry, ref, false, document_parse, ret_text, ret, err);
}

int registry_artifact(struct registry *registry, const struct ref *ref, bool push, struct buf *ret_text,
		      struct document **ret, struct error **err)
{
	return client_manifest(registry, ref, push, document_parse_artifact, ret_text, ret, err);
}

int registry_manifest(struct registry *registry, const struct ref *ref, struct buf *ret, char **ret_type,
		      char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_document struct document *document = NULL;
	int r = registry_document(registry, ref, ret, &document, err);

	if (r <= 0)
		return r;
	*ret_type = mem_strdup(document->self.media_type);
	memcpy(ret_digest, document->self.digest, DIGEST_LEN + 1);
	return 1;
}

/* What HEAD would have said. */
static int head_by_get(struct registry *registry, const struct ref *ref, bool push, char ret_digest[DIGEST_LEN + 1],
		       struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	int r = registry_artifact(registry, ref, push, &text, &document, err);

	if (r > 0)
		memcpy(ret_digest, document->self.digest, DIGEST_LEN + 1);
	return r;
}

int registry_head(struct registry *registry, const struct ref *ref, bool push, char ret_digest[DIGEST_LEN + 1],
		  struct error **err)
{
	static const char *const headers[] = { ACCEPT, NULL };
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *path = client_manifest_path(ref), *name = client_shown(ref), *digest = NULL;
	struct exchange exchange = { .method = "HEAD", .path = path, .headers = headers, .body_fd = -1 };

	if (spot_find(registry, ref, push, NULL, &spot, err) < 0)
		return -1;
	exchange.want = spot.want;
	if (transport_do(spot.endpoint, &exchange, &response, err) < 0)
		return error_wrap(err, "%s", name);
	if (response.status == 404)
		return 0;
	if (transport_head_unknown(&response))
		return head_by_get(registry, ref, push, ret_digest, err);
	if (response.status != 200)
		return transport_refuse(spot.endpoint, &spot.want, &response, name, err);
	digest = http_header(&response, "Docker-Content-Digest", 0);
	if (!digest)
		return head_by_get(registry, ref, push, ret_digest, err);
	if (!digest_valid(digest) || (ref->digest && strcmp(ref->digest, digest) != 0))
		return client_wrong(ref, err, "the registry names an unexpected digest");
	memcpy(ret_digest, digest, DIGEST_LEN + 1);
	return 1;
}

static int put_manifest(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			size_t len, const char *digest, bool *ret_listed, struct error **err)
{
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *header = mem_printf("Content-Type: %s", type);
	cleanup_free char *path = client_manifest_path(ref), *name = client_shown(ref), *said = NULL, *subject = NULL;
	const char *const headers[] = { header, NULL };
	struct exchange exchange = { .method = "PUT",
				     .path = path,
				     .headers = headers,
				     .body = data,
				     .body_len = len,
				     .body_fd = -1 };

	if (spot_find(registry, ref, true, NULL, &spot, err) < 0)
		return -1;
	exchange.want = spot.want;
	if (transport_do(spot.endpoint, &exchange, &response, err) < 0)
		return error_wrap(err, "%s", name);
	if (response.status != 201) /* with another one it may be there: that is looked at */
		return transport_refuse(spot.endpoint, &spot.want, &response, name, err);
	said = http_header(&response, "Docker-Content-Digest", 0);
	if (said && strcmp(said, digest) != 0)
		return client_wrong(ref, err, "the registry stored it under another digest");
	subject = http_header(&response, "OCI-Subject", 0);
	*ret_listed = subject != NULL;
	return 0;
}

int registry_put_artifact(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			  size_t len, bool *ret_listed, struct error **err)
{
	char digest[DIGEST_LEN + 1], held[DIGEST_LEN + 1];
	struct error *error = NULL;

	*ret_listed = false;
	if (digest_bytes(data, len, digest, err) < 0)
		return -1;
	if (put_manifest(registry, ref, type, data, len, digest, ret_listed, &error) == 0)
		return 0;
	/* It may have been put all the same: by a request whose answer was lost, or by somebody else, under a tag that
	 * may not be written twice. */
	if (error->cls == ERROR_REGISTRY && registry_head(registry, ref, true, held, NULL) > 0 &&
	    strcmp(held, digest) == 0) {
		error_free(error);
		return 0;
	}
	return error_move(err, &error);
}

int registry_put_manifest(struct registry *registry, const struct ref *ref, const char *type, const void *data,
			  size_t len, struct error **err)
{
	bool ignored;

	return registry_put_artifact(registry, ref, type, data, len, &ignored, err);
}

int registry_get_referrers(struct registry *registry, const struct ref *ref, const char *digest, struct buf *ret,
			   struct error **err)
{
	cleanup_spot struct spot spot = { 0 };
	cleanup_http struct http_response response = { 0 };
	cleanup_free char *path = mem_printf("/v2/%s/referrers/%s", ref->repository, digest);
	struct exchange exchange = { .method = "GET", .path = path, .body_fd = -1, .body_max = LAYOUT_MANIFEST_MAX };

	if (spot_find(registry, ref, false, NULL, &spot, err) < 0)
		return -1;
	exchange.want = spot.want;
	if (transport_do(spot.endpoint, &exchange, &response, err) < 0)
		return error_wrap(err, "%s/%s@%s", ref->domain, ref->repository, digest);
	if (response.status != 200 || response.cut)
		return 0;
	buf_add(ret, response.body->data, response.body->len);
	return 1;
}
