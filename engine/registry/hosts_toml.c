#include "config.h"

#include "engine/registry/hosts_toml.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/toml.h"
#include "engine/registry/place.h"

#define HOSTS_MAX (1u << 20) /* bytes of a file */
#define FOR_ALL "_default"   /* the folder for registries that have none */

struct hosts_file {
	char *registry; /* whose images it is about, or FOR_ALL */
	char *dir;
	struct json *json;
};

struct hosts_toml {
	struct hosts_file *files; /* of several about one registry, the first counts */
	size_t len, cap;
	struct arena *arena; /* of settings */
};

/* What a URL of the file says. */
struct hosts_url {
	const char *host; /* with its port */
	size_t host_len;
	const char *path; /* or "" */
	bool plain;
};

static struct hosts_url read_url(const char *text)
{
	struct hosts_url url = { .plain = strncasecmp(text, "http://", 7) == 0 };
	const char *scheme = strstr(text, "://");

	url.host = scheme ? scheme + 3 : text;
	url.host_len = strcspn(url.host, "/");
	url.path = url.host + url.host_len;
	return url;
}

/* ---- reading ---- */

static int hosts_wrong(const struct hosts_file *file, const char *what, const char *value, struct error **err)
{
	return error_make(err, ERROR_REGISTRY, "%s/hosts.toml: %s: \"%s\"", file->dir, what, value);
}

