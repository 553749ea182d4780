#include "config.h"

#include "cli/remotes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/output.h"
#include "dsl/load.h"
#include "dsl/manifest.h"
#include "engine/registry/fetched.h"

struct remotes {
	const struct options *options;
	struct fetched *fetched;
	char **lacking; /* URLs, each once */
	size_t len, cap;
};

/* --pull asks for everything, `lock` for what is not locked, and with --update again for what it names, or all. */
static bool asks_again(void *data, const char *shown, const char *pin)
{
	const struct options *options = ((const struct remotes *)data)->options;
	bool named = options->targets_len == 0;

	if (options->dry_run || strcmp(options->command, "lock") != 0)
		return options->pull && !options->dry_run;
	if (!options->update)
		return !pin && !options->check;
	for (size_t i = 0; i < options->targets_len; i++)
		named |= strcmp(options->targets[i], shown) == 0;
	return named || !pin;
}

struct remotes *remotes_new(const struct options *options, const char *state_dir, const char *lock)
{
	struct remotes *remotes = mem_alloc(sizeof(*remotes));

	*remotes = (struct remotes){ .options = options };
	remotes->fetched = fetched_new(
		&(struct fetched_options){ .state_dir = state_dir, .lock = lock, .again = asks_again, .data = remotes });
	return remotes;
}

static void forget_lacking(struct remotes *remotes)
{
	for (size_t i = 0; i < remotes->len; i++)
		free(remotes->lacking[i]);
	remotes->len = 0;
}

void remotes_free(struct remotes *remotes)
{
	if (!remotes)
		return;
	forget_lacking(remotes);
	free(remotes->lacking);
	fetched_free(remotes->fetched);
	free(remotes);
}

void remotes_place(void *data, const char *url, struct load_place *ret)
{
	struct remotes *remotes = data;
	struct fetched_place place;

	fetched_find(remotes->fetched, url, &place);
	*ret = (struct load_place){ .root = place.root, .text = place.text, .ready = place.ready };
}

void remotes_lacks(void *data, const struct remote_use *use)
{
	struct remotes *remotes = data;

	for (size_t i = 0; i < remotes->len; i++)
		if (strcmp(remotes->lacking[i], use->url.s) == 0)
			return;
	mem_reserve(&remotes->lacking, &remotes->cap, remotes->len + 1, sizeof(*remotes->lacking));
	remotes->lacking[remotes->len++] = mem_strdup(use->url.s);
}

size_t remotes_lacking(const struct remotes *remotes)
{
	return remotes->len;
}

/* -n fetches nothing, and neither do commands that only look. */
int remotes_allowed(const struct remotes *remotes, const char *url, struct error **err)
{
	const struct options *options = remotes->options;
	cleanup_free char *shown = text_without_login(url ? url : remotes->lacking[0]);
	bool looks = options->dry_run || (options->check && !options->update);

	if (!looks && text_listed("build verify push watch up lock", options->command))
		return 0;
	error_make(err, ERROR_REGISTRY, "%s is not here yet, and this command fetches nothing", shown);
	error_remedy(err, "`cbuild lock` fetches it, and so does a build");
	return -1;
}

int remotes_get(struct remotes *remotes, struct loop *loop, struct urls *urls, const char *url, struct error **err)
{
	cleanup_free char *shown = text_without_login(url);

	output_note("fetching %s", shown);
	return fetched_get(remotes->fetched, loop, urls, url, err);
}

int remotes_fetch(struct remotes *remotes, struct loop *loop, struct urls *urls, struct error **err)
{
	int r = 0;

	for (size_t i = 0; i < remotes->len && r == 0; i++)
		r = remotes_get(remotes, loop, urls, remotes->lacking[i], err);
	forget_lacking(remotes);
	return r;
}

static void remotes_add_used(struct remotes *remotes, const char *url, const char **names, size_t *len)
{
	const char *folder;

	fetched_names(remotes->fetched, url, &names[*len], &folder);
	++*len;
	if (folder)
		names[(*len)++] = folder;
}

const char **remotes_used(struct remotes *remotes, const struct manifest *manifest)
{
	size_t count = manifest->remotes.len, len = 0;
	const char **names;

	for (size_t i = 0; i < manifest->services_len; i++)
		count += manifest->services[i].build.remotes_len;
	names = mem_array(2 * count + 2, sizeof(*names));
	names[len++] = "lock";
	for (size_t i = 0; i < manifest->remotes.len; i++)
		remotes_add_used(remotes, manifest->remotes.items[i].s, names, &len);
	for (size_t i = 0; i < manifest->services_len; i++)
		for (size_t j = 0; j < manifest->services[i].build.remotes_len; j++)
			remotes_add_used(remotes, manifest->services[i].build.remotes[j].url.s, names, &len);
	return names;
}
