#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/mem.h"
#include "cli/convert/survey.h"
#include "cli/convert/survey_links.h"

enum meaning { OF_ELSEWHERE, MAYBE_MADE_HERE, MADE_HERE };

/* Folders are called "NodeBase" where images are called "node-base". */
static bool is_same_word(const char *a, const char *b)
{
	while (*a || *b) {
		a += strspn(a, "-._");
		b += strspn(b, "-._");
		if (strncasecmp(a, b, 1) != 0)
			return false;
		a += *a != 0;
		b += *b != 0;
	}
	return true;
}

/* Cuts off the tag and returns it: "latest" when there is none. A colon inside a variable ("${A:-b}") does not
 * begin a tag. */
static const char *cut_tag(char *name)
{
	char *colon = NULL;
	unsigned depth = 0;

	for (char *c = name; *c; c++) {
		depth += *c == '{';
		depth -= *c == '}' && depth > 0;
		if (*c == '/')
			colon = NULL;
		else if (*c == ':' && depth == 0)
			colon = c;
	}
	if (!colon)
		return "latest";
	*colon = '\0';
	return colon + 1;
}

static bool is_own_tag(const char *tag)
{
	return strcmp(tag, "latest") == 0 || strcmp(tag, "local") == 0 || strcmp(tag, "dev") == 0;
}

/* The part before the name contains a variable. */
static bool owner_varies(const char *written)
{
	cleanup_free char *owner = path_dir(written);

	return strchr(owner, '$') != NULL;
}

/* Accepts "base", "localhost/x/base:latest", "ghcr.io/PROJECT/base:1", "${OWNER}/base:1"; but not "python:3.12"
 * next to a folder called python. */
static enum meaning meaning_of(const struct survey *survey, const struct found_image *image, const char *service)
{
	cleanup_free char *name = mem_strndup(image->name, strcspn(image->name, "@"));
	const char *tag = cut_tag(name);
	cleanup_free char *parent = path_dir(name);

	if (strchr(image->name, '@') || !is_same_word(path_base(name), service))
		return OF_ELSEWHERE;
	if (strchr(image->name, '$'))
		return MAYBE_MADE_HERE;
	if (!strchr(name, '/'))
		return is_own_tag(tag) ? MADE_HERE : OF_ELSEWHERE;
	if (strncmp(name, "localhost/", 10) == 0 || strcmp(path_base(parent), survey->project) == 0 ||
	    owner_varies(image->written))
		return MADE_HERE;
	return MAYBE_MADE_HERE;
}

/* True when links lead from one to the other; existing links form no cycle. */
static bool leads_to(const struct survey *survey, size_t from, size_t to)
{
	if (from == to)
		return true;
	for (size_t i = 0; i < survey->items[from].links_len; i++) {
		if (leads_to(survey, survey->items[from].links[i].service, to))
			return true;
	}
	return false;
}

/* The first service that the name means, and how certain that is; survey->len for none. */
static size_t find_made(const struct survey *survey, const struct found_image *image, enum meaning *ret)
{
	size_t best = survey->len;

	*ret = OF_ELSEWHERE;
	for (size_t i = 0; i < survey->len && *ret != MADE_HERE; i++) {
		enum meaning meaning = meaning_of(survey, image, survey->items[i].name);

		if (meaning > *ret) {
			*ret = meaning;
			best = i;
		}
	}
	return best;
}

void survey_set_links(struct survey *survey, size_t number)
{
	struct found *found = &survey->items[number];

	found->links = arena_array(survey->arena, found->images_len, sizeof(*found->links));
	found->guesses = arena_array(survey->arena, found->images_len, sizeof(*found->guesses));
	for (size_t i = 0; i < found->images_len; i++) {
		const struct found_image *image = &found->images[i];
		enum meaning meaning;
		size_t made = find_made(survey, image, &meaning);

		if (meaning == MAYBE_MADE_HERE && made != number && !leads_to(survey, made, number))
			found->guesses[found->guesses_len++] = (struct found_link){ image->name, made };
		if (meaning != MADE_HERE)
			continue;
		survey->items[made].shadows |= leads_to(survey, made, number);
		if (survey->items[made].shadows)
			continue;
		found->links[found->links_len++] = (struct found_link){ image->name, made };
		survey->items[made].is_base = !survey->items[made].facts.runs && survey->items[made].facts.ports_len == 0;
	}
}
