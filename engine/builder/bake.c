#include "config.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "engine/builder/bake.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/csv.h"
#include "engine/builder/rewrite.h"
#include "engine/io/proc.h"

#define NUMBER_MAX 1000000
#define TARGET "n%zu" /* names are few letters: the user's own need not fit */

/* bake evaluates texts of a JSON file as templates. */
static struct json *literal(const char *text)
{
	cleanup_buf struct buf out = { 0 };

	for (; *text; text++) {
		if ((*text == '$' || *text == '%') && text[1] == '{')
			buf_char(&out, *text);
		buf_char(&out, *text);
	}
	return json_new_string(out.data ? out.data : "");
}

static void set_text(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set(object, key, literal(text));
}

static void append_text(struct json *array, const char *text)
{
	json_append(array, literal(text));
}

static struct json *list_of(const char *const *list)
{
	struct json *array;

	if (!list || !*list)
		return NULL;
	array = json_new_array();
	for (; *list; list++)
		append_text(array, *list);
	return array;
}

static int contexts_of(const char *store, const struct buildkit_target *target, struct json *object, struct error **err)
{
	const struct build_job *job = target->job;
	struct json *contexts = json_new_object();

	json_set(object, "contexts", contexts);
	for (size_t i = 0; i < job->contexts_len; i++)
		set_text(contexts, job->contexts[i].name, job->contexts[i].value);
	for (size_t i = 0; i < job->images_len; i++) {
		cleanup_free char *place = NULL;

		if (buildkit_place(store, job, &job->images[i], &place, err) < 0)
			return -1;
		set_text(contexts, target->aliases[i], place);
	}
	return 0;
}

static struct json *output_of(const struct buildkit_target *target)
{
	cleanup_buf struct buf output = { 0 };
	struct json *array = json_new_array();

	csv_add_output(target->job, target->output, &output);
	append_text(array, output.data);
	return array;
}

/* Of a batch in which one is to say something: each target for itself. */
static struct json *attestations_of(const struct build_job *job)
{
	cleanup_free char *provenance = mem_printf("type=provenance,%s%s", job->provenance ? "mode=" : "disabled=true",
						   job->provenance ? job->provenance : "");
	cleanup_free char *sbom = mem_printf("type=sbom%s%s", job->sbom_generator ? ",generator=" : "",
					     job->sbom_generator ? job->sbom_generator : "");
	struct json *array = json_new_array();

	append_text(array, provenance);
	append_text(array, job->sbom ? sbom : "type=sbom,disabled=true");
	return array;
}

static bool any_attests(const struct buildkit_target *targets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (buildkit_attests(targets[i].job))
			return true;
	return false;
}

static struct json *arguments_of(const struct build_job *job)
{
	struct json *args = json_new_object();

	for (size_t i = 0; i < job->args_len; i++)
		set_text(args, job->args[i].key, job->args[i].value);
	if (job->has_epoch) {
		cleanup_free char *epoch = mem_printf("%" PRId64, job->epoch);

		set_text(args, "SOURCE_DATE_EPOCH", epoch);
	}
	return args;
}

static struct json *labels_of(const struct build_job *job)
{
	struct json *labels = json_new_object();

	for (size_t i = 0; i < job->labels_len; i++)
		set_text(labels, job->labels[i].key, job->labels[i].value);
	return labels;
}

static void set_secrets(struct json *object, const struct build_job *job, size_t number, struct argv *env)
{
	struct json *secrets = json_new_array(), *ssh = json_new_array();

	for (size_t i = 0; i < job->secrets_len; i++) {
		const struct build_secret_source *secret = &job->secrets[i];
		cleanup_free char *id = mem_printf("id=%s", secret->id), *source = NULL;
		cleanup_buf struct buf text = { 0 };

		if (secret->file) {
			source = mem_printf("src=%s", secret->file);
		} else {
			source = mem_printf("env=CBUILD_SECRET_%zu_%zu", number, i);
			argv_addf(env, "CBUILD_SECRET_%zu_%zu=%s", number, i, secret->value);
		}
		csv_add(&text, id);
		csv_add(&text, source);
		append_text(secrets, text.data);
	}
	for (size_t i = 0; i < job->ssh_len; i++) {
		cleanup_free char *text =
			mem_printf("%s%s%s", job->ssh[i].key, *job->ssh[i].value ? "=" : "", job->ssh[i].value);

		append_text(ssh, text);
	}
	json_set(object, "secret", secrets);
	json_set(object, "ssh", ssh);
}

/* "name:address" each; an address may hold colons. */
static struct json *hosts_of(const struct build_job *job)
{
	struct json *hosts;

