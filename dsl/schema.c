#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/drivers.h"
#include "dsl/schema.h"

/* More keys than any map has. */
#define SCHEMA_KEYS_MAX 128

#define KEYS(table) .keys = table, .len = sizeof(table) / sizeof(table[0])

#define IN(type, field) .offset = offsetof(struct type, field)
#define HAS(type, field) .has = offsetof(struct type, field)
#define POS(type, field) .pos = offsetof(struct type, field)

/* The keys of maps that are not decoded into a struct. */
#define WORDS(...)                     \
	.words = (const char *const[]) \
	{                              \
		__VA_ARGS__, NULL      \
	}

#define VALUES(...)                                     \
	.values = (const char *const[]){ __VA_ARGS__ }, \
	.values_len = sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(const char *)

/* Each row: the key, its type, where it goes, what it means. */

static const struct schema_key build_keys[] = {
	{ "context", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, context),
	  .doc = "The folder that is built, relative to the manifest; \".\" by default. Or a URL: of a git repository (\"https://host/repo.git#ref:folder\"), of an archive, or of a Dockerfile." },
	{ "dockerfile", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, dockerfile),
	  .doc = "The Dockerfile, relative to the context; \"Dockerfile\" by default. Or an http URL." },
	{ "args", TYPE_ENV, .flags = FLAG_PLATFORM, IN(draft_build, out.args),
	  .doc = "Build arguments. A name without a value takes the environment's." },
	{ "target", TYPE_TEXT, .flags = FLAG_PLAIN | FLAG_FILLED, IN(draft_build, out.target),
	  .doc = "The stage to build; the last one by default." },
	{ "platforms", TYPE_CSV, IN(draft_build, platforms), POS(draft_build, platforms_pos),
	  .doc = "The platforms of this service, instead of the manifest's." },
	{ "tags", TYPE_CSV, IN(draft_build, tags),
	  .doc = "Further tags of the image, or whole references (\"ghcr.io/acme/web:1\")." },
	{ "labels", TYPE_PAIRS, .flags = FLAG_PLAIN, IN(draft_build, out.labels), .doc = "Labels of the image." },
	{ "annotations", TYPE_PAIRS, .flags = FLAG_OWN, IN(draft_build, annotations),
	  .doc = "Annotations of what is pushed, as of buildx: of each platform's manifest, or of what is written before the name: "
		 "\"index:\", \"manifest:\", \"manifest[linux/arm64]:\", \"index,manifest:\"." },
	{ "additional_contexts", TYPE_PAIRS, IN(draft_build, contexts),
	  .doc = "Named contexts for FROM and COPY --from: a folder, \"service:NAME\", \"docker-image://REFERENCE\", "
		 "\"oci-layout://FOLDER\" (with \":TAG\" or \"@DIGEST\") or a URL." },
	{ "dockerfile_inline", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, out.inline_text),
	  .doc = "The Dockerfile's text itself, instead of a file." },
	{ "network", TYPE_TEXT, .flags = FLAG_PLAIN | FLAG_OPTION | FLAG_FILLED, IN(draft_build, out.network),
	  VALUES("default", "none", "host"), .doc = "The network of RUN steps: \"default\", \"none\" or \"host\"." },
	{ "shm_size", TYPE_MEMORY, .flags = FLAG_PLAIN | FLAG_OPTION, IN(draft_build, out.shm_size),
	  .doc = "The size of /dev/shm in RUN steps." },
	{ "extra_hosts", TYPE_HOSTS, .flags = FLAG_PLAIN | FLAG_OPTION, IN(draft_build, out.hosts),
	  .doc = "Host names that RUN steps know: NAME=ADDRESS." },
	{ "secrets", TYPE_SECRETS, IN(draft_build, secrets), WORDS("source", "target", "uid", "gid", "mode"),
	  .doc = "The manifest's secrets that RUN --mount=type=secret may read. Their ids count, their values do "
		 "not." },
	{ "ssh", TYPE_PAIRS, IN(draft_build, out.ssh),
	  .doc = "Agents and keys for RUN --mount=type=ssh: \"default\", or ID=PATH of a socket or key." },
	{ "cache_from", TYPE_TEXTS, .flags = FLAG_PLAIN | FLAG_FILLED, IN(draft_build, out.cache_from),
	  .doc = "Where docker's builder may take steps from; buildah does without." },
	{ "cache_to", TYPE_TEXTS, .flags = FLAG_PLAIN | FLAG_FILLED, IN(draft_build, out.cache_to),
	  .doc = "Where docker's builder leaves its steps; buildah does without." },
	{ "no_cache", TYPE_BOOL, .flags = FLAG_PLAIN, IN(draft_build, out.no_cache),
	  .doc = "true: the builder does not use its own cache." },
	{ "pull", TYPE_BOOL, .flags = FLAG_PLAIN, IN(draft_build, out.pull),
	  .doc = "true: bases are looked up again at every build." },
	{ "entitlements", TYPE_TEXTS, .flags = FLAG_PLAIN | FLAG_OPTION | FLAG_FILLED, IN(draft_build, out.entitlements),
	  .doc = "What RUN steps may do if the daemon permits it: \"network.host\", \"security.insecure\". docker and "
		 "BuildKit only." },
	{ "isolation", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "How a build is isolated on Windows; not used." },
	{ "no_cache_filter", TYPE_TEXTS, .flags = FLAG_PLAIN | FLAG_FILLED, IN(draft_build, out.no_cache_filter),
	  .doc = "Stages for which the builder does not use its own cache; with buildah, for none." },
	{ "privileged", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "compose's rights for a build; not given." },
	{ "ulimits", TYPE_ULIMITS, .flags = FLAG_PLAIN | FLAG_OPTION, IN(draft_build, out.ulimits),
	  .doc = "Limits of RUN steps: a number for each name, or its soft and hard limit." },
	{ "cgroup_parent", TYPE_TEXT, .flags = FLAG_PLAIN | FLAG_FILLED, IN(draft_build, out.cgroup_parent),
	  .doc = "The control group that RUN steps are put below." },
	{ "outputs", TYPE_OUTPUTS, MERGE_REPLACE, FLAG_OWN, IN(draft_build, out.outputs), WORDS("type", "dest"),
	  .doc = "What it makes instead of an image: its files in a folder ({type: local, dest: PATH}, or just the path) or "
		 "a tar ({type: tar, dest: PATH}), or nothing ({type: cacheonly}). {type: image}: the image as well." },
	{ "provenance", TYPE_TEXT, IN(draft_build, provenance),
	  .doc = "What the builder puts beside the image about how it was built: \"min\" (or true), \"max\", or false. "
		 "docker and BuildKit only." },
	{ "sbom", TYPE_TEXT, IN(draft_build, sbom),
	  .doc = "true: the builder puts beside the image what is in it; \"generator=IMAGE\" says by which scanner. "
		 "docker "
		 "and BuildKit only." },
};

