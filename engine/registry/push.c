#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/workers.h"
#include "engine/oci/document.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"
#include "engine/registry/claims.h"
#include "engine/registry/client.h"
#include "engine/registry/push.h"
#include "engine/registry/registry_internal.h"

#define THREADS 4 /* blobs of one image that are sent at once */

/* The blobs of an image, shared by a few threads. */
struct crate {
	const struct push *push;
	struct push_result *result;
	const struct descriptor **blobs;
	pthread_mutex_t lock; /* for result and error */
	struct error *error;  /* the first */
};

struct push_way {
	const struct push *push;
	uint64_t bytes;
};

static void push_note_sent(void *data, int64_t bytes)
{
	struct push_way *way = data;

	way->bytes += (uint64_t)bytes;
	if (way->push->progress)
		way->push->progress(way->push->data, bytes, 0);
}

/* Negative on error; 0 exists, 1 mounted, 2 sent. */
static int push_bring(const struct push *push, const struct descriptor *blob, const char *from, struct push_way *way,
		      struct error **err)
{
	cleanup_free char *path = layout_blob_path(push->layout, blob->digest);
	cleanup_fd int fd = -1;
	int r = from ? 0 : registry_has_blob(push->registry, push->where, true, blob->digest, blob->size, err);

	if (r != 0)
		return r < 0 ? -1 : 0;
	if (push->progress)
		push->progress(push->data, 0, blob->size);
	fd = fs_open(path, err);
	if (fd < 0)
		return -1;
	r = registry_upload(push->registry, push->where, blob, fd, from, push_note_sent, way, err);
	if (r == 0 && push->progress)
		push->progress(push->data, (int64_t)blob->size, 0); /* it did not have to be sent after all */
	return r < 0 ? -1 : r + 1;
}

static int look_after(struct crate *crate, const struct descriptor *blob, struct error **err)
{
	struct claims *claims = registry_claims(crate->push->registry);
	const struct ref *where = crate->push->where;
	struct push_way way = { .push = crate->push };
	cleanup_free char *from = NULL;
	int r = 0;

	if (claims_take(claims, where->domain, where->repository, blob->digest, &from) != CLAIM_THERE) {
		r = push_bring(crate->push, blob, from, &way, err);
		claims_done(claims, where->domain, where->repository, blob->digest, r >= 0);
	}
	pthread_mutex_lock(&crate->lock);
	crate->result->there += r == 0;
	crate->result->mounted += r == 1;
	crate->result->sent += r == 2;
	crate->result->bytes += way.bytes;
	pthread_mutex_unlock(&crate->lock);
	return r < 0 ? -1 : 0;
}

static bool push_has_failed(struct crate *crate)
{
	bool failed;

	pthread_mutex_lock(&crate->lock);
	failed = crate->error != NULL;
	pthread_mutex_unlock(&crate->lock);
	return failed;
}

static void look_after_one(void *data, size_t index, unsigned worker)
{
	struct crate *crate = data;
	struct error *error = NULL;

	(void)worker;
	if (push_has_failed(crate) || look_after(crate, crate->blobs[index], &error) == 0)
		return;
	pthread_mutex_lock(&crate->lock);
	error_move(crate->error ? NULL : &crate->error, &error);
	pthread_mutex_unlock(&crate->lock);
}

/* The largest first, because the last one to finish decides when all are done. */
static int push_by_size(const void *a, const void *b)
{
	const struct descriptor *one = *(const struct descriptor *const *)a;
	const struct descriptor *other = *(const struct descriptor *const *)b;

	return one->size < other->size ? 1 : one->size > other->size ? -1 : strcmp(one->digest, other->digest);
}

static int send_blobs(const struct push *push, const struct reach *reach, struct push_result *result, struct error **err)
{
	cleanup_free const struct descriptor **blobs = mem_array(reach->len + 1, sizeof(*blobs));
	struct crate crate = { .push = push, .result = result, .blobs = blobs };
	size_t len = 0;

	for (size_t i = 0; i < reach->len; i++) {
		if (!document_type_known(reach->items[i].media_type))
			blobs[len++] = &reach->items[i];
	}
	qsort(blobs, len, sizeof(*blobs), push_by_size);
	pthread_mutex_init(&crate.lock, NULL);
	workers_run(len, THREADS, look_after_one, &crate);
	pthread_mutex_destroy(&crate.lock);
	return crate.error ? error_move(err, &crate.error) : 0;
}

static int push_put(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
		    struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	if (layout_read(layout, digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, digest, digest, &document, err) < 0)
		return -1;
	return registry_put_manifest(registry, where, document->self.media_type, text.data, text.len, err);
}

static int put_by_digest(const struct push *push, const char *digest, struct error **err)
{
	struct ref where = *push->where;

	where.tag = NULL;
	where.digest = (char *)digest;
	return push_put(push->registry, push->layout, &where, digest, err);
}

/* A registry accepts a manifest only when all its blobs exist. */
static int push_is_there(const struct push *push, const char *digest, struct error **err)
{
	struct ref where = *push->where;
	char found[DIGEST_LEN + 1];

	where.tag = NULL;
	where.digest = (char *)digest;
	return registry_head(push->registry, &where, true, found, err);
}

/* Collects the parts of an index's members that are missing. */
static int collect_missing(const struct push *push, struct reach *reach, struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };

	if (layout_read(push->layout, push->digest, &text, err) < 0 ||
	    document_parse(text.data, text.len, NULL, push->digest, push->digest, &document, err) < 0)
		return -1;
	if (!document->index)
		return reach_collect(push->layout, push->digest, REACH_VERIFY, reach, err);
	for (size_t i = 0; i < document->len; i++) {
		const char *member = document->entries[i].blob.digest;
		int r = push_is_there(push, member, err);

		if (r < 0 || (r == 0 && reach_collect(push->layout, member, REACH_VERIFY, reach, err) < 0))
			return -1;
	}
	return 0;
}

static int send_missing(const struct push *push, const struct reach *reach, struct push_result *result, struct error **err)
{
	if (send_blobs(push, reach, result, err) < 0)
		return -1;
	/* Parents come before what they refer to. */
	for (size_t i = reach->len; i-- > 0;) {
		const struct descriptor *item = &reach->items[i];

		if (document_type_known(item->media_type) && strcmp(item->digest, push->digest) != 0 &&
		    put_by_digest(push, item->digest, err) < 0)
			return -1;
	}
	return put_by_digest(push, push->digest, err);
}

/* Tries a single request. A registry rejects an index if a part of it is missing; any other problem shows in the
 * full push. */
static bool put_again(const struct push *push)
{
	struct error *error = NULL;

	if (put_by_digest(push, push->digest, &error) == 0)
		return true;
	error_free(error);
	return false;
}

int push_content(const struct push *push, struct push_result *ret, struct error **err)
{
	struct reach reach = { 0 };
	int r;

	*ret = (struct push_result){ 0 };
	if (registry_prepare(push->registry, push->where, err) < 0)
		return -1;
	if (push->again && put_again(push))
		return 0;
	r = push_is_there(push, push->digest, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	r = collect_missing(push, &reach, err);
	if (r == 0)
		r = send_missing(push, &reach, ret, err);
	reach_free(&reach);
	return r;
}

int push_tag(struct registry *registry, struct layout *layout, const struct ref *where, const char *digest,
	     struct error **err)
{
	struct ref tagged = *where;

	tagged.digest = NULL;
	return push_put(registry, layout, &tagged, digest, err);
}
