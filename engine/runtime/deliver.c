#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/platform.h"
#include "engine/io/proc.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/oci/pick.h"
#include "engine/runtime/deliver.h"
#include "engine/runtime/runtime.h"

#define ASK_MS 20000 /* for a query; transferring images has no limit */

struct deliver {
	struct loop *loop;
	struct layout *layout;
	struct runtime *runtime; /* an engine, or NULL: */
	char *program;           /* ctr or kind */
	char *name;              /* of the namespace or cluster; NULL: the default */
	bool kind, packed;
};

/* The namespace after "containerd:", "" without one; NULL when `to` is something else. */
static const char *name_in(const char *to, const char *place)
{
	size_t len = strlen(place);

	if (strncmp(to, place, len) != 0 || (to[len] && to[len] != ':'))
		return NULL;
	return to[len] ? to + len + 1 : to + len;
}

static int find_program(struct deliver *deliver, const char *program, const char *package, struct error **err)
{
	deliver->program = proc_find(program);
	if (deliver->program)
		return 0;
	error_make(err, ERROR_TOOL, "%s is not installed", program);
	error_remedy(err, "%s", package);
	return -1;
}

static void deliver_begin(const struct deliver *deliver, struct argv *argv)
{
	argv_add(argv, deliver->program);
	if (!deliver->kind && deliver->name)
		argv_addf(argv, "--namespace=%s", deliver->name);
}

static int ask_containerd(const struct deliver *deliver, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec spec = { .capture = true, .timeout_ms = ASK_MS };

	deliver_begin(deliver, &argv);
	argv_add(&argv, "version");
	spec.argv = (const char *const *)argv.items;
	if (proc_check(deliver->loop, &spec, ERROR_TOOL, &result, err) == 0)
		return 0;
	error_remedy(err, "start it: systemctl start containerd; its socket needs root, or CONTAINERD_ADDRESS names "
			  "another one");
	return -1;
}

static int open_containerd(struct deliver *deliver, const char *name, struct error **err)
{
	deliver->name = *name ? mem_strdup(name) : NULL;
	if (find_program(deliver, "ctr", "apt-get install containerd", err) < 0)
		return -1;
	return ask_containerd(deliver, err);
}

static int open_kind(struct deliver *deliver, const char *name, struct error **err)
{
	deliver->kind = true;
	deliver->name = mem_strdup(*name ? name : "kind");
	return find_program(deliver, "kind", "install kind (kind.sigs.k8s.io)", err);
}

static int open_place(struct deliver *deliver, const char *to, struct state *state, struct error **err)
{
	const char *containerd = name_in(to, "containerd"), *kind = name_in(to, "kind");

	if (deliver->packed && !containerd) {
		error_make(err, ERROR_USAGE, "%s cannot run images in this format", to);
		error_remedy(err, "containerd can, with a snapshotter for it: --to=containerd:k8s.io");
		return -1;
	}
	if (strcmp(to, "docker") == 0 || strcmp(to, "podman") == 0)
		return runtime_open(to, "load", deliver->loop, state, deliver->layout, NULL, &deliver->runtime, err);
	if (containerd)
		return open_containerd(deliver, containerd, err);
	if (kind)
		return open_kind(deliver, kind, err);
	error_make(err, ERROR_USAGE, "images cannot be loaded into \"%s\"", to);
	error_remedy(err, "--to takes docker, podman, containerd, containerd:NAMESPACE (k8s.io) or kind:NAME");
	return -1;
}

int deliver_open(const char *to, bool packed, struct loop *loop, struct state *state, struct layout *layout,
		 struct deliver **ret, struct error **err)
{
	struct deliver *deliver = mem_alloc(sizeof(*deliver));

	deliver->loop = loop;
	deliver->packed = packed;
	deliver->layout = layout;
	if (open_place(deliver, to, state, err) < 0) {
		deliver_free(deliver);
		return -1;
	}
	*ret = deliver;
	return 0;
}

void deliver_free(struct deliver *deliver)
{
	if (!deliver)
		return;
	runtime_free(deliver->runtime);
	free(deliver->program);
	free(deliver->name);
	free(deliver);
}

bool deliver_holds_all(const struct deliver *deliver)
{
	return !deliver->runtime;
}

static int deliver_read_store(void *data, const char *digest, struct buf *ret, struct error **err)
{
	return layout_read(data, digest, ret, err);
}

/* Loads this machine's image of the index. */
static int into_engine(struct deliver *deliver, const char *digest, const char *const *references, size_t len,
		       struct error **err)
{
	cleanup_image struct image *image = NULL;
	cleanup_buf struct buf index = { 0 };
	struct descriptor picked = { 0 };
	struct platform host;

	platform_host(&host);
	if (layout_read(deliver->layout, digest, &index, err) < 0 ||
	    pick_image(index.data, index.len, references[0], &host, deliver_read_store, deliver->layout, &picked, NULL,
		       err) < 0)
		return -1;
	free(picked.media_type);
	if (image_read(deliver->layout, picked.digest, &image, err) < 0)
		return -1;
	return runtime_load(deliver->runtime,
			    &(struct runtime_image){ .identity = image->config.digest, .digest = picked.digest },
			    references, len, NULL, NULL, err);
}

static int run_import(const struct deliver *deliver, const char *tar, struct error **err)
{
	cleanup_proc struct proc_result result = { 0 };
	cleanup_argv struct argv argv = { 0 };
	struct proc_spec spec = { 0 };

	deliver_begin(deliver, &argv);
	if (deliver->kind) {
		argv_add(&argv, "load");
		argv_add(&argv, "image-archive");
		argv_add(&argv, tar);
		argv_addf(&argv, "--name=%s", deliver->name);
	} else {
		argv_add(&argv, "images");
		argv_add(&argv, "import");
		argv_add(&argv, "--all-platforms");
		if (deliver->packed)
			argv_add(&argv, "--no-unpack");
		argv_add(&argv, tar);
	}
	spec.argv = (const char *const *)argv.items;
	return proc_check(deliver->loop, &spec, ERROR_TOOL, &result, err);
}

/* Loads the whole index, as a tar. */
static int through_tar(struct deliver *deliver, const char *digest, const char *const *references, size_t len,
		       struct error **err)
{
	cleanup_free char *staging = NULL, *tar = NULL;
	int r;

	if (layout_staging(deliver->layout, &staging, err) < 0)
		return -1;
	tar = path_join(staging, "image.tar");
	r = layout_export_tar(deliver->layout, digest, references, len, LAYOUT_TAR_WHOLE, tar, err);
	if (r == 0)
		r = run_import(deliver, tar, err);
	if (fs_remove_tree(staging, r == 0 ? err : NULL) < 0)
		return -1;
	return r;
}

int deliver_image(struct deliver *deliver, const char *digest, const char *const *references, size_t len,
		  struct error **err)
{
	return deliver->runtime ? into_engine(deliver, digest, references, len, err)
				: through_tar(deliver, digest, references, len, err);
}
