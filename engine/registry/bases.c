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
#include "dsl/manifest.h"
#include "engine/oci/document.h"
#include "engine/oci/image.h"
#include "engine/oci/lockfile.h"
#include "engine/registry/client.h"
#include "engine/registry/mirror.h"
#include "engine/source/dockerfile.h"

struct onbuild {
	struct platform platform;
	char *text;          /* or NULL: */
	struct error *error; /* why it could not be determined */
};

/* A reference, and what is known about it. */
struct base {
	char *reference;
	struct ref where;             /* the repository that answered */
	struct lock_entry *entry;     /* NULL: not asked yet, or it failed */
	size_t mirror;                /* the first that may still be whole */
	char settled[DIGEST_LEN + 1]; /* the manifest for which `where` has been looked at */
	bool placed;                  /* `where` is settled */
	bool said;                    /* something was told of it */
	struct onbuild *onbuilds;     /* its ONBUILD, one for each platform that was asked for */
	size_t onbuilds_len, onbuilds_cap;
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
		for (size_t j = 0; j < base->onbuilds_len; j++) {
			free(base->onbuilds[j].text);
			error_free(base->onbuilds[j].error);
		}
		free(base->onbuilds);
		lock_entry_free(base->entry);
		error_free(base->error);
		ref_free(&base->where);
		free(base->reference);
		free(base);
	}
	map_free(bases->known);
	pthread_mutex_destroy(&bases->lock);
	free(bases);
}

static struct base *known(struct bases *bases, const char *reference)
{
	struct base *base;

