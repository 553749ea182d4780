#ifndef CLI_CMD_IMAGES_REMOTE_H
#define CLI_CMD_IMAGES_REMOTE_H

struct error;
struct json;
struct session;

/* Asks the registries what stands under each reference of the images (`list`, as `cbuild images` makes it) and adds it as
 * "remote": [{"reference", "state": "same" | "differs" | "missing", "digest"}]. The same is also what differs only in
 * annotations of its index: another commit may have pushed it. ERROR_REGISTRY. */
int images_remote(struct session *session, struct json *list, struct error **err);

#endif