/* Relied on by schema_plain_value and schema_run_value. */
_Static_assert(offsetof(struct draft_build, out) == 0, "what is decoded in place starts where the struct does");
_Static_assert(offsetof(struct draft_service, out) == 0, "what is decoded in place starts where the struct does");

static const struct schema schema_build = { .name = "build", .short_key = "context", KEYS(build_keys) };

static const struct schema_key prepare_keys[] = {
	{ "run", TYPE_WORDS, MERGE_REPLACE, FLAG_REQUIRED | FLAG_FILLED | FLAG_PLATFORM, IN(prepare_spec, run),
	  .doc = "The command, run in the manifest's folder without a shell. A file of the project that a word names "
		 "is an "
		 "input. With ${platform.*} it runs once for each platform." },
	{ "inputs", TYPE_TEXTS, .flags = FLAG_FILLED, IN(prepare_spec, inputs),
	  .doc = "The files it reads: paths or patterns, \"**\" for any folders." },
	{ "outputs", TYPE_TEXTS, .flags = FLAG_REQUIRED | FLAG_FILLED | FLAG_PLATFORM, IN(prepare_spec, outputs),
	  .doc = "The files it makes. They must not be files that a build is planned from: its Dockerfile, ignore file or "
		 "context." },
	{ "env", TYPE_TEXTS, .flags = FLAG_FILLED, IN(prepare_spec, env),
	  .doc = "The environment variables that it sees. They count as its input." },
};

static const struct schema schema_prepare = { .name = "prepare", KEYS(prepare_keys) };

static const struct schema_key http_keys[] = {
	{ "path", TYPE_TEXT, .flags = FLAG_REQUIRED, IN(http_check, path),
	  .doc = "The path to ask for, beginning with \"/\"." },
	{ "port", TYPE_PORT, IN(http_check, port), .doc = "The container's port; the service's first one by default." },
	{ "status", TYPE_STATUS, IN(http_check, status), .doc = "The expected status; any 2xx by default." },
	{ "body", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, body),
	  .doc = "A regular expression that must be found in the answer's body." },
	{ "json", TYPE_PAIR, IN(http_check, json_path),
	  .doc = "A path into a JSON answer (\"a.b\") and the value that must be there." },
	{ "timeout", TYPE_DURATION, IN(http_check, timeout_ms),
	  .doc = "How long the service may take to become healthy; 30s by default." },
	{ "method", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, method),
	  .doc = "The request's method; GET by default." },
	{ "send", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, send), .doc = "The request's body." },
	{ "host", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, host),
	  .doc = "The Host header, and the name that the certificate must have; by default the container's address, with https the service's "
		 "name." },
	{ "headers", TYPE_PAIRS, IN(http_check, headers), .doc = "More headers of the request: {NAME: VALUE}." },
	{ "scheme", TYPE_SCHEME, .flags = FLAG_FILLED, IN(http_check, https), VALUES("http", "https"),
	  .doc = "http (the default) or https." },
	{ "ca", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, ca),
	  .doc = "With https: a PEM file of authorities that may have signed the certificate, relative to the manifest; the system's by "
		 "default." },
	{ "insecure", TYPE_BOOL, IN(http_check, insecure), .doc = "true: with https any certificate will do." },
	{ "redirects", TYPE_COUNT, .flags = FLAG_ZERO, HAS(http_check, has_redirects), IN(http_check, redirects),
	  .doc = "How many redirects to the service itself are followed; 5 by default." },
};

static const struct schema schema_http = { .name = "http", .short_key = "path", KEYS(http_keys) };

static const struct schema_key tcp_keys[] = {
	{ "port", TYPE_PORT, IN(tcp_check, port), .doc = "The container's port; the service's first one by default." },
	{ "timeout", TYPE_DURATION, IN(tcp_check, timeout_ms),
	  .doc = "How long the port may take to open; 30s by default." },
};

static const struct schema schema_tcp = { .name = "tcp", .short_key = "port", KEYS(tcp_keys) };

static const struct schema_key grpc_keys[] = {
	{ "port", TYPE_PORT, IN(grpc_check, port), .doc = "The container's port; the service's first one by default." },
	{ "service", TYPE_TEXT, .flags = FLAG_FILLED, IN(grpc_check, service),
	  .doc = "The name of the gRPC service to ask about; the whole server by default." },
	{ "timeout", TYPE_DURATION, IN(grpc_check, timeout_ms),
	  .doc = "How long it may take until it serves; 30s by default." },
	{ "tls", TYPE_BOOL, IN(grpc_check, tls), .doc = "true: the server speaks TLS." },
	{ "host", TYPE_TEXT, .flags = FLAG_FILLED, IN(grpc_check, host),
	  .doc = "With tls: the name that the certificate must have; the service's name by default." },
	{ "ca", TYPE_TEXT, .flags = FLAG_FILLED, IN(grpc_check, ca),
	  .doc = "With tls: a PEM file of authorities that may have signed the certificate, relative to the manifest; the system's by "
		 "default." },
	{ "insecure", TYPE_BOOL, IN(grpc_check, insecure), .doc = "true: with tls any certificate will do." },
};

static const struct schema schema_grpc = { .name = "grpc", .short_key = "port", KEYS(grpc_keys) };

static const struct schema_key exec_keys[] = {
	{ "command", TYPE_WORDS, MERGE_REPLACE, FLAG_REQUIRED | FLAG_FILLED, IN(exec_check, command),
	  .doc = "The command, run in the container without a shell." },
	{ "timeout", TYPE_DURATION, IN(exec_check, timeout_ms),
	  .doc = "How long it may take until the command succeeds; 30s by default." },
};

static const struct schema schema_exec = { .name = "exec", .short_key = "command", KEYS(exec_keys) };

