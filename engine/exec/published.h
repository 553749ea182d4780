#ifndef ENGINE_EXEC_PUBLISHED_H
#define ENGINE_EXEC_PUBLISHED_H

#include <stddef.h>

#include "base/digest.h"

struct buf;
struct error;
struct layout;
struct layout_member;
struct manifest;
struct plan_pair;
struct service;

/*
 * An index as it is published: images, and annotations. Those are about the commit; the images' own labels that mean the same everywhere
 * (org.opencontainers.image.*), if one's config is in the store; and those that the manifest gives. Of several with one name the
 * last of these counts.
 */
struct published {
	const struct manifest *manifest;
	const struct service *service;
	struct layout *layout; /* has the manifests of the members */
	const struct layout_member *members;
	size_t len;
	const struct plan_pair *annotations; /* about the commit */
	size_t annotations_len;
};

/* 1: the text is the index of these images that another commit has published, and stays; 0: it is not. */
int published_stays(const struct published *published, const struct buf *text, struct error **err);
/* Stores the index of this commit. */
int published_write(const struct published *published, char ret_digest[DIGEST_LEN + 1], struct error **err);

#endif
