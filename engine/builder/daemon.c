#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "engine/builder/lint.h"
#include "engine/builder/ops.h"
#include "engine/builder/route.h"
#include "engine/builder/solve.h"
#include "engine/buildkit/control.h"
#include "engine/io/dockerd.h"
#include "engine/io/loop.h"
#include "engine/io/socket.h"
#include "engine/oci/layout.h"

/* The builders that are BuildKit daemons: one connection for any number of builds at once. */

#define OPEN_MS 20000  /* to connect, and to answer a query */
#define ENGINE_MS 5000 /* for docker's daemon to answer a query */

struct driver {
	struct loop *loop;
	struct layout *layout; /* or NULL */
	struct logins *logins; /* of the run, or NULL */
	char *shown;           /* folder that records what daemons were shown */
	char *version;
	char *runtime; /* containerd's namespace that its worker keeps images in, or NULL */
	struct route route;
	struct control_info info;
	size_t native_len;

	pthread_mutex_t lock;    /* guards what follows */
	struct daemon **daemons; /* the last one is in use; the others were lost but may still have users */
	size_t len, cap;
};

static void driver_free(void *data)
{
	struct driver *driver = data;

	for (size_t i = 0; i < driver->len; i++)
		daemon_free(driver->daemons[i]);
	free(driver->daemons);
	route_free(&driver->route);
	pthread_mutex_destroy(&driver->lock);
	free(driver->version);
	free(driver->runtime);
	free(driver->shown);
	free(driver);
}

/* Reconnects if the connection was lost. */
static int connect_driver(struct driver *driver, struct daemon **ret, struct error **err)
{
	int r = 0;

	pthread_mutex_lock(&driver->lock);
	if (driver->len == 0 || !daemon_alive(driver->daemons[driver->len - 1])) {
		struct daemon *daemon;

		if (daemon_open(driver->loop, &driver->route.address, OPEN_MS, &daemon, err) < 0) {
			r = -1;
		} else {
			mem_reserve(&driver->daemons, &driver->cap, driver->len + 1, sizeof(struct daemon *));
			driver->daemons[driver->len++] = daemon;
		}
	}
	if (r == 0)
		*ret = driver->daemons[driver->len - 1];
	pthread_mutex_unlock(&driver->lock);
	return r;
}

static int driver_answers(void *data, struct error **err)
{
	struct control_info info;
	struct daemon *daemon;

	return connect_driver(data, &daemon, err) < 0 ? -1 : control_info(daemon, OPEN_MS, &info, err);
}

/* A failure comes with the Dockerfile in a header: one that is too large for nghttp2 ends the connection, and should end no other build. */
#define TEXT_SHARED ((size_t)24 << 10) /* bytes of a Dockerfile that is built over the common connection */

static int build_alone(const struct driver *driver, const struct solve *solve, const struct build_job *job,
		       struct build_result *result, struct error **err)
{
	struct daemon *daemon;
	int r;

	if (daemon_open(driver->loop, &driver->route.address, OPEN_MS, &daemon, err) < 0)
		return -1;
	r = solve_build(solve, daemon, job, result, err);
	daemon_free(daemon);
	return r;
}

static void driver_build(void *data, const struct build_job *jobs, size_t len, build_done *done, void *done_data)
{
	struct driver *driver = data;
	const struct solve solve = {
		.loop = driver->loop,
		.layout = driver->layout,
		.logins = driver->logins,
		.shown = driver->shown,
		.tool = "BuildKit",
		.native = &driver->info.platforms[0],
	};

	for (size_t i = 0; i < len; i++) {
		struct build_result result = { 0 };
		struct daemon *daemon;

		if (jobs[i].text_len > TEXT_SHARED)
			build_alone(driver, &solve, &jobs[i], &result, &result.error);
		else if (connect_driver(driver, &daemon, &result.error) == 0)
			solve_build(&solve, daemon, &jobs[i], &result, &result.error);
		done(done_data, i, &result);
	}
}

static int driver_check(void *data, const struct build_job *job, builder_found *found, void *found_data,
			struct error **err)
{
	struct driver *driver = data;
	struct daemon *daemon;

	return connect_driver(driver, &daemon, err) < 0
		       ? -1
		       : lint_check(driver->logins, daemon, job, found, found_data, err);
}

/* linux/amd64/v3 is a processor level rather than another platform to build for. Native ones come first. */
static void sort_platforms(struct driver *driver)
{
	struct platform *list = driver->info.platforms, first = list[0];
	size_t len = 0;

	for (size_t i = 0; i < driver->info.platforms_len; i++)
		if (i == 0 || strcmp(list[i].arch, "amd64") != 0 || !list[i].variant[0])
			list[len++] = list[i];
	driver->info.platforms_len = len;
	driver->native_len = 1;
	for (size_t i = 1; i < len && strcmp(list[i].arch, first.arch) == 0; i++)
		driver->native_len++;
}

/* What a BuildKit of this version supports beyond the basics. An unknown version is assumed to be new. */
static unsigned abilities_of(const char *version)
{
	/* The first minor version of 0 that supports it. */
	static const struct {
		unsigned minor, ability;
	} abilities[] = { { 4, ABILITY_RIGHTS }, { 10, ABILITY_HEREDOC }, { 11, ABILITY_ATTEST },
			  { 11, ABILITY_PIN },   { 12, ABILITY_GIT },     { 15, ABILITY_CHECK } };
	unsigned major = 0, minor = 0, found = 0;

	sscanf(version, "v%u.%u", &major, &minor);
	for (size_t i = 0; i < sizeof(abilities) / sizeof(*abilities); i++)
		if (major > 0 || minor == 0 || minor >= abilities[i].minor)
			found |= abilities[i].ability;
	return found;
}

