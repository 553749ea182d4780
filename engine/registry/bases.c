#include "config.h"

#include "engine/registry/bases.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/lockfile.h"
#include "engine/registry/base_config.h"
#include "engine/registry/client.h"
#include "engine/registry/mirror.h"
#include "engine/registry/place.h"

struct told_config {
	struct platform platform;
	struct base_config config; /* onbuild NULL: */
	struct error *error;       /* why it could not be determined */
};

/* A reference, and what is known about it. */
struct base {
	char *reference;
	char *key;                    /* in the map */
	char *bare;                   /* the name, if it was written without a registry, or NULL */
	struct ref where;             /* the repository that answered */
	struct lock_entry *entry;     /* NULL: not asked yet, or it failed */
	size_t mirror;                /* the first place that may still have all of it */
	char settled[DIGEST_LEN + 1]; /* the manifest for which `where` has been looked at */
	bool placed;                  /* `where` is settled */
	bool said;                    /* something was told of it */
	struct told_config **configs; /* one for each platform that was asked for */
	size_t configs_len, configs_cap;
	struct error *error; /* why it failed: the same for every caller */
	pthread_mutex_t lock;
};

struct bases {
	struct registry *registry;
	struct map *known;    /* reference -> struct base */
	pthread_mutex_t lock; /* for the map */
};

struct bases *bases_new(struct registry *registry)
{
	struct bases *bases = mem_alloc(sizeof(*bases));

	*bases = (struct bases){ .registry = registry, .known = map_new() };
	pthread_mutex_init(&bases->lock, NULL);
	return bases;
}

void bases_free(struct bases *bases)
{
	if (!bases)
		return;
	for (size_t i = 0; i < map_len(bases->known); i++) {
		struct base *base = map_value(bases->known, i);

		pthread_mutex_destroy(&base->lock);
		for (size_t j = 0; j < base->configs_len; j++) {
			base_config_free(&base->configs[j]->config);
			error_free(base->configs[j]->error);
			free(base->configs[j]);
		}
		free(base->configs);
		lock_entry_free(base->entry);
		error_free(base->error);
		ref_free(&base->where);
		free(base->reference);
		free(base->bare);
		free(base->key);
		free(base);
	}
	map_free(bases->known);
	pthread_mutex_destroy(&bases->lock);
	free(bases);
}

/* The name in a reference that names no registry (malloc'd), or NULL. */
static char *bare_name(const char *reference)
{
	struct ref ref = { 0 };
	size_t len = strcspn(reference, "@");
	const char *first = strchr(reference, '/'), *tag;
	bool bare = ref_parse(reference, &ref, NULL) &&
		    (!first || strncmp(reference, ref.domain, strlen(ref.domain)) != 0) &&
		    strncmp(reference, "index.docker.io/", 16) != 0;

	ref_free(&ref);
	if (!bare)
		return NULL;
	tag = memchr(reference, ':', len);
	return mem_strndup(reference, tag ? (size_t)(tag - reference) : len);
}

/* `written`: as in a Dockerfile. A name without a registry need not be that of Docker Hub's image. */
static struct base *known(struct bases *bases, const char *written)
{
	cleanup_free char *normal = lock_reference(written), *bare = bare_name(written);
	const char *key = bare ? written : normal ? normal : written;
	struct base *base;

	pthread_mutex_lock(&bases->lock);
	base = map_get(bases->known, key);
	if (!base) {
		base = mem_alloc(sizeof(*base));
		base->key = mem_strdup(key);
		base->reference = mem_strdup(normal ? normal : written);
		base->bare = steal_ptr(bare);
		pthread_mutex_init(&base->lock, NULL);
		map_set(bases->known, base->key, base);
	}
	pthread_mutex_unlock(&bases->lock);
	return base;
}

/* ---- what a registry says ---- */

static void bases_add_members(const struct document *index, struct lock_entry *entry)
{
	for (size_t i = 0; i < index->len; i++) {
		const struct document_entry *member = &index->entries[i];

		if (!member->attestation && member->has_platform)
			lock_entry_add(entry, &member->platform, member->blob.digest);
	}
}

