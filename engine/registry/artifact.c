#include "config.h"

#include "engine/registry/artifact.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/document.h"
#include "engine/registry/client.h"

static int artifact_send_missing(struct registry *registry, const struct ref *repository, const struct descriptor *blob,
				 int fd, struct descriptor *ret, struct error **err)
{
	int r = registry_has_blob(registry, repository, true, blob->digest, blob->size, err);

	if (r == 0)
		r = registry_upload(registry, repository, blob, fd, NULL, NULL, NULL, err);
	if (r < 0)
		return -1;
	*ret = *blob;
	ret->media_type = mem_strdup(blob->media_type);
	return 0;
}

int artifact_send_file(struct registry *registry, const struct ref *repository, const char *type, const char *path,
		       struct descriptor *ret, struct error **err)
{
	struct descriptor blob = { .media_type = (char *)type };
	cleanup_fd int fd = fs_open(path, err);

	if (fd < 0 || digest_file(path, blob.digest, &blob.size, err) < 0)
		return -1;
	return artifact_send_missing(registry, repository, &blob, fd, ret, err);
}

int artifact_send(struct registry *registry, const struct ref *repository, const char *type, const void *data,
		  size_t len, struct descriptor *ret, struct error **err)
{
	struct descriptor blob = { .media_type = (char *)type, .size = len };
	cleanup_fd int fd = fs_unnamed(err);

	if (fd < 0 || fs_write_all(fd, data, len, type, err) < 0 || digest_bytes(data, len, blob.digest, err) < 0)
		return -1;
	return artifact_send_missing(registry, repository, &blob, fd, ret, err);
}

int artifact_subject(struct registry *registry, const struct ref *repository, const char *digest,
		     struct descriptor *ret, struct error **err)
{
	struct ref ref = { .domain = repository->domain, .repository = repository->repository, .digest = (char *)digest };
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	int r = registry_artifact(registry, &ref, true, &text, &document, err);

	if (r == 0)
		return error_make(err, ERROR_REGISTRY, "%s/%s has no %s", ref.domain, ref.repository, digest);
	if (r < 0)
		return -1;
	*ret = document->self;
	document->self.media_type = NULL;
	return 0;
}

void artifact_dump(const char *type, const struct descriptor *config, struct json *layers,
		   const struct descriptor *subject, struct json *annotations, struct buf *ret)
{
	cleanup_json struct json *json = json_new_object();

	json_set_int(json, "schemaVersion", 2);
	json_set_str(json, "mediaType", OCI_MANIFEST);
	json_set_str(json, "artifactType", type);
	json_set(json, "config", document_descriptor(config, NULL));
	json_set(json, "layers", layers);
	json_set(json, "subject", document_descriptor(subject, NULL));
	json_set(json, "annotations", annotations);
	json_dump(json, JSON_COMPACT, ret);
}
