#include "config.h"

#include "engine/registry/git_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/git_url.h"
#include "base/mem.h"
#include "base/remote.h"
#include "base/text.h"
#include "engine/io/proc.h"
#include "engine/registry/git_refs.h"

#define FETCH_MS (15u * 60 * 1000)
#define WRITE_MS (15u * 60 * 1000)
#define DEPTH_MAX 10                   /* of submodules in submodules */
#define SUBMODULES_MAX 1000            /* of all of them */
#define BYTES_MAX ((uint64_t)16 << 30) /* of one repository's files; PROC_CAPTURE_MAX limits their number */

extern char **environ;

/* One checkout, with its submodules. */
struct git_work {
	struct loop *loop;
	const char *scratch;
	bool submodules;
	unsigned count; /* of repositories so far */
};

/* A repository on its way. */
struct git_repository {
	const char *url;
	char *shown;   /* without the login */
	char *git_dir; /* "--git-dir=..." */
	const char *commit;
	const char *to;
};

static int run_git(struct git_work *work, const struct git_repository *repository, const char *const *argv,
		   const struct argv *env, uint64_t limit, struct proc_result *ret, struct error **err)
{
	struct proc_spec spec = { .argv = argv,
				  .env = (const char *const *)env->items,
				  .capture = true,
				  .timeout_ms = limit };
	struct error *error = NULL;

	if (proc_run(work->loop, &spec, ret, &error) == 0)
		return 0;
	if (error->cls == ERROR_BUILD)
		error->cls = ERROR_REGISTRY;
	error_wrap(&error, "%s", repository->shown);
	return error_move(err, &error);
}

/* git as if nobody had configured it. */
static void bare_environment(const char *index, struct argv *env)
{
	for (char **item = environ; *item; item++)
		if (strncmp(*item, "GIT_", 4) != 0)
			argv_add(env, *item);
	argv_add(env, "LC_ALL=C");
	argv_add(env, "GIT_CONFIG_NOSYSTEM=1");
	argv_add(env, "GIT_CONFIG_GLOBAL=/dev/null");
	argv_add(env, "GIT_ATTR_NOSYSTEM=1");
	argv_add(env, "GIT_TERMINAL_PROMPT=0");
	argv_addf(env, "GIT_INDEX_FILE=%s", index);
}

/* Runs git on the repository, without the user's configuration; its output is in ret->out. */
static int inspect(struct git_work *work, const struct git_repository *repository, const char *const *words,
		   struct proc_result *ret, struct error **err)
{
	cleanup_free char *index = mem_printf("%s.index", strchr(repository->git_dir, '=') + 1);
	cleanup_free char *tree = mem_printf("--work-tree=%s", repository->to);
	cleanup_argv struct argv argv = { 0 }, env = { 0 };

	bare_environment(index, &env);
	argv_add(&argv, "git");
	argv_add(&argv, repository->git_dir);
	argv_add(&argv, tree);
	for (; *words; words++)
		argv_add(&argv, *words);
	if (run_git(work, repository, (const char *const *)argv.items, &env, WRITE_MS, ret, err) < 0)
		return -1;
	return ret->status == 0 ? 0 : git_failed(repository->shown, ret, err);
}

static bool has_commit(struct git_work *work, const struct git_repository *repository)
{
	cleanup_free char *object = mem_printf("%s^{commit}", repository->commit);
	const char *const words[] = { "cat-file", "-e", object, NULL };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_error struct error *error = NULL;

	return inspect(work, repository, words, &result, &error) == 0;
}

static int fetch_once(struct git_work *work, const struct git_repository *repository, const char *const *refs,
		      bool shallow, struct error **err)
{
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	cleanup_proc struct proc_result result = { 0 };

	git_environment(repository->url, repository->shown, &env);
	argv_add(&argv, "git");
	argv_add(&argv, repository->git_dir);
	argv_add(&argv, "-c");
	argv_add(&argv, "core.hooksPath=/dev/null");
	argv_add(&argv, "-c");
	argv_add(&argv, "gc.auto=0");
	argv_add(&argv, "-c");
	argv_add(&argv, "maintenance.auto=false");
	argv_add(&argv, "fetch");
	argv_add(&argv, "--quiet");
	argv_add(&argv, "--no-tags");
	argv_add(&argv, "--no-recurse-submodules");
	argv_add(&argv, "--no-write-fetch-head");
	if (shallow)
		argv_add(&argv, "--depth=1");
	argv_add(&argv, "--");
	argv_add(&argv, repository->shown);
	for (; *refs; refs++)
		argv_add(&argv, *refs);
	if (run_git(work, repository, (const char *const *)argv.items, &env, FETCH_MS, &result, err) < 0)
		return -1;
	return result.status == 0 ? 0 : git_failed(repository->shown, &result, err);
}

