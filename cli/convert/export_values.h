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
 * A manifest for those who go back: as a bake file, as a compose file. Paths are relative to the manifest's folder, variables
 * filled in. ERROR_USAGE for what cannot be said there and would change an image (${platform.*} in an argument); what
 * changes none (checks, `prepare`) is left out, and noted in `notes`, a line each.
 */
int export_bake(struct plan *plan, struct buf *out, struct buf *notes, struct error **err);
int export_compose(struct plan *plan, struct buf *out, struct buf *notes, struct error **err);

/* For both. */

/* How each language writes a text, and calls another service's build. */
struct export_language {
	const char *name;                        /* "bake" */
	const char *service;                     /* "target:": what stands before a service's name in a context */
	char *(*escape)(const char *text);       /* malloc'd */
	char *(*service_name)(const char *name); /* malloc'd */
	struct json *(*hosts)(const struct texts *hosts); /* host names with their addresses */
	bool dashes; /* between the words of a key, for underscores; and sizes are texts */
};

/* The path from the manifest's folder, with "./" in front where a word could mean something else; malloc'd. */
char *export_path(const struct plan *plan, const char *path);
/* `path` relative to the folder `dir`, lexically; both absolute and cleaned; malloc'd. */
char *export_relative(const char *dir, const char *path);
void export_set(struct json *object, const char *key, const struct export_language *language, const char *text);
void export_append(struct json *list, const struct export_language *language, const char *text);
struct json *export_pairs(const struct pairs *list, const struct export_language *language);
/* Sets what a builder is given as it is written (FLAG_PLAIN of dsl/schema.h). */
void export_plain(struct json *object, const struct build_spec *build, const struct export_language *language);
struct json *export_platforms(const struct build_spec *build);
struct json *export_texts(const struct texts *list, const struct export_language *language);
/* Sets a member unless it is empty; takes the value in either case. */
void export_set_filled(struct json *object, const char *key, struct json *value);
/* Arguments, with SOURCE_DATE_EPOCH when the manifest has one. */
int export_args(const struct plan *plan, const struct service *service, const struct export_language *language,
		struct json **ret, struct error **err);
/* The contexts it names, and one for each image that the Dockerfile means and another service makes. */
struct json *export_contexts(struct plan *plan, size_t service, const struct export_language *language);
/* Adds a note for each thing that is left out of this service. */
void export_note(const struct service *service, const struct export_language *language, struct buf *notes);

#endif
