#ifndef CLI_PUSHED_H
#define CLI_PUSHED_H

struct error;
struct image_format;
struct record;
struct service;
struct session;

/* The last push of a service, plain or in one of its formats, according to the records. *ret (the caller's) is NULL
 * when there was none, when it went to another repository than the image's current name, or when the store has lost
 * it. `index` (may be NULL): only if it has the same platforms' images as this index of the store, whose digest
 * differs because it has no annotations. */
int pushed_find(struct session *session, const struct service *service, const struct image_format *format,
		const char *index, struct record **ret, struct error **err);

#endif
