#include "config.h"

#include "engine/source/git.h"
#include "base/remote.h"
#include "engine/source/git_guard.h"
#include "engine/source/version.h"

#include <dirent.h>
#include <fcntl.h>
#include <git2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/module.h"
#include "base/table.h"

#define ABBREV_LEAST 7 /* digits, git's minimum with core.abbrev=auto */
#define SHORT_DIGITS 12

#define FUNCTIONS(X)                           \
	X(git_libgit2_init)                    \
	X(git_libgit2_shutdown)                \
	X(git_error_last)                      \
	X(git_repository_open_ext)             \
	X(git_repository_free)                 \
	X(git_repository_head)                 \
	X(git_repository_head_detached)        \
	X(git_repository_is_bare)              \
	X(git_repository_is_shallow)           \
	X(git_repository_commondir)            \
	X(git_repository_config_snapshot)      \
	X(git_config_free)                     \
	X(git_config_get_int32)                \
	X(git_reference_free)                  \
	X(git_reference_peel)                  \
	X(git_reference_lookup)                \
	X(git_reference_symbolic_target)       \
	X(git_reference_shorthand)             \
	X(git_object_free)                     \
	X(git_object_id)                       \
	X(git_oid_tostr)                       \
	X(git_commit_tree)                     \
	X(git_tree_free)                       \
	X(git_diff_tree_to_workdir_with_index) \
	X(git_diff_num_deltas)                 \
	X(git_diff_free)                       \
	X(git_diff_options_init)               \
	X(git_diff_get_delta)                  \
	X(git_revparse_single)                 \
	X(git_object_peel)                     \
	X(git_repository_workdir)              \
	X(git_describe_options_init)           \
	X(git_describe_format_options_init)    \
	X(git_describe_commit)                 \
	X(git_describe_format)                 \
	X(git_describe_result_free)            \
	X(git_buf_dispose)                     \
	X(git_commit_time)                     \
	X(git_remote_free)                     \
	X(git_remote_lookup)                   \
	X(git_remote_url)                      \
	X(git_tag_list)                        \
	X(git_strarray_dispose)

#define MODULE lib
static struct {
	MODULE_STATE(FUNCTIONS)
} lib = MODULE_INIT;

static void git_load(void)
{
	static const struct module_symbol symbols[] = { MODULE_SYMBOLS(FUNCTIONS) };

	module_open(CBUILD_LIBGIT2, symbols, &lib.error);
}

/* A value, or a sentence that says why there is none. */
struct value {
	bool asked;
	char *text;
	char *why;
};

enum { COMMIT, SHORT, BRANCH, DESCRIBE, DIRTY, TIME, SOURCE, SLUG, DATE, SEMVER, MINOR, MAJOR, VALUES };

static const char *const names[] = { "git.commit", "git.short",  "git.branch",       "git.describe",
				     "git.dirty",  "git.time",   "git.source",       "git.slug",
				     "git.date",   "git.semver", "git.semver.minor", "git.semver.major" };
TABLE_COMPLETE(names, VALUES);

struct git {
	char *dir;
	bool opened, loaded;
	git_repository *repository;
	git_object *head; /* the commit, or NULL */
	char *why;        /* why there is no repository */
	char *tree;       /* the folder with ".git", or NULL */
	char *head_why;   /* why there is no commit */
	struct value values[VALUES];
};

struct git *git_new(const char *dir)
{
	struct git *git = mem_alloc(sizeof(*git));

	git->dir = mem_strdup(dir);
	return git;
}

void git_free(struct git *git)
{
	if (!git)
		return;
	for (int i = 0; i < VALUES; i++) {
		free(git->values[i].text);
		free(git->values[i].why);
	}
	if (git->loaded) {
		lib.git_object_free(git->head);
		lib.git_repository_free(git->repository);
		lib.git_libgit2_shutdown();
	}
	free(git->dir);
	free(git->tree);
	free(git->why);
	free(git->head_why);
	free(git);
}

/* libgit2's last error message. */
static const char *git_last_words(void)
{
	const git_error *error = lib.git_error_last();

	return error && error->message ? error->message : "unknown reason";
}

