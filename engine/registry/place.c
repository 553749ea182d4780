#include "config.h"

#include "engine/registry/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool places_add(struct places *places, const char *location, const char *rest, bool withheld)
{
	cleanup_free char *whole = mem_printf("%s%s%s", location, *rest && *rest != '/' && *location ? "/" : "", rest);
	size_t host = strcspn(whole, "/");
	struct ref checked = { 0 };
	/* The registry counts as one even if it does not look like it to the grammar ("mirror/debian"). */
	cleanup_free char *sample = mem_printf("localhost%s", whole + host);

	if (host == 0 || !whole[host] || !ref_parse(sample, &checked, NULL))
		return false;
	mem_reserve(&places->items, &places->cap, places->len + 1, sizeof(*places->items));
	places->items[places->len++] = (struct image_place){
		.where = { .domain = mem_strndup(whole, host), .repository = mem_strdup(checked.repository) },
		.withheld = withheld,
	};
	ref_free(&checked);
	return true;
}

void places_free(struct places *places)
{
	for (size_t i = 0; i < places->len; i++)
		ref_free(&places->items[i].where);
	free(places->items);
	*places = (struct places){ 0 };
}

void host_settings_free(struct host_settings *settings)
{
	free(settings->ca);
	free(settings->headers);
}
