#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/builder/buildah.h"
#include "engine/builder/leftover.h"
#include "engine/builder/trial_program.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/oci/layout.h"
#include "engine/state/state.h"

#define FACTS_TIMEOUT_MS 60000 /* for one child; usually well under a second */
#define FACTS_MAJOR 1          /* the oldest buildah with named contexts and RUN --mount */
#define FACTS_MINOR 28

#define LIMITS "--ulimit=nofile=1024:1024 --ulimit=nproc=1024:1024"

/* Ways to run a step, best first: an OCI runtime with a network of its own; if this machine does not allow that,
 * with lower limits or the host's network; finally a chroot. */
static const char *const ways[] = {
	"--isolation=oci --runtime=runc",
	"--isolation=oci --runtime=runc " LIMITS,
	"--isolation=oci --runtime=runc --network=host",
	"--isolation=oci --runtime=runc --network=host " LIMITS,
	"--isolation=oci --runtime=crun",
	"--isolation=oci --runtime=crun " LIMITS,
	"--isolation=oci --runtime=crun --network=host",
	"--isolation=oci --runtime=crun --network=host " LIMITS,
	"--isolation=chroot",
	"--isolation=chroot " LIMITS,
};

void buildah_facts_free(struct buildah_facts *facts)
{
	free(facts->version);
	free(facts->engine);
	free(facts->root);
	free(facts->flags);
	*facts = (struct buildah_facts){ 0 };
}

static void hash_program(struct hasher *hasher, const char *name)
{
	cleanup_free char *path = proc_find(name);

	hasher_file(hasher, path);
}

/* The key of the facts: everything they depend on. */
static char *facts_name(const char *program)
{
	static const char *const variables[] = {
		"CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "HOME",          "STORAGE_DRIVER", "STORAGE_OPTS",
		"TMPDIR",          "XDG_CONFIG_HOME",         "XDG_DATA_HOME", "XDG_RUNTIME_DIR"
	};
	static const char *const files[] = { "/etc/containers/containers.conf", "/etc/containers/storage.conf",
					     "/usr/share/containers/storage.conf" };
	cleanup_hasher struct hasher *hasher = hasher_new();
	uint64_t user = geteuid();
	struct utsname system;
	char hex[HASH_HEX + 1];

	hasher_file(hasher, program);
	hash_program(hasher, "runc");
	hash_program(hasher, "crun");
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		hasher_text(hasher, variables[i], getenv(variables[i]));
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		hasher_file(hasher, files[i]);
	hasher_file(hasher, getenv("CONTAINERS_CONF"));
	hasher_file(hasher, getenv("CONTAINERS_STORAGE_CONF"));
	hasher_field(hasher, "user", &user, sizeof(user));
	if (uname(&system) == 0)
		hasher_text(hasher, "kernel", system.release);
	machine_rights(hasher);
	hash_hex(hasher_done(hasher), hex);
	return mem_printf("buildah:%s", hex);
}

/* Sets `ret` when the facts are known. */
static int buildah_facts_recall(struct state *state, const char *name, struct buildah_facts *ret, bool *ret_known,
				struct error **err)
{
	cleanup_free char *text = NULL;
	cleanup_json struct json *json = NULL;

	*ret_known = false;
	if (!state)
		return 0;
	if (state_machine_fact(state, name, &text, err) < 0)
		return -1;
	if (!text || json_parse(text, strlen(text), name, &json, NULL) < 0)
		return 0;
	if (!json_str(json, "version") || !json_str(json, "engine") || !json_str(json, "root") ||
	    !json_str(json, "flags"))
		return 0;
	ret->version = mem_strdup(json_str(json, "version"));
	ret->engine = mem_strdup(json_str(json, "engine"));
	ret->root = mem_strdup(json_str(json, "root"));
	ret->flags = mem_strdup(json_str(json, "flags"));
	ret->assumed = json_bool(json, "assumed");
	*ret_known = true;
	return 0;
}

char *buildah_facts_root(const char *program, struct state *state)
{
	cleanup_free char *name = facts_name(program);
	struct buildah_facts facts = { 0 };
	bool known = false;
	char *root;

	if (buildah_facts_recall(state, name, &facts, &known, NULL) < 0 || !known)
		return NULL;
	root = steal_ptr(facts.root);
	buildah_facts_free(&facts);
	return root;
}

int buildah_facts_remember(const char *program, struct state *state, const struct buildah_facts *facts, struct error **err)
{
	cleanup_free char *name = facts_name(program);
	cleanup_json struct json *json = json_new_object();
	cleanup_buf struct buf text = { 0 };

	json_set_str(json, "version", facts->version);
	json_set_str(json, "engine", facts->engine);
	json_set_str(json, "root", facts->root);
	json_set_str(json, "flags", facts->flags);
	json_set_bool(json, "assumed", facts->assumed);
	json_dump(json, JSON_CANONICAL, &text);
	return state_set_machine_fact(state, name, text.data, err);
}