static void open_head(struct git *git)
{
	git_reference *head = NULL;
	int status = lib.git_repository_head(&head, git->repository);

	if (status == 0)
		status = lib.git_reference_peel(&git->head, head, GIT_OBJECT_COMMIT);
	lib.git_reference_free(head);
	if (status == 0)
		return;
	if (status == GIT_EUNBORNBRANCH)
		git->head_why = mem_printf("the git repository of %s has no commit yet", git->dir);
	else
		git->head_why =
			mem_printf("the git repository of %s has no readable HEAD: %s", git->dir, git_last_words());
}

/* core.worktree may name any folder, whose files are then compared: none but the one that ".git" is in. */
static void refuse_other_tree(struct git *git)
{
	const char *tree = lib.git_repository_workdir(git->repository);
	struct stat own, used;

	if (git->tree && tree &&
	    (stat(git->tree, &own) < 0 || stat(tree, &used) < 0 || own.st_dev != used.st_dev || own.st_ino != used.st_ino))
		git->why = mem_printf("the git repository of %s says that its files are in %s", git->dir, tree);
}

static void open_repository(struct git *git)
{
	cleanup_error struct error *error = NULL;
	int status;

	git->opened = true;
	if (git_guard_repository(git->dir, &git->tree, &error) < 0) {
		git->why = mem_strdup(error->message);
		return;
	}
	pthread_once(&lib.once, git_load);
	if (lib.error) {
		git->why = mem_strdup(lib.error->message);
		return;
	}
	if (lib.git_libgit2_init() < 0) {
		git->why = mem_printf("libgit2 cannot be used: %s", git_last_words());
		return;
	}
	git->loaded = true;
	status = lib.git_repository_open_ext(&git->repository, git->dir, 0, NULL);
	if (status == 0)
		refuse_other_tree(git);
	if (status == 0)
		open_head(git);
	else if (status == GIT_EOWNER || (status == GIT_ENOTFOUND && strstr(git_last_words(), "safe.directory")))
		/* libgit2 1.5 reports an error about the setting it looked up */
		git->why = mem_printf(
			"the git repository of %s belongs to another user; `git config --global --add safe.directory DIR` makes it trusted",
			git->dir);
	else if (status == GIT_ENOTFOUND)
		git->why = mem_printf("%s is not in a git repository", git->dir);
	else
		git->why = mem_printf("the git repository of %s cannot be opened: %s", git->dir, git_last_words());
}

static void value_commit(struct git *git, struct value *value, size_t digits)
{
	char hex[GIT_OID_HEXSZ + 1];

	lib.git_oid_tostr(hex, digits + 1, lib.git_object_id(git->head));
	value->text = mem_strdup(hex);
}

/* The name after refs/heads/, even of a branch without commits; "" when HEAD is detached. */
static void value_branch(struct git *git, struct value *value)
{
	static const char heads[] = "refs/heads/";
	git_reference *head = NULL;
	const char *target;

	if (lib.git_reference_lookup(&head, git->repository, "HEAD") < 0) {
		value->why = mem_printf("the git repository of %s has no readable HEAD: %s", git->dir, git_last_words());
		return;
	}
	target = lib.git_reference_symbolic_target(head);
	if (target && strncmp(target, heads, strlen(heads)) == 0)
		target += strlen(heads);
	value->text = mem_strdup(target ? target : "");
	lib.git_reference_free(head);
}

/* Compares tracked files with HEAD, through the index: 1 they differ, 0 they do not, negative with a reason. */
static int is_dirty(struct git *git, char **ret_why)
{
	cleanup_error struct error *error = NULL;
	git_tree *tree = NULL;
	git_diff *diff = NULL;
	int status;

	if (git->tree && git_guard_tree(git->tree, &error) < 0) {
		*ret_why = mem_strdup(error->message);
		return -1;
	}
	if (lib.git_repository_is_bare(git->repository)) {
		*ret_why = mem_printf("the git repository of %s is bare: it has no files that could differ", git->dir);
		return -1;
	}
	status = lib.git_commit_tree(&tree, (const git_commit *)git->head);
	if (status == 0)
		status = lib.git_diff_tree_to_workdir_with_index(&diff, git->repository, tree, NULL);
	if (status < 0)
		*ret_why = mem_printf("the files of %s cannot be compared with git's: %s", git->dir, git_last_words());
	else
		status = lib.git_diff_num_deltas(diff) > 0;
	lib.git_diff_free(diff);
	lib.git_tree_free(tree);
	return status;
}

