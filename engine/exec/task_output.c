#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/xxh3.h"
#include "dsl/manifest.h"
#include "engine/exec/task.h"
#include "engine/io/loop.h"
#include "engine/oci/files_folder.h"
#include "engine/oci/files_tar.h"
#include "engine/oci/image_files.h"

/* Writes the files of a service's builds where its outputs say. */

struct output_task {
	struct task *task;
	const char *dir;      /* the manifest's */
	int64_t epoch;        /* or -1 */
	bool split;           /* a folder for each platform */
	struct json *last;    /* the detail of the last record, or NULL */
	struct json *outputs; /* what was written -> its digest */
	struct json *created; /* what was not there before any of our builds */
	struct hasher *hasher;
};

static bool output_is_cancelled(void *loop)
{
	return loop_cancelled(loop);
}

static int output_write(struct output_task *output, const struct node *build, const struct files_out *out,
			struct error **err)
{
	const struct image_files files = {
		.layout = output->task->env->layout,
		.digest = build->result.digest,
		.cancelled = output_is_cancelled,
		.data = output->task->env->loop,
	};

	return image_files_write(&files, out, err);
}

static const char *from_manifest(const struct output_task *output, const char *path)
{
	const char *relative = path_relative(output->dir, path);

	return relative ? relative : path;
}

/* Records what is at `path` now. */
static int take_written(struct output_task *output, const char *path, struct error **err)
{
	const char *shown = from_manifest(output, path);
	char digest[PLAN_OUTPUT + 1];
	struct stat st;
	bool found;

	if (!text_utf8(shown, strlen(shown)))
		return error_make(err, ERROR_BUILD, "the build makes a file whose name is not valid UTF-8");
	if (plan_written_digest(output->task->env->source, path, digest, &found, err) < 0)
		return -1;
	if (!found)
		return error_make(err, ERROR_STATE, "%s was deleted while it was written", shown);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		output->task->size += (uint64_t)st.st_size;
	json_set_str(output->outputs, shown, digest);
	hasher_text(output->hasher, "output", shown);
	hasher_text(output->hasher, "digest", digest);
	return 0;
}

static void output_add_created(struct output_task *output, const char *path)
{
	json_append(output->created, json_new_string(from_manifest(output, path)));
}

/* ---- a folder ---- */

static int output_take_folder(struct output_task *output, const struct files_folder *folder, struct error **err)
{
	size_t len;
	const char *const *paths = files_folder_written(folder, &len);

	for (size_t i = 0; i < len; i++)
		if (take_written(output, paths[i], err) < 0)
			return -1;
	paths = files_folder_created(folder, &len);
	for (size_t i = 0; i < len; i++)
		output_add_created(output, paths[i]);
	return 0;
}

static int write_folder(struct output_task *output, const struct node *build, const char *dest, struct error **err)
{
	cleanup_files_folder struct files_folder *folder = NULL;
	char platform[PLATFORM_TEXT];

	plan_output_folder(&build->platform, platform);
	return files_folder_new(dest, output->split ? platform : "", output->task->node->id, output->epoch, &folder,
				err) < 0 ||
			       output_write(output, build, files_folder_out(folder), err) < 0
		       ? -1
		       : output_take_folder(output, folder, err);
}

/* ---- a tar ---- */

static int write_tar(struct output_task *output, const char *dest, struct error **err)
{
	const struct node *node = output->task->node;
	cleanup_files_tar struct files_tar *tar = NULL;
	bool there = fs_exists(dest);

	if (files_tar_new(dest, output->task->node->id, output->epoch, &tar, err) < 0)
		return -1;
	for (size_t i = 0; i < node->needs_len; i++) {
		const struct node *build = plan_node(output->task->env->plan, node->needs[i]);
		char platform[PLATFORM_TEXT];

		plan_output_folder(&build->platform, platform);
		if (output_write(output, build, files_tar_out(tar, output->split ? platform : ""), err) < 0)
			return -1;
	}
	if (files_tar_end(tar, err) < 0)
		return -1;
	if (!there)
		output_add_created(output, dest);
	return take_written(output, dest, err);
}

