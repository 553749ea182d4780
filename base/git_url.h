#ifndef BASE_GIT_URL_H
#define BASE_GIT_URL_H

#include <stdbool.h>

/* A git repository as builders name one: "URL#REF:FOLDER", or "URL?ref=REF&subdir=FOLDER" with the keys `ref`, `branch`, `tag`,
 * `commit` (or `checksum`), `subdir`, `submodules`, `keep-git-dir` (docs.docker.com, build contexts, URL fragments and URL queries). */
struct git_url {
	char *repository; /* what git is told, with a login that it may hold */
	char *ref;        /* "main", "refs/tags/v1", a commit; "HEAD" when none is named */
	char *commit;     /* the commit that it is, or the beginning of its hash; NULL: whatever the ref names */
	char *subdir;     /* "" or a clean path below the repository's root */
	bool submodules;
	bool keep; /* with its folder .git */
};

/* False when builders would refuse it; *ret_why (static) says why. */
bool git_url_parse(const char *text, struct git_url *ret, const char **ret_why);
/* The same, and false for what only a builder can fetch: not as a folder that is the same each time. */
bool git_url_parse_folder(const char *text, struct git_url *ret, const char **ret_why);
void git_url_free(struct git_url *url); /* the contents */
#define cleanup_git_url __attribute__((cleanup(git_url_free)))

/* The commit in full, which is what it is for good; else NULL. */
const char *git_url_pinned(const struct git_url *url);
/* Whether a text is a commit's hash in full. */
bool git_url_is_commit(const char *hash);

#endif
