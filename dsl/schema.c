#include "config.h"

#include <stddef.h>
#include <string.h>

#include "base/text.h"
#include "dsl/draft.h"
#include "dsl/schema.h"

#define KEYS(table) .keys = table, .len = sizeof(table) / sizeof(table[0])

#define IN(type, field) .offset = offsetof(struct type, field)
#define HAS(type, field) .has = offsetof(struct type, field)
#define POS(type, field) .pos = offsetof(struct type, field)

/* In each table: the key, its type, where it goes, then what it means. */

static const struct schema_key build_keys[] = {
	{ "context", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, context),
	  .doc = "The folder that is built, relative to the manifest; \".\" by default." },
	{ "dockerfile", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, dockerfile),
	  .doc = "The Dockerfile, relative to the context; \"Dockerfile\" by default." },
	{ "args", TYPE_ENV, .flags = FLAG_PLATFORM, IN(draft_build, args),
	  .doc = "Build arguments. A name without a value takes the environment's." },
	{ "target", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_build, target),
	  .doc = "The stage to build; the last one by default." },
	{ "platforms", TYPE_CSV, IN(draft_build, platforms), POS(draft_build, platforms_pos),
	  .doc = "The platforms of this service, instead of the manifest's." },
	{ "tags", TYPE_CSV, IN(draft_build, tags),
	  .doc = "Further tags of the image, or whole references (\"ghcr.io/acme/web:1\")." },
	{ "labels", TYPE_PAIRS, IN(draft_build, labels), .doc = "Labels of the image." },
	{ "additional_contexts", TYPE_PAIRS, IN(draft_build, contexts),
	  .doc = "Named contexts for FROM and COPY --from: a folder, \"service:NAME\", \"docker-image://REFERENCE\" or "
		 "a URL." },
};

static const struct schema schema_build = { .name = "build", .short_key = "context", KEYS(build_keys) };

static const struct schema_key prepare_keys[] = {
	{ "run", TYPE_WORDS, MERGE_REPLACE, FLAG_REQUIRED | FLAG_FILLED | FLAG_PLATFORM, IN(prepare_spec, run),
	  .doc = "The command, run in the manifest's folder without a shell. With ${platform.*} it runs once for each "
		 "platform." },
	{ "inputs", TYPE_TEXTS, .flags = FLAG_FILLED, IN(prepare_spec, inputs),
	  .doc = "The files it reads: paths or patterns, \"**\" for any folders." },
	{ "outputs", TYPE_TEXTS, .flags = FLAG_REQUIRED | FLAG_FILLED | FLAG_PLATFORM, IN(prepare_spec, outputs),
	  .doc = "The files it makes." },
	{ "env", TYPE_TEXTS, .flags = FLAG_FILLED, IN(prepare_spec, env),
	  .doc = "Names of the environment variables that it sees and that count as its input." },
};

static const struct schema schema_prepare = { .name = "prepare", KEYS(prepare_keys) };

static const struct schema_key http_keys[] = {
	{ "path", TYPE_TEXT, .flags = FLAG_REQUIRED, IN(http_check, path),
	  .doc = "The path to ask for, beginning with \"/\"." },
	{ "port", TYPE_PORT, IN(http_check, port), .doc = "The container's port; the service's first one by default." },
	{ "status", TYPE_STATUS, IN(http_check, status),
	  .doc = "The status that the answer must have; any 2xx by default." },
	{ "body", TYPE_TEXT, .flags = FLAG_FILLED, IN(http_check, body),
	  .doc = "A regular expression that must be found in the answer's body." },
	{ "json", TYPE_PAIR, IN(http_check, json_path),
	  .doc = "A path into a JSON answer (\"a.b\") and the value that must be there." },
	{ "timeout", TYPE_DURATION, IN(http_check, timeout_ms),
	  .doc = "How long the service may take to become healthy; 30s by default." },
};

static const struct schema schema_http = { .name = "http", .short_key = "path", KEYS(http_keys) };

static const struct schema_key tcp_keys[] = {
	{ "port", TYPE_PORT, IN(tcp_check, port), .doc = "The container's port; the service's first one by default." },
	{ "timeout", TYPE_DURATION, IN(tcp_check, timeout_ms),
	  .doc = "How long the port may take to open; 30s by default." },
};

static const struct schema schema_tcp = { .name = "tcp", .short_key = "port", KEYS(tcp_keys) };

