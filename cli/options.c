#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/options.h"
#include "dsl/drivers.h"

#define ONCE "build verify push" /* commands that run once */
#define BUILDS ONCE " watch up run"
#define CHECKS ONCE " watch why graph"
#define PLANS BUILDS " why graph"
#define STANDING "ps logs exec stop restart port" /* about what `up` has started */

#define JOBS_MAX 10000

static void *own(struct options *options, void *pointer)
{
	mem_reserve(&options->owned, &options->owned_cap, options->owned_len + 1, sizeof(*options->owned));
	options->owned[options->owned_len++] = pointer;
	return pointer;
}

static const char **append(struct options *options, const char **list, const char *value)
{
	size_t len = 0;
	const char **grown;

	while (list && list[len])
		len++;
	grown = own(options, mem_array(len + 2, sizeof(*grown)));
	if (len)
		memcpy(grown, list, len * sizeof(*grown));
	grown[len] = value;
	return grown;
}

/* "a, b or c" of a list separated by blanks. */
static void add_choices(struct buf *out, const char *choices)
{
	for (const char *at = choices; *at; at += strspn(at, " ")) {
		size_t len = strcspn(at, " ");

		buf_str(out, at == choices ? "" : strchr(at, ' ') ? ", " : " or ");
		buf_add(out, at, len);
		at += len;
	}
}

static int one_of(const char *value, const char *what, const char *choices, struct error **err)
{
	cleanup_buf struct buf list = { 0 };

	if (text_listed(choices, value))
		return 0;
	add_choices(&list, choices);
	return error_make(err, ERROR_USAGE, "%s takes %s, not \"%s\"", what, list.data, value);
}

static void *place(struct options *options, const struct option *option)
{
	return (char *)options + option->offset;
}

static int take_flag(struct options *options, const struct option *option, const char *value, struct error **err)
{
	(void)value;
	(void)err;
	*(bool *)place(options, option) = true;
	return 0;
}

static int take_text(struct options *options, const struct option *option, const char *value, struct error **err)
{
	(void)err;
	*(const char **)place(options, option) = value;
	return 0;
}

static int take_commas(struct options *options, const struct option *option, const char *value, struct error **err)
{
	const char ***list = place(options, option);
	char *rest = own(options, mem_strdup(value));
	char *part;

	(void)err;
	while ((part = strsep(&rest, ",")))
		*list = append(options, *list, part);
	return 0;
}

static int take_file(struct options *options, const struct option *option, const char *value, struct error **err)
{
	(void)option;
	(void)err;
	if (options->file)
		options->overlays = append(options, options->overlays, value);
	else
		options->file = value;
	return 0;
}

static int take_env_file(struct options *options, const struct option *option, const char *value, struct error **err)
{
	(void)option;
	(void)err;
	options->env_files = append(options, options->env_files, value);
	return 0;
}

static int take_set(struct options *options, const struct option *option, const char *value, struct error **err)
{
	(void)option;
	if (!strchr(value, '='))
		return error_make(err, ERROR_USAGE, "--set takes NAME=VALUE, not \"%s\"", value);
	options->sets = append(options, options->sets, value);
	return 0;
}

static int take_jobs(struct options *options, const struct option *option, const char *value, struct error **err)
{
	char *end;
	unsigned long number = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || number > JOBS_MAX)
		return error_make(err, ERROR_USAGE, "--%s takes a number, not \"%s\"", option->name, value);
	options->jobs = number;
	return 0;
}

static int take_load(struct options *options, const struct option *option, const char *value, struct error **err)
{
	char *end;

	(void)option;
	options->max_load = strtod(value, &end);
	if (*end || end == value || options->max_load <= 0)
		return error_make(err, ERROR_USAGE, "-l takes a number above 0, not \"%s\"", value);
	return 0;
}

