#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/table.h"
#include "cli/convert/bake_attest.h"
#include "cli/convert/emit.h"
#include "cli/convert/export_values.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"

static char *export_compose_escape(const char *text)
{
	struct buf out = { 0 };

	for (; *text; text++) {
		buf_str(&out, *text == '$' ? "$" : "");
		buf_char(&out, *text);
	}
	return buf_steal(&out);
}

static struct json *hosts_list(const struct texts *hosts);

static const struct export_language language = {
	.name = "compose",
	.service = "service:",
	.escape = export_compose_escape,
	.service_name = mem_strdup,
	.hosts = hosts_list,
};

static struct json *hosts_list(const struct texts *hosts)
{
	return export_texts(hosts, &language);
}

/* Secrets are declared at the top, named after the service and the secret. */
static struct json *export_compose_secrets(const struct plan *plan, const struct service *service, struct json *sources)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < service->build.secrets_len; i++) {
		const struct build_secret *secret = &service->build.secrets[i];
		cleanup_free char *name = mem_printf("%s-%s", service->name.s, secret->id.s);
		cleanup_free char *path = secret->file.s ? export_path(plan, secret->file.s) : NULL;
		struct json *use = json_new_object(), *source = json_new_object();

		export_set(source, "file", &language, path);
		json_set_str(source, "environment", secret->variable.s);
		json_set(sources, name, source);
		json_set_str(use, "source", name);
		json_set_str(use, "target", secret->id.s);
		json_append(list, use);
	}
	return list;
}

static struct json *export_compose_ssh(const struct plan *plan, const struct build_spec *build)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < build->ssh.len; i++) {
		const struct pair *pair = &build->ssh.items[i];
		bool has_path = pair->value.s && *pair->value.s;
		cleanup_free char *path = has_path ? export_path(plan, pair->value.s) : NULL;
		cleanup_free char *text = mem_printf("%s%s%s", pair->key.s, has_path ? "=" : "", has_path ? path : "");

		export_append(list, &language, text);
	}
	return list;
}

static void export_compose_set_where(const struct plan *plan, const struct build_spec *spec, struct json *build)
{
	cleanup_free char *context = export_context(plan, spec);
	cleanup_free char *dockerfile = export_dockerfile(spec);

	export_set(build, "context", &language, context);
	if (dockerfile && strcmp(dockerfile, "Dockerfile") != 0)
		export_set(build, "dockerfile", &language, dockerfile);
	export_set(build, "dockerfile_inline", &language, spec->inline_text.s);
}

static int export_compose_set_build(struct plan *plan, size_t number, struct json *service, struct json *sources,
				    struct error **err)
{
	const struct service *from = &plan_manifest(plan)->services[number];
	const char *const *references = from->publish ? plan_references(plan, number) : NULL;
	const struct build_spec *spec = &from->build;
	struct json *build, *args, *tags = json_new_array();
	cleanup_free char *sbom = attest_sbom(from);

	export_set(service, "image", &language, references ? references[0] : NULL);
	for (size_t i = 1; references && references[0] && references[i]; i++)
		export_append(tags, &language, references[i]);
	if (export_args(plan, from, &language, &args, err) < 0) {
		json_free(tags);
		return -1;
	}
	build = json_new_object();
	export_compose_set_where(plan, spec, build);
	export_set_filled(build, "args", args);
	export_set_filled(build, "additional_contexts", export_contexts(plan, number, &language));
	export_set_filled(build, "tags", tags);
	export_set_filled(build, "platforms", export_platforms(spec));
	export_set_filled(build, "secrets", export_compose_secrets(plan, from, sources));
	export_set_filled(build, "ssh", export_compose_ssh(plan, spec));
	export_plain(build, spec, &language);
	json_set_str(build, "provenance", attest_provenance(from));
	json_set_str(build, "sbom", sbom);
	json_set(service, "build", build);
	return 0;
}

static struct json *depends(const struct service *service)
{
	static const char *const conditions[] = { "service_started", "service_healthy", "service_completed_successfully" };
	TABLE_COMPLETE(conditions, DEPENDS_CONDITIONS);
	struct json *object = json_new_object();

	for (size_t i = 0; i < service->depends_len; i++) {
		struct json *condition = json_new_object();

		json_set_str(condition, "condition", conditions[service->depends[i].condition]);
		if (service->depends[i].optional)
			json_set_bool(condition, "required", false);
		if (service->depends[i].restart)
			json_set_bool(condition, "restart", true);
		json_set(object, service->depends[i].name.s, condition);
	}
	return object;
}

