#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/running.h"
#include "cli/output.h"
#include "engine/runtime/runtime.h"

#define PS_PORTS_MAX 512 /* of one container that are shown */

struct ps_row {
	const struct running_engine *engine;
	struct container *container;
	bool running;
	int status;
	struct container_port ports[PS_PORTS_MAX];
	size_t ports_len;
};

static int ps_row_read(const struct running_engine *engine, struct container *container, struct ps_row *ret,
		       struct error **err)
{
	ret->engine = engine;
	ret->container = container;
	ret->ports_len = container_ports(container, ret->ports, PS_PORTS_MAX);
	return container_state(container, &ret->running, &ret->status, err);
}

static void ps_add_text(const struct ps_row *row, int width, struct buf *out)
{
	const char *service = container_service(row->container);

	buf_printf(out, "%-*s  ", width, service ? service : "-");
	if (row->running)
		buf_str(out, "running   ");
	else
		buf_printf(out, "ended %-3d ", row->status);
	buf_printf(out, " %s", container_name(row->container));
	for (size_t i = 0; row->running && i < row->ports_len; i++) {
		const struct container_port *port = &row->ports[i];
		bool six = strchr(port->host, ':') != NULL;

		buf_printf(out, "%s%s%s%s:%u->%u%s", i ? ", " : "  ", six ? "[" : "", port->host, six ? "]" : "",
			   port->outer, port->inner, port->udp ? "/udp" : "");
	}
	buf_char(out, '\n');
}

static struct json *ps_json(const struct ps_row *row)
{
	struct json *object = json_new_object(), *ports = json_new_array();

	json_set_str(object, "service", container_service(row->container));
	json_set_str(object, "container", container_name(row->container));
	json_set_str(object, "image", container_image(row->container));
	json_set_str(object, "runtime", runtime_name(row->engine->runtime));
	json_set_str(object, "state", row->running ? "running" : "ended");
	if (!row->running)
		json_set_int(object, "status", row->status);
	for (size_t i = 0; row->running && i < row->ports_len; i++) {
		struct json *port = json_new_object();

		json_set_str(port, "host", row->ports[i].host);
		json_set_int(port, "published", row->ports[i].outer);
		json_set_int(port, "target", row->ports[i].inner);
		json_set_str(port, "protocol", row->ports[i].udp ? "udp" : "tcp");
		json_append(ports, port);
	}
	json_set(object, "ports", ports);
	return object;
}

static int ps_width(const struct running_all *running)
{
	int width = 1;

	for (size_t i = 0; i < running->len; i++) {
		for (size_t j = 0; j < running->engines[i].len; j++) {
			const char *service = container_service(running->engines[i].containers[j]);
			int len = service ? (int)strlen(service) : 0;

			width = len > width ? len : width;
		}
	}
	return width;
}

static int ps_show(const struct running_all *running, struct error **err)
{
	bool as_json = strcmp(running->options.format, "json") == 0;
	cleanup_json struct json *list = json_new_array();
	cleanup_buf struct buf out = { 0 };
	cleanup_free struct ps_row *row = mem_alloc(sizeof(*row));
	int width = ps_width(running);

	for (size_t i = 0; i < running->len; i++) {
		const struct running_engine *engine = &running->engines[i];

		for (size_t j = 0; j < engine->len; j++) {
			if (ps_row_read(engine, engine->containers[j], row, err) < 0)
				return -1;
			if (as_json)
				json_append(list, ps_json(row));
			else
				ps_add_text(row, width, &out);
		}
	}
	if (as_json)
		return output_list("containers", list, err);
	if (out.len == 0)
		output_note("nothing is up");
	return output_data(out.data ? out.data : "", out.len, err);
}

int cmd_ps(const struct options *options, struct error **err)
{
	struct running_all running;
	int r = running_open(&running, options, options->targets_len, err);

	if (r == 0)
		r = ps_show(&running, err);
	running_close(&running);
	return r;
}
