#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/storage.h"
#include "engine/runtime/runtime_ops.h"
#include "engine/state/state.h"

#define PREFIX "containers-storage:"
#define FACT_INFO "runtime.podman"
#define FACT_QUIRKS "runtime.podman.quirks"

/* Files and variables that determine where podman keeps things and how it runs them. */
static const char *const settings[] = {
	"CONTAINERS_STORAGE_CONF",
	"CONTAINERS_CONF",
	"CONTAINERS_CONF_OVERRIDE",
	"CONTAINER_HOST",
	"CONTAINER_CONNECTION",
	"STORAGE_DRIVER",
	"STORAGE_OPTS",
	"HOME",
	"XDG_CONFIG_HOME",
	"XDG_DATA_HOME",
	"XDG_RUNTIME_DIR",
};
static const char *const files[] = {
	"/etc/containers/storage.conf",
	"/etc/containers/containers.conf",
	"/usr/share/containers/storage.conf",
	"/usr/share/containers/containers.conf",
};

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Changes when podman or its configuration changes: then it is asked again. */
static char *find_identity(const char *program)
{
	cleanup_hasher struct hasher *hasher = hasher_new();
	cleanup_free char *uid = mem_printf("%ld", (long)geteuid());
	char *hex = mem_alloc(HASH_HEX + 1);

	hasher_file(hasher, program);
	hasher_text(hasher, "uid", uid);
	machine_rights(hasher);
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		const char *value = getenv(settings[i]);

		hasher_text(hasher, settings[i], value);
		if (value && value[0] == '/' && !is_folder(value)) /* folders change with everything that is put into them */
			hasher_file(hasher, value);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		hasher_file(hasher, files[i]);
	for (int i = 0; i < 2 && getenv("HOME"); i++) {
		cleanup_free char *path =
			mem_printf("%s/.config/containers/%s.conf", getenv("HOME"), i == 0 ? "storage" : "containers");

		hasher_file(hasher, path);
	}
	hash_hex(hasher_done(hasher), hex);
	return hex;
}

/* What is remembered of this podman. */
static char *podman_fact(const struct runtime *runtime, const char *what)
{
	return mem_printf("%s:%s", what, runtime->identity);
}

/* Recalls the facts of `podman info`. False: podman must be asked. */
static bool podman_recall(struct runtime *runtime)
{
	cleanup_free char *name = podman_fact(runtime, FACT_INFO), *quirks_name = podman_fact(runtime, FACT_QUIRKS);
	cleanup_free char *fact = NULL, *quirks = NULL;
	cleanup_json struct json *info = NULL;

	if (!runtime->state || state_machine_fact(runtime->state, name, &fact, NULL) < 0 || !fact ||
	    json_parse(fact, strlen(fact), FACT_INFO, &info, NULL) < 0)
		return false;
	if (!json_str(info, "version") || !json_str(info, "place"))
		return false;
	runtime->version = mem_strdup(json_str(info, "version"));
	runtime->place = mem_strdup(json_str(info, "place"));
	runtime->root = json_str(info, "root") ? mem_strdup(json_str(info, "root")) : NULL;
	runtime->publish = json_bool(info, "publish");
	runtime->bridged = !runtime->publish;
	runtime->local = runtime->root != NULL;
	if (state_machine_fact(runtime->state, quirks_name, &quirks, NULL) == 0 && quirks)
		atomic_store(&runtime->quirks, (unsigned)strtoul(quirks, NULL, 10));
	return true;
}

static void podman_remember(struct runtime *runtime)
{
	cleanup_free char *name = podman_fact(runtime, FACT_INFO);
	cleanup_json struct json *info = json_new_object();
	cleanup_buf struct buf text = { 0 };

	if (!runtime->state)
		return;
	json_set_str(info, "version", runtime->version);
	json_set_str(info, "place", runtime->place);
	json_set_str(info, "root", runtime->root);
	json_set_bool(info, "publish", runtime->publish);
	json_dump(info, JSON_COMPACT, &text);
	/* If it cannot be stored, podman is asked again next time. */
	state_set_machine_fact(runtime->state, name, text.data, NULL);
}

static int podman_ask(struct runtime *runtime, struct error **err)
{
	const char *const args[] = { "info", "--format=json", NULL };
	cleanup_buf struct buf out = { 0 };
	cleanup_json struct json *info = NULL;
	const struct json *host;
	const char *root, *version;
	bool remote;

	if (runtime_command(runtime, args, NULL, false, &out, err) < 0 ||
	    json_parse(out.data, out.len, "podman info", &info, err) < 0) {
		error_remedy(err, "check `podman info`");
		return -1;
	}
	host = json_get(info, "host");
	root = json_str(json_get(info, "store"), "graphRoot");
	version = json_str(json_get(info, "version"), "Version");
	if (!root || !version)
		return error_make(err, ERROR_TOOL, "podman info does not name its version and storage");
	remote = json_bool(host, "serviceIsRemote");
	runtime->version = mem_strdup(version);
	runtime->root = remote ? NULL : mem_strdup(root);
	runtime->place = remote ? mem_printf(PREFIX "remote:%s", root) : mem_printf(PREFIX "%s", root);
	/* A rootless container's network is in its own namespace, behind a proxy. */
	runtime->publish = remote || json_bool(json_get(host, "security"), "rootless");
	runtime->bridged = !runtime->publish;
	runtime->local = !remote;
	return 0;
}