/* The commit alone where the server gives it; older servers, and files behind a web server, give only what their refs have. */
static int fetch_commit(struct git_work *work, const struct git_repository *repository, struct error **err)
{
	const char *const alone[] = { repository->commit, NULL };
	const char *const all[] = { "+refs/*:refs/*", NULL };
	cleanup_error struct error *error = NULL;

	if (fetch_once(work, repository, alone, true, &error) == 0)
		return 0;
	if (error->cls == ERROR_CANCELLED || error->cls == ERROR_TOOL)
		return error_move(err, &error);
	if (fetch_once(work, repository, all, false, err) < 0)
		return -1;
	return has_commit(work, repository)
		       ? 0
		       : error_make(err, ERROR_REGISTRY, "%s has no commit %s", repository->shown, repository->commit);
}

/* No template: no hooks. */
static int make_repository(struct git_work *work, const struct git_repository *repository, struct error **err)
{
	const char *const words[] = { "init", "--quiet", "--template=", NULL };
	cleanup_proc struct proc_result result = { 0 };

	return fs_mkdirs(repository->to, 0755, err) < 0 ? -1 : inspect(work, repository, words, &result, err);
}

/* ---- submodules ---- */

/* The value of a key of .gitmodules as the commit has it; NULL: not there. malloc'd. */
static char *module_value(const char *config, size_t len, const char *path)
{
	const char *end = config + len;
	cleanup_free char *url_key = NULL;

	for (int pass = 0; pass < 2; pass++) {
		for (const char *item = config; item < end; item += strlen(item) + 1) {
			size_t key = strcspn(item, "\n");
			const char *value = item[key] ? item + key + 1 : "";

			if (!pass && key > 5 && strncmp(item + key - 5, ".path", 5) == 0 && strcmp(value, path) == 0 &&
			    !url_key)
				url_key = mem_printf("%.*s.url", (int)(key - 5), item);
			if (pass && strlen(url_key) == key && strncmp(item, url_key, key) == 0)
				return mem_strdup(value);
		}
		if (!url_key)
			return NULL;
	}
	return NULL;
}

/* "../other.git" is beside the repository that says so. */
static char *module_url(const char *parent, const char *url)
{
	cleanup_free char *base = NULL;

	if (strncmp(url, "./", 2) != 0 && strncmp(url, "../", 3) != 0)
		return mem_strdup(url);
	base = mem_strdup(parent);
	for (;;) {
		char *slash = strrchr(base, '/'), *colon = strrchr(base, ':');

		if (strncmp(url, "./", 2) == 0) {
			url += 2;
			continue;
		}
		if (strncmp(url, "../", 3) != 0)
			break;
		url += 3;
		if (slash && slash > base && slash[-1] != '/')
			*slash = '\0';
		else if (!slash && colon)
			colon[1] = '\0';
		else
			return NULL;
	}
	return mem_printf("%s%s%s", base, base[strlen(base) - 1] == ':' ? "" : "/", url);
}

static int checkout(struct git_work *work, const char *url, const char *commit, const char *to, unsigned depth,
		    struct error **err);

static int add_submodule(struct git_work *work, const struct git_repository *repository,
			 const struct proc_result *modules, const char *commit, const char *path, unsigned depth,
			 struct error **err)
{
	cleanup_free char *said = module_value(modules->out->data, modules->out->len, path), *url = NULL;
	cleanup_free char *to = path_join(repository->to, path), *real = realpath(to, NULL);
	cleanup_free char *above = realpath(repository->to, NULL), *meant = above ? path_join(above, path) : NULL;
	cleanup_buf struct buf safe = { 0 };

	/* As git does: a commit of which nothing says where it is. */
	if (!said)
		return 0;
	url = module_url(repository->url, said);
	text_safe(&safe, path, strlen(path));
	/* git made a folder there; a link would lead elsewhere. */
	if (!real || strcmp(real, meant) != 0)
		return error_make(err, ERROR_REGISTRY, "%s: its submodule %s is no folder", repository->shown, safe.data);
	if (!url || !remote_is(url))
		return error_make(err, ERROR_REGISTRY, "%s: its submodule %s is not at a URL of http, https, ssh or git",
				  repository->shown, safe.data);
	return checkout(work, url, commit, to, depth + 1, err);
}

/* What the commit has: "MODE TYPE HASH SIZE\tPATH". */
static int look_through(const struct git_repository *repository, const struct proc_result *listing, size_t *ret_modules,
			struct error **err)
{
	uint64_t bytes = 0;

	*ret_modules = 0;
	for (const char *item = listing->out->data, *end = item + listing->out->len; item < end;
	     item += strlen(item) + 1) {
		const char *size = strchr(item, '\t');

		while (size && size > item && size[-1] != ' ')
			size--;
		*ret_modules += strncmp(item, "160000 ", 7) == 0;
		bytes += size ? strtoull(size, NULL, 10) : 0;
		if (bytes > BYTES_MAX)
			return error_make(err, ERROR_REGISTRY, "%s: its files have more than %llu GiB",
					  repository->shown, (unsigned long long)(BYTES_MAX >> 30));
	}
	return 0;
}

