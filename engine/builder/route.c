#include "config.h"

#include "engine/builder/route.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/ops.h"
#include "engine/io/dockerd.h"
#include "engine/io/socket.h"

#define CONFIG_MAX (1u << 20) /* bytes of a file of docker's or buildx's */
#define USUAL_SOCKET "unix:///run/buildkit/buildkitd.sock"

void route_free(struct route *route)
{
	argv_free(&route->argv);
	free(route->url);
	free(route->ca);
	free(route->cert);
	free(route->key);
	free(route->server_name);
	free(route->detail);
}

static void complete(struct route *route, bool tls)
{
	route->address = (struct conn_address){
		.url = route->url,
		.argv = route->argv.len > 0 ? (const char *const *)route->argv.items : NULL,
		.tls = tls,
		.ca = route->ca,
		.cert = route->cert,
		.key = route->key,
		.server_name = route->server_name,
		.upgrade = route->engine,
	};
}

static const char *after_prefix(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(text, prefix, len) == 0 ? text + len : NULL;
}

static void command(struct route *route, const char *const *words)
{
	for (; *words; words++)
		argv_add(&route->argv, *words);
}

static int read_json_file(const char *path, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	return fs_read(path, CONFIG_MAX, &text, err) < 0 ? -1 : json_parse(text.data, text.len, path, ret, err);
}

static void copy_to(char **to, const char *text)
{
	if (text && *text)
		*to = mem_strdup(text);
}

/* ---- docker's daemon ---- */

/* The host of docker's current context. malloc'd; NULL with *err set. */
static char *context_host(struct error **err)
{
	cleanup_free char *path = dockerd_config("config.json"), *meta = NULL, *name = NULL;
	cleanup_json struct json *config = NULL, *context = NULL;
	cleanup_error struct error *error = NULL;
	char digest[DIGEST_LEN + 1];
	const char *host;

	copy_to(&name, getenv("DOCKER_CONTEXT"));
	if (!name && path && read_json_file(path, &config, err) < 0)
		return NULL;
	if (!name)
		copy_to(&name, json_str(config, "currentContext"));
	if (!name || strcmp(name, "default") == 0)
		return mem_strdup("unix:///var/run/docker.sock");
	if (digest_bytes(name, strlen(name), digest, err) < 0)
		return NULL;
	free(steal_ptr(path));
	meta = mem_printf("contexts/meta/%s/meta.json", digest_hex(digest));
	path = dockerd_config(meta);
	if (!path || read_json_file(path, &context, &error) < 0) {
		error_make(err, ERROR_TOOL, "docker's context %s: %s", name,
			   error ? error->message : "there is no such folder");
		error_remedy(err, "docker context ls shows those that there are; DOCKER_CONTEXT=default is docker's own");
		return NULL;
	}
	host = json_str(json_get(json_get(context, "Endpoints"), "docker"), "Host");
	if (!host)
		error_make(err, ERROR_TOOL, "docker's context %s does not say where its daemon is", name);
	return host ? mem_strdup(host) : NULL;
}

/* DOCKER_TLS_VERIFY and DOCKER_CERT_PATH apply to a daemon on TCP. */
static bool docker_tls(struct route *route)
{
	const char *verify = getenv("DOCKER_TLS_VERIFY"), *folder = getenv("DOCKER_CERT_PATH");
	cleanup_free char *usual = dockerd_config("");

	if (!after_prefix(route->url, "tcp://") || !verify || !*verify)
		return false;
	if (!folder || !*folder)
		folder = usual;
	if (folder) {
		route->ca = path_join(folder, "ca.pem");
		route->cert = path_join(folder, "cert.pem");
		route->key = path_join(folder, "key.pem");
	}
	return true;
}

static void route_host(const char *host, struct route *ret)
{
	const char *ssh = after_prefix(host, "ssh://");

	ret->engine = true;
	ret->url = mem_strdup(host);
	if (ssh)
		command(ret, (const char *const[]){ "ssh", "-o", "BatchMode=yes", "--", ssh, "docker", "system",
						    "dial-stdio", NULL });
	complete(ret, docker_tls(ret));
}