static void value_dirty(struct git *git, struct value *value)
{
	int dirty = is_dirty(git, &value->why);

	if (dirty >= 0)
		value->text = mem_strdup(dirty ? "true" : "false");
}

/* The number of objects in a pack: the last entry of the first table of its index. */
static unsigned long pack_objects(int folder, const char *name)
{
	unsigned char table[4];
	size_t len = strlen(name);
	unsigned long count = 0;
	int fd;

	if (len < 4 || strcmp(name + len - 4, ".idx") != 0)
		return 0;
	fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, table, sizeof(table), 8 + 255 * 4) == (ssize_t)sizeof(table))
		count = (unsigned long)table[0] << 24 | (unsigned long)table[1] << 16 | (unsigned long)table[2] << 8 |
			table[3];
	close(fd);
	return count;
}

/* How many digits git shows: more in larger repositories (core.abbrev=auto), by the number of packed objects. */
static unsigned abbreviation(struct git *git)
{
	cleanup_free char *path = mem_printf("%s/objects/pack", lib.git_repository_commondir(git->repository));
	git_config *config = NULL;
	unsigned long count = 0;
	unsigned bits = 0;
	int32_t configured = 0;
	DIR *folder;

	if (lib.git_repository_config_snapshot(&config, git->repository) == 0 &&
	    lib.git_config_get_int32(&configured, config, "core.abbrev") < 0)
		configured = 0;
	lib.git_config_free(config);
	if (configured >= 4 && configured <= GIT_OID_HEXSZ)
		return (unsigned)configured;
	folder = opendir(path);
	if (folder) {
		for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
			count += pack_objects(dirfd(folder), entry->d_name);
		closedir(folder);
	}
	for (; count > 0; count >>= 1)
		bits++;
	return (bits + 1) / 2 > ABBREV_LEAST ? (bits + 1) / 2 : ABBREV_LEAST;
}

static int git_describe(struct git *git, unsigned abbrev, git_buf *ret)
{
	git_describe_options options;
	git_describe_format_options format;
	git_describe_result *result = NULL;
	int status;

	if (lib.git_describe_options_init(&options, GIT_DESCRIBE_OPTIONS_VERSION) < 0 ||
	    lib.git_describe_format_options_init(&format, GIT_DESCRIBE_FORMAT_OPTIONS_VERSION) < 0)
		return -1;
	options.describe_strategy = GIT_DESCRIBE_TAGS;
	options.show_commit_oid_as_fallback = 1;
	format.abbreviated_size = abbrev;
	status = lib.git_describe_commit(&result, git->head, &options);
	if (status == 0)
		status = lib.git_describe_format(ret, result, &format);
	lib.git_describe_result_free(result);
	return status;
}

static bool has_tags(struct git *git)
{
	git_strarray tags = { 0 };
	bool any = lib.git_tag_list(&tags, git->repository) < 0 || tags.count > 0;

	lib.git_strarray_dispose(&tags);
	return any;
}

static void value_describe(struct git *git, struct value *value)
{
	unsigned abbrev = abbreviation(git);
	int dirty = is_dirty(git, &value->why);
	char hex[GIT_OID_HEXSZ + 1];
	git_buf text = { 0 };

	if (dirty < 0)
		return;
	if (git_describe(git, abbrev, &text) == 0) {
		value->text = mem_printf("%s%s", text.ptr, dirty ? "-dirty" : "");
	} else if (lib.git_repository_is_shallow(git->repository) && !has_tags(git)) {
		/* in a shallow clone without tags, git shows the commit */
		lib.git_oid_tostr(hex, abbrev + 1, lib.git_object_id(git->head));
		value->text = mem_printf("%s%s", hex, dirty ? "-dirty" : "");
	} else if (lib.git_repository_is_shallow(git->repository)) {
		value->why = mem_printf(
			"the clone in %s is shallow, its tags cannot be reached; `git fetch --unshallow` completes it",
			git->dir);
	} else {
		value->why = mem_printf("git cannot describe the commit of %s: %s", git->dir, git_last_words());
	}
	lib.git_buf_dispose(&text);
}