static int take_progress(struct options *options, const struct option *option, const char *value, struct error **err)
{
	if (one_of(value, "--progress", option->choices, err) < 0)
		return -1;
	options->progress = value;
	options->quiet |= strcmp(value, "quiet") == 0;
	return 0;
}

#define FLAG(member) .take = take_flag, .offset = offsetof(struct options, member)
#define TEXT(member) .take = take_text, .offset = offsetof(struct options, member)
#define COMMAS(member) .take = take_commas, .offset = offsetof(struct options, member)

/* Letters have the same meaning as in GNU make. */
static const struct option table[] = {
	{ 'C', "directory", "DIR", "change to DIR first", TEXT(dir) },
	{ 'f', "file", "FILE",
	  "read FILE (- for standard input) instead of services.yaml, compose.yaml or bake files; further ones are merged over it",
	  .take = take_file },
	{ 'j', "jobs", "N",
	  "run N nodes at once (default: make's job slots, or one per processor, four if a BuildKit daemon builds)",
	  .commands = BUILDS, .take = take_jobs },
	{ 'k', "keep-going", NULL, "go on with what does not need the failed node", .commands = BUILDS, FLAG(keep_going) },
	{ 'n', "dry-run", NULL, "show what would be done, and why, without doing it", .commands = ONCE " prune",
	  FLAG(dry_run) },
	{ 'B', "force", NULL, "do everything anew, without the builder's cache", .commands = BUILDS, FLAG(force) },
	{ 'q', "quiet", NULL, "only errors", .commands = BUILDS " tag load login logout check", .less = true,
	  FLAG(quiet) },
	{ 'v', "verbose", NULL, "stream the builders' output; with -n list what is fresh too",
	  .commands = BUILDS " hash", FLAG(verbose) },
	{ 'l', "load-average", "N", "start nothing new while the load average is above N", .commands = BUILDS,
	  .take = take_load },
	{ 0, "platforms", "LIST", "platforms to build, comma separated (BUILD_PLATFORMS)", COMMAS(platforms) },
	{ 't', "tag", "TAG", "tag instead of the manifest's; may be repeated (DOCKER_TAGS)", COMMAS(tags) },
	{ 0, "set", "NAME=VALUE", "set a variable of the manifest, or SERVICE.KEY; may be repeated", .take = take_set },
	{ 0, "var", "NAME=VALUE", "set a variable of a bake file; may be repeated", .take = take_set },
	{ 0, "profile", "NAME", "include the services of this profile in \"all\"; may be repeated (COMPOSE_PROFILES)",
	  COMMAS(profiles) },
	{ 'p', "project-name", "NAME", "the project's name, instead of the manifest's (COMPOSE_PROJECT_NAME)",
	  TEXT(project) },
	{ 0, "env-file", "FILE", "read variables from FILE instead of .env; may be repeated (COMPOSE_ENV_FILES)",
	  .take = take_env_file },
	{ 0, "allow-outside", NULL, "let manifests name others, and env files, outside of the project",
	  FLAG(allow_outside) },
	{ 0, "builder", "NAME", "build with NAME: " BUILDER_LIST " (CBUILD_BUILDER)", .commands = PLANS " doctor check",
	  .choices = BUILDER_WORDS, TEXT(builder) },
	{ 0, "runtime", "NAME", "verify and load with NAME: " RUNTIME_LIST " (CBUILD_RUNTIME)",
	  .commands = PLANS " down " STANDING, .choices = RUNTIME_WORDS, TEXT(runtime) },
	{ 0, "no-load", NULL, "do not put the images into the local engine", .commands = CHECKS, .less = true,
	  FLAG(no_load) },
	{ 0, "no-verify", NULL, "do not run the checks", .commands = CHECKS, .less = true, FLAG(no_verify) },
	{ 0, "pull", NULL,
	  "look for newer base images and files at URLs, also newer than services.lock has; nothing else does",
	  .commands = BUILDS, FLAG(pull) },
	{ 0, "no-cache-read", NULL, "take no results from the registry cache; new ones are still stored there",
	  .commands = BUILDS, FLAG(no_cache_read) },
	{ 0, "push", NULL, "push the images when everything is built and checked, their tags last",
	  .commands = "build verify", FLAG(push) },
	{ 0, "partial", NULL, "push fewer platforms than a tag has: it loses the others",
	  .commands = "build verify push join", FLAG(partial) },
	{ 0, "merge-platforms", NULL, "push fewer platforms than the first tag has: it keeps its images for the others",
	  .commands = "build verify push", FLAG(merge_platforms) },
	{ 0, "by-digest", NULL, "push without setting tags, for \"cbuild join\"", .commands = "build verify push",
	  FLAG(by_digest) },
	{ 0, "format", "FORMAT", "print as FORMAT; each command has its own (cbuild help COMMAND)", TEXT(format) },
	{ 0, "progress", "MODE", "auto, tty, plain, json (an event a line) or quiet", .commands = BUILDS,
	  .choices = "auto tty plain json quiet", .take = take_progress },
	{ 0, "trace", "FILE", "write the run's timeline to FILE, for Perfetto or chrome://tracing", .commands = ONCE,
	  TEXT(trace) },
	{ 'u', "username", "NAME", "the name to log in with", .commands = "login", TEXT(username) },
	{ 0, "password-stdin", NULL, "read the password from standard input", .commands = "login", FLAG(password_stdin) },
	{ 'o', "output", "FILE", "write to FILE (-: standard output)", .commands = "report init import export",
	  TEXT(output) },
	{ 0, "remote", NULL, "ask the registries: same, differs or missing there", .commands = "images", FLAG(remote) },
	{ 0, "update", NULL, "ask the registries again, for all or for those named", .commands = "lock", FLAG(update) },
	{ 0, "check", NULL, "write nothing: list differences, with status 1 if there are any", .commands = "lock",
	  FLAG(check) },
	{ 0, "since", "REF", "compare the working tree with the commit REF", .commands = "affected", TEXT(since) },
	{ 0, "to", "PLACE", "docker, podman, containerd, containerd:NAMESPACE or kind:NAME", .commands = "load",
	  TEXT(to) },
	{ 0, "key", "FILE", "the public key that has signed it, in PEM (env://NAME: in that variable)",
	  .commands = "verify-signature", TEXT(key) },
	{ 0, "type", "TYPE", "spdx, cyclonedx or openvex; or a media type", .commands = "attach", TEXT(type) },
	{ 0, "keep-storage", "SIZE", "keep at most SIZE of images (500MB, 2GiB)", .commands = "prune",
	  TEXT(keep_storage) },
	{ 'd', "detach", NULL, "leave the services running; `cbuild down` ends them", .commands = "up", FLAG(detach) },
	{ 0, "watch", NULL, "go on with changes: files are copied into what runs, or built", .commands = "up",
	  FLAG(watch) },
	{ 0, "follow", NULL, "go on with what they print from now on (also -f)", .commands = "logs", FLAG(follow) },
	{ 0, "tail", "N", "only the last N lines of each", .commands = "logs", TEXT(tail) },
	{ 0, "run", NULL, "keep the services running, and restart those that were built anew", .commands = "watch",
	  FLAG(run) },
	{ 0, "report", NULL, "print what a bug report needs, without secrets", .commands = "doctor", FLAG(report) },
	{ 0, "stdout", NULL, "print what would be written", .commands = "init", FLAG(to_stdout) },
	{ 0, "exit-code", NULL, "with -n: status 1 when something is stale", .commands = ONCE, FLAG(exit_code) },
	{ '0', "null", NULL, "separate names with NUL", .commands = "context", FLAG(null_separated) },
	{ 0, "long", NULL, "with type, mode, size and digest (also -l)", .commands = "context", FLAG(long_list) },
	{ 'h', "help", NULL, "show help; of a command when one is given", FLAG(help) },
	{ 0, "version", NULL, "show the version", FLAG(version) },
	{ 0 },
};
enum { TABLE = sizeof(table) / sizeof(table[0]) - 1 };

