#include "config.h"

#include "engine/source/context.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/thread.h"
#include "base/workers.h"
#include "engine/source/chosen.h"
#include "engine/source/content.h"
#include "engine/source/detour.h"
#include "engine/source/select.h"
#include "engine/source/sha.h"
#include "engine/source/statindex.h"
#include "engine/source/walk.h"

#define INDEX_WORTH_A_THREAD (1 << 20) /* bytes: reading less takes less time than starting a thread */
#define NANOSECONDS ((int64_t)1000000000)
#define SELECTIONS_A_THREAD 64

struct selection {
	struct filter filter;
	struct selector *selector;
	struct top *top;
	struct hash128 digest;
	/* created on first use, under the source's lock */
	struct chosen chosen;
	struct source_entry *entries;
	bool shown;
};

/* A walk and the folders (tops) it was made for. */
struct trip {
	struct walk walk;
	struct top **tops;
	size_t len, cap;
};

struct source {
	char *base, *index_path;
	struct statindex *index; /* by index_of: may still be loading */
	pthread_t reader;
	bool reading;
	struct map *roots; /* path -> top */
	struct selection **selections;
	size_t selections_len, selections_cap;
	struct trip **trips;
	size_t trips_len, trips_cap;
	struct selector **spare; /* selectors for reuse by source_file */
	size_t spare_len, spare_cap;
	struct arena *arena;
	pthread_mutex_t lock; /* after the scan, guards trips, spare and arena, which grow, and what selections create on first use */
	pthread_mutex_t reading_sha; /* held while nodes get their sha256 */
	bool (*cancelled)(void *data);
	void *cancelled_data;
	int64_t now;
	atomic_bool dirty;
};

static const struct filter everything = { .whole = true };

static void *read_in_thread(void *data)
{
	struct source *source = data;

	source->index = statindex_open(source->index_path);
	return NULL;
}

/* A large index is read in a thread while the caller goes on. */
static void read_stat_index(struct source *source)
{
	struct stat st;

	source->reading = source->index_path && stat(source->index_path, &st) == 0 &&
			  st.st_size >= INDEX_WORTH_A_THREAD &&
			  thread_start(&source->reader, read_in_thread, source) == 0;
	if (!source->reading)
		source->index = statindex_open(source->index_path);
}

/* One thread at a time until the first call has returned. */
static struct statindex *index_of(struct source *source)
{
	if (source->reading) {
		pthread_join(source->reader, NULL);
		source->reading = false;
	}
	return source->index;
}

