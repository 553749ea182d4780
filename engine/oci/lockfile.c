#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/oci/lockfile.h"

#define LOCKFILE_MAX (4u << 20) /* bytes */

#define ONBUILD_LINE "    onbuild "
#define ENV_LINE "    env "

#define URL_LINE "url "
#define COMMIT "commit:"

static const char HEAD[] =
	"# The base images, what builds fetch, and what they are: written by `cbuild lock`, to be committed.\n"
	"version 4\n";

struct lockfile *lockfile_new(void)
{
	return mem_alloc(sizeof(struct lockfile));
}

void lockfile_free(struct lockfile *lock)
{
	if (!lock)
		return;
	for (size_t i = 0; i < lock->len; i++)
		lock_entry_free(lock->entries[i]);
	free(lock->entries);
	for (size_t i = 0; i < lock->urls_len; i++)
		free(lock->urls[i].url);
	free(lock->urls);
	free(lock);
}

void lockfile_cleanup(struct lockfile **lock)
{
	lockfile_free(*lock);
}

/* ---- entries ---- */

char *lock_reference(const char *name)
{
	struct ref ref;
	char *text = NULL;

	if (!ref_parse(name, &ref, NULL))
		return NULL;
	if (!ref.digest)
		text = mem_printf("%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return text;
}

struct lock_entry *lock_entry_new(const char *reference, const char *digest)
{
	struct lock_entry *entry = mem_alloc(sizeof(*entry));

	entry->reference = mem_strdup(reference);
	memcpy(entry->digest, digest, sizeof(entry->digest));
	return entry;
}

struct lock_entry *lock_entry_copy(const struct lock_entry *entry)
{
	struct lock_entry *copy = lock_entry_new(entry->reference, entry->digest);

	for (size_t i = 0; i < entry->len; i++) {
		lock_entry_add(copy, &entry->platforms[i].platform, entry->platforms[i].digest);
		lock_entry_set(copy, &entry->platforms[i].platform, entry->platforms[i].onbuild, entry->platforms[i].env);
	}
	return copy;
}

void lock_entry_free(struct lock_entry *entry)
{
	if (!entry)
		return;
	for (size_t i = 0; i < entry->len; i++) {
		free(entry->platforms[i].onbuild);
		free(entry->platforms[i].env);
	}
	free(entry->reference);
	free(entry->platforms);
	free(entry);
}

static int compare_platforms(const void *a, const void *b)
{
	char one[PLATFORM_TEXT], other[PLATFORM_TEXT];

	platform_text(&((const struct lock_platform *)a)->platform, one);
	platform_text(&((const struct lock_platform *)b)->platform, other);
	return strcmp(one, other);
}

static struct lock_platform *find_exactly(const struct lock_entry *entry, const struct platform *platform)
{
	for (size_t i = 0; i < entry->len; i++) {
		if (platform_equal(&entry->platforms[i].platform, platform))
			return &entry->platforms[i];
	}
	return NULL;
}

/* The platform's own image, else one that runs there, too. */
static struct lock_platform *find_platform(const struct lock_entry *entry, const struct platform *platform)
{
	struct platform wanted = *platform;
	struct lock_platform *found;

	do
		found = find_exactly(entry, &wanted);
	while (!found && platform_weaker(&wanted));
	return found;
}

const char *lock_entry_find(const struct lock_entry *entry, const struct platform *platform)
{
	const struct lock_platform *found = find_platform(entry, platform);

	return found ? found->digest : NULL;
}

const char *lock_entry_onbuild(const struct lock_entry *entry, const struct platform *platform)
{
	const struct lock_platform *found = find_platform(entry, platform);

	return found ? found->onbuild : NULL;
}

const char *lock_entry_env(const struct lock_entry *entry, const struct platform *platform)
{
	const struct lock_platform *found = find_platform(entry, platform);

	return found ? found->env : NULL;
}

static void set_text(char **text, const char *value)
{
	char *copy = value ? mem_strdup(value) : NULL;

	free(*text);
	*text = copy;
}

void lock_entry_set(struct lock_entry *entry, const struct platform *platform, const char *onbuild, const char *env)
{
	struct lock_platform *found = find_platform(entry, platform);

	if (!found)
		return;
	set_text(&found->onbuild, onbuild);
	set_text(&found->env, env);
}

void lock_entry_add(struct lock_entry *entry, const struct platform *platform, const char *digest)
{
	struct lock_platform *added;

	if (find_exactly(entry, platform))
		return;
	mem_reserve(&entry->platforms, &entry->cap, entry->len + 1, sizeof(*added));
	added = &entry->platforms[entry->len++];
	*added = (struct lock_platform){ .platform = *platform };
	memcpy(added->digest, digest, sizeof(added->digest));
	qsort(entry->platforms, entry->len, sizeof(*added), compare_platforms);
}

/* ---- the whole ---- */

static int lockfile_compare_entries(const void *a, const void *b)
{
	return strcmp((*(struct lock_entry *const *)a)->reference, (*(struct lock_entry *const *)b)->reference);
}

static struct lock_entry **find_entry_place(const struct lockfile *lock, const char *reference)
{
	struct lock_entry wanted = { .reference = (char *)reference }, *key = &wanted;

	return lock && lock->len ? bsearch(&key, lock->entries, lock->len, sizeof(key), lockfile_compare_entries) : NULL;
}

const struct lock_entry *lockfile_find(const struct lockfile *lock, const char *reference)
{
	struct lock_entry **place = find_entry_place(lock, reference);

	return place ? *place : NULL;
}

void lockfile_put(struct lockfile *lock, struct lock_entry *entry)
{
	struct lock_entry **place = find_entry_place(lock, entry->reference);

	if (place) {
		lock_entry_free(*place);
		*place = entry;
		return;
	}
	mem_reserve(&lock->entries, &lock->cap, lock->len + 1, sizeof(struct lock_entry *));
	lock->entries[lock->len++] = entry;
	qsort(lock->entries, lock->len, sizeof(struct lock_entry *), lockfile_compare_entries);
}

/* ---- URLs ---- */

bool lock_pin_valid(const char *pin)
{
	const char *hex = pin + strlen(COMMIT);
	size_t len;

	if (strncmp(pin, COMMIT, strlen(COMMIT)) != 0)
		return digest_valid(pin);
	len = strspn(hex, "0123456789abcdef");
	return !hex[len] && (len == 40 || len == 64);
}

static int compare_urls(const void *a, const void *b)
{
	return strcmp(((const struct lock_url *)a)->url, ((const struct lock_url *)b)->url);
}

static struct lock_url *find_url(const struct lockfile *lock, const char *url)
{
	const struct lock_url key = { .url = (char *)(uintptr_t)url };

	return lock && lock->urls_len ? bsearch(&key, lock->urls, lock->urls_len, sizeof(key), compare_urls) : NULL;
}

const char *lockfile_url(const struct lockfile *lock, const char *url)
{
	const struct lock_url *found = find_url(lock, url);

	return found ? found->pin : NULL;
}

static bool fits_a_line(const char *url)
{
	for (; *url; url++)
		if ((unsigned char)*url <= ' ' || *url == 127)
			return false;
	return true;
}

void lockfile_put_url(struct lockfile *lock, const char *url, const char *pin)
{
	struct lock_url *place = find_url(lock, url);

	if (!place && fits_a_line(url)) {
		mem_reserve(&lock->urls, &lock->urls_cap, lock->urls_len + 1, sizeof(*lock->urls));
		place = &lock->urls[lock->urls_len++];
		*place = (struct lock_url){ .url = mem_strdup(url) };
	}
	if (!place)
		return;
	snprintf(place->pin, sizeof(place->pin), "%s", pin);
	qsort(lock->urls, lock->urls_len, sizeof(*lock->urls), compare_urls);
}

/* ---- writing ---- */

static void print_lines(const char *head, const char *text, struct buf *out)
{
	if (text && !*text)
		buf_printf(out, "%snone\n", head);
	for (; text && *text; text += strcspn(text, "\n") + 1)
		buf_printf(out, "%s%.*s\n", head, (int)strcspn(text, "\n"), text);
}

void lockfile_text(const struct lockfile *lock, struct buf *out)
{
	buf_str(out, HEAD);
	for (size_t i = 0; i < lock->len; i++) {
		const struct lock_entry *entry = lock->entries[i];

		buf_printf(out, "\n%s %s\n", entry->reference, entry->digest);
		for (size_t j = 0; j < entry->len; j++) {
			char platform[PLATFORM_TEXT];

			platform_text(&entry->platforms[j].platform, platform);
			buf_printf(out, "  %s %s\n", platform, entry->platforms[j].digest);
			print_lines(ONBUILD_LINE, entry->platforms[j].onbuild, out);
			print_lines(ENV_LINE, entry->platforms[j].env, out);
		}
	}
	for (size_t i = 0; i < lock->urls_len; i++)
		buf_printf(out, "%s" URL_LINE "%s %s\n", i ? "" : "\n", lock->urls[i].url, lock->urls[i].pin);
}

/* ---- reading ---- */

struct lockfile_reading {
	const char *path;
	unsigned line;
	bool version; /* was there */
	struct lockfile *lock;
	struct lock_entry *entry; /* the entry that the following lines belong to */
	struct platform platform; /* its platform that the following lines belong to */
	bool in_platform;
};

static int lockfile_wrong(const struct lockfile_reading *reading, struct error **err, const char *why)
{
	error_make(err, ERROR_USAGE, "%s:%u: %s", reading->path, reading->line, why);
	error_remedy(err, "delete it and write a new one: cbuild lock");
	return -1;
}

static int lockfile_take_platform(struct lockfile_reading *reading, const char *name, const char *digest,
				  struct error **err)
{
	struct platform platform;

	if (!reading->entry)
		return lockfile_wrong(reading, err, "a platform without an image before it");
	if (!platform_parse(name, &platform))
		return lockfile_wrong(reading, err, "this is not a platform");
	if (find_exactly(reading->entry, &platform))
		return lockfile_wrong(reading, err, "the platform is listed twice");
	lock_entry_add(reading->entry, &platform, digest);
	reading->platform = platform;
	reading->in_platform = true;
	return 0;
}

/* An ONBUILD instruction, or a variable. */
static int take_of_config(struct lockfile_reading *reading, const char *line, bool env, struct error **err)
{
	struct lock_platform *platform;
	cleanup_free char *before = NULL;
	char **text;

	if (!reading->in_platform)
		return lockfile_wrong(reading, err, "an instruction or a variable without a platform before it");
	platform = find_exactly(reading->entry, &reading->platform);
	text = env ? &platform->env : &platform->onbuild;
	before = *text;
	*text = strcmp(line, "none") == 0 ? mem_strdup("") : mem_printf("%s%s\n", before ? before : "", line);
	return 0;
}

static int lockfile_take_entry(struct lockfile_reading *reading, const char *name, const char *digest, struct error **err)
{
	cleanup_free char *reference = lock_reference(name);

	if (!reference || strcmp(reference, name) != 0)
		return lockfile_wrong(reading, err, "this is not an image with registry and tag");
	if (lockfile_find(reading->lock, name))
		return lockfile_wrong(reading, err, "the image is listed twice");
	reading->entry = lock_entry_new(name, digest);
	lockfile_put(reading->lock, reading->entry);
	reading->in_platform = false;
	return 0;
}

static int take_url(struct lockfile_reading *reading, char *url, struct error **err)
{
	char *pin = strchr(url, ' ');

	if (!pin || !lock_pin_valid(pin + 1))
		return lockfile_wrong(reading, err, "expected a URL and a digest or a commit");
	*pin++ = '\0';
	if (!fits_a_line(url))
		return lockfile_wrong(reading, err, "this is not a URL");
	if (find_url(reading->lock, url))
		return lockfile_wrong(reading, err, "the URL is listed twice");
	lockfile_put_url(reading->lock, url, pin);
	return 0;
}

static int lockfile_take_line(struct lockfile_reading *reading, char *line, struct error **err)
{
	bool inner = *line == ' ';
	char *name = line + strspn(line, " "), *digest = strchr(name, ' ');

	if (!*name || *name == '#')
		return 0;
	if (!reading->version) {
		reading->version = true;
		if (strncmp(line, "version ", 8) == 0 && line[8] >= '1' && line[8] <= '4' && !line[9])
			return 0;
		return lockfile_wrong(reading, err, "this cbuild reads \"version 1\" to \"version 4\"");
	}
	if (strncmp(line, URL_LINE, strlen(URL_LINE)) == 0)
		return take_url(reading, line + strlen(URL_LINE), err);
	if (strncmp(line, ONBUILD_LINE, strlen(ONBUILD_LINE)) == 0)
		return take_of_config(reading, line + strlen(ONBUILD_LINE), false, err);
	if (strncmp(line, ENV_LINE, strlen(ENV_LINE)) == 0)
		return take_of_config(reading, line + strlen(ENV_LINE), true, err);
	if (!digest || !digest_valid(digest + 1))
		return lockfile_wrong(reading, err, "expected a name and a digest");
	*digest++ = '\0';
	return inner ? lockfile_take_platform(reading, name, digest, err)
		     : lockfile_take_entry(reading, name, digest, err);
}

int lockfile_parse(const char *text, size_t len, const char *name, struct lockfile **ret, struct error **err)
{
	cleanup_lockfile struct lockfile *lock = lockfile_new();
	struct lockfile_reading reading = { .path = name, .lock = lock };
	cleanup_free char *copy = mem_strndup(text, len);
	char *rest = copy;

	if (memchr(text, '\0', len))
		return lockfile_wrong(&reading, err, "this is not a text");
	while (rest) {
		char *line = strsep(&rest, "\n");

		reading.line++;
		if (lockfile_take_line(&reading, line, err) < 0)
			return -1;
	}
	*ret = steal_ptr(lock);
	return 0;
}

int lockfile_read(const char *path, struct lockfile **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	bool found;

	*ret = NULL;
	if (fs_read_if(path, LOCKFILE_MAX, &text, &found, err) < 0)
		return -1;
	return found ? lockfile_parse(text.data ? text.data : "", text.len, path_base(path), ret, err) : 0;
}