	if (!job->hosts || !job->hosts[0])
		return NULL;
	hosts = json_new_object();
	for (size_t i = 0; job->hosts[i]; i++) {
		size_t len = strcspn(job->hosts[i], ":");
		cleanup_free char *name = mem_strndup(job->hosts[i], len);

		set_text(hosts, name, job->hosts[i][len] ? job->hosts[i] + len + 1 : "");
	}
	return hosts;
}

static int add_target(const char *store, const struct buildkit_target *target, size_t number, struct json *object,
		      struct argv *env, struct error **err)
{
	const struct build_job *job = target->job;
	struct json *platforms = json_new_array();
	char platform[PLATFORM_TEXT];

	platform_text(&job->platform, platform);
	append_text(platforms, platform);
	json_set(object, "platforms", platforms);
	set_text(object, "context", target->context);
	set_text(object, "dockerfile", target->files->dockerfile);
	set_text(object, "target", job->target);
	json_set(object, "args", arguments_of(job));
	json_set(object, "labels", labels_of(job));
	json_set(object, "output", output_of(target));
	json_set(object, "cache-from", list_of((const char *const *)job->cache_from));
	json_set(object, "cache-to", list_of((const char *const *)job->cache_to));
	json_set(object, "extra-hosts", hosts_of(job));
	set_text(object, "network", job->network);
	if (job->shm_size) {
		cleanup_free char *size = mem_printf("%" PRIu64 "b", job->shm_size);

		set_text(object, "shm-size", size);
	}
	if (job->no_cache)
		json_set_bool(object, "no-cache", true);
	if (job->pull)
		json_set_bool(object, "pull", true);
	set_secrets(object, job, number, env);
	return contexts_of(store, target, object, err);
}

int bake_text(const char *store, const struct buildkit_target *targets, size_t len, struct buf *out, struct argv *env,
	      struct error **err)
{
	cleanup_json struct json *root = json_new_object();
	struct json *groups = json_new_object(), *group = json_new_object(), *names = json_new_array();
	struct json *all = json_new_object();
	bool attests = any_attests(targets, len);

	json_set(root, "group", groups);
	json_set(groups, "default", group);
	json_set(group, "targets", names);
	json_set(root, "target", all);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *name = mem_printf(TARGET, i);
		struct json *object = json_new_object();

		json_append(names, json_new_string(name));
		json_set(all, name, object);
		if (add_target(store, &targets[i], i, object, env, err) < 0)
			return -1;
		if (attests)
			json_set(object, "attest", attestations_of(targets[i].job));
	}
	json_dump(root, JSON_COMPACT, out);
	return 0;
}

void bake_argv(const char *instance, const char *file, const struct buildkit_target *targets, size_t len,
	       struct argv *argv)
{
	bool ssh = false, host = false;

	for (size_t i = 0; i < len; i++) {
		const struct build_job *job = targets[i].job;

		ssh = ssh || job->ssh_len > 0;
		host = host || (job->network && strcmp(job->network, "host") == 0);
	}
	argv_add(argv, "bake");
	if (instance)
		argv_addf(argv, "--builder=%s", instance);
	argv_addf(argv, "--file=%s", file);
	argv_add(argv, "--progress=rawjson");
	/* What is said by default differs on every run. */
	if (!any_attests(targets, len)) {
		argv_add(argv, "--provenance=false");
		argv_add(argv, "--sbom=false");
	}
	/* Nobody is there to be asked. What is read and written is what the manifest says. */
	argv_add(argv, "--allow=fs=*");
	if (ssh)
		argv_add(argv, "--allow=ssh");
	if (host)
		argv_add(argv, "--allow=network.host");
}

/* "n3" at the beginning of the text; returns what is behind it. */
static const char *take_target(const char *at, const char *end, long *ret_target)
{
	long number = 0;

	if (end - at < 2 || *at++ != 'n' || *at < '0' || *at > '9')
		return NULL;
	for (; at < end && *at >= '0' && *at <= '9' && number < NUMBER_MAX; at++)
		number = number * 10 + (*at - '0');
	if (at == end || (*at != ' ' && *at != ']' && *at != ':'))
		return NULL;
	*ret_target = number;
	return at;
}

char *bake_name(const char *text, size_t len, long *ret_target)
{
	static const char error[] = "target ";
	const char *end = text + len, *at = text;
	bool bracket = len > 0 && *text == '[';

	*ret_target = -1;
	if (bracket)
		at = take_target(text + 1, end, ret_target);
	else if (len > strlen(error) && memcmp(text, error, strlen(error)) == 0)
		at = take_target(text + strlen(error), end, ret_target);
	if (!at || *ret_target < 0)
		return mem_strndup(text, len);
	/* "[n3] exporting" names nothing else in its brackets. */
	bracket = bracket && *at != ']';
	for (at++; at < end && *at == ' '; at++)
		;
	return mem_printf("%s%.*s", bracket ? "[" : "", (int)(end - at), at);
}
