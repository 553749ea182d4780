#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/ref.h"
#include "engine/io/loop.h"
#include "engine/io/proc.h"
#include "engine/io/socket.h"
#include "engine/oci/layout.h"
#include "engine/runtime/ctr.h"
#include "engine/runtime/runtime_ops.h"

#define IMPORT_TRIES 3 /* of an import that containerd itself has disturbed */
#define PREFIX "containerd:"
#define USUAL_SOCKET "/run/containerd/containerd.sock"
#define PRESENT_MS 5000 /* for ctr to list images */

/* Where and in which namespace ctr itself would look. */
static const char *address(void)
{
	const char *value = getenv("CONTAINERD_ADDRESS");

	return value && *value ? value : USUAL_SOCKET;
}

static const char *usual_space(void)
{
	const char *value = getenv("CONTAINERD_NAMESPACE");

	return value && *value ? value : "default";
}

static char *containerd_prefix(const char *instance)
{
	return mem_printf(PREFIX "%s@%s", instance ? instance : usual_space(), address());
}

/* From "Server:\n  Version:  1.7.24~ds1\n". */
static char *server_version(const char *text)
{
	const char *server = strstr(text, "Server:"), *at = server ? strstr(server, "Version:") : NULL;

	if (!at)
		return NULL;
	at += strlen("Version:");
	at += strspn(at, " ");
	return mem_strndup(at, strspn(at, "0123456789."));
}

static int containerd_open(struct runtime *runtime, struct error **err)
{
	cleanup_buf struct buf text = { 0 };

	if (!runtime->space)
		runtime->space = mem_strdup(usual_space());
	runtime->socket = mem_strdup(address());
	runtime->place = mem_printf(PREFIX "%s@%s", runtime->space, runtime->socket);
	if (!socket_listens(runtime->socket)) { /* ctr itself would wait for ten seconds */
		error_make(err, ERROR_TOOL, "containerd does not answer on %s", runtime->socket);
		error_remedy(err, geteuid() == 0 ? "start it: systemctl start containerd; or set CONTAINERD_ADDRESS"
						 : "its socket needs root; or set CONTAINERD_ADDRESS");
		return -1;
	}
	if (ctr_do(runtime, runtime->space, (const char *const[]){ "version", NULL }, CTR_ASKS, NULL, &text, err) < 0)
		return -1;
	runtime->version = server_version(text.data ? text.data : "");
	if (!runtime->version)
		return error_make(err, ERROR_TOOL, "ctr version does not say which containerd it is");
	runtime->manifests = true;
	runtime->bridged = true;
	runtime->local = true;
	return 0;
}

static int containerd_has(struct runtime *runtime, const char *id, bool *ret, struct error **err)
{
	cleanup_free char *name = NULL;

	if (ctr_image_named(runtime, id, &name, err) < 0)
		return -1;
	*ret = name != NULL;
	return 0;
}

/* containerd has collected a layer of an image that was removed or replaced just before, while it unpacked one on top of it. */
static bool collected(const struct error *error)
{
	return strstr(error->message, "parent snapshot ") && strstr(error->message, " does not exist");
}

/* Named in the tar, or else after its digest. */
static int ctr_import(struct runtime *runtime, const char *tar, bool named, const struct output *output,
		      struct error **err)
{
	const char *const named_args[] = { "images", "import", tar, NULL };
	const char *const guest_args[] = { "images", "import", "--digests", "--base-name=" CTR_GUEST, tar, NULL };

	for (unsigned tried = 1;; tried++) {
		struct error *error = NULL;

		if (ctr_do(runtime, runtime->space, named ? named_args : guest_args, CTR_MOVES, output, NULL, &error) == 0)
			return 0;
		if (tried == IMPORT_TRIES || !collected(error))
			return error_move(err, &error);
		error_free(error);
	}
}

static int containerd_take(struct runtime *runtime, const char *tar, const struct output *output, struct error **err)
{
	return ctr_import(runtime, tar, false, output, err);
}

static int load_tar(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
		    size_t len, const struct output *output, struct error **err)
{
	cleanup_free char *staging = NULL, *path = NULL;
	int r;

	if (!image->digest)
		return error_make(err, ERROR_TOOL, "%s does not have the image %s", runtime->name, image->identity);
	if (layout_staging(runtime->layout, &staging, err) < 0)
		return -1;
	path = path_join(staging, "image.tar");
	r = layout_export_tar(runtime->layout, image->digest, references, len, LAYOUT_TAR_WHOLE, path, err);
	if (r == 0)
		r = ctr_import(runtime, path, true, output, err);
	fs_remove_tree(staging, NULL);
	return r;
}

