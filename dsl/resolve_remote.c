#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/git_url.h"
#include "base/mem.h"
#include "base/remote.h"
#include "base/text.h"
#include "dsl/load.h"
#include "dsl/resolve.h"

/* Contexts and Dockerfiles from elsewhere. */

bool resolve_is_remote(struct resolve *r, const struct text *text)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *why = "what is fetched has a URL of http, https, ssh or git";

	if (!remote_is_context(text->s)) {
		if (strstr(text->s, "://"))
			diags_add(r->diags, text->pos, why, "contexts of the form \"%s\" are not supported", text->s);
		return false;
	}
	if (remote_is_git(text->s) && !git_url_parse_folder(text->s, &git, &why)) {
		cleanup_free char *shown = text_without_login(text->s);

		diags_add(r->diags, text->pos, NULL, "\"%s\" is no URL of a repository: %s", shown, why);
	}
	return true;
}

struct remote_use *resolve_remote(struct resolve *r, struct build_spec *build, const struct text *url, const char *place)
{
	struct remote_use *use = &build->remotes[build->remotes_len++];
	struct git_url git cleanup_git_url = { 0 };
	struct load_place found = { .root = "/" };
	const char *why;

	if (r->options->place)
		r->options->place(r->options->place_data, url->s, &found);
	*use = (struct remote_use){ .url = *url,
				    .place = place,
				    .root = arena_strdup(r->arena, found.root),
				    .text = found.text,
				    .ready = found.ready };
	use->path = use->root;
	if (remote_is_git(url->s) && git_url_parse(url->s, &git, &why))
		use->path = resolve_path(r, use->root, git.subdir);
	return use;
}
