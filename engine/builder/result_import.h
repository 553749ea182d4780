#ifndef ENGINE_BUILDER_RESULT_IMPORT_H
#define ENGINE_BUILDER_RESULT_IMPORT_H

struct build_result;
struct error;
struct layout;

/* Transfers images between the store and a builder. */

/* Writes the store's image `digest` as a new folder `dir` of containers/image's "dir:" transport, with a
 * manifest of docker's schema 2 and symbolic links to the store's blobs.
 * ERROR_STATE; ERROR_TOOL for layers that schema 2 has no type for (zstd). */
int import_stage_dir(struct layout *layout, const char *digest, const char *dir, struct error **err);
/* A reference in the form that `buildah pull` accepts: with its registry, and only the digest if it has one
 * (malloc'd). */
char *import_pull_reference(const char *reference);
/* Fills in identity, size and place of `result` from the store, by result->digest. ERROR_INTERNAL when the image's
 * identity is not `identity` (NULL: any). */
int import_finish(struct layout *layout, const char *identity, struct build_result *result, struct error **err);

#endif
