#include "config.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/exec/roots.h"
#include "engine/exec/run.h"
#include "engine/exec/tidy.h"
#include "engine/oci/blob_files.h"
#include "engine/oci/layout.h"
#include "engine/oci/reach.h"
#include "engine/state/state.h"

/* What is removed together: a service's records and tags, or a tag without a record. */
struct prune_unit {
	const char *name;
	int64_t when_ms; /* of its newest record */
	bool given_up;
	bool needed; /* must be kept */
	struct reach reach;
};

/* A blob, and the number of units that need it. */
struct use {
	size_t units;
	uint64_t size;
};

struct prune {
	struct layout *layout;
	struct state *state;
	const struct tidy_options *options;
	struct tidy_freed *freed;
	struct arena *arena;
	struct roots roots;
	size_t *unit_of; /* of each root */
	struct prune_unit *units;
	size_t units_len;
	struct map *by_name; /* unit + 1 */
	struct map *uses;
	int64_t first_run, last_run; /* of the history */
	uint64_t needed;             /* bytes of all blobs that some unit needs */
};

/* ---- what is needed ---- */

static size_t unit_called(struct prune *prune, const char *name)
{
	void *found = map_get(prune->by_name, name);

	if (found)
		return (size_t)found - 1;
	prune->units[prune->units_len++].name = name;
	map_set(prune->by_name, name, (void *)prune->units_len);
	return prune->units_len - 1;
}

/* "build:web:linux/amd64": the service is "web". References have no such form. */
static const char *unit_name(struct prune *prune, const char *node)
{
	const char *service = strchr(node, ':') + 1;

	return arena_printf(prune->arena, "service %.*s", (int)strcspn(service, ":"), service);
}

static size_t find_unit(struct prune *prune, size_t number)
{
	const struct store_root *root = &prune->roots.items[number];

	if (!root->tag)
		return unit_called(prune, unit_name(prune, root->name));
	for (size_t i = 0; i < number; i++) {
		if (strcmp(prune->roots.items[i].digest, root->digest) == 0)
			return prune->unit_of[i];
	}
	return unit_called(prune, root->name);
}

static void add_unit(struct prune *prune, struct prune_unit *unit)
{
	for (size_t i = 0; i < unit->reach.len; i++) {
		const struct descriptor *blob = &unit->reach.items[i];
		struct use *use = map_get(prune->uses, blob->digest);

		if (!use) {
			use = arena_alloc(prune->arena, sizeof(*use));
			use->size = blob->size;
			map_set(prune->uses, arena_strdup(prune->arena, blob->digest), use);
			prune->needed += use->size;
		}
		use->units++;
	}
}

static int find_needed(struct prune *prune, struct error **err)
{
	if (roots_collect(prune->layout, prune->state, &prune->roots, err) < 0)
		return -1;
	prune->unit_of = arena_array(prune->arena, prune->roots.len + 1, sizeof(*prune->unit_of));
	prune->units = arena_array(prune->arena, prune->roots.len + 1, sizeof(*prune->units));
	for (size_t i = 0; i < prune->roots.len; i++) {
		const struct store_root *root = &prune->roots.items[i];
		struct prune_unit *unit = &prune->units[prune->unit_of[i] = find_unit(prune, i)];
		struct error *error = NULL;

		unit->when_ms = root->when_ms > unit->when_ms ? root->when_ms : unit->when_ms;
		/* Of an incomplete one, what is there stays: the builder may then have less to do. */
		if (reach_collect(prune->layout, root->digest, REACH_QUICK, &unit->reach, &error) < 0 &&
		    error_unreadable(error))
			return error_move(err, &error);
		error_free(error);
	}
	if (layout_seen(prune->layout, err) < 0)
		return -1;
	for (size_t i = 0; i < prune->units_len; i++)
		add_unit(prune, &prune->units[i]);
	return 0;
}

/* ---- the limit ---- */

static void tidy_prune_give_up(struct prune *prune, struct prune_unit *unit)
{
	unit->given_up = true;
	prune->freed->services++;
	for (size_t i = 0; i < unit->reach.len; i++) {
		struct use *use = map_get(prune->uses, unit->reach.items[i].digest);

		if (--use->units == 0)
			prune->needed -= use->size;
	}
}

static void keep_services(struct prune *prune)
{
	for (const char *const *name = prune->options->services; name && *name; name++) {
		void *found = map_get(prune->by_name, arena_printf(prune->arena, "service %s", *name));

		if (found)
			prune->units[(size_t)found - 1].needed = true;
	}
}

static void tidy_prune_keep_to_bound(struct prune *prune)
{
	keep_services(prune);
	while (prune->options->bounded && prune->needed > prune->options->keep) {
		struct prune_unit *oldest = NULL;

		for (size_t i = 0; i < prune->units_len; i++) {
			struct prune_unit *unit = &prune->units[i];

			if (!unit->given_up && !unit->needed && (!oldest || unit->when_ms < oldest->when_ms))
				oldest = unit;
		}
		if (!oldest)
			break;
		tidy_prune_give_up(prune, oldest);
	}
}

/* Another service may use the same image. */
static bool wanted_elsewhere(const struct prune *prune, const char *digest)
{
	for (size_t i = 0; i < prune->roots.len; i++) {
		if (!prune->units[prune->unit_of[i]].given_up && strcmp(prune->roots.items[i].digest, digest) == 0)
			return true;
	}
	return false;
}

