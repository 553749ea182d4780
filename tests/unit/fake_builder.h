#ifndef TESTS_UNIT_FAKE_BUILDER_H
#define TESTS_UNIT_FAKE_BUILDER_H

/* The functions of engine/builder/builder.h that a run calls, for tests of engine/exec/ without builders. A builder is for
 * this machine's platform; what its driver is decides nothing. */

#include <pthread.h>

#include "base/platform.h"
#include "engine/builder/builder.h"
#include "tests/unit/world.h"

#define FAKE_JOBS 64 /* at most, in one test */

/* What the tests say of all of them, and what came. */
static struct {
	const char *silent; /* the name of one that does not answer: it fails */
	const char *broken; /* the name of one that cannot be opened */
	bool same;          /* an image is always the same, whatever it is built from */

	pthread_mutex_t lock;
	char jobs[FAKE_JOBS][64]; /* "builder id", as they were built */
	size_t len;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct builder {
	char *name;
	struct builder_info info;
	struct platform platform;
};

static bool is(const char *name, const char *other)
{
	return other && strcmp(name, other) == 0;
}

int builder_open_spec(const struct builder_spec *spec, const struct builder_means *means, struct builder **ret,
		      struct error **error)
{
	struct builder *builder;

	(void)means;
	if (is(spec->name, fake.broken))
		return error_make(error, ERROR_TOOL, "%s is broken", spec->name);
	builder = mem_alloc(sizeof(*builder));
	builder->name = mem_strdup(spec->name);
	platform_host(&builder->platform);
	builder->info = (struct builder_info){
		.name = builder->name,
		.version = "1",
		.platforms = &builder->platform,
		.platforms_len = 1,
		.native_len = 1,
	};
	*ret = builder;
	return 0;
}

int builder_open(const char *name, const struct builder_means *means, struct builder **ret, struct error **error)
{
	return builder_open_spec(&(struct builder_spec){ .name = name ? name : "any" }, means, ret, error);
}

void builder_free(struct builder *builder)
{
	if (!builder)
		return;
	free(builder->name);
	free(builder);
}

const struct builder_info *builder_info(const struct builder *builder)
{
	return &builder->info;
}

int builder_answers(struct builder *builder, struct error **error)
{
	return is(builder->name, fake.silent) ? error_make(error, ERROR_TOOL, "no answer") : 0;
}

void builder_build(struct builder *builder, const struct build_job *jobs, size_t len, build_done *done, void *data)
{
	for (size_t i = 0; i < len; i++) {
		struct build_result result = { 0 };

		if (is(builder->name, fake.silent)) {
			error_make(&result.error, ERROR_TOOL, "%s has gone", builder->name);
		} else {
			pthread_mutex_lock(&fake.lock);
			snprintf(fake.jobs[fake.len++ % FAKE_JOBS], sizeof(fake.jobs[0]), "%s %s", builder->name,
				 jobs[i].id);
			pthread_mutex_unlock(&fake.lock);
			snprintf(result.identity, sizeof(result.identity), "%s", fake.same ? jobs[i].id : jobs[i].key);
			snprintf(result.digest, sizeof(result.digest), "%s", result.identity);
			result.place = mem_strdup("store");
		}
		done(data, i, &result);
	}
}

/* How many were built: all, or by one builder. */
UNUSED static size_t fake_count(const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < fake.len; i++)
		count += !name || (strncmp(fake.jobs[i], name, strlen(name)) == 0 && fake.jobs[i][strlen(name)] == ' ');
	return count;
}

#endif
