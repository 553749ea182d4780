#include "config.h"

#include "engine/registry/registries_conf.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "base/toml.h"
#include "engine/registry/place.h"

#define CONF_MAX (1u << 20) /* bytes of a file */
#define SYSTEM_CONF "/etc/containers/registries.conf"

struct conf_file {
	char *path;
	struct json *json;
};

struct registries_conf {
	struct conf_file *files; /* what stands in a later one counts */
	size_t len, cap;
};

/* A [[registry]], and how much of an image's name it is for. */
struct conf_match {
	const struct json *table;
	const char *path; /* of its file */
	size_t len;
};

/* ---- reading ---- */

static int conf_wrong(const char *path, const char *what, const char *value, struct error **err)
{
	return error_make(err, ERROR_REGISTRY, "%s: %s: \"%s\"", path, what, value ? value : "");
}

static int check_location(const char *path, const struct json *table, bool optional, struct error **err)
{
	const char *location = json_str(table, "location");

	if ((!location || !*location) && !optional)
		return conf_wrong(path, "a registry without a location", json_str(table, "prefix"), err);
	return location && strstr(location, "://") ? conf_wrong(path, "a location has no scheme", location, err) : 0;
}

static int check_mirror(const char *path, const struct json *mirror, struct error **err)
{
	const char *when = json_str(mirror, "pull-from-mirror");

	if (when && strcmp(when, "all") != 0 && strcmp(when, "digest-only") != 0 && strcmp(when, "tag-only") != 0)
		return conf_wrong(path, "pull-from-mirror is all, digest-only or tag-only", when, err);
	return check_location(path, mirror, false, err);
}

static int conf_check(const char *path, const struct json *json, struct error **err)
{
	const struct json *registries = json_get(json, "registry");

	if (json_get(json, "registries"))
		return conf_wrong(path, "version 1 of the format is not read; version 2 has [[registry]] instead of",
				  "[registries]", err);
	for (size_t i = 0; i < json_len(registries); i++) {
		const struct json *table = json_at(registries, i), *mirrors = json_get(table, "mirror");
		const char *prefix = json_str(table, "prefix");

		if (check_location(path, table, prefix && strncmp(prefix, "*.", 2) == 0, err) < 0)
			return -1;
		for (size_t j = 0; j < json_len(mirrors); j++)
			if (check_mirror(path, json_at(mirrors, j), err) < 0)
				return -1;
	}
	return 0;
}

/* 1: it has been read; 0: there is none. */
static int conf_read_file(struct registries_conf *conf, char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;
	struct json *json;
	bool found;

	if (fs_read_if(path, CONF_MAX, &text, &found, &error) < 0 ||
	    (found && toml_parse(text.data ? text.data : "", text.len, path, &json, &error) < 0)) {
		error_make(err, ERROR_REGISTRY, "%s", error->message);
		error_free(error);
		free(path);
		return -1;
	}
	if (!found) {
		free(path);
		return 0;
	}
	mem_reserve(&conf->files, &conf->cap, conf->len + 1, sizeof(*conf->files));
	conf->files[conf->len++] = (struct conf_file){ path, json };
	return conf_check(path, json, err) < 0 ? -1 : 1;
}

static int conf_is_drop_in(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 5 && strcmp(entry->d_name + len - 5, ".conf") == 0;
}

static int conf_read_folder(struct registries_conf *conf, const char *dir, struct error **err)
{
	struct dirent **entries;
	int len = scandir(dir, &entries, conf_is_drop_in, alphasort), r = 0;

	if (len < 0)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_REGISTRY, errno, "%s", dir);
	for (int i = 0; i < len; i++) {
		if (r == 0 && conf_read_file(conf, path_join(dir, entries[i]->d_name), err) < 0)
			r = -1;
		free(entries[i]);
	}
	free(entries);
	return r;
}

/* One's own file replaces the system's and its folder; one that the environment names replaces only the file. */
static int conf_read_all(struct registries_conf *conf, struct error **err)
{
	const char *given = getenv("CONTAINERS_REGISTRIES_CONF"), *home = getenv("HOME");
	cleanup_free char *own = mem_printf("%s/.config/containers/registries.conf", home ? home : "");
	cleanup_free char *own_folder = mem_printf("%s.d", own);
	int r = given && *given ? conf_read_file(conf, mem_strdup(given), err)
		: home          ? conf_read_file(conf, mem_strdup(own), err)
				: 0;
	bool owned = r > 0 && !(given && *given);

	if (r == 0 && !(given && *given))
		r = conf_read_file(conf, mem_strdup(SYSTEM_CONF), err);
	if (r < 0 || (!owned && conf_read_folder(conf, SYSTEM_CONF ".d", err) < 0))
		return -1;
	return home ? conf_read_folder(conf, own_folder, err) : 0;
}

int registries_conf_read(struct registries_conf **ret, struct error **err)
{
	struct registries_conf *conf = mem_alloc(sizeof(*conf));

	if (conf_read_all(conf, err) < 0) {
		registries_conf_free(conf);
		return -1;
	}
	*ret = conf;
	return 0;
}

void registries_conf_free(struct registries_conf *conf)
{
	if (!conf)
		return;
	for (size_t i = 0; i < conf->len; i++) {
		free(conf->files[i].path);
		json_free(conf->files[i].json);
	}
	free(conf->files);
	free(conf);
}

/* ---- which registry an image is of ---- */

static size_t without_slashes(const char *text)
{
	size_t len = text ? strlen(text) : 0;

	while (len > 0 && text[len - 1] == '/')
		len--;
	return len;
}

