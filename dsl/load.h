#ifndef DSL_LOAD_H
#define DSL_LOAD_H

#include <stddef.h>
#include <stdbool.h>

struct buf;
struct diags;
struct error;
struct manifest;

/* Looks up a variable that is expensive to determine ("git.short"). Returns a borrowed text that lives as long as
 * the load, or NULL when it has no value; then *ret_why (static or borrowed) says why. Called at most once for each
 * name, and only for names the manifest uses. */
typedef const char *load_lookup(void *data, const char *name, const char **ret_why);

/* Where what a URL names is on this machine, or will be once it was fetched (manifest.h, remote_use). Borrowed as long as the load. */
struct load_place {
	const char *root;
	bool text, ready;
};
typedef void load_find_place(void *data, const char *url, struct load_place *ret);

struct load_options {
	const char *path;             /* of the manifest */
	const char *const *overlays;  /* manifests merged over it, in this order; NULL-terminated list or NULL */
	const char *const *env_files; /* --env-file, NULL-terminated; NULL: ".env" beside the manifest when it exists */
	const char *const *environ;   /* "NAME=value", NULL-terminated */
	const char *const *sets;      /* --set NAME=value, NULL-terminated; win over the environment */
	const char *const *platforms; /* --platforms, NULL-terminated list or NULL; overrides BUILD_PLATFORMS (comma separated), which overrides the manifest */
	const char *const *tags; /* --tag, NULL-terminated list or NULL; overrides DOCKER_TAGS, which overrides the manifest */
	const char *const *profiles; /* --profile, NULL-terminated list or NULL; overrides COMPOSE_PROFILES */
	const char *const *starts; /* services and groups that will be started (none: all active ones), whose env files must be read; or NULL */
	const char *project; /* --project-name; overrides COMPOSE_PROJECT_NAME, which overrides the manifest; or NULL */
	const char *inside;  /* the folder that all files must be in; NULL: anywhere */
	const struct buf *input; /* what is read instead of a file called "-"; or NULL */
	bool given;              /* the user named `path` and `overlays`: these may be anywhere */
	load_lookup *lookup;     /* for git.*; may be NULL */
	void *lookup_data;
	load_find_place *place; /* NULL: nothing was fetched */
	/* Fetches an included manifest that is not ready. NULL: none can be included. */
	int (*fetch)(void *data, const char *url, struct error **err);
	void *place_data; /* of both */
};

/* The folder where relative paths start, .cbuild and services.lock are: absolute, cleaned, malloc'd. */
char *load_dir(const struct load_options *options, struct error **err);

/* The value of a variable before any manifest is read: from the environment, else from the env files (those of the
 * options, else ".env" in the current folder). malloc'd; NULL when it has none. Faults of env files are reported by
 * manifest_load. */
char *load_outside(const struct load_options *options, const char *name);

/*
 * Reads, interpolates, merges, checks and decodes a manifest: the only entry point of dsl/.
 *
 * 0: *ret is the manifest (manifest_free it). Negative: either complaints about the text were added to `diags` and
 * *err is untouched, or a file could not be read and *err says so (ERROR_USAGE, ERROR_STATE). `diags` keeps the
 * sources, so that later complaints can quote them.
 */
int manifest_load(const struct load_options *options, struct diags *diags, struct manifest **ret, struct error **err);

#endif
