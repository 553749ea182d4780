#ifndef ENGINE_OCI_STORAGE_H
#define ENGINE_OCI_STORAGE_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct error;

/* containers-storage, the image storage that buildah and podman share: read from its own files
 * (<root>/<driver>-images/images.json), never written. An image whose writer was interrupted counts as missing: no
 * tool can use it, and loading it again repairs it. */
struct storage;

/* `root` is the graph root ("/var/lib/containers/storage"). A storage that does not exist counts as empty.
 * ERROR_STATE when its index cannot be read. */
int storage_open(const char *root, struct storage **ret, struct error **err);
void storage_free(struct storage *storage); /* NULL-safe */
void storage_cleanup(struct storage **storage);
#define cleanup_storage __attribute__((cleanup(storage_cleanup)))
/* `identity` is a config digest ("sha256:..."), which is the image's id here. */
bool storage_has(const struct storage *storage, const char *identity);
/* True when the image has that name ("ghcr.io/aic-sos/agent:latest", normalised as podman stores it). */
bool storage_has_name(const struct storage *storage, const char *identity, const char *reference);
/* The identity of the image that has that name, or NULL. Borrowed. */
const char *storage_find(const struct storage *storage, const char *reference);
/* Appends the image's original config blob, checked against the identity. */
int storage_config(const struct storage *storage, const char *identity, struct buf *ret, struct error **err);

#endif
