#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

#define ENV_LINE_MAX (60u << 10) /* bytes; ctr reads lines of 64 KiB */
#define SUBNET_FIRST 213         /* 10.213.0.0/24 is the first of SUBNETS */
#define SUBNETS 8192

/* A field of comma-separated values (RFC 4180). */
static void csv_field(struct buf *out, const char *field)
{
	if (out->len > 0)
		buf_char(out, ',');
	if (!strpbrk(field, ",\"")) {
		buf_str(out, field);
		return;
	}
	buf_char(out, '"');
	for (; *field; field++) {
		if (*field == '"')
			buf_char(out, '"');
		buf_char(out, *field);
	}
	buf_char(out, '"');
}

static void ctr_add_mount(struct argv *argv, const char *type, const char *source, const char *target, const char *options)
{
	cleanup_free char *src = mem_printf("src=%s", source), *dst = mem_printf("dst=%s", target);
	cleanup_free char *with = mem_printf("options=%s", options ? options : "");
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "type=%s", type);
	csv_field(&text, src);
	csv_field(&text, dst);
	if (options)
		csv_field(&text, with);
	argv_addf(argv, "--mount=%s", text.data);
}

/* "/run:size=1m,mode=0700" */
static void ctr_add_tmpfs(struct argv *argv, const char *tmpfs)
{
	cleanup_free char *target = mem_strndup(tmpfs, strcspn(tmpfs, ":"));
	cleanup_free char *options = tmpfs[strlen(target)] ? mem_strdup(tmpfs + strlen(target) + 1) : NULL;

	for (char *at = options; at && *at; at++)
		if (*at == ',')
			*at = ':';
	ctr_add_mount(argv, "tmpfs", "tmpfs", target, options);
}

static bool lists(const char *options, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = options; *at; at += strcspn(at, ","), at += *at == ',')
		if (strncmp(at, word, len) == 0 && (at[len] == ',' || !at[len]))
			return true;
	return false;
}

/* "/data:/var/lib/x:ro" */
static int ctr_add_volume(struct argv *argv, const char *volume, struct error **err)
{
	cleanup_free char *source = mem_strndup(volume, strcspn(volume, ":")), *target = NULL;
	const char *rest = volume + strlen(source);

	if (*source != '/' || !*rest) {
		error_make(err, ERROR_TOOL, "ctr has no volumes: %s", volume);
		error_remedy(err, "mount a folder (./data:/data), or use another runtime: --runtime=podman");
		return -1;
	}
	target = mem_strndup(rest + 1, strcspn(rest + 1, ":"));
	rest += 1 + strlen(target);
	ctr_add_mount(argv, "bind", source, target, *rest && lists(rest + 1, "ro") ? "rbind:ro" : "rbind:rw");
	return 0;
}

int ctr_run_args(const struct runtime *runtime, const struct container_spec *spec, const struct ctr_start *start,
		 struct argv *argv, struct error **err)
{
	cleanup_free char *hosts = mem_printf("%s/hosts", start->dir);

	ctr_begin(runtime, runtime->space, argv);
	argv_add(argv, "run");
	argv_add(argv, "--detach");
	argv_add(argv, "--allow-new-privs"); /* as podman and docker do */
	argv_addf(argv, "--log-uri=file://%s/log", start->dir);
	setting_add_ctr(spec, argv);
	argv_addf(argv, "--label=" RUNTIME_LABEL "=%s", runtime->owner);
	for (size_t i = 0; i < spec->labels_len; i++)
		argv_addf(argv, "--label=%s=%s", spec->labels[i].key, spec->labels[i].value);
	argv_addf(argv, "--with-ns=network:" CTR_NETNS "%s", start->name);
	ctr_add_mount(argv, "bind", hosts, "/etc/hosts", "rbind:rw");
	if (start->environment)
		argv_addf(argv, "--env-file=%s/env", start->dir);
	if (spec->user)
		argv_addf(argv, "--user=%s", spec->user);
	if (spec->working_dir)
		argv_addf(argv, "--cwd=%s", spec->working_dir);
	for (size_t i = 0; spec->tmpfs && spec->tmpfs[i]; i++)
		ctr_add_tmpfs(argv, spec->tmpfs[i]);
	for (size_t i = 0; spec->volumes && spec->volumes[i]; i++)
		if (ctr_add_volume(argv, spec->volumes[i], err) < 0)
			return -1;
	argv_add(argv, start->image);
	argv_add(argv, start->name);
	for (size_t i = 0; start->words && start->words[i]; i++)
		argv_add(argv, start->words[i]);
	return 0;
}

