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
 * up in one tree; the file that a value was written in determines what its paths and variables mean.
 */
struct unit {
	const struct unit *parent; /* the one that includes it; NULL for the first */
	struct pos pos;            /* where it is included */
	const char *name;          /* of its first file, for complaints */
	const char *dir;           /* absolute, cleaned: relative paths start here */
	const char *shown;         /* the same folder, for complaints */
	const char *fetched; /* absolute, links resolved: the folder that it was fetched into, from elsewhere; or NULL */
	bool compose;        /* its first file is a compose file, and all of it follows compose's rules */
	const char **files;  /* absolute, links resolved */
	size_t files_len;
	struct map *dotenv, *vars; /* the scope's; NULL: none */
	/* when it is only extended: its own names -> struct entry; NULL: they are the whole manifest's */
	struct map *services, *templates;
	struct yaml_node *top; /* of an included one: the values that apply only to itself */
	struct draft *draft;   /* the values of its top level */
	/* defaults of its services; from the draft, or the parent's */
	struct text registry;
	bool registry_good;
	struct platform *platforms;
	size_t platforms_len;
	struct platform *declared; /* without --platforms */
	size_t declared_len;
	struct texts tags;
	struct image_format *formats;
	size_t formats_len;
};

struct units {
	struct arena *arena;
	struct unit **items; /* parents before their children */
	size_t len, cap;
	struct unit **by_file; /* indexed by file id; NULL: no unit */
	size_t by_file_cap;
};

void units_cleanup(struct units *units);
#define cleanup_units __attribute__((cleanup(units_cleanup)))

/* Adds a unit; `parent` may be NULL. It lives in the arena. */
struct unit *unit_new(struct units *units, const struct unit *parent, struct pos pos);
/* Records that the text with this id belongs to `unit`. */
void unit_add_text(struct units *units, struct unit *unit, uint32_t file);
/* The unit, this one or one that includes it, that has the file (its links resolved), or NULL. */
const struct unit *unit_holding(const struct unit *unit, const char *file);
/* The unit of a value at `pos`; the first one for values from no file ("--set"). */
struct unit *unit_at(const struct units *units, struct pos pos);

#endif
