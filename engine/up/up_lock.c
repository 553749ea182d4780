#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/io/reap.h"
#include "engine/up/up_internal.h"

/* One `up` at a time starts or replaces services; any number follows them. */

static const char JOURNAL[] = "up.children-";

#define TRIES 5 /* who follows services and looks whether the lock is held (up_locked) holds it for an instant */
#define TRY_AGAIN_US 2000u

char *up_owner(const char *state_dir)
{
	return mem_printf("%s/up", state_dir);
}

char *up_journal(const char *state_dir)
{
	return mem_printf("%s/%s%ld-%llu", state_dir, JOURNAL, (long)getpid(), reap_start_time(getpid()));
}

static char *lock_path(const char *state_dir)
{
	return mem_printf("%s/up.lock", state_dir);
}

int up_lock(const char *state_dir, bool wait, int *ret_fd, struct error **err)
{
	cleanup_free char *path = lock_path(state_dir);
	cleanup_fd int fd = -1;

	for (int tries = 0; fd < 0 && tries < TRIES; tries++) {
		if (tries > 0)
			usleep(TRY_AGAIN_US);
		if (fs_lock(path, wait, &fd, err) < 0)
			return -1;
	}
	if (fd >= 0 && up_sweep(state_dir, err) < 0)
		return -1;
	*ret_fd = fd_steal(&fd);
	return 0;
}

bool up_locked(const char *state_dir)
{
	cleanup_free char *path = lock_path(state_dir);
	cleanup_fd int fd = -1;

	return fs_lock(path, false, &fd, NULL) == 0 && fd < 0;
}

/* Whether its `up` was killed. */
static bool is_left(const char *name)
{
	unsigned long long start = 0;
	long pid = 0;

	return strncmp(name, JOURNAL, strlen(JOURNAL)) == 0 &&
	       sscanf(name + strlen(JOURNAL), "%ld-%llu", &pid, &start) == 2 && !reap_lives((pid_t)pid, start);
}

int up_sweep(const char *state_dir, struct error **err)
{
	DIR *dir = fs_opendir(state_dir);
	struct dirent *entry;
	int r = 0;

	while (dir && r == 0 && (entry = readdir(dir))) {
		cleanup_free char *path = is_left(entry->d_name) ? path_join(state_dir, entry->d_name) : NULL;

		r = path ? proc_reap_journal(path, err) : 0;
	}
	if (dir)
		closedir(dir);
	return r;
}
