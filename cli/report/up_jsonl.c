#include "config.h"

#include "base/json.h"
#include "cli/report/jsonl.h"
#include "cli/report/up_jsonl.h"
#include "engine/up/up_run.h"

static const char *up_jsonl_name(enum up_kind kind)
{
	switch (kind) {
	case UP_STARTED:
	case UP_KEPT:
		return "service_start";
	case UP_HEALTHY:
		return "service_healthy";
	case UP_PORT:
		return "service_address";
	case UP_READY:
		return "services_ready";
	case UP_SYNCED:
		return "service_sync";
	case UP_LINE:
		return "service_line";
	case UP_ENDING:
		return "services_ending";
	case UP_ENDED:
		return "service_end";
	}
	return NULL;
}

static void up_jsonl_add_port(struct json *object, const struct container_port *port)
{
	json_set_str(object, "host", port->host);
	json_set_int(object, "published", port->outer);
	json_set_int(object, "target", port->inner);
	json_set_str(object, "protocol", port->udp ? "udp" : "tcp");
}

int up_jsonl_event(void *data, const struct up_event *event, struct error **err)
{
	cleanup_json struct json *object = jsonl_begin(up_jsonl_name(event->kind));

	(void)data;
	(void)err;
	json_set_str(object, "service", event->service);
	if (event->kind == UP_STARTED || event->kind == UP_KEPT)
		json_set_bool(object, "kept", event->kind == UP_KEPT);
	if (event->kind == UP_HEALTHY)
		json_set_int(object, "took_ms", (int64_t)event->took_ms);
	if (event->kind == UP_PORT)
		up_jsonl_add_port(object, &event->port);
	if (event->kind == UP_SYNCED) {
		json_set_int(object, "files", (int64_t)event->files);
		json_set_str(object, "file", event->text);
		json_set_bool(object, "restarts", event->restarts);
	}
	if (event->kind == UP_LINE)
		json_set(object, "text", jsonl_bytes(event->text, event->len));
	if (event->kind == UP_ENDED && event->status < 0)
		json_set_bool(object, "removed", true);
	else if (event->kind == UP_ENDED)
		json_set_int(object, "status", event->status);
	jsonl_print(object);
	return 0;
}
