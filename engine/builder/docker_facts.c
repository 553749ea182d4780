#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "engine/builder/args.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/docker.h"
#include "engine/builder/failure.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"

#define DOCKER_TIMEOUT_MS 60000 /* for one question */
#define DOCKER_MAJOR 0          /* the oldest buildx with --sbom and oci-layout contexts */
#define DOCKER_MINOR 10
#define DOCKER_MINOR_BAKE 20  /* with --allow=fs, and progress to be read by programs */
#define DOCKER_MINOR_CHECK 15 /* with --check */

#define USE_BUILDAH "or use --builder=buildah"

void docker_facts_free(struct docker_facts *facts)
{
	if (facts->command)
		argv_free(facts->command);
	free(facts->command);
	free(facts->version);
	free(facts->detail);
	*facts = (struct docker_facts){ 0 };
}

void docker_inspect_free(struct docker_inspect *inspect)
{
	free(inspect->driver);
	free(inspect->endpoint);
	free(inspect->error);
	*inspect = (struct docker_inspect){ 0 };
}

/* An amd64 processor runs 386's programs itself. */
static bool runs_natively(const struct docker_inspect *inspect, const struct platform *platform)
{
	return strcmp(platform->arch, "386") == 0 && inspect->native_len > 0 &&
	       strcmp(inspect->platforms[0].arch, "amd64") == 0;
}

static void add_platform(struct docker_inspect *inspect, const char *text, size_t len, bool native)
{
	cleanup_free char *name = mem_strndup(text, len);
	struct platform platform;
	char *star = strchr(name, '*'); /* marks those that the user has configured */
	size_t at = 0;

	if (star)
		*star = '\0';
	if (!platform_parse(name, &platform))
		return;
	/* linux/amd64/v3 is how far this processor goes, not another platform to build for. */
	if (strcmp(platform.arch, "amd64") == 0)
		*platform.variant = '\0';
	native = native || runs_natively(inspect, &platform);
	while (at < inspect->platforms_len && !platform_equal(&inspect->platforms[at], &platform))
		at++;
	if (at == DOCKER_PLATFORMS_MAX || (at < inspect->platforms_len && (!native || at < inspect->native_len)))
		return;
	if (at == inspect->platforms_len)
		inspect->platforms_len++;
	inspect->platforms[at] = platform;
	if (!native)
		return;
	/* To the end of the native ones, the others move up. */
	memmove(&inspect->platforms[inspect->native_len + 1], &inspect->platforms[inspect->native_len],
		(at - inspect->native_len) * sizeof(platform));
	inspect->platforms[inspect->native_len++] = platform;
}

/* A node's list begins with its own platform. */
static void add_platforms(struct docker_inspect *inspect, const char *list, size_t len)
{
	bool native = true;

	while (len > 0) {
		size_t word = 0;

		while (word < len && list[word] != ',' && list[word] != ' ')
			word++;
		if (word > 0)
			add_platform(inspect, list, word, native);
		native = native && word == 0;
		if (word == len)
			return;
		list += word + 1;
		len -= word + 1;
	}
}

/* True when the line's label is the one called `name`. */
static bool is_label(const char *line, const char *colon, const char *name)
{
	size_t len = strlen(name);

	return colon && (size_t)(colon - line) > len && strncmp(colon - len, name, len) == 0;
}

static void take_endpoint(struct docker_inspect *inspect, const char *value, size_t len)
{
	inspect->nodes++;
	free(inspect->endpoint);
	inspect->endpoint = mem_strndup(value, len);
}

static void take_buildkit(struct docker_inspect *inspect, const char *value, size_t len)
{
	cleanup_free char *version = mem_strndup(value, len);

	inspect->abilities &= buildkit_abilities(version);
}

/* Lines of "Name: value", the builder's before its nodes'. What belongs to later nodes is added. */
void docker_inspect_parse(const char *text, struct docker_inspect *ret)
{
	bool labels = false, containerd = false;

	*ret = (struct docker_inspect){ .abilities = buildkit_abilities(NULL) };
	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *colon = memchr(text, ':', len), *value = colon ? colon + 1 : text + len;

		while (value < text + len && *value == ' ')
			value++;
		len -= (size_t)(value - text);
		if (colon && strncmp(text, "Driver:", 7) == 0 && !ret->driver)
			ret->driver = mem_strndup(value, len);
		else if (colon && strncmp(text, "Error:", 6) == 0 && !ret->error)
			ret->error = mem_strndup(value, len);
		else if (colon && strncmp(text, "Platforms:", 10) == 0)
			add_platforms(ret, value, len);
		else if (colon && strncmp(text, "Endpoint:", 9) == 0)
			take_endpoint(ret, value, len);
		else if (colon && (strncmp(text, "BuildKit version:", 17) == 0 || strncmp(text, "Buildkit:", 9) == 0))
			take_buildkit(ret, value, len);
		else if (is_label(text, colon, ".worker.containerd.namespace"))
			containerd = true;
		else if (colon && strncmp(text, "Labels:", 7) == 0)
			labels = true;
		text = value + len;
		text += *text == '\n';
	}
	/* A buildx that does not show labels leaves that to the first build's error. */
	ret->classic = labels && !containerd && ret->driver && strcmp(ret->driver, "docker") == 0;
}