void options_moved(struct options *options, const char *from)
{
	const char **files[] = { &options->trace, &options->output, &options->key };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (*files[i] && strcmp(*files[i], "-") != 0 && strncmp(*files[i], "env://", strlen("env://")) != 0)
			*files[i] = own(options, path_join(from, *files[i]));
	for (size_t i = 0; options->env_files && options->env_files[i]; i++)
		options->env_files[i] = own(options, path_join(from, options->env_files[i]));
}

const struct option *option_find(const char *name, size_t len)
{
	for (size_t i = 0; i < TABLE; i++) {
		if (strlen(table[i].name) == len && strncmp(table[i].name, name, len) == 0)
			return &table[i];
	}
	return NULL;
}

static int unknown_long(const char *name, size_t len, struct error **err)
{
	const char *names[TABLE];
	cleanup_free char *word = mem_strndup(name, len);
	const char *nearest;

	for (size_t i = 0; i < TABLE; i++)
		names[i] = table[i].name;
	nearest = text_nearest(word, names, TABLE);
	error_make(err, ERROR_USAGE, "unknown option --%s", word);
	if (nearest)
		error_remedy(err, "did you mean --%s?", nearest);
	return -1;
}

static int take_option(struct options *options, const struct option *option, const char *value, struct error **err)
{
	mem_reserve(&options->given, &options->given_cap, options->given_len + 1, sizeof(*options->given));
	options->given[options->given_len++] = option;
	return option->take(options, option, value, err);
}

