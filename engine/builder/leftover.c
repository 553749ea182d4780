#include "config.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/buildah.h"
#include "engine/builder/leftover.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"

#define LEFTOVER_STATE_MAX (8u << 20) /* bytes of buildah's metadata of a working container */
#define CLOCK_SLACK 2                 /* seconds by which a process's start and a file's time may disagree */
#define LEFTOVER_TIMEOUT_MS 60000     /* to remove them */
#define LEFTOVER_ID 64                /* characters of a container's id */

char *leftover_mark(unsigned build)
{
	pid_t pid = getpid();

	return mem_printf("id=cbuild.%d.%llu.%u,src=/dev/null", (int)pid, reap_start_time(pid), build);
}

/* Whether a secret is one of our marks. */
static bool is_wanted(const char *secret, unsigned build)
{
	unsigned long long start;
	unsigned number;
	int pid;

	if (sscanf(secret, "id=cbuild.%d.%llu.%u,", &pid, &start, &number) != 3 || pid <= 1)
		return false;
	if (build == 0)
		return !reap_lives((pid_t)pid, start);
	return pid == (int)getpid() && start == reap_start_time((pid_t)pid) && number == build;
}

static void add_container(const char *dir, const char *id, unsigned build, struct argv *ids)
{
	cleanup_free char *path = mem_printf("%s/%s/userdata/buildah.json", dir, id);
	cleanup_json struct json *json = NULL;
	cleanup_buf struct buf text = { 0 };
	const struct json *secrets;
	bool found = false;

	if (fs_read_if(path, LEFTOVER_STATE_MAX, &text, &found, NULL) < 0 || !found || !text.data ||
	    json_parse(text.data, text.len, path, &json, NULL) < 0)
		return;
	secrets = json_get(json_get(json, "CommonBuildOpts"), "Secrets");
	for (size_t i = 0; i < json_len(secrets); i++) {
		const char *secret = json_text(json_at(secrets, i));

		if (secret && is_wanted(secret, build)) {
			argv_add(ids, id);
			return;
		}
	}
}

static void list_dir(const char *dir, unsigned build, struct argv *ids)
{
	struct dirent *entry;
	DIR *stream = opendir(dir);

	if (!stream)
		return;
	while ((entry = readdir(stream)))
		if (strlen(entry->d_name) == LEFTOVER_ID)
			add_container(dir, entry->d_name, build, ids);
	closedir(stream);
}

/* "2026-11-22T03:48:14.184937396Z" as seconds since 1970; -1 for anything else. */
static time_t parse_created(const char *text)
{
	struct tm tm = { 0 };
	const char *rest = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

	return rest && *text && text[strlen(text) - 1] == 'Z' ? timegm(&tm) : -1;
}

static bool is_abandoned(const char *dir, const struct json *container)
{
	const char *id = json_str(container, "id"), *metadata = json_str(container, "metadata");
	time_t created = parse_created(json_str(container, "created"));
	cleanup_free char *notes = NULL;

	/* Other tools (podman) identify themselves in the metadata. */
	if (!id || strlen(id) != LEFTOVER_ID || strchr(id, '/') || (metadata && *metadata) || created < 0)
		return false;
	notes = mem_printf("%s/%s/userdata/buildah.json", dir, id);
	return !fs_exists(notes) && !reap_older_runs("buildah", created + CLOCK_SLACK) &&
	       !reap_older_runs("podman", created + CLOCK_SLACK);
}

static void list_unnoted(const char *dir, unsigned build, struct argv *ids)
{
	cleanup_free char *path = path_join(dir, "containers.json");
	cleanup_json struct json *containers = NULL;
	cleanup_buf struct buf text = { 0 };
	bool found = false;

	(void)build;
	if (fs_read_if(path, LEFTOVER_STATE_MAX, &text, &found, NULL) < 0 || !found || !text.data ||
	    json_parse(text.data, text.len, path, &containers, NULL) < 0)
		return;
	for (size_t i = 0; i < json_len(containers); i++) {
		if (is_abandoned(dir, json_at(containers, i)))
			argv_add(ids, json_str(json_at(containers, i), "id"));
	}
}

static void each_dir(const char *root, void (*list)(const char *dir, unsigned build, struct argv *ids), unsigned build,
		     struct argv *ids)
{
	static const char suffix[] = "-containers"; /* "overlay-containers": one for each driver */
	struct dirent *entry;
	DIR *stream = opendir(root);

	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		size_t len = strlen(entry->d_name);
		cleanup_free char *dir = path_join(root, entry->d_name);

		if (len > strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0)
			list(dir, build, ids);
	}
	closedir(stream);
}

void leftover_list(const char *root, unsigned build, struct argv *ids)
{
	each_dir(root, list_dir, build, ids);
}

void leftover_unnoted(const char *root, struct argv *ids)
{
	each_dir(root, list_unnoted, 0, ids);
}

static void remove_containers(struct loop *loop, const char *program, const struct argv *ids)
{
	cleanup_proc struct proc_result result = { 0 };
	struct proc_spec spec = { .timeout_ms = LEFTOVER_TIMEOUT_MS, .cleanup = true };
	cleanup_argv struct argv argv = { 0 };

	if (ids->len == 0)
		return;
	argv_add(&argv, program);
	argv_add(&argv, "rm");
	if (buildah_is_podman(program)) /* needed to remove mounted ones */
		argv_add(&argv, "--force");
	for (size_t i = 0; i < ids->len; i++)
		argv_add(&argv, ids->items[i]);
	spec.argv = (const char *const *)argv.items;
	proc_run(loop, &spec, &result, NULL);
}

void leftover_remove(struct loop *loop, const char *program, const char *root, unsigned build)
{
	cleanup_argv struct argv ids = { 0 };

	leftover_list(root, build, &ids);
	remove_containers(loop, program, &ids);
}

/* buildah cannot remove a container without metadata; podman, which shares the storage, can. */
void leftover_remove_unnoted(struct loop *loop, const char *root)
{
	cleanup_argv struct argv ids = { 0 };
	cleanup_free char *podman = NULL;

	leftover_unnoted(root, &ids);
	podman = ids.len > 0 ? proc_find("podman") : NULL;
	if (podman)
		remove_containers(loop, podman, &ids);
}
