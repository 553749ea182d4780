#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/redact.h"
#include "base/table.h"
#include "base/text.h"
#include "base/xattr.h"
#include "dsl/manifest.h"
#include "dsl/schema.h"
#include "engine/plan/inputs.h"
#include "engine/plan/key.h"
#include "engine/plan/plan_internal.h"
#include "engine/source/context.h"

/* Raise a kind's version when the meaning of its fields changes: all its records become stale. */
static const char *const versions[] = {
	"4", /* prepare */
	"7", /* build */
	"1", /* output */
	"2", /* convert */
	"1", /* index */
	"1", /* load */
	"4", /* verify */
	"3", /* push */
	"1", /* tag */
};
TABLE_COMPLETE(versions, NODE_KINDS);

static void key_add_platform(struct inputs *inputs, const struct node *node)
{
	char text[PLATFORM_TEXT];

	platform_text(&node->platform, text);
	inputs_add(inputs, REASON_OPTION, "platform", node->has_platform ? text : NULL);
}

static void add_text(struct inputs *inputs, enum reason_kind kind, const char *name, const void *data, size_t len)
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(data, len), hex);
	inputs_add(inputs, kind, name, hex);
	inputs_of_bytes(inputs, data, len);
}

static void add_list(struct inputs *inputs, const char *name, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		inputs_add_element(inputs, name, i, list[i]);
	}
}

static void add_texts(struct inputs *inputs, const char *name, const struct texts *texts)
{
	for (size_t i = 0; i < texts->len; i++) {
		inputs_add_element(inputs, name, i, texts->items[i].s);
	}
}

static void add_pairs(struct inputs *inputs, const char *name, const struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->len; i++) {
		cleanup_free char *item = mem_printf("%s %s", name, pairs->items[i].key.s);

		inputs_add(inputs, REASON_OPTION, item, pairs->items[i].value.s);
	}
}

/* People put passwords into environments. */
static void add_environment(struct inputs *inputs, const char *name, const struct pairs *pairs)
{
	for (size_t i = 0; i < pairs->len; i++) {
		cleanup_free char *item = mem_printf("%s %s", name, pairs->items[i].key.s);

		inputs_add_hidden(inputs, REASON_OPTION, item, pairs->items[i].value.s);
	}
}

/* Adds a value of a dependency's result; unknown while there is none. */
static void add_result(struct inputs *inputs, const char *name, const char *value)
{
	if (value)
		inputs_add(inputs, REASON_DEPENDENCY, name, value);
	else
		inputs_add_unknown(inputs, REASON_DEPENDENCY, name);
}

static void add_dependency(struct inputs *inputs, const struct plan *plan, const char *name, size_t need)
{
	add_result(inputs, name, plan->nodes[need]->result.identity);
}

static void add_epoch(struct inputs *inputs, bool has_epoch, int64_t epoch)
{
	if (has_epoch)
		inputs_addf(inputs, REASON_OPTION, "source_date_epoch", "%" PRId64, epoch);
}

static const char *key_shown_path(const struct plan *plan, const char *path)
{
	const char *fetched = plan_fetched_name(plan, path);
	const char *relative = fetched ? fetched : path_relative(plan->manifest->dir, path);

	return relative ? relative : path_base(path);
}

/* The working directory of a command from an included manifest. */
static void key_add_dir(struct inputs *inputs, const struct plan *plan, const char *name, const char *dir)
{
	if (strcmp(dir, plan->manifest->dir) != 0)
		inputs_add(inputs, REASON_OPTION, name, key_shown_path(plan, dir));
}

static void add_outputs(struct inputs *inputs, const struct plan *plan, const struct plan_output *outputs, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *path = path_join(plan->manifest->dir, outputs[i].path);

		if (!outputs[i].known) {
			inputs_add_unknown(inputs, REASON_FILE, outputs[i].path);
			continue;
		}
		inputs_add(inputs, REASON_FILE, outputs[i].path, outputs[i].digest);
		inputs_of_file(inputs, path);
	}
}

