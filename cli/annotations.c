#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "cli/annotations.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/plan/plan.h"
#include "engine/source/git.h"

#define ANNOTATIONS 3

static void annotations_add(struct session *session, const char *key, const char *value)
{
	session->annotations[session->annotations_len++] = (struct plan_pair){ key, mem_strdup(value) };
}

static void add_created(struct session *session, const char *commit_time)
{
	time_t seconds = session->manifest->has_epoch ? (time_t)session->manifest->epoch
						      : (time_t)strtoll(commit_time, NULL, 10);
	char text[sizeof("-2147483647-12-31T23:59:59Z")];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) > 0)
		annotations_add(session, "org.opencontainers.image.created", text);
}

void annotations_find(struct session *session)
{
	struct git *git = git_new(session->manifest->dir);
	const char *commit = git_value(git, "git.commit", NULL);
	const char *dirty = commit ? git_value(git, "git.dirty", NULL) : NULL;
	const char *time = commit ? git_value(git, "git.time", NULL) : NULL;
	const char *source = commit ? git_value(git, "git.source", NULL) : NULL;

	session->annotations = mem_array(ANNOTATIONS, sizeof(*session->annotations));
	if (commit) {
		cleanup_free char *revision =
			mem_printf("%s%s", commit, dirty && strcmp(dirty, "true") == 0 ? "-dirty" : "");

		annotations_add(session, "org.opencontainers.image.revision", revision);
	}
	if (source && *source)
		annotations_add(session, "org.opencontainers.image.source", source);
	if (time || session->manifest->has_epoch)
		add_created(session, time ? time : "0");
	git_free(git);
}

void annotations_forget(struct session *session)
{
	for (size_t i = 0; i < session->annotations_len; i++)
		free((char *)session->annotations[i].value);
	free(session->annotations);
}
