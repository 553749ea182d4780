#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/registry/authfile.h"
#include "engine/registry/credentials.h"

#define FILE_MAX (1u << 20)
#define HUB "docker.io"
#define HUB_SERVER "https://index.docker.io/v1/"

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

void authfile_paths(char *ret[AUTHFILES_MAX + 1])
{
	const char *home = variable("HOME"), *docker = variable("DOCKER_CONFIG");
	const char *runtime = variable("XDG_RUNTIME_DIR"), *config = variable("XDG_CONFIG_HOME");
	size_t len = 0;

	memset(ret, 0, (AUTHFILES_MAX + 1) * sizeof(*ret));
	if (variable("REGISTRY_AUTH_FILE")) {
		ret[0] = mem_strdup(variable("REGISTRY_AUTH_FILE"));
		return;
	}
	if (docker)
		ret[len++] = path_join(docker, "config.json");
	else if (home)
		ret[len++] = mem_printf("%s/.docker/config.json", home);
	if (runtime)
		ret[len++] = path_join(runtime, "containers/auth.json");
	if (config)
		ret[len++] = path_join(config, "containers/auth.json");
	else if (home)
		ret[len++] = mem_printf("%s/.config/containers/auth.json", home);
}

/* An error of the disk is one of the login here. */
static int authfile_fail(struct error **err, struct error *error)
{
	error_make(err, ERROR_REGISTRY, "%s", error->message);
	error_free(error);
	return -1;
}

int authfile_read(const char *path, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;
	bool found;

	*ret = NULL;
	if (fs_read_if(path, FILE_MAX, &text, &found, &error) < 0)
		return authfile_fail(err, error);
	if (!found || text.len == 0)
		return 0;
	if (json_parse(text.data, text.len, path, ret, &error) < 0)
		return authfile_fail(err, error);
	if (json_is_object(*ret))
		return 0;
	json_free(steal_ptr(*ret));
	return error_make(err, ERROR_REGISTRY, "%s: expected a JSON object", path);
}

int authfile_write(const char *path, const struct json *json, struct error **err)
{
	/* The file may be a link to elsewhere: keep the link and replace its target. */
	cleanup_free char *real = realpath(path, NULL);
	cleanup_free char *dir = path_dir(path);
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;

	json_dump(json, JSON_INDENT, &text);
	buf_char(&text, '\n');
	if (fs_mkdirs(dir, 0700, &error) < 0 || fs_replace(real ? real : path, text.data, text.len, 0600, &error) < 0)
		return authfile_fail(err, error);
	return 0;
}

const char *authfile_server(const char *domain)
{
	return strcmp(domain, HUB) == 0 ? HUB_SERVER : domain;
}

/* The host and path of a key of the file: docker writes URLs with a version, podman plain hosts and paths. Points
 * into `key`. */
static void key_place(const char *key, const char **ret, size_t *ret_host, size_t *ret_len)
{
	bool url = true, version;
	size_t len;

	if (strncasecmp(key, "https://", 8) == 0)
		key += 8;
	else if (strncasecmp(key, "http://", 7) == 0)
		key += 7;
	else
		url = false;
	len = strlen(key);
	while (len > 0 && key[len - 1] == '/')
		len--;
	*ret = key;
	*ret_host = strcspn(key, "/");
	version = len == *ret_host + 3 && key[len - 3] == '/' && key[len - 2] == 'v' && strchr("12", key[len - 1]);
	*ret_len = url || version ? *ret_host : len;
}

static bool same_host(const char *host, size_t len, const char *domain)
{
	static const char *const hub[] = { HUB, "index.docker.io", "registry-1.docker.io" };

	if (strlen(domain) == len && strncasecmp(host, domain, len) == 0)
		return true;
	for (size_t i = 0; i < 3 && strcmp(domain, HUB) == 0; i++) {
		if (strlen(hub[i]) == len && strncasecmp(host, hub[i], len) == 0)
			return true;
	}
	return false;
}

/* How many characters of domain/repository the key covers, at least 1; 0: it is for something else. */
static size_t key_matches(const char *key, const char *domain, const char *repository)
{
	const char *place;
	size_t host, len, path;

	key_place(key, &place, &host, &len);
	if (!same_host(place, host, domain))
		return 0;
	if (len == host)
		return 1;
	path = len - host - 1;
	if (path == 0 || strlen(repository) < path || memcmp(place + host + 1, repository, path) != 0 ||
	    (repository[path] && repository[path] != '/'))
		return 0;
	return 1 + path;
}

