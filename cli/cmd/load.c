#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/platform.h"
#include "cli/cmd/commands.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/session.h"
#include "cli/since.h"
#include "cli/targets.h"
#include "dsl/manifest.h"
#include "engine/oci/layout.h"
#include "engine/runtime/deliver.h"
#include "engine/state/state.h"

/* Loads the newest images into an engine. */

static int members_of(struct session *session, const char *digest, size_t *ret, struct error **err)
{
	cleanup_buf struct buf text = { 0 };
	cleanup_json struct json *index = NULL;

	if (layout_read(session->layout, digest, &text, err) < 0 ||
	    json_parse(text.data, text.len, digest, &index, err) < 0)
		return -1;
	*ret = json_len(json_get(index, "manifests"));
	return 0;
}

static int load_record(struct session *session, struct deliver *deliver, const struct record *record, struct error **err)
{
	cleanup_json struct json *detail = NULL;
	const struct json *references;
	cleanup_free const char **list = NULL;
	size_t members, len;

	if (json_parse(record->detail ? record->detail : "", record->detail ? strlen(record->detail) : 0, record->node,
		       &detail, err) < 0 ||
	    members_of(session, record->identity, &members, err) < 0)
		return -1;
	references = json_get(detail, "references");
	len = json_len(references);
	list = mem_array(len + 1, sizeof(*list));
	for (size_t i = 0; i < len; i++)
		list[i] = json_text(json_at(references, i));
	if (len == 0 || deliver_image(deliver, record->identity, list, len, err) < 0)
		return len == 0 ? error_make(err, ERROR_STATE, "%s: its record names no reference", record->node) : -1;
	if (session->options->quiet)
		return 0;
	if (members > 1 && !deliver_holds_all(deliver)) {
		struct platform host;
		char text[PLATFORM_TEXT];

		platform_host(&host);
		platform_text(&host, text);
		output_note("%s: %s of its %zu platforms, %s holds one", list[0], text, members, session->options->to);
	} else {
		output_note("%s is in %s", list[0], session->options->to);
	}
	return 0;
}

static int load_service(struct session *session, struct deliver *deliver, size_t service, struct error **err)
{
	const char *name = session->manifest->services[service].name.s;
	const char *maker = manifest_maker(session->manifest, &session->manifest->services[service]);
	const char *format = session->options->format;
	bool plain = strcmp(format, "oci") == 0;
	cleanup_free char *id = mem_printf("index:%s%s%s", maker, plain ? "" : ":", plain ? "" : format);
	cleanup_record struct record *record = NULL;

	if (state_last(session->state, id, &record, err) < 0)
		return -1;
	if (!record || !record->identity || !session->layout ||
	    !layout_has(session->layout, record->identity, UINT64_MAX)) {
		if (session->layout && layout_seen(session->layout, err) < 0)
			return -1;
		error_make(err, ERROR_BUILD, "%s has not been %s%s yet", name, plain ? "built" : "made as ",
			   plain ? "" : format);
		error_remedy(err, "cbuild --no-load %s%s%s", name, plain ? "" : ", with `formats` naming ",
			     plain ? "" : format);
		return -1;
	}
	return load_record(session, deliver, record, err);
}

static int load_all(struct session *session, struct error **err)
{
	struct deliver *deliver;
	int r = 0;

	if (session_write(session, err) < 0 || session_loop(session, err) < 0 ||
	    deliver_open(session->options->to, strcmp(session->options->format, "nydus") == 0, session->loop,
			 session->state, session->layout, &deliver, err) < 0)
		return -1;
	for (size_t i = 0; r == 0 && i < session->manifest->services_len; i++) {
		const struct service *service = &session->manifest->services[i];

		if (service->has_build && service->publish && targets_want(session, i))
			r = load_service(session, deliver, i, err);
	}
	deliver_free(deliver);
	return r;
}

int cmd_load(const struct options *options, struct error **err)
{
	struct session session;
	int r;

	if (!options->to) {
		error_make(err, ERROR_USAGE, "`cbuild load` needs --to");
		error_remedy(err, "--to=docker, podman, containerd, containerd:NAMESPACE (k8s.io) or kind:NAME");
		return -1;
	}
	r = session_open(&session, options, err);
	if (r == 0)
		r = since_targets(&session, err);
	if (r == 0)
		r = targets_check(&session, err);
	if (r == 0)
		r = load_all(&session, err);
	session_close(&session);
	return r;
}
