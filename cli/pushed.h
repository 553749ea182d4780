#ifndef CLI_PUSHED_H
#define CLI_PUSHED_H

struct error;
struct image_format;
struct record;
struct service;
struct session;

/* What was pushed last of a service, plain or in one of its formats, as the records know it: *ret (the caller's) is NULL when nothing was, or not to the
 * repository that the service's image names now, or when the store has lost it. `index`: only if it is of the same
 * platforms' images as this index of the store, which has no annotations and so another digest; or NULL. */
int pushed_find(struct session *session, const struct service *service, const struct image_format *format,
		const char *index, struct record **ret, struct error **err);

#endif