static int add_prepare(const struct plan *plan, const struct node *node, struct inputs *inputs, struct error **err)
{
	const struct prepare_spec *spec = &plan->manifest->services[node->service].prepare;
	const struct plan_prepare *prepare = node->prepare;
	size_t len = 0;
	long unmatched = source_unmatched(plan->source, prepare->selection);

	if (unmatched >= 0 && (size_t)unmatched < prepare->inputs_must)
		return error_make(err, ERROR_USAGE, "an input of `prepare` of %s does not exist: %s",
				  plan->manifest->services[node->service].name.s, prepare->inputs[unmatched]);
	key_add_platform(inputs, node);
	while (prepare->argv[len])
		len++;
	key_add_dir(inputs, plan, "prepare.run's folder", spec->dir);
	add_list(inputs, "prepare.run", prepare->argv, len);
	for (size_t i = 0; prepare->env[i]; i++) {
		cleanup_free char *name =
			mem_printf("prepare.env %.*s", (int)strcspn(prepare->env[i], "="), prepare->env[i]);

		inputs_add_hidden(inputs, REASON_OPTION, name, prepare->env[i]);
	}
	add_list(inputs, "prepare.outputs", prepare->outputs, prepare->outputs_len);
	add_epoch(inputs, plan->manifest->has_epoch, plan->manifest->epoch);
	inputs_add_files(inputs, "inputs of prepare", "", plan->source, prepare->selection);
	add_outputs(inputs, plan, prepare->made, prepare->made_len);
	return 0;
}

static bool arg_counts(const struct dockerfile_use *use, const char *name)
{
	if (use->all_args)
		return true;
	for (size_t i = 0; i < use->args_used_len; i++) {
		if (strcmp(use->args_used[i], name) == 0)
			return true;
	}
	return false;
}

/* Arguments for the builder itself, which affect the result although no Dockerfile declares them. */
static bool arg_for_builder(const char *name)
{
	return strncmp(name, "BUILDKIT_", strlen("BUILDKIT_")) == 0;
}

static void add_args(struct inputs *inputs, const struct plan *plan, const struct plan_build *build)
{
	static const char *const build_platform[] = { "BUILDPLATFORM", "BUILDOS", "BUILDARCH", "BUILDVARIANT" };
	char host[PLATFORM_TEXT];

	for (size_t i = 0; i < build->args_len; i++) {
		const char *name = build->args[i].key;

		if (!arg_counts(&build->use, name) && !arg_for_builder(name))
			continue;
		/* A secret does not belong into an argument; if it is there anyway, keep it out of the state. */
		if (redact_is_secret(name))
			inputs_add_hidden(inputs, REASON_ARG, name, build->args[i].value);
		else
			inputs_add(inputs, REASON_ARG, name, build->args[i].value);
	}
	platform_text(&plan->options.host, host);
	for (size_t i = 0; i < sizeof(build_platform) / sizeof(build_platform[0]); i++) {
		if (arg_counts(&build->use, build_platform[i])) {
			inputs_add(inputs, REASON_OPTION, "build platform", host);
			break;
		}
	}
}

char *plan_base_name(const char *name, const struct platform *platform)
{
	char text[PLATFORM_TEXT];

	platform_text(platform, text);
	return mem_printf("%s (%s)", name, text);
}

/* An image from elsewhere, and its ONBUILD instructions. */
static void key_base(struct inputs *inputs, const struct plan_image *image, const char *name)
{
	cleanup_free char *onbuild = mem_printf("ONBUILD of %s", name);

	inputs_add(inputs, REASON_BASE, name, image->digest ? image->digest : image->reference);
	if (!text_same(image->onbuild, NULL))
		inputs_add(inputs, REASON_BASE, onbuild, image->onbuild);
}

static void key_add_images(struct inputs *inputs, const struct plan *plan, const struct plan_build *build)
{
	for (size_t i = 0; i < build->images_len; i++) {
		const struct plan_image *image = &build->images[i];
		cleanup_free char *name = plan_base_name(image->mention->name, &image->mention->platform);

		if (image->node != NO_NODE)
			add_dependency(inputs, plan, name, image->node);
		else
			key_base(inputs, image, name);
	}
}

