#ifndef DSL_DRAFT_H
#define DSL_DRAFT_H

#include "dsl/manifest.h"

struct yaml_node;

/* The manifest as it was written, each value with its type, before defaults and references. */

struct draft_build {
	struct build_spec out; /* what needs no further work is decoded in place */
	struct text context, dockerfile;
	struct pairs contexts;
	struct texts platforms, tags;
	struct pos platforms_pos;
	struct draft_secret *secrets;
	size_t secrets_len;
	struct text provenance, sbom;
};

/* A format as it was written. */
struct draft_format {
	struct text name, suffix; /* suffix.s NULL: the format's own */
};

/* A secret that a build asks for. */
struct draft_secret {
	struct text source; /* of the manifest's secrets */
	struct text target; /* its id in the build; s NULL: the source's name */
};

/* One of the manifest's secrets. */
struct draft_source {
	struct text name;
	struct text file, variable; /* both s NULL: it comes from elsewhere (external) */
};

/* Values that are worked out before they become part of a service. */
struct draft_rest {
	struct text image;
	struct text platform;
	bool incomplete;       /* what it extends is missing */
	struct depends *peers; /* what it depends on by other words than depends_on */
	size_t peers_len;
	struct draft_format *formats;
	size_t formats_len;
	bool has_formats;
	struct pos formats_pos;
	struct draft_build build;
};

struct draft_service {
	struct service out; /* what needs no further work is decoded in place; `depends` has names only */
	struct draft_rest rest;
};

struct draft_group {
	struct text name;
	bool of_matrix; /* the services that one matrix has made */
	struct texts members;
};

struct draft_store {
	struct pos pos;
	uint64_t max; /* bytes; 0: no bound */
};

struct draft_cache {
	struct pos pos;
	bool registry, read_only;
};

struct draft {
	struct text project, name, registry;
	struct texts platforms, tags;
	struct draft_format *formats;
	size_t formats_len;
	bool has_formats;
	bool has_epoch;
	int64_t epoch;
	struct pos epoch_pos;
	struct draft_store store;
	struct draft_cache cache;
	struct yaml_node *vars, *templates, *services, *groups_node;
	struct pos services_pos;
	struct draft_source *sources;
	size_t sources_len;
	struct registry_spec *registries;
	size_t registries_len;
	struct manifest_builder *builders; /* the manifest's, platforms and paths as they were written */
	size_t builders_len;
	struct service *items; /* the manifest's */
	struct draft_rest *rests;
	size_t len;
	struct draft_group *groups;
	size_t groups_len;
};

#endif
