#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/io/proc.h"
#include "engine/runtime/ops.h"

#define COMMAND_MS (120u * 1000) /* for one command but `pull` and `load`, which move images */
#define CLEANUP_MS (20u * 1000)  /* for removing one thing, also when we are told to stop */

static const struct runtime_ops *const all[] = { &runtime_podman, &runtime_docker };
enum { COUNT = sizeof(all) / sizeof(all[0]) };

const char *const *runtime_names(void)
{
	static const char *const names[] = { "podman", "docker", NULL };

	return names;
}

static const struct runtime_ops *find(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}

static const struct runtime_ops *find_place(const char *place)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strncmp(place, all[i]->place_prefix, strlen(all[i]->place_prefix)) == 0)
			return all[i];
	}
	return NULL;
}

/* Where the numbers of names begin: one process may open it several times, and what was made before may still be there. A
 * microsecond each: nothing is made faster. */
static unsigned first_number(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned)now.tv_sec * 1000000u + (unsigned)(now.tv_nsec / 1000);
}

static int open_one(const struct runtime_ops *ops, const struct runtime *common, struct runtime **ret, struct error **err)
{
	struct runtime *runtime = mem_alloc(sizeof(*runtime));

	runtime->ops = ops;
	runtime->loop = common->loop;
	runtime->state = common->state;
	runtime->layout = common->layout;
	runtime->owner = mem_strdup(common->owner);
	runtime->process = command_process();
	atomic_init(&runtime->names, first_number());
	pthread_mutex_init(&runtime->lock, NULL);
	runtime->program = proc_find(ops->name);
	if (!runtime->program) {
		error_make(err, ERROR_TOOL, "%s is not installed", ops->name);
		error_remedy(err, "install %s, or choose another runtime", ops->name);
	} else if (ops->open(runtime, err) == 0) {
		*ret = runtime;
		return 0;
	}
	runtime_free(runtime);
	return -1;
}

/* The first that works. When none does, what kept the first one that is installed from working. */
static int open_best(const struct runtime *common, struct runtime **ret, struct error **err)
{
	cleanup_error struct error *first = NULL;

	for (size_t i = 0; i < COUNT; i++) {
		cleanup_free char *program = proc_find(all[i]->name);
		struct error *error = NULL;

		if (!program)
			continue;
		if (open_one(all[i], common, ret, &error) == 0)
			return 0;
		if (error->cls == ERROR_CANCELLED)
			return error_move(err, &error);
		if (!first)
			first = steal_ptr(error);
		error_free(error);
	}
	if (first)
		return error_move(err, &first);
	error_make(err, ERROR_TOOL, "no container runtime is installed");
	error_remedy(err, "install podman (or docker), or do without: --no-load --no-verify");
	return -1;
}

int runtime_open(const char *name, const char *owner, struct loop *loop, struct state *state, struct layout *layout,
		 struct runtime **ret, struct error **err)
{
	const struct runtime common = { .owner = (char *)owner, .loop = loop, .state = state, .layout = layout };
	const struct runtime_ops *ops;

	if (!name)
		return open_best(&common, ret, err);
	ops = find(name);
	if (!ops)
		return error_make(err, ERROR_USAGE, "there is no runtime called '%s' (there are podman and docker)",
				  name);
	return open_one(ops, &common, ret, err);
}

void runtime_free(struct runtime *runtime)
{
	if (!runtime)
		return;
	while (runtime->guests) {
		struct guest *guest = runtime->guests;

		runtime->guests = guest->next;
		free(guest->id);
		free(guest);
	}
	pthread_mutex_destroy(&runtime->lock);
	free(runtime->owner);
	free(runtime->program);
	free(runtime->version);
	free(runtime->place);
	free(runtime->root);
	free(runtime->socket);
	free(runtime->identity);
	free(runtime->process);
	free(runtime);
}

const char *runtime_name(const struct runtime *runtime)
{
	return runtime->ops->name;
}

const char *runtime_version(const struct runtime *runtime)
{
	return runtime->version;
}

const char *runtime_place(const struct runtime *runtime)
{
	return runtime->place;
}

int runtime_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references, size_t len,
		 const struct output *output, struct error **err)
{
	int r;

	pthread_mutex_lock(&runtime->lock);
	r = runtime->ops->load(runtime, image, references, len, output, err);
	pthread_mutex_unlock(&runtime->lock);
	if (r < 0)
		error_wrap(err, "cannot load %s into %s", len > 0 ? references[0] : image->identity, runtime->ops->name);
	return r;
}

void runtime_present(const char *place, struct runtime_presence *items, size_t len)
{
	const struct runtime_ops *ops = find_place(place);

	for (size_t i = 0; i < len; i++)
		items[i].held = false;
	if (ops && len > 0)
		ops->present(place, items, len);
}

