#ifndef CLI_REFERENCE_H
#define CLI_REFERENCE_H

#include <stdbool.h>

struct schema;
struct schema_key;

/* The manifest's language, map by map, for help and the manual page. */

struct reference_map {
	const struct schema *schema;
	const char *title; /* "A service, a template"; "build" */
};

typedef void reference_visit(const struct reference_map *map, void *data);
/* Visits every map once, the manifest itself first, each before those inside it. */
void reference_each(reference_visit *visit, void *data);
/* False for keys that are accepted only so that compose files work unchanged. */
bool reference_used(const struct schema_key *key);

#endif
