#ifndef ENGINE_RUNTIME_DELIVER_H
#define ENGINE_RUNTIME_DELIVER_H

#include <stdbool.h>
#include <stddef.h>

struct error;
struct layout;
struct loop;
struct state;

/* Puts finished images where they are to run: into an engine (docker, podman), into containerd (ctr), or into the nodes of a
 * kind cluster. On the loop's thread, outside loop_run. */
struct deliver;

/* `to`: "docker", "podman", "containerd", "containerd:NAMESPACE" or "kind:NAME". `packed`: the layers are in a form that only a
 * snapshotter of containerd's can read, so it is to take them as they are. ERROR_USAGE for another place, or one that cannot do so;
 * ERROR_TOOL with a remedy when it cannot be used. */
int deliver_open(const char *to, bool packed, struct loop *loop, struct state *state, struct layout *layout,
		 struct deliver **ret, struct error **err);
void deliver_free(struct deliver *deliver); /* NULL-safe */
/* True when it holds images of all platforms; otherwise only this machine's is put there. */
bool deliver_holds_all(const struct deliver *deliver);
/* The image of the index `digest` under these references. ERROR_TOOL, ERROR_STATE. */
int deliver_image(struct deliver *deliver, const char *digest, const char *const *references, size_t len,
		  struct error **err);

#endif
