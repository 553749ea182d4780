#include "config.h"

#include "engine/builder/caches.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/buildkit/content_store.h"
#include "engine/buildkit/control.h"
#include "engine/oci/layout.h"

#define TAG "org.opencontainers.image.ref.name"
#define INDEX_MAX (4u << 20) /* bytes of a folder's index */

struct cache {
	struct control_typed typed;
	struct control_pair *attrs;
	size_t cap;
	bool takes;
	struct layout *layout; /* of a folder, or NULL */
	char *store;           /* the daemon's name for it */
	const char *tag, *index;
};

struct caches {
	struct arena *arena;
	struct cache *list;
	size_t len, imports; /* the first `imports` are cache_from */
	struct control_typed *typed;
	char *json;
	struct json *manifest; /* the descriptor of what was stored, or NULL */
};

static void cache_set(struct cache *cache, const char *key, const char *value)
{
	mem_reserve(&cache->attrs, &cache->cap, cache->typed.attrs_len + 1, sizeof(*cache->attrs));
	cache->attrs[cache->typed.attrs_len++] = (struct control_pair){ key, value };
	cache->typed.attrs = cache->attrs;
}

static const char *attr(const struct cache *cache, const char *key)
{
	for (size_t i = 0; i < cache->typed.attrs_len; i++)
		if (strcmp(cache->attrs[i].key, key) == 0)
			return cache->attrs[i].value;
	return NULL;
}

/* The next comma-separated field, without quotes; *at moves past it. */
static char *next_field(struct arena *arena, const char **at)
{
	cleanup_buf struct buf field = { 0 };
	const char *c = *at;
	bool quoted = *c == '"';

	for (c += quoted; *c; c++) {
		if (quoted && *c == '"') {
			if (c[1] != '"') {
				c++;
				break;
			}
			c++;
		} else if (!quoted && *c == ',') {
			break;
		}
		buf_char(&field, *c);
	}
	*at = *c == ',' ? c + 1 : c + strlen(c);
	return arena_strndup(arena, field.data ? field.data : "", field.len);
}

static int parse_cache(struct caches *caches, const char *text, struct cache *cache, struct error **err)
{
	const char *at = text;

	/* buildx's short form: a reference. */
	if (!strchr(text, '=')) {
		cache->typed.type = "registry";
		cache_set(cache, "ref", text);
		return 0;
	}
	while (*at) {
		char *field = next_field(caches->arena, &at), *value = strchr(field, '=');

		if (!value)
			return error_make(err, ERROR_USAGE, "the cache \"%s\": \"%s\" has no value", text, field);
		*value++ = '\0';
		if (strcmp(field, "type") == 0)
			cache->typed.type = value;
		else
			cache_set(cache, field, value);
	}
	return cache->typed.type ? 0 : error_make(err, ERROR_USAGE, "the cache \"%s\" has no type", text);
}

/* Reads the folder's index: what was stored there, by tag. */
static int read_cache_index(const struct cache *cache, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	bool found;

	if (fs_read_if(cache->index, INDEX_MAX, &text, &found, err) < 0)
		return -1;
	if (!found)
		buf_str(&text, "{}");
	return json_parse(text.data, text.len, cache->index, ret, err);
}

static bool is_tagged(const struct json *entry, const char *tag)
{
	const char *name = json_str(json_get(entry, "annotations"), TAG);

	return name && strcmp(name, tag) == 0;
}

/* Finds what an earlier build has stored there. */
static int find_manifest(struct caches *caches, struct cache *cache, struct error **err)
{
	cleanup_json struct json *index = NULL;
	const struct json *list;

	if (read_cache_index(cache, &index, err) < 0)
		return -1;
	list = json_get(index, "manifests");
	for (size_t i = 0; i < json_len(list); i++)
		if (is_tagged(json_at(list, i), cache->tag) && digest_valid(json_str(json_at(list, i), "digest")))
			cache_set(cache, "digest", arena_strdup(caches->arena, json_str(json_at(list, i), "digest")));
	return 0;
}

static int open_cache(struct caches *caches, struct cache *cache, struct error **err)
{
	const char *dir = attr(cache, cache->takes ? "dest" : "src");

	if (strcmp(cache->typed.type, "local") != 0)
		return 0;
	if (!dir)
		return error_make(err, ERROR_USAGE, "a cache of type local needs \"%s\"", cache->takes ? "dest" : "src");
	cache->tag = attr(cache, "tag") ? attr(cache, "tag") : "latest";
	cache->store = arena_join(caches->arena, "local:", dir, NULL);
	cache->index = arena_join(caches->arena, dir, "/index.json", NULL);
	if (layout_open(dir, true, &cache->layout, err) < 0)
		return -1;
	return cache->takes || attr(cache, "digest") ? 0 : find_manifest(caches, cache, err);
}

/* What buildx takes from the environment, so that no file has to hold it: a pipeline's token, a key for S3. */
static void take_environment(struct cache *cache)
{
	static const struct {
		const char *type, *key, *variable;
	} defaults[] = {
		{ "gha", "token", "ACTIONS_RUNTIME_TOKEN" },    { "gha", "url", "ACTIONS_CACHE_URL" },
		{ "gha", "url", "ACTIONS_RESULTS_URL" },        { "gha", "url_v2", "ACTIONS_RESULTS_URL" },
		{ "s3", "access_key_id", "AWS_ACCESS_KEY_ID" }, { "s3", "secret_access_key", "AWS_SECRET_ACCESS_KEY" },
		{ "s3", "session_token", "AWS_SESSION_TOKEN" },
	};
	const char *second = getenv("ACTIONS_CACHE_SERVICE_V2");

	/* Keys belong together. */
	if (attr(cache, "access_key_id") || attr(cache, "secret_access_key"))
		return;
	if (strcmp(cache->typed.type, "gha") == 0 && second && *second && !attr(cache, "version"))
		cache_set(cache, "version", "2");
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		const char *value = getenv(defaults[i].variable);

		if (strcmp(cache->typed.type, defaults[i].type) == 0 && value && *value && !attr(cache, defaults[i].key))
			cache_set(cache, defaults[i].key, value);
	}
}

