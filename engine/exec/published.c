#include "config.h"

#include "engine/exec/published.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"

int published_stays(const struct published *published, const struct buf *text, struct error **err)
{
	cleanup_free struct layout_annotation *annotations =
		mem_array(published->annotations_len + 1, sizeof(*annotations));
	cleanup_json struct json *json = NULL;
	cleanup_buf struct buf own = { 0 };
	size_t len = 0;

	if (published->manifest->revision_every || json_parse(text->data, text->len, "an index", &json, NULL) < 0)
		return 0;
	/* The same index, with what that commit has said about itself, has the same bytes. */
	for (size_t i = 0; i < published->annotations_len; i++) {
		const char *key = published->annotations[i].key, *value = published->annotations[i].value;

		if (plan_annotation_stays(published->manifest, key))
			value = json_str(json_get(json, "annotations"), key);
		if (value)
			annotations[len++] = (struct layout_annotation){ key, value };
	}
	if (layout_index_text(published->layout, published->members, published->len, annotations, len, &own, err) < 0)
		return -1;
	return own.len == text->len && memcmp(own.data, text->data, own.len) == 0;
}

int published_write(const struct published *published, char ret_digest[DIGEST_LEN + 1], struct error **err)
{
	cleanup_free struct layout_annotation *annotations =
		mem_array(published->annotations_len + 1, sizeof(*annotations));

	for (size_t i = 0; i < published->annotations_len; i++)
		annotations[i] =
			(struct layout_annotation){ published->annotations[i].key, published->annotations[i].value };
	return layout_write_index(published->layout, published->members, published->len, annotations,
				  published->annotations_len, ret_digest, NULL, err);
}
