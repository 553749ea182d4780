#include "config.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/io/become.h"

int become_program(const char *const *argv, struct error **err)
{
	sigset_t none;

	/* What is ignored or blocked would stay so. */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], (char *const *)argv);
	return error_errno(err, ERROR_TOOL, errno, "cannot start %s", argv[0]);
}
