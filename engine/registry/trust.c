#include "config.h"

#include "engine/registry/trust.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/authorities.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/registry/place.h"

#define PEM_MAX (8u << 20)
#define FOLDERS_MAX 6

static void trust_add(struct trust *trust, char *path)
{
	mem_reserve(&trust->ca, &trust->ca_cap, trust->ca_len + 2, sizeof(*trust->ca));
	trust->ca[trust->ca_len++] = path;
	trust->ca[trust->ca_len] = NULL;
}

static bool trust_ends_with(const char *name, const char *end)
{
	size_t len = strlen(name), tail = strlen(end);

	return len > tail && strcmp(name + len - tail, end) == 0;
}

/* X.cert belongs to X.key, which is beside it. */
static void trust_take_pair(struct trust *trust, const char *dir, const char *name)
{
	cleanup_free char *stem = mem_strndup(name, strlen(name) - strlen(".cert"));
	cleanup_free char *key = mem_printf("%s/%s.key", dir, stem);

	if (trust->cert || access(key, F_OK) != 0)
		return;
	trust->cert = path_join(dir, name);
	trust->key = steal_ptr(key);
}

static int trust_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static void take_folder(struct trust *trust, const char *dir)
{
	struct dirent **entries;
	int len = scandir(dir, &entries, trust_visible, alphasort);

	for (int i = 0; i < len; i++) {
		if (trust_ends_with(entries[i]->d_name, ".crt"))
			trust_add(trust, path_join(dir, entries[i]->d_name));
		else if (trust_ends_with(entries[i]->d_name, ".cert"))
			trust_take_pair(trust, dir, entries[i]->d_name);
		free(entries[i]);
	}
	if (len >= 0)
		free(entries);
}

static void take_folders(struct trust *trust, const char *domain)
{
	const char *home = getenv("HOME");
	cleanup_free char *own = mem_printf("%s/.config/containers/certs.d", home ? home : "");
	cleanup_free char *rootless = mem_printf("%s/.config/docker/certs.d", home ? home : "");
	cleanup_free char *nerdctl = mem_printf("%s/.config/containerd/certs.d", home ? home : "");
	const char *const folders[FOLDERS_MAX] = {
		own, rootless, nerdctl, "/etc/docker/certs.d", "/etc/containers/certs.d", "/etc/containerd/certs.d"
	};
	const char *port = strrchr(domain, ':');
	/* containerd's way to write a port. */
	cleanup_free char *other = port ? mem_printf("%.*s_%s_", (int)(port - domain), domain, port + 1) : NULL;

	for (size_t i = home ? 0 : 3; i < FOLDERS_MAX; i++) {
		cleanup_free char *dir = path_join(folders[i], domain),
				  *alias = other ? path_join(folders[i], other) : NULL;

		take_folder(trust, dir);
		if (alias)
			take_folder(trust, alias);
	}
}

static int read_pem(struct trust *trust, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	struct error *error = NULL;

	if (fs_read(path, PEM_MAX, &text, &error) < 0) {
		error_make(err, ERROR_REGISTRY, "the authorities in %s: %s", path, error->message);
		error_free(error);
		return -1;
	}
	buf_add(&trust->pem, text.data, text.len);
	buf_char(&trust->pem, '\n');
	return 0;
}

static int trust_read_all(struct trust *trust, struct error **err)
{
	const char *shared = authorities_file();

	if (trust->ca_len == 0)
		return 0; /* http_do takes the system's itself */
	if (shared && read_pem(trust, shared, err) < 0)
		return -1;
	for (size_t i = 0; i < trust->ca_len; i++) {
		if (read_pem(trust, trust->ca[i], err) < 0)
			return -1;
	}
	return 0;
}

int trust_find(const char *domain, const struct registry_spec *spec, const struct host_settings *settings,
	       struct trust *ret, struct error **err)
{
	*ret = (struct trust){ 0 };
	if (spec && spec->ca.s)
		trust_add(ret, mem_strdup(spec->ca.s));
	if (spec && spec->cert.s)
		ret->cert = mem_strdup(spec->cert.s);
	if (spec && spec->key.s)
		ret->key = mem_strdup(spec->key.s);
	for (size_t i = 0; i < settings->ca_len; i++)
		trust_add(ret, mem_strdup(settings->ca[i]));
	if (settings->cert && !ret->cert) {
		ret->cert = mem_strdup(settings->cert);
		ret->key = mem_strdup(settings->key);
	}
	take_folders(ret, domain);
	return trust_read_all(ret, err);
}

void trust_free(struct trust *trust)
{
	for (size_t i = 0; i < trust->ca_len; i++)
		free(trust->ca[i]);
	free(trust->ca);
	free(trust->cert);
	free(trust->key);
	buf_free(&trust->pem);
}