/* ---- buildx's builders ---- */

static int route_container(const char *name, const char *endpoint, struct route *ret)
{
	ret->url = mem_printf("docker-container://%s", name);
	argv_add(&ret->argv, "docker");
	if (endpoint && strstr(endpoint, "://"))
		argv_addf(&ret->argv, "--host=%s", endpoint);
	command(ret, (const char *const[]){ "exec", "-i", "--", name, "buildctl", "dial-stdio", NULL });
	complete(ret, false);
	return 0;
}

static int route_pod(const char *name, const struct json *node, struct route *ret, struct error **err)
{
	const char *space = json_str(json_get(node, "DriverOpts"), "namespace");

	(void)err;
	ret->url = mem_printf("kube-pod://%s", name);
	argv_add(&ret->argv, "kubectl");
	if (space)
		argv_addf(&ret->argv, "--namespace=%s", space);
	argv_add(&ret->argv, "exec");
	argv_add(&ret->argv, "-i");
	argv_addf(&ret->argv, "deployment/%s", name);
	command(ret, (const char *const[]){ "--", "buildctl", "dial-stdio", NULL });
	complete(ret, false);
	return 0;
}

static int route_node(const char *instance, const char *driver, const struct json *node, struct route *ret,
		      struct error **err)
{
	const char *name = json_str(node, "Name"), *endpoint = json_str(node, "Endpoint");
	const struct json *options = json_get(node, "DriverOpts");

	ret->detail = mem_printf("driver %s", driver);
	if (strcmp(driver, "docker-container") == 0 && name) {
		cleanup_free char *container = mem_printf("buildx_buildkit_%s", name);

		return route_container(container, endpoint, ret);
	}
	if (strcmp(driver, "kubernetes") == 0 && name)
		return route_pod(name, node, ret, err);
	if (strcmp(driver, "remote") == 0 && endpoint) {
		ret->url = mem_strdup(endpoint);
		copy_to(&ret->ca, json_str(options, "cacert"));
		copy_to(&ret->cert, json_str(options, "cert"));
		copy_to(&ret->key, json_str(options, "key"));
		copy_to(&ret->server_name, json_str(options, "servername"));
		complete(ret, ret->ca || ret->cert);
		return 0;
	}
	return error_make(err, ERROR_TOOL, "buildx's builder %s has the driver %s, which cbuild does not know",
			  instance, driver);
}

static int route_instance(const char *instance, struct route *ret, struct error **err)
{
	cleanup_free char *name = mem_printf("buildx/instances/%s", instance), *path = dockerd_config(name);
	cleanup_json struct json *json = NULL;
	const char *driver;

	if (strchr(instance, '/') || !path || !fs_exists(path)) {
		error_make(err, ERROR_USAGE, "buildx has no builder called \"%s\"", instance);
		error_remedy(err, "see docker buildx ls; docker alone is docker's own daemon");
		return -1;
	}
	if (read_json_file(path, &json, err) < 0)
		return -1;
	driver = json_str(json, "Driver");
	if (!driver || json_len(json_get(json, "Nodes")) == 0)
		return error_make(err, ERROR_TOOL, "%s: buildx's builder %s has no node", path, instance);
	return route_node(instance, driver, json_at(json_get(json, "Nodes"), 0), ret, err);
}

int route_docker(const struct builder_given *given, struct route *ret, struct error **err)
{
	const char *instance = given->instance, *hint = getenv("BUILDX_BUILDER");
	cleanup_free char *host = NULL;

	if (!instance && hint && *hint && strcmp(hint, "default") != 0)
		instance = hint;
	if (instance && strcmp(instance, "default") != 0 && !strstr(instance, "://"))
		return route_instance(instance, ret, err);
	host = instance && strstr(instance, "://") ? mem_strdup(instance) : dockerd_endpoint();
	if (!host)
		host = context_host(err);
	if (!host)
		return -1;
	route_host(host, ret);
	return 0;
}

