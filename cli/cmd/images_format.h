#ifndef CLI_CMD_IMAGES_FORMAT_H
#define CLI_CMD_IMAGES_FORMAT_H

struct buf;
struct error;
struct json;

/* What `images` prints for the next tool, from its list of images. Where an image was pushed its digest is the one that the
 * registry knows. */

/* WEB_IMAGE=registry/name@sha256:...: for `. <(cbuild images --format=env)`. */
void images_env(const struct json *list, struct buf *out);
/* The `images` of a kustomization.yaml. */
void images_kustomize(const struct json *list, struct buf *out);
/* web=registry/name@sha256:... a service, and images=[...] as JSON: the outputs of a step of GitHub's workflows. They go to the
 * file that GITHUB_OUTPUT names when it is set, else to `out`; a table to the one of GITHUB_STEP_SUMMARY. */
int images_github(const struct json *list, struct buf *out, struct error **err);

#endif
