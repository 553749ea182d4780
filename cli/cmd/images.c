#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "cli/cmd/images.h"
#include "cli/cmd/images_format.h"
#include "cli/cmd/images_remote.h"
#include "cli/cmd/commands.h"
#include "cli/command.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pushed.h"
#include "cli/session.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "dsl/manifest.h"
#include "engine/oci/image.h"
#include "engine/oci/layout.h"
#include "engine/plan/plan.h"
#include "engine/state/state.h"

/* The newest results in the records, even if they are stale now. */
struct image_line {
	const struct service *service;
	const struct image_format *format; /* NULL: the plain image */
	struct record *index;
	struct record *pushed; /* the record of its push, or NULL */
	bool verified;         /* the checks of exactly this index passed */
};

/* True when any record says that the checks passed for this very index: the newest may be about other sources. */
static int find_verified(struct session *session, struct image_line *line, struct error **err)
{
	cleanup_free char *id = mem_printf("verify:%s", line->service->name.s);
	struct record *records = NULL;
	size_t len = 0;

	if (state_all_of(session->state, id, &records, &len, err) < 0)
		return -1;
	for (size_t i = 0; i < len && !line->verified; i++) {
		const char *text = records[i].detail;
		cleanup_json struct json *detail = NULL;
		const char *index;

		if (!text || json_parse(text, strlen(text), id, &detail, NULL) < 0)
			continue;
		index = json_str(detail, "index");
		line->verified = index && line->index->identity && strcmp(index, line->index->identity) == 0;
	}
	records_free(records, len);
	return 0;
}

/* Negative on error; 0 when the service has no image yet, 1 when `line` is filled in. */
static int find_line(struct session *session, const struct service *service, const struct image_format *format,
		     struct image_line *line, struct error **err)
{
	cleanup_free char *id = mem_printf("index:%s%s%s", manifest_maker(session->manifest, service),
					   format ? ":" : "", format ? format->name.s : "");

	*line = (struct image_line){ .service = service, .format = format };
	if (state_last(session->state, id, &line->index, err) < 0)
		return -1;
	if (!line->index || !line->index->digest || !session->layout ||
	    !layout_has(session->layout, line->index->digest, UINT64_MAX) ||
	    !layout_has(session->layout, line->index->identity, UINT64_MAX)) {
		record_free(line->index);
		return session->layout ? layout_seen(session->layout, err) : 0;
	}
	if ((!format && find_verified(session, line, err) < 0) ||
	    pushed_find(session, line->service, format, line->index->digest, &line->pushed, err) < 0) {
		record_free(line->index);
		return -1;
	}
	return 1;
}

/* The service's own first name, also where several services share the image; otherwise the first there is. */
static const char *reference_of(const struct json *references, const struct service *service)
{
	cleanup_free char *own = service->tags.len > 0 ? mem_printf("%s:%s", service->image.s, service->tags.items[0].s)
						       : NULL;
	const char *first = json_text(json_at(references, 0));

	for (size_t i = 0; own && i < json_len(references); i++)
		if (text_same(json_text(json_at(references, i)), own))
			return json_text(json_at(references, i));
	return first ? first : "";
}

/* The part after the colon of a tag; NULL when there is none. */
static const char *images_tag_of(const char *reference)
{
	const char *colon = strrchr(reference, ':');

	return colon && !strchr(colon, '/') ? colon + 1 : NULL;
}

/* The tags in the repository of the first reference; other repositories have references of their own. */
static struct json *tags_of(const struct json *references, const char *first)
{
	const char *first_tag = images_tag_of(first);
	size_t repository = first_tag ? (size_t)(first_tag - first) : strlen(first);
	struct json *tags = json_new_array();

	for (size_t i = 0; i < json_len(references); i++) {
		const char *reference = json_text(json_at(references, i));

		if (reference && first_tag && strncmp(reference, first, repository) == 0 &&
		    images_tag_of(reference) == reference + repository)
			json_append(tags, json_new_string(reference + repository));
	}
	return tags;
}

/* The images of an index without attestations, from the store. */
static int platforms_of(struct session *session, const char *digest, struct json **ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *index = NULL;
	struct json *list = json_new_array();
	const struct json *members;

	if (layout_read(session->layout, digest, &text, err) < 0 ||
	    json_parse(text.data, text.len, digest, &index, err) < 0) {
		json_free(list);
		return -1;
	}
	members = json_get(index, "manifests");
	for (size_t i = 0; i < json_len(members); i++) {
		const char *member = json_str(json_at(members, i), "digest");
		struct json *object = json_new_object();
		char platform[PLATFORM_TEXT];
		struct image *image;

		if (!member || image_read(session->layout, member, &image, err) < 0) {
			json_free(object);
			json_free(list);
			return -1;
		}
		platform_text(&image->platform, platform);
		json_set_str(object, "platform", platform);
		json_set_str(object, "digest", member);
		json_set_int(object, "size", (int64_t)image->size);
		json_append(list, object);
		image_free(image);
	}
	*ret = list;
	return 0;
}

