#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/git_url.h"
#include "base/mem.h"
#include "base/text.h"

/* Of one query. */
struct git_query {
	char *ref, *tag, *branch, *commit, *subdir;
	const char *why;
};

bool git_url_is_commit(const char *hash)
{
	size_t len = strspn(hash, "0123456789abcdef");

	return (len == 40 || len == 64) && !hash[len];
}

const char *git_url_pinned(const struct git_url *url)
{
	return url->commit && git_url_is_commit(url->commit) ? url->commit : NULL;
}

void git_url_free(struct git_url *url)
{
	free(url->repository);
	free(url->ref);
	free(url->commit);
	free(url->subdir);
	*url = (struct git_url){ 0 };
}

static char *unescaped(const char *text, size_t len)
{
	struct buf out = { 0 };

	text_unescape(&out, text, len);
	return buf_steal(&out);
}

static bool take_bool(const char *value, bool *ret)
{
	static const char *const yes[] = { "", "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (strcmp(value, yes[i]) == 0)
			return *ret = true;
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (strcmp(value, no[i]) == 0) {
			*ret = false;
			return true;
		}
	return false;
}

static const char *git_url_take(char **place, char **value)
{
	if (!**value)
		return "a key of its query has no value";
	if (*place)
		return "a key of its query is given twice";
	*place = steal_ptr(*value);
	return NULL;
}

/* "key=value"; why it is refused, or NULL. */
static const char *git_url_pair(struct git_query *query, struct git_url *url, const char *pair, size_t len)
{
	const char *equals = memchr(pair, '=', len);
	size_t key_len = equals ? (size_t)(equals - pair) : len;
	cleanup_free char *key = unescaped(pair, key_len);
	cleanup_free char *value = equals ? unescaped(equals + 1, len - key_len - 1) : mem_strdup("");

	if (strcmp(key, "ref") == 0)
		return git_url_take(&query->ref, &value);
	if (strcmp(key, "tag") == 0)
		return git_url_take(&query->tag, &value);
	if (strcmp(key, "branch") == 0)
		return git_url_take(&query->branch, &value);
	if (strcmp(key, "commit") == 0 || strcmp(key, "checksum") == 0)
		return git_url_take(&query->commit, &value);
	if (strcmp(key, "subdir") == 0)
		return git_url_take(&query->subdir, &value);
	if (strcmp(key, "submodules") == 0)
		return take_bool(value, &url->submodules) ? NULL : "\"submodules\" is 0 or 1";
	if (strcmp(key, "keep-git-dir") != 0)
		return "its query has ref, branch, tag, commit, subdir and submodules";
	return take_bool(value, &url->keep) ? NULL : "\"keep-git-dir\" is 0 or 1";
}

static const char *take_query(struct git_query *query, struct git_url *url, const char *text)
{
	const char *why = NULL;

	while (*text && !why) {
		size_t len = strcspn(text, "&");

		if (len)
			why = git_url_pair(query, url, text, len);
		text += len + (text[len] == '&');
	}
	return why;
}

/* "main:folder" */
static void take_fragment(struct git_url *url, const char *fragment)
{
	size_t len = strcspn(fragment, ":");

	if (len)
		url->ref = unescaped(fragment, len);
	if (fragment[len] && fragment[len + 1])
		url->subdir = unescaped(fragment + len + 1, strlen(fragment + len + 1));
}

/* One way to say something, if the other one does not say something else. */
static const char *git_url_settle(char **place, char **said)
{
	if (*said && *place && strcmp(*said, *place) != 0)
		return "it names two refs or two folders";
	if (*said && !*place)
		*place = steal_ptr(*said);
	return NULL;
}

static void in_full(char **ref, const char *prefix)
{
	char *full;

	if (!*ref || strncmp(*ref, prefix, strlen(prefix)) == 0)
		return;
	full = mem_printf("%s%s", prefix, *ref);
	free(*ref);
	*ref = full;
}

/* git itself is given it: what could be meant as an option or as several refs is none. */
static bool ref_is_sound(const char *ref)
{
	if (!*ref || *ref == '-' || strstr(ref, ".."))
		return false;
	for (const char *c = ref; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 127 || strchr("~^:?*[\\", *c))
			return false;
	return true;
}

static const char *clean_subdir(struct git_url *url)
{
	cleanup_free char *written = url->subdir;
	const char *path = written ? written + strspn(written, "/") : "";

	url->subdir = *path ? path_clean(path) : mem_strdup("");
	if (strcmp(url->subdir, ".") == 0)
		*url->subdir = '\0';
	return strcmp(url->subdir, "..") == 0 || strncmp(url->subdir, "../", 3) == 0
		       ? "its folder is outside the repository"
		       : NULL;
}

static const char *git_url_join(struct git_query *query, struct git_url *url)
{
	const char *why = git_url_settle(&url->ref, &query->ref);

	in_full(&query->tag, "refs/tags/");
	in_full(&query->branch, "refs/heads/");
	if (query->tag && query->branch)
		return "it names a branch and a tag";
	if (!why)
		why = git_url_settle(&url->ref, &query->tag);
	if (!why)
		why = git_url_settle(&url->ref, &query->branch);
	if (!why)
		why = git_url_settle(&url->subdir, &query->subdir);
	if (why)
		return why;
	if (query->commit && (strlen(query->commit) < 7 || query->commit[strspn(query->commit, "0123456789abcdef")]))
		return "its commit is no hash";
	url->commit = steal_ptr(query->commit);
	if (!url->commit && url->ref && git_url_is_commit(url->ref))
		url->commit = mem_strdup(url->ref);
	if (!url->ref)
		url->ref = mem_strdup(url->commit && git_url_is_commit(url->commit) ? url->commit : "HEAD");
	return ref_is_sound(url->ref) ? clean_subdir(url) : "its ref is no name of git's";
}

bool git_url_parse(const char *text, struct git_url *ret, const char **ret_why)
{
	size_t end = strcspn(text, "#"), path = strcspn(text, "?#");
	bool scp = !strstr(text, "://");
	struct git_query query = { 0 };
	cleanup_free char *asked = NULL;
	const char *why = NULL;

	*ret = (struct git_url){ .submodules = true };
	/* "git@host:path" has no query. */
	path = scp && strncmp(text, "github.com/", 11) != 0 ? end : path;
	ret->repository = mem_printf("%s%.*s", strncmp(text, "github.com/", 11) == 0 ? "https://" : "", (int)path, text);
	if (text[end])
		take_fragment(ret, text + end + 1);
	if (path < end) {
		asked = mem_strndup(text + path + 1, end - path - 1);
		why = take_query(&query, ret, asked);
	}
	if (!why)
		why = git_url_join(&query, ret);
	free(query.ref);
	free(query.tag);
	free(query.branch);
	free(query.commit);
	free(query.subdir);
	if (why) {
		git_url_free(ret);
		*ret_why = why;
	}
	return !why;
}

bool git_url_parse_folder(const char *text, struct git_url *ret, const char **ret_why)
{
	if (!git_url_parse(text, ret, ret_why))
		return false;
	if (!ret->keep)
		return true;
	git_url_free(ret);
	*ret_why = "the folder .git cannot be kept: it differs from one fetch to the next";
	return false;
}
