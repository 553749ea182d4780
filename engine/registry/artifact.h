#ifndef ENGINE_REGISTRY_ARTIFACT_H
#define ENGINE_REGISTRY_ARTIFACT_H

#include <stddef.h>

#include "base/digest.h"

struct buf;
struct descriptor;
struct error;
struct json;
struct ref;
struct registry;

/* Artifacts about an image: OCI manifests with a "subject" (image-spec, manifest.md). */

#define ARTIFACT_EMPTY "application/vnd.oci.empty.v1+json" /* the type of the config "{}" */

/* Sends a small blob, unless it is there; *ret describes it (the caller frees its media_type). */
int artifact_send(struct registry *registry, const struct ref *repository, const char *type, const void *data,
		  size_t len, struct descriptor *ret, struct error **err);
/* The same of a file of any size. */
int artifact_send_file(struct registry *registry, const struct ref *repository, const char *type, const char *path,
		       struct descriptor *ret, struct error **err);
/* The descriptor of a manifest or index in the repository. ERROR_REGISTRY when it is not there. */
int artifact_subject(struct registry *registry, const struct ref *repository, const char *digest,
		     struct descriptor *ret, struct error **err);
/* The text of a manifest. `layers` (an array) and `annotations` (NULL: none) are owned from then on. */
void artifact_dump(const char *type, const struct descriptor *config, struct json *layers,
		   const struct descriptor *subject, struct json *annotations, struct buf *ret);

#endif
