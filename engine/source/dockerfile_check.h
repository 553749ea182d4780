#ifndef ENGINE_SOURCE_DOCKERFILE_CHECK_H
#define ENGINE_SOURCE_DOCKERFILE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct diags;
struct dockerfile;
struct ignore;

/* What is likely to be wrong in a Dockerfile that builds all the same. */

struct dockerfile_check {
	const char *target;          /* or NULL: the last stage */
	const struct ignore *ignore; /* of the main context, or NULL */
	/* True when an image's name means one of the manifest's services or a named context: what that is made of is looked at
	 * there. */
	bool (*is_ours)(void *data, const char *name);
	void *data;
};

/* Adds complaints about the text that is registered as `file`: secrets in ARG and ENV, bases that may change under their
 * name, COPY sources that the ignore file removes, an image that runs as root. */
void dockerfile_check(const struct dockerfile *dockerfile, const struct dockerfile_check *check, struct diags *diags,
		      uint32_t file);
/* Whether the Dockerfile declares the argument, or the builders know it without that. */
bool dockerfile_declares(const struct dockerfile *dockerfile, const char *name);

#endif