static struct json *env_files(const struct plan *plan, const struct service *service)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < service->env_files_len; i++) {
		cleanup_free char *path = export_path(plan, service->env_files[i].full);
		struct json *file = json_new_object();

		export_set(file, "path", &language, path);
		if (service->env_files[i].optional)
			json_set_bool(file, "required", false);
		if (service->env_files[i].raw)
			json_set_str(file, "format", "raw");
		json_append(list, file);
	}
	return list;
}

static void set_duration(struct json *object, const char *key, uint64_t ms)
{
	cleanup_free char *text = ms > 0 ? mem_printf("%llums", (unsigned long long)ms) : NULL;

	if (text)
		json_set_str(object, key, text);
}

static struct json *healthcheck(const struct healthcheck *check)
{
	struct json *object = json_new_object();

	export_set_filled(object, "test", export_texts(&check->test, &language));
	set_duration(object, "interval", check->interval_ms);
	set_duration(object, "timeout", check->timeout_ms);
	set_duration(object, "start_period", check->start_period_ms);
	set_duration(object, "start_interval", check->start_interval_ms);
	if (check->retries > 0)
		json_set_int(object, "retries", check->retries);
	if (check->disable)
		json_set_bool(object, "disable", true);
	return object;
}

/* In compose's short form. */
static char *port_text(const struct port *port)
{
	cleanup_buf struct buf text = { 0 };

	if (port->host)
		buf_printf(&text, "%s:", port->host);
	if (port->outer_last > port->outer)
		buf_printf(&text, "%u-%u:", port->outer, port->outer_last);
	else if (port->outer)
		buf_printf(&text, "%u:", port->outer);
	else if (port->host)
		buf_char(&text, ':');
	buf_printf(&text, "%u%s", port->inner, port->udp ? "/udp" : "");
	return buf_steal(&text);
}

/* In compose's long form. Named volumes are declared in `volumes`. */
static struct json *mounts(const struct plan *plan, const struct service *from, struct json *volumes)
{
	static const char *const kinds[] = { "volume", "bind", "tmpfs" };
	TABLE_COMPLETE(kinds, MOUNT_KINDS);
	struct json *list = json_new_array();

	for (size_t i = 0; i < from->mounts_len; i++) {
		const struct mount *mount = &from->mounts[i];
		const bool is_path = mount->kind == MOUNT_BIND && mount->source.s;
		cleanup_free char *path = is_path ? export_path(plan, mount->source.s) : NULL;
		struct json *object = json_new_object();

		json_set_str(object, "type", kinds[mount->kind]);
		export_set(object, "source", &language, path ? path : mount->source.s);
		export_set(object, "target", &language, mount->target);
		if (strncmp(mount->options, "ro", 2) == 0)
			json_set_bool(object, "read_only", true);
		if (strpbrk(mount->options, "zZ")) {
			struct json *bind = json_new_object();

			json_set_str(bind, "selinux", strpbrk(mount->options, "z") ? "z" : "Z");
			json_set(object, "bind", bind);
		}
		if (mount->kind == MOUNT_VOLUME && mount->source.s)
			json_set(volumes, mount->source.s, json_new_object());
		json_append(list, object);
	}
	return list;
}

static struct json *logging(const struct logging *from)
{
	struct json *object = json_new_object();

	export_set(object, "driver", &language, from->driver.s);
	export_set_filled(object, "options", export_pairs(&from->options, &language));
	return object;
}

/* The aliases, on the only network that there is. */
static struct json *networks(const struct texts *aliases)
{
	struct json *object = json_new_object(), *network = json_new_object();

	if (aliases->len == 0) {
		json_free(network);
		return object;
	}
	json_set(network, "aliases", export_texts(aliases, &language));
	json_set(object, "default", network);
	return object;
}

static struct json *watch_rules(const struct plan *plan, const struct service *from)
{
	struct json *list = json_new_array();

	for (size_t i = 0; i < from->watch_len; i++) {
		const struct watch_rule *rule = &from->watch[i];
		cleanup_free char *path = export_path(plan, rule->path.s);
		struct json *object = json_new_object(), *exec = json_new_object();

		export_set(object, "path", &language, path);
		json_set_str(object, "action", watch_action_names[rule->action]);
		export_set(object, "target", &language, rule->target.s);
		export_set_filled(object, "ignore", export_texts(&rule->ignore, &language));
		export_set_filled(object, "include", export_texts(&rule->include, &language));
		if (rule->initial_sync)
			json_set_bool(object, "initial_sync", true);
		export_set_filled(exec, "command", export_texts(&rule->command, &language));
		export_set_filled(object, "exec", exec);
		json_append(list, object);
	}
	return list;
}