/* An image for one platform; its config says which. */
static int bases_add_single(struct registry *registry, const struct ref *where, const struct document *manifest,
			    struct lock_entry *entry, struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf config = { 0 };

	if (registry_read_blob(registry, where, &manifest->config, &config, err) < 0)
		return -1;
	if (image_read_config(config.data, config.len, manifest->config.digest, &image, err) < 0)
		return error_wrap(err, "%s", entry->reference);
	lock_entry_add(entry, &image->platform, entry->digest);
	return 0;
}

/* 1: found; 0: not. */
static int bases_ask(struct registry *registry, const struct ref *where, const char *reference, struct lock_entry **ret,
		     struct error **err)
{
	cleanup_document struct document *document = NULL;
	cleanup_buf struct buf text = { 0 };
	struct lock_entry *entry;
	int r = registry_document(registry, where, &text, &document, err);

	if (r <= 0)
		return r;
	entry = lock_entry_new(reference, document->self.digest);
	if (document->index) {
		bases_add_members(document, entry);
	} else if (bases_add_single(registry, where, document, entry, err) < 0) {
		lock_entry_free(entry);
		return -1;
	}
	*ret = entry;
	return 1;
}

/* ---- where to ask ---- */

typedef int asked(struct bases *bases, struct base *base, const struct ref *where, struct error **err);

static int not_there(const struct base *base, struct error **err)
{
	error_make(err, ERROR_REGISTRY, "%s is not in its registry", base->reference);
	error_remedy(err, "look at the name; a service is built from with additional_contexts: {NAME: \"service:NAME\"}");
	return -1;
}

static void base_go(struct base *base, const struct ref *where)
{
	ref_free(&base->where);
	base->where = (struct ref){ .domain = mem_strdup(where->domain), .repository = mem_strdup(where->repository) };
}

static int find_places(struct bases *bases, const struct base *base, const struct ref *own, struct places *ret,
		       struct error **err)
{
	return mirrors_find(bases->registry, own, base->bare, own->digest != NULL, ret, err);
}

/* Tries the places in order, until one has it. Failures of all but the last are not errors. */
static int ask_around(struct bases *bases, struct base *base, const struct ref *own, asked *question, struct error **err)
{
	cleanup_places struct places places = { 0 };

	if (find_places(bases, base, own, &places, err) < 0)
		return -1;
	for (size_t i = 0; i < places.len; i++) {
		struct ref where = places.items[i].where;
		struct error *error = NULL;
		int r;

		where.tag = own->tag;
		where.digest = own->digest;
		r = question(bases, base, &where, &error);
		if (r > 0) {
			base_go(base, &where);
			return 0;
		}
		if (r < 0 && (i == places.len - 1 || error->cls == ERROR_CANCELLED))
			return error_move(err, &error);
		error_free(error);
	}
	return not_there(base, err);
}

static int ask_all(struct bases *bases, struct base *base, const struct ref *where, struct error **err)
{
	return bases_ask(bases->registry, where, base->reference, &base->entry, err);
}

/* podman's name for local images: without a port, it is not a registry. */
static int only_here(const struct base *base, struct error **err)
{
	return error_make(err, ERROR_REGISTRY, "%s does not name a registry", base->reference);
}