int ctr_environment(const struct container_spec *spec, struct buf *ret, struct error **err)
{
	for (size_t i = 0; i < spec->environment_len; i++) {
		const struct runtime_pair *pair = &spec->environment[i];

		if (!pair->value)
			continue;
		if (strpbrk(pair->value, "\r\n") || strlen(pair->key) + strlen(pair->value) > ENV_LINE_MAX) {
			error_make(err, ERROR_TOOL,
				   "ctr cannot pass the value of %s: it is too long or has line breaks", pair->key);
			error_remedy(err, "use another runtime: --runtime=podman");
			return -1;
		}
		buf_printf(ret, "%s=%s\n", pair->key, pair->value);
	}
	return 0;
}

void ctr_hosts(const struct container_spec *spec, const char *ip, struct buf *ret)
{
	buf_str(ret, "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
	if (spec->name)
		buf_printf(ret, "%s\t%s\n", ip, spec->name);
	for (size_t i = 0; spec->aliases && spec->aliases[i]; i++)
		buf_printf(ret, "%s\t%s\n", ip, spec->aliases[i]);
	for (size_t i = 0; i < spec->hosts_len; i++)
		buf_printf(ret, "%s\t%s\n", spec->hosts[i].value, spec->hosts[i].key);
	for (size_t i = 0; i < spec->settings_len; i++) {
		const char *value = spec->settings[i].value, *colon = strchr(value, ':');

		if (strcmp(spec->settings[i].key, "extra_hosts") == 0 && colon)
			buf_printf(ret, "%s\t%.*s\n", colon + 1, (int)(colon - value), value);
	}
}

static size_t words_len(const char *const *words)
{
	size_t len = 0;

	while (words && words[len])
		len++;
	return len;
}

const char **ctr_words(const struct container_spec *spec, const struct json *config)
{
	bool own = spec->entrypoint && spec->entrypoint[0]; /* then the image's command does not count */
	const struct json *entrypoint = own ? NULL : json_get(config, "Entrypoint");
	const struct json *command = own || spec->command ? NULL : json_get(config, "Cmd");
	const char *const *const given[] = { own ? spec->entrypoint : NULL, spec->command };
	const struct json *const found[] = { entrypoint, command };
	const char **words =
		mem_array(words_len(given[0]) + words_len(given[1]) + json_len(entrypoint) + json_len(command) + 1,
			  sizeof(*words));
	size_t len = 0;

	for (size_t part = 0; part < 2; part++) {
		for (size_t i = 0; i < words_len(given[part]); i++)
			words[len++] = given[part][i];
		for (size_t i = 0; i < json_len(found[part]); i++)
			if (json_text(json_at(found[part], i)))
				words[len++] = json_text(json_at(found[part], i));
	}
	return words;
}

bool ctr_task_find(const char *text, const char *name, int *ret_pid, bool *ret_running)
{
	size_t len = strlen(name);

	for (const char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
		char status[16] = "";

		if (strncmp(line, name, len) != 0 || line[len] != ' ' ||
		    sscanf(line + len, " %d %15s", ret_pid, status) != 2)
			continue;
		*ret_running = strcmp(status, "STOPPED") != 0;
		return true;
	}
	return false;
}

int ctr_ended_status(int status, const char *text)
{
	const char *at = strstr(text, "non-zero exit code ");

	if (at)
		return (int)strtol(at + strlen("non-zero exit code "), NULL, 10);
	return status == 0 ? 0 : CTR_UNKNOWN;
}

void ctr_filter(struct buf *out, const char *field, const char *value)
{
	buf_printf(out, "%s%s==\"", out->len > 0 ? "," : "", field);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			buf_char(out, '\\');
		buf_char(out, *value);
	}
	buf_char(out, '"');
}

void ctr_subnet(unsigned number, char ret[16])
{
	number %= SUBNETS;
	snprintf(ret, 16, "10.%u.%u.1", SUBNET_FIRST + number / 256, number % 256);
}

bool ctr_routed(const char *routes, const char *ip)
{
	struct in_addr ours;

	if (inet_pton(AF_INET, ip, &ours) != 1)
		return false;
	/* "eth0 0000A8C0 00000000 0001 0 0 0 00FFFFFF ...": the numbers are as the machine stores addresses. */
	for (const char *line = strchr(routes, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		unsigned to = 0, mask = 0;
		uint32_t both;

		if (sscanf(line, " %*s %x %*x %*x %*d %*d %*d %x", &to, &mask) != 2 || mask == 0)
			continue;
		both = mask & htonl(0xffffff00u);
		if ((to & both) == (ours.s_addr & both))
			return true;
	}
	return false;
}
