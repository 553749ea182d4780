#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "base/text.h"
#include "cli/pushed.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/state/state.h"

/* True when it was pushed to the repository that the image's name currently means. */
static bool same_repository(const struct record *record, const struct service *service)
{
	cleanup_json struct json *detail = NULL;
	cleanup_free char *name = NULL;
	const struct json *list;
	struct ref ref;

	if (!record->detail || json_parse(record->detail, strlen(record->detail), record->node, &detail, NULL) < 0 ||
	    !ref_parse(service->image.s, &ref, NULL))
		return false;
	name = mem_printf("%s/%s", ref.domain, ref.repository);
	ref_free(&ref);
	list = json_get(detail, "repositories");
	for (size_t i = 0; i < json_len(list); i++) {
		const char *repository = json_text(json_at(list, i));

		if (repository && strcmp(repository, name) == 0)
			return true;
	}
	return false;
}

/* ret stays NULL for a damaged record: then it is unknown what was pushed. */
static int read_members(struct session *session, const char *digest, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_error struct error *error = NULL;

	if (layout_read(session->layout, digest, &text, &error) < 0 ||
	    json_parse(text.data, text.len, digest, ret, &error) < 0)
		return error_unreadable(error) ? error_move(err, &error) : 0;
	return 0;
}

/* 1, 0, or negative when one cannot be read. */
static int same_members(struct session *session, const char *a, const char *b, struct error **err)
{
	cleanup_json struct json *one = NULL, *other = NULL;
	cleanup_buf struct buf first = { 0 }, second = { 0 };

	if (read_members(session, a, &one, err) < 0 || read_members(session, b, &other, err) < 0)
		return -1;
	if (!one || !other)
		return 0;
	if (!json_get(other, "manifests")) /* pushed without an index: its only image */
		return text_same(json_str(json_at(json_get(one, "manifests"), 0), "digest"), b);
	json_dump(json_get(one, "manifests"), JSON_CANONICAL, &first);
	json_dump(json_get(other, "manifests"), JSON_CANONICAL, &second);
	return first.len == second.len && memcmp(first.data, second.data, first.len) == 0;
}

int pushed_find(struct session *session, const struct service *service, const struct image_format *format,
		const char *index, struct record **ret, struct error **err)
{
	cleanup_free char *id = mem_printf("push:%s%s%s", manifest_maker(session->manifest, service), format ? ":" : "",
					   format ? format->name.s : "");
	cleanup_record struct record *record = NULL;
	int same;

	*ret = NULL;
	if (!session->layout)
		return 0;
	if (state_last(session->state, id, &record, err) < 0)
		return -1;
	if (!record || !record->digest || !layout_has(session->layout, record->digest, UINT64_MAX) ||
	    !same_repository(record, service))
		return layout_seen(session->layout, err);
	same = index ? same_members(session, index, record->digest, err) : 1;
	if (same > 0)
		*ret = steal_ptr(record);
	return same < 0 ? -1 : 0;
}
