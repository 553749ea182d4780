#ifndef ENGINE_RUNTIME_DELIVER_H
#define ENGINE_RUNTIME_DELIVER_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct layout;
struct loop;
struct state;

/* Delivers finished images to where they will run: an engine (docker, podman), containerd (ctr), or the nodes of a
 * kind cluster. On the loop's thread, outside loop_run. */
struct deliver;

/* `to`: "docker", "podman", "containerd", "containerd:NAMESPACE" or "kind:NAME". `packed`: only a snapshotter of
 * containerd can read the layers, so they must be kept as they are. ERROR_USAGE for anything else, or a place that
 * cannot do that; ERROR_TOOL with a remedy when it cannot be used. */
int deliver_open(const char *to, bool packed, struct loop *loop, struct state *state, struct layout *layout,
		 struct deliver **ret, struct error **err);
void deliver_free(struct deliver *deliver); /* NULL-safe */
/* True when it holds images of all platforms; otherwise only this machine's is delivered. */
bool deliver_holds_all(const struct deliver *deliver);
/* Delivers the image of the index `digest` under these references. ERROR_TOOL, ERROR_STATE. */
int deliver_image(struct deliver *deliver, const char *digest, const char *const *references, size_t len,
		  struct error **err);

#endif