/* ---- standalone BuildKit daemons ---- */

/* "POD?namespace=NS&context=CTX" */
static void route_kube_pod(const char *name, struct route *ret)
{
	static const char *const options[] = { "namespace", "context" };
	cleanup_free char *pod = mem_strndup(name, strcspn(name, "?"));
	const char *query = name + strlen(pod);

	argv_add(&ret->argv, "kubectl");
	while (*query) {
		size_t len = strcspn(++query, "&");

		for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
			size_t key = strlen(options[i]);

			if (strncmp(query, options[i], key) == 0 && query[key] == '=')
				argv_addf(&ret->argv, "--%.*s", (int)len, query);
		}
		query += len;
	}
	command(ret, (const char *const[]){ "exec", "-i", pod, "--", "buildctl", "dial-stdio", NULL });
}

int route_buildkit(const struct builder_given *given, struct route *ret, struct error **err)
{
	const char *host = getenv("BUILDKIT_HOST"), *url = given->instance, *name;

	if (!url)
		url = host && *host ? host : USUAL_SOCKET;
	if ((name = after_prefix(url, "docker-container://")))
		return route_container(name, NULL, ret);
	if (after_prefix(url, "podman-container://") || after_prefix(url, "nerdctl-container://")) {
		size_t len = strcspn(url, "-");
		cleanup_free char *tool = mem_strndup(url, len);

		name = strstr(url, "://") + 3;
		command(ret, (const char *const[]){ tool, "exec", "-i", "--", name, "buildctl", "dial-stdio", NULL });
	} else if ((name = after_prefix(url, "kube-pod://"))) {
		route_kube_pod(name, ret);
	} else if ((name = after_prefix(url, "ssh://"))) {
		command(ret, (const char *const[]){ "ssh", "-o", "BatchMode=yes", "--", name, "buildctl", "dial-stdio",
						    NULL });
	} else if (!after_prefix(url, "unix://") && !after_prefix(url, "tcp://")) {
		return error_make(err, ERROR_USAGE, "%s is not an address of a BuildKit daemon", url);
	}
	ret->url = mem_strdup(url);
	copy_to(&ret->ca, given->ca);
	copy_to(&ret->cert, given->cert);
	copy_to(&ret->key, given->key);
	complete(ret, ret->ca || ret->cert);
	return 0;
}

static bool is_safe_name(const char *name)
{
	return *name && *name != '.' && !strchr(name, '/');
}

int route_nerdctl(const struct builder_given *given, struct route *ret, struct error **err)
{
	const char *space = given->instance ? given->instance : getenv("CONTAINERD_NAMESPACE");
	const char *host = getenv("BUILDKIT_HOST"), *below = getenv("XDG_RUNTIME_DIR");
	const char *own = space && *space ? space : "default";
	const char *const names[] = { own, strcmp(own, "default") == 0 ? NULL : "default", NULL };
	const size_t len = names[1] ? 3 : 2;
	cleanup_buf struct buf tried = { 0 };

	if (geteuid() == 0 || !below || !*below)
		below = "/run";
	if (space && *space && !is_safe_name(space))
		return error_make(err, ERROR_USAGE, "\"%s\" is not a containerd namespace", space);
	if (host && *host) {
		ret->url = mem_strdup(host);
		complete(ret, false);
		return 0;
	}
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *path = mem_printf("%s/buildkit%s%s/buildkitd.sock", below, names[i] ? "-" : "",
						     names[i] ? names[i] : "");

		if (socket_listens(path)) {
			ret->url = mem_printf("unix://%s", path);
			complete(ret, false);
			return 0;
		}
		buf_printf(&tried, "%s%s", tried.len > 0 ? ", " : "", path);
	}
	error_make(err, ERROR_TOOL, "no BuildKit daemon listens at %s", tried.data);
	error_remedy(err, "start it: containerd-rootless-setuptool.sh install-buildkit, or buildkitd with the "
			  "containerd worker");
	return -1;
}