/* ---- what earlier builds made ---- */

/* What an earlier build made anew, and is still there, is still its. */
static void keep_created(struct output_task *output)
{
	const struct json *list = json_get(output->last, "created");

	for (size_t i = 0; i < json_len(list); i++) {
		cleanup_free char *path = path_join(output->dir, json_text(json_at(list, i)));

		if (fs_exists(path))
			output_add_created(output, path);
	}
}

static bool was_created(const struct output_task *output, const char *shown)
{
	const struct json *list = json_get(output->last, "created");

	for (size_t i = 0; i < json_len(list); i++)
		if (path_inside(json_text(json_at(list, i)), shown))
			return true;
	return false;
}

/* With the folders that are empty then, and were made by us. */
static void remove_emptied(const struct output_task *output, const char *path)
{
	cleanup_free char *above = path_dir(path);

	if (was_created(output, from_manifest(output, above)) && rmdir(above) == 0)
		remove_emptied(output, above);
}

/* A file that the last build made, and this one does not, is removed if nobody has changed it. */
static int remove_old(struct output_task *output, struct error **err)
{
	const struct json *old = json_get(output->last, "outputs");

	for (const void *it = json_first(old); it; it = json_next(old, it)) {
		cleanup_free char *path = path_join(output->dir, json_key(it));
		char now[PLAN_OUTPUT + 1];
		bool found;

		if (json_get(output->outputs, json_key(it)) || !was_created(output, json_key(it)))
			continue;
		if (plan_written_digest(output->task->env->source, path, now, &found, err) < 0)
			return -1;
		if (!found || strcmp(now, json_text(json_member(it))) != 0)
			continue;
		if (unlink(path) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be removed", path);
		remove_emptied(output, path);
	}
	return 0;
}

/* ---- the node ---- */

static int write_outputs(struct output_task *output, struct error **err)
{
	const struct node *node = output->task->node;
	const struct build_spec *build = &plan_manifest(output->task->env->plan)->services[node->service].build;

	for (size_t i = 0; i < build->outputs_len; i++) {
		const struct build_output *one = &build->outputs[i];

		if (one->kind == OUTPUT_TAR && write_tar(output, one->dest.s, err) < 0)
			return -1;
		for (size_t j = 0; one->kind == OUTPUT_LOCAL && j < node->needs_len; j++)
			if (write_folder(output, plan_node(output->task->env->plan, node->needs[j]), one->dest.s, err) < 0)
				return -1;
	}
	return remove_old(output, err);
}

static void finish_output(struct output_task *output)
{
	cleanup_json struct json *detail = json_new_object();
	char identity[HASH_HEX + 1];
	struct buf text = { 0 };

	keep_created(output);
	json_set(detail, "outputs", json_clone(output->outputs));
	json_set(detail, "created", json_clone(output->created));
	json_dump(detail, JSON_CANONICAL, &text);
	hash_hex(hasher_done(output->hasher), identity);
	output->task->identity = mem_strdup(identity);
	output->task->detail = buf_steal(&text);
	output->task->place = mem_strdup("files");
}

int task_output(struct task *task, struct error **err)
{
	const struct plan_build *build = plan_node(task->env->plan, task->node->needs[0])->build;
	const char *last = plan_last_detail(task->env->plan, task->number);
	struct output_task output = {
		.task = task,
		.dir = plan_manifest(task->env->plan)->dir,
		.epoch = build->has_epoch ? build->epoch : -1,
		.split = task->node->needs_len > 1,
		.outputs = json_new_object(),
		.created = json_new_array(),
		.hasher = hasher_new(),
	};
	int r;

	if (last)
		json_parse(last, strlen(last), task->node->id, &output.last, NULL);
	r = write_outputs(&output, err);
	if (r == 0)
		finish_output(&output);
	json_free(output.last);
	json_free(output.outputs);
	json_free(output.created);
	hasher_free(output.hasher);
	return r;
}
