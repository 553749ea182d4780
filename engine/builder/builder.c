#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/text.h"
#include "engine/builder/builder.h"
#include "engine/builder/ops.h"
#include "engine/oci/storage.h"

struct builder {
	const struct builder_ops *ops;
	void *self;
	struct builder_info info;
};

#define BUILDERS 2

/* Best first: what needs no daemon before what does. */
static const struct builder_ops *const builders[BUILDERS] = { &builder_buildah, &builder_docker };

const char *const *builder_names(void)
{
	static const char *const names[BUILDERS + 1] = { "buildah", "docker", NULL };

	return names;
}

static const struct builder_ops *find(const char *name)
{
	for (size_t i = 0; i < BUILDERS; i++)
		if (strcmp(builders[i]->name, name) == 0)
			return builders[i];
	return NULL;
}

static int open_one(const struct builder_ops *ops, struct loop *loop, struct state *state, struct layout *layout,
		    struct builder **ret, struct error **err)
{
	struct builder *builder = mem_alloc(sizeof(*builder));

	builder->ops = ops;
	builder->info.name = ops->name;
	if (ops->open(loop, state, layout, &builder->self, &builder->info, err) < 0) {
		free(builder);
		return -1;
	}
	*ret = builder;
	return 0;
}

/* The first one that can be used; a tool that is missing only means trying the next. */
static int open_best(struct loop *loop, struct state *state, struct layout *layout, struct builder **ret,
		     struct error **err)
{
	cleanup_buf struct buf why = { 0 };
	cleanup_free char *remedy = NULL;

	for (size_t i = 0; i < BUILDERS; i++) {
		cleanup_error struct error *error = NULL;

		if (open_one(builders[i], loop, state, layout, ret, &error) == 0)
			return 0;
		if (error->cls != ERROR_TOOL)
			return error_move(err, &error);
		buf_printf(&why, "\n%s: %s", builders[i]->name, error->message);
		if (!remedy)
			remedy = steal_ptr(error->remedy); /* of the builder that is wanted most */
	}
	error_make(err, ERROR_TOOL, "no builder can be used%s", why.data);
	error_remedy(err, "%s", remedy ? remedy : "install buildah and runc");
	return -1;
}

int builder_open(const char *name, struct loop *loop, struct state *state, struct layout *layout, struct builder **ret,
		 struct error **err)
{
	const struct builder_ops *ops;
	const char *near;

	if (!name)
		return open_best(loop, state, layout, ret, err);
	ops = find(name);
	if (ops)
		return open_one(ops, loop, state, layout, ret, err);
	error_make(err, ERROR_USAGE, "there is no builder called \"%s\"", name);
	near = text_nearest(name, builder_names(), BUILDERS);
	if (near)
		error_remedy(err, "did you mean \"%s\"?", near);
	else
		error_remedy(err, "the builders are: buildah, docker");
	return -1;
}

void builder_free(struct builder *builder)
{
	if (!builder)
		return;
	builder->ops->free(builder->self);
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

char *builder_known_place(const char *name, struct state *state)
{
	const struct builder_ops *ops = find(name);

	if (ops && !ops->known_place)
		return mem_strdup("");
	return ops ? ops->known_place(state) : NULL;
}
