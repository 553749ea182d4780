#ifndef DSL_UNIT_H
#define DSL_UNIT_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#include "dsl/manifest.h"

struct arena;
struct draft;
struct map;
struct yaml_node;

/*
 * A manifest file with those merged over it: the first one, or one that another includes. Values of several files end
 * in one tree; what the paths and variables in a value mean is told by the file that the value stands in.
 */
struct unit {
	const struct unit *parent; /* the one that includes it; NULL: the first */
	struct pos pos;            /* where it is included */
	const char *name;          /* of its first file, as complaints show it */
	const char *dir;           /* absolute, cleaned: where its paths start */
	const char *shown;         /* the same folder, as complaints show it */
	bool compose;              /* its first file is compose's, and all of it is read by its rules */
	const char **files;        /* absolute, links resolved */
	size_t files_len;
	struct map *dotenv, *vars; /* the scope's; NULL: none */
	/* of one that is only extended: its own names -> struct entry; NULL: they are the whole manifest's */
	struct map *services, *templates;
	struct yaml_node *top; /* of an included one: what concerns only itself */
	struct draft *draft;   /* the values of its top level */
	/* what its services have when they do not say; from the draft, or the parent's */
	struct text registry;
	bool registry_good;
	struct platform *platforms;
	size_t platforms_len;
	struct texts tags;
	struct image_format *formats;
	size_t formats_len;
};

struct units {
	struct arena *arena;
	struct unit **items; /* parents before their children */
	size_t len, cap;
	struct unit **by_file; /* at the files' ids; NULL: of none */
	size_t by_file_cap;
};

void units_cleanup(struct units *units);
#define cleanup_units __attribute__((cleanup(units_cleanup)))

/* A further one; `parent` may be NULL. It lives in the arena. */
struct unit *unit_new(struct units *units, const struct unit *parent, struct pos pos);
/* The text with this id belongs to `unit`. */
void unit_add_text(struct units *units, struct unit *unit, uint32_t file);
/* Whether a file (its links resolved) is one of this unit, or of those that include it: that one, or NULL. */
const struct unit *unit_holding(const struct unit *unit, const char *file);
/* Whose a value at `pos` is; the first one for what stands in no file ("--set"). */
struct unit *unit_at(const struct units *units, struct pos pos);

#endif
