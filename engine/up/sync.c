#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/archive.h"
#include "engine/up/sync_tree.h"
#include "engine/up/up_internal.h"

/* Copies changed files into services that run (`develop.watch`). */

#define SYNC_MAX ((uint64_t)1 << 30) /* bytes that are copied at once: more is rather built into a new image */
#define SYNC_BLOCK 65536
#define REMOVE_MS 30000            /* for `rm` in the container */
#define EXEC_MS (10u * 60 * 1000u) /* for a rule's command */

/* What is to be done in one container. */
struct sync_part {
	struct up *up;
	struct actor *actor;
	struct sync_change *changes; /* of its service alone */
	size_t len;
};

/* ---- the tar ---- */

/* A file that has become shorter is filled up: that it changes once more is seen, and it is copied again. */
static int sync_add_content(struct tar_writer *writer, int fd, const struct sync_change *change, uint64_t size,
			    struct error **err)
{
	char block[SYNC_BLOCK];

	for (uint64_t left = size; left > 0;) {
		size_t want = left < sizeof(block) ? (size_t)left : sizeof(block);
		ssize_t n = read(fd, block, want);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, ERROR_STATE, errno, "%s", change->from);
		if (n == 0)
			memset(block, 0, (size_t)(n = (ssize_t)want));
		if (tar_writer_bytes(writer, block, (size_t)n, err) < 0)
			return -1;
		left -= (uint64_t)n;
	}
	return 0;
}

static int sync_add_link(struct tar_writer *writer, const struct sync_change *change, struct tar_item *item,
			 struct error **err)
{
	char text[PATH_MAX + 1];
	ssize_t n = readlink(change->from, text, PATH_MAX);

	if (n < 0)
		return errno == ENOENT || errno == EINVAL ? 0 : error_errno(err, ERROR_STATE, errno, "%s", change->from);
	text[n] = '\0';
	item->link = text;
	item->size = 0;
	return tar_writer_item(writer, item, err) < 0 ? -1 : 1;
}