static int add_submodules(struct git_work *work, const struct git_repository *repository,
			  const struct proc_result *listing, unsigned depth, struct error **err)
{
	cleanup_free char *blob = mem_printf("--blob=%s:.gitmodules", repository->commit);
	const char *const words[] = { "config", blob, "-z", "--get-regexp", "^submodule\\..*\\.(path|url)$", NULL };
	cleanup_proc struct proc_result modules = { 0 };
	cleanup_error struct error *error = NULL;

	/* There is none: nothing says where they are. */
	if (inspect(work, repository, words, &modules, &error) < 0)
		return error->cls == ERROR_REGISTRY ? 0 : error_move(err, &error);
	for (const char *item = listing->out->data, *end = item + listing->out->len; item < end;
	     item += strlen(item) + 1) {
		const char *hash = item + strlen("160000 commit "), *path = strchr(item, '\t');
		cleanup_free char *commit = NULL;

		if (strncmp(item, "160000 commit ", 14) != 0 || !path)
			continue;
		commit = mem_strndup(hash, strcspn(hash, " \t"));
		if (depth >= DEPTH_MAX || ++work->count > SUBMODULES_MAX)
			return error_make(err, ERROR_REGISTRY, "%s: it has too many submodules", repository->shown);
		if (add_submodule(work, repository, &modules, commit, path + 1, depth, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- the tree ---- */

static int write_tree(struct git_work *work, const struct git_repository *repository, unsigned depth, struct error **err)
{
	const char *const list[] = { "ls-tree", "-r", "-l", "-z", "--full-tree", repository->commit, NULL };
	const char *const write[] = { "read-tree", "--reset", "-u", repository->commit, NULL };
	cleanup_proc struct proc_result listing = { 0 }, written = { 0 };
	size_t modules;

	if (inspect(work, repository, list, &listing, err) < 0 ||
	    look_through(repository, &listing, &modules, err) < 0 || inspect(work, repository, write, &written, err) < 0)
		return -1;
	return modules && work->submodules ? add_submodules(work, repository, &listing, depth, err) : 0;
}

static int checkout(struct git_work *work, const char *url, const char *commit, const char *to, unsigned depth,
		    struct error **err)
{
	struct git_repository repository = { .url = url, .commit = commit, .to = to, .shown = text_without_login(url) };
	int r = -1;

	repository.git_dir = mem_printf("--git-dir=%s/%u.git", work->scratch, work->count);
	if (make_repository(work, &repository, err) == 0 && fetch_commit(work, &repository, err) == 0)
		r = write_tree(work, &repository, depth, err);
	free(repository.shown);
	free(repository.git_dir);
	return r;
}

/* ---- equal trees for equal commits ---- */

static int settle_entry(const char *path, time_t time, struct error **err);

static int settle_below(const char *path, time_t time, struct error **err)
{
	DIR *stream = fs_opendir(path);
	struct dirent *entry;
	int r = 0;

	if (!stream)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	while (r == 0 && (errno = 0, entry = readdir(stream))) {
		cleanup_free char *inner = path_join(path, entry->d_name);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = settle_entry(inner, time, err);
	}
	if (r == 0 && errno)
		r = error_errno(err, ERROR_STATE, errno, "%s", path);
	closedir(stream);
	return r;
}

/* Whatever the umask and the clock are. */
static int settle_entry(const char *path, time_t time, struct error **err)
{
	const struct timespec times[2] = { { .tv_sec = time }, { .tv_sec = time } };
	struct stat st;
	mode_t mode;

	if (lstat(path, &st) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	mode = S_ISDIR(st.st_mode) || (st.st_mode & 0100) ? 0755 : 0644;
	if (!S_ISLNK(st.st_mode) && (st.st_mode & 07777) != mode && chmod(path, mode) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	if (S_ISDIR(st.st_mode) && settle_below(path, time, err) < 0)
		return -1;
	if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_errno(err, ERROR_STATE, errno, "%s", path);
	return 0;
}

static int commit_time(struct git_work *work, const struct git_repository *repository, time_t *ret, struct error **err)
{
	const char *const words[] = { "show",         "--no-patch",       "--no-show-signature",
				      "--format=%ct", repository->commit, NULL };
	cleanup_proc struct proc_result result = { 0 };

	if (inspect(work, repository, words, &result, err) < 0)
		return -1;
	*ret = (time_t)strtoll(result.out->data ? result.out->data : "0", NULL, 10);
	return 0;
}

int git_tree_fetch(struct loop *loop, const char *url, const char *commit, const char *to, const char *scratch,
		   struct error **err)
{
	struct git_url git cleanup_git_url = { 0 };
	struct git_work work = { .loop = loop, .scratch = scratch };
	cleanup_free char *shown = text_without_login(url);
	cleanup_free char *first = mem_printf("--git-dir=%s/0.git", scratch);
	const char *why;
	time_t time;

	if (!git_url_parse(url, &git, &why))
		return error_make(err, ERROR_USAGE, "%s: %s", shown, why);
	work.submodules = git.submodules;
	if (fs_mkdirs(scratch, 0700, err) < 0 || checkout(&work, git.repository, commit, to, 0, err) < 0)
		return -1;
	{
		const struct git_repository top = { .shown = shown, .git_dir = first, .commit = commit, .to = to };

		if (commit_time(&work, &top, &time, err) < 0)
			return -1;
	}
	return settle_entry(to, time, err);
}