static int parse_long(struct options *options, char **argv, int argc, int *at, struct error **err)
{
	const char *name = argv[*at] + 2;
	size_t len = strcspn(name, "=");
	const char *value = name[len] == '=' ? name + len + 1 : NULL;
	const struct option *option = option_find(name, len);

	if (!option)
		return unknown_long(name, len, err);
	if (!option->placeholder) {
		if (value)
			return error_make(err, ERROR_USAGE, "--%s takes no value", option->name);
		return take_option(options, option, NULL, err);
	}
	if (!value) {
		if (*at + 1 >= argc)
			return error_make(err, ERROR_USAGE, "--%s needs a value: %s", option->name, option->placeholder);
		value = argv[++*at];
	}
	return take_option(options, option, value, err);
}

const struct option *option_letter(char letter)
{
	for (size_t i = 0; i < TABLE; i++) {
		if (table[i].letter == letter)
			return &table[i];
	}
	return NULL;
}

/* A word of letters: "-kn", "-j4", "-j 4". */
static int parse_letters(struct options *options, char **argv, int argc, int *at, struct error **err)
{
	for (const char *c = argv[*at] + 1; *c; c++) {
		const struct option *option = option_letter(*c);
		const char *next = *at + 1 < argc ? argv[*at + 1] : NULL;

		if (!option)
			return error_make(err, ERROR_USAGE, "unknown option -%c", *c);
		if (*c == 'l' && options->command && strcmp(options->command, "context") == 0) {
			options->long_list = true;
		} else if (*c == 'f' && options->command && strcmp(options->command, "logs") == 0) {
			options->follow = true;
		} else if (!option->placeholder) {
			take_option(options, option, NULL, err);
		} else if (c[1]) {
			return take_option(options, option, c + 1, err);
		} else if (!next) {
			return error_make(err, ERROR_USAGE, "-%c needs a value: %s", *c, option->placeholder);
		} else {
			++*at;
			return take_option(options, option, next, err);
		}
	}
	return 0;
}

/* A service may have the name of a command: after "--", or after a command, the word means the service. */
static void take_word(struct options *options, const char *word, bool only_words)
{
	if (!only_words && !options->command && options->targets_len == 0 && command_find(options->commands, word)) {
		options->command = word;
		return;
	}
	options->targets = append(options, options->targets, word);
	options->targets_len++;
}

