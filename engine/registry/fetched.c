#include "config.h"

#include "engine/registry/fetched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/git_url.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/remote.h"
#include "base/text.h"
#include "base/xxh3.h"
#include "engine/oci/lockfile.h"
#include "engine/oci/unpack.h"
#include "engine/registry/git_tree.h"
#include "engine/registry/urls.h"

#define UNKNOWN "unknown"
#define PIN_MAX 256 /* bytes of a file that keeps one */

struct fetched {
	struct fetched_options options;
	struct arena *arena;
	char *sources; /* .cbuild/sources */
	struct lockfile *lock;
	bool lock_read;
	struct error *lock_error;
	struct map *asked; /* shown -> pin, in this run */
};

struct fetched *fetched_new(const struct fetched_options *options)
{
	struct fetched *fetched = mem_alloc(sizeof(*fetched));

	*fetched = (struct fetched){ .options = *options, .arena = arena_new(), .asked = map_new() };
	fetched->options.lock = arena_strdup(fetched->arena, options->lock);
	fetched->options.state_dir = arena_strdup(fetched->arena, options->state_dir);
	fetched->sources = path_join(options->state_dir, "sources");
	return fetched;
}

void fetched_free(struct fetched *fetched)
{
	if (!fetched)
		return;
	lockfile_free(fetched->lock);
	error_free(fetched->lock_error);
	map_free(fetched->asked);
	arena_free(fetched->arena);
	free(fetched->sources);
	free(fetched);
}

/* ---- what is known ---- */

static const char *locked(struct fetched *fetched, const char *shown)
{
	if (!fetched->lock_read && lockfile_read(fetched->options.lock, &fetched->lock, &fetched->lock_error) < 0)
		fetched->lock = NULL;
	fetched->lock_read = true;
	return lockfile_url(fetched->lock, shown);
}

/* The file that keeps what was there when it was asked last. */
static char *memory_path(const struct fetched *fetched, const char *shown)
{
	char hex[HASH_HEX + 1];

	hash_hex(hash_bytes(shown, strlen(shown)), hex);
	return mem_printf("%s/at-%s", fetched->sources, hex);
}

static const char *remembered(struct fetched *fetched, const char *shown)
{
	cleanup_free char *path = memory_path(fetched, shown);
	cleanup_buf struct buf text = { 0 };
	bool found;

	if (fs_read_if(path, PIN_MAX, &text, &found, NULL) < 0 || !found || !lock_pin_valid(text.data))
		return NULL;
	return arena_strdup(fetched->arena, text.data);
}

/* A commit that stands in the URL, "commit:..."; or NULL. */
static const char *pinned(struct fetched *fetched, const char *url)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *why, *commit;

	if (!remote_is_git(url) || !git_url_parse(url, &git, &why))
		return NULL;
	commit = git_url_pinned(&git);
	return commit ? arena_printf(fetched->arena, "commit:%s", commit) : NULL;
}

/* What is there, as far as it is known; NULL: it has to be asked. */
static const char *known_pin(struct fetched *fetched, const char *url, const char *shown)
{
	const char *pin = pinned(fetched, url), *lock;

	if (!pin)
		pin = map_get(fetched->asked, shown);
	if (pin)
		return pin;
	lock = locked(fetched, shown);
	if (fetched->options.again && fetched->options.again(fetched->options.data, shown, lock))
		return NULL;
	return lock ? lock : remembered(fetched, shown);
}

/* What it was, even if this run is going to ask. */
static const char *last_pin(struct fetched *fetched, const char *url, const char *shown)
{
	const char *pin = known_pin(fetched, url, shown);

	if (!pin)
		pin = locked(fetched, shown);
	return pin ? pin : remembered(fetched, shown);
}

/* ---- where it is ---- */

/* With and without its submodules a commit has other files. */
static const char *name_of_pin(struct fetched *fetched, const char *url, const char *pin)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *hash = strchr(pin, ':') + 1, *why;

	if (!remote_is_git(url))
		return arena_printf(fetched->arena, "sha256-%s", hash);
	return arena_printf(fetched->arena, "git-%s%s", hash,
			    git_url_parse(url, &git, &why) && !git.submodules ? "-alone" : "");
}

static const char *folder_of_pin(struct fetched *fetched, const char *url, const char *pin)
{
	return arena_join(fetched->arena, fetched->sources, "/", name_of_pin(fetched, url, pin), NULL);
}

void fetched_find(struct fetched *fetched, const char *url, struct fetched_place *ret)
{
	cleanup_free char *shown = text_without_login(url);
	const char *pin = known_pin(fetched, url, shown), *last = last_pin(fetched, url, shown), *folder, *text;

	folder = last ? folder_of_pin(fetched, url, last)
		      : arena_join(fetched->arena, fetched->sources, "/", UNKNOWN, NULL);
	text = arena_join(fetched->arena, folder, "/text", NULL);
	ret->text = !remote_is_git(url) && fs_exists(text);
	ret->root = ret->text ? text : arena_join(fetched->arena, folder, "/tree", NULL);
	ret->ready = pin && fs_exists(ret->root);
}

