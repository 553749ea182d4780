#include "config.h"

#include "engine/source/git_guard.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"

#define TEXT_MAX (1024 * 1024) /* bytes of a file that names others */
#define DEPTH_MAX 10           /* of files that include each other */
#define NAMED_MAX 1000         /* included files and other repositories' objects; a file may include itself twice */

/* A folder whose entries are still to be looked at. */
struct guard_work {
	char *path;
	bool tree;   /* of a working tree: only names that git reads count */
	bool linked; /* behind a link: further links to folders are not followed */
};

struct guard {
	struct guard_work *pending;
	size_t len, cap;
	unsigned named; /* of NAMED_MAX */
};

static void guard_free(struct guard *guard)
{
	for (size_t i = 0; i < guard->len; i++)
		free(guard->pending[i].path);
	free(guard->pending);
}

static void guard_add(struct guard *guard, const char *path, bool tree, bool linked)
{
	mem_reserve(&guard->pending, &guard->cap, guard->len + 1, sizeof(*guard->pending));
	guard->pending[guard->len++] = (struct guard_work){ .path = mem_strdup(path), .tree = tree, .linked = linked };
}

/* The type of what is at `path`, behind links; 0 when there is nothing. Opening a socket fails at once, and git has one of its own. */
static int guard_look(const char *path, mode_t *ret_type, struct error **err)
{
	struct stat st;

	*ret_type = stat(path, &st) == 0 ? st.st_mode & S_IFMT : 0;
	if (*ret_type == S_IFIFO || *ret_type == S_IFCHR || *ret_type == S_IFBLK)
		return error_make(err, ERROR_USAGE, "%s: is a %s, which git would wait for", path,
				  *ret_type == S_IFIFO ? "named pipe" : "device");
	return 0;
}

/* Reads a file that names others; nothing when it is missing. A NUL ends a line for libgit2. */
static int guard_read(const char *path, struct buf *text, struct error **err)
{
	mode_t type;
	bool found;

	if (guard_look(path, &type, err) < 0)
		return -1;
	if (type == S_IFREG && fs_read_if(path, TEXT_MAX, text, &found, err) < 0)
		return -1;
	for (size_t i = 0; i < text->len; i++)
		if (text->data[i] == '\0')
			text->data[i] = '\n';
	return 0;
}

/* ---- what git's configuration names ---- */

/* The value behind "=", with continued lines, without quotes and comments. Malloc'd. */
static char *config_value(const char *s)
{
	struct buf value = { 0 };
	bool quoted = false;

	buf_str(&value, "");
	for (s += strspn(s, " \t"); *s && *s != '\n'; s++) {
		if (*s == '"') {
			quoted = !quoted;
		} else if (*s == '\\' && s[1]) {
			s++;
			if (*s == '\r' && s[1] == '\n')
				s++;
			if (*s != '\n')
				buf_char(&value, *s == 't' ? '\t' : *s);
		} else if ((*s == '#' || *s == ';') && !quoted) {
			break;
		} else {
			buf_char(&value, *s);
		}
	}
	while (value.len > 0 && isspace((unsigned char)value.data[value.len - 1]))
		value.data[--value.len] = '\0';
	return buf_steal(&value);
}

/* Where a value of the file `config` leads: "~/" is the user's home, everything else relative to the file. */
static char *config_path(const char *config, const char *value)
{
	cleanup_free char *dir = path_dir(config);
	const char *home = getenv("HOME");

	return value[0] == '~' && value[1] == '/' && home ? path_join(home, value + 2) : path_join(dir, value);
}

/* Whether the name before the "=" of this line is `key`, in any case. */
static bool config_names(const char *line, size_t len, const char *key)
{
	size_t want = strlen(key);

	while (len > 0 && isspace((unsigned char)line[len - 1]))
		len--;
	return len >= want && strncasecmp(line + len - want, key, want) == 0 &&
	       (len == want || !(isalnum((unsigned char)line[len - want - 1]) || line[len - want - 1] == '-'));
}

static int guard_config(struct guard *guard, const char *path, unsigned depth, struct error **err);