static int podman_open(struct runtime *runtime, struct error **err)
{
	runtime->identity = find_identity(runtime->program);
	if (podman_recall(runtime))
		return 0;
	if (podman_ask(runtime, err) < 0)
		return -1;
	podman_remember(runtime);
	return 0;
}

static int podman_has(struct runtime *runtime, const char *id, bool *ret, struct error **err)
{
	struct storage *storage = NULL;

	if (!runtime->root) {
		const char *const args[] = { "image", "inspect", "--format={{.Id}}", id, NULL };

		*ret = runtime_command(runtime, args, NULL, false, NULL, NULL) == 0;
		return 0;
	}
	if (storage_open(runtime->root, &storage, err) < 0)
		return -1;
	*ret = storage_has(storage, id);
	storage_free(storage);
	return 0;
}

static bool names_stand(const char *root, const char *identity, const char *const *references, size_t len)
{
	struct storage *storage = NULL;
	bool stand;

	if (!root || storage_open(root, &storage, NULL) < 0)
		return false;
	stand = storage_has(storage, identity);
	for (size_t i = 0; i < len && stand; i++)
		stand = storage_has_name(storage, identity, references[i]);
	storage_free(storage);
	return stand;
}

static int podman_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		       size_t len, const struct output *output, struct error **err)
{
	cleanup_argv struct argv args = { 0 };
	bool there = false;

	if (names_stand(runtime->root, image->identity, references, len))
		return 0;
	if (podman_has(runtime, image->identity, &there, err) < 0)
		return -1;
	/* Without names: podman reads only the first of several in an archive. */
	if (!there && runtime_import(runtime, image, NULL, 0, output, err) < 0)
		return -1;
	if (len == 0)
		return 0;
	argv_add(&args, "tag");
	argv_add(&args, image->identity);
	for (size_t i = 0; i < len; i++)
		argv_add(&args, references[i]);
	return runtime_command(runtime, (const char *const *)args.items, output, false, NULL, err);
}

static void podman_present(const char *place, struct runtime_presence *items, size_t len, char **ret_seen)
{
	struct storage *storage = NULL;

	(void)ret_seen;
	if (storage_open(place + strlen(PREFIX), &storage, NULL) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		items[i].held = storage_has(storage, items[i].image.identity);
		for (size_t j = 0; j < items[i].len && items[i].held; j++)
			items[i].held = storage_has_name(storage, items[i].image.identity, items[i].references[j]);
	}
	storage_free(storage);
}

static unsigned podman_adapt(unsigned quirks, const char *text)
{
	bool cgroups = strcasestr(text, "cgroup") || strcasestr(text, "systemd") || strcasestr(text, "dbus");

	if (strcasestr(text, "rlimit") && !(quirks & QUIRK_ULIMIT))
		return quirks | QUIRK_ULIMIT;
	if (strcasestr(text, "log-opt") && !(quirks & QUIRK_NO_LOGOPT))
		return quirks | QUIRK_NO_LOGOPT;
	if (strcasestr(text, "crun") && !(quirks & QUIRK_RUNC))
		return quirks | QUIRK_RUNC;
	if (cgroups && !(quirks & QUIRK_CGROUPFS))
		return quirks | QUIRK_CGROUPFS;
	if (cgroups && !(quirks & QUIRK_NO_CGROUPS))
		return quirks | QUIRK_NO_CGROUPS;
	return quirks;
}

struct lesson {
	struct state *state;
	char *name, *text;
};

/* On the loop's thread, the only one that uses the state. */
static void write_down(void *arg)
{
	struct lesson *lesson = arg;

	state_set_machine_fact(lesson->state, lesson->name, lesson->text, NULL);
	free(lesson->name);
	free(lesson->text);
	free(lesson);
}

static void podman_learn(struct runtime *runtime, unsigned quirks)
{
	struct lesson *lesson;

	if (atomic_exchange(&runtime->quirks, quirks) == quirks)
		return;
	lesson = mem_alloc(sizeof(*lesson));
	lesson->state = runtime->state;
	lesson->name = podman_fact(runtime, FACT_QUIRKS);
	lesson->text = mem_printf("%u", quirks);
	loop_post(runtime->loop, write_down, lesson);
}

/* Without an auth file, podman insists on the one that DOCKER_CONFIG refers to, although it needs none. */
static const char *const run_options[] = { "--http-proxy=false", "--authfile=/dev/null", NULL };

const struct runtime_ops runtime_podman = {
	.containers = &container_commands,
	.insecure = "--tls-verify=false",
	.log_driver = "k8s-file",
	.run_options = run_options,
	.inits = true,
	.docker_form = true,
	.place_prefix = PREFIX,
	.open = podman_open,
	.load = podman_load,
	.present = podman_present,
	.discard = discard_podman,
	.has = podman_has,
	.take = runtime_load_command,
	.adapt = podman_adapt,
	.learn = podman_learn,
};
