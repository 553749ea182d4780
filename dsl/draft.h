#ifndef DSL_DRAFT_H
#define DSL_DRAFT_H

#include "dsl/manifest.h"

struct node;

/* The manifest as it was written, each value with its type, before defaults and references. */

struct draft_build {
	struct pos pos;
	struct text context, dockerfile, target;
	struct pairs args, labels, contexts;
	struct texts platforms, tags;
	struct pos platforms_pos;
};

/* What has to be worked on before it is part of a service. */
struct draft_rest {
	struct text image;
	struct draft_build build;
};

struct draft_service {
	struct service out; /* what needs no further work is decoded in place; `depends` has names only */
	struct draft_rest rest;
};

struct draft_group {
	struct text name;
	struct texts members;
};

struct draft {
	struct text project, name, registry;
	struct texts platforms, tags;
	bool has_epoch;
	int64_t epoch;
	struct node *vars, *templates, *services, *groups_node;
	struct pos services_pos;
	struct service *items; /* the manifest's */
	struct draft_rest *rests;
	size_t len;
	struct draft_group *groups;
	size_t groups_len;
};

#endif