/* "docker.io/library/x:latest". */
static char *containerd_name(const char *reference)
{
	struct ref ref;
	char *name;

	if (!ref_parse(reference, &ref, NULL))
		return mem_strdup(reference);
	name = mem_printf("%s/%s:%s", ref.domain, ref.repository, ref.tag ? ref.tag : "latest");
	ref_free(&ref);
	return name;
}

static int containerd_load(struct runtime *runtime, const struct runtime_image *image, const char *const *references,
			   size_t len, const struct output *output, struct error **err)
{
	cleanup_free char *there = NULL;
	cleanup_argv struct argv args = { 0 };

	if (ctr_image_named(runtime, runtime_image_id(runtime, image), &there, err) < 0)
		return -1;
	if (!there)
		return len > 0 ? load_tar(runtime, image, references, len, output, err)
			       : runtime_import(runtime, image, NULL, 0, output, err);
	argv_add(&args, "images");
	argv_add(&args, "tag");
	argv_add(&args, "--force");
	argv_add(&args, there);
	for (size_t i = 0; i < len; i++) {
		cleanup_free char *name = containerd_name(references[i]);

		if (strcmp(name, there) != 0)
			argv_add(&args, name);
	}
	if (args.len == 4)
		return 0;
	return ctr_do(runtime, runtime->space, (const char *const *)args.items, CTR_ASKS, NULL, NULL, err);
}

/* A filter for each name with its digest, and what `images list` says to them: the names that are right. */
static int ask_names(const char *space, const char *socket, const struct runtime_presence *items, size_t len,
		     struct proc_result *ret)
{
	cleanup_argv struct argv argv = { 0 };
	cleanup_free char *program = proc_find("ctr");
	struct proc_spec spec = { .capture = true, .timeout_ms = PRESENT_MS };
	struct loop *loop = NULL;
	int r;

	if (!program || !socket_listens(socket) || loop_new(&loop, NULL) < 0)
		return -1;
	ctr_begin(&(struct runtime){ .program = program, .socket = (char *)socket }, space, &argv);
	argv_add(&argv, "images");
	argv_add(&argv, "list");
	argv_add(&argv, "--quiet");
	for (size_t i = 0; i < len; i++) {
		for (size_t j = 0; j < items[i].len; j++) {
			cleanup_free char *name = containerd_name(items[i].references[j]);
			cleanup_buf struct buf filter = { 0 };

			ctr_filter(&filter, "name", name);
			ctr_filter(&filter, "target.digest", items[i].image.digest);
			argv_add(&argv, filter.data);
		}
	}
	spec.argv = (const char *const *)argv.items;
	r = proc_run(loop, &spec, ret, NULL);
	loop_free(loop);
	return r < 0 || ret->status != 0 ? -1 : 0;
}

/* Whether it is a line of the text. */
static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);

	for (const char *at = text; (at = strstr(at, line)); at += len)
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
	return false;
}

static void containerd_present(const char *place, struct runtime_presence *items, size_t len, char **ret_seen)
{
	const char *at = strchr(place, '@');
	cleanup_free char *space = at ? mem_strndup(place + strlen(PREFIX), (size_t)(at - place) - strlen(PREFIX)) : NULL;
	cleanup_proc struct proc_result result = { 0 };

	(void)ret_seen;
	if (!at || ask_names(space, at + 1, items, len, &result) < 0)
		return;
	for (size_t i = 0; i < len; i++) {
		items[i].held = items[i].len > 0;
		for (size_t j = 0; j < items[i].len && items[i].held; j++) {
			cleanup_free char *name = containerd_name(items[i].references[j]);

			items[i].held = has_line(result.out->data ? result.out->data : "", name);
		}
	}
}

/* ctr is told all at once what podman and docker are by trying. */
static unsigned containerd_adapt(unsigned quirks, const char *text)
{
	(void)text;
	return quirks;
}

const struct runtime_ops runtime_containerd = {
	.program = "ctr",
	.containers = &container_ctr,
	.place_prefix = PREFIX,
	.prefix = containerd_prefix,
	.open = containerd_open,
	.load = containerd_load,
	.present = containerd_present,
	.has = containerd_has,
	.take = containerd_take,
	.adapt = containerd_adapt,
};