static int capture(struct loop *loop, const char *const *argv, struct proc_result *ret, struct error **err)
{
	struct proc_spec spec = { .argv = argv, .capture = true, .timeout_ms = FACTS_TIMEOUT_MS };

	return proc_check(loop, &spec, ERROR_TOOL, ret, err);
}

/* "buildah version 1.28.2 (image-spec ...)" */
static int find_buildah_version(struct loop *loop, const char *program, char **ret, struct error **err)
{
	const char *const argv[] = { program, "--version", NULL };
	cleanup_proc struct proc_result result = { 0 };
	char text[32];

	if (capture(loop, argv, &result, err) < 0)
		return -1;
	if (!result.out->data || sscanf(result.out->data, "buildah version %31s", text) != 1)
		return error_make(err, ERROR_TOOL, "%s --version: not understood", program);
	*ret = mem_strdup(text);
	return 0;
}

static int buildah_facts_info(struct loop *loop, const char *program, struct json **ret, struct error **err)
{
	const char *const argv[] = { program, "info", buildah_is_podman(program) ? "--format=json" : NULL, NULL };
	cleanup_proc struct proc_result result = { 0 };

	if (capture(loop, argv, &result, err) < 0)
		return -1;
	return json_parse(result.out->data ? result.out->data : "", result.out->len, program, ret, err);
}

/* podman prints its own version and that of the buildah in it. */
static int take_podman(const char *program, const struct json *info, struct buildah_facts *ret, struct error **err)
{
	const struct json *host = json_get(info, "host");
	const char *version = json_str(json_get(info, "version"), "Version"), *engine = json_str(host, "buildahVersion");

	if (json_bool(host, "serviceIsRemote")) {
		error_make(err, ERROR_TOOL, "%s keeps its images on another machine, and cbuild cannot read them there",
			   program);
		error_remedy(err, "run cbuild there, or use --builder=docker");
		return -1;
	}
	if (!version || !engine)
		return error_make(err, ERROR_TOOL, "%s info: no version in its answer", program);
	ret->version = mem_strdup(version);
	ret->engine = mem_strdup(engine);
	return 0;
}

static int buildah_facts_ask(const char *program, struct loop *loop, struct buildah_facts *ret, struct error **err)
{
	cleanup_json struct json *info = NULL;
	const struct json *store;
	unsigned major, minor;
	const char *root;

	if (!buildah_is_podman(program) && find_buildah_version(loop, program, &ret->version, err) < 0)
		return -1;
	if (buildah_facts_info(loop, program, &info, err) < 0 ||
	    (buildah_is_podman(program) && take_podman(program, info, ret, err) < 0))
		return -1;
	if (!ret->engine)
		ret->engine = mem_strdup(ret->version);
	if (sscanf(ret->engine, "%u.%u", &major, &minor) != 2)
		return error_make(err, ERROR_TOOL, "%s: its version %s is not supported", program, ret->engine);
	if (major < FACTS_MAJOR || (major == FACTS_MAJOR && minor < FACTS_MINOR)) {
		error_make(err, ERROR_TOOL, "%s: the buildah in it is version %s, too old", program, ret->engine);
		error_remedy(err, "install buildah %d.%d or newer, or use --builder=docker", FACTS_MAJOR, FACTS_MINOR);
		return -1;
	}
	store = json_get(info, "store");
	root = json_str(store, buildah_is_podman(program) ? "graphRoot" : "GraphRoot");
	if (!root || *root != '/')
		return error_make(err, ERROR_TOOL, "%s info: no graph root in its answer", program);
	ret->root = mem_strdup(root);
	return 0;
}

/* What the trials share. */
struct trial {
	struct loop *loop;
	const char *program, *root, *dir;
};

/* Builds an image with a RUN step of the tiny program in the folder. Every trial makes the same image, so one left
 * by a killed trial is removed with the next one's. */