/* The URLs that are locked, each once. */
static void key_add_urls(struct inputs *inputs, const struct plan_build *build)
{
	for (size_t i = 0; i < build->urls_len; i++) {
		const struct plan_url *url = &build->urls[i];
		size_t first = 0;

		while (strcmp(build->urls[first].shown, url->shown) != 0)
			first++;
		if (first == i && url->pin)
			inputs_add(inputs, REASON_URL, url->shown, url->pin);
	}
}

/* buildah mounts the folder itself into such a step, which sees its mode and attributes. */
static int add_mounted(struct inputs *inputs, const char *context, const char *root, struct error **err)
{
	cleanup_fd int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *name = mem_printf("folder of %s", context);
	cleanup_buf struct buf attributes = { 0 };
	char hex[HASH_HEX + 1] = "";
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", root);
	if (xattr_collect(fd, root, &attributes, err) < 0)
		return -1;
	if (attributes.len > 0)
		hash_hex(hash_bytes(attributes.data, attributes.len), hex);
	inputs_addf(inputs, REASON_OPTION, name, "%o%s%s", (unsigned)st.st_mode & 07777, *hex ? " " : "", hex);
	return 0;
}

static int key_add_contexts(struct inputs *inputs, const struct plan *plan, const struct plan_build *build,
			    struct error **err)
{
	for (size_t i = 0; i < build->contexts_len; i++) {
		const struct plan_context *context = &build->contexts[i];
		cleanup_free char *name = mem_printf("context %s", context->name ? context->name : "(main)");
		cleanup_free char *prefix = NULL;

		if (context->made) {
			inputs_add(inputs, REASON_OPTION, name, key_shown_path(plan, context->root));
			continue;
		}
		prefix = plan_prefix(plan, context);
		inputs_add_files(inputs, name, prefix, plan->source, context->selection);
		inputs_of_folder(inputs, context->root);
		if ((build->use.mounts_len > 0 || build->use.all_args) && plan_whole(&build->use, context->name) &&
		    add_mounted(inputs, name, context->root, err) < 0)
			return -1;
	}
	return 0;
}

/* Adds an option of the build, as it is written. */
static void add_option(struct inputs *inputs, const struct schema_key *key, const void *value)
{
	switch (key->type) {
	case TYPE_TEXT:
		if (((const struct text *)value)->s)
			inputs_add(inputs, REASON_OPTION, key->name, ((const struct text *)value)->s);
		return;
	case TYPE_MEMORY:
		if (*(const uint64_t *)value)
			inputs_addf(inputs, REASON_OPTION, key->name, "%" PRIu64, *(const uint64_t *)value);
		return;
	case TYPE_HOSTS:
	case TYPE_ULIMITS:
	case TYPE_TEXTS:
		add_texts(inputs, key->name, value);
		return;
	default:
		bug("an option of the type of \"%s\" is not counted in the key", key->name);
	}
}

/* Adds the builder's options that are set. Of secrets, only the ids. */
static void key_add_given(struct inputs *inputs, const struct build_spec *spec)
{
	for (const struct schema_key *key = schema_next_plain(NULL); key; key = schema_next_plain(key)) {
		if (key->flags & FLAG_OPTION)
			add_option(inputs, key, schema_plain_value(key, spec));
	}
	for (size_t i = 0; i < spec->secrets_len; i++) {
		cleanup_free char *name = mem_printf("secrets[%zu]", i);

		inputs_add(inputs, REASON_OPTION, name, spec->secrets[i].id.s);
	}
	for (size_t i = 0; i < spec->ssh.len; i++) {
		cleanup_free char *name = mem_printf("ssh[%zu]", i);

		inputs_add(inputs, REASON_OPTION, name, spec->ssh.items[i].key.s);
	}
}

/* Attestations are made together with the image, so they count. */
static void key_add_attestations(struct inputs *inputs, const struct build_spec *spec)
{
	if (spec->provenance)
		inputs_add(inputs, REASON_OPTION, "provenance", spec->provenance == PROVENANCE_MAX ? "max" : "min");
	if (spec->sbom)
		inputs_add(inputs, REASON_OPTION, "sbom", spec->sbom_generator ? spec->sbom_generator : "true");
}

