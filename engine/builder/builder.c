#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "dsl/drivers.h"
#include "engine/builder/builder.h"
#include "engine/builder/ops.h"
#include "engine/oci/storage.h"

struct builder {
	char *runtime; /* that belongs to it, or NULL */
	const struct builder_ops *ops;
	void *self;
	char *name;
	struct builder_info info;
};

/* A row of BUILDER_DRIVERS. */
struct driver_row {
	const char *name;
	const char *former; /* the name it had before, or NULL */
	const char *runtime;
	bool instances; /* there may be several of it, with names */
	const struct builder_ops *ops;
};

#define ROW(driver, instance, former, runtime, tls) \
	{ #driver, former, runtime, sizeof(instance) > 1, &builder_##driver },
static const struct driver_row drivers[] = { BUILDER_DRIVERS(ROW, ROW) };
#undef ROW
enum { DRIVERS = sizeof(drivers) / sizeof(drivers[0]) };

const char *const *builder_names(void)
{
	static const char *const names[] = { BUILDER_NAMES NULL };

	return names;
}

static bool is_builder_name(const char *builder, const char *name, size_t len)
{
	return builder && strlen(builder) == len && strncmp(builder, name, len) == 0;
}

/* The driver of "docker:fleet"; the instance after the colon, or NULL, in *ret_instance. */
static const struct driver_row *find_driver(const char *name, const char **ret_instance)
{
	size_t len = strcspn(name, ":");

	*ret_instance = name[len] ? name + len + 1 : NULL;
	for (size_t i = 0; i < DRIVERS; i++) {
		const struct driver_row *row = &drivers[i];

		if ((is_builder_name(row->name, name, len) || is_builder_name(row->former, name, len)) &&
		    (!*ret_instance || (row->instances && **ret_instance)))
			return row;
	}
	return NULL;
}

const char *builder_ability_name(unsigned bit)
{
	switch (bit) {
	case ABILITY_HEREDOC:
		return "here-documents";
	case ABILITY_CHECK:
		return "checks";
	case ABILITY_ATTEST:
		return "attestations";
	case ABILITY_PIN:
		return "locked URLs";
	case ABILITY_RIGHTS:
		return "entitlements";
	case ABILITY_GIT:
		return "ADD of git repositories";
	}
	return NULL;
}

const char *builder_hinted(void)
{
	static const struct {
		const char *variable, *builder;
	} hints[] = {
		{ "BUILDX_BUILDER", "docker" },
		{ "BUILDKIT_HOST", "buildkit" },
		{ "CONTAINERD_NAMESPACE", "nerdctl" },
		{ "DOCKER_HOST", "docker" },
	};

	for (size_t i = 0; i < sizeof(hints) / sizeof(*hints); i++) {
		const char *value = getenv(hints[i].variable);

		if (value && *value)
			return hints[i].builder;
	}
	return NULL;
}

static char *row_runtime(const struct driver_row *row, const char *instance)
{
	size_t len = row->runtime ? strcspn(row->runtime, ":") : 0;

	if (!row->runtime)
		return NULL;
	return row->runtime[len] && instance ? mem_printf("%s%s", row->runtime, instance)
					     : mem_strndup(row->runtime, len);
}

char *builder_runtime(const char *name)
{
	const char *instance;
	const struct driver_row *row = find_driver(name, &instance);

	return row ? row_runtime(row, instance) : NULL;
}

/* `name` NULL: named after the driver and the instance. */
static int open_called(const char *name, const struct driver_row *row, const struct builder_given *given,
		       struct builder **ret, struct error **err)
{
	struct builder *builder = mem_alloc(sizeof(*builder));

	builder->ops = row->ops;
	builder->name = name              ? mem_strdup(name)
			: given->instance ? mem_printf("%s:%s", row->name, given->instance)
					  : mem_strdup(row->name);
	builder->info.name = builder->name;
	builder->runtime = row_runtime(row, given->instance);
	builder->info.runtime = builder->runtime;
	builder->info.native_len = 1;
	if (row->ops->open(given, &builder->self, &builder->info, err) < 0) {
		free(builder->name);
		free(builder->runtime);
		free(builder);
		return -1;
	}
	builder->info.own_first = row->ops->own_first && builder->info.engine;
	*ret = builder;
	return 0;
}

/* Opens the first one that works; if a tool is missing, tries the next. */
static int open_best(const struct builder_given *given, struct builder **ret, struct error **err)
{
	cleanup_buf struct buf why = { 0 };
	cleanup_free char *remedy = NULL;

	for (size_t i = 0; i < DRIVERS; i++) {
		cleanup_error struct error *error = NULL;

		if (open_called(NULL, &drivers[i], given, ret, &error) == 0)
			return 0;
		if (error->cls != ERROR_TOOL)
			return error_move(err, &error);
		buf_printf(&why, "\n%s: %s", drivers[i].name, error->message);
		if (!remedy)
			remedy = steal_ptr(error->remedy); /* of the most preferred builder */
	}
	error_make(err, ERROR_TOOL, "no builder can be used%s", why.data);
	error_remedy(err, "%s", remedy ? remedy : "install buildah and runc");
	return -1;
}

static int no_such(const char *name, struct error **err)
{
	const char *near = text_nearest(name, builder_names(), DRIVERS);

	error_make(err, ERROR_USAGE, "there is no builder called \"%s\"", name);
	if (near)
		error_remedy(err, "did you mean \"%s\"?", near);
	else
		error_remedy(err, "the builders are " BUILDER_LIST);
	return -1;
}

int builder_open(const char *name, const struct builder_means *means, struct builder **ret, struct error **err)
{
	struct builder_given given = { .means = *means };
	const struct driver_row *row;

	if (!name)
		return open_best(&given, ret, err);
	row = find_driver(name, &given.instance);
	return row ? open_called(NULL, row, &given, ret, err) : no_such(name, err);
}

int builder_open_spec(const struct builder_spec *spec, const struct builder_means *means, struct builder **ret,
		      struct error **err)
{
	const struct builder_given given = {
		.instance = spec->addr,
		.ca = spec->ca,
		.cert = spec->cert,
		.key = spec->key,
		.means = *means,
	};
	const char *instance;
	const struct driver_row *row = find_driver(spec->driver, &instance);

	return row ? open_called(spec->name, row, &given, ret, err) : no_such(spec->driver, err);
}

int builder_answers(struct builder *builder, struct error **err)
{
	return builder->ops->answers ? builder->ops->answers(builder->self, err) : 0;
}

void builder_free(struct builder *builder)
{
	if (!builder)
		return;
	builder->ops->free(builder->self);
	free(builder->name);
	free(builder->runtime);
	free(builder);
}

const struct builder_info *builder_info(const struct builder *builder)
{
	return &builder->info;
}

void builder_build(struct builder *builder, const struct build_job *jobs, size_t len, build_done *done, void *data)
{
	builder->ops->build(builder->self, jobs, len, done, data);
}

int builder_check(struct builder *builder, const struct build_job *job, builder_found *found, void *data,
		  struct error **err)
{
	return builder->ops->check(builder->self, job, found, data, err);
}

char *builder_known_place(const char *name, struct state *state)
{
	const char *instance;
	const struct driver_row *row = find_driver(name, &instance);

	if (row && !row->ops->known_place)
		return mem_strdup("");
	return row ? row->ops->known_place(state) : NULL;
}

char *builder_known_engine(const char *name, struct state *state, bool *ret_own_first)
{
	const char *instance = NULL;
	const struct driver_row *row = name ? find_driver(name, &instance) : &drivers[0];

	*ret_own_first = row && row->ops->own_first;
	return row && row->ops->known_engine ? row->ops->known_engine(instance, state) : NULL;
}
