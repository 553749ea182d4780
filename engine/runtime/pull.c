#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

static char *pull_normal_name(const char *reference, bool *ret_loopback)
{
	struct ref ref;
	char *name;

	*ret_loopback = false;
	if (!ref_parse(reference, &ref, NULL))
		return mem_strdup(reference); /* the manifest was already checked */
	*ret_loopback = strncmp(ref.domain, "localhost", strlen("localhost")) == 0 ||
			strncmp(ref.domain, "127.", strlen("127.")) == 0;
	if (ref.digest)
		name = mem_printf("%s/%s@%s", ref.domain, ref.repository, ref.digest);
	else
		name = mem_printf("%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return name;
}

/* "sha256:..." everywhere; podman omits the algorithm. */
static char *whole_id(const char *id)
{
	return strchr(id, ':') ? mem_strdup(id) : mem_printf("sha256:%s", id);
}

/* The only TCP port of ExposedPorts ({"5432/tcp": {}}), or 0. */
static uint16_t only_port(const struct json *ports)
{
	unsigned long port = 0;

	for (const void *it = json_first(ports); it; it = json_next(ports, it)) {
		if (!strstr(json_key(it), "/tcp"))
			continue;
		if (port)
			return 0;
		port = strtoul(json_key(it), NULL, 10);
	}
	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

static void take_healthcheck(const struct json *check, struct runtime_pulled *ret)
{
	cleanup_buf struct buf text = { 0 };

	if (ret->healthcheck || !json_is_object(check))
		return;
	json_dump(check, JSON_CANONICAL, &text);
	ret->healthcheck = buf_steal(&text);
}

void pull_take_config(const struct json *config, struct runtime_pulled *ret)
{
	ret->port = only_port(json_get(config, "ExposedPorts"));
	take_healthcheck(json_get(config, "Healthcheck"), ret);
}

int pull_parse(const char *json, size_t len, const char *reference, struct runtime_pulled *ret, struct error **err)
{
	cleanup_json struct json *all = NULL;
	const struct json *one;
	const char *id, *origin;

	*ret = (struct runtime_pulled){ 0 };
	if (json_parse(json, len, "what inspect says of the image", &all, err) < 0)
		return -1;
	one = json_at(all, 0);
	id = json_str(one, "Id");
	if (!id || !*id)
		return error_make(err, ERROR_TOOL, "inspect gives no id for %s", reference);
	origin = json_text(json_at(json_get(one, "RepoDigests"), 0));
	ret->id = whole_id(id);
	ret->origin = origin ? mem_strdup(origin) : mem_printf("%s (%s)", reference, ret->id);
	pull_take_config(json_get(one, "Config"), ret);
	take_healthcheck(json_get(one, "HealthCheck"), ret); /* where podman has it */
	take_healthcheck(json_get(one, "Healthcheck"), ret);
	return 0;
}

void runtime_pulled_free(struct runtime_pulled *pulled)
{
	free(pulled->id);
	free(pulled->origin);
	free(pulled->healthcheck);
	*pulled = (struct runtime_pulled){ 0 };
}

static int pull_pull(struct runtime *runtime, const char *name, bool insecure, const struct output *output,
		     struct error **err)
{
	struct error *error = NULL;

	if (runtime->containers->pull(runtime, name, insecure, output, &error) == 0)
		return 0;
	if (error->cls != ERROR_TOOL || loop_cancelled(runtime->loop))
		return error_move(err, &error);
	error->cls = ERROR_REGISTRY;
	error_remedy(&error, "is the name right, and is a login needed? `cbuild login HOST` keeps one");
	return error_move(err, &error);
}

int runtime_pull(struct runtime *runtime, const struct runtime_wanted *wanted, const struct output *output,
		 struct runtime_pulled *ret, struct error **err)
{
	bool loopback;
	cleanup_free char *name = pull_normal_name(wanted->reference, &loopback);
	int (*describe)(struct runtime *, const char *, struct runtime_pulled *, struct error **) =
		runtime->containers->describe;
	struct error *error = NULL;

	/* First under the name as written: podman may have it under a local name. */
	if (wanted->when != RUNTIME_PULL_ALWAYS) {
		if (describe(runtime, wanted->reference, ret, &error) == 0)
			return 0;
		if (error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		error_free(steal_ptr(error));
	}
	if (wanted->when == RUNTIME_PULL_NEVER) {
		error_make(err, ERROR_REGISTRY, "%s does not have the image %s, and pull_policy is \"never\"",
			   runtime->name, wanted->reference);
		error_remedy(err, "pull it: %s pull %s", runtime->name, name);
		return -1;
	}
	if (pull_pull(runtime, name, wanted->insecure || loopback, output, err) < 0)
		return -1;
	return describe(runtime, name, ret, err);
}
