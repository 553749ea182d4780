#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/state/state.h"

/* A file a fact: its name, a newline, its value. Nothing needs them: what is lost is found out again. */

#define FACT_MAX (64u << 10) /* bytes of such a file */

void machine_rights(struct hasher *hasher)
{
	cleanup_buf struct buf status = { 0 };
	struct rlimit files = { 0 }, processes = { 0 };
	char space[64] = "";
	const char *rights;

	if (fs_read("/proc/self/status", 1u << 20, &status, NULL) == 0 && (rights = strstr(status.data, "\nCapEff:")))
		hasher_field(hasher, "rights", rights, strcspn(rights + 1, "\n"));
	if (readlink("/proc/self/ns/user", space, sizeof(space) - 1) > 0)
		hasher_text(hasher, "user namespace", space);
	getrlimit(RLIMIT_NOFILE, &files);
	getrlimit(RLIMIT_NPROC, &processes);
	hasher_field(hasher, "files", &files.rlim_max, sizeof(files.rlim_max));
	hasher_field(hasher, "processes", &processes.rlim_max, sizeof(processes.rlim_max));
}

/* NULL: this user has no place for them. */
static char *machine_folder(void)
{
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");

	if (cache && *cache == '/')
		return path_join(cache, "cbuild/machine");
	return home && *home == '/' ? path_join(home, ".cache/cbuild/machine") : NULL;
}

static char *machine_path(const char *folder, const char *name)
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(name, strlen(name)), hex);
	return path_join(folder, hex);
}

/* Only what this user has written is believed: HOME may be somebody else's. */
static char *read_own(const char *path)
{
	cleanup_fd int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	cleanup_free char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) || st.st_size > FACT_MAX)
		return NULL;
	text = mem_alloc((size_t)st.st_size + 1);
	return fs_read_at(fd, text, (size_t)st.st_size, 0, path, NULL) < 0 ? NULL : steal_ptr(text);
}

static char *machine_fact(const char *name)
{
	cleanup_free char *folder = machine_folder(), *path = folder ? machine_path(folder, name) : NULL;
	cleanup_free char *text = path ? read_own(path) : NULL;
	size_t len = strlen(name);

	return text && strncmp(text, name, len) == 0 && text[len] == '\n' ? mem_strdup(text + len + 1) : NULL;
}

int state_machine_fact(struct state *state, const char *name, char **ret, struct error **err)
{
	if (state_fact(state, name, ret, err) < 0)
		return -1;
	if (*ret || !(*ret = machine_fact(name)))
		return 0;
	/* In a read-only checkout it is read there again. */
	state_set_fact(state, name, *ret, NULL);
	return 0;
}

int state_set_machine_fact(struct state *state, const char *name, const char *value, struct error **err)
{
	cleanup_free char *folder = machine_folder(), *path = folder ? machine_path(folder, name) : NULL;
	cleanup_free char *text = mem_printf("%s\n%s", name, value);

	/* Other projects find it out again when this cannot be written. */
	if (path && fs_mkdirs(folder, 0700, NULL) == 0)
		fs_replace(path, text, strlen(text), 0600, NULL);
	return state_set_fact(state, name, value, err);
}
