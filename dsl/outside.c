#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/outside.h"

/* The real path, also of a file that does not exist yet. */
static char *real_path(const char *path, struct error **err)
{
	char *real = realpath(path, NULL);
	cleanup_free char *dir = real ? NULL : path_dir(path);
	cleanup_free char *above = dir ? realpath(dir, NULL) : NULL;

	if (real)
		return real;
	return above ? path_join(above, path_base(path)) : path_absolute(path, err);
}

int outside_refuse(const char *project, const char *path, struct error **err)
{
	cleanup_free char *real = project ? real_path(path, err) : NULL;

	if (!project)
		return 0;
	if (!real || path_inside(project, real))
		return real ? 0 : -1;
	error_make(err, ERROR_USAGE, "%s is outside of the project %s", path, project);
	error_remedy(err, "--allow-outside lets manifests name files out there");
	return -1;
}

bool outside_is_manifest(const char *text)
{
	static const char *const words[] = { "services:",   "templates:",         "groups:", "include:", "builders:",
					     "registries:", "source_date_epoch:", "x-" };

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (strncmp(line, words[i], strlen(words[i])) == 0)
				return true;
		}
	}
	return false;
}