/* The command line as kept in the history. A value of --set may be a secret: only its name is kept. */
static void add_word(struct buf *words, const char *before, const char *word)
{
	bool set = strncmp(word, "--set=", 6) == 0;
	const char *value = set || strcmp(before, "--set") == 0 ? strchr(word + (set ? 6 : 0), '=') : NULL;
	cleanup_free char *masked = value ? mem_printf("%.*s=...", (int)(value - word), word) : NULL;

	buf_str(words, words->len ? " " : "");
	text_shell(words, masked ? masked : word);
}

/* Each command has its own formats; the first is the default. */
static int check_format(struct options *options, struct error **err)
{
	const struct command *command = command_find(options->commands, options->command);
	const char *formats = command->formats ? command->formats : "text";
	cleanup_free char *what = mem_printf("--format of `cbuild %s`", options->command);

	if (options->format)
		return one_of(options->format, what, formats, err);
	options->format = own(options, mem_strndup(formats, strcspn(formats, " ")));
	return 0;
}

static int useless(const struct command *command, const struct option *option, struct error **err)
{
	cleanup_buf struct buf list = { 0 };

	if (option->letter == 'n') {
		error_make(err, ERROR_USAGE, "`cbuild %s` has no dry run (-n)", command->name);
		error_remedy(err, "`cbuild -n` says what would be built, and why");
		return -1;
	}
	error_make(err, ERROR_USAGE, "`cbuild %s` has no option --%s", command->name, option->name);
	if (option->commands) {
		add_choices(&list, option->commands);
		error_remedy(err, "it belongs to %s", list.data);
	} else {
		error_remedy(err, "it belongs to the commands that read a manifest");
	}
	return -1;
}

/* Who gives an option relies on it: a command that does not know it must not go ahead. */
static int check_use(const struct options *options, struct error **err)
{
	const struct command *command = command_find(options->commands, options->command);

	for (size_t i = 0; i < options->given_len && !options->help && !options->version; i++) {
		const struct option *option = options->given[i];

		if (strcmp(option->name, "format") != 0 && !option->less && !command_reads(command, option))
			return useless(command, option, err);
	}
	return 0;
}

/* Behind its service, `exec` takes the words of a command as they are. */
static bool behind_service(const struct options *options)
{
	return options->command && options->targets_len > 0 && text_listed("exec run", options->command);
}

int options_parse(struct options *options, const struct command *commands, int argc, char **argv, struct error **err)
{
	cleanup_buf struct buf words = { 0 };
	bool only_words = false;

	*options = (struct options){ .commands = commands, .progress = "auto" };
	for (int i = 1; i < argc; i++) {
		int first = i, r = 0;

		only_words = only_words || behind_service(options);
		if (only_words || argv[i][0] != '-' || !argv[i][1])
			take_word(options, argv[i], only_words);
		else if (strcmp(argv[i], "--") == 0)
			only_words = true;
		else if (argv[i][1] == '-')
			r = parse_long(options, argv, argc, &i, err);
		else
			r = parse_letters(options, argv, argc, &i, err);
		if (r < 0)
			return -1;
		/* With its value, if that is a separate word. */
		for (int word = first; word <= i; word++)
			add_word(&words, argv[word - 1], argv[word]);
	}
	if (!options->command)
		options->command = options->help ? "help" : "build";
	options->words = buf_steal(&words);
	return check_use(options, err) < 0 ? -1 : check_format(options, err);
}

void options_free(struct options *options)
{
	for (size_t i = 0; i < options->owned_len; i++)
		free(options->owned[i]);
	free(options->owned);
	free(options->given);
	free(options->words);
	if (options->input)
		buf_free(options->input);
	free(options->input);
	*options = (struct options){ 0 };
}

const struct option *option_table(void)
{
	return table;
}
