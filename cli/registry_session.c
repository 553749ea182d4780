#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/registry_session.h"
#include "cli/session.h"
#include "cli/sources.h"
#include "engine/io/loop.h"
#include "engine/registry/client.h"

int registry_session_open(struct session *session, const struct options *options, struct error **err)
{
	*session = (struct session){ .options = options, .alone = -1 };
	if (sources_exist(options) && session_open(session, options, err) < 0)
		return -1;
	return session_registry(session, err);
}

int registry_session_domain(const char *word, char **ret, struct error **err)
{
	cleanup_free char *name = NULL;
	struct ref ref = { 0 };
	const char *why;

	if (!word) {
		*ret = mem_strdup("docker.io");
		return 0;
	}
	if (strncasecmp(word, "https://", 8) == 0)
		word += 8;
	else if (strncasecmp(word, "http://", 7) == 0)
		word += 7;
	name = mem_printf("%.*s/x/x", (int)strcspn(word, "/"), word);
	if (!ref_parse(name, &ref, &why))
		return error_make(err, ERROR_USAGE, "\"%s\" is not a registry: %s", word, why);
	/* In a reference, a first word without a dot or port is a folder of Docker Hub. */
	if (strncmp(name, ref.domain, strlen(ref.domain)) != 0 && strcmp(ref.domain, "docker.io") == 0 &&
	    strncmp(name, "index.docker.io/", strlen("index.docker.io/")) != 0) {
		ref_free(&ref);
		error_make(err, ERROR_USAGE, "\"%s\" is not the host of a registry", word);
		error_remedy(err, "write it as images name it: ghcr.io, localhost:5000");
		return -1;
	}
	*ret = steal_ptr(ref.domain);
	ref_free(&ref);
	return 0;
}