/* Inputs whose order in the manifest does not matter. */
static int add_used(const struct plan *plan, const struct node *node, struct inputs *inputs, struct error **err)
{
	const struct service *service = &plan->manifest->services[node->service];
	const struct plan_build *build = node->build;

	key_add_images(inputs, plan, build);
	key_add_urls(inputs, build);
	for (size_t i = 0; i < service->needs.len; i++) {
		const struct service *needed = &plan->manifest->services[service->needs_index[i]];
		cleanup_free char *id = NULL;
		char platform[PLATFORM_TEXT];

		platform_text(&node->platform, platform);
		id = mem_printf("build:%s:%s", manifest_maker(plan->manifest, needed), platform);
		add_dependency(inputs, plan, service->needs.items[i].s, plan_find(plan, id));
	}
	if (key_add_contexts(inputs, plan, build, err) < 0)
		return -1;
	add_outputs(inputs, plan, build->outputs, build->outputs_len);
	return 0;
}

/* Those of the manifest for the node's platform. */
static void key_add_annotations(struct inputs *inputs, const struct node *node, const struct build_spec *spec)
{
	for (size_t i = 0; i < spec->annotations_len; i++) {
		const struct annotation *annotation = &spec->annotations[i];
		cleanup_free char *name = mem_printf("annotation %s", annotation->key.s);

		if (annotation_is_for(annotation, &node->platform))
			inputs_add(inputs, REASON_OPTION, name, annotation->value.s);
	}
}

static int key_add_build(const struct plan *plan, const struct node *node, struct inputs *inputs, struct error **err)
{
	const struct service *service = &plan->manifest->services[node->service];
	const struct plan_build *build = node->build;
	size_t first;
	int r;

	key_add_platform(inputs, node);
	add_text(inputs, REASON_DOCKERFILE,
		 build->dockerfile_origin ? build->dockerfile_origin : key_shown_path(plan, build->dockerfile),
		 build->text, build->text_len);
	add_args(inputs, plan, build);
	inputs_add(inputs, REASON_OPTION, "target", service->build.target.s);
	key_add_given(inputs, &service->build);
	if (service_attests(service))
		key_add_attestations(inputs, &service->build);
	for (size_t i = 0; i < build->labels_len; i++) {
		cleanup_free char *name = mem_printf("label %s", build->labels[i].key);

		inputs_add(inputs, REASON_OPTION, name, build->labels[i].value);
	}
	if (service->docker)
		inputs_add(inputs, REASON_OPTION, "media_types", "docker");
	key_add_annotations(inputs, node, &service->build);
	add_epoch(inputs, build->has_epoch, build->epoch);
	first = inputs_len(inputs);
	r = add_used(plan, node, inputs, err);
	inputs_sort(inputs, first);
	return r;
}

static void add_references(struct inputs *inputs, const struct node *node)
{
	size_t len = 0;

	while (node->references[len])
		len++;
	add_list(inputs, "reference", node->references, len);
}

/* An index and the local engine contain what the builds delivered: their manifests' digests, and attestations. */
static void add_members(const struct plan *plan, const struct node *node, struct inputs *inputs, bool digests)
{
	size_t first = inputs_len(inputs);

	for (size_t i = 0; i < node->needs_len; i++) {
		const struct node *need = plan->nodes[node->needs[i]];

		if (need->kind != NODE_BUILD && need->kind != NODE_CONVERT)
			continue;
		if (need->result.identity && digests)
			inputs_add(inputs, REASON_DEPENDENCY, need->id, need->result.digest);
		else
			add_dependency(inputs, plan, need->id, node->needs[i]);
		if (need->result.attestation && digests)
			inputs_addf(inputs, REASON_DEPENDENCY, "attestation", "%s %s", need->id,
				    need->result.attestation);
	}
	inputs_sort(inputs, first);
}

