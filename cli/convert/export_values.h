#ifndef CLI_CONVERT_EXPORT_VALUES_H
#define CLI_CONVERT_EXPORT_VALUES_H

#include <stddef.h>

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct build_spec;
struct error;
struct json;
struct named_context;
struct pairs;
struct plan;
struct service;
struct texts;

/*
 * Exports a manifest as a bake or compose file. Paths are relative to the manifest's folder, variables are filled in.
 * ERROR_USAGE for what the format cannot express and would change an image (${platform.*} in an argument); anything
 * else it cannot express (checks, `prepare`) is left out, with a line in `notes`.
 */
int export_bake(struct plan *plan, struct buf *out, struct buf *notes, struct error **err);
int export_compose(struct plan *plan, struct buf *out, struct buf *notes, struct error **err);

/* Shared by both. */

/* How each language writes a text and refers to another service's build. */
struct export_language {
	const char *name;                                 /* "bake" */
	const char *service;                              /* "target:": the prefix of a service's name in a context */
	char *(*escape)(const char *text);                /* malloc'd */
	char *(*service_name)(const char *name);          /* malloc'd */
	struct json *(*hosts)(const struct texts *hosts); /* host names with their addresses */
	bool dashes; /* dashes instead of underscores in keys, and sizes as texts */
};

/* The path from the manifest's folder, beginning with "./" where a word could mean something else; malloc'd. */
char *export_path(const struct plan *plan, const char *path);
/* `path` relative to the folder `dir`, lexically; both absolute and cleaned; malloc'd. */
char *export_relative(const char *dir, const char *path);
/* The build's context, and its Dockerfile as seen from there: paths or URLs. malloc'd; NULL: the usual Dockerfile, or the only one. */
char *export_context(const struct plan *plan, const struct build_spec *build);
char *export_dockerfile(const struct build_spec *build);
void export_set(struct json *object, const char *key, const struct export_language *language, const char *text);
void export_append(struct json *list, const struct export_language *language, const char *text);
struct json *export_pairs(const struct pairs *list, const struct export_language *language);
/* Sets the options that builders get as written (FLAG_PLAIN of dsl/schema.h). */
void export_plain(struct json *object, const struct build_spec *build, const struct export_language *language);
/* Sets the options that containers get as written (FLAG_RUN). */
void export_run(struct json *object, const struct service *service, const struct export_language *language);
struct json *export_platforms(const struct build_spec *build);
struct json *export_texts(const struct texts *list, const struct export_language *language);
/* Sets a member unless it is empty; takes ownership of the value in either case. */
void export_set_filled(struct json *object, const char *key, struct json *value);
/* Arguments, including SOURCE_DATE_EPOCH if the manifest has one. */
int export_args(const struct plan *plan, const struct service *service, const struct export_language *language,
		struct json **ret, struct error **err);
/* Its named contexts, and one for each image in the Dockerfile that another service makes. */
struct json *export_contexts(struct plan *plan, size_t service, const struct export_language *language);
/* Adds a note for each omitted part of this service. */
void export_note(const struct service *service, const struct export_language *language, struct buf *notes);

#endif
