#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/thread.h"
#include "engine/io/dockerd.h"
#include "engine/io/proc.h"
#include "engine/io/socket.h"
#include "engine/registry/url.h"
#include "engine/runtime/docker_events.h"
#include "engine/runtime/runtime_ops.h"

#define PREFIX "docker:"
#define PRESENT_MS 2000        /* for the daemon to list its images */
#define FILTER_MAX (64u << 10) /* bytes of names in a query; daemons accept ten times that */
#define INFO_MS 20000          /* for the daemon to describe itself */
#define PROVES_VERSION 28      /* the first that says of an image whether its layers are there */

static int docker_find_endpoint(struct runtime *runtime, char **ret, struct error **err)
{
	const char *const args[] = { "context", "inspect", "--format={{.Endpoints.docker.Host}}", NULL };
	cleanup_buf struct buf out = { 0 };

	*ret = dockerd_endpoint();
	if (*ret)
		return 0;
	if (runtime_command(runtime, args, NULL, false, &out, err) < 0)
		return -1;
	buf_add(&out, "", 0);
	*ret = mem_strndup(out.data, strcspn(out.data, "\r\n"));
	return 0;
}

static bool docker_listens(void)
{
	cleanup_free char *endpoint = dockerd_endpoint();
	const char *socket = dockerd_socket(endpoint);

	return socket && socket_listens(socket);
}

static void docker_add_remedy(const char *complaint, const char *endpoint, struct error **err)
{
	if (strstr(complaint, "permission denied"))
		error_remedy(
			err,
			"no permission on %s: become a member of its group (usermod -aG docker USER, then log in again), or use podman",
			endpoint);
	else
		error_remedy(err, "start the daemon (systemctl start docker), or set DOCKER_HOST, or use podman");
}

/* True when the daemon is local: not on another machine, in a virtual machine, or in another network namespace. If
 * we run in a container ourselves, its bridge is not among our interfaces, which is checked for each container. */
static bool has_our_network(const struct json *info, const char *endpoint)
{
	const struct json *options = json_get(info, "SecurityOptions");
	const char *system = json_str(info, "OperatingSystem");

	for (size_t i = 0; i < json_len(options); i++) {
		if (json_text(json_at(options, i)) && strstr(json_text(json_at(options, i)), "name=rootless"))
			return false;
	}
	return dockerd_socket(endpoint) && !(system && strstr(system, "Docker Desktop"));
}

static int take_info(struct runtime *runtime, const struct buf *text, const char *endpoint, struct error **err)
{
	cleanup_json struct json *info = NULL;
	const char *complaint, *version;

	if (json_parse(text->data ? text->data : "", text->len, "docker info", &info, err) < 0)
		return error_wrap(err, "docker");
	complaint = json_text(json_at(json_get(info, "ServerErrors"), 0));
	version = json_str(info, "ServerVersion");
	if (complaint || !version || !*version) {
		error_make(err, ERROR_TOOL, "%s", complaint ? complaint : "docker's daemon does not answer");
		docker_add_remedy(complaint ? complaint : "", endpoint, err);
		return -1;
	}
	runtime->version = mem_strdup(version);
	runtime->manifests = dockerd_has_containerd_store(info);
	runtime->proves = runtime->manifests && runtime->socket && strtoul(version, NULL, 10) >= PROVES_VERSION;
	runtime->bridged = has_our_network(info, endpoint);
	return 0;
}

/* Asks the daemon itself if it is on this machine. The command is slower, but it knows other ways to reach a
 * daemon, and what to say if there is none. */
static int ask_info(struct runtime *runtime, struct buf *ret, struct error **err)
{
	const char *const args[] = { "info", "--format={{json .}}", NULL };

	if (runtime->socket && socket_get(runtime->socket, "/info", INFO_MS, ret, NULL) == 0)
		return 0;
	return runtime_command(runtime, args, NULL, false, ret, err);
}

static int docker_open(struct runtime *runtime, struct error **err)
{
	cleanup_free char *endpoint = NULL;
	cleanup_buf struct buf out = { 0 };
	struct error *error = NULL;

	if (docker_find_endpoint(runtime, &endpoint, err) < 0)
		return -1;
	if (dockerd_socket(endpoint))
		runtime->socket = mem_strdup(dockerd_socket(endpoint));
	if (ask_info(runtime, &out, &error) < 0) {
		if (error->cls == ERROR_TOOL)
			docker_add_remedy(error->message, endpoint, &error);
		return error_move(err, &error);
	}
	if (take_info(runtime, &out, endpoint, err) < 0)
		return -1;
	runtime->place = mem_printf(PREFIX "%s", endpoint);
	runtime->publish = true;
	if (runtime->socket)
		runtime->containers = &container_requests;
	return 0;
}

static int docker_has(struct runtime *runtime, const char *id, bool *ret, struct error **err)
{
	const char *const args[] = { "image", "ls", "--all", "--quiet", "--no-trunc", NULL };
	cleanup_buf struct buf out = { 0 };

	if (runtime->socket)
		return docker_api_has(runtime, id, ret, err);
	if (runtime_command(runtime, args, NULL, false, &out, err) < 0)
		return -1;
	*ret = out.data && strstr(out.data, id) != NULL;
	return 0;
}

/* One at a time: loads side by side hold each other up in docker with the containerd store, 16 of them for seconds each. */
static int docker_take(struct runtime *runtime, const char *tar, const struct output *output, struct error **err)
{
	int r;

	keylock_take(runtime->images, "load");
	r = runtime->socket ? docker_api_load(runtime, tar, err) : runtime_load_command(runtime, tar, output, err);
	keylock_give(runtime->images, "load");
	return r;
}