void fetched_names(struct fetched *fetched, const char *url, const char **ret_note, const char **ret_folder)
{
	cleanup_free char *shown = text_without_login(url), *note = memory_path(fetched, shown);
	const char *pin = last_pin(fetched, url, shown);

	*ret_note = arena_strdup(fetched->arena, path_base(note));
	*ret_folder = pin ? name_of_pin(fetched, url, pin) : NULL;
}

/* ---- fetching ---- */

static int keep_pin(struct fetched *fetched, const char *shown, const char *pin, struct error **err)
{
	cleanup_free char *path = memory_path(fetched, shown);
	const char *was = remembered(fetched, shown);

	map_set(fetched->asked, arena_strdup(fetched->arena, shown), (void *)arena_strdup(fetched->arena, pin));
	return was && strcmp(was, pin) == 0 ? 0 : fs_replace(path, pin, strlen(pin), 0644, err);
}

/* An archive, or a Dockerfile. */
static int put_download(const char *archive, const char *shown, const char *draft, struct error **err)
{
	cleanup_fd int fd = open(archive, O_RDONLY | O_CLOEXEC);
	int is = fd < 0 ? error_errno(err, ERROR_STATE, errno, "%s", archive) : unpack_is_archive(fd, shown, err);
	cleanup_free char *to = path_join(draft, is > 0 ? "tree" : "text"), *file = path_join(to, "context");

	if (is < 0 || fs_mkdirs(to, 0755, err) < 0)
		return -1;
	if (is > 0)
		return unpack_tree(fd, shown, to, err);
	if (rename(archive, file) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", file);
	return 0;
}

/* From here on it is there, after a power cut, too. */
static int publish(const char *draft, const char *folder, const char *sources, struct error **err)
{
	sync();
	if (rename(draft, folder) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", folder);
	return fs_sync_dir(sources, err);
}

static int fetch_git(struct fetched *fetched, struct loop *loop, const char *url, const char *pin, const char *scratch,
		     struct error **err)
{
	cleanup_free char *draft = path_join(scratch, "new"), *tree = path_join(draft, "tree");
	cleanup_free char *repositories = path_join(scratch, "git");

	if (git_tree_fetch(loop, url, strchr(pin, ':') + 1, tree, repositories, err) < 0)
		return -1;
	return publish(draft, folder_of_pin(fetched, url, pin), fetched->sources, err);
}

/* `pin` NULL: whatever is there. */
static int fetch_http(struct fetched *fetched, struct urls *urls, const char *url, const char *shown, const char *pin,
		      const char *scratch, struct error **err)
{
	cleanup_free char *draft = path_join(scratch, "new"), *archive = path_join(scratch, "file");
	const char *folder;

	if (pin ? urls_fetch(urls, url, pin, archive, err) < 0 : urls_save(urls, url, archive, &pin, err) < 0)
		return -1;
	folder = folder_of_pin(fetched, url, pin);
	if (!fs_exists(folder) &&
	    (put_download(archive, shown, draft, err) < 0 || publish(draft, folder, fetched->sources, err) < 0))
		return -1;
	return keep_pin(fetched, shown, pin, err);
}

static int get_git(struct fetched *fetched, struct loop *loop, struct urls *urls, const char *url, const char *shown,
		   const char *scratch, struct error **err)
{
	const char *pin = known_pin(fetched, url, shown);

	if (!pin && urls_content(urls, url, true, &pin, err) < 0)
		return -1;
	if (!fs_exists(folder_of_pin(fetched, url, pin)) && fetch_git(fetched, loop, url, pin, scratch, err) < 0)
		return -1;
	return keep_pin(fetched, shown, pin, err);
}

int fetched_get(struct fetched *fetched, struct loop *loop, struct urls *urls, const char *url, struct error **err)
{
	cleanup_free char *shown = text_without_login(url), *lock = mem_printf("%s/lock", fetched->sources);
	cleanup_free char *scratch = path_join(fetched->sources, "tmp");
	cleanup_fd int held = -1;
	const char *pin;
	int r;

	locked(fetched, shown);
	if (fetched->lock_error)
		return error_copy(err, fetched->lock_error);
	/* One at a time: what lies in `tmp` is left from one that was killed. */
	if (fs_refuse_link(fetched->sources, err) < 0 || fs_mkdirs(fetched->sources, 0755, err) < 0 ||
	    fs_lock(lock, true, &held, err) < 0 || fs_remove_tree(scratch, err) < 0 || fs_mkdirs(scratch, 0700, err) < 0)
		return -1;
	pin = known_pin(fetched, url, shown);
	if (remote_is_git(url))
		r = get_git(fetched, loop, urls, url, shown, scratch, err);
	else if (pin && fs_exists(folder_of_pin(fetched, url, pin)))
		r = keep_pin(fetched, shown, pin, err);
	else
		r = fetch_http(fetched, urls, url, shown, pin, scratch, err);
	return fs_remove_tree(scratch, r < 0 ? NULL : err) < 0 ? -1 : r;
}