static void value_time(struct git *git, struct value *value)
{
	value->text = mem_printf("%lld", (long long)lib.git_commit_time((const git_commit *)git->head));
}

/* "" when there is no remote called origin, or it is a folder. */
static void value_source(struct git *git, struct value *value)
{
	git_remote *remote = NULL;
	const char *url = lib.git_remote_lookup(&remote, git->repository, "origin") == 0 ? lib.git_remote_url(remote)
											 : NULL;

	value->text = url ? remote_url(url) : NULL;
	if (!value->text)
		value->text = mem_strdup("");
	lib.git_remote_free(remote);
}

/* The branch or tag that a pipeline checked out by its commit; or NULL. Those that name the target of a pull request are not among
 * them: its images must not be taken for the target's. */
static const char *pipeline_ref(void)
{
	static const char *const variables[] = { "CI_COMMIT_REF_NAME", "GITHUB_REF_NAME",  "BITBUCKET_BRANCH",
						 "CIRCLE_BRANCH",      "BUILDKITE_BRANCH", "BRANCH_NAME" };

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *ref = getenv(variables[i]);

		if (ref && *ref)
			return ref;
	}
	return NULL;
}

static void value_slug(struct git *git, struct value *value)
{
	struct value branch = { 0 };

	value_branch(git, &branch);
	if (branch.text && !*branch.text && pipeline_ref()) {
		free(branch.text);
		branch.text = mem_strdup(pipeline_ref());
	}
	value->text = branch.text ? version_slug(branch.text) : NULL;
	value->why = branch.why;
	free(branch.text);
}

static void value_date(struct git *git, struct value *value)
{
	time_t seconds = (time_t)lib.git_commit_time((const git_commit *)git->head);
	char text[sizeof("20231231")];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y%m%d", &tm) > 0)
		value->text = mem_strdup(text);
	else
		value->why = mem_printf("the commit of %s has no date", git->dir);
}

/* The tag of the commit itself. */
static int describe_exactly(struct git *git, git_buf *ret)
{
	git_describe_options options;
	git_describe_result *result = NULL;
	int status;

	if (lib.git_describe_options_init(&options, GIT_DESCRIBE_OPTIONS_VERSION) < 0)
		return -1;
	options.describe_strategy = GIT_DESCRIBE_TAGS;
	options.max_candidates_tags = 0;
	status = lib.git_describe_commit(&result, git->head, &options);
	if (status == 0)
		status = lib.git_describe_format(ret, result, NULL);
	lib.git_describe_result_free(result);
	return status;
}

static void value_semver(struct git *git, struct value *value, int parts)
{
	int dirty = is_dirty(git, &value->why);
	git_buf text = { 0 };

	if (dirty < 0)
		return;
	if (dirty)
		value->why = mem_printf("tracked files of %s differ from the commit", git->dir);
	else if (describe_exactly(git, &text) < 0)
		value->why = mem_printf("the commit of %s has no tag", git->dir);
	else if (!(value->text = version_semver(text.ptr, parts)))
		value->why = mem_printf("the tag \"%s\" of %s is no %s", text.ptr, git->dir,
					parts == 3 ? "version" : "version of a release");
	lib.git_buf_dispose(&text);
}

