#ifndef ENGINE_PLAN_PLAN_INTERNAL_H
#define ENGINE_PLAN_PLAN_INTERNAL_H

#include <pthread.h>

#include "base/diag.h"
#include "engine/plan/plan.h"

/* The plan's internals, for engine/plan/ only. */

struct build_spec;
struct read_ahead;
struct arena;
struct dockerfile;
struct ignore;
struct named_context;
struct trail;
struct inputs;
struct map;

/* An ignore file, read once for all services that share it. */
struct plan_ignore {
	bool found;
	char *text;
	size_t len;
	struct ignore *ignore;
};

/* Data of a service, read once for all platforms. */
struct plan_service {
	bool target; /* named by the targets */
	bool made;   /* it, or one with the same image, is a target */
	bool loaded, failed;
	bool preparing;        /* its step is being added: reaching it again is a cycle */
	bool in_circle;        /* of builds, which was complained about */
	const char *unfetched; /* a URL of its context or Dockerfile that is not here; or NULL */
	bool blank;            /* the Dockerfile is not here either */
	char *text;            /* Dockerfile */
	size_t text_len;
	uint32_t shown; /* the Dockerfile as a source of complaints; 0: not yet */
	struct dockerfile *dockerfile;
	const struct plan_ignore *ignore;
	const char *const *references; /* its own */
	const char *const *image;      /* the names of the image it makes: of all targets that use it */
	bool nameless;                 /* other targets have all of its names: nobody could use its image */
};

/* A platform that a step is needed for because others need its service for it. */
struct plan_asked {
	size_t service;
	struct platform platform;
};

/* A service has a context as a whole, and another one makes files in it. */
struct plan_wait {
	size_t reader, maker;
	struct pos pos; /* of the files */
	bool waits; /* the reader is built after the maker; else it is not known yet, or each would wait for the other */
};

/* A path that is written while the plan runs, so no context scans it. */
struct plan_made {
	bool files;     /* an output node makes it, not a step */
	bool above;     /* the folder above those of several platforms: for contexts that are this folder */
	size_t service; /* whose step or builds make it; an index beyond the manifest's services: the state folder */
	struct platform platform; /* the platform, if the step runs for each */
	const char *output;       /* as in the manifest, with variables filled in */
	struct pos pos;
	const char *path; /* absolute; if there are steps, without links except for its last component */
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
	const char **notes;       /* about the targets, NULL-terminated; or NULL */
	struct map *by_id;        /* node number + 1 as pointer */
	struct map *by_reference; /* normalised "domain/repository:tag" -> its maker + 1 */
	struct map *records;      /* newest record of each node */
	struct map *ignores;      /* path -> struct plan_ignore */
	struct read_ahead *ahead; /* files that will be needed, or NULL */
	struct record *record_items;
	size_t records_len;
	struct plan_made *made; /* outputs of all steps and builds, and the state folder */
	size_t made_len, made_cap;
	bool prepares;       /* there are steps, or builds that make files */
	struct trail *trail; /* the links that instructions pass through */
	struct plan_asked *asked;
	size_t asked_len, asked_cap;
	bool asked_more; /* since outputs were collected */
	struct plan_wait *waits;
	size_t waits_len, waits_cap;
	bool waits_more;    /* there are some that were not settled */
	const char **again; /* for each node that runs again and whose dependents are not yet decided: what is missing */
	bool unsettled;     /* there is one such */
	bool deciding;      /* all nodes are being decided: what is missing need not be made again yet */
	pthread_mutex_t lock;  /* for the arena and `inputs` while results are set and nodes decided */
	struct inputs *inputs; /* of the node that is being decided */
	struct error *unread;  /* a Dockerfile or ignore file that exists but cannot be read: there is no plan */
};

/* make.c: the graph. */
int plan_make(struct plan *plan);
/* waits.c: whether the service waits for what another one makes in a context that it takes as a whole. False for the first question:
 * settled when the graph is known. */
bool plan_waits(struct plan *plan, size_t reader, const struct plan_made *made);
/* Settles all of them, when there is a node for each maker's files. */
void plan_settle_waits(struct plan *plan);
/* selection.c: registers with the source what each node reads. All outputs must be known: no context scans them. */
void plan_select(struct plan *plan);
/* Whether a context counts as a whole; `name` NULL: the main one. */
bool plan_whole(const struct dockerfile_use *use, const char *name);
/* A parsed ignore file; NULL for NULL. The plan owns it. */
const struct ignore *plan_exclude(struct plan *plan, const char *text);
/* The folder's own ignore file; NULL when none can be read: then the builder complains. */
const struct ignore *plan_ignore_in(struct plan *plan, const char *root);
/* names.c: determines the names of services' images; needs the targets. */
void plan_name_images(struct plan *plan);
/* The references of the image that `service` makes, with the suffix of the format (NULL: none) after each tag.
 * NULL-terminated, in the arena. */
