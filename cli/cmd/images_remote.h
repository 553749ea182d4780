#ifndef CLI_CMD_IMAGES_REMOTE_H
#define CLI_CMD_IMAGES_REMOTE_H

struct error;
struct json;
struct session;

/* Asks the registries for each reference of the images (`list`, from `cbuild images`) and adds the answers as
 * "remote": [{"reference", "state": "same" | "differs" | "missing", "digest"}]. "same" includes an index that
 * differs only in annotations, pushed for another commit. ERROR_REGISTRY. */
int images_remote(struct session *session, struct json *list, struct error **err);

#endif
