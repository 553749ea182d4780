#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/workers.h"
#include "engine/io/dockerd.h"
#include "engine/io/http.h"
#include "engine/io/proc.h"
#include "engine/registry/url.h"
#include "engine/runtime/runtime_ops.h"

/* Containers by requests to docker's daemon on this machine: its command takes longer to start than most requests. What needs a
 * terminal is left to the command. */

#define START_FAILED 125 /* as docker's command reports it */

/* ---- what a container is made of ---- */

static struct json *words_json(const char *const *words)
{
	struct json *list = json_new_array();

	for (; *words; words++)
		json_append(list, json_new_string(*words));
	return list;
}

static bool has_variable(const struct container_spec *spec, const char *name)
{
	for (size_t i = 0; i < spec->environment_len; i++)
		if (strcmp(spec->environment[i].key, name) == 0)
			return true;
	return false;
}

static void add_variable(struct json *list, const struct container_spec *spec, const char *name, const char *value)
{
	cleanup_free char *text = has_variable(spec, name) ? NULL : mem_printf("%s=%s", name, value);

	if (text)
		json_append(list, json_new_string(text));
}

/* As docker's command passes them, under both spellings. */
static void add_proxies(const struct runtime *runtime, const struct container_spec *spec, struct json *list)
{
	static const struct {
		const char *key, *upper, *lower;
	} proxies[] = {
		{ "httpProxy", "HTTP_PROXY", "http_proxy" }, { "httpsProxy", "HTTPS_PROXY", "https_proxy" },
		{ "noProxy", "NO_PROXY", "no_proxy" },       { "ftpProxy", "FTP_PROXY", "ftp_proxy" },
		{ "allProxy", "ALL_PROXY", "all_proxy" },
	};
	cleanup_free char *endpoint = mem_printf("unix://%s", runtime->socket);
	cleanup_json struct json *given = dockerd_proxies(endpoint);

	for (size_t i = 0; given && i < sizeof(proxies) / sizeof(*proxies); i++) {
		const char *value = json_str(given, proxies[i].key);

		if (!value || !*value)
			continue;
		add_variable(list, spec, proxies[i].upper, value);
		add_variable(list, spec, proxies[i].lower, value);
	}
}

static struct json *environment_json(const struct runtime *runtime, const struct container_spec *spec)
{
	struct json *list = json_new_array();

	add_proxies(runtime, spec, list);

	for (size_t i = 0; i < spec->environment_len; i++) {
		const struct runtime_pair *pair = &spec->environment[i];
		cleanup_free char *text = pair->value ? mem_printf("%s=%s", pair->key, pair->value) : NULL;

		if (text)
			json_append(list, json_new_string(text));
	}
	return list;
}

static struct json *labels_json(const struct runtime *runtime, const struct container_spec *spec)
{
	struct json *labels = json_new_object();

	for (size_t i = 0; spec && i < spec->settings_len; i++) {
		const char *value = spec->settings[i].value;
		cleanup_free char *name = mem_strndup(value, strcspn(value, "="));

		if (strcmp(spec->settings[i].key, "labels") == 0)
			json_set_str(labels, name, value + strlen(name) + 1);
	}
	json_set_str(labels, RUNTIME_LABEL, runtime->owner);
	for (size_t i = 0; spec && i < spec->labels_len; i++)
		json_set_str(labels, spec->labels[i].key, spec->labels[i].value);
	return labels;
}

static void add_binding(struct json *bindings, struct json *exposed, const struct runtime_publish *publish)
{
	cleanup_free char *name = mem_printf("%u/%s", publish->inner, publish->udp ? "udp" : "tcp");
	const struct json *there = json_get(bindings, name);
	struct json *list = there ? json_clone(there) : json_new_array();
	struct json *binding = json_new_object();
	cleanup_free char *outer = !publish->outer ? mem_strdup("")
				   : publish->outer_last > publish->outer
					   ? mem_printf("%u-%u", publish->outer, publish->outer_last)
					   : mem_printf("%u", publish->outer);

	json_set_str(binding, "HostIp", publish->host ? publish->host : "127.0.0.1");
	json_set_str(binding, "HostPort", outer);
	json_append(list, binding);
	json_set(bindings, name, list);
	json_set(exposed, name, json_new_object());
}