static void find_value(struct git *git, int which, struct value *value)
{
	value->asked = true;
	if (which == BRANCH || which == SLUG) {
		(which == BRANCH ? value_branch : value_slug)(git, value);
		return;
	}
	if (!git->head) {
		value->why = mem_strdup(git->head_why);
		return;
	}
	switch (which) {
	case COMMIT:
		value_commit(git, value, GIT_OID_HEXSZ);
		break;
	case SHORT:
		value_commit(git, value, SHORT_DIGITS);
		break;
	case DESCRIBE:
		value_describe(git, value);
		break;
	case TIME:
		value_time(git, value);
		break;
	case DATE:
		value_date(git, value);
		break;
	case SEMVER:
	case MINOR:
	case MAJOR:
		value_semver(git, value, SEMVER + 3 - which);
		break;
	case SOURCE:
		value_source(git, value);
		break;
	default:
		value_dirty(git, value);
		break;
	}
}

const char *git_value(struct git *git, const char *name, const char **ret_why)
{
	const char *ignored;
	struct value *value;
	int which = 0;

	ret_why = ret_why ? ret_why : &ignored;
	while (which < VALUES && strcmp(name, names[which]) != 0)
		which++;
	if (which == VALUES) {
		*ret_why =
			"git knows commit, short, branch, slug, describe, date, semver, semver.minor, semver.major and dirty";
		return NULL;
	}
	if (!git->opened)
		open_repository(git);
	if (git->why) {
		*ret_why = git->why;
		return NULL;
	}
	value = &git->values[which];
	if (!value->asked)
		find_value(git, which, value);
	*ret_why = value->why;
	return value->text;
}

/* ---- what differs ---- */

static git_object *find_tree(struct git *git, const char *ref, struct error **err)
{
	git_object *object = NULL, *tree = NULL;

	if (lib.git_revparse_single(&object, git->repository, ref) < 0 ||
	    lib.git_object_peel(&tree, object, GIT_OBJECT_TREE) < 0)
		error_make(err, ERROR_USAGE, "git knows no commit \"%s\" in %s: %s", ref, git->dir, git_last_words());
	lib.git_object_free(object);
	return tree;
}

static int diff_with(struct git *git, git_object *tree, git_diff **ret)
{
	git_diff_options options;
	int status = lib.git_diff_options_init(&options, GIT_DIFF_OPTIONS_VERSION);

	if (status < 0)
		return status;
	options.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_RECURSE_UNTRACKED_DIRS | GIT_DIFF_INCLUDE_TYPECHANGE;
	return lib.git_diff_tree_to_workdir_with_index(ret, git->repository, (git_tree *)tree, &options);
}

/* Renames are not detected: the old and the new path are listed separately. */
static void list_paths(struct git *git, const git_diff *diff, char ***ret, size_t *ret_len)
{
	const char *top = lib.git_repository_workdir(git->repository);
	size_t len = lib.git_diff_num_deltas(diff);
	char **list = mem_array(len + 1, sizeof(*list));

	for (size_t i = 0; i < len; i++) {
		const git_diff_delta *delta = lib.git_diff_get_delta(diff, i);
		const char *path = delta->new_file.path ? delta->new_file.path : delta->old_file.path;
		cleanup_free char *joined = path_join(top, path);

		list[i] = path_clean(joined);
	}
	*ret = list;
	*ret_len = len;
}

int git_changed(struct git *git, const char *ref, char ***ret, size_t *ret_len, struct error **err)
{
	git_object *tree;
	git_diff *diff = NULL;
	int status = 0;

	if (!git->opened)
		open_repository(git);
	if (git->why)
		return error_make(err, lib.error ? lib.error->cls : ERROR_USAGE, "%s", git->why);
	if (lib.git_repository_is_bare(git->repository))
		return error_make(err, ERROR_USAGE, "the git repository of %s is bare: it has no files", git->dir);
	if (git->tree && git_guard_tree(git->tree, err) < 0)
		return -1;
	tree = find_tree(git, ref, err);
	if (!tree)
		return -1;
	if (diff_with(git, tree, &diff) < 0)
		status = error_make(err, ERROR_STATE, "the files of %s cannot be compared with \"%s\": %s", git->dir,
				    ref, git_last_words());
	else
		list_paths(git, diff, ret, ret_len);
	lib.git_diff_free(diff);
	lib.git_object_free(tree);
	return status;
}