static int try_way(const struct trial *trial, const char *way, bool *ret_works, struct error **err)
{
	cleanup_free char *iidfile = path_join(trial->dir, "iid");
	cleanup_free char *dockerfile = path_join(trial->dir, "Dockerfile");
	cleanup_free char *mark = leftover_mark(LEFTOVER_TRIAL);
	cleanup_proc struct proc_result result = { 0 }, removal = { 0 };
	cleanup_argv struct argv argv = { 0 };
	cleanup_buf struct buf id = { 0 };
	struct proc_spec spec = { .timeout_ms = FACTS_TIMEOUT_MS };
	int r;

	buildah_begin(trial->program, way, &argv);
	argv_add(&argv, "--layers=false");
	argv_add(&argv, "--pull=never");
	argv_add(&argv, "--timestamp=0");
	argv_addf(&argv, "--secret=%s", mark);
	argv_addf(&argv, "--iidfile=%s", iidfile);
	argv_addf(&argv, "--file=%s", dockerfile);
	buildah_add_flags(trial->program, way, &argv);
	argv_add(&argv, trial->dir);
	spec.argv = (const char *const *)argv.items;
	r = proc_run(trial->loop, &spec, &result, err);
	*ret_works = r == 0 && result.status == 0;
	if (!*ret_works)
		leftover_remove(trial->loop, trial->program, trial->root, LEFTOVER_TRIAL);
	if (!*ret_works || fs_read(iidfile, 256, &id, NULL) < 0)
		return r;
	{
		const char *const remove[] = { trial->program, "rmi", id.data, NULL };

		spec.argv = remove;
		spec.cleanup = true;
		return proc_run(trial->loop, &spec, &removal, err);
	}
}

static bool way_possible(const char *way)
{
	cleanup_free char *runc = proc_find("runc"), *crun = proc_find("crun");

	return (!strstr(way, "=runc") || runc) && (!strstr(way, "=crun") || crun);
}

static int try_ways(const struct trial *trial, char **ret, struct error **err)
{
	bool works = false;

	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (!way_possible(ways[i]))
			continue;
		if (try_way(trial, ways[i], &works, err) < 0)
			return -1;
		if (works) {
			*ret = mem_strdup(ways[i]);
			return 0;
		}
	}
	error_make(err, ERROR_TOOL,
		   "%s cannot run a step on this machine, neither with runc nor with crun nor in a chroot",
		   path_base(trial->program));
	error_remedy(err, "try `%s build --isolation=chroot .` on a Dockerfile with a RUN step, or use --builder=docker",
		     path_base(trial->program));
	return -1;
}

/* An empty folder; if it is in the store, the next run removes it should this process be killed. */
static int make_folder(struct layout *layout, char **ret, struct error **err)
{
	const char *base = getenv("TMPDIR");
	cleanup_free char *dir = NULL;

	if (layout)
		return layout_staging(layout, ret, err);
	dir = mem_printf("%s/cbuild-XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(dir))
		return error_errno(err, ERROR_STATE, errno, "%s", dir);
	*ret = steal_ptr(dir);
	return 0;
}

int buildah_facts_try(const char *program, struct loop *loop, struct layout *layout, struct buildah_facts *facts,
		      struct error **err)
{
	cleanup_free char *dir = NULL, *file = NULL, *dockerfile = NULL;
	static const char text[] = "FROM scratch\nCOPY true /true\nRUN [\"/true\"]\n";
	struct trial trial = { .loop = loop, .program = program, .root = facts->root };
	char *flags = NULL;
	int status;

	if (!trial_program_known())
		return 0;
	if (make_folder(layout, &dir, err) < 0)
		return -1;
	trial.dir = dir;
	file = path_join(dir, "true");
	dockerfile = path_join(dir, "Dockerfile");
	status = trial_program_write(file, err);
	if (status == 0)
		status = fs_replace(dockerfile, text, strlen(text), 0644, err);
	if (status == 0)
		status = try_ways(&trial, &flags, err);
	if (fs_remove_tree(dir, status == 0 ? err : NULL) < 0)
		status = -1;
	if (status == 0) {
		free(facts->flags);
		facts->flags = steal_ptr(flags);
		facts->assumed = false;
	}
	free(flags);
	return status;
}

/* What nearly every machine can do. Where it cannot, the first build fails, and then it is tried out: a trial takes longer than a
 * small build. Nothing can be tried on a processor for which there is no program to try with. */
static void assume_flags(struct buildah_facts *facts)
{
	size_t i = 0;

	while (!way_possible(ways[i]))
		i++;
	facts->assumed = trial_program_known();
	facts->flags = mem_strdup(facts->assumed ? ways[i] : "--isolation=chroot");
}

int buildah_facts_find(const char *program, struct loop *loop, struct state *state, struct layout *layout,
		       struct buildah_facts *ret, struct error **err)
{
	cleanup_free char *name = facts_name(program);
	struct buildah_facts facts = { 0 };
	bool known;
	int r;

	if (buildah_facts_recall(state, name, &facts, &known, err) < 0)
		return -1;
	if (!known) {
		r = buildah_facts_ask(program, loop, &facts, err);
		if (r == 0)
			assume_flags(&facts);
		if (r == 0)
			r = state ? buildah_facts_remember(program, state, &facts, err)
				  : buildah_facts_try(program, loop, layout, &facts, err);
		if (r < 0) {
			buildah_facts_free(&facts);
			return -1;
		}
	}
	*ret = facts;
	return 0;
}