/* A plugin of the docker command line, called directly: that saves starting docker first. */
static char *find_plugin(void)
{
	static const char *const dirs[] = { "/usr/local/lib/docker/cli-plugins", "/usr/local/libexec/docker/cli-plugins",
					    "/usr/lib/docker/cli-plugins", "/usr/libexec/docker/cli-plugins" };
	const char *config = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
	cleanup_free char *own = NULL;
	char *path;

	own = config ? mem_printf("%s/cli-plugins/docker-buildx", config)
		     : mem_printf("%s/.docker/cli-plugins/docker-buildx", home ? home : "");
	if (access(own, X_OK) == 0)
		return steal_ptr(own);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++) {
		path = path_join(dirs[i], "docker-buildx");
		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	path = proc_find("docker-buildx");
	return path ? path : proc_find("buildx");
}

static int find_buildx(struct argv *command, struct error **err)
{
	cleanup_free char *plugin = find_plugin();
	cleanup_free char *docker = proc_find("docker");

	if (plugin) {
		argv_add(command, plugin);
		return 0;
	}
	if (!docker) {
		error_make(err, ERROR_TOOL, "docker is not installed");
		error_remedy(err, "install docker 25 or newer with its buildx plugin "
				  "(docs.docker.com/engine/install), " USE_BUILDAH);
	} else {
		error_make(err, ERROR_TOOL, "%s has no buildx plugin", docker);
		error_remedy(err, "install it: apt-get install docker-buildx-plugin (docker's packages) or "
				  "docker-buildx (Debian's), " USE_BUILDAH);
	}
	return -1;
}

/* Why buildx gave no answer: the machine's trouble, not a build's. */
static int explain(const char *instance, const struct proc_result *result, struct error **err)
{
	const char *name = instance ? instance : getenv("BUILDX_BUILDER");
	cleanup_error struct error *error = NULL;

	if (name && *name && strstr(result->tail, "no builder ")) {
		error_make(err, instance ? ERROR_USAGE : ERROR_TOOL, "docker buildx knows no builder called \"%s\"%s",
			   name, instance ? "" : ", which BUILDX_BUILDER names");
		error_remedy(err, "`docker buildx ls` names them");
		return -1;
	}
	failure_make("docker buildx", result->status, result->tail, NULL, NULL, &error);
	error->cls = ERROR_TOOL;
	return error_move(err, &error);
}

void docker_where_env(const struct docker_where *where, struct argv *env)
{
	if (!where->host)
		return;
	args_set(env, "DOCKER_HOST", where->host);
	args_set(env, "DOCKER_CONTEXT", NULL);
	args_set(env, "BUILDX_BUILDER", NULL);
}

static int ask(struct loop *loop, const struct argv *command, const char *question, const struct docker_where *where,
	       struct proc_result *ret, struct error **err)
{
	const char *instance = where ? where->instance : NULL;
	cleanup_argv struct argv argv = { 0 }, env = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = DOCKER_TIMEOUT_MS };

	for (size_t i = 0; i < command->len; i++)
		argv_add(&argv, command->items[i]);
	argv_add(&argv, question);
	if (instance)
		argv_add(&argv, instance);
	args_environment(NULL, NULL, &env);
	if (where)
		docker_where_env(where, &env);
	spec.argv = (const char *const *)argv.items;
	spec.env = (const char *const *)env.items;
	if (proc_run(loop, &spec, ret, err) < 0)
		return -1;
	if (ret->status != 0)
		return explain(instance, ret, err);
	if (!ret->out->data)
		return error_make(err, ERROR_TOOL, "docker buildx %s: no answer", question);
	return 0;
}

/* "github.com/docker/buildx 0.29.1+ds1 0.29.1+ds1-4", "github.com/docker/buildx v0.13.1 788433953" */
static int find_version(struct loop *loop, const struct argv *command, struct docker_facts *facts, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	const char *text;

	if (ask(loop, command, "version", NULL, &result, err) < 0)
		return -1;
	text = strchr(result.out->data, ' ');
	if (text)
		text += text[1] == 'v' ? 2 : 1;
	return docker_facts_version(facts, text ? text : result.out->data, err);
}

