#include "config.h"

#include <string.h>

#include "base/fs.h"
#include "engine/builder/buildah.h"
#include "engine/io/proc.h"

#define RUNTIME "--runtime="

bool buildah_is_podman(const char *program)
{
	return strcmp(path_base(program), "podman") == 0;
}

/* The flags before "build", or those after it. For podman, the OCI runtime is a global option. */
static void add_words(const char *program, const char *flags, bool before, struct argv *argv)
{
	while (*flags) {
		size_t len = strcspn(flags, " ");
		bool first = buildah_is_podman(program) && strncmp(flags, RUNTIME, strlen(RUNTIME)) == 0;

		if (len > 0 && first == before)
			argv_addf(argv, "%.*s", (int)len, flags);
		flags += len + (flags[len] == ' ');
	}
}

void buildah_begin(const char *program, const char *flags, struct argv *argv)
{
	argv_add(argv, program);
	add_words(program, flags, true, argv);
	argv_add(argv, "build");
}

void buildah_add_flags(const char *program, const char *flags, struct argv *argv)
{
	add_words(program, flags, false, argv);
}
