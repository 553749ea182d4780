#include "config.h"

#include "engine/registry/artifact.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/document.h"
#include "engine/registry/client.h"

int artifact_send_file(struct registry *registry, const struct ref *repository, const char *type, const char *path,
		       struct descriptor *ret, struct error **err)
{
	struct descriptor blob = { .media_type = (char *)type };
	int r;

	if (digest_file(path, blob.digest, &blob.size, err) < 0)
		return -1;
	r = registry_has_blob(registry, repository, true, blob.digest, blob.size, err);
	if (r == 0)
		r = registry_upload(registry, repository, &blob, path, NULL, NULL, NULL, err);
	if (r < 0)
		return -1;
	*ret = blob;
	ret->media_type = mem_strdup(type);
	return 0;
}

int artifact_send(struct registry *registry, const struct ref *repository, const char *type, const void *data,
		  size_t len, struct descriptor *ret, struct error **err)
{
	const char *tmp = getenv("TMPDIR");
	cleanup_free char *path = mem_printf("%s/cbuild-artifact-XXXXXX", tmp && *tmp ? tmp : "/var/tmp");
	cleanup_fd int fd = mkstemp(path);
	int r;

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	r = fs_write_all(fd, data, len, path, err);
	if (r == 0)
		r = artifact_send_file(registry, repository, type, path, ret, err);
	unlink(path);
	return r;
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
