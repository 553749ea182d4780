#ifndef ENGINE_OCI_STORAGE_UNUSED_H
#define ENGINE_OCI_STORAGE_UNUSED_H

#include <stddef.h>
#include <stdint.h>

struct error;
struct map;

/* Images of containers-storage (storage.h) that only earlier results need. */
struct storage_unused {
	char **ids; /* 64 hex digits, NULL-terminated, each before what it was built on */
	size_t len, cap;
	uint64_t bytes; /* of the layers that no other image has */
};

/*
 * Of the images `former` (identities, NULL-terminated): those without a name that no container uses, and the unnamed images below
 * them, which are the steps of their builds, as far as no image with a name, of a container or in `kept` (its keys are
 * identities) is among them or built on them. Whoever removes them still has to ask the tool, which knows more. ERROR_STATE.
 */
int storage_unused_find(const char *root, const char *const *former, const struct map *kept, struct storage_unused *ret,
			struct error **err);
void storage_unused_free(struct storage_unused *unused); /* the contents */

#endif
