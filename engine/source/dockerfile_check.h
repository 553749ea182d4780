#ifndef ENGINE_SOURCE_DOCKERFILE_CHECK_H
#define ENGINE_SOURCE_DOCKERFILE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diags;
struct dockerfile;

/* Finds probable mistakes in a Dockerfile that does build. */

struct dockerfile_check {
	const char *target; /* or NULL: the last stage */
	/* True when an image name refers to one of the manifest's services or a named context, which is checked
	 * elsewhere. */
	bool (*is_ours)(void *data, const char *name);
	/* The user that an image sets ("" for none), malloc'd; NULL when the image is not here. May be missing. */
	char *(*user_of)(void *data, const char *name);
	void *data;
};

/* Adds warnings about the text registered as `file`: secrets in ARG and ENV, bases without a fixed version, an image
 * that runs as root. */
void dockerfile_check(const struct dockerfile *dockerfile, const struct dockerfile_check *check, struct diags *diags,
		      uint32_t file);
/* Whether the Dockerfile declares the argument or builders predefine it. */
bool dockerfile_declares(const struct dockerfile *dockerfile, const char *name);

#endif