static void docker_container_add_ports(const struct runtime *runtime, const struct container_spec *spec,
				       struct json *body, struct json *host)
{
	struct json *bindings = json_new_object(), *exposed = json_new_object();

	for (size_t i = 0; i < spec->publish_len; i++)
		add_binding(bindings, exposed, &spec->publish[i]);
	for (size_t i = 0; runtime->publish && i < spec->ports_len; i++) {
		if (!run_args_is_published(spec, spec->ports[i]))
			add_binding(bindings, exposed, &(struct runtime_publish){ .inner = spec->ports[i] });
	}
	json_set(host, "PortBindings", bindings);
	json_set(body, "ExposedPorts", exposed);
}

/* "/path", or "source:/path:options". */
static void add_volumes(const struct container_spec *spec, struct json *body, struct json *host)
{
	struct json *binds = json_new_array(), *volumes = json_new_object(), *tmpfs = json_new_object();

	for (size_t i = 0; spec->volumes && spec->volumes[i]; i++) {
		if (strchr(spec->volumes[i], ':'))
			json_append(binds, json_new_string(spec->volumes[i]));
		else
			json_set(volumes, spec->volumes[i], json_new_object());
	}
	for (size_t i = 0; spec->tmpfs && spec->tmpfs[i]; i++) {
		const char *colon = strchr(spec->tmpfs[i], ':');
		cleanup_free char *path =
			mem_strndup(spec->tmpfs[i], colon ? (size_t)(colon - spec->tmpfs[i]) : strlen(spec->tmpfs[i]));

		json_set(tmpfs, path, json_new_string(colon ? colon + 1 : ""));
	}
	json_set(host, "Binds", binds);
	json_set(host, "Tmpfs", tmpfs);
	json_set(body, "Volumes", volumes);
}

static void docker_container_add_network(const struct container_spec *spec, struct json *body, struct json *host)
{
	struct json *endpoint = json_new_object(), *endpoints = json_new_object(), *config = json_new_object();
	struct json *hosts = json_new_array(), *aliases = json_new_array(), *ipam = json_new_object();

	if (spec->network && spec->name)
		json_append(aliases, json_new_string(spec->name));
	for (size_t i = 0; spec->network && spec->aliases && spec->aliases[i]; i++)
		json_append(aliases, json_new_string(spec->aliases[i]));
	json_set_str(ipam, "IPv4Address", spec->ip);
	json_set(endpoint, "Aliases", aliases);
	json_set(endpoint, "IPAMConfig", ipam);
	json_set(endpoints, spec->network ? spec->network : "bridge", endpoint);
	json_set(config, "EndpointsConfig", endpoints);
	if (spec->network) {
		json_set_str(host, "NetworkMode", spec->network);
		json_set(body, "NetworkingConfig", config);
	} else {
		json_free(config);
	}
	for (size_t i = 0; !spec->network && i < spec->hosts_len; i++) {
		cleanup_free char *text = mem_printf("%s:%s", spec->hosts[i].key, spec->hosts[i].value);

		json_append(hosts, json_new_string(text));
	}
	json_set(host, "ExtraHosts", hosts);
}

