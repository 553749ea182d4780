#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

static const struct runtime_ops *const all[] = { &runtime_podman, &runtime_docker };
enum { COUNT = sizeof(all) / sizeof(all[0]) };

const char *const *runtime_names(void)
{
	static const char *const names[] = { "podman", "docker", NULL };

	return names;
}

static const struct runtime_ops *runtime_named(const char *name)
{
	for (size_t i = 0; i < COUNT; i++) {
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	}
	return NULL;
}

static const struct runtime_ops *find_runtime_at(const char *place)
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

static int runtime_open_one(const struct runtime_ops *ops, const struct runtime *common, struct runtime **ret,
			    struct error **err)
{
	struct runtime *runtime = mem_alloc(sizeof(*runtime));

	runtime->ops = ops;
	runtime->loop = common->loop;
	runtime->state = common->state;
	runtime->layout = common->layout;
	runtime->owner = mem_strdup(common->owner);
	runtime->process = command_process();
	atomic_init(&runtime->names, first_number());
	runtime->images = keylock_new();
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
static int runtime_open_best(const struct runtime *common, struct runtime **ret, struct error **err)
{
	cleanup_error struct error *first = NULL;

	for (size_t i = 0; i < COUNT; i++) {
		cleanup_free char *program = proc_find(all[i]->name);
		struct error *error = NULL;

		if (!program)
			continue;
		if (runtime_open_one(all[i], common, ret, &error) == 0)
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
		return runtime_open_best(&common, ret, err);
	ops = runtime_named(name);
	if (!ops)
		return error_make(err, ERROR_USAGE, "there is no runtime called '%s' (there are podman and docker)",
				  name);
	return runtime_open_one(ops, &common, ret, err);
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
	keylock_free(runtime->images);
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
	const char *id = runtime_image_id(runtime, image);
	int r;

	keylock_take(runtime->images, id);
	r = runtime->ops->load(runtime, image, references, len, output, err);
	keylock_give(runtime->images, id);
	if (r < 0)
		error_wrap(err, "cannot load %s into %s", len > 0 ? references[0] : image->identity, runtime->ops->name);
	return r;
}

void runtime_present(const char *place, struct runtime_presence *items, size_t len)
{
	const struct runtime_ops *ops = find_runtime_at(place);

	for (size_t i = 0; i < len; i++)
		items[i].held = false;
	if (ops && len > 0)
		ops->present(place, items, len);
}

const char *runtime_place_prefix(const char *name)
{
	const struct runtime_ops *ops = runtime_named(name);

	return ops ? ops->place_prefix : NULL;
}
