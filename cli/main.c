#include "config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/error.h"
#include "cli/cmd/commands.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"

static int change_dir(const struct options *options, struct error **err)
{
	if (options->dir && chdir(options->dir) < 0)
		return error_errno(err, ERROR_USAGE, errno, "cannot change to %s", options->dir);
	return 0;
}

static int main_run(const struct options *options, struct error **err)
{
	const char *name = options->help ? "help" : options->version ? "version" : options->command;
	const struct command *command;

	if (change_dir(options, err) < 0)
		return -1;
	command = command_find(options->commands, name);
	bug_if(!command, "the command \"%s\" is not in the table", name);
	return command->run(options, err);
}

int main(int argc, char **argv)
{
	struct options options;
	struct error *error = NULL;
	int status = options_parse(&options, command_table(), argc, argv, &error);

	if (status == 0)
		status = main_run(&options, &error);
	if (status < 0) {
		if (error)
			output_error(error);
		status = error ? (int)error->cls : ERROR_USAGE;
	}
	error_free(error);
	options_free(&options);
	return status;
}