static void add_limits(const struct container_spec *spec, unsigned quirks, struct json *host)
{
	static const struct {
		const char *name;
		int resource;
	} limits[] = { { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC } };
	struct json *list = json_new_array(), *log = json_new_object(), *options = json_new_object();
	const char *driver = setting_value(spec, "logging.driver");

	for (size_t i = 0; (quirks & QUIRK_ULIMIT) && i < sizeof(limits) / sizeof(limits[0]); i++) {
		int64_t value = (int64_t)run_args_limit(limits[i].resource);
		struct json *limit;

		if (setting_has_ulimit(spec, limits[i].name))
			continue;
		limit = json_new_object();
		json_set_str(limit, "Name", limits[i].name);
		json_set_int(limit, "Soft", value);
		json_set_int(limit, "Hard", value);
		json_append(list, limit);
	}
	json_set(host, "Ulimits", list);
	json_set_str(log, "Type", driver ? driver : "json-file");
	if (!driver && !setting_value(spec, "logging.options"))
		json_set_str(options, "max-size", CONTAINER_LOG_MAX);
	for (size_t i = 0; i < spec->settings_len; i++) {
		const char *value = spec->settings[i].value;
		cleanup_free char *name = mem_strndup(value, strcspn(value, "="));

		if (strcmp(spec->settings[i].key, "logging.options") == 0)
			json_set_str(options, name, value + strlen(name) + 1);
	}
	json_set(log, "Config", options);
	json_set(host, "LogConfig", log);
}

static struct json *container_json(const struct container *container, const struct container_spec *spec, unsigned quirks)
{
	static const char *const none[] = { "NONE", NULL };
	struct json *body = json_new_object(), *host = json_new_object(), *check = json_new_object();

	json_set_str(body, "Image",
		     spec->image_name ? spec->image_name : runtime_image_id(container->runtime, &container->image));
	json_set_str(body, "User", spec->user);
	json_set_str(body, "WorkingDir", spec->working_dir);
	json_set(body, "Env", environment_json(container->runtime, spec));
	json_set(body, "Labels", labels_json(container->runtime, spec));
	if (spec->entrypoint && spec->entrypoint[0])
		json_set(body, "Entrypoint", words_json(spec->entrypoint));
	if (spec->command && spec->command[0])
		json_set(body, "Cmd", words_json(spec->command));
	json_set(check, "Test", words_json(none));
	json_set(body, "Healthcheck", check);
	json_set_int(body, "StopTimeout", spec->grace_s);
	json_set_str(body, "StopSignal", spec->stop_signal);
	docker_container_add_ports(container->runtime, spec, body, host);
	add_volumes(spec, body, host);
	docker_container_add_network(spec, body, host);
	add_limits(spec, quirks, host);
	setting_add_json(spec, body, host);
	json_set(body, "HostConfig", host);
	return body;
}

/* ---- its life ---- */

/* Without a body and an answer that matters. */
static int docker_container_do(struct runtime *runtime, const char *method, const char *path, struct error **err)
{
	return docker_api_do(runtime, method, path, NULL, NULL, err);
}

static int requests_run(struct container *container, const struct container_spec *spec, unsigned quirks,
			struct proc_result *ret, struct error **err)
{
	cleanup_json struct json *body = container_json(container, spec, quirks);
	cleanup_free char *create = mem_printf("/containers/create?name=%s", container->name);
	cleanup_free char *start = mem_printf("/containers/%s/start", container->name);
	struct error *error = NULL;

	if (docker_api_do(container->runtime, "POST", create, body, NULL, &error) == 0 &&
	    docker_container_do(container->runtime, "POST", start, &error) == 0) {
		ret->tail = mem_strdup("");
		return 0;
	}
	if (error->cls != ERROR_TOOL)
		return error_move(err, &error);
	ret->status = START_FAILED;
	ret->tail = mem_strdup(error->message);
	error_free(error);
	return 0;
}

static int requests_inspect(struct runtime *runtime, const char *name, struct inspected *ret, struct error **err)
{
	cleanup_free char *path = mem_printf("/containers/%s/json", name);
	cleanup_buf struct buf text = { 0 };

	buf_char(&text, '[');
	if (docker_api_do(runtime, "GET", path, NULL, &text, err) < 0)
		return -1;
	buf_char(&text, ']');
	return inspect_parse(text.data, text.len, ret, err);
}

/* Side by side: docker takes a tenth of a second for each. */
struct removal {
	struct runtime *runtime;
	const char *const *names;
	struct error **errors; /* of each */
};

