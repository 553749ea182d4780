#include "config.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/builder/buildkit.h"
#include "engine/builder/csv.h"
#include "engine/io/proc.h"

void buildkit_add_output(const struct build_job *job, const char *path, struct argv *argv)
{
	cleanup_buf struct buf output = { 0 };

	csv_add_output(job, path, &output);
	argv_addf(argv, "--output=%s", output.data);
}

int buildkit_place(const char *store, const struct build_job *job, const struct build_image *image, char **ret,
		   struct error **err)
{
	switch (image->where) {
	case IMAGE_STORE:
		*ret = mem_printf("oci-layout://%s@%s", store, image->digest);
		return 0;
	case IMAGE_REMOTE:
		*ret = mem_printf("docker-image://%s", image->reference);
		return 0;
	case IMAGE_LOCAL:
		break;
	}
	return error_make(err, ERROR_INTERNAL, "%s: BuildKit has no storage of its own for %s", job->id, image->name);
}

int buildkit_add_images(const char *store, const struct build_job *job, const char *const *aliases, struct argv *argv,
			struct error **err)
{
	for (size_t i = 0; i < job->images_len; i++) {
		cleanup_free char *place = NULL;

		if (buildkit_place(store, job, &job->images[i], &place, err) < 0)
			return -1;
		argv_addf(argv, "--build-context=%s=%s", aliases[i], place);
	}
	return 0;
}
