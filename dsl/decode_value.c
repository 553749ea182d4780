#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "dsl/decode.h"
#include "dsl/manifest.h"
#include "dsl/node.h"
#include "dsl/schema.h"

/* Parses a decimal number; false when it is not one, or is above `max`. */
static bool parse_number(const char *s, uint64_t max, uint64_t *ret)
{
	unsigned long long value;

	if (!*s || strspn(s, "0123456789") != strlen(s))
		return false;
	errno = 0;
	value = strtoull(s, NULL, 10);
	if (errno || value > max)
		return false;
	*ret = value;
	return true;
}

static bool parse_bool(const char *s, bool *ret)
{
	static const char *const yes[] = { "true", "yes", "on", "y" };
	static const char *const no[] = { "false", "no", "off", "n" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		*ret = !strcasecmp(s, yes[i]);
		if (*ret || !strcasecmp(s, no[i]))
			return true;
	}
	return false;
}

static bool decode_number(const char *s, uint64_t min, uint64_t max, void *at, size_t size)
{
	uint64_t number;

	if (!parse_number(s, max, &number) || number < min)
		return false;
	if (size == sizeof(uint16_t))
		*(uint16_t *)at = (uint16_t)number;
	else
		*(int64_t *)at = (int64_t)number;
	return true;
}

/* compose's durations: "12h", "1d2h". */
static bool is_span(const char *s)
{
	do {
		size_t digits = strspn(s, "0123456789");

		if (!digits || !s[digits] || !strchr("wdhms", s[digits]))
			return false;
		s += digits + 1;
	} while (*s);
	return true;
}

/* compose-spec, 05-services, pull_policy. Policies that pull only periodically accept a local image. */
static bool parse_pull(const char *s, void *ret)
{
	static const char *const words[] = { "always", "never",   "missing", "if_not_present",
					     "build",  "refresh", "daily",   "weekly" };
	struct pull_policy *policy = ret;

	*policy = (struct pull_policy){ .written = s };
	policy->when = !strcmp(s, "always") ? PULL_ALWAYS : !strcmp(s, "never") ? PULL_NEVER : PULL_MISSING;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(s, words[i]))
			return true;
	return !strncmp(s, "every_", 6) && is_span(s + 6);
}

static bool parse_index(const char *s, bool *ret_bare)
{
	*ret_bare = strcmp(s, "never") == 0;
	return *ret_bare || strcmp(s, "auto") == 0 || strcmp(s, "always") == 0;
}

static bool parse_media(const char *s, bool *ret_docker)
{
	*ret_docker = strcmp(s, "docker") == 0;
	return *ret_docker || strcmp(s, "oci") == 0;
}

static bool parse_revision(const char *s, bool *ret_every)
{
	*ret_every = strcmp(s, "every") == 0;
	return *ret_every || strcmp(s, "auto") == 0;
}

static bool parse_scheme(const char *s, bool *ret_https)
{
	*ret_https = strcmp(s, "https") == 0;
	return *ret_https || strcmp(s, "http") == 0;
}

static bool parse_time(const char *s, bool zero, uint64_t *ret_ms)
{
	if (zero && strcmp(s, "0") == 0) {
		*ret_ms = 0;
		return true;
	}
	return text_parse_duration(s, ret_ms) && (zero || *ret_ms > 0);
}

void decode_value(struct decode *d, const struct schema_key *key, const struct yaml_node *node, void *at)
{
	struct text text;
	bool good = false;

	if (!decode_text(d, key, node, &text))
		return;
	switch (key->type) {
	case TYPE_BOOL:
		good = parse_bool(text.s, at);
		break;
	case TYPE_EPOCH:
		good = decode_number(text.s, 0, INT64_MAX, at, sizeof(int64_t));
		break;
	case TYPE_STATUS:
		good = decode_number(text.s, 100, 599, at, sizeof(uint16_t));
		break;
	case TYPE_COUNT:
		good = key->flags & FLAG_ZERO ? decode_number(text.s, 0, UINT16_MAX, at, sizeof(uint16_t))
					      : decode_number(text.s, 1, 1000, at, sizeof(uint16_t));
		break;
	case TYPE_PULL:
		good = parse_pull(text.s, at);
		break;
	case TYPE_INDEX:
		good = parse_index(text.s, at);
		break;
	case TYPE_MEDIA:
		good = parse_media(text.s, at);
		break;
	case TYPE_REVISION:
		good = parse_revision(text.s, at);
		break;
	case TYPE_SCHEME:
		good = parse_scheme(text.s, at);
		break;
	case TYPE_PORT:
		good = decode_number(text.s, 1, 65535, at, sizeof(uint16_t));
		break;
	case TYPE_SIZE:
		good = text_parse_size(text.s, at) && *(uint64_t *)at > 0;
		if (key->pos)
			*(struct pos *)((char *)at - key->offset + key->pos) = text.pos;
		break;
	case TYPE_MEMORY:
		good = text_parse_memory(text.s, at) && *(uint64_t *)at > 0;
		break;
	case TYPE_DURATION:
		good = parse_time(text.s, key->flags & FLAG_ZERO, at);
		break;
	default:
		break;
	}
	if (!good)
		diags_add(d->diags, text.pos,
			  key->type == TYPE_PORT ? "ports are numbers from 1 to 65535"
			  : key->type == TYPE_PULL
				  ? "pull policies are missing, always, never, and compose's build, refresh, daily, weekly and every_12h"
			  : key->type == TYPE_STATUS ? "a status is a number from 100 to 599"
						     : NULL,
			  "\"%s\" is not %s", text.s, schema_type_name(key));
}