static int docker_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		       size_t len, const struct output *output, struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	bool there = false;

	if (docker_has(runtime, id, &there, err) < 0)
		return -1;
	if (!there)
		return runtime_import(runtime, image, references, len, output, err);
	for (size_t i = 0; i < len; i++) {
		const char *const args[] = { "tag", id, references[i], NULL };

		if (runtime->socket ? docker_api_tag(runtime, id, references[i], err) < 0
				    : runtime_command(runtime, args, output, false, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* The image of that name in the daemon's list. */
static const struct json *find_tagged(const struct json *images, const char *reference)
{
	for (size_t i = 0; i < json_len(images); i++) {
		const struct json *tags = json_get(json_at(images, i), "RepoTags");

		for (size_t j = 0; j < json_len(tags); j++) {
			const char *tag = json_text(json_at(tags, j));

			if (tag && ref_same(tag, reference))
				return json_at(images, i);
		}
	}
	return NULL;
}

static bool is_image(const struct json *entry, const struct runtime_image *image)
{
	const char *id = json_str(entry, "Id");

	return id && (strcmp(id, image->identity) == 0 || (image->digest && strcmp(id, image->digest) == 0));
}

static bool docker_holds(const struct json *images, const struct runtime_presence *item)
{
	for (size_t i = 0; i < item->len; i++) {
		if (!is_image(find_tagged(images, item->references[i]), &item->image))
			return false;
	}
	for (size_t i = 0; item->len == 0 && i < json_len(images); i++) {
		if (is_image(json_at(images, i), &item->image))
			return true;
	}
	return item->len > 0;
}

/* The name in docker's short form, without docker.io and library, which is what its filter compares. */
static char *docker_familiar(const char *reference)
{
	struct ref ref;
	const char *path;
	char *name;

	if (!ref_parse(reference, &ref, NULL))
		return mem_strdup(reference);
	path = ref.repository;
	if (strcmp(ref.domain, "docker.io") == 0)
		name = mem_strdup(strncmp(path, "library/", 8) == 0 ? path + 8 : path);
	else
		name = mem_printf("%s/%s", ref.domain, path);
	ref_free(&ref);
	return name;
}

/* Lists only images of these names: docker takes long for each image that it lists. */
static void present_target(const struct runtime_presence *items, size_t len, struct buf *out)
{
	cleanup_json struct json *filters = json_new_object();
	struct json *names = json_new_array();
	cleanup_buf struct buf text = { 0 };

	json_set(filters, "reference", names);
	buf_str(out, "/images/json");
	for (size_t i = 0; i < len; i++) {
		if (items[i].len == 0)
			return; /* it may exist without a name */
		for (size_t j = 0; j < items[i].len; j++) {
			cleanup_free char *name = docker_familiar(items[i].references[j]);

			json_append(names, json_new_string(name));
		}
	}
	json_dump(filters, JSON_COMPACT, &text);
	if (text.len > FILTER_MAX)
		return;
	buf_str(out, "?filters=");
	url_escape(out, text.data);
}

static char *docker_mark(const struct runtime *runtime, const struct runtime_image *image,
			 const char *const *references, size_t len, uint64_t since)
{
	return runtime->socket ? docker_events_mark(runtime->socket, image, references, len, since) : NULL;
}

static void look_at_images(const char *socket, struct runtime_presence *items, size_t len)
{
	cleanup_buf struct buf target = { 0 }, answer = { 0 };
	cleanup_json struct json *images = NULL;

	present_target(items, len, &target);
	if (socket_get(socket, target.data, PRESENT_MS, &answer, NULL) < 0 ||
	    json_parse(answer.data ? answer.data : "", answer.len, socket, &images, NULL) < 0)
		return;
	for (size_t i = 0; i < len; i++)
		items[i].held = docker_holds(images, &items[i]);
}

static void docker_present(const char *place, struct runtime_presence *items, size_t len, char **ret_seen)
{
	const char *socket = dockerd_socket(place + strlen(PREFIX));
	cleanup_free struct runtime_presence *others = mem_array(len, sizeof(*others));
	cleanup_free char *now = NULL;
	size_t asked = 0;

	if (!socket)
		return;
	docker_events_hold(socket, items, len, &now);
	for (size_t i = 0; i < len; i++)
		if (!items[i].held)
			others[asked++] = items[i];
	if (asked == 0)
		return;
	look_at_images(socket, others, asked);
	for (size_t i = 0, other = 0; i < len; i++)
		if (!items[i].held)
			items[i].held = others[other++].held;
	*ret_seen = steal_ptr(now);
}

static unsigned docker_adapt(unsigned quirks, const char *text)
{
	if (strstr(text, "rlimit") && !(quirks & QUIRK_ULIMIT))
		return quirks | QUIRK_ULIMIT;
	return quirks;
}

static void docker_learn(struct runtime *runtime, unsigned quirks)
{
	atomic_store(&runtime->quirks, quirks);
}

const struct runtime_ops runtime_docker = {
	.containers = &container_commands,
	.log_driver = "json-file",
	.resolves = true,
	.place_prefix = PREFIX,
	.listens = docker_listens,
	.open = docker_open,
	.load = docker_load,
	.mark = docker_mark,
	.present = docker_present,
	.discard = discard_docker,
	.has = docker_has,
	.take = docker_take,
	.adapt = docker_adapt,
	.learn = docker_learn,
};
