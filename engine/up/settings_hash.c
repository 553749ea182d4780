#include "config.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/up/up_internal.h"

static void settings_hash_add_words(struct hasher *hasher, const char *tag, const char *const *words)
{
	for (size_t i = 0; words && words[i]; i++)
		hasher_text(hasher, tag, words[i]);
}

static void settings_hash_add_publish(struct hasher *hasher, const struct runtime_publish *publish)
{
	cleanup_free char *text = mem_printf("%s:%u-%u:%u/%d", publish->host ? publish->host : "", publish->outer,
					     publish->outer_last, publish->inner, publish->udp);

	hasher_text(hasher, "publish", text);
}

void config_hash(const struct container_spec *spec, char ret[HASH_HEX + 1])
{
	struct hasher *hasher cleanup_hasher = hasher_new();

	hasher_text(hasher, "image", spec->image.identity);
	hasher_text(hasher, "container", spec->container);
	for (size_t i = 0; i < spec->environment_len; i++) {
		hasher_text(hasher, "name", spec->environment[i].key);
		hasher_text(hasher, "value", spec->environment[i].value);
	}
	settings_hash_add_words(hasher, "entrypoint", spec->entrypoint);
	settings_hash_add_words(hasher, "command", spec->command);
	settings_hash_add_words(hasher, "tmpfs", spec->tmpfs);
	settings_hash_add_words(hasher, "alias", spec->aliases);
	for (size_t i = 0; i < spec->settings_len; i++) {
		hasher_text(hasher, "setting", spec->settings[i].key);
		hasher_text(hasher, "value", spec->settings[i].value);
	}
	settings_hash_add_words(hasher, "volume", spec->volumes);
	hasher_text(hasher, "user", spec->user);
	hasher_text(hasher, "working_dir", spec->working_dir);
	hasher_text(hasher, "stop_signal", spec->stop_signal);
	hasher_field(hasher, "grace_s", &spec->grace_s, sizeof(spec->grace_s));
	for (size_t i = 0; i < spec->ports_len; i++)
		hasher_field(hasher, "port", &spec->ports[i], sizeof(spec->ports[i]));
	for (size_t i = 0; i < spec->publish_len; i++)
		settings_hash_add_publish(hasher, &spec->publish[i]);
	hash_hex(hasher_done(hasher), ret);
}