static const struct schema_key verify_keys[] = {
	{ "http", TYPE_MAP, HAS(verify_spec, has_http), IN(verify_spec, http), .sub = &schema_http,
	  .doc = "Asks the running container by HTTP: a path, or a map." },
	{ "tcp", TYPE_MAP, HAS(verify_spec, has_tcp), IN(verify_spec, tcp), .sub = &schema_tcp,
	  .doc = "Connects to a port of the running container: a port, or a map." },
	{ "grpc", TYPE_MAP, HAS(verify_spec, has_grpc), IN(verify_spec, grpc), .sub = &schema_grpc,
	  .doc = "Asks the running container by the gRPC health protocol (grpc.health.v1): a port, or a map." },
	{ "exec", TYPE_MAP, HAS(verify_spec, has_exec), IN(verify_spec, exec), .sub = &schema_exec,
	  .doc = "Runs a command in the running container until it succeeds: a command, or a map." },
	{ "user", TYPE_TEXT, .flags = FLAG_FILLED, IN(verify_spec, user),
	  .doc = "The user the image must run as: \"nonroot\", a name, a uid, or uid:gid." },
	{ "max_size", TYPE_SIZE, IN(verify_spec, max_size), POS(verify_spec, max_size_pos),
	  .doc = "The most that the image may take, compressed, on each platform (\"100MB\")." },
	{ "entrypoint", TYPE_WORDS, MERGE_REPLACE, IN(verify_spec, entrypoint),
	  .doc = "The entry point the image must have." },
	{ "ports", TYPE_TEXTS, .flags = FLAG_FILLED, IN(verify_spec, ports),
	  .doc = "Ports the image must expose (\"8000\", \"53/udp\")." },
	{ "labels", TYPE_PAIRS, IN(verify_spec, labels), .doc = "Labels the image must carry." },
	{ "platforms", TYPE_CSV, IN(verify_spec, platforms), .doc = "Platforms the image's index must hold." },
	{ "run", TYPE_COMMANDS, .flags = FLAG_FILLED | FLAG_IMAGE | FLAG_PLATFORM, IN(verify_spec, run),
	  .doc = "Checkers to run on the image, each a command; ${image.oci} is the image as an OCI layout." },
};

static const struct schema schema_verify = { .name = "verify", KEYS(verify_keys) };

static const struct schema_key healthcheck_keys[] = {
	{ "test", TYPE_TEST, MERGE_REPLACE, IN(healthcheck, test),
	  .doc = "The command: [CMD, word, ...], [CMD-SHELL, line], a line, or [NONE]." },
	{ "timeout", TYPE_DURATION, .flags = FLAG_ZERO, IN(healthcheck, timeout_ms),
	  .doc = "How long one try may take; 30s by default." },
	{ "disable", TYPE_BOOL, IN(healthcheck, disable), .doc = "true: the image's own check is ignored, too." },
	{ "interval", TYPE_DURATION, .flags = FLAG_ZERO, IN(healthcheck, interval_ms),
	  .doc = "The time between two tries; 30s by default. Before the first one is due, it is also tried sooner." },
	{ "retries", TYPE_COUNT, .flags = FLAG_ZERO, IN(healthcheck, retries),
	  .doc = "How many tries in a row may fail; 3 by default. After the last of them the service is unhealthy." },
	{ "start_period", TYPE_DURATION, .flags = FLAG_ZERO, IN(healthcheck, start_period_ms),
	  .doc = "The time after the start in which failed tries do not count; none by default." },
	{ "start_interval", TYPE_DURATION, .flags = FLAG_ZERO, IN(healthcheck, start_interval_ms),
	  .doc = "The time between two tries in that period; short by default." },
};

static const struct schema schema_healthcheck = { .name = "healthcheck", KEYS(healthcheck_keys) };

static const struct schema_key format_keys[] = {
	{ "suffix", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_format, suffix),
	  .doc = "The suffix of each tag of the image: \"-zstd\", \"-esgz\" and \"-nydus\" by default." },
};

static const struct schema_named format_items = {
	.takes = "a list of formats, or a map of them",
	.one = "format",
	.hint = "write {suffix: SUFFIX}",
	.size = sizeof(struct draft_format),
	.name = offsetof(struct draft_format, name),
};
static const struct schema schema_format = { .name = "format", .named = &format_items, KEYS(format_keys) };

static const struct schema_key logging_keys[] = {
	{ "driver", TYPE_TEXT, .flags = FLAG_FILLED, IN(logging, driver), .doc = "The engine's log driver." },
	{ "options", TYPE_PAIRS, IN(logging, options), .doc = "The driver's options." },
};

static const struct schema schema_logging = { .name = "logging", KEYS(logging_keys) };

static const struct schema_key limits_keys[] = {
	{ "cpus", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_amounts, cpus), .doc = "As the service's \"cpus\"." },
	{ "memory", TYPE_MEMORY, IN(draft_amounts, memory), .doc = "As the service's \"mem_limit\"." },
	{ "pids", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_amounts, pids), .doc = "As the service's \"pids_limit\"." },
};

static const struct schema schema_limits = { .name = "limits", KEYS(limits_keys) };