/* Records first, then blobs: a forgotten result is made again, but a record without its blobs would be an error. */
static int tidy_prune_forget(struct prune *prune, struct error **err)
{
	for (size_t i = 0; i < prune->roots.len; i++) {
		const struct store_root *root = &prune->roots.items[i];
		const char *reference = root->name;
		int r = 0;

		if (!prune->units[prune->unit_of[i]].given_up)
			continue;
		if (!root->tag)
			r = state_forget(prune->state, root->name, err);
		else if (!wanted_elsewhere(prune, root->digest))
			r = layout_untag(prune->layout, &reference, 1, err);
		if (r < 0)
			return -1;
	}
	return 0;
}

/* ---- removing ---- */

static void tidy_prune_count(struct tidy_part *part, uint64_t bytes)
{
	part->count++;
	part->bytes += bytes;
}

static int remove_blobs(struct prune *prune, struct error **err)
{
	struct blob_file *files;
	size_t len;
	int r = 0;

	if (blob_files_list(prune->layout, &files, &len, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < len; i++) {
		const struct use *use = files[i].digest[0] ? map_get(prune->uses, files[i].digest) : NULL;

		if (use && use->units > 0) {
			tidy_prune_count(&prune->freed->kept, files[i].size);
			continue;
		}
		tidy_prune_count(&prune->freed->blobs, files[i].size);
		if (!prune->options->dry)
			r = blob_files_remove(prune->layout, &files[i], err);
	}
	blob_files_free(files, len);
	return r;
}

static int prune_store(struct prune *prune, struct error **err)
{
	uint64_t left;
	int r = find_needed(prune, err);

	if (r == 0)
		tidy_prune_keep_to_bound(prune);
	if (r == 0 && !prune->options->dry)
		r = tidy_prune_forget(prune, err);
	if (r == 0)
		r = remove_blobs(prune, err);
	for (size_t i = 0; i < prune->units_len; i++)
		reach_free(&prune->units[i].reach);
	left = r == 0 ? blob_files_sweep(prune->layout, prune->options->dry) : 0;
	if (left > 0)
		tidy_prune_count(&prune->freed->leftovers, left);
	return r;
}

/* Removes the content of a folder of the state, except the names in `keep` (NULL: none). */
static int prune_folder(struct prune *prune, const char *name, bool (*keep)(const struct prune *prune, const char *name),
			struct tidy_part *part, struct error **err)
{
	cleanup_free char *folder = path_join(prune->options->state_dir, name);
	struct dirent *entry;
	DIR *dir = fs_opendir(folder);
	int r = 0;

	if (!dir)
		return 0;
	while (r == 0 && (entry = readdir(dir))) {
		cleanup_free char *path = path_join(folder, entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    (keep && keep(prune, entry->d_name)))
			continue;
		tidy_prune_count(part, fs_usage(path));
		if (!prune->options->dry)
			r = fs_remove_tree(path, err);
	}
	closedir(dir);
	return r;
}

static bool in_history(const struct prune *prune, const char *name)
{
	char *end;
	long long run = strtoll(name, &end, 10);

	return !*end && prune->first_run > 0 && run >= prune->first_run && run <= prune->last_run;
}

static bool source_is_used(const struct prune *prune, const char *name)
{
	const char *const *used = prune->options->sources;

	while (*used && strcmp(*used, name) != 0)
		used++;
	return *used != NULL;
}

static int prune_folders(struct prune *prune, struct error **err)
{
	struct tidy_freed *freed = prune->freed;

	if (state_run_range(prune->state, &prune->first_run, &prune->last_run, err) < 0 ||
	    prune_folder(prune, "logs", in_history, &freed->logs, err) < 0)
		return -1;
	/* Results of a run in progress are in use. */
	if (prune->options->dry && run_needs_sweep(prune->options->state_dir))
		return 0;
	if (prune_folder(prune, "locks", NULL, &freed->locks, err) < 0 ||
	    prune_folder(prune, "sources", source_is_used, &freed->sources, err) < 0)
		return -1;
	return prune_folder(prune, "run", NULL, &freed->leftovers, err);
}

int tidy_size(struct layout *layout, uint64_t *ret_bytes, struct error **err)
{
	struct blob_file *files;
	size_t len;

	if (blob_files_list(layout, &files, &len, err) < 0)
		return -1;
	*ret_bytes = 0;
	for (size_t i = 0; i < len; i++)
		*ret_bytes += files[i].size;
	blob_files_free(files, len);
	return 0;
}

int tidy_prune(struct layout *layout, struct state *state, const struct tidy_options *options, struct tidy_freed *ret,
	       struct error **err)
{
	struct prune prune = {
		.layout = layout,
		.state = state,
		.options = options,
		.freed = ret,
		.arena = arena_new(),
		.by_name = map_new(),
		.uses = map_new(),
	};
	int r;

	*ret = (struct tidy_freed){ 0 };
	r = layout ? prune_store(&prune, err) : 0;
	if (r == 0)
		r = prune_folders(&prune, err);
	roots_free(&prune.roots);
	map_free(prune.by_name);
	map_free(prune.uses);
	arena_free(prune.arena);
	return r;
}
