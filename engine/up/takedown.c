#include "config.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/up/up_internal.h"

/* A growing list of containers. */
struct takedown_crowd {
	struct container **items;
	size_t len, cap;
};

static int takedown_add_service(struct runtime *runtime, const char *service, struct takedown_crowd *crowd,
				struct error **err)
{
	char **names = NULL;
	int r = 0;

	if (runtime_standing(runtime, service, &names, err) < 0)
		return -1;
	for (size_t i = 0; names[i] && r == 0; i++) {
		mem_reserve(&crowd->items, &crowd->cap, crowd->len + 1, sizeof(struct container *));
		r = container_attach(runtime, names[i], &crowd->items[crowd->len], err);
		crowd->len += r == 0;
	}
	names_free(names);
	return r;
}

static int remove_networks(struct runtime *runtime, struct error **err)
{
	char **left = NULL, **networks = NULL;
	int r = runtime_standing(runtime, NULL, &left, err);

	if (r == 0 && !left[0])
		r = runtime_standing_networks(runtime, &networks, err);
	for (size_t i = 0; r == 0 && networks && networks[i]; i++)
		r = runtime_network_remove(runtime, networks[i], err);
	names_free(left);
	names_free(networks);
	return r;
}

int up_down(struct runtime *runtime, const char *const *services, const atomic_bool *hurry, size_t *ret_ended,
	    struct error **err)
{
	struct takedown_crowd crowd = { 0 };
	bool named = services && services[0];
	int r = named ? 0 : takedown_add_service(runtime, NULL, &crowd, err);

	for (size_t i = 0; named && services[i] && r == 0; i++)
		r = takedown_add_service(runtime, services[i], &crowd, err);
	*ret_ended = crowd.len;
	if (r == 0)
		r = containers_end(crowd.items, crowd.len, hurry, err);
	else
		for (size_t i = 0; i < crowd.len; i++)
			container_leave(crowd.items[i]);
	free(crowd.items);
	return r < 0 ? -1 : remove_networks(runtime, err);
}