static void remove_one_of(void *data, size_t index, unsigned worker)
{
	const struct removal *removal = data;
	cleanup_free char *path = mem_printf("/containers/%s?force=1&v=1", removal->names[index]);

	(void)worker;
	docker_container_do(removal->runtime, "DELETE", path, &removal->errors[index]);
}

static int requests_remove(struct runtime *runtime, const char *const *names, struct error **err)
{
	struct removal removal = { .runtime = runtime, .names = names };
	size_t len = 0;
	int r = 0;

	while (names[len])
		len++;
	removal.errors = mem_array(len + 1, sizeof(*removal.errors));
	workers_run(len, len < WORKERS_MAX ? (unsigned)len : WORKERS_MAX, remove_one_of, &removal);
	for (size_t i = 0; i < len; i++) {
		if (removal.errors[i] && r == 0)
			r = error_move(err, &removal.errors[i]);
		error_free(removal.errors[i]);
	}
	free(removal.errors);
	return r;
}

/* The process may have ended, and docker not know yet: then it would take them for started. */
static int requests_start(struct runtime *runtime, const char *const *names, struct error **err)
{
	int r = 0;

	for (; *names; names++) {
		cleanup_free char *path = mem_printf("/containers/%s/restart?t=0", *names);

		if (docker_container_do(runtime, "POST", path, r == 0 ? err : NULL) < 0)
			r = -1;
	}
	return r;
}

static int requests_signal(struct runtime *runtime, const char *signal, const char *const *names, struct error **err)
{
	int r = 0;

	for (; *names; names++) {
		cleanup_free char *path =
			mem_printf("/containers/%s/kill?signal=%s", *names, signal ? signal : "SIGTERM");

		if (docker_container_do(runtime, "POST", path, r == 0 ? err : NULL) < 0)
			r = -1;
	}
	return r;
}

/* ---- what there is ---- */

static struct json *ask_list(struct runtime *runtime, const char *path, const char *service, struct error **err)
{
	cleanup_json struct json *filters = json_new_object();
	struct json *labels = json_new_array(), *list = NULL;
	cleanup_free char *owner = mem_printf(RUNTIME_LABEL "=%s", runtime->owner);
	cleanup_free char *of = service ? mem_printf(RUNTIME_SERVICE "=%s", service) : NULL;
	cleanup_buf struct buf filter = { 0 }, url = { 0 }, text = { 0 };

	json_append(labels, json_new_string(owner));
	if (of)
		json_append(labels, json_new_string(of));
	json_set(filters, "label", labels);
	json_dump(filters, JSON_COMPACT, &filter);
	buf_str(&url, path);
	url_escape(&url, filter.data);
	if (docker_api_do(runtime, "GET", url.data, NULL, &text, err) < 0 ||
	    json_parse(text.data ? text.data : "", text.len, "docker", &list, err) < 0)
		return NULL;
	return list;
}

static int requests_list(struct runtime *runtime, const char *service, struct buf *ret, struct error **err)
{
	cleanup_json struct json *list = ask_list(runtime, "/containers/json?all=1&filters=", service, err);

	for (size_t i = 0; i < json_len(list); i++) {
		const char *name = json_text(json_at(json_get(json_at(list, i), "Names"), 0));

		if (name)
			buf_printf(ret, "%s\n", *name == '/' ? name + 1 : name);
	}
	return list ? 0 : -1;
}

static int requests_network_list(struct runtime *runtime, struct buf *ret, struct error **err)
{
	cleanup_json struct json *list = ask_list(runtime, "/networks?filters=", NULL, err);

	for (size_t i = 0; i < json_len(list); i++)
		if (json_str(json_at(list, i), "Name"))
			buf_printf(ret, "%s\n", json_str(json_at(list, i), "Name"));
	return list ? 0 : -1;
}