static int line_json(struct session *session, const struct image_line *line, struct json **ret, struct error **err)
{
	cleanup_json struct json *detail = NULL;
	const struct json *references;
	struct json *object, *platforms;
	const char *first;

	if (!line->index->detail ||
	    json_parse(line->index->detail, strlen(line->index->detail), line->index->node, &detail, err) < 0 ||
	    platforms_of(session, line->index->identity, &platforms, err) < 0)
		return -1;
	references = json_get(detail, "references");
	object = json_new_object();
	json_set_str(object, "service", line->service->name.s);
	json_set_str(object, "format", line->format ? line->format->name.s : NULL);
	first = reference_of(references, line->service);
	json_set_str(object, "reference", first);
	json_set(object, "tags", tags_of(references, first));
	if (session->options->remote)
		json_set(object, "references", json_clone(references));
	json_set_str(object, "digest", line->index->digest);
	json_set_str(object, "pushed", line->pushed ? line->pushed->digest : NULL);
	json_set(object, "platforms", platforms);
	if (strcmp(line->index->identity, line->index->digest) != 0)
		json_set_bool(object, "attested", true);
	/* Checks are run on the plain image. */
	if (!line->format)
		json_set_bool(object, "verified", line->verified);
	*ret = object;
	return 0;
}

static int images_add_line(struct session *session, const struct service *service, const struct image_format *format,
			   struct json *list, struct error **err)
{
	struct image_line line;
	struct json *object;
	int r = find_line(session, service, format, &line, err);

	if (r <= 0)
		return r;
	r = line_json(session, &line, &object, err);
	if (r == 0)
		json_append(list, object);
	record_free(line.index);
	record_free(line.pushed);
	return r;
}

static int images_collect(struct session *session, struct json **ret, struct error **err)
{
	struct json *list = json_new_array();
	int r = 0;

	for (size_t i = 0; r == 0 && i < session->manifest->services_len; i++) {
		const struct service *service = &session->manifest->services[i];

		if (!service->publish || !targets_want(session, i))
			continue;
		r = images_add_line(session, service, NULL, list, err);
		for (size_t j = 0; r == 0 && j < service->formats_len; j++)
			r = images_add_line(session, service, &service->formats[j], list, err);
	}
	if (r < 0) {
		json_free(list);
		return -1;
	}
	*ret = list;
	return 0;
}

static const char *remark(const struct json *image)
{
	const char *format = json_str(image, "format");

	return format ? format : json_bool(image, "verified") ? "verified" : "not verified";
}

static void images_add_text(const struct json *list, struct buf *out)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const struct json *image = json_at(list, i);
		const struct json *platforms = json_get(image, "platforms"), *remote = json_get(image, "remote");

		buf_printf(out, "%s  %s  %s%s\n", json_str(image, "reference"), json_str(image, "digest"),
			   remark(image), json_bool(image, "attested") ? ", attested" : "");
		if (json_str(image, "pushed"))
			buf_printf(out, "  %-14s %s\n", "pushed as", json_str(image, "pushed"));
		for (size_t j = 0; j < json_len(platforms); j++) {
			const struct json *member = json_at(platforms, j);

			buf_printf(out, "  %-14s %s  ", json_str(member, "platform"), json_str(member, "digest"));
			text_size(out, (uint64_t)json_int(member, "size"));
			buf_char(out, '\n');
		}
		for (size_t j = 0; j < json_len(remote); j++)
			buf_printf(out, "  %-14s %s\n", json_str(json_at(remote, j), "state"),
				   json_str(json_at(remote, j), "reference"));
	}
}

static int images_print(const struct json *list, const char *format, struct error **err)
{
	cleanup_buf struct buf out = { 0 };

	if (strcmp(format, "json") == 0)
		return output_list("images", list, err);
	if (strcmp(format, "env") == 0) {
		images_env(list, &out);
	} else if (strcmp(format, "kustomize") == 0) {
		images_kustomize(list, &out);
	} else if (strcmp(format, "helm") == 0) {
		images_helm(list, &out);
	} else if (strcmp(format, "compose") == 0) {
		images_compose(list, &out);
	} else if (strcmp(format, "github") == 0) {
		if (images_github(list, &out, err) < 0)
			return -1;
	} else {
		images_add_text(list, &out);
	}
	return output_data(out.data, out.len, err);
}

int images_tell_github(struct session *session, struct error **err)
{
	const char *here = getenv("GITHUB_ACTIONS");
	cleanup_json struct json *list = NULL;
	cleanup_buf struct buf ignored = { 0 };

	if (!here || strcmp(here, "true") != 0 || !images_github_asked())
		return 0;
	return images_collect(session, &list, err) < 0 ? -1 : images_github(list, &ignored, err);
}

int cmd_images(const struct options *options, struct error **err)
{
	cleanup_json struct json *list = NULL;
	struct session session;
	int r = session_open(&session, options, err);

	if (r == 0)
		r = since_targets(&session, err);
	if (r == 0)
		r = targets_check(&session, err);
	if (r == 0)
		r = images_collect(&session, &list, err);
	if (r == 0 && options->remote)
		r = images_remote(&session, list, err);
	if (r == 0)
		r = images_print(list, options->format, err);
	session_close(&session);
	return r;
}