static const struct schema_key reservations_keys[] = {
	{ "cpus", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Of a cluster's node." },
	{ "memory", TYPE_MEMORY, IN(draft_amounts, memory), .doc = "As the service's \"mem_reservation\"." },
	{ "generic_resources", TYPE_SHAPE, .flags = FLAG_LIST, .doc = "Of a cluster's node." },
	{ "devices", TYPE_SHAPE, .flags = FLAG_LIST, HAS(draft_amounts, devices), POS(draft_amounts, devices_pos),
	  .doc = "Graphics processors and other devices: not used." },
};

static const struct schema schema_reservations = { .name = "reservations", KEYS(reservations_keys) };

static const struct schema_key resources_keys[] = {
	{ "limits", TYPE_MAP, IN(draft_resources, limits), .sub = &schema_limits, .doc = "The most it gets." },
	{ "reservations", TYPE_MAP, IN(draft_resources, reservations), .sub = &schema_reservations,
	  .doc = "The least it gets." },
};

static const struct schema schema_resources = { .name = "resources", KEYS(resources_keys) };

static const struct schema_key restart_keys[] = {
	{ "condition", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_restart, condition),
	  .doc = "\"none\", \"on-failure\" or \"any\"." },
	{ "max_attempts", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_restart, max_attempts),
	  .doc = "How often, with \"on-failure\"." },
	{ "delay", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Of a cluster." },
	{ "window", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Of a cluster." },
};

static const struct schema schema_restart = { .name = "restart_policy", KEYS(restart_keys) };

static const struct schema_key deploy_keys[] = {
	{ "resources", TYPE_MAP, IN(draft_deploy, resources), .sub = &schema_resources,
	  .doc = "What it may use: over the service's own limits." },
	{ "restart_policy", TYPE_MAP, IN(draft_deploy, restart), .sub = &schema_restart,
	  .doc = "When it is started again: instead of what \"restart\" says." },
	{ "replicas", TYPE_TEXT, IN(draft_deploy, replicas), .doc = "How many of it run: cbuild starts one." },
	{ "mode", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Of a cluster." },
	{ "endpoint_mode", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Of a cluster." },
	{ "labels", TYPE_SHAPE, .flags = FLAG_LIST | FLAG_MAP, .doc = "Of a cluster's service." },
	{ "placement", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Of a cluster." },
	{ "rollback_config", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Of a cluster." },
	{ "update_config", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Of a cluster." },
};

static const struct schema schema_deploy = { .name = "deploy", KEYS(deploy_keys) };

static const struct schema_key watch_exec_keys[] = {
	{ "command", TYPE_WORDS, MERGE_REPLACE, .flags = FLAG_REQUIRED | FLAG_FILLED, IN(draft_exec, command),
	  .doc = "The command, as a list of words." },
	{ "user", TYPE_SHAPE, .flags = FLAG_SINGLE, POS(draft_exec, user), .doc = "Who runs it: not used." },
	{ "privileged", TYPE_SHAPE, .flags = FLAG_SINGLE, POS(draft_exec, privileged), .doc = "Not used." },
	{ "working_dir", TYPE_SHAPE, .flags = FLAG_SINGLE, POS(draft_exec, working_dir), .doc = "Not used." },
	{ "environment", TYPE_SHAPE, .flags = FLAG_LIST | FLAG_MAP, POS(draft_exec, environment), .doc = "Not used." },
};

static const struct schema schema_watch_exec = { .name = "watch.exec", KEYS(watch_exec_keys) };

static const struct schema_key watch_keys[] = {
	{ "path", TYPE_TEXT, .flags = FLAG_REQUIRED | FLAG_FILLED, IN(draft_watch, out.path),
	  .doc = "The file or folder that is watched, relative to the manifest." },
	{ "action", TYPE_TEXT, .flags = FLAG_REQUIRED | FLAG_FILLED, IN(draft_watch, action),
	  .values = watch_action_names, .values_len = WATCH_ACTIONS,
	  .doc = "What a change does: \"sync\" copies the files into the running container; \"restart\" restarts it." },
	{ "target", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_watch, out.target),
	  .doc = "Where the files are copied to, in the container." },
	{ "ignore", TYPE_TEXTS, IN(draft_watch, out.ignore),
	  .doc = "Patterns, as in .dockerignore and relative to \"path\", of files that do not count." },
	{ "include", TYPE_TEXTS, IN(draft_watch, out.include), .doc = "The same of the only files that count." },
	{ "initial_sync", TYPE_BOOL, IN(draft_watch, out.initial_sync),
	  .doc = "true: the files are also copied into a new container." },
	{ "exec", TYPE_MAP, IN(draft_watch, exec), .sub = &schema_watch_exec,
	  .doc = "With \"sync+exec\": what runs in the container afterwards." },
};

static const struct schema_named watch_items = {
	.takes = "a list of rules",
	.one = "rule",
	.size = sizeof(struct draft_watch),
};
static const struct schema schema_watch = { .name = "watch", .named = &watch_items, KEYS(watch_keys) };

static const struct schema_key develop_keys[] = {
	{ "watch", TYPE_ITEMS, IN(draft_develop, watch), .sub = &schema_watch,
	  .doc = "What `cbuild watch --run` does when files change, instead of building the image anew." },
	{ "sync", TYPE_TEXT, .flags = FLAG_FILLED | FLAG_OWN, IN(draft_develop, sync), VALUES("auto"),
	  .doc = "\"auto\": files that the Dockerfile only copies are copied into the running container, too." },
};

static const struct schema schema_develop = { .name = "develop", KEYS(develop_keys) };

static const struct schema_key service_keys[] = {
	{ "build", TYPE_MAP, HAS(draft_service, out.has_build), IN(draft_service, rest.build), .sub = &schema_build,
	  .doc = "How the image is built: a folder, or a map." },
	{ "extends", TYPE_IGNORED, MERGE_REPLACE, FLAG_SINGLE | FLAG_MAP, WORDS("service", "file"),
	  .doc = "The template (or service) that it starts from." },
	{ "matrix", TYPE_IGNORED, MERGE_REPLACE, FLAG_OWN | FLAG_MAP,
	  .doc = "Makes one service for each combination of values: {NAME: [value, ...]}; ${matrix.NAME} is the "
		 "value." },
	{ "name", TYPE_IGNORED, .flags = FLAG_SINGLE,
	  .doc = "With \"matrix\": the services' names (\"web-${matrix.NAME}\")." },
	{ "image", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, rest.image),
	  .doc = "The image's name; by default the registry (or the project) and the service's name." },
	{ "pull_policy", TYPE_PULL, .flags = FLAG_FILLED, IN(draft_service, out.pull),
	  .doc = "Without \"build\": when the image is pulled: missing (the default; as all of compose's others "
		 "count), always, "
		 "never." },
	{ "platform", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, rest.platform),
	  .doc = "The platform it runs on, and the only one that it is built for when \"build.platforms\" does not "
		 "say." },
	{ "publish", TYPE_BOOL, .flags = FLAG_OWN, IN(draft_service, out.publish),
	  .doc = "false: the image is only a base of others." },
	{ "index", TYPE_INDEX, .flags = FLAG_OWN | FLAG_FILLED, IN(draft_service, out.bare),
	  VALUES("never", "auto", "always"),
	  .doc = "never: an image for one platform is pushed as its manifest alone, for what takes no index; auto (the default) and "
		 "always: as an index." },
	{ "media_types", TYPE_MEDIA, .flags = FLAG_OWN | FLAG_FILLED, IN(draft_service, out.docker),
	  VALUES("oci", "docker"),
	  .doc = "docker: the image is pushed and loaded with Docker's media types (schema 2), for registries and runtimes that do not take "
		 "OCI's; oci is the default." },
	{ "formats", TYPE_NAMED, .flags = FLAG_OWN | FLAG_LIST, HAS(draft_service, rest.has_formats),
	  IN(draft_service, rest.formats), POS(draft_service, rest.formats_pos), .sub = &schema_format,
	  .doc = "Further images of the same content, instead of the manifest's \"formats\"." },
	{ "profiles", TYPE_TEXTS, .flags = FLAG_FILLED, IN(draft_service, out.profiles),
	  .doc = "It is part of \"all\" only when --profile or COMPOSE_PROFILES names one of these." },
	{ "prepare", TYPE_MAP, .flags = FLAG_OWN, HAS(draft_service, out.has_prepare), IN(draft_service, out.prepare),
	  .sub = &schema_prepare, .doc = "A step before the build, with declared inputs and outputs." },
	{ "needs", TYPE_TEXTS, .flags = FLAG_OWN | FLAG_FILLED, IN(draft_service, out.needs),
	  .doc = "Services that must be built before this one." },
	{ "depends_on", TYPE_DEPENDS, IN(draft_service, out.depends), WORDS("condition", "restart", "required"),
	  .doc = "Services that must run before this one is started." },
	{ "ports", TYPE_PORTS, IN(draft_service, out.ports),
	  WORDS("target", "published", "protocol", "host_ip", "mode", "name", "app_protocol"),
	  .doc = "The container's ports, as compose writes them. Only TCP ports are probed." },
	{ "environment", TYPE_ENV, IN(draft_service, out.environment),
	  .doc = "The environment it runs with. A name without a value takes the environment's." },
	{ "env_file", TYPE_ENV_FILES, IN(draft_service, out.env_files), WORDS("path", "required", "format"),
	  .doc = "Files of NAME=value lines for the environment it runs with; \"environment\" wins over "
		 "them." },
	{ "command", TYPE_WORDS, MERGE_REPLACE, IN(draft_service, out.command),
	  .doc = "The command it runs, instead of the image's." },
	{ "entrypoint", TYPE_WORDS, MERGE_REPLACE, IN(draft_service, out.entrypoint),
	  .doc = "The entry point it runs, instead of the image's." },
	{ "user", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, out.user),
	  .doc = "The user it runs as, instead of the image's." },
	{ "working_dir", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, out.working_dir),
	  .doc = "The folder it runs in, instead of the image's." },
	{ "healthcheck", TYPE_MAP, IN(draft_service, out.healthcheck), .sub = &schema_healthcheck,
	  .doc = "When a service that others wait for is healthy, instead of the image's HEALTHCHECK." },
	{ "container_name", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, out.container_name),
	  .doc = "The name of the container that `cbuild up` starts, instead of PROJECT-SERVICE-1." },
	{ "stop_signal", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, out.stop_signal),
	  .doc = "The signal that stops it, instead of the image's." },
	{ "stop_grace_period", TYPE_DURATION, .flags = FLAG_ZERO, HAS(draft_service, out.has_stop_grace),
	  IN(draft_service, out.stop_grace_ms),
	  .doc = "How long it may take to stop before it is killed; 10s by default." },
	{ "tmpfs", TYPE_TEXTS, .flags = FLAG_FILLED, IN(draft_service, out.tmpfs), .doc = "Folders in memory (tmpfs)." },
	{ "volumes", TYPE_MOUNTS, IN(draft_service, out.mounts),
	  WORDS("type", "source", "target", "read_only", "consistency", "bind", "volume", "tmpfs", "image"),
	  .doc = "Folders of this machine and volumes that `cbuild up` gives it; checks run without them." },
	{ "verify", TYPE_MAP, .flags = FLAG_OWN, IN(draft_service, out.verify), .sub = &schema_verify,
	  .doc = "What must hold for the image and the running container." },
	/* Keys of compose that matter only to compose: accepted, so that its files work unchanged. */
	{ "annotations", TYPE_SHAPE, .flags = FLAG_IDLE | FLAG_LIST | FLAG_MAP, .doc = "The container's annotations." },
	{ "attach", TYPE_SHAPE, .flags = FLAG_IDLE | FLAG_SINGLE, .doc = "Whether its output is shown." },
	{ "blkio_config", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Limits of block input and output." },
	{ "cap_add", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.cap_add),
	  .doc = "Capabilities it gets." },
	{ "cap_drop", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.cap_drop),
	  .doc = "Capabilities it loses." },
	{ "cgroup", TYPE_PEERS, .flags = FLAG_SINGLE, IN(draft_service, rest.peers),
	  .doc = "Its control group's name space." },
	{ "cgroup_parent", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its control group's parent." },
	{ "configs", TYPE_SECRETS, IN(draft_service, rest.configs), WORDS("source", "target", "uid", "gid", "mode"),
	  .doc = "The manifest's configs that it reads, as files." },
	{ "cpu_count", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its processors." },
	{ "cpu_percent", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its share of the processors." },
	{ "cpu_period", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its period of processor time." },
	{ "cpu_quota", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its quota of processor time." },
	{ "cpu_rt_period", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its period of real-time processor time." },
	{ "cpu_rt_runtime", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its real-time processor time." },
	{ "cpu_shares", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.cpu_shares),
	  .doc = "Its weight among others." },
	{ "cpus", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.cpus), .doc = "Its processors." },
	{ "cpuset", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.cpuset),
	  .doc = "Which processors it runs on." },
	{ "credential_spec", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Its credentials on Windows." },
	{ "deploy", TYPE_MAP, IN(draft_service, rest.deploy), .sub = &schema_deploy,
	  .doc = "How it is deployed: its limits and its restart policy count." },
	{ "develop", TYPE_MAP, IN(draft_service, rest.develop), .sub = &schema_develop,
	  .doc = "How it is developed: which changes reach it while it runs." },
	{ "device_cgroup_rules", TYPE_SHAPE, .flags = FLAG_LIST, .doc = "Which devices it may use." },
	{ "devices", TYPE_DEVICES, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.devices),
	  WORDS("source", "target", "permissions"), .doc = "Devices it gets." },
	{ "dns", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.dns),
	  .doc = "Name servers it asks." },
	{ "dns_opt", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.dns_opt),
	  .doc = "Options of its resolver." },
	{ "dns_search", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.dns_search),
	  .doc = "Domains it searches." },
	{ "domainname", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its domain." },
	{ "expose", TYPE_SHAPE, .flags = FLAG_IDLE | FLAG_LIST, .doc = "Ports that are open to other services." },
	{ "external_links", TYPE_SHAPE, .flags = FLAG_LIST,
	  .doc = "Containers outside the project that it is linked to." },
	{ "extra_hosts", TYPE_HOSTS, .flags = FLAG_RUN, IN(draft_service, out.run.extra_hosts),
	  .doc = "Host names it knows." },
	{ "gpus", TYPE_SHAPE, .flags = FLAG_SINGLE | FLAG_LIST, .doc = "Its graphics processors." },
	{ "group_add", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.group_add),
	  .doc = "Further groups of its user." },
	{ "hostname", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.hostname),
	  .doc = "Its host name." },
	{ "init", TYPE_BOOL, .flags = FLAG_RUN, IN(draft_service, out.run.init),
	  .doc = "Whether an init process runs in it." },
	{ "ipc", TYPE_PEERS, .flags = FLAG_SINGLE, IN(draft_service, rest.peers),
	  .doc = "Its name space for communication." },
	{ "isolation", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "How it is isolated." },
	{ "label_file", TYPE_SHAPE, .flags = FLAG_IDLE | FLAG_SINGLE | FLAG_LIST, .doc = "Files with its labels." },
	{ "labels", TYPE_PAIRS, .flags = FLAG_RUN, IN(draft_service, out.run.labels), .doc = "The container's labels." },
	{ "links", TYPE_PEERS, .flags = FLAG_LIST, IN(draft_service, rest.peers),
	  .doc = "Services that it reaches under other names." },
	{ "logging", TYPE_MAP, IN(draft_service, out.run.logging), .sub = &schema_logging,
	  .doc = "Where its output goes." },
	{ "mac_address", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its MAC address." },
	{ "mem_limit", TYPE_MEMORY, .flags = FLAG_RUN, IN(draft_service, out.run.mem_limit),
	  .doc = "The most memory it gets." },
	{ "mem_reservation", TYPE_MEMORY, .flags = FLAG_RUN, IN(draft_service, out.run.mem_reservation),
	  .doc = "The least memory it gets." },
	{ "mem_swappiness", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "How readily its memory is swapped." },
	{ "memswap_limit", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.memswap_limit),
	  .doc = "The most memory and swap it gets." },
	{ "models", TYPE_SHAPE, .flags = FLAG_LIST | FLAG_MAP, .doc = "Models it uses." },
	{ "network_mode", TYPE_PEERS, .flags = FLAG_SINGLE, IN(draft_service, rest.peers), .doc = "How it is connected." },
	{ "networks", TYPE_NETWORKS, IN(draft_service, out.aliases),
	  WORDS("aliases", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "priority", "gw_priority",
		"driver_opts", "interface_name"),
	  .doc = "Networks it is in: all services share one, on which they have these \"aliases\"." },
	{ "oom_kill_disable", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Whether it may be killed when memory is short." },
	{ "oom_score_adj", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.oom_score_adj),
	  .doc = "How likely it is to be killed when memory runs out." },
	{ "pid", TYPE_PEERS, .flags = FLAG_SINGLE, IN(draft_service, rest.peers), .doc = "Its name space for processes." },
	{ "pids_limit", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.pids_limit),
	  .doc = "The most processes it gets." },
	{ "post_start", TYPE_SHAPE, .flags = FLAG_LIST, .doc = "What is run after it has started." },
	{ "pre_start", TYPE_SHAPE, .flags = FLAG_LIST, .doc = "What is run before it is started." },
	{ "pre_stop", TYPE_SHAPE, .flags = FLAG_LIST, .doc = "What is run before it is stopped." },
	{ "privileged", TYPE_BOOL, .flags = FLAG_RUN, IN(draft_service, out.run.privileged),
	  .doc = "Whether it has all rights." },
	{ "provider", TYPE_SHAPE, HAS(draft_service, out.provided), .flags = FLAG_MAP,
	  .doc = "What provides it instead of a container; it is never started." },
	{ "pull_refresh_after", TYPE_SHAPE, .flags = FLAG_IDLE | FLAG_SINGLE, .doc = "When its image is pulled again." },
	{ "read_only", TYPE_BOOL, .flags = FLAG_RUN, IN(draft_service, out.run.read_only),
	  .doc = "Whether its root file system is read-only." },
	{ "restart", TYPE_TEXT, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.restart),
	  .doc = "When it is started again." },
	{ "runtime", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "What runs it." },
	{ "scale", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "How many of it run." },
	{ "secrets", TYPE_SECRETS, IN(draft_service, rest.secrets), WORDS("source", "target", "uid", "gid", "mode"),
	  .doc = "The manifest's secrets that it reads, as files below /run/secrets." },
	{ "security_opt", TYPE_TEXTS, .flags = FLAG_RUN | FLAG_FILLED, IN(draft_service, out.run.security_opt),
	  .doc = "How it is confined." },
	{ "shm_size", TYPE_MEMORY, .flags = FLAG_RUN, IN(draft_service, out.run.shm_size),
	  .doc = "The size of its shared memory." },
	{ "stdin_open", TYPE_BOOL, .flags = FLAG_RUN, IN(draft_service, out.run.stdin_open),
	  .doc = "Whether its input stays open." },
	{ "storage_opt", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "Options of its storage." },
	{ "sysctls", TYPE_PAIRS, .flags = FLAG_RUN, IN(draft_service, out.run.sysctls), .doc = "Kernel settings." },
	{ "tty", TYPE_BOOL, .flags = FLAG_RUN, IN(draft_service, out.run.tty), .doc = "Whether it has a terminal." },
	{ "ulimits", TYPE_ULIMITS, .flags = FLAG_RUN, IN(draft_service, out.run.ulimits), .doc = "Its limits." },
	{ "use_api_socket", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Whether it may talk to the engine." },
	{ "userns_mode", TYPE_SHAPE, .flags = FLAG_SINGLE, .doc = "Its name space for users." },
	{ "uts", TYPE_PEERS, .flags = FLAG_SINGLE, IN(draft_service, rest.peers),
	  .doc = "Its name space for host names." },
	{ "volumes_from", TYPE_PEERS, .flags = FLAG_LIST, IN(draft_service, rest.peers),
	  .doc = "Services whose volumes it gets." },
};

