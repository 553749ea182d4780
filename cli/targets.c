#include "config.h"

#include <string.h>

#include "base/error.h"
#include "cli/options.h"
#include "cli/session.h"
#include "cli/targets.h"
#include "dsl/manifest.h"

int targets_check(const struct session *session, struct error **err)
{
	for (size_t i = 0; i < session->targets_len; i++) {
		const char *target = session->targets[i];

		if (strcmp(target, "all") != 0 && !manifest_group(session->manifest, target) &&
		    manifest_service(session->manifest, target) < 0)
			return error_make(err, ERROR_USAGE, "no service or group is called \"%s\"", target);
	}
	return 0;
}

bool targets_want(const struct session *session, size_t service)
{
	if (session->options->targets_len == 0)
		return true;
	for (size_t i = 0; i < session->targets_len; i++) {
		const char *target = session->targets[i];
		const struct group *group = manifest_group(session->manifest, target);

		if (strcmp(target, "all") == 0 || strcmp(target, session->manifest->services[service].name.s) == 0)
			return true;
		for (size_t j = 0; group && j < group->services_len; j++) {
			if (group->services[j] == service)
				return true;
		}
	}
	return false;
}
