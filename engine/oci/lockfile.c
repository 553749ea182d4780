#include "config.h"

#include <stdbool.h>
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

static const char HEAD[] = "# The base images and what they are: written by `cbuild lock`, to be committed.\n"
			   "version 2\n";

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
		lock_entry_set_onbuild(copy, &entry->platforms[i].platform, entry->platforms[i].onbuild);
	}
	return copy;
}

void lock_entry_free(struct lock_entry *entry)
{
	if (!entry)
		return;
	for (size_t i = 0; i < entry->len; i++)
		free(entry->platforms[i].onbuild);
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

static struct lock_platform *find_platform(const struct lock_entry *entry, const struct platform *platform)
{
	for (size_t i = 0; i < entry->len; i++) {
		if (platform_equal(&entry->platforms[i].platform, platform))
			return &entry->platforms[i];
	}
	return NULL;
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

void lock_entry_set_onbuild(struct lock_entry *entry, const struct platform *platform, const char *onbuild)
{
	struct lock_platform *found = find_platform(entry, platform);

	if (!found)
		return;
	free(found->onbuild);
	found->onbuild = onbuild ? mem_strdup(onbuild) : NULL;
}

void lock_entry_add(struct lock_entry *entry, const struct platform *platform, const char *digest)
{
	struct lock_platform *added;

	if (lock_entry_find(entry, platform))
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

static void print_onbuild(const char *onbuild, struct buf *out)
{
	if (onbuild && !*onbuild)
		buf_str(out, ONBUILD_LINE "none\n");
	for (; onbuild && *onbuild; onbuild += strcspn(onbuild, "\n") + 1)
		buf_printf(out, ONBUILD_LINE "%.*s\n", (int)strcspn(onbuild, "\n"), onbuild);
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
			print_onbuild(entry->platforms[j].onbuild, out);
		}
	}
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
	error_remedy(err, "delete it and write it anew: cbuild lock");
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
	if (lock_entry_find(reading->entry, &platform))
		return lockfile_wrong(reading, err, "the platform stands there twice");
	lock_entry_add(reading->entry, &platform, digest);
	reading->platform = platform;
	reading->in_platform = true;
	return 0;
}

static int take_onbuild(struct lockfile_reading *reading, const char *instruction, struct error **err)
{
	cleanup_free char *text = NULL;
	const char *before;

	if (!reading->in_platform)
		return lockfile_wrong(reading, err, "an instruction without a platform before it");
	before = lock_entry_onbuild(reading->entry, &reading->platform);
	text = strcmp(instruction, "none") == 0 ? mem_strdup("")
						: mem_printf("%s%s\n", before ? before : "", instruction);
	lock_entry_set_onbuild(reading->entry, &reading->platform, text);
	return 0;
}

static int lockfile_take_entry(struct lockfile_reading *reading, const char *name, const char *digest, struct error **err)
{
	cleanup_free char *reference = lock_reference(name);

	if (!reference || strcmp(reference, name) != 0)
		return lockfile_wrong(reading, err, "this is not an image with registry and tag");
	if (lockfile_find(reading->lock, name))
		return lockfile_wrong(reading, err, "the image stands there twice");
	reading->entry = lock_entry_new(name, digest);
	lockfile_put(reading->lock, reading->entry);
	reading->in_platform = false;
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
		if (strcmp(line, "version 1") == 0 || strcmp(line, "version 2") == 0)
			return 0;
		return lockfile_wrong(reading, err, "this cbuild reads \"version 1\" and \"version 2\"");
	}
	if (strncmp(line, ONBUILD_LINE, strlen(ONBUILD_LINE)) == 0)
		return take_onbuild(reading, line + strlen(ONBUILD_LINE), err);
	if (!digest || !digest_valid(digest + 1))
		return lockfile_wrong(reading, err, "a name and a digest are wanted");
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