const struct schema schema_service = { .name = "service", KEYS(service_keys) };

static const struct schema_key sign_keys[] = {
	{ "key", TYPE_TEXT, .flags = FLAG_FILLED | FLAG_REQUIRED, IN(draft_sign, key),
	  .doc = "The file of a private key (ECDSA on P-256, as cosign or openssl writes it), relative to the manifest, or env://NAME: "
		 "the variable that holds it. COSIGN_PASSWORD is its password." },
};

static const struct schema schema_sign = { .name = "sign", KEYS(sign_keys) };

static const struct schema_key policy_keys[] = {
	{ "signed", TYPE_PAIRS, IN(draft_policy, signed_bases),
	  .doc = "Base images that must be signed, by the beginning of their names (\"ghcr.io/acme\", \"docker.io/library/debian\", \"*\"), "
		 "each with the file of the public key, relative to the manifest." },
};

static const struct schema schema_policy = { .name = "policy", KEYS(policy_keys) };

static const struct schema_key store_keys[] = {
	{ "max", TYPE_SIZE, IN(draft_store, max),
	  .doc = "The most that the store may take (\"20GB\"). After a run that made something, and by cbuild prune, "
		 "the "
		 "results made the longest time ago are given up for it." },
};

static const struct schema schema_store = { .name = "store", KEYS(store_keys) };

