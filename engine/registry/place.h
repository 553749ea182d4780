#ifndef ENGINE_REGISTRY_PLACE_H
#define ENGINE_REGISTRY_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/ref.h"

/* Where an image may be: mirrors, and its own registry. */

struct image_place {
	struct ref where; /* without tag and digest */
	bool withheld;    /* only for us: builders cannot send the headers that it wants */
};

struct places {
	struct image_place *items; /* in the order in which they are asked */
	size_t len, cap;
};

/* Adds the repository `rest` below `location` ("host" or "host/path"). False when that is no repository. */
bool places_add(struct places *places, const char *location, const char *rest, bool withheld);
void places_free(struct places *places); /* the contents */
#define cleanup_places __attribute__((cleanup(places_free)))

/* How a host is talked to, as far as files of this machine say so. Texts are borrowed from what was read. */
struct host_settings {
	bool plain;      /* plain HTTP */
	bool unverified; /* any certificate will do */
	bool fallback;   /* plain HTTP, if it does not speak TLS */
	const char **ca; /* PEM files */
	size_t ca_len, ca_cap;
	const char *cert, *key; /* PEM files, or NULL */
	const char **headers;   /* "Name: value" */
	size_t headers_len, headers_cap;
};
void host_settings_free(struct host_settings *settings);
#define cleanup_host_settings __attribute__((cleanup(host_settings_free)))

#endif
