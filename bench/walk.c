/* bench/walk DIR...: one lstat an entry below each folder, and nothing else: what looking at a tree costs at least. */
#define _GNU_SOURCE
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static unsigned long walk(int fd, const char *name)
{
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	unsigned long count = 0;
	struct dirent *entry;
	struct stat st;

	if (!dir)
		err(1, "%s", name);
	while ((entry = readdir(dir))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			err(1, "%s", entry->d_name);
		count++;
		if (S_ISDIR(st.st_mode))
			count += walk(openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), entry->d_name);
	}
	closedir(dir);
	return count;
}

int main(int argc, char **argv)
{
	unsigned long count = 0;

	for (int i = 1; i < argc; i++)
		count += walk(open(argv[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC), argv[i]);
	return printf("%lu\n", count) < 0;
}
