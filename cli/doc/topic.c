#include "config.h"

#include <stddef.h>
#include <string.h>

#include "cli/doc/topic.h"

static const struct term targets[] = {
	{ "SERVICE", "a service of the manifest" },
	{ "GROUP", "a group of the manifest" },
	{ "all", "every service without `profiles`, or with one that was asked for; the default" },
	{ "@since:REF", "the services that `cbuild affected --since=REF` names" },
	{ 0 },
};

static const struct term states[] = {
	{ "fresh", "the key has a record and the result is still there: nothing to do" },
	{ "stale", "it has to run; `-n` says why" },
	{ "unknown", "decided once what it needs has run: when that comes out as it was, nothing is done" },
	{ 0 },
};

static const struct term statuses[] = {
	{ "0", "done" },
	{ "1", "a build or a check failed; with `-n --exit-code` something is stale" },
	{ "2", "the manifest or the command line is wrong" },
	{ "3", "a tool or a feature is missing" },
	{ "4", "registry or login" },
	{ "5", "a health check failed" },
	{ "6", "state or disk: a file that is there cannot be read or written, or a limit of the system is reached" },
	{ "70", "a fault of cbuild" },
	{ "130, 143", "interrupted or terminated" },
	{ 0 },
};

static const struct term environment[] = {
	{ "BUILD_PLATFORMS", "as `--platforms`" },
	{ "DOCKER_TAGS", "as `--tag`" },
	{ "COMPOSE_PROFILES", "as `--profile`" },
	{ "SOURCE_DATE_EPOCH", "wins over `source_date_epoch` of the manifest" },
	{ "CBUILD_BUILDER, CBUILD_RUNTIME", "as `--builder`, `--runtime`" },
	{ "BUILDX_BUILDER, BUILDKIT_HOST, CONTAINERD_NAMESPACE",
	  "what docker buildx, buildctl and nerdctl use; one that is set leads to that builder, as DOCKER_HOST leads to docker" },
	{ "DOCKER_HOST, DOCKER_CONTEXT, DOCKER_CONFIG", "docker's address, as docker reads them" },
	{ "CONTAINERS_CONF, CONTAINERS_STORAGE_CONF", "settings of buildah and podman" },
	{ "NO_COLOR, TERM, CI", "no colours; `TERM=dumb` and `CI` also mean plain lines instead of a live display" },
	{ "GITHUB_ACTIONS", "`true`: what each node printed goes into a group of the job's log, and the images into `GITHUB_OUTPUT` and `GITHUB_STEP_SUMMARY`" },
	{ 0 },
};

static const struct term files[] = {
	{ "services.yaml, services.yml, compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml",
	  "the manifest: the first of them that is there" },
	{ "compose.override.yml", "merged over the compose file, unless `-f` is given" },
	{ ".env", "variables, beside the manifest" },
	{ ".cbuild/state.db", "what was done: records, runs, timings" },
	{ ".cbuild/statindex", "what was hashed" },
	{ ".cbuild/oci", "the images, as an OCI image layout" },
	{ ".cbuild/logs", "the builders' output" },
	{ 0 },
};

static const struct topic topics[] = {
	{ "targets", "TARGETS", "what is built",
	  "A target is one of the words below. What a target needs is built first. A node is one unit of work and is named as `-n` prints it, for example `build:indexer:linux/arm64`.",
	  targets },
	{ "states", "STATES", "how cbuild decides what is stale",
	  "The manifest becomes a graph. Its nodes are the units of work: `prepare` (a declared step), `build` (a "
	  "service for one platform), `output` (the files of a build that makes files), `index` (the platforms joined under the tags), `load` (into the local engine), "
	  "`verify`. Each has a key: a hash over everything that can change its result, and nothing else. Modification "
	  "times are not in it.",
	  states },
	{ "status", "EXIT STATUS", "exit statuses", NULL, statuses },
	{ "environment", "ENVIRONMENT", "the variables that matter",
	  "Options win over the environment, and that wins over the manifest. Everything in the environment can be used in the manifest as `${NAME}`.",
	  environment },
	{ "files", "FILES", "what is read and kept", NULL, files },
	{ 0 },
};

const struct topic *topic_table(void)
{
	return topics;
}

const struct topic *topic_find(const char *name)
{
	for (const struct topic *topic = topics; topic->name; topic++) {
		if (strcmp(topic->name, name) == 0)
			return topic;
	}
	return NULL;
}