	pthread_mutex_lock(&bases->lock);
	base = map_get(bases->known, reference);
	if (!base) {
		base = mem_alloc(sizeof(*base));
		base->reference = mem_strdup(reference);
		pthread_mutex_init(&base->lock, NULL);
		map_set(bases->known, base->reference, base);
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
	cleanup_free char *type = NULL;
	cleanup_buf struct buf text = { 0 };
	char digest[DIGEST_LEN + 1];
	struct lock_entry *entry;
	int r = registry_manifest(registry, where, &text, &type, digest, err);

	if (r <= 0 || document_parse(text.data, text.len, type, digest, reference, &document, err) < 0)
		return r <= 0 ? r : -1;
	entry = lock_entry_new(reference, digest);
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

/* Tries the mirrors in order, then the registry itself, until one has it. Failures of mirrors are not errors. */
static int ask_around(struct bases *bases, struct base *base, const struct ref *own, asked *question, struct error **err)
{
	const struct registry_spec *spec = registry_settings(bases->registry, own->domain);
	int r;

	for (size_t i = 0; spec && i < spec->mirrors.len; i++) {
		struct error *error = NULL;
		struct ref mirror;

		mirror_ref(own, spec->mirrors.items[i].s, &mirror);
		r = question(bases, base, &mirror, &error);
		if (r > 0) {
			base->where = mirror;
			return 0;
		}
		ref_free(&mirror);
		if (r < 0 && error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		error_free(error);
	}
	r = question(bases, base, own, err);
	if (r <= 0)
		return r < 0 ? -1 : not_there(base, err);
	base->where = (struct ref){ .domain = mem_strdup(own->domain), .repository = mem_strdup(own->repository) };
	return 0;
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
	ref_free(&base->where);
	base->where = (struct ref){ 0 };
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

/* The digest is known: prefer a mirror that has it; without mirrors there is nothing to ask. */
static int bases_place(struct bases *bases, struct base *base, const char *digest, struct error **err)
{
	struct ref own = { 0 };
	const struct registry_spec *spec;
	int r = 0;

	if (base->placed)
		return 0;
	if (!ref_parse(base->reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", base->reference);
	free(own.digest);
	own.digest = mem_strdup(digest);
	spec = registry_settings(bases->registry, own.domain);
	if (spec && spec->mirrors.len > 0)
		r = ask_around(bases, base, &own, ask_digest, err);
	else
		base->where = (struct ref){ .domain = mem_strdup(own.domain), .repository = mem_strdup(own.repository) };
	base->placed = r == 0;
	ref_free(&own);
	return r;
}

static void base_go(struct base *base, const struct ref *where)
{
	ref_free(&base->where);
	base->where = (struct ref){ .domain = mem_strdup(where->domain), .repository = mem_strdup(where->repository) };
}

/* A mirror that has an image's manifest need not have the rest: the next one is taken then, in the end the registry. */
static int settle_place(struct bases *bases, struct base *base, const char *digest, struct error **err)
{
	const struct registry_spec *spec;
	struct ref own = { 0 };

	if (strcmp(base->settled, digest) == 0)
		return 0;
	if (!ref_parse(base->reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", base->reference);
	spec = registry_settings(bases->registry, own.domain);
	for (; spec && base->mirror < spec->mirrors.len; base->mirror++) {
		struct ref mirror;
		bool whole;

		mirror_ref(&own, spec->mirrors.items[base->mirror].s, &mirror);
		whole = mirror_has_image(bases->registry, &mirror, digest);
		if (whole)
			base_go(base, &mirror);
		ref_free(&mirror);
		if (whole)
			break;
	}
	if (!spec || base->mirror == spec->mirrors.len)
		base_go(base, &own);
	ref_free(&own);
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
	cleanup_free char *name = lock_reference(reference);
	struct base *base = known(bases, name ? name : reference);
	int r;

	*ret = (struct base_pull){ 0 };
	pthread_mutex_lock(&base->lock);
	r = find_pull(bases, base, platform, locked, ret, err);
	pthread_mutex_unlock(&base->lock);
	return r;
}

/* ---- what they do on build ---- */

/* One instruction per line; an instruction of several lines cannot be represented. */
void bases_add_onbuild(struct buf *text, const char *instruction)
{
	buf_printf(text, "%s\n", !instruction || strchr(instruction, '\n') ? DOCKERFILE_UNTOLD : instruction);
}

char *bases_onbuild_text(const struct image *image)
{
	cleanup_buf struct buf text = { 0 };

	buf_str(&text, "");
	for (char **line = image->onbuild; line && *line; line++)
		bases_add_onbuild(&text, *line);
	return buf_steal(&text);
}

static int read_onbuild(struct bases *bases, struct base *base, const char *digest, char **ret, struct error **err)
{
	struct ref where = { .domain = base->where.domain, .repository = base->where.repository, .digest = (char *)digest };
	cleanup_document struct document *manifest = NULL;
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf text = { 0 }, config = { 0 };
	cleanup_free char *type = NULL;
	char found[DIGEST_LEN + 1];
	int r = registry_manifest(bases->registry, &where, &text, &type, found, err);

	if (r <= 0)
		return r < 0 ? -1 : not_there(base, err);
	if (document_parse(text.data, text.len, type, found, base->reference, &manifest, err) < 0 ||
	    registry_read_blob(bases->registry, &where, &manifest->config, &config, err) < 0 ||
	    image_read_config(config.data, config.len, manifest->config.digest, &image, err) < 0)
		return error_wrap(err, "%s", base->reference);
	*ret = bases_onbuild_text(image);
	return 0;
}

static int bases_ask_onbuild(struct bases *bases, struct base *base, const struct platform *platform,
			     const char *digest, char **ret, struct error **err)
{
	if (digest ? bases_place(bases, base, digest, err) < 0 : find_locked(bases, base, err) < 0)
		return -1;
	if (!digest)
		digest = lock_entry_find(base->entry, platform);
	if (!digest)
		return missing_platform(base->entry, platform, err);
	return settle_place(bases, base, digest, err) < 0 ? -1 : read_onbuild(bases, base, digest, ret, err);
}

static struct onbuild *find_onbuild(struct base *base, const struct platform *platform)
{
	for (size_t i = 0; i < base->onbuilds_len; i++)
		if (platform_equal(&base->onbuilds[i].platform, platform))
			return &base->onbuilds[i];
	return NULL;
}

static struct onbuild *add_onbuild(struct base *base, const struct platform *platform)
{
	mem_reserve(&base->onbuilds, &base->onbuilds_cap, base->onbuilds_len + 1, sizeof(*base->onbuilds));
	base->onbuilds[base->onbuilds_len] = (struct onbuild){ .platform = *platform };
	return &base->onbuilds[base->onbuilds_len++];
}

void bases_tell_onbuild(struct bases *bases, const char *reference, const struct platform *platform, const char *text)
{
	cleanup_free char *name = lock_reference(reference);
	struct base *base = known(bases, name ? name : reference);

	pthread_mutex_lock(&base->lock);
	if (!find_onbuild(base, platform))
		add_onbuild(base, platform)->text = mem_strdup(text);
	pthread_mutex_unlock(&base->lock);
}

int bases_onbuild(struct bases *bases, const char *reference, const struct platform *platform, const char *digest,
		  const char **ret, struct error **err)
{
	cleanup_free char *name = lock_reference(reference);
	struct base *base = known(bases, name ? name : reference);
	struct onbuild *onbuild;
	int r;

	pthread_mutex_lock(&base->lock);
	onbuild = find_onbuild(base, platform);
	if (!onbuild) {
		onbuild = add_onbuild(base, platform);
		bases_ask_onbuild(bases, base, platform, digest, &onbuild->text, &onbuild->error);
	}
	*ret = onbuild->text;
	r = onbuild->text ? 0 : error_copy(err, onbuild->error);
	pthread_mutex_unlock(&base->lock);
	return r;
}

const char *bases_known_onbuild(struct bases *bases, const char *reference, const struct platform *platform)
{
	cleanup_free char *name = lock_reference(reference);
	struct base *base = known(bases, name ? name : reference);
	const struct onbuild *onbuild;
	const char *text;

	pthread_mutex_lock(&base->lock);
	onbuild = find_onbuild(base, platform);
	text = !onbuild ? NULL : onbuild->text ? onbuild->text : DOCKERFILE_UNTOLD "\n";
	pthread_mutex_unlock(&base->lock);
	return text;
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
	cleanup_free char *name = lock_reference(reference);
	const struct base named = { .reference = name ? name : (char *)reference };
	const struct registry_spec *spec;
	struct ref own = { 0 };
	int r = -1;

	if (!ref_parse(reference, &own, NULL))
		return error_make(err, ERROR_USAGE, "\"%s\" is not an image", reference);
	spec = registry_settings(bases->registry, own.domain);
	for (size_t i = 0; spec && r < 0 && i < spec->mirrors.len; i++) {
		cleanup_free char *host = mem_strndup(spec->mirrors.items[i].s, strcspn(spec->mirrors.items[i].s, "/"));

		r = registry_reach(bases->registry, host, NULL);
	}
	if (r < 0)
		r = strcmp(own.domain, "localhost") == 0 ? only_here(&named, err)
							 : registry_reach(bases->registry, own.domain, err);
	ref_free(&own);
	return r;
}

void base_pull_free(struct base_pull *pull)
{
	free(pull->reference);
}
