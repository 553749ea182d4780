#include "config.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/leftover.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"

#define LEFTOVER_STATE_MAX (8u << 20) /* bytes of buildah's notes on a working container */
#define LEFTOVER_ID 64                /* characters of a container's id */

char *leftover_mark(unsigned build)
{
	pid_t pid = getpid();

	return mem_printf("id=cbuild.%d.%llu.%u,src=/dev/null", (int)pid, reap_start_time(pid), build);
}

/* Whether a secret is the mark of what is looked for. */
static bool is_wanted(const char *secret, unsigned build)
{
	unsigned long long start;
	unsigned number;
	int pid;

	if (sscanf(secret, "id=cbuild.%d.%llu.%u,", &pid, &start, &number) != 3 || pid <= 1)
		return false;
	if (build == 0)
		return reap_start_time((pid_t)pid) != start;
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

void leftover_list(const char *root, unsigned build, struct argv *ids)
{
	static const char suffix[] = "-containers"; /* "overlay-containers": one a driver */
	struct dirent *entry;
	DIR *stream = opendir(root);

	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		size_t len = strlen(entry->d_name);
		cleanup_free char *dir = path_join(root, entry->d_name);

		if (len > strlen(suffix) && strcmp(entry->d_name + len - strlen(suffix), suffix) == 0)
			list_dir(dir, build, ids);
	}
	closedir(stream);
}