const char *const *plan_image_references(struct plan *plan, size_t service, const struct image_format *format);
/* The repositories that the image is pushed to ("ghcr.io/acme/web"), without duplicates. NULL-terminated, in the
 * arena. */
const char *const *plan_repositories(struct plan *plan, size_t service);
/* The service that makes the image `reference` as seen by a build of `service`, or NO_NODE: its own name means an
 * image from elsewhere. */
size_t plan_find_image(struct plan *plan, size_t service, const char *reference);
/* Checks that no two builds of this run make an image of the same name; false after a complaint. */
bool plan_check_images(struct plan *plan);
/* release.c: push and tag nodes of the targets; false after a complaint. */
bool plan_add_release(struct plan *plan);
/* plan_files.c: reads the files of all targets at once if there are many. */
void plan_read_ahead(struct plan *plan);
/* Reads Dockerfile and ignore file of a service, once; false after a complaint. */
bool plan_load_service(struct plan *plan, size_t service);
/* The folder's real path (malloc'd); unchanged when there are no steps, because then it does not matter. */
char *plan_real_folder(const struct plan *plan, const char *path);
/* Fills in ${platform.*}. `platform` NULL: returns the texts unchanged. */
const char *plan_expand(struct plan *plan, const struct platform *platform, const char *s);
/* prepare.c: the step's node; steps whose outputs it reads come before it. */
size_t plan_prepare_node(struct plan *plan, size_t service, const struct platform *platform);
/* The file of the project named by a word of a command that runs in `dir` ("./gen.sh", "--config=check.yaml"): 1
 * and its path (malloc'd), 0 when it names none, negative when that is unknown. */
int plan_run_file(const struct plan *plan, const char *dir, const char *word, char **ret, struct error **err);
/* base_facts.c: sets what is known about the config of a base from elsewhere, for the node `id`. */
void plan_find_base(struct plan *plan, const char *id, struct plan_image *image);
/* Sets image->env to what the last build found, if nothing newer is known and it matters. */
void plan_read_env(struct plan *plan, const char *id, struct plan_image *image);
/* The value of a variable in the config of an image that the node `id` is built on, as dockerfile_options.variable. */
bool plan_base_variable(struct plan *plan, const char *id, struct plan_image *image, const char *name, const char **ret);
/* nodes.c: the name of what was fetched with an included manifest, "tree/app/Dockerfile", which stays the same when another commit is
 * fetched; NULL: it was not. Points into `path`. */
const char *plan_fetched_name(const struct plan *plan, const char *path);
/* plan_urls.c: what a build's Dockerfile is called, which stays the same when another commit is fetched. */
const char *plan_dockerfile_shown(struct plan *plan, const struct build_spec *spec);
/* What the build fetches, once its contexts are known. */
void plan_find_urls(struct plan *plan, size_t service, struct plan_build *build);
/* outputs.c */
int plan_collect_outputs(struct plan *plan);
/* False, after a complaint, when a step makes a file that a build of the service is planned from. */
bool plan_check_made(struct plan *plan, size_t service);
/* Records that the step of `service` is needed for this platform. */
void plan_ask_outputs(struct plan *plan, size_t service, const struct platform *platform);
/* The next output that the build reads, from the *at-th on, or NULL. */
const struct plan_made *plan_next_read(struct plan *plan, const struct node *node, size_t *at);
/* Finds out what is there of the outputs that the node reads. */
int plan_read_outputs(struct plan *plan, struct node *node, struct error **err);
/* layout_base.c */
/* Finds the platform's image in the layout that a context names. False after a complaint. */
bool plan_find_layout(struct plan *plan, const struct named_context *context, struct plan_image *image);
/* except.c */
/* Whether everything in a context's folder is made by an output node that the build waits for. */
bool plan_context_made(struct plan *plan, const struct node *node, const char *root);
/* Finds build->own. */
void plan_find_own(struct plan *plan, struct node *node);
/* The paths below `root` that do not count when the node is decided; *ret_len of them, in the arena. `node`: a build, or NULL: a step. */
const char *const *plan_except(struct plan *plan, const struct node *node, const char *root, bool main, size_t *ret_len);
/* "build:web:linux/amd64", in the arena; `format` and `platform` may be NULL. */
const char *plan_node_id(struct plan *plan, enum node_kind kind, size_t service, const struct image_format *format,
			 const struct platform *platform);
/* The number of a plain image's node, or NO_NODE. */
size_t plan_find_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform);
/* Adds a node unless it exists. */
struct node *plan_add_node(struct plan *plan, enum node_kind kind, size_t service, const struct platform *platform,
			   size_t *ret_number);
/* The same for one of the service's formats (NULL: the plain image). */
struct node *plan_add_format_node(struct plan *plan, enum node_kind kind, size_t service,
				  const struct image_format *format, const struct platform *platform, size_t *ret_number);

#endif