static int find_locked(struct bases *bases, struct base *base, struct error **err)
{
	struct ref own = { 0 };
	int r;

	if (base->entry)
		return 0;
	if (base->error)
		return error_copy(err, base->error);
	if (!ref_parse(base->reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", base->reference);
	r = strcmp(own.domain, "localhost") == 0 ? only_here(base, &base->error)
						 : ask_around(bases, base, &own, ask_all, &base->error);
	base->placed = r == 0;
	ref_free(&own);
	return r < 0 ? error_copy(err, base->error) : 0;
}

int bases_find(struct bases *bases, const char *reference, const struct lock_entry **ret, struct error **err)
{
	struct base *base = known(bases, reference);
	int r;

	pthread_mutex_lock(&base->lock);
	r = find_locked(bases, base, err);
	pthread_mutex_unlock(&base->lock);
	*ret = base->entry;
	return r;
}

/* ---- for builders ---- */

static int missing_platform(const struct lock_entry *entry, const struct platform *platform, struct error **err)
{
	cleanup_buf struct buf list = { 0 };
	char text[PLATFORM_TEXT];

	for (size_t i = 0; i < entry->len; i++) {
		platform_text(&entry->platforms[i].platform, text);
		buf_printf(&list, "%s%s", i ? ", " : "", text);
	}
	platform_text(platform, text);
	return error_make(err, ERROR_REGISTRY, "%s has no image for %s, only for %s", entry->reference, text,
			  list.len ? list.data : "none");
}

static int ask_digest(struct bases *bases, struct base *base, const struct ref *where, struct error **err)
{
	char digest[DIGEST_LEN + 1];

	(void)base;
	return registry_head(bases->registry, where, false, digest, err);
}

/* The digest is known: prefer a mirror that has it; if there is only one place there is nothing to ask. */
static int bases_place(struct bases *bases, struct base *base, const char *digest, struct error **err)
{
	cleanup_places struct places places = { 0 };
	struct ref own = { 0 };
	int r;

	if (base->placed)
		return 0;
	if (!ref_parse(base->reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", base->reference);
	free(own.digest);
	own.digest = mem_strdup(digest);
	r = find_places(bases, base, &own, &places, err);
	if (r == 0 && places.len == 1)
		base_go(base, &places.items[0].where);
	else if (r == 0)
		r = ask_around(bases, base, &own, ask_digest, err);
	base->placed = r == 0;
	ref_free(&own);
	return r;
}

/* A mirror that has an image's manifest need not have the rest, and a builder cannot use each: the next one is taken then, in the end the
 * registry. */
static int settle_place(struct bases *bases, struct base *base, const char *digest, struct error **err)
{
	cleanup_places struct places places = { 0 };
	struct ref own = { 0 };
	int r;

	if (strcmp(base->settled, digest) == 0)
		return 0;
	if (!ref_parse(base->reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", base->reference);
	free(own.digest);
	own.digest = mem_strdup(digest);
	r = find_places(bases, base, &own, &places, err);
	ref_free(&own);
	if (r < 0)
		return -1;
	while (base->mirror + 1 < places.len &&
	       (places.items[base->mirror].withheld ||
		!mirror_has_image(bases->registry, &places.items[base->mirror].where, digest)))
		base->mirror++;
	base_go(base, &places.items[base->mirror].where);
	memcpy(base->settled, digest, sizeof(base->settled));
	return 0;
}

static int find_pull(struct bases *bases, struct base *base, const struct platform *platform, const char *locked,
		     struct base_pull *ret, struct error **err)
{
	const char *digest = locked;

	if (locked ? bases_place(bases, base, locked, err) < 0 : find_locked(bases, base, err) < 0)
		return -1;
	if (!digest)
		digest = lock_entry_find(base->entry, platform);
	if (!digest)
		return missing_platform(base->entry, platform, err);
	if (settle_place(bases, base, digest, err) < 0)
		return -1;
	ret->reference = mem_printf("%s/%s@%s", base->where.domain, base->where.repository, digest);
	ret->digest = ret->reference + strlen(ret->reference) - DIGEST_LEN;
	return registry_trust(bases->registry, base->where.domain, &ret->trust, err) < 0 ||
			       registry_find_login(bases->registry, &base->where, &ret->login, err) < 0
		       ? -1
		       : 0;
}

int bases_pull(struct bases *bases, const char *reference, const struct platform *platform, const char *locked,
	       struct base_pull *ret, struct error **err)
{
	struct base *base = known(bases, reference);
	int r;

	*ret = (struct base_pull){ 0 };
	pthread_mutex_lock(&base->lock);
	r = find_pull(bases, base, platform, locked, ret, err);
	pthread_mutex_unlock(&base->lock);
	return r;
}

/* ---- what they give to builds ---- */

static int read_base_config(struct bases *bases, struct base *base, const char *digest, struct base_config *ret,
			    struct error **err)
{
	struct ref where = { .domain = base->where.domain, .repository = base->where.repository, .digest = (char *)digest };
	cleanup_document struct document *manifest = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf text = { 0 }, config = { 0 };
	int r = registry_document(bases->registry, &where, &text, &manifest, err);

	if (r <= 0)
		return r < 0 ? -1 : not_there(base, err);
	if (registry_read_blob(bases->registry, &where, &manifest->config, &config, err) < 0 ||
	    image_read_config(config.data, config.len, manifest->config.digest, &image, err) < 0)
		return error_wrap(err, "%s", base->reference);
	base_config_make(image->onbuild, image->env, ret);
	return 0;
}

static int ask_config(struct bases *bases, struct base *base, const struct platform *platform, const char *digest,
		      struct base_config *ret, struct error **err)
{
	if (digest ? bases_place(bases, base, digest, err) < 0 : find_locked(bases, base, err) < 0)
		return -1;
	if (!digest)
		digest = lock_entry_find(base->entry, platform);
	if (!digest)
		return missing_platform(base->entry, platform, err);
	return settle_place(bases, base, digest, err) < 0 ? -1 : read_base_config(bases, base, digest, ret, err);
}

static struct told_config *find_config(struct base *base, const struct platform *platform)
{
	for (size_t i = 0; i < base->configs_len; i++)
		if (platform_equal(&base->configs[i]->platform, platform))
			return base->configs[i];
	return NULL;
}

static struct told_config *add_config(struct base *base, const struct platform *platform)
{
	struct told_config *told = mem_alloc(sizeof(*told));

	told->platform = *platform;
	mem_reserve(&base->configs, &base->configs_cap, base->configs_len + 1, sizeof(*base->configs));
	return base->configs[base->configs_len++] = told;
}

void bases_tell_config(struct bases *bases, const char *reference, const struct platform *platform,
		       const struct base_config *config)
{
	struct base *base = known(bases, reference);

	pthread_mutex_lock(&base->lock);
	if (!find_config(base, platform))
		add_config(base, platform)->config = (struct base_config){
			.onbuild = mem_strdup(config->onbuild),
			.env = config->env ? mem_strdup(config->env) : NULL,
		};
	pthread_mutex_unlock(&base->lock);
}

int bases_config(struct bases *bases, const char *reference, const struct platform *platform, const char *digest,
		 const struct base_config **ret, struct error **err)
{
	struct base *base = known(bases, reference);
	struct told_config *told;
	int r;

	pthread_mutex_lock(&base->lock);
	told = find_config(base, platform);
	if (!told) {
		told = add_config(base, platform);
		ask_config(bases, base, platform, digest, &told->config, &told->error);
	}
	*ret = told->config.onbuild ? &told->config : &BASE_UNTOLD;
	r = told->config.onbuild ? 0 : error_copy(err, told->error);
	pthread_mutex_unlock(&base->lock);
	return r;
}

const struct base_config *bases_known_config(struct bases *bases, const char *reference, const struct platform *platform)
{
	struct base *base = known(bases, reference);
	const struct told_config *told;

	pthread_mutex_lock(&base->lock);
	told = find_config(base, platform);
	pthread_mutex_unlock(&base->lock);
	return !told ? NULL : told->config.onbuild ? &told->config : &BASE_UNTOLD;
}

/* ---- whether to ask at all ---- */

bool bases_say_once(struct bases *bases, const char *reference)
{
	struct base *base = known(bases, reference);
	bool said;

	pthread_mutex_lock(&base->lock);
	said = base->said;
	base->said = true;
	pthread_mutex_unlock(&base->lock);
	return !said;
}

int bases_reach(struct bases *bases, const char *reference, struct error **err)
{
	const struct base *base = known(bases, reference);
	cleanup_places struct places places = { 0 };
	struct ref own = { 0 };
	int r;

	if (!ref_parse(reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", reference);
	if (strcmp(own.domain, "localhost") == 0)
		r = only_here(base, err);
	else
		r = find_places(bases, base, &own, &places, err);
	ref_free(&own);
	if (r < 0)
		return -1;
	for (size_t i = 0; i + 1 < places.len; i++)
		if (registry_reach(bases->registry, &places.items[i].where, NULL) == 0)
			return 0;
	return registry_reach(bases->registry, &places.items[places.len - 1].where, err);
}

void base_pull_free(struct base_pull *pull)
{
	free(pull->reference);
}