int docker_facts_version(struct docker_facts *facts, const char *version, struct error **err)
{
	unsigned major, minor, patch = 0;

	if (sscanf(version, "%u.%u.%u", &major, &minor, &patch) < 2)
		return error_make(err, ERROR_TOOL, "docker buildx version: not understood: %.80s", version);
	if (major == DOCKER_MAJOR && minor < DOCKER_MINOR) {
		error_make(err, ERROR_TOOL, "docker buildx is version %u.%u.%u, too old", major, minor, patch);
		error_remedy(err, "install buildx %d.%d or newer, " USE_BUILDAH, DOCKER_MAJOR, DOCKER_MINOR);
		return -1;
	}
	facts->version = mem_printf("%u.%u.%u", major, minor, patch);
	facts->bakes = major > DOCKER_MAJOR || minor >= DOCKER_MINOR_BAKE;
	facts->checks = major > DOCKER_MAJOR || minor >= DOCKER_MINOR_CHECK;
	return 0;
}

static int check_inspect(const struct docker_inspect *inspect, struct error **err)
{
	struct error *error = NULL;

	if (inspect->error && *inspect->error) {
		cleanup_free char *line = mem_printf("ERROR: %s\n", inspect->error);

		failure_make("docker", 1, line, NULL, NULL, &error);
		error->cls = ERROR_TOOL;
		error->message[strcspn(error->message, "\n")] = '\0'; /* the line again */
		error_remedy(&error, "start docker, " USE_BUILDAH);
		return error_move(err, &error);
	}
	if (inspect->classic) {
		error_make(err, ERROR_TOOL,
			   "this docker keeps images in its old image store, which cannot hand out OCI images");
		error_remedy(err, "with docker 25 or newer put {\"features\": {\"containerd-snapshotter\": true}} into "
				  "/etc/docker/daemon.json and restart it; or: docker buildx create "
				  "--use; " USE_BUILDAH);
		return -1;
	}
	return 0;
}

static char *describe(const struct docker_inspect *inspect)
{
	const char *driver = inspect->driver ? inspect->driver : "docker";

	if (inspect->nodes > 1)
		return mem_printf("driver %s, %zu nodes", driver, inspect->nodes);
	return mem_printf("driver %s", driver);
}

static int inspect_builder(struct loop *loop, const struct docker_where *where, const struct argv *command,
			   struct docker_inspect *ret, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };

	if (ask(loop, command, "inspect", where, &result, err) < 0)
		return -1;
	docker_inspect_parse(result.out->data, ret);
	if (check_inspect(ret, err) == 0)
		return 0;
	docker_inspect_free(ret);
	return -1;
}

int docker_facts_ask(struct loop *loop, const struct docker_where *where, const struct docker_facts *facts,
		     struct error **err)
{
	struct docker_inspect inspect;

	if (inspect_builder(loop, where, facts->command, &inspect, err) < 0)
		return -1;
	docker_inspect_free(&inspect);
	return 0;
}

static int find_platforms(struct loop *loop, const struct docker_where *where, struct docker_facts *facts,
			  struct error **err)
{
	struct docker_inspect inspect;

	if (inspect_builder(loop, where, facts->command, &inspect, err) < 0)
		return -1;
	facts->detail = describe(&inspect);
	memcpy(facts->platforms, inspect.platforms, sizeof(facts->platforms));
	facts->platforms_len = inspect.platforms_len;
	facts->native_len = inspect.native_len;
	facts->abilities = inspect.abilities;
	facts->lasting = inspect.nodes == 1 && inspect.driver && strcmp(inspect.driver, "docker") == 0 &&
			 strcmp(inspect.endpoint, "default") == 0;
	docker_inspect_free(&inspect);
	/* A builder that is not running yet names none; it is started by the first build. */
	if (facts->platforms_len == 0) {
		platform_host(&facts->platforms[facts->platforms_len++]);
		facts->native_len = 1;
	}
	return 0;
}

static int find_out(struct loop *loop, struct state *state, const struct docker_where *where,
		    struct docker_facts *facts, struct error **err)
{
	cleanup_free char *stamp = NULL;
	bool known = false;

	if (find_buildx(facts->command, err) < 0)
		return -1;
	stamp = state ? docker_memory_stamp(where, facts->command) : NULL;
	if (stamp && docker_memory_recall(state, stamp, facts, &known, err) < 0)
		return -1;
	if (known)
		return 0;
	if (find_version(loop, facts->command, facts, err) < 0 || find_platforms(loop, where, facts, err) < 0)
		return -1;
	return stamp && facts->lasting ? docker_memory_keep(state, stamp, facts, err) : 0;
}

int docker_facts_find(struct loop *loop, struct state *state, const struct docker_where *where,
		      struct docker_facts *ret, struct error **err)
{
	struct docker_facts facts = { .command = mem_alloc(sizeof(struct argv)) };

	if (find_out(loop, state, where, &facts, err) < 0) {
		docker_facts_free(&facts);
		return -1;
	}
	*ret = facts;
	return 0;
}
