#include "config.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/bug.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "dsl/schema.h"

/* What is passed on about how a container runs. */

struct settings_walk {
	void (*take)(void *data, const char *key, const char *value);
	void *data;
};

static void settings_pass(const struct settings_walk *walk, const char *key, const struct texts *texts)
{
	for (size_t i = 0; i < texts->len; i++)
		walk->take(walk->data, key, texts->items[i].s);
}

static void settings_pass_pairs(const struct settings_walk *walk, const char *key, const struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->len; i++) {
		const struct pair *pair = &pairs->items[i];
		cleanup_free char *text = mem_printf("%s=%s", pair->key.s, pair->value.s ? pair->value.s : "");

		walk->take(walk->data, key, text);
	}
}

static void settings_pass_one(const struct settings_walk *walk, const struct schema_key *key, const void *value)
{
	cleanup_free char *text = NULL;

	switch (key->type) {
	case TYPE_BOOL:
		if (*(const bool *)value)
			walk->take(walk->data, key->name, "true");
		break;
	case TYPE_MEMORY:
		text = mem_printf("%" PRIu64, *(const uint64_t *)value);
		if (*(const uint64_t *)value > 0)
			walk->take(walk->data, key->name, text);
		break;
	case TYPE_TEXT:
		if (((const struct text *)value)->s)
			walk->take(walk->data, key->name, ((const struct text *)value)->s);
		break;
	case TYPE_PAIRS:
		settings_pass_pairs(walk, key->name, value);
		break;
	default:
		bug_if(key->type != TYPE_TEXTS && key->type != TYPE_DEVICES && key->type != TYPE_HOSTS &&
			       key->type != TYPE_ULIMITS,
		       "a setting of type %d", (int)key->type);
		settings_pass(walk, key->name, value);
	}
}

void service_settings(const struct service *service, void (*take)(void *data, const char *key, const char *value),
		      void *data)
{
	const struct settings_walk walk = { take, data };

	for (const struct schema_key *key = schema_next_run(NULL); key; key = schema_next_run(key))
		settings_pass_one(&walk, key, schema_run_value(key, service));
	if (service->run.logging.driver.s)
		take(data, "logging.driver", service->run.logging.driver.s);
	settings_pass_pairs(&walk, "logging.options", &service->run.logging.options);
}
