/* bench/peak PROGRAM [ARGUMENT...]: the most memory the program had, in kilobytes, as a line. The process that starts it has
 * next to nothing itself: what a process had before it became the program counts, too. */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct rusage usage;
	int status, quiet;
	pid_t pid;

	if (argc < 2)
		errx(1, "which program?");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		quiet = open("/dev/null", O_RDWR);
		if (quiet < 0 || dup2(quiet, 1) < 0 || dup2(quiet, 2) < 0)
			err(1, "/dev/null");
		execv(argv[1], argv + 1);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status != 0 || getrusage(RUSAGE_CHILDREN, &usage) < 0)
		errx(1, "%s failed", argv[1]);
	return printf("%ld\n", usage.ru_maxrss) < 0;
}
