#include "config.h"

#include "cli/convert/bake_attest.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "cli/convert/bake_value.h"
#include "dsl/manifest.h"

static bool bake_attest_is(const char *text, const char *word)
{
	return text && strcmp(text, word) == 0;
}

static void bake_attest_read_one(const struct json *value, struct json *build)
{
	cleanup_free char *type = bake_value_attribute(value, "type"), *mode = bake_value_attribute(value, "mode"),
			  *generator = bake_value_attribute(value, "generator"),
			  *disabled = bake_value_attribute(value, "disabled");
	cleanup_free char *scanner = generator ? mem_printf("generator=%s", generator) : NULL;

	if (bake_attest_is(disabled, "true"))
		return;
	if (bake_attest_is(type, "provenance"))
		json_set_str(build, "provenance", bake_attest_is(mode, "max") ? "max" : "min");
	else if (bake_attest_is(type, "sbom") && scanner)
		json_set_str(build, "sbom", scanner);
	else if (bake_attest_is(type, "sbom"))
		json_set_bool(build, "sbom", true);
}

void bake_attest_read(const struct json *list, struct json *build)
{
	for (size_t i = 0; i < json_len(list); i++)
		bake_attest_read_one(json_at(list, i), build);
}

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