static int add_all(struct caches *caches, const char **texts, bool takes, struct error **err)
{
	for (size_t i = 0; texts && texts[i]; i++) {
		struct cache *cache = &caches->list[caches->len++];

		cache->takes = takes;
		if (parse_cache(caches, texts[i], cache, err) < 0)
			return -1;
		take_environment(cache);
		if (open_cache(caches, cache, err) < 0)
			return -1;
		/* Nothing was stored in the folder yet. */
		if (!takes && cache->layout && !attr(cache, "digest")) {
			layout_free(cache->layout);
			free(cache->attrs);
			*cache = (struct cache){ .takes = false };
			caches->len--;
		}
	}
	return 0;
}

static size_t count_texts(const char **texts)
{
	size_t len = 0;

	while (texts && texts[len])
		len++;
	return len;
}

static void write_json(struct caches *caches)
{
	cleanup_json struct json *array = json_new_array();
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; i < caches->imports; i++) {
		struct json *object = json_new_object(), *attrs = json_new_object();

		json_set_str(object, "Type", caches->list[i].typed.type);
		for (size_t j = 0; j < caches->list[i].typed.attrs_len; j++)
			json_set_str(attrs, caches->list[i].attrs[j].key, caches->list[i].attrs[j].value);
		json_set(object, "Attrs", attrs);
		json_append(array, object);
	}
	json_dump(array, JSON_COMPACT, &text);
	caches->json = buf_steal(&text);
}

int caches_new(const struct build_job *job, struct caches **ret, struct error **err)
{
	struct caches *caches = mem_alloc(sizeof(*caches));

	*ret = caches; /* also on failure */
	caches->arena = arena_new();
	caches->list = mem_array(count_texts(job->cache_from) + count_texts(job->cache_to) + 1, sizeof(*caches->list));
	if (add_all(caches, job->cache_from, false, err) < 0)
		return -1;
	caches->imports = caches->len;
	if (add_all(caches, job->cache_to, true, err) < 0)
		return -1;
	caches->typed = mem_array(caches->len + 1, sizeof(*caches->typed));
	for (size_t i = 0; i < caches->len; i++)
		caches->typed[i] = caches->list[i].typed;
	if (caches->imports > 0)
		write_json(caches);
	return 0;
}

void caches_free(struct caches *caches)
{
	if (!caches)
		return;
	for (size_t i = 0; i < caches->len; i++) {
		layout_free(caches->list[i].layout);
		free(caches->list[i].attrs);
	}
	free(caches->list);
	free(caches->typed);
	free(caches->json);
	json_free(caches->manifest);
	arena_free(caches->arena);
	free(caches);
}

size_t caches_stores(const struct caches *caches, struct content_store *ret)
{
	size_t len = 0;

	for (size_t i = 0; i < caches->len; i++) {
		const struct cache *cache = &caches->list[i];

		if (!cache->layout)
			continue;
		if (ret)
			ret[len] = (struct content_store){ cache->store, cache->layout, cache->takes };
		len++;
	}
	return len;
}

void caches_fill(const struct caches *caches, struct control_solve *ret)
{
	ret->cache_from = caches->typed;
	ret->cache_from_len = caches->imports;
	ret->cache_to = caches->typed + caches->imports;
	ret->cache_to_len = caches->len - caches->imports;
}

const char *caches_imports_json(const struct caches *caches)
{
	return caches->json;
}

void caches_answer(struct caches *caches, const char *key, const char *value)
{
	if (strcmp(key, "cache.manifest") == 0)
		json_parse(value, strlen(value), key, &caches->manifest, NULL);
}

/* The new descriptor replaces the one with the same tag. */
static int write_index(const struct cache *cache, const struct json *manifest, struct error **err)
{
	cleanup_json struct json *index = NULL, *old = NULL;
	struct json *list = json_new_array(), *entry = json_clone(manifest), *annotations = json_new_object();
	cleanup_buf struct buf text = { 0 };

	index = json_new_object();
	json_set_int(index, "schemaVersion", 2);
	json_set_str(index, "mediaType", "application/vnd.oci.image.index.v1+json");
	json_set(index, "manifests", list);
	json_set_str(annotations, TAG, cache->tag);
	json_set(entry, "annotations", annotations);
	json_append(list, entry);
	if (read_cache_index(cache, &old, err) < 0)
		return -1;
	for (size_t i = 0; i < json_len(json_get(old, "manifests")); i++)
		if (!is_tagged(json_at(json_get(old, "manifests"), i), cache->tag))
			json_append(list, json_clone(json_at(json_get(old, "manifests"), i)));
	json_dump(index, JSON_COMPACT, &text);
	return fs_replace(cache->index, text.data, text.len, 0644, err);
}

int caches_finish(struct caches *caches, struct error **err)
{
	for (size_t i = caches->imports; i < caches->len; i++) {
		const struct cache *cache = &caches->list[i];

		if (cache->layout && caches->manifest && write_index(cache, caches->manifest, err) < 0)
			return -1;
	}
	return 0;
}