const char *runtime_place_prefix(const char *name)
{
	const struct runtime_ops *ops = find(name);

	return ops ? ops->place_prefix : NULL;
}

void runtime_complaint(struct buf *out, const char *tail)
{
	cleanup_free char *copy = mem_strdup(tail);
	char *rest = NULL;

	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "time=\"", 6) == 0 || strncmp(line, "See 'docker", 11) == 0 ||
		    strncmp(line, "Run 'docker", 11) == 0)
			continue;
		if (strncmp(line, "Error: ", 7) == 0)
			line += 7;
		buf_printf(out, "%s%s", out->len > 0 ? "\n" : "", line);
	}
}

int runtime_failed(struct error **error, struct error **err)
{
	if ((*error)->cls == ERROR_BUILD)
		(*error)->cls = ERROR_TOOL;
	return error_move(err, error);
}

int runtime_command(struct runtime *runtime, const char *const *args, const struct output *output, bool cleanup,
		    struct buf *ret_out, struct error **err)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_proc struct proc_result result = { 0 };
	cleanup_buf struct buf complaint = { 0 };
	bool moves = strcmp(args[0], "pull") == 0 || strcmp(args[0], "load") == 0;
	struct proc_spec spec = { .capture = true, .output = output, .cleanup = cleanup };
	struct error *error = NULL;

	command_begin(runtime, atomic_load(&runtime->quirks), &argv);
	for (size_t i = 0; args[i]; i++)
		argv_add(&argv, args[i]);
	spec.argv = (const char *const *)argv.items;
	spec.timeout_ms = cleanup ? CLEANUP_MS : moves ? 0 : COMMAND_MS;
	if (proc_run(runtime->loop, &spec, &result, &error) < 0)
		return runtime_failed(&error, err);
	if (result.status != 0) {
		runtime_complaint(&complaint, result.tail);
		return error_make(err, ERROR_TOOL, "%s %s failed with status %d%s%s", runtime->ops->name, args[0],
				  result.status, complaint.len > 0 ? ": " : "", complaint.len > 0 ? complaint.data : "");
	}
	if (ret_out)
		buf_add(ret_out, result.out->data, result.out->len);
	return 0;
}

const char *runtime_image_id(const struct runtime *runtime, const struct runtime_image *image)
{
	return runtime->manifests && image->digest ? image->digest : image->identity;
}

static struct guest **find_guest(struct runtime *runtime, const char *id)
{
	struct guest **at = &runtime->guests;

	while (*at && strcmp((*at)->id, id) != 0)
		at = &(*at)->next;
	return at;
}

static int acquire_locked(struct runtime *runtime, const struct runtime_image *image, const struct output *output,
			  struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	struct guest *guest = *find_guest(runtime, id);
	bool there = false;

	if (guest) {
		guest->users++;
		return 0;
	}
	if (runtime->ops->has(runtime, id, &there, err) < 0)
		return -1;
	if (there)
		return 0;
	if (runtime_import(runtime, image, NULL, 0, output, err) < 0)
		return -1;
	guest = mem_alloc(sizeof(*guest));
	guest->id = mem_strdup(id);
	guest->users = 1;
	guest->next = runtime->guests;
	runtime->guests = guest;
	return 0;
}

int runtime_image_acquire(struct runtime *runtime, const struct runtime_image *image, const struct output *output,
			  struct error **err)
{
	int r;

	pthread_mutex_lock(&runtime->lock);
	r = acquire_locked(runtime, image, output, err);
	pthread_mutex_unlock(&runtime->lock);
	return r;
}

/* Somebody may have given it a name meanwhile: then it is theirs. */
static bool has_names(struct runtime *runtime, const char *id)
{
	const char *const args[] = { "image", "inspect", "--format={{len .RepoTags}}", id, NULL };
	cleanup_buf struct buf out = { 0 };

	return runtime_command(runtime, args, NULL, true, &out, NULL) < 0 || strcmp(out.data, "0\n") != 0;
}

void runtime_image_release(struct runtime *runtime, const struct runtime_image *image)
{
	const char *id = runtime_image_id(runtime, image);
	struct guest **at, *guest;

	pthread_mutex_lock(&runtime->lock);
	at = find_guest(runtime, id);
	guest = *at;
	if (guest && --guest->users == 0) {
		const char *const args[] = { "rmi", id, NULL };

		*at = guest->next;
		if (!has_names(runtime, id))
			runtime_command(runtime, args, NULL, true, NULL, NULL); /* an image too many harms nobody */
		free(guest->id);
		free(guest);
	}
	pthread_mutex_unlock(&runtime->lock);
}