int source_open(const char *base, const char *index_path, struct source **ret, struct error **err)
{
	struct source *source;
	struct timespec now;

	if (clock_gettime(CLOCK_REALTIME, &now) < 0)
		return error_errno(err, ERROR_INTERNAL, errno, "cannot read the clock");
	source = mem_alloc(sizeof(*source));
	source->base = mem_strdup(base);
	source->index_path = index_path ? mem_strdup(index_path) : NULL;
	read_stat_index(source);
	source->roots = map_new();
	source->arena = arena_new();
	pthread_mutex_init(&source->lock, NULL);
	pthread_mutex_init(&source->reading_sha, NULL);
	source->now = (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
	*ret = source;
	return 0;
}

void source_clock(struct source *source, int64_t now)
{
	source->now = now * NANOSECONDS;
}

static void top_free(struct top *top)
{
	free((void *)top->selectors);
	free(top->inner);
	free(top);
}

static void trip_free(struct trip *trip)
{
	walk_free(&trip->walk);
	for (size_t i = 0; i < trip->len; i++)
		top_free(trip->tops[i]);
	free(trip->tops);
	free(trip);
}

void source_free(struct source *source)
{
	if (!source)
		return;
	for (size_t i = 0; i < source->selections_len; i++) {
		chosen_free(&source->selections[i]->chosen);
		free(source->selections[i]->entries);
		selector_free(source->selections[i]->selector);
		free(source->selections[i]);
	}
	for (size_t i = 0; i < source->trips_len; i++)
		trip_free(source->trips[i]);
	if (source->trips_len == 0) /* not scanned yet: the tops are still in the map */
		for (size_t i = 0; i < map_len(source->roots); i++)
			top_free(map_value(source->roots, i));
	for (size_t i = 0; i < source->spare_len; i++)
		selector_free(source->spare[i]);
	free(source->spare);
	free(source->selections);
	free(source->trips);
	map_free(source->roots);
	statindex_free(index_of(source));
	arena_free(source->arena);
	pthread_mutex_destroy(&source->lock);
	pthread_mutex_destroy(&source->reading_sha);
	free(source->base);
	free(source->index_path);
	free(source);
}

static bool same_list(const char *const *a, size_t a_len, const char *const *b, size_t b_len)
{
	if (a_len != b_len)
		return false;
	for (size_t i = 0; i < a_len && a != b; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool same_excludes(const struct filter *a, const struct filter *b)
{
	for (size_t i = 0; i < a->patterns_len; i++)
		if ((a->excludes ? a->excludes[i] : NULL) != (b->excludes ? b->excludes[i] : NULL))
			return false;
	return true;
}

static bool same_filter(const struct filter *a, const struct filter *b)
{
	return a->ignore == b->ignore && a->whole == b->whole && a->deep == b->deep && a->parents == b->parents &&
	       same_list(a->patterns, a->patterns_len, b->patterns, b->patterns_len) && same_excludes(a, b) &&
	       same_list(a->except, a->except_len, b->except, b->except_len);
}

static struct top *top_new(const char *path)
{
	struct top *top = mem_alloc(sizeof(*top));

	top->path = path;
	return top;
}

static void top_select(struct top *top, const struct selector *selector)
{
	size_t cap = top->selectors_len;

	mem_reserve(&top->selectors, &cap, top->selectors_len + 1, sizeof(*top->selectors));
	top->selectors[top->selectors_len++] = selector;
}

size_t source_add(struct source *source, const char *root, const struct filter *filter)
{
	struct top *top = map_get(source->roots, root);
	struct selection *selection;

	for (size_t i = 0; top && i < source->selections_len; i++)
		if (source->selections[i]->top == top && same_filter(&source->selections[i]->filter, filter))
			return i;
	if (!top) {
		const char *path = arena_strdup(source->arena, root);

		top = top_new(path);
		map_set(source->roots, path, top);
	}
	selection = mem_alloc(sizeof(*selection));
	selection->filter = *filter;
	selection->selector = selector_new(&selection->filter);
	selection->top = top;
	top_select(top, selection->selector);
	mem_reserve(&source->selections, &source->selections_cap, source->selections_len + 1,
		    sizeof(*source->selections));
	source->selections[source->selections_len++] = selection;
	return source->selections_len - 1;
}

/* Tells each top which other tops lie inside it. */
static void nest(struct source *source)
{
	for (size_t i = 0; i < map_len(source->roots); i++) {
		struct top *top = map_value(source->roots, i);
		cleanup_free char *path = mem_strdup(top->path);

		for (char *slash = strrchr(path, '/'); slash && path[1]; slash = strrchr(path, '/')) {
			struct top *outer;
			size_t cap;

			slash[slash == path] = '\0'; /* "/" keeps its slash */
			outer = map_get(source->roots, path);
			if (!outer || outer == top)
				continue;
			cap = outer->inner_len;
			mem_reserve(&outer->inner, &cap, outer->inner_len + 1, sizeof(*outer->inner));
			outer->inner[outer->inner_len++] = top;
			if (!top->outer)
				top->outer = outer;
		}
	}
}

static void trip_add(struct trip *trip, struct top *top)
{
	mem_reserve(&trip->tops, &trip->cap, trip->len + 1, sizeof(*trip->tops));
	trip->tops[trip->len++] = top;
}

static struct trip *trip_new(struct source *source)
{
	struct trip *trip = mem_alloc(sizeof(*trip));

	pthread_mutex_lock(&source->lock);
	mem_reserve(&source->trips, &source->trips_cap, source->trips_len + 1, sizeof(*source->trips));
	source->trips[source->trips_len++] = trip;
	pthread_mutex_unlock(&source->lock);
	return trip;
}

static int trip_walk(struct source *source, struct trip *trip, struct error **err)
{
	trip->walk.index = index_of(source);
	trip->walk.base = source->base;
	trip->walk.now = source->now;
	trip->walk.tops = trip->tops;
	trip->walk.tops_len = trip->len;
	trip->walk.threads = workers_count(SIZE_MAX, 1);
	if (walk_run(&trip->walk, err) < 0)
		return -1;
	for (size_t i = 0; i < trip->len; i++)
		if (!trip->tops[i]->dir)
			return error_make(err, ERROR_USAGE, "%s: the folder does not exist", trip->tops[i]->path);
	if (trip->walk.dropped || trip->walk.learned)
		source->dirty = true;
	return 0;
}

static int trip_hash(struct source *source, struct trip *trip, struct error **err)
{
	if (content_hash(trip->walk.wanted, trip->walk.wanted_len, err) < 0)
		return -1;
	for (size_t i = 0; i < trip->walk.wanted_len; i++)
		if (walk_settled(&trip->walk.wanted[i].node->stamp, source->now))
			source->dirty = true;
	return 0;
}

/* Walks again for selections whose patterns led to links, until no new ones appear. */
static int follow_detours(struct source *source, struct trip *trip, struct error **err)
{
	while (trip->walk.detours_len > 0) {
		struct trip *next = NULL;

		for (size_t i = 0; i < source->selections_len; i++) {
			struct selection *selection = source->selections[i];
			struct top *top;

			if (!detour_follow(selection->selector, trip->walk.detours, trip->walk.detours_len))
				continue;
			next = next ? next : trip_new(source);
			top = top_new(selection->top->path);
			top_select(top, selection->selector);
			trip_add(next, top);
			selection->top = top;
		}
		if (!next)
			return 0;
		trip = next;
		if (trip_walk(source, trip, err) < 0)
			return -1;
	}
	return 0;
}

static void choose_files(void *data, size_t index, unsigned worker)
{
	struct source *source = data;
	struct selection *selection = source->selections[index];

	(void)worker;
	selection->digest = chosen_digest(selection->top, selection->selector);
}

int source_scan(struct source *source, struct error **err)
{
	struct trip *trip = trip_new(source);
	size_t trips;

	nest(source);
	for (size_t i = 0; i < map_len(source->roots); i++)
		trip_add(trip, map_value(source->roots, i));
	if (trip_walk(source, trip, err) < 0 || follow_detours(source, trip, err) < 0)
		return -1;
	trips = source->trips_len;
	for (size_t i = 0; i < trips; i++)
		if (trip_hash(source, source->trips[i], err) < 0)
			return -1;
	workers_run(source->selections_len, workers_count(source->selections_len, SELECTIONS_A_THREAD), choose_files,
		    source);
	return 0;
}

struct hash128 source_digest(const struct source *source, size_t selection)
{
	return source->selections[selection]->digest;
}

const struct source_entry *source_entries(struct source *source, size_t index, size_t *ret_len)
{
	struct selection *selection = source->selections[index];

	pthread_mutex_lock(&source->lock);
	if (!selection->shown) {
		chosen_collect(&selection->chosen, selection->top, selection->selector);
		selection->entries = chosen_entries(&selection->chosen);
		selection->shown = true;
	}
	pthread_mutex_unlock(&source->lock);
	*ret_len = selection->chosen.len;
	return selection->entries;
}

const struct stamp *source_stamp(const struct source *source, size_t selection, size_t entry)
{
	return &source->selections[selection]->chosen.nodes[entry]->stamp;
}

int64_t source_mtime(const struct source *source, size_t selection, size_t entry)
{
	return source_stamp(source, selection, entry)->mtime;
}

bool source_takes(const struct source *source, size_t selection, const char *path)
{
	return selector_takes(source->selections[selection]->selector, path);
}

static const char *keep_text(struct source *source, const char *text)
{
	const char *kept;

	pthread_mutex_lock(&source->lock);
	kept = arena_strdup(source->arena, text);
	pthread_mutex_unlock(&source->lock);
	return kept;
}

static void *keep_bytes(struct source *source, size_t len)
{
	void *kept;

	pthread_mutex_lock(&source->lock);
	kept = arena_alloc(source->arena, len);
	pthread_mutex_unlock(&source->lock);
	return kept;
}

int source_read_sha256(struct source *source, size_t index, struct error **err)
{
	struct selection *selection = source->selections[index];
	struct sha_reading reading = { .cancelled = source->cancelled, .data = source->cancelled_data };
	cleanup_free const struct walk_node **nodes = NULL;
	int r;

	source_entries(source, index, &reading.len);
	nodes = mem_array(reading.len + 1, sizeof(*nodes));
	pthread_mutex_lock(&source->reading_sha);
	reading.len = 0;
	for (size_t i = 0; i < selection->chosen.len; i++)
		if (S_ISREG(selection->chosen.nodes[i]->mode) && !selection->chosen.nodes[i]->sha256)
			nodes[reading.len++] = selection->chosen.nodes[i];
	reading.nodes = nodes;
	reading.top = selection->top->host->path;
	reading.room = keep_bytes(source, (reading.len + 1) * SHA_BYTES);
	r = sha_read(&reading, err);
	pthread_mutex_unlock(&source->reading_sha);
	for (size_t i = 0; i < reading.len; i++)
		if (nodes[i]->sha256 && walk_settled(&nodes[i]->stamp, source->now))
			source->dirty = true;
	return r;
}

const unsigned char *source_sha256(const struct source *source, size_t selection, size_t entry)
{
	return source->selections[selection]->chosen.nodes[entry]->sha256;
}

void source_cancels(struct source *source, bool (*cancelled)(void *data), void *data)
{
	source->cancelled = cancelled;
	source->cancelled_data = data;
}

long source_unmatched(const struct source *source, size_t selection)
{
	return selector_unmatched(source->selections[selection]->selector);
}

/* A whole folder, outside any selection. */
static int folder_digest(struct source *source, const char *path, struct hash128 *ret, struct error **err)
{
	struct trip *trip = trip_new(source);
	struct selector *selector = selector_new(&everything);
	struct top *top = top_new(keep_text(source, path));

	pthread_mutex_lock(&source->lock);
	mem_reserve(&source->spare, &source->spare_cap, source->spare_len + 1, sizeof(*source->spare));
	source->spare[source->spare_len++] = selector;
	pthread_mutex_unlock(&source->lock);
	top_select(top, selector);
	trip_add(trip, top);
	if (trip_walk(source, trip, err) < 0 || trip_hash(source, trip, err) < 0)
		return -1;
	*ret = chosen_digest(top, selector);
	return 0;
}

/* A single file: a walk of its folder that looks at only one name. */
static int file_digest(struct source *source, const char *path, const struct stat *st, struct hash128 *ret,
		       struct error **err)
{
	cleanup_free char *folder = path_dir(path);
	const char *name = path_base(path);
	struct trip *trip;
	struct top *top;
	struct walk_node *node;
	const struct statindex *index = index_of(source);
	struct cursor cursor = statindex_cursor(index, statindex_find(index, source->base, folder));
	const struct stat_record *record = statindex_seek(&cursor, name);
	struct stamp stamp = walk_stamp(st);

	if (record && record->mode == st->st_mode && record->size == stamp.size && record->mtime == stamp.mtime &&
	    record->ctime == stamp.ctime && record->inode == stamp.inode && record->mtime <= source->now &&
	    record->ctime <= source->now) {
		*ret = (struct hash128){ record->digest_lo, record->digest_hi };
		return 0;
	}
	trip = trip_new(source);
	top = top_new(keep_text(source, folder));
	top->host = top;
	top->dir = keep_bytes(source, sizeof(*top->dir));
	top->dir->partial = true;
	top->dir->nodes = node = keep_bytes(source, sizeof(*node));
	top->dir->len = 1;
	node->path = keep_text(source, name);
	trip_add(trip, top);
	trip->walk.wanted = mem_alloc(sizeof(*trip->walk.wanted));
	trip->walk.wanted[trip->walk.wanted_len++] = (struct wanted){ node, top->path };
	if (trip_hash(source, trip, err) < 0)
		return -1;
	*ret = node->digest;
	return 0;
}

int source_file(struct source *source, const char *path, struct hash128 *ret, bool *ret_found, struct error **err)
{
	cleanup_free char *resolved = NULL;
	char text[PATH_MAX];
	struct stat st;
	ssize_t len;

	*ret_found = false;
	if (lstat(path, &st) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	}
	*ret_found = true;
	if (S_ISLNK(st.st_mode)) {
		resolved = realpath(path, NULL);
		if (!resolved) {
			len = readlink(path, text, sizeof(text));
			if (len < 0)
				return error_errno(err, ERROR_STATE, errno, "%s: the link cannot be read", path);
			*ret = hash_bytes(text, (size_t)len);
			return 0;
		}
		path = resolved;
		if (lstat(path, &st) < 0)
			return error_errno(err, ERROR_STATE, errno, "%s: cannot be read", path);
	}
	if (S_ISDIR(st.st_mode))
		return folder_digest(source, path, ret, err);
	if (!S_ISREG(st.st_mode))
		return error_make(err, ERROR_USAGE, "%s: it is neither a file nor a folder", path);
	return file_digest(source, path, &st, ret, err);
}

char *source_changed(const struct source *source, size_t index)
{
	const struct selection *selection = source->selections[index];
	struct top top = { .path = selection->top->path,
			   .selectors = (const struct selector *[]){ selection->selector },
			   .selectors_len = 1 };
	struct walk walk = { .base = source->base,
			     .now = source->now,
			     .tops = (struct top *[]){ &top },
			     .tops_len = 1,
			     .threads = 1 };
	struct chosen before = { 0 }, now = { 0 };
	const char *changed;
	char *path = NULL;

	if (walk_run(&walk, NULL) < 0 || !top.dir) {
		/* if it can no longer be walked, it has changed */
		const char *relative = walk.failed ? path_relative(top.path, walk.failed) : NULL;

		path = mem_strdup(relative ? relative : ".");
	} else {
		chosen_collect(&before, selection->top, selection->selector);
		chosen_collect(&now, &top, selection->selector);
		changed = chosen_differ(&before, &now);
		path = changed ? mem_strdup(changed) : NULL;
	}
	chosen_free(&before);
	chosen_free(&now);
	walk_free(&walk);
	return path;
}

int source_save(struct source *source, struct error **err)
{
	struct top **tops = NULL;
	size_t len = 0, cap = 0;
	int status;

	if (!source->index_path || !source->dirty)
		return 0;
	for (size_t i = 0; i < source->trips_len; i++) {
		mem_reserve(&tops, &cap, len + source->trips[i]->len + 1, sizeof(*tops));
		for (size_t j = 0; j < source->trips[i]->len; j++)
			tops[len++] = source->trips[i]->tops[j];
	}
	status = statindex_write(source->index_path, source->base, index_of(source), tops, len, source->now - RACY_TIME,
				 err);
	free(tops);
	if (status == 0)
		source->dirty = false;
	return status;
}