/* docker's daemon reports its own version, and whether its images are where BuildKit can export them. */
static int ask_dockerd(struct driver *driver, struct error **err)
{
	const char *path = dockerd_socket(driver->route.url);
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *info = NULL;
	const char *version;

	if (!driver->route.engine || !path)
		return 0;
	if (socket_get(path, "/info", ENGINE_MS, &text, err) < 0) {
		if (access(path, F_OK) == 0 && access(path, W_OK) < 0)
			error_remedy(err,
				     "add yourself to the group \"docker\" (and log in again), or use --builder=buildah");
		else
			error_remedy(err, "start it: systemctl start docker; or use --builder=buildah");
		return -1;
	}
	if (json_parse(text.data ? text.data : "", text.len, driver->route.url, &info, err) < 0)
		return -1;
	version = json_str(info, "ServerVersion");
	if (version) /* "28.5.2+dfsg4": without the distribution's suffix */
		driver->version = mem_strndup(version, strspn(version, "0123456789."));
	if (dockerd_has_containerd_store(info))
		return 0;
	error_make(err, ERROR_TOOL, "docker at %s cannot hand out OCI layouts", driver->route.url);
	error_remedy(err, "turn on docker's containerd image store (\"features\": {\"containerd-snapshotter\": true} "
			  "in "
			  "/etc/docker/daemon.json), or make a builder: docker buildx create --use; or use "
			  "--builder=buildah");
	return -1;
}

static int find_out(struct driver *driver, struct error **err)
{
	struct daemon *daemon;

	if (ask_dockerd(driver, err) < 0 || connect_driver(driver, &daemon, err) < 0 ||
	    control_info(daemon, OPEN_MS, &driver->info, err) < 0)
		return -1;
	if (driver->info.platforms_len == 0)
		return error_make(err, ERROR_TOOL, "%s does not say which platforms it builds for", driver->route.url);
	sort_platforms(driver);
	if (!driver->version)
		driver->version = mem_strdup(driver->info.version);
	return 0;
}

/* A daemon on this machine that keeps its images in containerd: what it builds is loaded there. */
static void pair_with_containerd(struct driver *driver, struct builder_info *info)
{
	if (driver->route.engine || !*driver->info.namespace || !driver->route.url ||
	    strncmp(driver->route.url, "unix:", 5) != 0)
		return;
	driver->runtime = mem_printf("containerd:%s", driver->info.namespace);
	info->runtime = driver->runtime;
}

static void describe_daemon(struct driver *driver, struct builder_info *info)
{
	pair_with_containerd(driver, info);
	info->version = driver->version;
	info->detail = driver->route.detail ? driver->route.detail : driver->route.url;
	info->place = NULL;
	info->sends_files = true;
	info->holds_urls = true;
	info->own_images = driver->route.engine;
	info->engine = driver->route.engine ? dockerd_socket(driver->route.url) : NULL;
	info->platforms = driver->info.platforms;
	info->platforms_len = driver->info.platforms_len;
	info->native_len = driver->native_len;
	info->abilities = abilities_of(driver->info.version);
}

typedef int route_function(const struct builder_given *given, struct route *ret, struct error **err);

static int driver_open(route_function *route, const struct builder_given *given, void **ret, struct builder_info *info,
		       struct error **err)
{
	struct driver *driver = mem_alloc(sizeof(*driver));

	driver->loop = given->means.loop;
	driver->layout = given->means.layout;
	driver->logins = given->means.logins;
	pthread_mutex_init(&driver->lock, NULL);
	if (given->means.layout) {
		cleanup_free char *state = path_dir(layout_dir(given->means.layout));

		driver->shown = path_join(state, "shown");
	}
	if (route(given, &driver->route, err) < 0 || find_out(driver, err) < 0) {
		driver_free(driver);
		return -1;
	}
	describe_daemon(driver, info);
	*ret = driver;
	return 0;
}

static int open_docker(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	return driver_open(route_docker, given, ret, info, err);
}

static int open_buildkit(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	return driver_open(route_buildkit, given, ret, info, err);
}

static int open_nerdctl(const struct builder_given *given, void **ret, struct builder_info *info, struct error **err)
{
	return driver_open(route_nerdctl, given, ret, info, err);
}

/* Of docker's own daemon, for a builder of buildx's has no images of its own. */
static char *docker_known_engine(const char *instance, struct state *state)
{
	cleanup_free char *usual = instance ? NULL : dockerd_endpoint();
	const char *path = dockerd_socket(instance ? instance : usual);

	(void)state;
	return path ? mem_strdup(path) : NULL;
}

#define COMMON .free = driver_free, .answers = driver_answers, .check = driver_check, .build = driver_build

const struct builder_ops builder_docker = { .open = open_docker,
					    .known_engine = docker_known_engine,
					    .own_first = true,
					    COMMON };
const struct builder_ops builder_buildkit = { .open = open_buildkit, COMMON };
const struct builder_ops builder_nerdctl = { .open = open_nerdctl, COMMON };