const char *authfile_helper(const struct json *file, const char *domain)
{
	const struct json *helpers = json_get(file, "credHelpers");
	const char *common = json_str(file, "credsStore");

	for (const void *it = json_first(helpers); it; it = json_next(helpers, it)) {
		const char *helper = json_text(json_member(it));

		if (helper && *helper && key_matches(json_key(it), domain, "") > 0)
			return helper;
	}
	return common && *common ? common : NULL;
}

static int bad_entry(const char *path, const char *key, struct error **err)
{
	return error_make(err, ERROR_REGISTRY, "%s: the login for %s is malformed", path, key);
}

/* As docker reads it: lines may be broken, and NULs may stand behind the password. */
static bool decode_auth(const char *auth, struct buf *ret)
{
	cleanup_buf struct buf joined = { 0 };

	buf_str(&joined, "");
	for (; *auth; auth++) {
		if (!strchr("\r\n", *auth))
			buf_char(&joined, *auth);
	}
	buf_str(ret, "");
	if (!base64_decode(joined.data, ret))
		return false;
	while (ret->len > 0 && ret->data[ret->len - 1] == '\0')
		ret->len--;
	return strlen(ret->data) == ret->len;
}

static int authfile_read_entry(const struct json *entry, const char *path, const char *key, struct credentials *ret,
			       struct error **err)
{
	const char *auth = json_str(entry, "auth"), *username = json_str(entry, "username");
	const char *password = json_str(entry, "password"), *identity = json_str(entry, "identitytoken");
	const char *token = json_str(entry, "registrytoken");
	cleanup_buf struct buf plain = { 0 };
	char *colon = NULL;

	if (auth && *auth) {
		if (!decode_auth(auth, &plain))
			return bad_entry(path, key, err);
		colon = strchr(plain.data, ':');
		if (!colon)
			return bad_entry(path, key, err);
		*colon = '\0';
		username = plain.data;
		password = colon + 1;
	}
	if (identity && *identity)
		ret->identity_token = mem_strdup(identity);
	if (token && *token)
		ret->registry_token = mem_strdup(token);
	if (username && *username && password && *password) {
		ret->username = mem_strdup(username);
		ret->password = mem_strdup(password);
	}
	if (!credentials_any(ret))
		return 0; /* "{}": docker's mark that a helper has the login */
	ret->from = mem_strdup(path);
	return 1;
}

int authfile_find(const struct json *file, const char *path, const char *domain, const char *repository,
		  struct credentials *ret, struct error **err)
{
	const struct json *auths = json_get(file, "auths"), *best = NULL;
	const char *key = NULL;
	size_t most = 0;

	for (const void *it = json_first(auths); it; it = json_next(auths, it)) {
		size_t matches = key_matches(json_key(it), domain, repository);

		if (matches <= most)
			continue;
		most = matches;
		best = json_member(it);
		key = json_key(it);
	}
	return best ? authfile_read_entry(best, path, key, ret, err) : 0;
}

static struct json *entry_json(const struct credentials *credentials)
{
	cleanup_free char *plain = NULL;
	cleanup_buf struct buf auth = { 0 };
	struct json *entry = json_new_object();

	if (credentials->identity_token)
		json_set_str(entry, "identitytoken", credentials->identity_token);
	if (!credentials->username)
		return entry;
	plain = mem_printf("%s:%s", credentials->username, credentials->password);
	base64_encode(plain, strlen(plain), &auth);
	json_set_str(entry, "auth", auth.data);
	return entry;
}

struct json *authfile_with(const struct json *file, const char *domain, const struct credentials *credentials,
			   bool *ret_had)
{
	struct json *copy = json_new_object(), *auths = json_new_object();
	const struct json *old = json_get(file, "auths");

	*ret_had = false;
	for (const void *it = json_first(file); it; it = json_next(file, it)) {
		if (strcmp(json_key(it), "auths") != 0)
			json_set(copy, json_key(it), json_clone(json_member(it)));
	}
	for (const void *it = json_first(old); it; it = json_next(old, it)) {
		if (key_matches(json_key(it), domain, "") > 0)
			*ret_had = true;
		else
			json_set(auths, json_key(it), json_clone(json_member(it)));
	}
	if (credentials)
		json_set(auths, authfile_server(domain), entry_json(credentials));
	json_set(copy, "auths", auths);
	return copy;
}
