#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

#define NOTES "/var/lib/cbuild/containerd"
#define NOTE_MAX (64u << 10) /* bytes of a note */

char *ctr_note_dir(const char *name)
{
	return path_join(NOTES, name);
}

static char *note_path(const char *name)
{
	return mem_printf("%s/%s/facts.json", NOTES, name);
}

int ctr_note_write(const char *name, const struct ctr_note *note, struct error **err)
{
	cleanup_free char *dir = ctr_note_dir(name), *path = note_path(name);
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf text = { 0 };

	json_set_str(json, "owner", note->owner);
	json_set_str(json, "address", note->address);
	json_set_str(json, "space", note->space);
	json_set_str(json, "service", note->service);
	json_set_str(json, "config", note->config);
	json_set_str(json, "network", note->network);
	json_set_str(json, "ip", note->ip);
	json_set_str(json, "gateway", note->gateway);
	json_set_str(json, "ports", note->ports);
	json_set_str(json, "stop_signal", note->stop_signal);
	json_set_int(json, "grace_s", note->grace_s);
	json_set_int(json, "status", note->status);
	json_dump(json, JSON_CANONICAL, &text);
	if (fs_mkdirs(dir, 0700, err) < 0)
		return -1;
	return fs_replace(path, text.data, text.len, 0600, err);
}

static char *fact_of(const struct json *json, const char *key)
{
	return json_str(json, key) ? mem_strdup(json_str(json, key)) : NULL;
}

int ctr_note_read(const char *name, bool *ret_found, struct ctr_note *ret, struct error **err)
{
	cleanup_free char *path = note_path(name);
	cleanup_json struct json *json = NULL;
	cleanup_buf struct buf text = { 0 };

	*ret = (struct ctr_note){ .status = CTR_UNKNOWN };
	if (fs_read_if(path, NOTE_MAX, &text, ret_found, err) < 0)
		return -1;
	if (!*ret_found)
		return 0;
	if (json_parse(text.data ? text.data : "", text.len, path, &json, err) < 0)
		return -1;
	ret->owner = fact_of(json, "owner");
	ret->address = fact_of(json, "address");
	ret->space = fact_of(json, "space");
	ret->service = fact_of(json, "service");
	ret->config = fact_of(json, "config");
	ret->network = fact_of(json, "network");
	ret->ip = fact_of(json, "ip");
	ret->gateway = fact_of(json, "gateway");
	ret->ports = fact_of(json, "ports");
	ret->stop_signal = fact_of(json, "stop_signal");
	ret->grace_s = (unsigned)json_int(json, "grace_s");
	ret->status = (int)json_int(json, "status");
	return 0;
}

void ctr_note_free(struct ctr_note *note)
{
	free(note->owner);
	free(note->address);
	free(note->space);
	free(note->service);
	free(note->config);
	free(note->network);
	free(note->ip);
	free(note->gateway);
	free(note->ports);
	free(note->stop_signal);
	*note = (struct ctr_note){ 0 };
}

int ctr_note_remove(const char *name, struct error **err)
{
	cleanup_free char *dir = ctr_note_dir(name);

	return fs_remove_tree(dir, err);
}

static bool same_fact(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static int list_one(const struct runtime *runtime, const char *name, bool networks, const char *service,
		    struct buf *ret, struct error **err)
{
	cleanup_note struct ctr_note note = { 0 };
	bool found;

	if (ctr_note_read(name, &found, &note, err) < 0)
		return -1;
	if (found && same_fact(note.owner, runtime->owner) && same_fact(note.address, runtime->socket) &&
	    networks == !note.network && (!service || same_fact(note.service, service)))
		buf_printf(ret, "%s\n", name);
	return 0;
}

int ctr_note_list(const struct runtime *runtime, bool networks, const char *service, struct buf *ret, struct error **err)
{
	DIR *dir = opendir(NOTES);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_STATE, errno, "%s", NOTES);
	while (r == 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = list_one(runtime, entry->d_name, networks, service, ret, err);
	closedir(dir);
	return r;
}
