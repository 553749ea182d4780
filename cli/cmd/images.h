#ifndef CLI_CMD_IMAGES_H
#define CLI_CMD_IMAGES_H

struct error;
struct session;

/* In a step of a GitHub workflow: writes what the targets' images are to its outputs and summary, as `images --format=github` does. */
int images_tell_github(struct session *session, struct error **err);

#endif
