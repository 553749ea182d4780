#ifndef ENGINE_BUILDER_RESULT_IMPORT_H
#define ENGINE_BUILDER_RESULT_IMPORT_H

struct build_result;
struct error;
struct layout;

/* Images between the store and a builder. */

/* Writes the store's image `digest` as a new folder `dir` of containers/image's "dir:" transport, with a
 * manifest of docker's schema 2 and symbolic links to the store's blobs.
 * ERROR_STATE; ERROR_TOOL for layers that schema 2 has no type for (zstd). */
int import_stage_dir(struct layout *layout, const char *digest, const char *dir, struct error **err);
/* A reference as `buildah pull` takes it: with its registry, and by the digest alone when it has one (malloc'd). */
char *import_pull_reference(const char *reference);
/* Completes `result` with what the store has under result->digest: identity, size, place. ERROR_INTERNAL
 * when `identity` (NULL: any) is not the image's. */
int import_finish(struct layout *layout, const char *identity, struct build_result *result, struct error **err);

#endif
