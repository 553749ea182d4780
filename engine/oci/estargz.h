#ifndef ENGINE_OCI_ESTARGZ_H
#define ENGINE_OCI_ESTARGZ_H

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "engine/oci/archive.h"

struct error;

/*
 * eStargz (stargz-snapshotter, docs/estargz.md): a layer made of gzip members, one for the content of each file, with
 * a table of contents at its end, so that a runtime can read single files without fetching the whole layer. To
 * everything else it is a tar+gzip layer. The tar gains two entries (a landmark that says that nothing is to be
 * prefetched, and the table), so the layer has its own diff id; all other entries are kept header for header, except
 * for a landmark or table that was there already.
 */
struct estargz;

struct estargz_result {
	char diff_id[DIGEST_LEN + 1];
	char toc_digest[DIGEST_LEN + 1]; /* of the table's text */
	uint64_t size;                   /* bytes, uncompressed */
};

/* The sink gets the layer. ERROR_TOOL, ERROR_STATE. */
int estargz_new(pack_sink *sink, void *data, struct estargz **ret, struct error **err);
void estargz_free(struct estargz *estargz); /* NULL-safe */
/* Adds the next bytes of the uncompressed tar. A damaged tar, or one that the table cannot describe (a name that is
 * not UTF-8, a sparse file), is an error. */
int estargz_add(struct estargz *estargz, const void *data, size_t len, struct error **err);
int estargz_end(struct estargz *estargz, struct estargz_result *ret, struct error **err);

void estargz_cleanup(struct estargz **estargz);
#define cleanup_estargz __attribute__((cleanup(estargz_cleanup)))

#endif
