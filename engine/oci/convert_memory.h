#ifndef ENGINE_OCI_CONVERT_MEMORY_H
#define ENGINE_OCI_CONVERT_MEMORY_H

#include "engine/oci/convert.h"

struct json;

/* Packed layers, each as {"from", "digest", "size", "diffId", "annotations"}: `from` is the diff id of the original
 * layer. For the files of this room only. */

extern const char *const convert_form_names[]; /* the values of "form" in a conversion's detail */
/* A copy that the caller owns, or NULL. `memory` may be NULL. */
struct json *convert_memory_find(struct convert_memory *memory, enum convert_form form, const char *from);
void convert_memory_add(struct convert_memory *memory, enum convert_form form, const struct json *layer);

#endif