static const struct schema_key cache_keys[] = {
	{ "registry", TYPE_BOOL, IN(draft_cache, registry),
	  .doc = "true: results are taken from and stored in the images' registries, by the key of what they are "
		 "made of. Needs services.lock where a base comes from a registry." },
	{ "read_only", TYPE_BOOL, IN(draft_cache, read_only), .doc = "true: results are taken, never stored." },
};

static const struct schema schema_cache = { .name = "cache", KEYS(cache_keys) };

static const struct schema_key registry_keys[] = {
	{ "insecure", TYPE_BOOL, IN(registry_spec, insecure),
	  .doc = "true: it is reached by plain HTTP, logins included. A registry on this machine needs no such "
		 "word." },
	{ "ca", TYPE_TEXT, .flags = FLAG_FILLED, IN(registry_spec, ca),
	  .doc = "A file with the certificates of the authorities to trust, relative to the manifest." },
	{ "cert", TYPE_TEXT, .flags = FLAG_FILLED, IN(registry_spec, cert), .doc = "A file with the client certificate." },
	{ "key", TYPE_TEXT, .flags = FLAG_FILLED, IN(registry_spec, key), .doc = "The key of \"cert\"." },
	{ "mirrors", TYPE_TEXTS, .flags = FLAG_FILLED, IN(registry_spec, mirrors),
	  .doc = "Registries that have its images too (\"mirror.lan:5000\", \"mirror.lan/hub\"): base images are taken "
		 "from the first that has them, and from here when none has." },
	{ "auth", TYPE_TEXT, .flags = FLAG_FILLED, IN(registry_spec, auth),
	  .doc = "Where its tokens come from, when that is another host: \"https://auth.example.com\". Logins are sent "
		 "nowhere else." },
	{ "timeout", TYPE_DURATION, IN(registry_spec, timeout_ms),
	  .doc = "How long it may stay silent, and how long a failed request is retried; 30s by "
		 "default." },
};

