#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cbuild_version.h"
#include "base/buf.h"
#include "base/bug.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/debug_trace.h"
#include "cli/cmd/commands.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/sources.h"
#include "dsl/yaml.h"

#define TRACE_FORMAT 1

/* To the folder that was asked for, else to that of the project that the current one is in. */
static int change_dir(struct options *options, const struct command *command, struct error **err)
{
	bool search = !options->dir && !options->file && !command->alone;
	cleanup_free char *above = search ? sources_above() : NULL;
	cleanup_free char *from = above ? path_absolute(".", err) : NULL;
	const char *to = above ? above : options->dir;

	if (above && !from)
		return -1;
	if (to && chdir(to) < 0)
		return error_errno(err, ERROR_USAGE, errno, "cannot change to %s", to);
	if (above)
		options_moved(options, from);
	return 0;
}

/* Once: a manifest may be loaded again. */
static int read_standard_input(struct options *options, struct error **err)
{
	bool wanted = options->file && strcmp(options->file, "-") == 0;

	for (size_t i = 0; options->overlays && options->overlays[i]; i++)
		wanted = wanted || strcmp(options->overlays[i], "-") == 0;
	if (!wanted)
		return 0;
	options->input = mem_alloc(sizeof(*options->input));
	buf_str(options->input, "");
	return fs_read("/dev/stdin", YAML_BYTES_MAX, options->input, err);
}

static int main_run(struct options *options, struct error **err)
{
	const char *name = options->help ? "help" : options->version ? "version" : options->command;
	const struct command *command;

	command = command_find(options->commands, name);
	bug_if(!command, "the command \"%s\" is not in the table", name);
	if (change_dir(options, command, err) < 0 || read_standard_input(options, err) < 0)
		return -1;
	return command->run(options, err);
}

static void trace_main_start(const struct options *options)
{
	cleanup_free char *dir = getcwd(NULL, 0);
	struct json *line = trace_begin("start");

	json_set_int(line, "format", TRACE_FORMAT);
	json_set_str(line, "version", cbuild_version);
	json_set_int(line, "unix_ms", clock_unix_ms());
	json_set_int(line, "pid", getpid());
	trace_str(line, "command", options->words); /* without the values of --set, as in the history */
	trace_str(line, "cwd", dir);
	trace_end(line);
}

static void trace_main_end(int status, const struct error *error)
{
	struct json *line = trace_begin("exit");

	json_set_int(line, "status", status);
	trace_error(line, error);
	trace_end(line);
}

static int run(struct options *options, int argc, char **argv, struct error **err)
{
	int r = trace_start(err) < 0 ? -1 : options_parse(options, command_table(), argc, argv, err);

	if (trace_on())
		trace_main_start(options);
	return r < 0 ? -1 : main_run(options, err);
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	struct error *error = NULL;
	int status = run(&options, argc, argv, &error);

	if (status < 0) {
		if (error)
			output_error(error);
		status = error ? (int)error->cls : ERROR_USAGE;
	}
	if (trace_on())
		trace_main_end(status, error);
	error_free(steal_ptr(error));
	if (trace_stop(&error) < 0)
		output_error(error);
	error_free(error);
	options_free(&options);
	return status;
}