/* 1, or 0: it is gone or something else by now, which the next look finds. */
static int sync_add_file(struct tar_writer *writer, const struct sync_change *change, struct tar_item *item,
			 uint64_t *room, struct error **err)
{
	cleanup_fd int fd = open(change->from, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP || errno == ENOTDIR
			       ? 0
			       : error_errno(err, ERROR_STATE, errno, "%s", change->from);
	if (fstat(fd, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", change->from);
	if (!S_ISREG(st.st_mode))
		return 0;
	if ((uint64_t)st.st_size > *room)
		return error_make(err, ERROR_STATE, "%s: too much to copy into a running container", change->from);
	*room -= (uint64_t)st.st_size;
	item->size = (uint64_t)st.st_size;
	if (tar_writer_item(writer, item, err) < 0 || sync_add_content(writer, fd, change, item->size, err) < 0)
		return -1;
	return 1;
}

/* Owned by root, as compose copies them. */
static int sync_add_item(struct tar_writer *writer, const struct sync_change *change, uint64_t *room, struct error **err)
{
	struct tar_item item = { .name = change->to + 1 };
	struct stat st;
	int r = fs_find(change->from, &st, err);

	if (r <= 0 || !*item.name)
		return r < 0 ? -1 : 0;
	item.mode = (uint32_t)st.st_mode;
	item.mtime = st.st_mtim.tv_sec;
	if (S_ISLNK(st.st_mode))
		return sync_add_link(writer, change, &item, err);
	if (S_ISDIR(st.st_mode))
		return tar_writer_item(writer, &item, err) < 0 ? -1 : 1;
	return sync_add_file(writer, change, &item, room, err);
}

static int sync_write_tar(const struct sync_part *part, int fd, size_t *ret_items, struct error **err)
{
	cleanup_tar_writer struct tar_writer *writer = NULL;
	uint64_t room = SYNC_MAX;

	if (tar_writer_new(fd, "the copied files", &writer, err) < 0)
		return -1;
	for (size_t i = 0; i < part->len; i++) {
		const struct sync_change *change = &part->changes[i];
		int r = change->removed || !change->to ? 0 : sync_add_item(writer, change, &room, err);

		if (r < 0)
			return -1;
		*ret_items += (size_t)r;
	}
	return tar_writer_end(writer, err);
}

static int put_files(const struct sync_part *part, struct error **err)
{
	cleanup_fd int fd = fs_unnamed(err);
	size_t items = 0;
	off_t len;

	if (fd < 0 || sync_write_tar(part, fd, &items, err) < 0)
		return -1;
	len = lseek(fd, 0, SEEK_CUR);
	if (len < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_errno(err, ERROR_STATE, errno, "the copied files");
	return items == 0 ? 0 : container_put(part->actor->container, fd, (uint64_t)len, err);
}

/* ---- the container ---- */

/* Runs the words inside; what they print is shown when they fail, or with `shows`. */
static int run_inside(const struct sync_part *part, const char *const *words, uint64_t ms, bool shows, struct error **err)
{
	cleanup_buf struct buf said = { 0 };
	bool good = false;

	if (container_healthcheck(part->actor->container, words, ms, &good, &said, err) < 0)
		return -1;
	if (!good)
		return error_make(err, ERROR_HEALTH, "`%s` failed in %s%s%s", words[0], part->actor->name,
				  said.len ? ": " : "", said.len ? said.data : "");
	for (const char *line = said.data; shows && line && *line;) {
		size_t len = strcspn(line, "\n");

		tell_line(part->up, part->actor->name, line, len);
		line += len + (line[len] == '\n');
	}
	return 0;
}

/* A folder goes with what was in it, so nothing below it is named. */
static int remove_files(const struct sync_part *part, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	const char *last = NULL;
	size_t fixed;

	argv_add(&argv, "rm");
	argv_add(&argv, "-rf");
	argv_add(&argv, "--");
	fixed = argv.len;
	for (size_t i = 0; i < part->len; i++) {
		const struct sync_change *change = &part->changes[i];

		if (!change->removed || !change->to || (last && path_inside(last, change->to)))
			continue;
		last = change->to;
		argv_add(&argv, change->to);
	}
	return argv.len == fixed ? 0 : run_inside(part, (const char *const *)argv.items, REMOVE_MS, false, err);
}

static bool wants_restart(const struct sync_part *part)
{
	for (size_t i = 0; i < part->len; i++) {
		if (part->changes[i].rule->action == WATCH_RESTART || part->changes[i].rule->action == WATCH_SYNC_RESTART)
			return true;
	}
	return false;
}

/* Who else follows the service then knows that it comes back. */
static int restart(const struct sync_part *part, struct error **err)
{
	cleanup_fd int lock = -1;

	if (up_lock(part->up->job->state_dir, false, &lock, err) < 0)
		return -1;
	return containers_restart(&part->actor->container, 1, &part->up->hurry, err);
}

/* Each rule's command once. */
static int run_commands(const struct sync_part *part, struct error **err)
{
	const struct watch_rule *last = NULL;

	for (size_t i = 0; i < part->len; i++) {
		const struct watch_rule *rule = part->changes[i].rule;
		const char **words;
		int r;

		if (rule->action != WATCH_SYNC_EXEC || rule == last)
			continue;
		last = rule;
		words = mem_array(rule->command.len + 1, sizeof(*words));
		for (size_t j = 0; j < rule->command.len; j++)
			words[j] = rule->command.items[j].s;
		r = run_inside(part, words, EXEC_MS, true, err);
		free(words);
		if (r < 0)
			return -1;
	}
	return 0;
}

static void tell_synced(const struct sync_part *part, bool restarts)
{
	struct up_event event = { .kind = UP_SYNCED, .service = part->actor->name, .restarts = restarts };
	const char *dir = part->up->job->manifest->dir, *relative;

	for (size_t i = 0; i < part->len; i++) {
		if (part->changes[i].folder)
			continue;
		relative = path_relative(dir, part->changes[i].from);
		event.text = arena_strdup(part->actor->arena, relative ? relative : part->changes[i].from);
		event.files++;
	}
	if (event.files != 1)
		event.text = NULL;
	if (event.files > 0)
		up_tell(part->up, &event);
}

static int sync_one(const struct sync_part *part, struct error **err)
{
	bool restarts = wants_restart(part);

	if (remove_files(part, err) < 0 || put_files(part, err) < 0)
		return -1;
	tell_synced(part, restarts);
	if (restarts && restart(part, err) < 0)
		return -1;
	return run_commands(part, err);
}

/* ---- all of them ---- */

static void sync_done(void *arg)
{
	struct up_sync *sync = arg;
	struct error *error = steal_ptr(sync->error);
	void (*done)(void *data, struct error *error) = sync->done;
	void *data = sync->data;

	arena_free(sync->arena);
	free(sync->changes);
	free(sync);
	done(data, error);
}

/* Changes are in the order of the services' rules, so those of one service stand together. */
static void sync_all(struct up *up, struct up_sync *sync)
{
	int r = 0;

	for (size_t i = 0; i < up->stack.len && r == 0; i++) {
		struct sync_part part = { .up = up, .actor = &up->stack.actors[i] };

		for (size_t j = 0; j < sync->len; j++) {
			if (sync->changes[j].service != part.actor->part->service)
				continue;
			if (part.len++ == 0)
				part.changes = &sync->changes[j];
		}
		if (part.len == 0 || (sync->initial && up->kept[i]))
			continue;
		/* The change may be what it takes to run again. */
		if (up->ended[i])
			r = error_make(&sync->error, ERROR_HEALTH, "%s has ended: nothing can be copied into it",
				       part.actor->name);
		else
			r = sync_one(&part, &sync->error);
	}
	loop_post(up->job->loop, sync_done, sync);
}

void sync_answer(struct up *up)
{
	struct up_sync *sync;

	if (!atomic_exchange(&up->asked, false))
		return;
	sync = atomic_load(&up->sync);
	atomic_store(&up->sync, NULL);
	sync_all(up, sync);
}

void sync_close(struct up *up)
{
	struct up_sync *sync = atomic_load(&up->sync);

	if (!sync)
		return;
	arena_free(sync->arena);
	free(sync->changes);
	free(sync);
}

bool up_sync(struct up *up, const struct sync_tree *before, const struct sync_tree *now,
	     void (*done)(void *data, struct error *error), void *data)
{
	struct up_sync *sync = mem_alloc(sizeof(*sync));

	*sync = (struct up_sync){ .arena = arena_new(), .initial = !before, .done = done, .data = data };
	sync->len = sync_tree_changes(before, now, sync->arena, &sync->changes);
	if (sync->len == 0) {
		arena_free(sync->arena);
		free(sync->changes);
		free(sync);
		return false;
	}
	atomic_store(&up->sync, sync);
	atomic_store(&up->asked, true);
	loop_wake(up->job->loop);
	return true;
}