static const struct schema_named registry_items = {
	.takes = "a map of registries",
	.one = "registry",
	.size = sizeof(struct registry_spec),
	.name = offsetof(struct registry_spec, host),
};
static const struct schema schema_registry = { .name = "registries", .named = &registry_items, KEYS(registry_keys) };

static const struct schema_key tls_keys[] = {
	{ "ca", TYPE_TEXT, .flags = FLAG_FILLED, IN(builder_tls, ca), .doc = "The file of the authority's certificate." },
	{ "cert", TYPE_TEXT, .flags = FLAG_FILLED, IN(builder_tls, cert), .doc = "The file of the client's certificate." },
	{ "key", TYPE_TEXT, .flags = FLAG_FILLED, IN(builder_tls, key), .doc = "The file of its key." },
};

static const struct schema schema_tls = { .name = "tls", KEYS(tls_keys) };

static const struct schema_key builder_keys[] = {
	{ "driver", TYPE_TEXT, .flags = FLAG_REQUIRED | FLAG_FILLED, IN(manifest_builder, driver),
	  VALUES(BUILDER_DRIVERS(DRIVER_NAMES, DRIVER_NAMES)),
	  .doc = "The driver: one of " BUILDER_DRIVERS(DRIVER_FIRST_WORD, DRIVER_COMMA_WORD) "." },
	{ "addr", TYPE_TEXT, .flags = FLAG_FILLED, IN(manifest_builder, addr),
	  .doc = "Where it is: of docker a host (\"ssh://arm1\", \"tcp://arm1:2376\") or the name of one of buildx's "
		 "builders; of buildkit an address; of nerdctl a namespace." },
	{ "platforms", TYPE_CSV, IN(manifest_builder, platform_texts),
	  .doc = "The platforms to build here; by default those that it calls its own." },
	{ "weight", TYPE_COUNT, IN(manifest_builder, weight),
	  .doc = "Its share of the work, relative to other builders of its platform; 1 by default." },
	{ "jobs", TYPE_COUNT, IN(manifest_builder, jobs), .doc = "How many builds it runs at once; 2 by default." },
	{ "emulate", TYPE_BOOL, IN(manifest_builder, emulate),
	  .doc = "true: it may build for platforms that it emulates when no builder has them natively." },
	{ "tls", TYPE_MAP, IN(manifest_builder, tls), .sub = &schema_tls,
	  .doc = "The certificates for a BuildKit daemon." },
};

static const struct manifest_builder builder_initial = { .weight = 1, .jobs = 2 };

static const struct schema_named builder_items = {
	.takes = "a map of builders",
	.one = "builder",
	.hint = "write {driver: DRIVER, ...}",
	.size = sizeof(struct manifest_builder),
	.name = offsetof(struct manifest_builder, name),
	.initial = &builder_initial,
};
static const struct schema schema_builder = { .name = "builder", .named = &builder_items, KEYS(builder_keys) };

static const struct schema_key root_keys[] = {
	{ "include", TYPE_IGNORED, .flags = FLAG_LIST, WORDS("path", "project_directory", "env_file"),
	  .doc = "Further manifests, each with its paths in its own folder, that become a part of this one." },
	{ "project", TYPE_TEXT, .flags = FLAG_OWN | FLAG_FILLED, IN(draft, project),
	  .doc = "The project's name; the folder's by default." },
	{ "name", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft, name), .doc = "compose's word for \"project\"." },
	{ "version", TYPE_IGNORED, .flags = FLAG_SINGLE, .doc = "compose's obsolete version; not used." },
	{ "registry", TYPE_TEXT, .flags = FLAG_OWN, IN(draft, registry),
	  .doc = "Where the images go (\"ghcr.io/acme\"): put before the name of a service without \"image\"." },
	{ "registries", TYPE_NAMED, .flags = FLAG_OWN, IN(draft, registries), .sub = &schema_registry,
	  .doc = "How to reach registries, by host (\"localhost:5000\")." },
	{ "platforms", TYPE_CSV, .flags = FLAG_OWN, IN(draft, platforms),
	  .doc = "The platforms to build for. --platforms and BUILD_PLATFORMS win over it." },
	{ "tags", TYPE_CSV, .flags = FLAG_OWN, IN(draft, tags),
	  .doc = "The images' tags, \"latest\" by default. --tag and DOCKER_TAGS win over it." },
	{ "revision", TYPE_REVISION, .flags = FLAG_OWN | FLAG_FILLED, IN(draft, revision_every), VALUES("auto", "every"),
	  .doc = "auto (the default): a pushed index keeps its digest, and the revision that it names, as long as its images are the "
		 "same; every: each commit gets an index of its own." },
	{ "formats", TYPE_NAMED, .flags = FLAG_OWN | FLAG_LIST, HAS(draft, has_formats), IN(draft, formats),
	  .sub = &schema_format,
	  .doc = "Further images of the same content beside each plain one: \"zstd\", \"estargz\", \"nydus\" (\"oci\" "
		 "is the "
		 "plain one, which is always there). A list, or a map with the suffix of their tags." },
	{ "source_date_epoch", TYPE_EPOCH, .flags = FLAG_OWN, HAS(draft, has_epoch), IN(draft, epoch),
	  POS(draft, epoch_pos),
	  .doc = "The time, in seconds since 1970, that everything in the images is given. SOURCE_DATE_EPOCH wins over "
		 "it." },
	{ "sign", TYPE_MAP, .flags = FLAG_OWN, IN(draft, sign), .sub = &schema_sign,
	  .doc = "Every index and image that is pushed is signed, as cosign does it." },
	{ "policy", TYPE_MAP, .flags = FLAG_OWN, IN(draft, policy), .sub = &schema_policy,
	  .doc = "What is demanded of what is built on." },
	{ "store", TYPE_MAP, .flags = FLAG_OWN, IN(draft, store), .sub = &schema_store, .doc = "What .cbuild may take." },
	{ "cache", TYPE_MAP, .flags = FLAG_OWN, IN(draft, cache), .sub = &schema_cache,
	  .doc = "Where results are shared." },
	{ "vars", TYPE_NODE, .flags = FLAG_OWN | FLAG_SINGLE, IN(draft, vars),
	  .doc = "Variables for ${NAME}, used when neither --set nor the environment nor the env file has them." },
	{ "templates", TYPE_NODE, .flags = FLAG_OWN, IN(draft, templates), .sub = &schema_service,
	  .doc = "Sets of values for services to extend." },
	{ "services", TYPE_NODE, .flags = FLAG_REQUIRED, IN(draft, services), POS(draft, services_pos),
	  .sub = &schema_service, .doc = "The services, by name." },
	{ "groups", TYPE_NODE, .flags = FLAG_OWN | FLAG_SINGLE | FLAG_LIST, IN(draft, groups_node),
	  .doc = "Named sets of services and groups." },
	{ "builders", TYPE_NAMED, .flags = FLAG_OWN, IN(draft, builders), .sub = &schema_builder,
	  .doc = "The builders that share the builds, by name; by default the best one that is found." },
	{ "configs", TYPE_SOURCES, IN(draft, configs),
	  WORDS("file", "environment", "content", "external", "name", "labels", "template_driver"),
	  .doc = "Files for containers, by name: {file: PATH}." },
	{ "models", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "compose's models; not used." },
	{ "networks", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "compose's networks; not used." },
	{ "secrets", TYPE_SOURCES, IN(draft, sources),
	  WORDS("file", "environment", "external", "name", "labels", "driver", "driver_opts", "template_driver"),
	  .doc = "Secrets for builds and containers, by name: {file: PATH}, for builds also {environment: NAME}." },
	{ "volumes", TYPE_SHAPE, .flags = FLAG_MAP, .doc = "compose's volumes; not used." },
};