static int hosts_check_host(const struct hosts_file *file, const char *url, const struct json *table, struct error **err)
{
	const struct json *capabilities = json_get(table, "capabilities");

	if (strstr(url, "://") && strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
		return hosts_wrong(file, "a host is an http or https URL", url, err);
	for (size_t i = 0; i < json_len(capabilities); i++) {
		const char *one = json_text(json_at(capabilities, i));

		if (!one || !text_listed("pull resolve push", one))
			return hosts_wrong(file, "a capability is pull, resolve or push", one ? one : "", err);
	}
	return 0;
}

static int check_hosts(const struct hosts_file *file, struct error **err)
{
	const struct json *hosts = json_get(file->json, "host");
	const char *server = json_str(file->json, "server");

	if (hosts_check_host(file, server ? server : "", file->json, err) < 0)
		return -1;
	for (const void *it = json_first(hosts); it; it = json_next(hosts, it))
		if (hosts_check_host(file, json_key(it), json_member(it), err) < 0)
			return -1;
	return 0;
}

/* "host_5000_" is "host:5000": some file systems take no colon. */
static char *registry_of(const char *folder)
{
	size_t len = strlen(folder), digits = 0;

	while (digits + 1 < len && folder[len - 2 - digits] >= '0' && folder[len - 2 - digits] <= '9')
		digits++;
	if (len < 3 || folder[len - 1] != '_' || digits == 0 || digits + 2 >= len || folder[len - 2 - digits] != '_')
		return mem_strdup(folder);
	return mem_printf("%.*s:%.*s", (int)(len - 2 - digits), folder, (int)digits, folder + len - 1 - digits);
}

static int hosts_read_file(struct hosts_toml *hosts, const char *folder, const char *name, struct error **err)
{
	cleanup_free char *dir = path_join(folder, name), *path = path_join(dir, "hosts.toml");
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;
	struct json *json;
	bool found;

	if (fs_read_if(path, HOSTS_MAX, &text, &found, &error) < 0 ||
	    (found && toml_parse(text.data ? text.data : "", text.len, path, &json, &error) < 0)) {
		error_make(err, ERROR_REGISTRY, "%s", error->message);
		error_free(error);
		return -1;
	}
	if (!found)
		return 0;
	mem_reserve(&hosts->files, &hosts->cap, hosts->len + 1, sizeof(*hosts->files));
	hosts->files[hosts->len] = (struct hosts_file){ registry_of(name), steal_ptr(dir), json };
	return check_hosts(&hosts->files[hosts->len++], err);
}

static int hosts_is_folder(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int hosts_read_folder(struct hosts_toml *hosts, const char *folder, struct error **err)
{
	struct dirent **entries;
	int len = scandir(folder, &entries, hosts_is_folder, alphasort), r = 0;

	if (len < 0)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_REGISTRY, errno, "%s", folder);
	for (int i = 0; i < len; i++) {
		r = r < 0 ? -1 : hosts_read_file(hosts, folder, entries[i]->d_name, err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static int hosts_read_all(struct hosts_toml *hosts, struct error **err)
{
	const char *const own[] = { ".config/containerd/certs.d", ".config/docker/certs.d" };
	const char *const shared[] = { "/etc/containerd/certs.d", "/etc/docker/certs.d" };
	const char *home = getenv("HOME");

	for (size_t i = 0; home && i < 2; i++) {
		cleanup_free char *folder = path_join(home, own[i]);

		if (hosts_read_folder(hosts, folder, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < 2; i++)
		if (hosts_read_folder(hosts, shared[i], err) < 0)
			return -1;
	return 0;
}

int hosts_toml_read(struct hosts_toml **ret, struct error **err)
{
	struct hosts_toml *hosts = mem_alloc(sizeof(*hosts));

	hosts->arena = arena_new();
	if (hosts_read_all(hosts, err) < 0) {
		hosts_toml_free(hosts);
		return -1;
	}
	*ret = hosts;
	return 0;
}

void hosts_toml_free(struct hosts_toml *hosts)
{
	if (!hosts)
		return;
	for (size_t i = 0; i < hosts->len; i++) {
		free(hosts->files[i].registry);
		free(hosts->files[i].dir);
		json_free(hosts->files[i].json);
	}
	free(hosts->files);
	arena_free(hosts->arena);
	free(hosts);
}

/* ---- where images are ---- */

static const struct hosts_file *hosts_find(const struct hosts_toml *hosts, const char *registry)
{
	for (size_t i = 0; i < hosts->len; i++)
		if (strcmp(hosts->files[i].registry, registry) == 0)
			return &hosts->files[i];
	return strcmp(registry, FOR_ALL) == 0 ? NULL : hosts_find(hosts, FOR_ALL);
}

/* The name that stands for what is below a URL (malloc'd): an image `h/p/x` is asked for below https://h/v2/p/x. NULL: none does, as the
 * URL's path leads elsewhere. */
static char *url_location(const char *text, const struct json *table)
{
	const struct hosts_url url = read_url(text);
	bool whole = json_bool(table, "override_path");
	size_t len = strlen(url.path);

	while (len > 0 && url.path[len - 1] == '/')
		len--;
	if (len > 0 && (strncmp(url.path, "/v2", 3) != 0 || (len > 3 && (url.path[3] != '/' || !whole))))
		return NULL;
	if (len == 0 && whole)
		return NULL;
	return mem_printf("%.*s%.*s", (int)url.host_len, url.host, len > 3 ? (int)len - 3 : 0,
			  url.path + (len > 3 ? 3 : 0));
}

static bool is_able(const struct json *table, const char *ability)
{
	const struct json *capabilities = json_get(table, "capabilities");

	for (size_t i = 0; i < json_len(capabilities); i++)
		if (strcmp(json_text(json_at(capabilities, i)), ability) == 0)
			return true;
	return json_len(capabilities) == 0;
}

int hosts_toml_places(const struct hosts_toml *hosts, const char *registry, const char *repository, bool by_digest,
		      struct places *places, char **ret_server, struct error **err)
{
	const struct hosts_file *file = hosts_find(hosts, registry);
	const struct json *table = json_get(file ? file->json : NULL, "host");
	const char *server = json_str(file ? file->json : NULL, "server");

	*ret_server = server ? url_location(server, file->json) : NULL;
	for (const void *it = json_first(table); it; it = json_next(table, it)) {
		const struct json *host = json_member(it);
		cleanup_free char *location = url_location(json_key(it), host);

		if (!is_able(host, "pull") || !(by_digest || is_able(host, "resolve")) || !location)
			continue;
		if (!places_add(places, location, repository, json_len(json_get(host, "header")) > 0))
			return hosts_wrong(file, "this is not where a registry is", json_key(it), err);
	}
	return 0;
}

/* ---- how hosts are talked to ---- */

static const char *hosts_path(const struct hosts_toml *hosts, const struct hosts_file *file, const char *path)
{
	return *path == '/' ? path : arena_printf(hosts->arena, "%s/%s", file->dir, path);
}

static void add_authority(const struct hosts_toml *hosts, const struct hosts_file *file, const char *path,
			  struct host_settings *ret)
{
	if (!path)
		return;
	mem_reserve(&ret->ca, &ret->ca_cap, ret->ca_len + 1, sizeof(*ret->ca));
	ret->ca[ret->ca_len++] = hosts_path(hosts, file, path);
}

/* A file with both, or [certificate, key], or a list of these: the first is taken. */
static void set_client(const struct hosts_toml *hosts, const struct hosts_file *file, const struct json *client,
		       struct host_settings *ret)
{
	const struct json *first = json_is_array(client) ? json_at(client, 0) : client;
	const char *cert = json_text(json_is_array(first) ? json_at(first, 0) : first);
	const char *key = json_is_array(first) ? json_text(json_at(first, 1)) : cert;

	if (!cert || !key || ret->cert)
		return;
	ret->cert = hosts_path(hosts, file, cert);
	ret->key = hosts_path(hosts, file, key);
}

static void hosts_add_header(const struct hosts_toml *hosts, const char *name, const char *value,
			     struct host_settings *ret)
{
	/* A newline would begin another header. */
	if (!value || strpbrk(value, "\r\n") || strpbrk(name, "\r\n:"))
		return;
	mem_reserve(&ret->headers, &ret->headers_cap, ret->headers_len + 1, sizeof(*ret->headers));
	ret->headers[ret->headers_len++] = arena_printf(hosts->arena, "%s: %s", name, value);
}

static void take_host(const struct hosts_toml *hosts, const struct hosts_file *file, const char *url,
		      const struct json *table, struct host_settings *ret)
{
	const struct json *ca = json_get(table, "ca"), *headers = json_get(table, "header");

	ret->plain |= read_url(url).plain;
	ret->unverified |= json_bool(table, "skip_verify");
	add_authority(hosts, file, json_text(ca), ret);
	for (size_t i = 0; json_is_array(ca) && i < json_len(ca); i++)
		add_authority(hosts, file, json_text(json_at(ca, i)), ret);
	set_client(hosts, file, json_get(table, "client"), ret);
	for (const void *it = json_first(headers); it; it = json_next(headers, it)) {
		const struct json *values = json_member(it);

		hosts_add_header(hosts, json_key(it), json_text(values), ret);
		for (size_t i = 0; json_is_array(values) && i < json_len(values); i++)
			hosts_add_header(hosts, json_key(it), json_text(json_at(values, i)), ret);
	}
}

static bool is_host(const char *url, const char *host)
{
	const struct hosts_url parts = read_url(url);

	return parts.host_len == strlen(host) && strncmp(parts.host, host, parts.host_len) == 0;
}

void hosts_toml_settings(const struct hosts_toml *hosts, const char *host, struct host_settings *ret)
{
	for (size_t i = 0; i < hosts->len; i++) {
		const struct hosts_file *file = &hosts->files[i];
		const struct json *table = json_get(file->json, "host");
		const char *server = json_str(file->json, "server");

		if (server ? is_host(server, host) : strcmp(file->registry, host) == 0)
			take_host(hosts, file, server ? server : host, file->json, ret);
		for (const void *it = json_first(table); it; it = json_next(table, it))
			if (is_host(json_key(it), host))
				take_host(hosts, file, json_key(it), json_member(it), ret);
	}
}
