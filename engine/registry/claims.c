#include "config.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/registry/claims.h"

struct claimed {
	const char **repositories;
	size_t len, cap;
	unsigned busy; /* threads that work on it */
};

struct claims {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct arena *arena;
	struct map *blobs; /* "domain digest" -> struct claimed */
};

struct claims *claims_new(void)
{
	struct claims *claims = mem_alloc(sizeof(*claims));

	*claims = (struct claims){ .arena = arena_new(), .blobs = map_new() };
	pthread_mutex_init(&claims->lock, NULL);
	pthread_cond_init(&claims->changed, NULL);
	return claims;
}

void claims_free(struct claims *claims)
{
	if (!claims)
		return;
	for (size_t i = 0; i < map_len(claims->blobs); i++)
		free(((struct claimed *)map_value(claims->blobs, i))->repositories);
	map_free(claims->blobs);
	arena_free(claims->arena);
	pthread_mutex_destroy(&claims->lock);
	pthread_cond_destroy(&claims->changed);
	free(claims);
}

/* With the lock held, as those below. */
static struct claimed *claims_find(struct claims *claims, const char *domain, const char *digest)
{
	cleanup_free char *key = mem_printf("%s %s", domain, digest);
	struct claimed *blob = map_get(claims->blobs, key);

	if (!blob) {
		blob = arena_alloc(claims->arena, sizeof(*blob));
		map_set(claims->blobs, arena_strdup(claims->arena, key), blob);
	}
	return blob;
}

static bool has(const struct claimed *blob, const char *repository)
{
	for (size_t i = 0; i < blob->len; i++) {
		if (strcmp(blob->repositories[i], repository) == 0)
			return true;
	}
	return false;
}

enum claim claims_take(struct claims *claims, const char *domain, const char *repository, const char *digest,
		       char **ret_from)
{
	enum claim claim = CLAIM_OURS;
	struct claimed *blob;

	pthread_mutex_lock(&claims->lock);
	blob = claims_find(claims, domain, digest);
	while (blob->busy > 0 && blob->len == 0)
		pthread_cond_wait(&claims->changed, &claims->lock);
	if (has(blob, repository)) {
		claim = CLAIM_THERE;
	} else {
		blob->busy++;
		if (blob->len > 0) {
			claim = CLAIM_ELSEWHERE;
			*ret_from = mem_strdup(blob->repositories[0]);
		}
	}
	pthread_mutex_unlock(&claims->lock);
	return claim;
}

void claims_done(struct claims *claims, const char *domain, const char *repository, const char *digest, bool there)
{
	struct claimed *blob;

	pthread_mutex_lock(&claims->lock);
	blob = claims_find(claims, domain, digest);
	bug_if(blob->busy == 0, "%s in %s is released, but was not claimed", digest, domain);
	blob->busy--;
	if (there && !has(blob, repository)) {
		mem_reserve(&blob->repositories, &blob->cap, blob->len + 1, sizeof(*blob->repositories));
		blob->repositories[blob->len++] = arena_strdup(claims->arena, repository);
	}
	pthread_cond_broadcast(&claims->changed);
	pthread_mutex_unlock(&claims->lock);
}
