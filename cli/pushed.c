#include "config.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/ref.h"
#include "cli/pushed.h"
#include "cli/session.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/state/state.h"

/* It went to the repository that the image's name stands for. */
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

static struct json *read_members(struct session *session, const char *digest)
{
	cleanup_buf struct buf text = { 0 };
	struct json *index = NULL;

	/* What cannot be read was not pushed as far as anyone can tell. */
	if (layout_read(session->layout, digest, &text, NULL) < 0 ||
	    json_parse(text.data, text.len, digest, &index, NULL) < 0)
		return NULL;
	return index;
}

static bool same_members(struct session *session, const char *a, const char *b)
{
	cleanup_json struct json *one = read_members(session, a), *other = read_members(session, b);
	cleanup_buf struct buf first = { 0 }, second = { 0 };

	if (!one || !other)
		return false;
	json_dump(json_get(one, "manifests"), JSON_CANONICAL, &first);
	json_dump(json_get(other, "manifests"), JSON_CANONICAL, &second);
	return first.len == second.len && memcmp(first.data, second.data, first.len) == 0;
}

int pushed_find(struct session *session, const struct service *service, const struct image_format *format,
		const char *index, struct record **ret, struct error **err)
{
	cleanup_free char *id =
		mem_printf("push:%s%s%s", service->name.s, format ? ":" : "", format ? format->name.s : "");
	cleanup_record struct record *record = NULL;

	*ret = NULL;
	if (!session->layout)
		return 0;
	if (state_last(session->state, id, &record, err) < 0)
		return -1;
	if (!record || !record->digest || !layout_has(session->layout, record->digest, UINT64_MAX) ||
	    !same_repository(record, service) || (index && !same_members(session, index, record->digest)))
		return 0;
	*ret = steal_ptr(record);
	return 0;
}
