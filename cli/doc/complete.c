#include "config.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/command.h"
#include "cli/doc/complete.h"
#include "cli/doc/topic.h"
#include "cli/options.h"
#include "cli/session.h"
#include "dsl/manifest.h"

struct completion {
	struct buf *out;
	const char *before; /* the part of the word that stays: "--tag=", "linux/amd64," */
	size_t before_len;
	const char *begun; /* the rest of it, which completions must begin with */
	const struct options *options;
	const struct command *command; /* as given, or NULL */
};

static void offer(struct completion *completion, const char *word, const char *end, const char *meaning)
{
	if (strncmp(word, completion->begun, strlen(completion->begun)) != 0)
		return;
	buf_printf(completion->out, "%.*s%s%s\t%s\n", (int)completion->before_len, completion->before, word, end,
		   meaning);
}

static void offer_list(struct completion *completion, const char *list, const char *meaning)
{
	for (const char *at = list; at && *at; at += strspn(at, " ")) {
		cleanup_free char *word = mem_strndup(at, strcspn(at, " "));

		offer(completion, word, "", meaning);
		at += strlen(word);
	}
}

static void offer_texts(struct completion *completion, const struct texts *texts, const char *meaning)
{
	for (size_t i = 0; i < texts->len; i++)
		offer(completion, texts->items[i].s, "", meaning);
}

static void offer_platforms(struct completion *completion, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->platforms_len; i++) {
		char text[PLATFORM_TEXT];

		platform_text(&manifest->platforms[i], text);
		offer(completion, text, "", "platform");
	}
}

static void offer_services(struct completion *completion, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->services_len; i++)
		offer(completion, manifest->services[i].name.s, "", "service");
}

static void offer_targets(struct completion *completion, const struct manifest *manifest)
{
	offer_services(completion, manifest);
	for (size_t i = 0; i < manifest->groups_len; i++)
		offer(completion, manifest->groups[i].name.s, "", "group");
	offer(completion, "all", "", "every service");
}

static void offer_profiles(struct completion *completion, const struct manifest *manifest)
{
	for (size_t i = 0; i < manifest->services_len; i++)
		offer_texts(completion, &manifest->services[i].profiles, "profile");
}

/* With a faulty manifest there are fewer completions. */
static void with_manifest(struct completion *completion,
			  void (*offers)(struct completion *completion, const struct manifest *manifest))
{
	struct session session;
	struct error *error = NULL;

	if (session_open(&session, completion->options, &error) == 0)
		offers(completion, session.manifest);
	error_free(error);
	session_close(&session);
}

static void offer_commands(struct completion *completion)
{
	for (const struct command *command = completion->options->commands; command->name; command++)
		offer(completion, command->name, "", command->summary);
}

static void offer_topics(struct completion *completion)
{
	offer_commands(completion);
	for (const struct topic *topic = topic_table(); topic->name; topic++)
		offer(completion, topic->name, "", topic->summary);
	offer(completion, "manifest", "", "every key of services.yaml");
	offer(completion, "options", "", "all options");
}

static void offer_options(struct completion *completion)
{
	const struct command *command = completion->command ? completion->command
							    : command_find(completion->options->commands, "build");

	for (const struct option *option = option_table(); option->name; option++) {
		cleanup_free char *name = mem_printf("--%s", option->name);
		bool general = !completion->command && strcmp(option->name, "version") == 0;

		if (general || command_reads(command, option))
			offer(completion, name, option->placeholder ? "=" : "", option->help);
	}
}

/* A list with commas: only its last part is completed. */
static void keep_parts(struct completion *completion)
{
	const char *comma = strrchr(completion->begun, ',');

	if (comma) {
		completion->before_len = (size_t)(comma + 1 - completion->before);
		completion->begun = comma + 1;
	}
}

static void offer_values(struct completion *completion, const struct option *option)
{
	const struct command *command = completion->command ? completion->command
							    : command_find(completion->options->commands, "build");

	if (strcmp(option->name, "format") == 0) {
		offer_list(completion, command->formats, "format");
	} else if (option->choices) {
		offer_list(completion, option->choices, option->placeholder);
	} else if (strcmp(option->name, "platforms") == 0) {
		keep_parts(completion);
		with_manifest(completion, offer_platforms);
	} else if (strcmp(option->name, "profile") == 0) {
		keep_parts(completion);
		with_manifest(completion, offer_profiles);
	} else if (strcmp(option->placeholder, "FILE") == 0) {
		buf_str(completion->out, ":files\n");
	} else if (strcmp(option->placeholder, "DIR") == 0) {
		buf_str(completion->out, ":dirs\n");
	}
}

static void offer_words(struct completion *completion)
{
	const struct options *options = completion->options;
	enum command_takes takes = completion->command ? completion->command->takes : TAKES_TARGETS;

	if (!completion->command && options->targets_len == 0)
		offer_commands(completion);
	if (takes == TAKES_TARGETS)
		with_manifest(completion, offer_targets);
	if (options->targets_len > 0)
		return;
	if (takes == TAKES_SERVICE)
		with_manifest(completion, offer_services);
	else if (takes == TAKES_TOPIC)
		offer_topics(completion);
	else if (takes == TAKES_SHELL)
		offer_list(completion, "bash zsh fish", "shell");
	else if (takes == TAKES_EXPORT)
		offer_list(completion, "bake compose", "kind of file");
	else if (takes == TAKES_FILE)
		buf_str(completion->out, ":files\n");
}

/* The option whose value is the word after `word`, or NULL. */
static const struct option *waiting(const char *word)
{
	const struct option *option = NULL;

	if (strncmp(word, "--", 2) == 0)
		option = option_find(word + 2, strlen(word + 2));
	else if (word[0] == '-' && word[1])
		option = option_letter(word[strlen(word) - 1]);
	return option && option->placeholder ? option : NULL;
}

/* The option whose value is part of `word`, "--format=te"; or NULL. */
static const struct option *given(const char *word, const char **ret_value)
{
	size_t len = strcspn(word, "=");
	const struct option *option = strncmp(word, "--", 2) == 0 && word[len] ? option_find(word + 2, len - 2) : NULL;

	if (!option || !option->placeholder)
		return NULL;
	*ret_value = word + len + 1;
	return option;
}

static bool stands_among(const char *const *words, const char *word)
{
	for (size_t i = 0; words[i]; i++) {
		if (words[i] == word)
			return true;
	}
	return false;
}

void complete_words(const struct command *commands, const char *const *words, size_t len, struct buf *out)
{
	const char *last = len ? words[len - 1] : "";
	const struct option *option = len > 1 ? waiting(words[len - 2]) : NULL;
	size_t before = len ? len - (option ? 2 : 1) : 0; /* words that are complete by themselves */
	cleanup_free const char **argv = mem_array(before + 2, sizeof(*argv));
	struct options options;
	struct completion completion = { .out = out, .before = last, .begun = last, .options = &options };

	argv[0] = "cbuild";
	if (before)
		memcpy(argv + 1, words, before * sizeof(*argv));
	/* Invalid words only make it know less. */
	if (options_parse(&options, commands, (int)before + 1, (char **)argv, NULL) < 0 && !options.command)
		options.command = "build";
	if (stands_among(argv, options.command))
		completion.command = command_find(commands, options.command);
	if (!option)
		option = given(last, &completion.begun);
	completion.before_len = (size_t)(completion.begun - last);
	if (options.dir && chdir(options.dir) < 0)
		completion.begun = last;
	if (option)
		offer_values(&completion, option);
	else if (*last == '-')
		offer_options(&completion);
	else
		offer_words(&completion);
	options_free(&options);
}