const struct schema schema_root = { .name = "the manifest", KEYS(root_keys) };

const struct schema_key *schema_find(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->len; i++)
		if (schema->keys[i].name[0] == name[0] && !strcmp(schema->keys[i].name, name))
			return &schema->keys[i];
	return NULL;
}

const struct schema_key *schema_next_plain(const struct schema_key *key)
{
	const struct schema_key *end = build_keys + schema_build.len;

	for (key = key ? key + 1 : build_keys; key < end; key++)
		if (key->flags & FLAG_PLAIN)
			return key;
	return NULL;
}

const struct schema_key *schema_next_run(const struct schema_key *key)
{
	const struct schema_key *end = service_keys + sizeof(service_keys) / sizeof(service_keys[0]);

	for (key = key ? key + 1 : service_keys; key < end; key++)
		if (key->flags & FLAG_RUN)
			return key;
	return NULL;
}

const void *schema_run_value(const struct schema_key *key, const struct service *service)
{
	return (const char *)service + key->offset;
}

const void *schema_plain_value(const struct schema_key *key, const struct build_spec *build)
{
	bug_if(key->offset >= sizeof(*build), "\"%s\" is not decoded in place", key->name);
	return (const char *)build + key->offset;
}

const char *schema_nearest(const struct schema *schema, const char *name)
{
	const char *names[SCHEMA_KEYS_MAX];
	size_t len = schema->len < SCHEMA_KEYS_MAX ? schema->len : SCHEMA_KEYS_MAX;

	for (size_t i = 0; i < len; i++)
		names[i] = schema->keys[i].name;
	return text_nearest(name, names, len);
}

static const char *shape_name(unsigned flags)
{
	static const char *const names[] = {
		"nothing", "a single value",           "a list",          "a list, or a single value",
		"a map",   "a map, or a single value", "a map or a list", "a map, a list, or a single value",
	};

	return names[(flags & (FLAG_SINGLE | FLAG_LIST | FLAG_MAP)) / FLAG_SINGLE];
}

bool schema_short_words(const struct schema *schema)
{
	return schema->short_key && schema_find(schema, schema->short_key)->type == TYPE_WORDS;
}

const char *schema_type_name(const struct schema_key *key)
{
	switch (key->type) {
	case TYPE_SHAPE:
	case TYPE_IGNORED:
		return shape_name(key->flags);
	case TYPE_NODE:
		return "a map";
	case TYPE_TEXT:
		return "a text";
	case TYPE_BOOL:
		return "true or false";
	case TYPE_EPOCH:
		return "a number of seconds";
	case TYPE_STATUS:
		return "an HTTP status";
	case TYPE_PULL:
		return "a pull policy";
	case TYPE_INDEX:
		return "never, auto or always";
	case TYPE_MEDIA:
		return "oci or docker";
	case TYPE_REVISION:
		return "auto or every";
	case TYPE_SCHEME:
		return "http or https";
	case TYPE_COUNT:
		return key->flags & FLAG_ZERO ? "a number from 0 to 65535" : "a number from 1 to 1000";
	case TYPE_SIZE:
		return "a size such as 100MB";
	case TYPE_MEMORY:
		return "a size such as 64m";
	case TYPE_DURATION:
		return "a duration such as 30s";
	case TYPE_PORT:
		return "a port number";
	case TYPE_TEXTS:
	case TYPE_CSV:
		return "a list of texts";
	case TYPE_WORDS:
		return "a command: a list of words, or one text";
	case TYPE_COMMANDS:
		return "a list of commands";
	case TYPE_PAIRS:
	case TYPE_ENV:
		return "a map of names and values, or a list of NAME=value";
	case TYPE_PAIR:
		return "a map of one path and its value";
	case TYPE_PORTS:
		return "a list of ports";
	case TYPE_MOUNTS:
		return "a list";
	case TYPE_ENV_FILES:
		return "a path, or a list of them";
	case TYPE_HOSTS:
		return "a map of names and addresses, or a list of NAME=ADDRESS";
	case TYPE_ULIMITS:
		return "a map of names and limits";
	case TYPE_OUTPUTS:
		return "a list of outputs";
	case TYPE_SECRETS:
		return "a list of secrets";
	case TYPE_SOURCES:
		return "a map of secrets";
	case TYPE_NAMED:
	case TYPE_ITEMS:
		return key->sub->named->takes;
	case TYPE_TEST:
		return "a command line, or a list that begins with CMD, CMD-SHELL or NONE";
	case TYPE_DEPENDS:
		return "a list of services, or a map with conditions";
	case TYPE_DEVICES:
		return "a list of devices";
	case TYPE_NETWORKS:
		return "a list of networks, or a map of them";
	case TYPE_PEERS:
		return key->flags & FLAG_LIST ? "a list of services" : "a single value";
	case TYPE_MAP:
		return schema_short_words(key->sub) ? "a map, or a command"
		       : key->sub->short_key        ? "a map, or a single value"
						    : "a map";
	case SCHEMA_TYPES:
		break;
	}
	return "something else";
}