/* Where the files of which builds go. */
static void add_output(const struct plan *plan, const struct node *node, struct inputs *inputs)
{
	const struct build_spec *build = &plan->manifest->services[node->service].build;
	const struct plan_build *first = plan->nodes[node->needs[0]]->build;

	for (size_t i = 0; i < build->outputs_len; i++) {
		const struct build_output *output = &build->outputs[i];

		cleanup_free char *text = output->dest.s
						  ? mem_printf("%s %s", output->kind == OUTPUT_TAR ? "tar" : "local",
							       plan_output_shown(plan, output))
						  : NULL;

		if (text)
			inputs_add_element(inputs, "outputs", i, text);
	}
	add_epoch(inputs, first->has_epoch, first->epoch);
	add_members(plan, node, inputs, false);
}

static void add_ports(struct inputs *inputs, const char *prefix, const struct service *service)
{
	size_t len = 0;

	/* These ports are only probed; where they are published does not matter. */
	for (size_t i = 0; i < service->ports_len; i++) {
		cleanup_free char *name = NULL;

		if (service->ports[i].udp)
			continue;
		name = mem_printf("%sports[%zu]", prefix, len++);
		inputs_addf(inputs, REASON_OPTION, name, "%u", (unsigned)service->ports[i].inner);
	}
}

struct key_settings {
	struct inputs *inputs;
	const char *prefix;
	char last[32]; /* the key of the value before, ... */
	size_t len;    /* ... and how many it had */
};

static void take_setting(void *data, const char *key, const char *value)
{
	struct key_settings *settings = data;
	cleanup_free char *name = mem_printf("%s%s", settings->prefix, key);

	settings->len = strcmp(settings->last, key) == 0 ? settings->len + 1 : 0;
	snprintf(settings->last, sizeof(settings->last), "%s", key);
	inputs_add_element(settings->inputs, name, settings->len, value);
}

static void add_run(struct inputs *inputs, const struct service *service, const char *prefix)
{
	cleanup_free char *file_environment = mem_printf("%senv_file", prefix);
	cleanup_free char *working_dir = mem_printf("%sworking_dir", prefix);
	cleanup_free char *environment = mem_printf("%senvironment", prefix);
	cleanup_free char *command = mem_printf("%scommand", prefix);
	cleanup_free char *entrypoint = mem_printf("%sentrypoint", prefix);
	cleanup_free char *user = mem_printf("%suser", prefix);
	cleanup_free char *tmpfs = mem_printf("%stmpfs", prefix);
	cleanup_free char *aliases = mem_printf("%snetworks aliases", prefix);
	struct key_settings settings = { .inputs = inputs, .prefix = prefix };

	add_ports(inputs, prefix, service);
	add_environment(inputs, environment, &service->environment);
	add_environment(inputs, file_environment, &service->file_environment);
	add_texts(inputs, command, &service->command);
	add_texts(inputs, entrypoint, &service->entrypoint);
	inputs_add(inputs, REASON_OPTION, user, service->user.s);
	inputs_add(inputs, REASON_OPTION, working_dir, service->working_dir.s);
	add_texts(inputs, tmpfs, &service->tmpfs);
	add_texts(inputs, aliases, &service->aliases);
	service_settings(service, take_setting, &settings);
}

static void add_prefixed(struct inputs *inputs, const char *prefix, const char *name, const char *value)
{
	cleanup_free char *full = mem_printf("%s%s", prefix, name);

	inputs_add(inputs, REASON_OPTION, full, value);
}

static void add_number(struct inputs *inputs, const char *prefix, const char *name, uint64_t value)
{
	cleanup_free char *full = mem_printf("%s%s", prefix, name);

	inputs_addf(inputs, REASON_OPTION, full, "%" PRIu64, value);
}

/* A token of a request does not belong into the state. */
static void add_hidden(struct inputs *inputs, const char *prefix, const char *name, const char *value)
{
	cleanup_free char *full = mem_printf("%s%s", prefix, name);

	inputs_add_hidden(inputs, REASON_OPTION, full, value);
}

