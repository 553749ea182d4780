#include "config.h"

#include "engine/registry/git_refs.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/git_url.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/io/proc.h"

#define LIMIT_MS 60000
#define HASH_LEAST 40

extern char **environ;

/* git is told of the login by its environment, which others cannot read, as the way to write another URL. */
static void add_login(const char *url, const char *shown, struct argv *env)
{
	const char *count = getenv("GIT_CONFIG_COUNT");
	unsigned long number = count ? strtoul(count, NULL, 10) : 0;

	if (strcmp(url, shown) == 0)
		return;
	argv_addf(env, "GIT_CONFIG_COUNT=%lu", number + 1);
	argv_addf(env, "GIT_CONFIG_KEY_%lu=url.%s.insteadOf", number, url);
	argv_addf(env, "GIT_CONFIG_VALUE_%lu=%s", number, shown);
}

/* What git's own hooks have in their environment means another repository. */
static bool is_of_repository(const char *item)
{
	static const char *const names[] = {
		"GIT_DIR=",          "GIT_WORK_TREE=",        "GIT_INDEX_FILE=",
		"GIT_COMMON_DIR=",   "GIT_OBJECT_DIRECTORY=", "GIT_ALTERNATE_OBJECT_DIRECTORIES=",
		"GIT_SHALLOW_FILE=", "GIT_NAMESPACE=",        "GIT_PREFIX="
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strncmp(item, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Nothing asks on a terminal, and git reads no configuration of the checkout that it runs in: whoever wrote that could have it run
 * anything. */
void git_environment(const char *url, const char *shown, struct argv *env)
{
	for (char **item = environ; *item; item++)
		if (!is_of_repository(*item) && (strncmp(*item, "GIT_CONFIG_COUNT=", 17) != 0 || strcmp(url, shown) == 0))
			argv_add(env, *item);
	argv_add(env, "LC_ALL=C");
	argv_add(env, "GIT_DIR=/dev/null");
	argv_add(env, "GIT_TERMINAL_PROMPT=0");
	if (!getenv("GIT_SSH_COMMAND") && !getenv("GIT_SSH"))
		argv_add(env, "GIT_SSH_COMMAND=ssh -oBatchMode=yes");
	add_login(url, shown, env);
}

/* Of several refs of that name the one that git takes: a tag (what it stands for) before a branch. Points into `out`. */
static const char *pick_ref(const char *out, const char *ref, size_t *ret_len)
{
	static const char *const forms[] = { "refs/tags/%s^{}", "refs/tags/%s", "%s^{}", "%s",
					     "refs/%s",         "refs/heads/%s" };

	for (size_t i = 0; i < sizeof(forms) / sizeof(*forms); i++) {
		const char *mark = strstr(forms[i], "%s");
		cleanup_free char *name = mem_printf("%.*s%s%s", (int)(mark - forms[i]), forms[i], ref, mark + 2);

		for (const char *line = out; *line; line += strcspn(line, "\n") + (strchr(line, '\n') != NULL)) {
			size_t hash = strspn(line, "0123456789abcdef"), end = strcspn(line, "\n");

			if (hash < HASH_LEAST || line[hash] != '\t' || end - hash - 1 != strlen(name) ||
			    strncmp(line + hash + 1, name, end - hash - 1) != 0)
				continue;
			*ret_len = hash;
			return line;
		}
	}
	return NULL;
}

int git_failed(const char *shown, const struct proc_result *result, struct error **err)
{
	cleanup_buf struct buf said = { 0 };

	text_safe(&said, result->tail, strcspn(result->tail, "\n"));
	return error_make(err, ERROR_REGISTRY, "%s: %s", shown,
			  said.len == 0 || text_has_login(said.data) ? "git cannot read it" : said.data);
}

static int ask_git(struct loop *loop, const char *repository, const char *ref, char **ret, struct error **err)
{
	cleanup_free char *shown = text_without_login(repository), *peeled = mem_printf("%s^{}", ref);
	const char *argv[] = { "git", "ls-remote", "--", shown, ref, peeled, NULL };
	cleanup_argv struct argv env = { 0 };
	struct proc_spec spec = { .argv = argv, .capture = true, .timeout_ms = LIMIT_MS };
	cleanup_proc struct proc_result result = { 0 };
	struct error *error = NULL;
	const char *found;
	size_t len;

	git_environment(repository, shown, &env);
	spec.env = (const char *const *)env.items;
	if (proc_run(loop, &spec, &result, &error) < 0) {
		if (error->cls == ERROR_BUILD)
			error->cls = ERROR_REGISTRY;
		error_wrap(&error, "%s", shown);
		return error_move(err, &error);
	}
	if (result.status != 0)
		return git_failed(shown, &result, err);
	found = pick_ref(result.out->data ? result.out->data : "", ref, &len);
	if (!found)
		return error_make(err, ERROR_REGISTRY, "%s has no branch or tag \"%s\"", shown, ref);
	*ret = mem_printf("commit:%.*s", (int)len, found);
	return 0;
}

static int check_commit(const struct git_url *git, const char *found, const char *shown, struct error **err)
{
	if (!git->commit || strncmp(strchr(found, ':') + 1, git->commit, strlen(git->commit)) == 0)
		return 0;
	return error_make(err, ERROR_REGISTRY, "%s: \"%s\" is %s there", shown, git->ref, found);
}

int git_refs_find(struct loop *loop, const char *url, char **ret, struct error **err)
{
	struct git_url git cleanup_git_url = { 0 };
	cleanup_free char *shown = text_without_login(url);
	const char *why, *pinned;

	if (!git_url_parse(url, &git, &why))
		return error_make(err, ERROR_USAGE, "%s: %s", shown, why);
	pinned = git_url_pinned(&git);
	if (pinned) {
		*ret = mem_printf("commit:%s", pinned);
		return 0;
	}
	return ask_git(loop, git.repository, git.ref, ret, err) < 0 ? -1 : check_commit(&git, *ret, shown, err);
}