static int guard_setting(struct guard *guard, const char *config, const char *line, const char *equal, unsigned depth,
			 struct error **err)
{
	static const char *const keys[] = { "path", "excludesfile", "attributesfile" };
	cleanup_free char *value = config_value(equal + 1);
	cleanup_free char *named = config_path(config, value);
	size_t key = 0;
	mode_t type;

	while (key < 3 && !config_names(line, (size_t)(equal - line), keys[key]))
		key++;
	if (key == 3)
		return 0;
	if (key == 0)
		return guard_config(guard, named, depth + 1, err);
	/* libgit2 takes these as they are */
	return guard_look(named, &type, err) < 0 ? -1 : guard_look(value, &type, err);
}

/* Checks the files that a configuration names, and those that it includes in the same way. Every line counts as the
 * beginning of a key, whatever its section: a file too many is only looked at. */
static int guard_config(struct guard *guard, const char *path, unsigned depth, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	/* libgit2 does not go deeper either, but would read a file as often as it is named */
	if (depth > DEPTH_MAX || (depth > 0 && ++guard->named > NAMED_MAX))
		return error_make(err, ERROR_USAGE, "%s: the configuration of git includes too many files", path);
	if (guard_read(path, &text, err) < 0)
		return -1;
	for (const char *line = text.len > 0 ? text.data : ""; *line;
	     line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
		const char *equal = line + strcspn(line, "=\n");

		if (*equal == '=' && guard_setting(guard, path, line, equal, depth, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- folders ---- */

/* objects/info/alternates: folders with objects, one a line; "./" and "../" are relative to objects. */
static int guard_alternates(struct guard *guard, const char *path, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *info = path_dir(path), *objects = path_dir(info);
	char *rest = NULL;

	if (guard_read(path, &text, err) < 0)
		return -1;
	for (char *line = text.len > 0 ? strtok_r(text.data, "\n", &rest) : NULL; line;
	     line = strtok_r(NULL, "\n", &rest)) {
		cleanup_free char *folder = path_join(objects, line);

		if (++guard->named > NAMED_MAX)
			return error_make(err, ERROR_USAGE, "%s: too many folders with objects", path);
		guard_add(guard, folder, false, true);
	}
	return 0;
}

static int guard_git_entry(struct guard *guard, const struct guard_work *folder, const char *name, unsigned char type,
			   const char *path, struct error **err)
{
	mode_t found = type == DT_REG ? S_IFREG : type == DT_DIR ? S_IFDIR : 0;

	if (!found && guard_look(path, &found, err) < 0)
		return -1;
	if (found == S_IFDIR && (type != DT_LNK || !folder->linked))
		guard_add(guard, path, false, folder->linked || type == DT_LNK);
	if (found == S_IFREG && (strcmp(name, "config") == 0 || strcmp(name, "config.worktree") == 0))
		return guard_config(guard, path, 0, err);
	return found == S_IFREG && strcmp(name, "alternates") == 0 ? guard_alternates(guard, path, err) : 0;
}

static int guard_candidate(struct guard *guard, const char *path, bool *ret_repository, struct error **err);

static int guard_tree_entry(struct guard *guard, const char *name, unsigned char type, const char *path,
			    struct error **err)
{
	mode_t found = 0;
	bool repository;

	if (strcmp(name, ".git") == 0)
		return guard_candidate(guard, path, &repository, err);
	if (strncmp(name, ".git", 4) == 0)
		return guard_look(path, &found, err);
	if (type == DT_UNKNOWN) {
		struct stat st;

		type = lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? DT_DIR : DT_REG;
	}
	if (type == DT_DIR)
		guard_add(guard, path, true, false);
	return 0;
}

/* What this process may not enter, libgit2 cannot either. */
static int guard_folder(struct guard *guard, const struct guard_work *folder, struct error **err)
{
	DIR *entries = opendir(folder->path);
	int status = 0;

	if (!entries)
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM
			       ? error_errno(err, ERROR_STATE, errno, "%s: cannot list", folder->path)
			       : 0;
	for (struct dirent *entry = readdir(entries); entry && status == 0; entry = readdir(entries)) {
		cleanup_free char *path = NULL;

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		path = path_join(folder->path, entry->d_name);
		status = folder->tree ? guard_tree_entry(guard, entry->d_name, entry->d_type, path, err)
				      : guard_git_entry(guard, folder, entry->d_name, entry->d_type, path, err);
	}
	closedir(entries);
	return status;
}

static int guard_run(struct guard *guard, struct error **err)
{
	int status = 0;

	while (status == 0 && guard->len > 0) {
		struct guard_work folder = guard->pending[--guard->len];

		status = guard_folder(guard, &folder, err);
		free(folder.path);
	}
	return status;
}

/* ---- where the repository is ---- */

/* The path in a file of one line, behind `prefix`; NULL when the file is missing or has something else. */
static int guard_pointer(const char *path, const char *prefix, char **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_free char *dir = path_dir(path);

	*ret = NULL;
	if (guard_read(path, &text, err) < 0)
		return -1;
	if (text.len == 0 || strncmp(text.data, prefix, strlen(prefix)) != 0)
		return 0;
	while (text.len > 0 && isspace((unsigned char)text.data[text.len - 1]))
		text.data[--text.len] = '\0';
	*ret = path_join(dir, text.data + strlen(prefix) + strspn(text.data + strlen(prefix), " \t"));
	return 0;
}

static bool has_folder(const char *dir, const char *name)
{
	cleanup_free char *path = path_join(dir, name);

	return fs_is_dir(path);
}

/* Adds the folders of the repository at `path` if libgit2 takes it for one: ".git", or what a file ".git" names. */
static int guard_candidate(struct guard *guard, const char *path, bool *ret_repository, struct error **err)
{
	cleanup_free char *named = NULL, *commondir = NULL, *common = NULL, *head = NULL;
	mode_t type, head_type;

	*ret_repository = false;
	if (guard_look(path, &type, err) < 0)
		return -1;
	if (type == S_IFREG && guard_pointer(path, "gitdir:", &named, err) < 0)
		return -1;
	path = type == S_IFREG ? named : path;
	if (!path || !fs_is_dir(path))
		return 0;
	commondir = path_join(path, "commondir");
	head = path_join(path, "HEAD");
	if (guard_pointer(commondir, "", &common, err) < 0 || guard_look(head, &head_type, err) < 0)
		return -1;
	*ret_repository = head_type == S_IFREG && has_folder(common ? common : path, "objects") &&
			  has_folder(common ? common : path, "refs");
	if (!*ret_repository)
		return 0;
	guard_add(guard, path, false, false);
	if (common)
		guard_add(guard, common, false, false);
	return 0;
}

/* Upward, as libgit2 does: at each folder ".git", then the folder itself (a bare repository). */
static int guard_search(struct guard *guard, const char *dir, char **ret_tree, struct error **err)
{
	cleanup_free char *at = realpath(dir, NULL);
	bool found = false;

	while (at && !found) {
		cleanup_free char *git = path_join(at, ".git");
		char *above = path_dir(at);

		if (guard_candidate(guard, git, &found, err) < 0 ||
		    (!found && guard_candidate(guard, at, &found, err) < 0)) {
			free(above);
			return -1;
		}
		if (found && fs_exists(git))
			*ret_tree = mem_strdup(at);
		if (strcmp(above, at) == 0)
			found = true;
		free(at);
		at = above;
	}
	return 0;
}

int git_guard_repository(const char *dir, char **ret_tree, struct error **err)
{
	struct guard guard = { 0 };
	cleanup_free char *tree = NULL;
	int status = guard_search(&guard, dir, &tree, err);

	if (status == 0)
		status = guard_run(&guard, err);
	if (status == 0)
		*ret_tree = steal_ptr(tree);
	guard_free(&guard);
	return status;
}

int git_guard_tree(const char *dir, struct error **err)
{
	struct guard guard = { 0 };
	int status;

	guard_add(&guard, dir, true, false);
	status = guard_run(&guard, err);
	guard_free(&guard);
	return status;
}
