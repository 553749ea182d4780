#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "base/thread.h"
#include "dsl/drivers.h"
#include "engine/io/proc.h"
#include "engine/runtime/runtime_ops.h"

/* A row of RUNTIME_DRIVERS. */
struct runtime_row {
	const char *name;
	const char *instance; /* how one is named, "" when there is only one */
	const struct runtime_ops *ops;
};

#define ROW(driver, instance) { #driver, instance, &runtime_##driver },
static const struct runtime_row rows[] = { RUNTIME_DRIVERS(ROW, ROW) };
#undef ROW
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

const char *const *runtime_names(void)
{
	static const char *const names[] = { RUNTIME_NAMES NULL };

	return names;
}

/* The row that "containerd:k8s.io" names, and "k8s.io"; *ret_instance is NULL without one. */
static const struct runtime_row *runtime_named(const char *name, const char **ret_instance)
{
	size_t len = strcspn(name, ":");

	*ret_instance = name[len] ? name + len + 1 : NULL;
	for (size_t i = 0; i < ROWS; i++) {
		if (strlen(rows[i].name) == len && strncmp(rows[i].name, name, len) == 0)
			return !*ret_instance || (**ret_instance && *rows[i].instance) ? &rows[i] : NULL;
	}
	return NULL;
}

static const struct runtime_ops *find_runtime_at(const char *place)
{
	for (size_t i = 0; i < ROWS; i++) {
		if (strncmp(place, rows[i].ops->place_prefix, strlen(rows[i].ops->place_prefix)) == 0)
			return rows[i].ops;
	}
	return NULL;
}

/* The first number for container names: one process may open the runtime several times, and containers of earlier
 * ones may still exist. It counts microseconds; containers are not made faster than that. */
static unsigned first_number(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned)now.tv_sec * 1000000u + (unsigned)(now.tv_nsec / 1000);
}

static bool can_open(const struct runtime_row *row, const char *program)
{
	return program || (row->ops->listens && row->ops->listens());
}

static int runtime_open_one(const struct runtime_row *row, const char *instance, const struct runtime *common,
			    struct runtime **ret, struct error **err)
{
	struct runtime *runtime = mem_alloc(sizeof(*runtime));
	const char *program = row->ops->program ? row->ops->program : row->name;

	runtime->name = instance ? mem_printf("%s:%s", row->name, instance) : mem_strdup(row->name);
	runtime->space = instance ? mem_strdup(instance) : NULL;
	runtime->ops = row->ops;
	runtime->containers = row->ops->containers;
	runtime->loop = common->loop;
	runtime->state = common->state;
	runtime->layout = common->layout;
	runtime->logins = common->logins;
	runtime->owner = mem_strdup(common->owner);
	runtime->process = command_process();
	atomic_init(&runtime->names, first_number());
	runtime->images = keylock_new();
	pthread_mutex_init(&runtime->lock, NULL);
	pthread_cond_init(&runtime->imported, NULL);
	runtime->program = proc_find(program);
	if (!can_open(row, runtime->program)) {
		error_make(err, ERROR_TOOL, "%s is not installed", program);
		error_remedy(err, "install %s, or choose another runtime", program);
	} else if (row->ops->open(runtime, err) == 0) {
		*ret = runtime;
		return 0;
	}
	runtime_free(runtime);
	return -1;
}

/* The first that works. If none does, the error of the first one that is installed. */
static int runtime_open_best(const struct runtime *common, struct runtime **ret, struct error **err)
{
	cleanup_error struct error *first = NULL;

	for (size_t i = 0; i < ROWS; i++) {
		cleanup_free char *program = proc_find(rows[i].ops->program ? rows[i].ops->program : rows[i].name);
		struct error *error = NULL;

		if (!can_open(&rows[i], program))
			continue;
		if (runtime_open_one(&rows[i], NULL, common, ret, &error) == 0)
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
	error_remedy(err, "install podman (or docker, or containerd), or use --no-load --no-verify");
	return -1;
}

int runtime_open(const char *name, const char *owner, struct loop *loop, struct state *state, struct layout *layout,
		 struct logins *logins, struct runtime **ret, struct error **err)
{
	const struct runtime common = { .owner = (char *)owner,
					.loop = loop,
					.state = state,
					.layout = layout,
					.logins = logins };
	const struct runtime_row *row;
	const char *instance;

	if (!name)
		return runtime_open_best(&common, ret, err);
	row = runtime_named(name, &instance);
	if (!row)
		return error_make(err, ERROR_USAGE, "there is no runtime called \"%s\": the runtimes are " RUNTIME_LIST,
				  name);
	return runtime_open_one(row, instance, &common, ret, err);
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
	pthread_cond_destroy(&runtime->imported);
	pthread_mutex_destroy(&runtime->lock);
	free(runtime->name);
	free(runtime->space);
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
	return runtime->name;
}

bool runtime_resolves(const struct runtime *runtime)
{
	return runtime->ops->resolves;
}

const char *runtime_version(const struct runtime *runtime)
{
	return runtime->version;
}

const char *runtime_place(const struct runtime *runtime)
{
	return runtime->place;
}

bool runtime_is(const struct runtime *runtime, const char *engine)
{
	return text_same(runtime->socket, engine) || text_same(runtime->place, engine);
}

int runtime_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references, size_t len,
		 const struct output *output, char **ret_mark, struct error **err)
{
	const char *id = runtime_image_id(runtime, image);
	uint64_t since = clock_unix_ns();
	int r;

	keylock_take(runtime->images, id);
	r = runtime->ops->load(runtime, image, references, len, output, err);
	if (r == 0 && ret_mark)
		*ret_mark = runtime->ops->mark ? runtime->ops->mark(runtime, image, references, len, since) : NULL;
	keylock_give(runtime->images, id);
	if (r < 0)
		error_wrap(err, "cannot load %s into %s", len > 0 ? references[0] : image->identity, runtime->name);
	return r;
}

void runtime_present(const char *place, struct runtime_presence *items, size_t len, char **ret_seen)
{
	const struct runtime_ops *ops = find_runtime_at(place);
	cleanup_free char *seen = NULL;

	for (size_t i = 0; i < len; i++)
		items[i].held = false;
	if (ops && len > 0)
		ops->present(place, items, len, &seen);
	if (ret_seen)
		*ret_seen = steal_ptr(seen);
}

bool runtime_keeps_former(const char *name)
{
	const char *instance;
	const struct runtime_row *row = runtime_named(name, &instance);

	return row && row->ops->discard;
}

int runtime_discard(struct runtime *runtime, const struct runtime_former *former, bool dry, struct runtime_freed *ret,
		    struct error **err)
{
	struct runtime_freed freed = { 0 };

	if (former->len > 0 && runtime->ops->discard &&
	    runtime->ops->discard(runtime, former, dry, ret ? &freed : NULL, err) < 0)
		return -1;
	if (ret)
		*ret = freed;
	return 0;
}

char *runtime_place_prefix(const char *name)
{
	const char *instance;
	const struct runtime_row *row = runtime_named(name, &instance);

	if (!row)
		return NULL;
	return row->ops->prefix ? row->ops->prefix(instance) : mem_strdup(row->ops->place_prefix);
}
