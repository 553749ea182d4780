#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/scan.h"
#include "engine/oci/storage.h"
#include "engine/oci/storage_index.h"

#define STORAGE_INDEX_MAX (64u << 20) /* bytes of images.json */
#define STORAGE_CONFIG_MAX (4u << 20) /* bytes of a config blob */

struct storage {
	struct map *dirs;  /* identity -> its driver's folder, `<root>/<driver>-images`; usually there is only one */
	struct map *names; /* full reference -> identity */
	struct arena *arena;
};

/* The folder of one driver's images. */
struct section {
	struct storage *storage;
	char *dir;
};

static void storage_add_image(void *data, const struct storage_image *image)
{
	const struct section *section = data;
	struct storage *storage = section->storage;
	char *identity;

	if (!image->whole || image->id_len != DIGEST_HEX)
		return;
	identity = arena_alloc(storage->arena, DIGEST_LEN + 1);
	memcpy(stpcpy(identity, "sha256:"), image->id, DIGEST_HEX);
	if (!digest_valid(identity))
		return;
	map_set(storage->dirs, identity, section->dir);
	for (size_t i = 0; i < image->names_len; i++)
		map_set(storage->names, arena_strndup(storage->arena, image->names[i].text, image->names[i].len),
			identity);
}

static int add_section(struct storage *storage, const char *root, const char *name, struct error **err)
{
	cleanup_free char *dir = path_join(root, name);
	cleanup_free char *path = path_join(dir, "images.json");
	cleanup_buf struct buf text = { 0 };
	struct section section = { .storage = storage, .dir = arena_strdup(storage->arena, dir) };
	bool found = false;

	if (fs_read_if(path, STORAGE_INDEX_MAX, &text, &found, err) < 0)
		return -1;
	return found ? storage_index_read(text.data ? text.data : "", text.len, path, storage_add_image, &section, err)
		     : 0;
}

static bool is_section(const char *name)
{
	static const char suffix[] = "-images";
	size_t len = strlen(name);

	return len > strlen(suffix) && strcmp(name + len - strlen(suffix), suffix) == 0;
}

static int storage_read_root(struct storage *storage, const char *root, struct error **err)
{
	struct dirent *entry;
	int status = 0;
	DIR *dir;

	dir = opendir(root);
	if (!dir) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return error_errno(err, ERROR_STATE, errno, "%s", root);
	}
	while (status == 0) {
		errno = 0;
		entry = readdir(dir);
		if (!entry)
			break;
		if (is_section(entry->d_name))
			status = add_section(storage, root, entry->d_name, err);
	}
	if (status == 0 && errno != 0)
		status = error_errno(err, ERROR_STATE, errno, "%s", root);
	closedir(dir);
	return status;
}

int storage_open(const char *root, struct storage **ret, struct error **err)
{
	struct storage *storage = mem_alloc(sizeof(*storage));

	storage->dirs = map_new();
	storage->names = map_new();
	storage->arena = arena_new();
	if (storage_read_root(storage, root, err) < 0) {
		storage_free(storage);
		return -1;
	}
	*ret = storage;
	return 0;
}

void storage_free(struct storage *storage)
{
	if (!storage)
		return;
	map_free(storage->dirs);
	map_free(storage->names);
	arena_free(storage->arena);
	free(storage);
}

void storage_cleanup(struct storage **storage)
{
	storage_free(*storage);
}

bool storage_has(const struct storage *storage, const char *identity)
{
	return map_get(storage->dirs, identity) != NULL;
}

/* The identity of the image called `domain`/`ref`. */
static const char *storage_find_in(const struct storage *storage, const char *domain, const struct ref *ref)
{
	cleanup_free char *name = NULL;

	if (ref->digest)
		name = mem_printf("%s/%s@%s", domain, ref->repository, ref->digest);
	else
		name = mem_printf("%s/%s:%s", domain, ref->repository, ref->tag ? ref->tag : "latest");
	return map_get(storage->names, name);
}

/*
 * podman stores full names only: names without a registry are below "localhost/", others were pulled or given in full.
 * This is also the order in which it searches.
 */
const char *storage_find(const struct storage *storage, const char *reference)
{
	static const char domain[] = "docker.io/", library[] = "library/";
	const char *identity = NULL;
	struct ref ref, local;

	if (!ref_parse(reference, &ref, NULL))
		return NULL;
	if (strcmp(ref.domain, "docker.io") == 0 && strncmp(reference, domain, strlen(domain)) != 0) {
		local = ref;
		if (strncmp(ref.repository, library, strlen(library)) == 0 &&
		    strncmp(reference, library, strlen(library)) != 0)
			local.repository += strlen(library);
		identity = storage_find_in(storage, "localhost", &local);
	}
	if (!identity)
		identity = storage_find_in(storage, ref.domain, &ref);
	ref_free(&ref);
	return identity;
}

bool storage_has_name(const struct storage *storage, const char *identity, const char *reference)
{
	const char *found = storage_find(storage, reference);

	return found && strcmp(found, identity) == 0;
}

/* containers-storage names the file of a "big data" item after its key; keys with characters other than digits and
 * lower-case letters are encoded as "=" and base64. */
static void big_data_name(const char *key, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(key);

	buf_char(out, '=');
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)(unsigned char)key[i] << 16;

		if (left > 1)
			bits |= (uint32_t)(unsigned char)key[i + 1] << 8;
		if (left > 2)
			bits |= (uint32_t)(unsigned char)key[i + 2];
		buf_char(out, digits[bits >> 18]);
		buf_char(out, digits[bits >> 12 & 63]);
		buf_char(out, left > 1 ? digits[bits >> 6 & 63] : '=');
		buf_char(out, left > 2 ? digits[bits & 63] : '=');
	}
}

int storage_config(const struct storage *storage, const char *identity, struct buf *ret, struct error **err)
{
	const char *dir = map_get(storage->dirs, identity);
	cleanup_buf struct buf path = { 0 }, data = { 0 };
	char actual[DIGEST_LEN + 1];

	if (!dir)
		return error_make(err, ERROR_STATE, "image %s is not in the storage", identity);
	buf_printf(&path, "%s/%s/", dir, digest_hex(identity));
	big_data_name(identity, &path);
	if (fs_read(path.data, STORAGE_CONFIG_MAX, &data, err) < 0)
		return -1;
	if (digest_bytes(data.data ? data.data : "", data.len, actual, err) < 0)
		return -1;
	if (strcmp(actual, identity) != 0)
		return error_make(err, ERROR_STATE, "%s: the config of image %s has another digest, %s", path.data,
				  identity, actual);
	buf_add(ret, data.data, data.len);
	return 0;
}