/* Where the part of a host that "*.example.com" stands for ends, or NULL. */
static const char *find_subdomain(const char *name, const char *domain, size_t len)
{
	const char *end = name + strcspn(name, "/"), *at = strchr(name, '.');

	while (at && at < end && strncmp(at, domain, len) != 0)
		at = strchr(at + 1, '.');
	return at && at < end ? at : NULL;
}

/* How much of a name ("host/repository") a prefix stands for; 0: it is not for this one. */
static size_t prefix_len(const char *name, const char *prefix)
{
	size_t len = without_slashes(prefix);
	const char *start = name;

	if (len > 2 && strncmp(prefix, "*.", 2) == 0)
		start = find_subdomain(name, ++prefix, --len);
	if (!start || len == 0 || strncmp(start, prefix, len) != 0 || (start[len] && start[len] != '/'))
		return 0;
	return (size_t)(start - name) + len;
}

static const char *conf_prefix(const struct json *table)
{
	const char *prefix = json_str(table, "prefix");

	return prefix && *prefix ? prefix : json_str(table, "location");
}

/* A later file has a table with the same prefix. */
static bool is_replaced(const struct registries_conf *conf, size_t file, const struct json *table)
{
	for (size_t i = file + 1; i < conf->len; i++) {
		const struct json *registries = json_get(conf->files[i].json, "registry");

		for (size_t j = 0; j < json_len(registries); j++)
			if (text_same(conf_prefix(json_at(registries, j)), conf_prefix(table)))
				return true;
	}
	return false;
}

static struct conf_match conf_find(const struct registries_conf *conf, const struct ref *image)
{
	cleanup_free char *name = mem_printf("%s/%s", image->domain, image->repository);
	struct conf_match best = { 0 };

	for (size_t i = 0; i < conf->len; i++) {
		const struct json *registries = json_get(conf->files[i].json, "registry");

		for (size_t j = 0; j < json_len(registries); j++) {
			const struct json *table = json_at(registries, j);
			size_t len = prefix_len(name, conf_prefix(table));

			if (len > 0 && len >= best.len)
				best = (struct conf_match){ table, conf->files[i].path, len };
		}
	}
	return best;
}

static bool mirror_serves(const struct json *table, const struct json *mirror, bool by_digest)
{
	const char *when = json_str(mirror, "pull-from-mirror");

	if (!when)
		return by_digest || !json_bool(table, "mirror-by-digest-only");
	return strcmp(when, by_digest ? "tag-only" : "digest-only") != 0;
}

int registries_conf_places(const struct registries_conf *conf, const struct ref *image, bool by_digest,
			   struct places *places, char **ret_location, struct error **err)
{
	const struct conf_match match = conf_find(conf, image);
	const struct json *mirrors = json_get(match.table, "mirror");
	const char *location = json_str(match.table, "location");
	cleanup_free char *name = mem_printf("%s/%s", image->domain, image->repository);
	const char *rest = name + match.len;

	*ret_location = NULL;
	for (size_t i = 0; i < json_len(mirrors); i++) {
		const struct json *mirror = json_at(mirrors, i);
		const char *where = json_str(mirror, "location");
		cleanup_free char *trimmed = mem_strndup(where, without_slashes(where));

		if (mirror_serves(match.table, mirror, by_digest) && !places_add(places, trimmed, rest, false))
			return conf_wrong(match.path, "this mirror leaves nothing of the name of an image", where, err);
	}
	if (location && *location)
		*ret_location = mem_printf("%.*s%s", (int)without_slashes(location), location, rest);
	return 0;
}

const char *registries_conf_blocks(const struct registries_conf *conf, const struct ref *image)
{
	const struct conf_match match = conf_find(conf, image);

	return json_bool(match.table, "blocked") ? match.path : NULL;
}

/* ---- names without a registry ---- */

char **registries_conf_names(const struct registries_conf *conf, const char *name)
{
	const struct json *search = NULL;
	const char *alias = NULL;
	char **names;
	size_t len;

	for (size_t i = 0; i < conf->len; i++) {
		const char *here = json_str(json_get(conf->files[i].json, "aliases"), name);
		const struct json *registries = json_get(conf->files[i].json, "unqualified-search-registries");

		alias = here ? here : alias;
		search = registries ? registries : search;
	}
	len = json_len(search);
	if ((!alias || !*alias) && len == 0)
		return NULL;
	names = mem_array(len + 2, sizeof(*names));
	if (alias && *alias) {
		names[0] = mem_strdup(alias);
		return names;
	}
	for (size_t i = 0; i < len; i++)
		names[i] = mem_printf("%s/%s", json_text(json_at(search, i)) ? json_text(json_at(search, i)) : "", name);
	return names;
}

/* ---- how hosts are talked to ---- */

static bool conf_is_insecure(const struct json *endpoint, const char *host)
{
	const char *location = json_str(endpoint, "location");
	size_t len = location ? strcspn(location, "/") : 0;

	return json_bool(endpoint, "insecure") && len == strlen(host) && strncmp(location, host, len) == 0;
}

void registries_conf_settings(const struct registries_conf *conf, const char *host, struct host_settings *ret)
{
	bool insecure = false;

	for (size_t i = 0; i < conf->len; i++) {
		const struct json *registries = json_get(conf->files[i].json, "registry");

		for (size_t j = 0; j < json_len(registries); j++) {
			const struct json *table = json_at(registries, j), *mirrors = json_get(table, "mirror");

			if (is_replaced(conf, i, table))
				continue;
			insecure |= conf_is_insecure(table, host);
			for (size_t k = 0; k < json_len(mirrors); k++)
				insecure |= conf_is_insecure(json_at(mirrors, k), host);
		}
	}
	ret->unverified |= insecure;
	ret->fallback |= insecure;
}
