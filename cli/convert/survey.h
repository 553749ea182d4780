#ifndef CLI_CONVERT_SURVEY_H
#define CLI_CONVERT_SURVEY_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/dockerfile_facts.h"

struct arena;
struct error;

/* The Dockerfiles of a repository, each with a name, a context and its base images. */

struct found_image {
	const char *name;    /* with the Dockerfile's default values of arguments; as written when one has none */
	const char *written; /* as written in the Dockerfile */
};

struct found_link {
	const char *image; /* its name */
	size_t service;    /* index of the service that makes it */
};

struct found {
	char *path;                 /* of the Dockerfile, relative */
	const char *name;           /* a unique name for its service */
	const char *context;        /* relative, "." for the folder itself */
	char *problem;              /* why it cannot be read, or NULL */
	struct found_image *images; /* its base images */
	size_t images_len;
	struct found_link *links;
	size_t links_len;
	struct found_link *guesses; /* names that may mean an image made here */
	size_t guesses_len;
	bool shadows; /* it has the name of an image from elsewhere: "FROM nginx" in a folder called nginx */
	bool is_base; /* others are built from it, and nothing runs in it */
	struct dockerfile_facts facts;
};

struct survey {
	const char *project; /* the folder's name */
	struct found *items; /* sorted by path */
	size_t len, cap;
	struct arena *arena;
};

/* Searches `dir` and everything below it. Skips links, hidden folders, and those of package managers. ERROR_STATE. */
int survey_new(const char *dir, struct survey *ret, struct error **err);
void survey_free(struct survey *survey);
/* Turns a word into a valid service name; malloc'd, "" when nothing remains. */
char *survey_name(const char *word);

#endif
