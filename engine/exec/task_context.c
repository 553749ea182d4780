#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/copy.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/xxh3.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/builder/builder.h"
#include "engine/exec/task.h"
#include "engine/source/context.h"
#include "engine/source/replica.h"

#define NANOSECONDS ((int64_t)1000000000)

/* An output's path within the folder of a context; NULL: it is not inside. Points into `path`. */
static const char *within(const struct plan_context *context, const char *path)
{
	return path_relative(context->root, path);
}

/* Whether everything in the context's folder is of this output. */
static bool holds_context(const struct plan_context *context, const char *path)
{
	return context->made && path_inside(path, context->root);
}

/* Outputs are in no selection: add those in the folder, as they are now. */
static int copy_output(const struct task *task, const struct plan_context *context, const char *output, const char *to,
		       struct error **err)
{
	cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, output);
	const char *relative = within(context, path);
	cleanup_free char *target = relative ? path_join(to, relative) : NULL;
	cleanup_free char *parent = target ? path_dir(target) : NULL;

	return target && (fs_mkdirs(parent, 0755, err) < 0 || copy_tree(path, target, err) < 0) ? -1 : 0;
}

int task_replicate(struct task *task, size_t number, const char *to, struct error **err)
{
	const struct plan_build *build = task->node->build;
	const struct plan_context *context = &build->contexts[number];

	if (context->made)
		return copy_tree(context->root, to, err);
	if (replica_make(task->env->source, context->selection, context->root, to, err) < 0)
		return -1;
	for (size_t i = 0; i < build->outputs_len; i++)
		if (copy_output(task, context, build->outputs[i].path, to, err) < 0)
			return -1;
	return 0;
}

/* The list being built. */
struct listing_draft {
	struct arena *arena;
	struct build_file *files;
	size_t len, cap;
};

static struct build_file *add_file(struct listing_draft *draft)
{
	mem_reserve(&draft->files, &draft->cap, draft->len + 1, sizeof(*draft->files));
	return &draft->files[draft->len++];
}

static uint32_t type_bits(char type)
{
	return type == 'd' ? S_IFDIR : type == 'l' ? S_IFLNK : S_IFREG;
}

static void list_selection(const struct task *task, const struct plan_context *context, struct listing_draft *draft)
{
	size_t len;
	const struct source_entry *entries = source_entries(task->env->source, context->shown, &len);

	for (size_t i = 0; i < len; i++) {
		if (entries[i].behind)
			continue;
		*add_file(draft) = (struct build_file){
			.path = entries[i].path,
			.mode = type_bits(entries[i].type) | entries[i].mode,
			.size = entries[i].size,
			.mtime = source_mtime(task->env->source, context->shown, i),
			.link = entries[i].link,
			.digest = entries[i].digest,
		};
	}
}

static int read_file_content(const char *path, struct build_file *file, struct error **err)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	return hash_fd(fd, path, &file->digest, &file->size, err);
}

static int read_link_text(struct arena *arena, const char *path, uint64_t size, struct build_file *file,
			  struct error **err)
{
	char *text = arena_alloc(arena, size + 1);
	ssize_t len = readlink(path, text, size + 1);

	if (len < 0 || (uint64_t)len > size)
		return error_errno(err, ERROR_STATE, len < 0 ? errno : EAGAIN, "%s: cannot be read", path);
	file->link = text;
	return 0;
}

static int list_path(struct listing_draft *draft, const char *path, const char *relative, struct error **err);

static int list_below(struct listing_draft *draft, const char *path, const char *relative, struct error **err)
{
	DIR *stream = fs_opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!stream)
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	while (r == 0 && (errno = 0, entry = readdir(stream))) {
		cleanup_free char *inner = path_join(path, entry->d_name);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = list_path(draft, inner,
				      arena_join(draft->arena, relative, *relative ? "/" : "", entry->d_name, NULL), err);
	}
	if (r == 0 && errno)
		r = error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	closedir(stream);
	return r;
}

/* Reads an output of a step as it is now. */
static int list_path(struct listing_draft *draft, const char *path, const char *relative, struct error **err)
{
	struct build_file *file;
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_errno(err, ERROR_USAGE, errno, "%s: cannot be read", path);
	file = add_file(draft);
	*file = (struct build_file){
		.path = relative,
		.mode = (uint32_t)st.st_mode,
		.mtime = st.st_mtim.tv_sec * NANOSECONDS + st.st_mtim.tv_nsec,
	};
	if (S_ISREG(st.st_mode))
		return read_file_content(path, file, err);
	if (S_ISLNK(st.st_mode))
		return read_link_text(draft->arena, path, (uint64_t)st.st_size, file, err);
	if (S_ISDIR(st.st_mode))
		return list_below(draft, path, relative, err);
	return error_make(err, ERROR_USAGE, "%s is neither a file nor a folder nor a link", path);
}

int task_list(struct task *task, size_t number, struct arena *arena, struct build_file **ret, size_t *ret_len,
	      struct error **err)
{
	const struct plan_build *build = task->node->build;
	const struct plan_context *context = &build->contexts[number];
	struct listing_draft draft = { .arena = arena };
	int r = 0;

	list_selection(task, context, &draft);
	for (size_t i = 0; r == 0 && i < build->outputs_len; i++) {
		cleanup_free char *path = path_join(plan_manifest(task->env->plan)->dir, build->outputs[i].path);
		const char *relative = within(context, path);

		if (holds_context(context, path))
			r = list_below(&draft, context->root, "", err);
		else if (relative)
			r = list_path(&draft, path, arena_strdup(arena, relative), err);
	}
	*ret = draft.files;
	*ret_len = draft.len;
	return r;
}
