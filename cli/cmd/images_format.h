#ifndef CLI_CMD_IMAGES_FORMAT_H
#define CLI_CMD_IMAGES_FORMAT_H

#include <stdbool.h>

struct buf;
struct error;
struct json;

/* The output of `images` for other tools, from its list of images. If an image was pushed, its digest is the
 * registry's. */

/* WEB_IMAGE=registry/name@sha256:...: for `. <(cbuild images --format=env)`. */
void images_env(const struct json *list, struct buf *out);
/* The `images` of a kustomization.yaml. */
void images_kustomize(const struct json *list, struct buf *out);
/* Values of a helm chart: for each service image.repository, image.tag and, if it was pushed, image.digest. */
void images_helm(const struct json *list, struct buf *out);
/* A compose file to be merged over one's own: each service's image, by digest if it was pushed. */
void images_compose(const struct json *list, struct buf *out);
/* web=registry/name@sha256:... for each service, web_linux_amd64=registry/name@sha256:... for each platform of a pushed one, and
 * images=[...] as JSON: the outputs of a step of a GitHub workflow. They go to the file named by GITHUB_OUTPUT if set, else to `out`; a table goes to that of
 * GITHUB_STEP_SUMMARY. */
bool images_github_asked(void); /* whether either is set */
int images_github(const struct json *list, struct buf *out, struct error **err);

#endif