static void add_path(struct inputs *inputs, const char *prefix, const char *path)
{
	cleanup_free char *shown = text_without_query(path);

	add_prefixed(inputs, prefix, "verify.http.path", shown);
	if (strcmp(shown, path) != 0)
		add_hidden(inputs, prefix, "verify.http.query", path + strlen(shown));
}

static void add_request(struct inputs *inputs, const char *prefix, const struct http_check *http)
{
	cleanup_free char *headers = mem_printf("%sverify.http.headers", prefix);

	add_prefixed(inputs, prefix, "verify.http.method", http->method.s);
	add_hidden(inputs, prefix, "verify.http.send", http->send.s);
	add_prefixed(inputs, prefix, "verify.http.host", http->host.s);
	add_environment(inputs, headers, &http->headers);
	add_number(inputs, prefix, "verify.http.https", http->https);
	add_number(inputs, prefix, "verify.http.insecure", http->insecure);
	if (http->has_redirects)
		add_number(inputs, prefix, "verify.http.redirects", http->redirects);
}

static void add_probes(struct inputs *inputs, const char *prefix, const struct verify_spec *verify)
{
	const struct http_check *http = &verify->http;

	if (verify->has_http) {
		add_path(inputs, prefix, http->path.s);
		add_number(inputs, prefix, "verify.http.port", http->port);
		add_number(inputs, prefix, "verify.http.status", http->status);
		add_prefixed(inputs, prefix, "verify.http.body", http->body.s);
		add_prefixed(inputs, prefix, "verify.http.json path", http->json_path.s);
		add_prefixed(inputs, prefix, "verify.http.json value", http->json_value.s);
		add_number(inputs, prefix, "verify.http.timeout_ms", http->timeout_ms);
		add_request(inputs, prefix, http);
	}
	if (verify->has_tcp) {
		add_number(inputs, prefix, "verify.tcp.port", verify->tcp.port);
		add_number(inputs, prefix, "verify.tcp.timeout_ms", verify->tcp.timeout_ms);
	}
	if (verify->has_grpc) {
		add_number(inputs, prefix, "verify.grpc.port", verify->grpc.port);
		add_prefixed(inputs, prefix, "verify.grpc.service", verify->grpc.service.s);
		add_number(inputs, prefix, "verify.grpc.timeout_ms", verify->grpc.timeout_ms);
		add_number(inputs, prefix, "verify.grpc.tls", verify->grpc.tls);
		add_number(inputs, prefix, "verify.grpc.insecure", verify->grpc.insecure);
		add_prefixed(inputs, prefix, "verify.grpc.host", verify->grpc.host.s);
	}
	if (verify->has_exec) {
		cleanup_free char *command = mem_printf("%sverify.exec.command", prefix);

		add_texts(inputs, command, &verify->exec.command);
		add_number(inputs, prefix, "verify.exec.timeout_ms", verify->exec.timeout_ms);
	}
}

static int add_file_content(struct inputs *inputs, const struct plan *plan, const char *path, struct error **err)
{
	struct hash128 digest;
	char hex[HASH_HEX + 1];
	bool found;

	if (source_file(plan->source, path, &digest, &found, err) < 0)
		return -1;
	hash_hex(digest, hex);
	inputs_add(inputs, REASON_FILE, key_shown_path(plan, path), found ? hex : NULL);
	return 0;
}

/* A file of the project named by a word of a checker is part of the check. */
static int add_run_file(struct inputs *inputs, const struct plan *plan, const char *dir, const char *word,
			struct error **err)
{
	cleanup_free char *path = NULL;
	int r = plan_run_file(plan, dir, word, &path, err);

	if (r <= 0)
		return r;
	return add_file_content(inputs, plan, path, err);
}

