#ifndef CLI_CONVERT_SURVEY_H
#define CLI_CONVERT_SURVEY_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/source/dockerfile_facts.h"

struct arena;
struct error;

/* The Dockerfiles of a repository, each with a name, a context and its base images. */

struct found_image {
	const char *name;    /* with the values that the Dockerfile gives its arguments; as written when one has none */
	const char *written; /* as the Dockerfile writes it */
};

struct found_link {
	const char *image; /* its name */
	size_t service;    /* number of the one that makes it */
};

struct found {
	char *path;                 /* of the Dockerfile, relative */
	const char *name;           /* for its service; no two have the same */
	const char *context;        /* relative, "." for the folder itself */
	char *problem;              /* why it cannot be read, or NULL */
	struct found_image *images; /* that it is built from */
	size_t images_len;
	struct found_link *links;
	size_t links_len;
	struct found_link *guesses; /* names that may mean one that is made here */
	size_t guesses_len;
	bool shadows; /* it is called like an image from elsewhere: "FROM nginx" in a folder called nginx */
	bool is_base; /* others are built from it, and nothing runs in it */
	struct dockerfile_facts facts;
};

struct survey {
	const char *project; /* a name from the folder's */
	struct found *items; /* sorted by path */
	size_t len, cap;
	struct arena *arena;
};

/* Looks at `dir` and what is below it. Hidden folders, those of package managers, and links are left out. ERROR_STATE. */
int survey_new(const char *dir, struct survey *ret, struct error **err);
void survey_free(struct survey *survey);
/* A word made fit for the name of a service; malloc'd, "" when nothing of it is. */
char *survey_name(const char *word);

#endif
