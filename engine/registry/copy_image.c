#include "config.h"

#include "engine/registry/copy_image.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/workers.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/registry/client.h"
#include "engine/registry/referrers.h"

#define COPY_THREADS 4   /* blobs that are copied at once */
#define COPY_DEPTH_MAX 4 /* of indexes in indexes, and of artifacts about artifacts */

/* The blobs of a manifest, shared by a few threads. */
struct copy_blobs {
	struct copy_image *copy;
	const struct descriptor **blobs;
	pthread_mutex_t lock; /* for error and the results in `copy` */
	struct error *error;  /* the first */
};

static int send_by_file(const struct copy_image *copy, const struct descriptor *blob, struct error **err)
{
	cleanup_fd int fd = fs_unnamed(err);

	if (fd < 0 || registry_fetch_blob(copy->registry, copy->from, blob, fd, err) < 0)
		return -1;
	return registry_upload(copy->registry, copy->to, blob, fd, NULL, NULL, NULL, err) < 0 ? -1 : 2;
}

/* 0: it was there, 1: mounted, 2: sent. */
static int bring_blob(const struct copy_image *copy, const struct descriptor *blob, struct error **err)
{
	bool beside = strcmp(copy->from->domain, copy->to->domain) == 0;
	int r = registry_has_blob(copy->registry, copy->to, true, blob->digest, blob->size, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (beside)
		r = registry_mount(copy->registry, copy->to, blob, copy->from->repository, err);
	if (r != 0)
		return r;
	if (copy->layout && layout_has(copy->layout, blob->digest, blob->size)) {
		cleanup_free char *path = layout_blob_path(copy->layout, blob->digest);
		cleanup_fd int fd = fs_open(path, err);

		return fd < 0 || registry_upload(copy->registry, copy->to, blob, fd, NULL, NULL, NULL, err) < 0 ? -1 : 2;
	}
	return send_by_file(copy, blob, err);
}

static void bring_one(void *data, size_t index, unsigned worker)
{
	struct copy_blobs *blobs = data;
	struct copy_image *copy = blobs->copy;
	const struct descriptor *blob = blobs->blobs[index];
	struct error *error = NULL;
	bool failed;
	int r;

	(void)worker;
	pthread_mutex_lock(&blobs->lock);
	failed = blobs->error != NULL;
	pthread_mutex_unlock(&blobs->lock);
	if (failed)
		return;
	r = bring_blob(copy, blob, &error);
	pthread_mutex_lock(&blobs->lock);
	if (r < 0)
		error_move(blobs->error ? NULL : &blobs->error, &error);
	copy->there += r == 0;
	copy->mounted += r == 1;
	copy->sent += r == 2;
	copy->bytes += r == 2 ? blob->size : 0;
	pthread_mutex_unlock(&blobs->lock);
}

static bool is_first(const struct document *document, size_t index)
{
	const char *digest = document->entries[index].blob.digest;

	for (size_t i = 0; i < index; i++) {
		if (strcmp(document->entries[i].blob.digest, digest) == 0)
			return false;
	}
	return strcmp(document->config.digest, digest) != 0;
}

static int bring_blobs(struct copy_image *copy, const struct document *manifest, struct error **err)
{
	cleanup_free const struct descriptor **list = mem_array(manifest->len + 1, sizeof(*list));
	struct copy_blobs blobs = { .copy = copy, .blobs = list };
	size_t len = 0;

	list[len++] = &manifest->config;
	for (size_t i = 0; i < manifest->len; i++) {
		if (is_first(manifest, i))
			list[len++] = &manifest->entries[i].blob;
	}
	pthread_mutex_init(&blobs.lock, NULL);
	workers_run(len, COPY_THREADS, bring_one, &blobs);
	pthread_mutex_destroy(&blobs.lock);
	return blobs.error ? error_move(err, &blobs.error) : 0;
}

/* A manifest or index of `from`: 1, or 0 when it is not there. */
static int read_source(const struct copy_image *copy, const char *version, struct buf *text, struct document **ret,
		       struct error **err)
{
	struct ref ref = { .domain = copy->from->domain, .repository = copy->from->repository };

	if (digest_valid(version))
		ref.digest = (char *)version;
	else
		ref.tag = (char *)version;
	return registry_artifact(copy->registry, &ref, false, text, ret, err);
}

static int copy_version(struct copy_image *copy, const char *version, unsigned depth, struct error **err);

static int copy_parts(struct copy_image *copy, const struct document *document, unsigned depth, struct error **err)
{
	if (!document->index)
		return bring_blobs(copy, document, err);
	for (size_t i = 0; i < document->len; i++) {
		const char *member = document->entries[i].blob.digest;
		int r = copy_version(copy, member, depth + 1, err);

		if (r == 0)
			return error_make(err, ERROR_REGISTRY, "%s/%s lacks %s, a part of %s", copy->from->domain,
					  copy->from->repository, member, document->self.digest);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* Parts first. What has a tag for a version gets it in the other repository, too. */
static int copy_version(struct copy_image *copy, const char *version, unsigned depth, struct error **err)
{
	struct ref to = { .domain = copy->to->domain, .repository = copy->to->repository };
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	char held[DIGEST_LEN + 1];
	int r;

	if (depth > COPY_DEPTH_MAX)
		return error_make(err, ERROR_REGISTRY, "%s/%s: indexes in indexes are too deep at %s",
				  copy->from->domain, copy->from->repository, version);
	r = read_source(copy, version, &text, &document, err);
	if (r <= 0)
		return r;
	if (digest_valid(version))
		to.digest = (char *)version;
	else
		to.tag = (char *)version;
	r = registry_head(copy->registry, &to, true, held, err);
	if (r < 0)
		return -1;
	if (r > 0 && strcmp(held, document->self.digest) == 0)
		return 1;
	if (copy_parts(copy, document, depth, err) < 0 ||
	    registry_put_manifest(copy->registry, &to, document->self.media_type, text.data, text.len, err) < 0)
		return -1;
	copy->manifests++;
	return 1;
}

int copy_image(struct copy_image *copy, const char *digest, struct error **err)
{
	if (registry_prepare(copy->registry, copy->from, err) < 0 || registry_prepare(copy->registry, copy->to, err) < 0)
		return -1;
	return copy_version(copy, digest, 0, err);
}

/* ---- what is about it ---- */

static int referrers_copy_of(struct copy_image *copy, const char *digest, unsigned depth, struct error **err);

static int copy_referrer(struct copy_image *copy, const char *subject, const char *digest, unsigned depth,
			 struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	char put[DIGEST_LEN + 1];
	int r = digest_valid(digest) ? read_source(copy, digest, &text, &document, err) : 0;

	if (r <= 0)
		return r; /* the list names what was removed */
	if (copy_parts(copy, document, depth, err) < 0 ||
	    referrers_put(copy->registry, copy->to, subject, &text, NULL, put, err) < 0)
		return -1;
	copy->referrers++;
	return referrers_copy_of(copy, put, depth + 1, err);
}

static int copy_listed(struct copy_image *copy, const char *subject, unsigned depth, struct error **err)
{
	cleanup_json struct json *list = NULL;

	if (referrers_list(copy->registry, copy->from, subject, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(list); i++) {
		const char *digest = json_str(json_at(list, i), "digest");

		if (digest && copy_referrer(copy, subject, digest, depth, err) < 0)
			return -1;
	}
	return 0;
}

static int referrers_copy_of(struct copy_image *copy, const char *digest, unsigned depth, struct error **err)
{
	static const char *const suffixes[] = { ".sig", ".att", ".sbom" };

	if (depth > COPY_DEPTH_MAX)
		return 0;
	if (copy_listed(copy, digest, depth, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		cleanup_free char *tag = referrers_tag(digest, suffixes[i]);
		int r = copy_version(copy, tag, depth, err);

		if (r < 0)
			return -1;
		copy->referrers += (size_t)r;
	}
	return 0;
}

int copy_image_referrers(struct copy_image *copy, const char *digest, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	int r = read_source(copy, digest, &text, &document, err);

	if (r <= 0)
		return r;
	if (referrers_copy_of(copy, digest, 0, err) < 0)
		return -1;
	for (size_t i = 0; document->index && i < document->len; i++) {
		if (referrers_copy_of(copy, document->entries[i].blob.digest, 0, err) < 0)
			return -1;
	}
	return 0;
}