static const struct schema_key verify_keys[] = {
	{ "http", TYPE_MAP, HAS(verify_spec, has_http), IN(verify_spec, http), .sub = &schema_http,
	  .doc = "Asks the running container by HTTP: a path, or a map." },
	{ "tcp", TYPE_MAP, HAS(verify_spec, has_tcp), IN(verify_spec, tcp), .sub = &schema_tcp,
	  .doc = "Connects to a port of the running container: a port, or a map." },
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

static const struct schema_key service_keys[] = {
	{ "build", TYPE_MAP, HAS(draft_service, out.has_build), IN(draft_service, rest.build), .sub = &schema_build,
	  .doc = "How the image is built: a folder, or a map." },
	{ "extends", TYPE_IGNORED, .doc = "The template (or service) whose values are taken first." },
	{ "image", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, rest.image),
	  .doc = "The image's name; the registry and the service's name by default." },
	{ "publish", TYPE_BOOL, IN(draft_service, out.publish), .doc = "false: the image is only a base of others." },
	{ "prepare", TYPE_MAP, HAS(draft_service, out.has_prepare), IN(draft_service, out.prepare),
	  .sub = &schema_prepare, .doc = "A step before the build, with declared inputs and outputs." },
	{ "needs", TYPE_TEXTS, .flags = FLAG_FILLED, IN(draft_service, out.needs),
	  .doc = "Services that must be built before this one." },
	{ "depends_on", TYPE_DEPENDS, IN(draft_service, out.depends),
	  .doc = "Services that must run before this one is started." },
	{ "ports", TYPE_PORTS, IN(draft_service, out.ports),
	  .doc = "The container's ports, as compose writes them. Only TCP ports are probed." },
	{ "environment", TYPE_ENV, IN(draft_service, out.environment),
	  .doc = "The environment it runs with. A name without a value takes the environment's." },
	{ "command", TYPE_WORDS, MERGE_REPLACE, IN(draft_service, out.command),
	  .doc = "The command it runs, instead of the image's." },
	{ "entrypoint", TYPE_WORDS, MERGE_REPLACE, IN(draft_service, out.entrypoint),
	  .doc = "The entry point it runs, instead of the image's." },
	{ "user", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft_service, out.user),
	  .doc = "The user it runs as, instead of the image's." },
	{ "tmpfs", TYPE_TEXTS, .flags = FLAG_FILLED, IN(draft_service, out.tmpfs),
	  .doc = "Folders in memory that it runs with." },
	{ "verify", TYPE_MAP, IN(draft_service, out.verify), .sub = &schema_verify,
	  .doc = "What must hold for the image and the running container." },
};

const struct schema schema_service = { .name = "service", KEYS(service_keys) };

static const struct schema_key root_keys[] = {
	{ "project", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft, project),
	  .doc = "The project's name; the folder's by default." },
	{ "name", TYPE_TEXT, .flags = FLAG_FILLED, IN(draft, name), .doc = "compose's word for \"project\"." },
	{ "version", TYPE_IGNORED, .doc = "compose's obsolete version; not used." },
	{ "registry", TYPE_TEXT, IN(draft, registry),
	  .doc = "Where the images go (\"ghcr.io/acme\"): put before the name of a service without \"image\"." },
	{ "platforms", TYPE_CSV, IN(draft, platforms),
	  .doc = "The platforms to build for. --platforms and BUILD_PLATFORMS win over it." },
	{ "tags", TYPE_CSV, IN(draft, tags),
	  .doc = "The images' tags, \"latest\" by default. --tag and DOCKER_TAGS win over it." },
	{ "source_date_epoch", TYPE_EPOCH, HAS(draft, has_epoch), IN(draft, epoch),
	  .doc = "The time, in seconds since 1970, that everything in the images is given. SOURCE_DATE_EPOCH wins over "
		 "it." },
	{ "vars", TYPE_NODE, IN(draft, vars),
	  .doc = "Variables for ${NAME}, used when neither --set nor the environment nor the env file has them." },
	{ "templates", TYPE_NODE, IN(draft, templates), .sub = &schema_service,
	  .doc = "Sets of values for services to extend." },
	{ "services", TYPE_NODE, .flags = FLAG_REQUIRED, IN(draft, services), POS(draft, services_pos),
	  .sub = &schema_service, .doc = "The services, by name." },
	{ "groups", TYPE_NODE, IN(draft, groups_node), .doc = "Named sets of services and groups." },
};

const struct schema schema_root = { .name = "the manifest", KEYS(root_keys) };

const struct schema_key *schema_find(const struct schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->len; i++)
		if (schema->keys[i].name[0] == name[0] && !strcmp(schema->keys[i].name, name))
			return &schema->keys[i];
	return NULL;
}

const char *schema_nearest(const struct schema *schema, const char *name)
{
	const char *names[32];
	size_t len = schema->len < 32 ? schema->len : 32;

	for (size_t i = 0; i < len; i++)
		names[i] = schema->keys[i].name;
	return text_nearest(name, names, len);
}

const char *schema_type_name(const struct schema_key *key)
{
	switch (key->type) {
	case TYPE_IGNORED:
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
	case TYPE_SIZE:
		return "a size such as 100MB";
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
	case TYPE_DEPENDS:
		return "a list of services, or a map with conditions";
	case TYPE_MAP:
		return key->sub->short_key ? "a map, or a single value" : "a map";
	}
	return "something else";
}
