#include "config.h"

#include "engine/registry/logins.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/registry/credentials.h"

struct logins {
	struct loop *loop;
	pthread_mutex_t lock; /* guards what follows; held while a helper is asked, so that nobody asks it again */
	struct map *found;    /* by domain */
};

struct logins *logins_new(struct loop *loop)
{
	struct logins *logins = mem_alloc(sizeof(*logins));

	logins->loop = loop;
	logins->found = map_new();
	pthread_mutex_init(&logins->lock, NULL);
	return logins;
}

void logins_free(struct logins *logins)
{
	if (!logins)
		return;
	for (size_t i = 0; i < map_len(logins->found); i++) {
		credentials_free(map_value(logins->found, i));
		free(map_value(logins->found, i));
		free((char *)map_key(logins->found, i));
	}
	map_free(logins->found);
	pthread_mutex_destroy(&logins->lock);
	free(logins);
}

/* With the lock held. A failure is not kept. */
static struct credentials *look_for_login(struct logins *logins, const char *domain, struct error **err)
{
	struct credentials *credentials = mem_alloc(sizeof(*credentials));

	if (credentials_find(logins->loop, domain, "", NULL, credentials, err) < 0) {
		free(credentials);
		return NULL;
	}
	map_set(logins->found, mem_strdup(domain), credentials);
	return credentials;
}

int logins_find(struct logins *logins, const char *domain, const struct credentials **ret, struct error **err)
{
	pthread_mutex_lock(&logins->lock);
	*ret = map_get(logins->found, domain);
	if (!*ret)
		*ret = look_for_login(logins, domain, err);
	pthread_mutex_unlock(&logins->lock);
	return *ret ? 0 : -1;
}
