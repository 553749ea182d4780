#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/exec/run.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime.h"
#include "engine/state/state.h"

/*
 * A killed run leaves `.cbuild/run/<id>.lock` (locked as long as its cbuild lives), `<id>.children` (process ids),
 * `<id>/` (staging folders), and containers and networks labelled with the path of `<id>`. After a power cut, any of them may be missing.
 */
static bool is_of_run(const char *name)
{
	return name[0] != '.';
}

int run_gate(const char *state_dir, int *ret_fd, struct error **err)
{
	cleanup_free char *path = path_join(state_dir, "gate.lock");

	return fs_lock(path, true, ret_fd, err);
}

bool run_needs_sweep(const char *state_dir)
{
	cleanup_free char *dir_path = path_join(state_dir, "run");
	struct dirent *entry;
	DIR *dir = fs_opendir(dir_path);
	bool found = false;

	if (!dir)
		return false;
	while (!found && (entry = readdir(dir)))
		found = is_of_run(entry->d_name);
	closedir(dir);
	return found;
}

/* A builder removes what killed builds left in its storage when it is opened; a run that builds nothing would not
 * open it. */
static int sweep_builder(struct loop *loop, struct state *state, struct layout *layout, struct error **err)
{
	cleanup_free char *name = NULL;
	struct builder *builder = NULL;
	struct error *error = NULL;
	bool cancelled;

	if (state_fact(state, "builder", &name, err) < 0)
		return -1;
	if (!name)
		return 0;
	if (builder_open(name, &(struct builder_means){ loop, state, layout, NULL }, &builder, &error) == 0) {
		builder_free(builder);
		return 0;
	}
	/* If it cannot be used now, it cannot be asked. */
	cancelled = error->cls == ERROR_CANCELLED;
	error_move(cancelled ? err : NULL, &error);
	return cancelled ? -1 : 0;
}

/* Removes one run's leftovers if its lock is free. The lock file is removed last. */
static int sweep_one(const char *run_dir, const char *name, struct loop *loop, struct state *state,
		     struct layout *layout, struct error **err)
{
	cleanup_free char *path = path_join(run_dir, name);
	cleanup_free char *id = mem_strndup(name, strcspn(name, "."));
	cleanup_free char *stem = path_join(run_dir, id);
	cleanup_free char *lock = mem_printf("%s.lock", stem);
	cleanup_free char *children = mem_printf("%s.children", stem);
	cleanup_fd int fd = -1;

	if (!fs_exists(path))
		return 0; /* removed with another one of this run */
	if (fs_lock(lock, false, &fd, err) < 0)
		return -1;
	if (fd < 0)
		return 0;
	if (proc_reap_journal(children, err) < 0 || sweep_builder(loop, state, layout, err) < 0 ||
	    runtime_sweep_all(stem, loop, state, layout, err) < 0 || fs_remove_tree(stem, err) < 0)
		return -1;
	if (unlink(lock) < 0 && errno != ENOENT)
		return error_errno(err, ERROR_STATE, errno, "cannot remove %s", lock);
	return 0;
}

int run_sweep(const char *state_dir, struct loop *loop, struct state *state, struct layout *layout, struct error **err)
{
	cleanup_free char *run_dir = path_join(state_dir, "run");
	struct dirent *entry;
	DIR *dir = fs_opendir(run_dir);
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : error_errno(err, ERROR_STATE, errno, "cannot open %s", run_dir);
	while (r == 0 && (errno = 0, entry = readdir(dir))) {
		if (is_of_run(entry->d_name))
			r = sweep_one(run_dir, entry->d_name, loop, state, layout, err);
	}
	if (r == 0 && errno)
		r = error_errno(err, ERROR_STATE, errno, "cannot read %s", run_dir);
	closedir(dir);
	return r;
}