static int requests_network_add(struct runtime *runtime, const char *name, const struct output *output, struct error **err)
{
	cleanup_json struct json *body = json_new_object();

	(void)output;
	json_set_str(body, "Name", name);
	json_set(body, "Labels", labels_json(runtime, NULL));
	return docker_api_do(runtime, "POST", "/networks/create", body, NULL, err);
}

static int requests_network_remove(struct runtime *runtime, const char *name, struct error **err)
{
	cleanup_free char *path = mem_printf("/networks/%s", name);

	return docker_container_do(runtime, "DELETE", path, err);
}

/* ---- what happens in it ---- */

static int requests_healthy(struct container *container, const char *const *words, uint64_t ms, bool *ret,
			    struct buf *ret_said, struct error **err)
{
	cleanup_free char *path = mem_printf("/containers/%s/exec", container->name);
	cleanup_json struct json *body = json_new_object(), *start = json_new_object(), *made = NULL, *ended = NULL;
	cleanup_free char *begin = NULL, *look = NULL;
	cleanup_buf struct buf text = { 0 }, said = { 0 };
	struct error *error = NULL;
	const char *id;

	json_set(body, "Cmd", words_json(words));
	json_set_bool(body, "AttachStdout", true);
	json_set_bool(body, "AttachStderr", true);
	if (docker_api_do(container->runtime, "POST", path, body, &text, err) < 0 ||
	    json_parse(text.data ? text.data : "", text.len, "docker", &made, err) < 0)
		return -1;
	id = json_str(made, "Id");
	begin = mem_printf("/exec/%s/start", id ? id : "");
	look = mem_printf("/exec/%s/json", id ? id : "");
	json_set_bool(start, "Detach", false);
	buf_reset(&text);
	/* Its output ends when it does; what takes too long is not healthy. */
	if (docker_api_wait(container->runtime, "POST", begin, start, ms, &said, &error) < 0) {
		if (error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		error_free(error);
		container_say_slow(ret_said, ms);
		return 0;
	}
	docker_output_unframe(&said, ret_said);
	if (docker_api_do(container->runtime, "GET", look, NULL, &text, err) < 0 ||
	    json_parse(text.data ? text.data : "", text.len, "docker", &ended, err) < 0)
		return -1;
	*ret = !json_bool(ended, "Running") && json_int(ended, "ExitCode") == 0;
	return 0;
}

/* ---- images that were not built here ---- */

static int requests_describe(struct runtime *runtime, const char *name, struct runtime_pulled *ret, struct error **err)
{
	cleanup_free char *path = mem_printf("/images/%s/json", name);
	cleanup_buf struct buf text = { 0 };

	buf_char(&text, '[');
	if (docker_api_do(runtime, "GET", path, NULL, &text, err) < 0)
		return -1;
	buf_char(&text, ']');
	return pull_parse(text.data, text.len, name, ret, err);
}

static void requests_forget(struct runtime *runtime, const char *id)
{
	cleanup_free char *path = mem_printf("/images/%s/json", id), *remove = mem_printf("/images/%s", id);
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *image = NULL;

	if (docker_api_do(runtime, "GET", path, NULL, &text, NULL) == 0 &&
	    json_parse(text.data ? text.data : "", text.len, "docker", &image, NULL) == 0 &&
	    json_len(json_get(image, "RepoTags")) == 0)
		docker_container_do(runtime, "DELETE", remove, NULL);
}

const struct container_ops container_requests = {
	.named = true,
	.run = requests_run,
	.create = commands_create,
	.attach = commands_attach,
	.exec = commands_exec,
	.inspect = requests_inspect,
	.healthy = requests_healthy,
	.put = docker_api_put,
	.print = docker_output_print,
	.follow = docker_output_follow,
	.stamps = true,
	.remove = requests_remove,
	.start = requests_start,
	.signal = requests_signal,
	.list = requests_list,
	.network_list = requests_network_list,
	.network_add = requests_network_add,
	.network_remove = requests_network_remove,
	.describe = requests_describe,
	.pull = docker_pull,
	.forget = requests_forget,
};