static void set_run(const struct plan *plan, const struct service *from, struct json *service, struct json *volumes)
{
	struct json *ports = json_new_array(), *develop = json_new_object();

	for (size_t i = 0; i < from->ports_len; i++) {
		cleanup_free char *port = port_text(&from->ports[i]);

		json_append(ports, json_new_string(port));
	}
	export_set_filled(service, "ports", ports);
	export_set_filled(service, "environment", export_pairs(&from->environment, &language));
	export_set_filled(service, "env_file", env_files(plan, from));
	export_set_filled(service, "command", export_texts(&from->command, &language));
	export_set_filled(service, "entrypoint", export_texts(&from->entrypoint, &language));
	export_set(service, "user", &language, from->user.s);
	export_run(service, from, &language);
	export_set_filled(service, "logging", logging(&from->run.logging));
	export_set_filled(service, "networks", networks(&from->aliases));
	export_set(service, "working_dir", &language, from->working_dir.s);
	export_set(service, "container_name", &language, from->container_name.s);
	export_set(service, "stop_signal", &language, from->stop_signal.s);
	if (from->has_stop_grace) {
		cleanup_free char *grace = mem_printf("%llums", (unsigned long long)from->stop_grace_ms);

		json_set_str(service, "stop_grace_period", grace);
	}
	export_set_filled(service, "tmpfs", export_texts(&from->tmpfs, &language));
	export_set_filled(service, "volumes", mounts(plan, from, volumes));
	export_set_filled(service, "depends_on", depends(from));
	export_set_filled(service, "healthcheck", healthcheck(&from->healthcheck));
	export_set_filled(develop, "watch", watch_rules(plan, from));
	export_set_filled(service, "develop", develop);
	export_set_filled(service, "profiles", export_texts(&from->profiles, &language));
	export_set(service, "platform", &language, from->platform.s);
	export_set(service, "pull_policy", &language, from->pull.written);
}

static int export_compose_add_service(struct plan *plan, size_t number, struct json *services, struct json *sources,
				      struct json *volumes, struct error **err)
{
	const struct service *from = &plan_manifest(plan)->services[number];
	struct json *service = json_new_object();

	if (from->has_build && export_compose_set_build(plan, number, service, sources, err) < 0) {
		json_free(service);
		return -1;
	}
	if (!from->has_build)
		export_set(service, "image", &language, from->reference.s);
	if (!from->publish) {
		json_set_str(service, "#base",
			     from->build.outputs_len ? "makes files, no image of its own: never started"
						     : "only a base of others: built, never started");
		json_set_int(service, "scale", 0);
	}
	set_run(plan, from, service, volumes);
	json_set(services, from->name.s, service);
	return 0;
}

int export_compose(struct plan *plan, struct buf *out, struct buf *notes, struct error **err)
{
	const struct manifest *manifest = plan_manifest(plan);
	cleanup_json struct json *root = json_new_object();
	struct json *services = json_new_object(), *sources = json_new_object(), *volumes = json_new_object();
	int r = 0;

	json_set_str(root, "name", manifest->project.s);
	for (size_t i = 0; i < manifest->services_len && r == 0; i++) {
		if (manifest->services[i].provided) {
			buf_printf(notes, "%s: what provides it was left out\n", manifest->services[i].name.s);
			continue;
		}
		export_note(&manifest->services[i], &language, notes);
		if (manifest->services[i].files_len > 0)
			buf_printf(notes, "%s: the secrets and configs of its container were left out\n",
				   manifest->services[i].name.s);
		if (manifest->services[i].build.annotations_len > 0)
			buf_printf(notes, "%s: compose cannot express its `annotations`\n", manifest->services[i].name.s);
		if (service_makes_files(&manifest->services[i]))
			buf_printf(notes, "%s: compose cannot express its `outputs`\n", manifest->services[i].name.s);
		r = export_compose_add_service(plan, i, services, sources, volumes, err);
	}
	json_set(root, "services", services);
	export_set_filled(root, "secrets", sources);
	export_set_filled(root, "volumes", volumes);
	if (r == 0)
		emit_yaml(out, root);
	return r;
}