/* Files of this machine that its checks or its container read. */
static int add_running_files(struct inputs *inputs, const struct plan *plan, const struct service *service,
			     const char *prefix, struct error **err)
{
	const struct verify_spec *verify = &service->verify;

	if (verify->has_grpc && verify->grpc.ca.s && add_file_content(inputs, plan, verify->grpc.ca.s, err) < 0)
		return -1;
	if (verify->has_http && verify->http.ca.s && add_file_content(inputs, plan, verify->http.ca.s, err) < 0)
		return -1;
	for (size_t i = 0; i < service->files_len; i++) {
		const struct mount *file = &service->files[i];
		cleanup_free char *name = mem_printf("%sfile %s", prefix, file->target);

		inputs_add(inputs, REASON_OPTION, name, key_shown_path(plan, file->source.s));
		if (add_file_content(inputs, plan, file->source.s, err) < 0)
			return -1;
	}
	return 0;
}

static int add_policy(struct inputs *inputs, const struct plan *plan, const struct verify_spec *verify, struct error **err)
{
	inputs_add(inputs, REASON_OPTION, "verify.user", verify->user.s);
	inputs_addf(inputs, REASON_OPTION, "verify.max_size", "%" PRIu64, verify->max_size);
	add_texts(inputs, "verify.entrypoint", &verify->entrypoint);
	add_texts(inputs, "verify.ports", &verify->ports);
	add_pairs(inputs, "verify.labels", &verify->labels);
	add_texts(inputs, "verify.platforms", &verify->platforms);
	if (verify->run_len)
		key_add_dir(inputs, plan, "verify.run's folder", verify->dir);
	for (size_t i = 0; i < verify->run_len; i++) {
		cleanup_free char *name = mem_printf("verify.run[%zu]", i);

		add_texts(inputs, name, &verify->run[i]);
		for (size_t j = 0; j < verify->run[i].len; j++) {
			if (add_run_file(inputs, plan, verify->dir, verify->run[i].items[j].s, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* Adds a service that runs during the checks: how it runs, and when it counts as healthy. */
static void add_running(struct inputs *inputs, const struct service *service, const char *prefix)
{
	add_run(inputs, service, prefix);
	add_probes(inputs, prefix, &service->verify);
	for (size_t i = 0; i < service->depends_len; i++) {
		cleanup_free char *name = mem_printf("%sdepends_on %s", prefix, service->depends[i].name.s);

		inputs_addf(inputs, REASON_OPTION, name, "condition %d", (int)service->depends[i].condition);
	}
}

/* Adds a service that the checks wait for. */
static void add_healthcheck(struct inputs *inputs, const struct service *service, const char *prefix)
{
	const struct healthcheck *check = &service->healthcheck;
	cleanup_free char *test = mem_printf("%shealthcheck.test", prefix);

	if (!check->pos.line)
		return;
	add_texts(inputs, test, &check->test);
	add_number(inputs, prefix, "healthcheck.interval_ms", check->interval_ms);
	add_number(inputs, prefix, "healthcheck.timeout_ms", check->timeout_ms);
	add_number(inputs, prefix, "healthcheck.start_period_ms", check->start_period_ms);
	add_number(inputs, prefix, "healthcheck.start_interval_ms", check->start_interval_ms);
	add_number(inputs, prefix, "healthcheck.retries", check->retries);
	add_number(inputs, prefix, "healthcheck.disable", check->disable);
}

/* Adds the services that are started beside it, each once. A moved tag makes nothing stale. */
static int add_beside(struct inputs *inputs, const struct plan *plan, const struct service *service, struct map *seen,
		      struct error **err)
{
	for (size_t i = 0; i < service->depends_len; i++) {
		const struct service *other = &plan->manifest->services[service->depends[i].service];
		cleanup_free char *prefix = mem_printf("%s: ", other->name.s);
		cleanup_free char *image = mem_printf("%simage", prefix);

		if (map_get(seen, other->name.s))
			continue;
		map_set(seen, other->name.s, (void *)other);
		if (add_beside(inputs, plan, other, seen, err) < 0 ||
		    add_running_files(inputs, plan, other, prefix, err) < 0)
			return -1;
		if (!other->has_build)
			inputs_add(inputs, REASON_OPTION, image, other->reference.s);
		add_running(inputs, other, prefix);
		add_healthcheck(inputs, other, prefix);
	}
	return 0;
}

static int add_verify(const struct plan *plan, const struct node *node, struct inputs *inputs, struct error **err)
{
	const struct service *service = &plan->manifest->services[node->service];
	/* Without running anything, it does not matter how it would run. */
	bool runs = verify_asks(&service->verify) && !plan->options.only_images;

	size_t first;

	if (add_policy(inputs, plan, &service->verify, err) < 0)
		return -1;
	first = inputs_len(inputs);
	if (runs)
		add_running(inputs, service, "");
	if (runs && add_running_files(inputs, plan, service, "", err) < 0)
		return -1;
	for (size_t i = 0; i < node->needs_len; i++) {
		const struct node *need = plan->nodes[node->needs[i]];

		if (need->kind == NODE_INDEX || (need->kind == NODE_BUILD && (runs || need->service == service->maker)))
			add_dependency(inputs, plan, need->id, node->needs[i]);
	}
	if (runs && service->depends_len > 0) {
		struct map *seen cleanup_map = map_new();

		if (add_beside(inputs, plan, service, seen, err) < 0)
			return -1;
	}
	inputs_sort(inputs, first);
	return 0;
}

bool plan_annotation_stays(const struct manifest *manifest, const char *key)
{
	return !manifest->revision_every && (strcmp(key, "org.opencontainers.image.revision") == 0 ||
					     strcmp(key, "org.opencontainers.image.created") == 0);
}

/* The key of a push: the index with those of its annotations that are not only about the commit, or that there is none, and the
 * repositories. */
static void add_push(const struct plan *plan, const struct node *node, struct inputs *inputs)
{
	const struct node *index = plan->nodes[node->needs[0]];
	const struct service *service = &plan->manifest->services[node->service];
	size_t len = 0;

	while (node->repositories[len])
		len++;
	add_result(inputs, index->id, index->result.digest);
	if (service->bare)
		inputs_add(inputs, REASON_OPTION, "index", "never");
	for (size_t i = 0; i < plan->options.annotations_len && service_annotates(service); i++) {
		cleanup_free char *name = mem_printf("annotation %s", plan->options.annotations[i].key);

		if (plan_annotation_stays(plan->manifest, plan->options.annotations[i].key))
			continue;

		inputs_add(inputs, REASON_OPTION, name, plan->options.annotations[i].value);
	}
	for (size_t i = 0; i < service->build.annotations_len; i++) {
		const struct annotation *annotation = &service->build.annotations[i];
		cleanup_free char *name = mem_printf("annotation %s", annotation->key.s);

		if (annotation->index)
			inputs_add(inputs, REASON_OPTION, name, annotation->value.s);
	}
	if (plan->options.signer)
		inputs_add(inputs, REASON_OPTION, "signing key", plan->options.signer);
	add_list(inputs, "repository", node->repositories, len);
}

int key_inputs(const struct plan *plan, size_t number, struct inputs *inputs, struct error **err)
{
	const struct node *node = plan->nodes[number];

	inputs_begin(inputs, node->kind, versions[node->kind]);
	switch (node->kind) {
	case NODE_PREPARE:
		return add_prepare(plan, node, inputs, err);
	case NODE_BUILD:
		return key_add_build(plan, node, inputs, err);
	case NODE_OUTPUT:
		add_output(plan, node, inputs);
		break;
	case NODE_CONVERT:
		inputs_add(inputs, REASON_OPTION, "format", node->format->name.s);
		key_add_annotations(inputs, node, &plan->manifest->services[node->service].build);
		add_members(plan, node, inputs, false);
		break;
	case NODE_INDEX:
		add_members(plan, node, inputs, true);
		add_references(inputs, node);
		break;
	case NODE_LOAD:
		add_members(plan, node, inputs, false);
		add_references(inputs, node);
		break;
	case NODE_PUSH:
		add_push(plan, node, inputs);
		break;
	case NODE_TAG:
		add_dependency(inputs, plan, plan->nodes[node->needs[0]]->id, node->needs[0]);
		add_references(inputs, node);
		break;
	case NODE_VERIFY:
		return add_verify(plan, node, inputs, err);
	case NODE_KINDS:
		break;
	}
	return 0;
}
