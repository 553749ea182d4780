#ifndef ENGINE_BUILDER_BUILDCTL_H
#define ENGINE_BUILDER_BUILDCTL_H

#include <stddef.h>

#include "base/platform.h"

struct argv;
struct buildkit_target;
struct error;

#define BUILDCTL_DEFAULT "unix:///run/buildkit/buildkitd.sock"
#define BUILDCTL_PLATFORMS_MAX 16

/* How a buildkitd is reached. */
struct buildctl_address {
	const char *program;         /* path of buildctl */
	const char *addr;            /* "unix:///run/buildkit/buildkitd.sock", "tcp://host:1234" */
	const char *ca, *cert, *key; /* files, or NULL */
};

/* The beginning of every command line: the program and where the daemon is. */
void buildctl_address_argv(const struct buildctl_address *address, struct argv *argv);
/* The command line of a build. `store`: the folder of cbuild's layout, absolute. Values of secrets go into `env`.
 * ERROR_INTERNAL for images that BuildKit cannot be given. Only the job's own data is read. */
int buildctl_argv(const struct buildctl_address *address, const char *store, const struct buildkit_target *target,
		  struct argv *argv, struct argv *env, struct error **err);

/* The answer of `buildctl debug workers --format={{json .}}`: the platforms of all workers, each worker's own first.
 * Returns how many; 0 when the text is no such answer. *ret_native: of them, those that need no emulator. */
size_t buildctl_workers(const char *text, size_t len, struct platform ret[BUILDCTL_PLATFORMS_MAX], size_t *ret_native);

#endif
