#include "config.h"

#include "engine/exec/seen.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/xxh3.h"
#include "engine/runtime/runtime.h"

#define SEEN_MAX (1u << 20) /* bytes of the file; that is 30,000 images */

/* A line of the file: an image with its names. */
static void seen_line(const struct runtime_presence *item, char ret[HASH_HEX + 1])
{
	struct hasher *hasher cleanup_hasher = hasher_new();

	hasher_text(hasher, "identity", item->image.identity);
	hasher_text(hasher, "digest", item->image.digest);
	for (size_t i = 0; i < item->len; i++)
		hasher_text(hasher, "reference", item->references[i]);
	hash_hex(hasher_done(hasher), ret);
}

/* The first line is the place, the second one the mark. */
void seen_read(const char *path, const char *place, struct runtime_presence *items, size_t len, char **ret)
{
	cleanup_buf struct buf text = { 0 };
	size_t place_len = strlen(place);
	char *mark, *lines;
	bool found;

	*ret = NULL;
	if (fs_read_if(path, SEEN_MAX, &text, &found, NULL) < 0 || !found || text.len <= place_len ||
	    strncmp(text.data, place, place_len) != 0 || text.data[place_len] != '\n')
		return;
	mark = text.data + place_len + 1;
	lines = strchr(mark, '\n');
	if (!lines)
		return;
	*ret = mem_strndup(mark, (size_t)(lines - mark));
	for (size_t i = 0; i < len; i++) {
		char line[HASH_HEX + 1];

		seen_line(&items[i], line);
		items[i].seen = strstr(lines, line) ? *ret : NULL;
	}
}

void seen_write(const char *path, const char *place, const char *mark, const struct runtime_presence *items, size_t len)
{
	cleanup_buf struct buf text = { 0 };

	buf_printf(&text, "%s\n%s\n", place, mark);
	for (size_t i = 0; i < len; i++) {
		char line[HASH_HEX + 1];

		seen_line(&items[i], line);
		if (items[i].held)
			buf_printf(&text, "%s\n", line);
	}
	if (text.len <= SEEN_MAX)
		fs_replace(path, text.data, text.len, 0644, NULL);
}
