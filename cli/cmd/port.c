#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cmd/commands.h"
#include "cli/cmd/running.h"
#include "cli/output.h"
#include "engine/runtime/runtime.h"

#define PORT_ALL_MAX 512 /* of one container that are looked at */

/* "8000", "53/udp"; NULL: every port. */
static bool port_matches(const struct container_port *port, const char *word)
{
	char *end = NULL;

	if (!word)
		return true;
	if (strtoul(word, &end, 10) != port->inner)
		return false;
	return strcmp(end, port->udp ? "/udp" : "/tcp") == 0 || (!*end && !port->udp);
}

static void port_add(const struct container_port *port, bool named, struct buf *out, struct json *list)
{
	struct json *object = json_new_object();
	bool six = strchr(port->host, ':') != NULL;

	json_set_str(object, "host", port->host);
	json_set_int(object, "published", port->outer);
	json_set_int(object, "target", port->inner);
	json_set_str(object, "protocol", port->udp ? "udp" : "tcp");
	json_append(list, object);
	if (!named)
		buf_printf(out, "%u%s -> ", port->inner, port->udp ? "/udp" : "");
	buf_printf(out, "%s%s%s:%u\n", six ? "[" : "", port->host, six ? "]" : "", port->outer);
}

static int port_show(struct running_all *running, const char *word, struct error **err)
{
	struct container_port ports[PORT_ALL_MAX];
	cleanup_json struct json *list = json_new_array();
	cleanup_buf struct buf out = { 0 };
	struct container *container;
	size_t len;

	if (running_one(running, &container, err) < 0)
		return -1;
	len = container_ports(container, ports, PORT_ALL_MAX);
	for (size_t i = 0; i < len; i++)
		if (port_matches(&ports[i], word))
			port_add(&ports[i], word != NULL, &out, list);
	if (word && json_len(list) == 0)
		return error_make(err, ERROR_HEALTH, "%s has no published port %s", running->session.targets[0], word);
	if (strcmp(running->options.format, "json") == 0)
		return output_list("ports", list, err);
	return output_data(out.data ? out.data : "", out.len, err);
}

int cmd_port(const struct options *options, struct error **err)
{
	struct running_all running;
	int r;

	if (options->targets_len < 1 || options->targets_len > 2)
		return error_make(err, ERROR_USAGE,
				  "`cbuild port` takes a service and a port of it: cbuild port web 8000");
	r = running_open(&running, options, 1, err);
	if (r == 0)
		r = port_show(&running, options->targets[1], err);
	running_close(&running);
	return r;
}
