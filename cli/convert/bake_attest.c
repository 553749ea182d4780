#include "config.h"

#include "cli/convert/bake_attest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "dsl/manifest.h"

const char *attest_provenance(const struct service *service)
{
	static const char *const modes[] = { NULL, "mode=min", "mode=max" };
	TABLE_COMPLETE(modes, PROVENANCES);

	return service_attests(service) ? modes[service->build.provenance] : NULL;
}

char *attest_sbom(const struct service *service)
{
	const char *generator = service->build.sbom_generator;

	if (!service_attests(service) || !service->build.sbom)
		return NULL;
	return generator ? mem_printf("generator=%s", generator) : mem_strdup("true");
}

struct json *bake_attest_write(const struct service *service)
{
	const char *provenance = attest_provenance(service);
	cleanup_free char *sbom = attest_sbom(service);
	struct json *list = provenance || sbom ? json_new_array() : NULL;

	if (provenance) {
		cleanup_free char *text = mem_printf("type=provenance,%s", provenance);

		json_append(list, json_new_string(text));
	}
	if (sbom) {
		bool own = strcmp(sbom, "true") != 0;
		cleanup_free char *text = mem_printf("type=sbom%s%s", own ? "," : "", own ? sbom : "");

		json_append(list, json_new_string(text));
	}
	return list;
}
