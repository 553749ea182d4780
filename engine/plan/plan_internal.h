#ifndef ENGINE_PLAN_PLAN_INTERNAL_H
#define ENGINE_PLAN_PLAN_INTERNAL_H

#include "base/diag.h"
#include "engine/plan/plan.h"

/* The plan's inside, for engine/plan/ alone. */

struct read_ahead;
struct arena;
struct dockerfile;
struct ignore;
struct trail;
struct inputs;
struct map;

/* An ignore file, read once whichever services share it. */
struct plan_ignore {
	bool found;
	char *text;
	size_t len;
	struct ignore *ignore;
};

/* Read once per service, for all platforms. */
struct plan_service {
	bool target; /* named by the targets */
	bool made;   /* its image is made for a target: itself, or one with the same image */
	bool loaded, failed;
	bool preparing; /* its step is being added: a way back to it is a circle */
	char *text;     /* Dockerfile */
	size_t text_len;
	struct dockerfile *dockerfile;
	const struct plan_ignore *ignore;
	const char *const *references; /* its own */
	const char *const *image;      /* those of the image that it makes: of all targets that have it */
};

/* A platform that a per-platform step is asked for because others need its service for it. */
struct plan_asked {
	size_t service;
	struct platform platform;
};

/* What is written while the plan is carried out, and so not scanned with any context. */
struct plan_made {
	size_t service;           /* whose step makes it; none of the manifest's: the state folder */
	struct platform platform; /* for which, when the step runs for each */
	const char *output;       /* as the manifest has it, variables filled in */
	struct pos pos;
	const char *path; /* absolute; when there are steps, without links but in its last component */
};

struct plan {
	const struct manifest *manifest;
	struct plan_options options;
	struct source *source;
	struct state *state;
	struct diags *diags;
	struct arena *arena;
	struct plan_service *services; /* manifest.services_len */
	struct node **nodes;
	size_t nodes_len, nodes_cap;
	struct map *by_id;        /* node number + 1 as pointer */
	struct map *by_reference; /* normalised "domain/repository:tag" -> who makes it + 1 */
	struct map *records;      /* newest record of each node */
	struct map *ignores;      /* path -> struct plan_ignore */
	struct read_ahead *ahead; /* files that will be asked for, or NULL */
	struct record *record_items;
	size_t records_len;
	struct plan_made *made; /* what all steps make, and the state folder */
	size_t made_len, made_cap;
	bool prepares;       /* there are steps */
	struct trail *trail; /* the links that instructions go through */
	struct plan_asked *asked;
	size_t asked_len, asked_cap;
	bool asked_more; /* since outputs were collected */
	const char **again; /* of each node that is made again, while what stands on it is not decided anew: what is gone */
	bool unsettled;     /* there is one such */
	bool deciding;      /* all of them: what is gone need not be made again yet */
	struct inputs *inputs; /* of the node that is being decided */
	struct error *unread;  /* a Dockerfile or ignore file that is there and cannot be read: there is no plan */
};

/* make.c: the graph. */
int plan_make(struct plan *plan);
/* selection.c: registers with the source what each node reads. All outputs are known by then: none is scanned with a
 * context. */
void plan_select(struct plan *plan);
/* Whether all of a context counts; `name` NULL: the main one. */
bool plan_whole(const struct dockerfile_use *use, const char *name);
/* An ignore file's text made ready; NULL for NULL. The plan owns it. */
const struct ignore *plan_exclude(struct plan *plan, const char *text);
/* The folder's own ignore file; NULL when there is none that can be read: then it is the builder's to complain about it. */
const struct ignore *plan_ignore_in(struct plan *plan, const char *root);
/* names.c: which images the services are known by, once the targets are. */
void plan_name_images(struct plan *plan);
/* Those of the image that `service` makes, with the suffix of the format (NULL: none) behind each tag. NULL-terminated, in the
 * arena. */
const char *const *plan_image_references(struct plan *plan, size_t service, const struct image_format *format);
/* The repositories that the image goes to ("ghcr.io/acme/web"), each once. The same. */
const char *const *plan_repositories(struct plan *plan, size_t service);
/* The service that makes the image which `reference` names in a build of `service`, or NO_NODE: its own name is that of an
 * image from elsewhere. */
size_t plan_find_image(struct plan *plan, size_t service, const char *reference);
/* Different builds of this run make no image of the same name; false when a complaint was made. */
bool plan_check_images(struct plan *plan);
/* release.c: push and tag nodes of the targets; false when a complaint was made. */
bool plan_add_release(struct plan *plan);
/* plan_files.c: reads the files of all targets at once, when they are many. */
void plan_read_ahead(struct plan *plan);
/* Dockerfile and ignore file of a service, once; false when a complaint was made. */
bool plan_load_service(struct plan *plan, size_t service);
/* The folder without links (malloc'd); as it is when there are no steps: then nothing depends on it. */
char *plan_real_folder(const struct plan *plan, const char *path);
/* Texts with ${platform.*} filled in. `platform` NULL: as they are. */
const char *plan_expand(struct plan *plan, const struct platform *platform, const char *s);
/* prepare.c: the step's node, those of the steps whose outputs it reads before it. */
size_t plan_prepare_node(struct plan *plan, size_t service, const struct platform *platform);
/* The file of the project that a word of a command that runs in `dir` names ("./gen.sh", "--config=check.yaml"): 1 and its path
 * (malloc'd), 0 when it names none, negative when that cannot be told. */
int plan_run_file(const struct plan *plan, const char *dir, const char *word, char **ret, struct error **err);
/* onbuild.c: the ONBUILD instructions of a base from elsewhere that the node `id` stands on: sets image->onbuild. */
void plan_find_onbuild(struct plan *plan, const char *id, struct plan_image *image);
/* outputs.c */
int plan_collect_outputs(struct plan *plan);
/* False, after a complaint, when a step makes what a build of the service is planned from. */
bool plan_check_made(struct plan *plan, size_t service);
/* Notes that the step of `service` is asked for this platform. */
void plan_ask_outputs(struct plan *plan, size_t service, const struct platform *platform);
/* Edges to the prepare steps whose outputs the build reads. */
void plan_add_outputs(struct plan *plan, struct node *node);
/* "build:web:linux/amd64", in the arena; `format` and `platform` may be NULL. */
const char *plan_node_id(struct plan *plan, enum node_kind kind, size_t service, const struct image_format *format,
			 const struct platform *platform);
/* The number of a plain image's node, or NO_NODE. */
size_t plan_find_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform);
/* Adds a node, unless there is one of that id. */
struct node *plan_add_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform,
			   size_t *ret_number);
/* The same about one of the service's formats (NULL: the plain image). */
struct node *plan_add_format_node(struct plan *plan, enum node_kind kind, size_t service,
				  const struct image_format *format, const struct platform *platform, size_t *ret_number);

#endif
