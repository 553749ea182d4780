#include "config.h"

#include "engine/builder/solve_rules.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/git_url.h"
#include "base/mem.h"
#include "engine/builder/builder.h"
#include "engine/buildkit/control.h"

#define CHECKSUM "http.checksum"
#define GIT_CHECKSUM "git.checksum"

/* "URL?ref=main&subdir=a" as "URL#main:a", which BuildKit makes of it; a ref without what says whether it is a branch or a tag. */
static const char *git_plain(struct arena *arena, const char *url)
{
	struct git_url git cleanup_git_url = { 0 };
	const char *why, *ref;

	if (!strchr(url, '?') || !git_url_parse(url, &git, &why))
		return url;
	ref = strcmp(git.ref, "HEAD") == 0 ? "" : git.ref;
	return arena_printf(arena, "%s#%s%s%s", git.repository, ref, *git.subdir ? ":" : "", git.subdir);
}

/* BuildKit's name of a repository's ref: "git://host/path#ref:folder", whatever it is reached by; with `ref`, of that one. */
static const char *git_source(struct arena *arena, const char *url, const char *ref)
{
	const char *plain = git_plain(arena, url), *scheme = strstr(plain, "://"), *rest = scheme ? scheme + 3 : plain;
	size_t host = strcspn(rest, scheme ? "/#" : ":#");
	const char *path = rest + host + (scheme ? 0 : rest[host] == ':'), *at = memchr(rest, '@', host);
	size_t path_len = strcspn(path, "#"), ref_len;
	const char *mark = path[path_len] ? path + path_len + 1 : "";

	ref_len = strcspn(mark, ":");
	if (at) {
		host -= (size_t)(at + 1 - rest);
		rest = at + 1;
	}
	return arena_printf(arena, "git://%.*s%s%.*s%s%.*s%s", (int)host, rest, *path == '/' ? "" : "/", (int)path_len,
			    path, *mark || ref ? "#" : "", ref ? (int)strlen(ref) : (int)ref_len, ref ? ref : mark,
			    mark + ref_len);
}

/* As a regular expression that fits nothing else: what is named exactly cannot be given another name. */
static const char *regex_of(struct arena *arena, const char *text)
{
	cleanup_buf struct buf out = { 0 };

	buf_char(&out, '^');
	for (; *text; text++) {
		if (ispunct((unsigned char)*text))
			buf_char(&out, '\\');
		buf_char(&out, *text);
	}
	buf_char(&out, '$');
	return arena_strdup(arena, out.data);
}

static void solve_add_rule(struct control_solve *solve, struct control_rule *rules, const struct control_rule *rule)
{
	rules[solve->rules_len++] = *rule;
}

static void add_pin(struct arena *arena, struct control_solve *solve, struct control_rule *rules,
		    const struct build_url *url)
{
	const char *hash = strchr(url->pin, ':') + 1;

	/* A '$' would stand for a part of what fitted. */
	if (url->git && !strchr(url->url, '$'))
		solve_add_rule(solve, rules,
			       &(struct control_rule){ .action = RULE_CONVERT,
						       .source = regex_of(arena, git_source(arena, url->url, NULL)),
						       .regex = true,
						       .becomes = git_source(arena, url->url, hash) });
	else if (!url->git)
		solve_add_rule(solve, rules,
			       &(struct control_rule){ .action = RULE_CONVERT,
						       .source = url->url,
						       .becomes = url->url,
						       .attr = { CHECKSUM, url->pin } });
}

/* What nobody said anything about may be whatever is there. */
static void allow_rest(struct arena *arena, const struct build_job *job, struct control_solve *solve,
		       struct control_rule *rules)
{
	for (size_t i = 0; i < job->urls_len; i++) {
		const struct build_url *url = &job->urls[i];

		if (url->url && !url->pin)
			solve_add_rule(solve, rules,
				       &(struct control_rule){ .action = RULE_ALLOW,
							       .source = url->git ? git_source(arena, url->url, NULL)
										  : url->url });
	}
}

void solve_rules(struct arena *arena, const struct build_job *job, struct control_solve *ret)
{
	static const struct control_rule strict[] = {
		{ .action = RULE_DENY, .source = "^(https?|git)://", .regex = true },
		{ .action = RULE_ALLOW, .source = "^https?://", .regex = true, .key = CHECKSUM, .matches = "^sha256:" },
		{ .action = RULE_ALLOW, .source = "^git://[^#]*#([0-9a-f]{40}|[0-9a-f]{64})(:|$)", .regex = true },
		{ .action = RULE_ALLOW, .source = "^git://", .regex = true, .key = GIT_CHECKSUM, .matches = "." },
	};
	struct control_rule *rules =
		arena_array(arena, job->urls_len * 2 + sizeof(strict) / sizeof(*strict), sizeof(*rules));
	bool unknown = false;

	for (size_t i = 0; i < job->urls_len; i++) {
		if (job->urls[i].pin)
			add_pin(arena, ret, rules, &job->urls[i]);
		unknown |= !job->urls[i].url;
	}
	if (ret->rules_len == 0)
		return;
	/* Without the name of one that may be anything, nothing can be denied. */
	for (size_t i = 0; i < sizeof(strict) / sizeof(*strict) && !unknown; i++)
		solve_add_rule(ret, rules, &strict[i]);
	allow_rest(arena, job, ret, rules);
	ret->rules = rules;
}
